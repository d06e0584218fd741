-- specbench report --html, --markdown and --csv.

local environment = require "sb.environment"
local fs = require "sb.fs"
local hostile = dofile(environment.home .. "/tests/browser/hostile.lua")
local html = require "specbench.page.html"
local json = require "specbench.base.json"
local page = require "specbench.page"
local program = require "specbench.base.program"
local schedule = require "specbench.page.schedule"
local series = require "specbench.page.series"
local store = require "specbench.results.store"
local study = require "specbench.analysis.study"
local world = dofile(environment.home .. "/tests/cli/world.lua")

local ROUND = [[
local bench = require "specbench"
local data = require "specbench.dataset"
return bench.round {
  name = "grid", title = "A grid",
  axes = {
    { "method", { "none", "draft" } }, { "k", { 1, 3 }, when = function(c) return c.method ~= "none" end },
    { "concurrency", { 1, 2, 64 } },
  },
  %s
  server = function(c)
    local draft = c.method == "draft" and "qwen2.5-0.5b" or nil
    return { model = "qwen2.5-7b", method = c.method, k = c.k, draft = draft }
  end,
  workload = function(c)
    return { prompts = assert(data.prompts { dataset = "random", tokens = 20, count = 8, seed = c.seed }),
      limits = function() return { max_tokens = 24 } end }
  end,
}
]]

-- Every element that a page has may have these attributes; others would be somebody else's.
local ATTRIBUTES = {
  "aria-label", "aria-live", "autocomplete", "charset", "class", "content", "cx", "cy", "d", "data-figure",
  "data-n", "data-palette", "data-span", "height", "hidden", "href", "http-equiv", "id", "lang", "name",
  "open", "preserveAspectRatio", "r", "role", "transform", "type", "value", "viewBox", "width", "x", "x1",
  "x2", "y", "y1", "y2",
}

local ELEMENTS = {
  "a", "aside", "b", "body", "br", "circle", "details", "div", "figcaption", "figure", "footer", "g", "h1",
  "h2", "h3", "head", "header", "html", "label", "li", "line", "main", "meta", "nav", "option", "p", "path",
  "pre", "rect", "script", "section", "select", "span", "style", "summary", "svg", "table", "tbody", "td",
  "text", "th", "thead", "title", "tr", "ul",
}

local function set(list)
  local found = {}
  for _, name in ipairs(list) do found[name] = true end
  return found
end

-- Reads the page as a browser does and returns how often each element begins, and the scripts' contents.
local function elements_of(text)
  local elements, attributes, counts, scripts = set(ELEMENTS), set(ATTRIBUTES), {}, {}
  assert.equal("<!DOCTYPE html>\n", text:sub(1, 16))
  local open, at = {}, 17
  while true do
    local left = text:find("[<>]", at)
    if not left then break end
    local name, rest, after = text:match("^<([%a][%w]*)([^<>]*)>()", left)
    if name then
      assert.truthy(elements[name], ("element %s"):format(name))
      counts[name] = (counts[name] or 0) + 1
      local is_void = rest:find "/$"
      local bare = rest:gsub("/$", ""):gsub('%s([%a-]+%d?)="([^"]*)"', function(attribute)
        assert.truthy(attributes[attribute], ("attribute %s of %s"):format(attribute, name))
        return ""
      end):gsub("%s(%a+)", function(attribute)
        assert.truthy(attributes[attribute], ("attribute %s of %s"):format(attribute, name))
        return ""
      end)
      assert.equal("", bare)
      if name == "script" or name == "style" then
        local close, past = text:find("</" .. name .. ">", after, true)
        if name == "script" then scripts[#scripts + 1] = { attributes = rest, code = text:sub(after, close - 1) } end
        after = past + 1
      elseif not is_void and name ~= "meta" and name ~= "br" then
        open[#open + 1] = name
      end
      at = after
    else
      local closed, past = text:match("^</([%a][%w]*)>()", left)
      assert.truthy(closed, ("a stray < or > at %q"):format(text:sub(left, left + 60)))
      assert.equal(open[#open], closed)
      open[#open] = nil
      at = past
    end
  end
  assert.equal(0, #open)
  return counts, scripts
end

describe("report --html", function()
  local w

  setup(function()
    w = world.new()
    w:write("grid.lua", ROUND:format 'baseline = { method = "none" },')
    w:write("alone.lua", ROUND:format "")
    assert.equal(0, w:run("run grid.lua --virtual --no-pictures --repeats 3 --slo ttft=500 --out results").status)
    assert.equal(0, w:run("run alone.lua --virtual --no-pictures --out alone").status)
  end)

  teardown(function() w:remove() end)

  it("writes one page that asks for nothing, and says where it is", function()
    local result = w:run "report results --no-pictures --html --markdown --csv"
    assert.equal(0, result.status, result.err)
    for _, name in ipairs { "report.html", "report.md", "cells.csv" } do
      assert.truthy(result.out:find("Page: results/" .. name .. "\n", 1, true), result.out)
    end
    local text = w:read "results/report.html"
    local counts, scripts = elements_of(text)
    assert.equal(1, counts.main)
    assert.truthy(text:find("default-src 'none'", 1, true) or text:find("default-src &#39;none&#39;", 1, true))
    for _, section in ipairs { "answer", "maps", "load", "figures", "pareto", "goodput", "intervals", "distributions",
      "requests", "provenance" } do
      assert.truthy(text:find(('<section id="%s">'):format(section), 1, true), section)
    end
    local data
    for _, script in ipairs(scripts) do
      if script.attributes:find('id="cells"', 1, true) then data = assert(json.decode(script.code)) end
    end
    assert.equal(9, #data.places)
    for i = 1, #data.places do assert.truthy(text:find(('<tr class="[%%a]*" ?data%%-n="%d"'):format(i))
      or text:find(('data-n="%d" id="p%d"'):format(i, i), 1, true), i) end
    assert.equal("method=draft k=3 concurrency=64", data.places[9].n)
    assert.equal(1, data.places[4].b) -- draft, k=1, alone: against plain decoding, alone
  end)

  it("says simulated once, large, and what of a cell is known only there", function()
    local text = w:read "results/report.html"
    assert.equal(1, select(2, text:gsub('<div class="banner">SIMULATED', "")))
    assert.truthy(text:find("TTFT within 500 ms", 1, true))
    -- options are never broken at their hyphens
    assert.truthy(text:find('<span class="option">--method</span> draft <span class="option">--k</span> 3', 1, true))
  end)

  it("has a scale of colours that reaches its largest ratio, and no marks of Markdown", function()
    local text = w:read "results/report.html"
    local scale, most = tonumber(text:match 'aria%-label="scale of colours".-</text><text[^>]*>([%d.]+)</text>'), 0
    local maps = text:match '<section id="maps">.-</section>'
    for ratio in maps:gmatch ' data%-n="%d+"[^>]*><title>[^<]*</title>.-<text[^>]*>(%d[%d.]*)' do
      most = math.max(most, tonumber(ratio), 1 / tonumber(ratio))
    end
    assert.truthy(most > 1 and scale >= math.min(most, 2.5) - 0.01, scale .. " < " .. most)
    assert.is_nil(text:find("The verdict rests on &#96;", 1, true))
    local how_sure = w:read("results/report.md"):match "\nHow sure: [^\n]+"
    assert.truthy(how_sure:find("95 % intervals \\[ \\] are typically +-", 1, true), how_sure)
  end)

  it("has room for a map's upright title beside a single row", function()
    w:write("row.lua", ROUND:format [[baseline = { method = "none" },
      report = { heatmap = { x = "k", y = "concurrency", y_title = "max concurrency", per = { "method" } } },]])
    assert.equal(0, w:run("run row.lua --virtual --no-pictures --set concurrency=2 --out row").status)
    assert.equal(0, w:run("report row --no-pictures --html").status)
    local seen = 0
    for map in w:read("row/report.html"):match('<section id="maps">.-</section>'):gmatch "<svg.-</svg>" do
      local middle, title = map:match 'translate%(10 ([%d.]+)%) rotate%(%-90%)"[^>]*>([^<]*)<'
      if title then
        local height, half = tonumber(map:match 'viewBox="0 0 [%d.]+ ([%d.]+)"'), #title * 6 / 2
        assert.truthy(middle - half >= 0 and middle + half <= height, map:sub(1, 200))
        seen = seen + 1
      end
    end
    assert.truthy(seen > 0)
  end)

  it("is the same byte for byte when it is written again", function()
    local before = w:read "results/report.html"
    assert.equal(0, w:run("report results --no-pictures --html").status)
    assert.equal(before, w:read "results/report.html")
  end)

  it("leaves out what draws each place where these are too many, and says where they are", function()
    local usual = page.most
    local _ <close> = setmetatable({}, { __close = function() page.most = usual end })
    local found = study.of(assert(store.open(w.folder .. "/results")))
    local function sections(most)
      page.most = most
      local text = page.html(found)
      elements_of(text)
      local has = {}
      for _, name in ipairs { "answer", "maps", "load", "figures", "pareto", "intervals" } do
        has[#has + 1] = text:find(('<section id="%s">'):format(name), 1, true) and name or nil
      end
      return table.concat(has, " "), text:match "<p>(%d+ places are more [^\n]-)</p>",
        text:find('<script type="application/json" id="cells">', 1, true) ~= nil
    end
    local all, note, has_details = sections(usual)
    assert.equal("answer maps load figures pareto intervals", all)
    assert.is_nil(note)
    assert.is_true(has_details)
    all, note, has_details = sections { each = 8, maps = 9 }
    assert.equal("answer maps", all)
    assert.truthy(note:find("9 places are more than a browser opens in a page of all sections. Left out: "
      .. "Speed-up against load, Figures, Throughput against latency, Intervals. specbench report ", 1, true), note)
    assert.is_true(has_details)
    all, note, has_details = sections { each = 8, maps = 8 }
    assert.equal("answer", all)
    assert.truthy(note:find("Left out: Where, Speed-up", 1, true), note)
    assert.is_false(has_details)
  end)

  it("has a page for a round without a baseline, and for one whose cells all failed", function()
    local result = w:run "report alone --no-pictures --html --csv"
    assert.equal(0, result.status, result.err)
    local text = w:read "alone/report.html"
    elements_of(text)
    assert.truthy(text:find('<section id="figures">', 1, true))
    assert.truthy(text:find('<section id="pareto">', 1, true))
    assert.truthy(text:find('<section id="loads">', 1, true))
    assert.falsy(text:find('<section id="maps">', 1, true))
    w:write("broken.lua", w.round())
    w:faults { "http500" }
    w:run "run broken.lua --models models.lua --speed 200 --no-rerun --no-pictures --out broken"
    w:faults {}
    result = w:run "report broken --no-pictures --html --markdown"
    assert.equal(3, result.status, result.err)
    text = w:read "broken/report.html"
    elements_of(text)
    assert.truthy(text:find("500", 1, true), result.out)
    assert.truthy(w:read "broken/report.md":find("Failed: 4 cells", 1, true), w:read "broken/report.md")
  end)

  it("draws single requests on the server's clock, as all figures are", function()
    assert.equal(0, w:run("run grid.lua --speed 100 --only method=none --only concurrency=1 --no-pictures --no-rerun "
      .. "--out fast").status)
    assert.equal(0, w:run("report fast --no-pictures --html").status)
    local cell = assert(json.decode((select(2, next(w:cells("cells", "fast"))))))
    local span = tonumber(w:read("fast/report.html"):match 'class="stretch" data%-span="([%d.]+)"')
    assert.near(1000 * cell.metrics.run_duration, span, 0.02 * span)
  end)

  it("has what a token costs in energy and, where a GPU hour has a price, in money", function()
    local result = w:run(("report '%s/rounds/results/shapes-vllm' --no-pictures --absolute --html --markdown --csv "
      .. "--price 3 --out priced"):format(environment.home))
    assert.equal(0, result.status, result.err)
    -- 199.2 tokens/s of one GPU at 3 an hour
    assert.truthy(result.out:find("\nllama%-3%-8b +1 +none +%- +%- +199%.2 [^\n]+ 2%.3 +4%.18\n"), result.out)
    local text = w:read "priced/report.html"
    assert.truthy(text:find("<th class=\"n\">J a token</th><th class=\"n\">price of 1M tokens</th>", 1, true))
    assert.truthy(text:find("<th class=\"n\">energy a token, ratio</th>", 1, true))
    assert.truthy(text:find("Price: 3 a GPU hour.", 1, true))
    local row = "| 8 % | 1.24 | 2.48 | 4.46 | 0.94 (0.93, 0.95) | 1.08 | no verdict, lossy |"
    assert.truthy(w:read "priced/report.md":find(row, 1, true))
    local head, lines = w:read "priced/cells.csv":match "^([^\r]+)\r\n(.*)"
    local names, found = {}, nil
    for name in (head .. ","):gmatch "([^,]*)," do names[#names + 1] = name end
    for line in lines:gmatch "[^\r\n]+" do
      local fields, i = {}, 0
      for field in (line .. ","):gmatch "([^,]*)," do
        i = i + 1
        fields[names[i]] = field
      end
      if fields.model == "llama-3-8b" and fields.axis_acceptance == "0.2" and fields.concurrency == "1" then
        found = fields
      end
    end
    assert.same({ "0.07856592516", "2.48061377", "4.464423172", "1.076807611", "", "" }, { found.acceptance,
      found.joules_per_token, found.price_per_million, found.energy_ratio, found.energy_ratio_low,
      found.energy_limited })
  end)

  it("shows another speed-up first where it is asked for", function()
    assert.equal(0, w:run("report results --no-pictures --html --figure decode --out decode").status)
    assert.truthy(w:read "decode/report.html":find('data-figure="decode"', 1, true))
    assert.truthy(w:read "results/report.html":find('data-figure="paired"', 1, true))
  end)

  it("draws speed-up against load as pictures too, where gnuplot is there", function()
    if not program.is_there "gnuplot" then
      assert.is_nil(os.getenv "CI", "gnuplot is needed for this test")
      io.stderr:write "SKIP: gnuplot is not installed\n"
      return
    end
    local result = w:run "report results"
    assert.equal(0, result.status, result.err)
    assert.truthy(result.out:find("results/pictures", 1, true), result.out)
    local svg = w:read "results/pictures/qwen2.5-7b_draft_lines.svg"
    for _, word in ipairs { "A grid, qwen2.5-7b draft (simulated)", "k=1", "k=3", "requests at once",
      "paired speed-up" } do
      assert.truthy(svg:find(word, 1, true), word)
    end
    assert.truthy(fs.stat(w.folder .. "/results/pictures/qwen2.5-7b_draft_lines.png"))
  end)

  it("shows hostile texts as text", function()
    local found = hostile.study(w.folder .. "/results")
    local text = page.html(found)
    local _, scripts = elements_of(text)
    local codes = 0
    for _, script in ipairs(scripts) do
      if script.attributes == "" then
        codes = codes + 1
      else
        assert.truthy(json.decode(script.code), script.attributes)
      end
    end
    assert.truthy(codes <= 2) -- the page's own and the library
    assert.falsy(text:find "[\0-\8\11-\31\127]")
    assert.falsy(text:find("\u{202e}", 1, true))
    assert.truthy(utf8.len(text))
    assert.truthy(text:find("&lt;script&gt;window.pwned = 1&lt;/script&gt;", 1, true))
    local out = w.folder .. "/hostile"
    found.store.out = out
    page.write(found, { markdown = true, csv = true })
    local markdown = assert(fs.read(out .. "/report.md"))
    local outside = markdown:gsub("````.-````", "") -- a text has three, so the fence has four
    assert.falsy(outside:find "\n# head")
    assert.falsy(outside:find "[^\\]<script")
    local csv = assert(fs.read(out .. "/cells.csv"))
    for field in (csv:gsub('""', "''")):gmatch '[^,\r\n]+' do assert.falsy(field:find '^"?=', field) end
  end)

  it("lays nothing but text into markup", function()
    assert.equal('<td class="a &lt;&quot;&#39;&gt;">&lt;b&gt; &amp; &#39;?&#39;</td>',
      html.el("td", { class = "a <\"'>" }, "<b> & '\0'").text)
    assert.has_error(function() html.el("td", { onclick = "x" }) end)
    assert.has_error(function() html.el("td", { style = "x" }) end)
    assert.has_error(function() html.el("a", { href = "javascript:x" }) end)
    assert.has_error(function() html.el("a b", nil) end)
    assert.equal('<script type="application/json" id="a">{"x": "\\u003c/script\\u003e"}</script>',
      html.data({ id = "a" }, { x = "</script>" }).text)
  end)
end)

describe("compare --html", function()
  it("writes a page of ratios with their intervals", function()
    local w <close> = setmetatable({ world = world.new() }, { __close = function(self) self.world:remove() end })
    w.world:write("grid.lua", ROUND:format 'baseline = { method = "none" },')
    for i, seed in ipairs { 1, 2 } do
      local line = ("run grid.lua --virtual --no-pictures --repeats 3 --seed %d --out %d"):format(seed, i)
      assert.equal(0, w.world:run(line).status)
    end
    local result = w.world:run "compare 1 2 --html compared.html"
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("Page: compared.html", 1, true))
    local text = w.world:read "compared.html"
    elements_of(text)
    assert.truthy(text:find("B: 2 (results)", 1, true))
    assert.truthy(text:find("<td>TTFT (a time)</td>", 1, true))
    local whiskers = select(2, text:gsub('class="whisker"', ""))
    assert.equal(9 * 4, whiskers)
    assert.equal(9, select(2, text:gsub("<td>3, 3</td>", "")))
  end)
end)

describe("a schedule", function()
  it("has for a batch size between two loads what was seen at the larger one, and no speculation beyond", function()
    local ranges = schedule.ranges({ { load = 1, k = 5 }, { load = 4, k = 3 }, { load = 8, k = 3 }, { load = 16 },
      { load = 32, k = 1 } }, 64)
    assert.same({ { 1, 1, 5 }, { 2, 8, 3 }, { 9, 16, 0 }, { 17, 32, 1 }, { 33, 64, 0 } }, ranges)
  end)

  it("ends where the server's batches end", function()
    assert.same({ { 1, 6, 2 } }, schedule.ranges({ { load = 8, k = 2 } }, 6))
    assert.same({ { 1, 8, 0 } }, schedule.ranges({ { load = 2 }, { load = 4 } }, 8))
  end)

  it("quotes a command line for a shell", function()
    assert.equal("a --b '{\"c\": 1}' 'it'\\''s' --port {port} '{a,b}' ''",
      schedule.command { "a", "--b", '{"c": 1}', "it's", "--port", "{port}", "{a,b}", "" })
    assert.is_nil(schedule.command {})
  end)
end)

describe("points of a series", function()
  it("are capped, with the first and the last among them", function()
    local points = {}
    for i = 1, 5000 do points[i] = i end
    local shown = series.capped(points)
    assert.equal(series.MOST_POINTS, #shown)
    assert.equal(1, shown[1])
    assert.equal(5000, shown[#shown])
    assert.equal(3, #series.capped({ 1, 2, 3 }))
  end)
end)
