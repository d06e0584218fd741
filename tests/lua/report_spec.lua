-- What a report says beside its numbers, from cells whose figures are set by hand.

local failures = require "specbench.analysis.failures"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local report = require "specbench.report"
local settings_table = require "specbench.report.settings_table"
local speedup = require "specbench.analysis.speedup"
local store = require "specbench.results.store"
local verdict = require "specbench.analysis.verdict"
local has = dofile(require("sb.environment").home .. "/tests/lua/has.lua")

local axes = {
  { name = "model", values = { "big", "small" } }, { name = "method", values = { "none", "draft" } },
  { name = "task", values = { "polish" } }, { name = "context", values = { "0.25k", "0.5k" } },
  { name = "concurrency", values = { 1 } },
}
local layout = { x = "context", y = "concurrency", per = { "model", "task" }, label_title = "prompt + answer" }

local published = { big = "9B", small = "1B" } -- the reference's name of a model
local label = { ["0.25k"] = "0.5k", ["0.5k"] = "1k" }

local function key_of(at)
  return table.concat({ at.model, at.method, at.context, 1 }, "\31")
end

local function cell_of(at, fields)
  local plain = { model = at.model, method = "none", context = at.context }
  local cell = {
    id = key_of(at):gsub("\31", "-"), key = key_of(at), baseline = key_of(plain), repetition = 1,
    started = fields.started or "2026",
    status = "ok", clock_scale = 1, input_tokens = 100, date = "d", coordinates = at,
    engine = { name = fields.engine or "vllm" }, machine = fields.machine,
    identity = {
      engine = fields.engine or "vllm", server = { model = { name = at.model, path = at.model }, method = at.method },
      workload = { concurrency = 1, prompts = "p" },
    },
    metrics = { duration = at.method == "none" and 2 or 1, total_output_tokens = 100, requests = 12, completed = 12,
      drain = fields.drain or false, steady_share = 0.2, request_goodput = fields.goodput },
    quick = fields.quick, lossy = fields.lossy, slo = fields.goodput and { ttft = 0.5 } or nil,
    reference = { method = published[at.model] .. (at.method == "none" and "-nospec" or ""), folder = "THUCNews",
      task = "THUCNews", subtask = "s", num_spec_tokens = 3, context = at.context,
      labels = { context = label[at.context] } },
  }
  at.task, at.concurrency = "polish", 1
  return cell
end

local folder

before_each(function()
  folder = os.tmpname()
  os.remove(folder)
end)
after_each(function() fs.remove(folder) end)

-- Cells of both models and contexts, with and without draft; fields_of(model, method, context) -> fields.
local function fill(fields_of)
  local s = assert(store.create(folder, { round = "r", title = "R", axes = axes,
    report = { heatmap = layout, maximum_keys = { "context" } } }))
  for _, model in ipairs { "big", "small" } do
    for _, method in ipairs { "none", "draft" } do
      for _, context in ipairs { "0.25k", "0.5k" } do
        local fields = fields_of(model, method, context)
        if fields then
          assert(s:write(cell_of({ model = model, method = method, context = context }, fields)))
        end
      end
    end
  end
  return s
end

local function printed_by(s, options)
  local out <close> = assert(io.tmpfile())
  local ok = report.write(s, { full = not (options and options.screen), out = out,
    pictures = options and options.pictures or false })
  out:seek "set"
  return out:read "a", ok
end

-- The text of a picture, its lines joined.
local function words_of(svg)
  local list = {}
  for text in svg:gmatch "<text>(.-)</text>" do list[#list + 1] = text:gsub("&[^;]*;", "'") end
  return table.concat(list, " ")
end

describe("a report of simulated cells", function()
  it("says so map by map, where a folder holds cells of several engines", function()
    local s <close> = fill(function(model) return { engine = model == "big" and "vllm" or "sim" } end)
    local text = printed_by(s)
    has(text, "R, big polish\n", "R, small polish (simulated)\n",
      "Speed-ups against the baseline (partly simulated: 2 of 4 cells)", "sim (simulated)",
      "Note: 4 of 8 cells: simulated servers", "Largest speed-ups (partly simulated: 1 of 2 cells)")
    has(text:match "Largest speed%-ups.*", "sim (simulated)")
  end)

  it("says within a map which of its numbers are", function()
    local s <close> = fill(function(_, _, context) return { engine = context == "0.5k" and "sim" or "vllm" } end)
    local text = printed_by(s)
    has(text, "R, big polish (partly simulated: 1 of 2 cells)", "2.00a", "a  simulated\n")
  end)

  it("tells what a picture sent on must carry", function()
    local s <close> = fill(function(_, method, context)
      return { engine = "sim", quick = context == "0.5k", drain = method == "none" and context == "0.5k",
        started = "20250103-120000", machine = { cpu = "Z80", cpus = 1 } }
    end)
    printed_by(s, { pictures = true })
    local svg = assert(fs.read(folder .. "/pictures/big_polish_heatmap.svg"))
    has(words_of(svg), "SIMULATED, no GPU · sim · Z80, 1 CPUs · 2025-01-03 · 12 prompts a cell · one run · "
      .. "partly a quick run · not `paired`: the requests' records are missing", "2.00\u{2009}*",
      "* mostly ramp-up and drain", "speed-up (total token throughput)")
    assert.equal(1, select(2, svg:gsub("2%.00\u{2009}%*", "")))
  end)

  it("sorts what stands on its axes by value, in whatever order the round has it", function()
    local s <close> = fill(function() return {} end)
    s.about.axes[4].values = { "0.5k", "0.25k" }
    assert.truthy(printed_by(s):find "0%.25k %(0%.5k%)%s+0%.5k %(1k%)")
  end)
end)

describe("a report", function()
  it("names coordinates as the round spells them, and as the reference does in its files", function()
    local s <close> = fill(function() return {} end)
    local text = printed_by(s)
    has(text, "R, big polish\n", "0.25k (0.5k)", "context (prompt + answer)")
    local maxima = text:match "Largest speed%-ups.-\n(.-)\n\n"
    has(maxima, "model", "big", "small", "0.25k")
    for _, word in ipairs { "9B", "THUCNews" } do assert.is_nil(text:gsub("Results: .*", ""):find(word, 1, true)) end
    local row = json.decode(fs.read(folder .. "/auto_test_results/online/max_speedup.jsonl"):match "[^\n]+")
    assert.equal("9B", row.method)
    assert.equal("THUCNews", row.task)
    assert.is_nil(row.cell)
  end)

  it("marks speed-ups that other answers paid for", function()
    local s <close> = fill(function(model, method)
      return { lossy = model == "big" and method == "draft" and "fly accepts more" or nil }
    end)
    local text = printed_by(s, { pictures = true })
    has(text, "Note: 2 of 8 cells: lossy, their speed-ups are not those of a lossless method: fly accepts more",
      "lossy: fly accepts more\n") -- a remark of the map
    local table_text = text:match "Speed%-ups against.-\n\n"
    assert.equal(2, select(2, table_text:gsub("%(lossy%)", "")))
    assert.equal(1, select(2, text:match("Largest speed%-ups.*"):gsub("2%.00 %(lossy%)", "")))
    has(fs.read(folder .. "/speedups.jsonl"), '"lossy": "fly accepts more"')
    local svg = assert(fs.read(folder .. "/pictures/big_polish_heatmap.svg"))
    has(words_of(svg), "2.00\u{2009}~", "~ lossy: answers may not be the target's")
    svg = assert(fs.read(folder .. "/pictures/small_polish_heatmap.svg"))
    assert.is_nil(svg:find("~", 1, true))
  end)

  it("shows goodput where objectives were set", function()
    local s <close> = fill(function(_, method) return { goodput = method == "none" and 2 or 3 } end)
    has(printed_by(s), "goodput", "1.50 (2 -> 3)")
    local row = json.decode(fs.read(folder .. "/speedups.jsonl"):match "[^\n]+")
    assert.equal(1.5, row.goodput.ratio)
    assert.same({ ttft = 0.5 }, row.goodput.slo)
  end)

  it("has no goodput where none were set", function()
    local s <close> = fill(function() return {} end)
    assert.is_nil(printed_by(s):find("goodput", 1, true))
  end)

  it("promises only what is there", function()
    local s <close> = fill(function(_, method) return method == "none" and {} or nil end)
    local text = printed_by(s)
    has(text, "every request's timeline in cells")
    assert.is_nil(text:find("speedups.jsonl", 1, true))
    assert.is_nil(fs.stat(folder .. "/speedups.jsonl"))
  end)

  it("counts failed cells by cause, the last attempt of each", function()
    local s <close> = fill(function(model) return model == "big" and {} or nil end)
    for attempt, trouble in ipairs { "at first", "port 80 is taken", "port 81 is taken" } do
      local cell = cell_of({ model = "small", method = attempt < 3 and "none" or "draft", context = "0.5k" }, {})
      cell.status, cell.error = "failed", trouble
      assert(s:write(cell))
    end
    local done = cell_of({ model = "big", method = "none", context = "0.5k" }, {})
    done.status, done.error = "failed", "measured since"
    assert(s:write(done))
    local text, ok = printed_by(s)
    assert.is_true(ok)
    has(text, "Failed: 2 cells (port 80 is taken)")
    for _, word in ipairs { "at first", "measured since" } do assert.is_nil(text:find(word, 1, true)) end
  end)

  it("without a finished cell is no success where all failed", function()
    local s <close> = fill(function() return nil end)
    local text, ok = printed_by(s)
    assert.is_true(ok)
    has(text, "no finished cell yet")
    local cell = cell_of({ model = "small", method = "none", context = "0.5k" }, {})
    cell.status, cell.error = "failed", "no server"
    assert(s:write(cell))
    text, ok = printed_by(s)
    assert.is_false(ok)
    has(text, "Failed: 1 cell (no server)")
    assert.equal("", failures.text {})
  end)
end)

describe("the first screen", function()
  local function screen(fields_of)
    local s <close> = fill(fields_of)
    local text, ok = printed_by(s, { screen = true })
    assert.truthy(select(2, text:gsub("\n", "")) <= 30, text)
    return text, ok
  end

  it("of one repeat without records judges nothing, and says by what it shows ratios", function()
    local text = screen(function() return {} end)
    has(text, "8 cells, 1 repeat each, none failed", "by ratio of total token throughputs, for the requests' "
      .. "records are missing\n", "big draft: not judged: 2.00x alone", "^ above 1 (not judged)",
      "the marks of one load stand for context 0.25k, 0.5k",
      "how sure  4 without a verdict\n",
      "no verdict below 3 repeats: add --repeats 3", "next      specbench report " .. folder .. " --full")
    assert.is_nil(text:find("yes", 1, true))
  end)

  it("of cells without a baseline has their figures", function()
    local text = screen(function(_, method) return method == "none" and {} or nil end)
    has(text, "measured  4 cells", "model  context\n", "big    0.25k\n",
      "p50/p99, means of the repeats' own; ITL by token")
    assert.is_nil(text:find("it pays?", 1, true))
  end)

  it("of a folder in which everything failed has the causes, and is no success", function()
    local s <close> = fill(function() return nil end)
    local cell = cell_of({ model = "small", method = "none", context = "0.5k" }, {})
    cell.status, cell.error = "failed", "no server"
    assert(s:write(cell))
    local text, ok = printed_by(s, { screen = true })
    assert.is_false(ok)
    has(text, "measured  nothing: 1 cell FAILED", "failed    1 cell: no server",
      "try       1 cell failed: mend the cause, then")
  end)

  it("says once, large, what is simulated, and of a part how much of it", function()
    local text = screen(function() return { engine = "sim" } end)
    has(text, "R   SIMULATED: no GPU was measured\n", "note      simulated: what a profile says")
    fs.remove(folder)
    text = screen(function(model) return { engine = model == "big" and "sim" or "vllm" } end)
    has(text, "R   4 of 8 cells SIMULATED", "note      4 of 8 cells: simulated")
  end)

  it("says that a server was somebody else's", function()
    has(screen(function() return { engine = "external:vllm" } end), "external:vllm was started by somebody else")
  end)

  it("marks ramp-up, and does not take it for an answer", function()
    local text = screen(function(_, method) return { drain = method == "none" } end)
    has(text, "big draft    **", "* ramp-up", "4 places mostly measured ramp-up and drain: more prompts")
  end)
end)

describe("an interval's text", function()
  it("tells on which side of 1 a bound lies", function()
    assert.equal("1.02 [1.003, 1.04]", verdict.text { ratio = 1.02, low = 1.003, high = 1.04, kind = "repeats" })
    assert.equal("0.97 (0.95, 0.998)", verdict.text { ratio = 0.97, low = 0.95, high = 0.998 })
  end)
end)

describe("lines of settings", function()
  local function sorted(names)
    local list = {}
    for i, name in ipairs(names) do list[i] = { name = name } end
    for i, item in ipairs(keys.by_number(list, "name")) do names[i] = item.name end
    return names
  end

  it("stand in the order of their numbers, and where they differ in more, as they came", function()
    assert.same({ "k=2", "k=4", "k=10" }, sorted { "k=10", "k=2", "k=4" })
    assert.same({ "k=2 lookup=3", "k=2 lookup=12", "k=4 lookup=1" },
      sorted { "k=4 lookup=1", "k=2 lookup=12", "k=2 lookup=3" })
    assert.same({ "context=0.25k", "context=0.5k" }, sorted { "context=0.5k", "context=0.25k" })
    assert.same({ "none", "k=3", "k=1" }, sorted { "none", "k=3", "k=1" })
  end)
end)

describe("the grid's order", function()
  it("is that of the values, also where the round writes 1.0 and a cell has 1", function()
    local cells = {}
    for i, rate in ipairs { 2, 0.5, 1 } do
      cells[i] = { coordinates = { rate = rate }, repetition = 1, started = "2026" }
    end
    keys.sort({ axes = { { name = "rate", values = { 0.5, 1.0, 2.0 } } } }, cells)
    for i, rate in ipairs { 0.5, 1, 2 } do assert.equal(rate, cells[i].coordinates.rate) end
  end)
end)

describe("the table of a server's settings", function()
  it("has the geometric mean of the repeats' speed-ups, as every ratio has", function()
    local function cell(method, r, latency)
      local key = method .. "\31" .. r
      return { key = key, baseline = "none\31" .. r, started = "2026", repetition = r, engine = { name = "vllm" },
        coordinates = { method = method }, input_tokens = 100,
        identity = { engine = "vllm", server = { model = { name = "m" }, method = method }, workload = {} },
        metrics = { duration = latency / 100, total_output_tokens = 10, output_throughput = 1000 / latency },
        groups = { { name = "short", requests = 1, output_tokens = 10, latency_per_token_ms = latency } } }
    end
    local cells = { cell("none", 1, 100), cell("draft", 1, 50), cell("none", 2, 100), cell("draft", 2, 200) }
    local path = os.tmpname()
    local held = { about = { round = "r", axes = { { name = "method", values = { "none", "draft" } } },
      report = { settings = { knobs = {} } } }, path = function() return path end }
    settings_table.write(held, cells, speedup.index(cells), { pictures = false, note = "" })
    for line in assert(fs.read(path)):gmatch "[^\n]+" do
      local row = json.decode(line)
      assert.near(1, row.speedup, 1e-12) -- 2 and a half: no gain
      if row.kind == "all" then assert.near(1, row.throughput_speedup, 1e-12) end
    end
    os.remove(path)
  end)
end)

describe("the table of maxima", function()
  local maxima = require "specbench.report.maxima"

  -- ratio: over all repeats; odd, even: over the halves
  local function entry_of(k, ratio, odd, even)
    return {
      speedups = { paired = { ratio = ratio }, total_throughput = { ratio = 2 } }, coordinates = { k = k, task = "qa" },
      halves = { paired = { odd = odd, even = even, of = "starts" } },
      cell = {
        engine = { name = "vllm" }, coordinates = { k = k, task = "qa" },
        identity = { workload = { concurrency = 8 } },
      },
    }
  end
  local about = { axes = { { name = "k" }, { name = "task" } }, report = {} }

  it("names the places whose held out figures it gives, which may be others than the row's own", function()
    local entries = { entry_of(1, 1.5, 1.8, 1.2), entry_of(2, 1.55, 1.5, 1.6), entry_of(3, 1.45, 1.2, 1.75) }
    local rows = maxima.of(entries, function(cell) return cell.coordinates.task end, "paired")
    assert.equal(2, rows[1].cell.coordinates.k)
    -- the odd starts choose k = 1, which the even ones measure at 1.2; these choose k = 3, measured at 1.2
    assert.is_true(math.abs(rows[1].held_out_ratio - 1.2) < 1e-12)
    local line = json.decode(maxima.lines(rows, about))
    assert.same({ 1, 3 }, { line.held_out_places[1].coordinates.k, line.held_out_places[2].coordinates.k })
    assert.same({ "odd starts", "even starts" },
      { line.held_out_places[1].chosen_on, line.held_out_places[2].chosen_on })
    assert.truthy(maxima.text(rows, entries, about):find("1.55%s+1.20%s+k=1; k=3"))
  end)

  it("says so where both halves choose the row's own place", function()
    local entries = { entry_of(1, 1.5, 1.4, 1.6), entry_of(2, 1.1, 1.1, 1.1) }
    local rows = maxima.of(entries, function(cell) return cell.coordinates.task end, "paired")
    assert.is_true(math.abs(rows[1].held_out_ratio - math.sqrt(1.4 * 1.6)) < 1e-12)
    assert.truthy(maxima.text(rows, entries, about):find("1.50%s+1.50%s+here"))
  end)

  it("holds nothing out of a maximum that was measured once: the other places' choice would answer for it", function()
    local once = entry_of(1, 2.1)
    once.halves = {}
    local entries = { once, entry_of(2, 1.1, 1.1, 1.1), entry_of(3, 1.5, 1.4, 1.6) }
    local rows = maxima.of(entries, function(cell) return cell.coordinates.task end, "paired")
    assert.equal(2.1, rows[1].speedup_ratio)
    assert.is_nil(rows[1].held_out_ratio)
    assert.is_nil(json.decode(maxima.lines(rows, about)).held_out_places)
    assert.truthy(maxima.text(rows, entries, about):find("one run, a maximum of noisy cells: biased upwards", 1, true))
  end)

  it("shows what was held out where only a later row has it", function()
    local once = entry_of(1, 1.3)
    once.halves, once.coordinates.task, once.cell.coordinates.task = {}, "code", "code" -- its other repeats failed
    local entries = { once, entry_of(1, 1.5, 1.4, 1.6) }
    local rows = maxima.of(entries, function(cell) return cell.coordinates.task end, "paired")
    assert.truthy(maxima.text(rows, entries, about):find("1.50%s+1.50%s+here"))
  end)
end)
