-- The live view: what is shown for a state, in terminals of every width and kind; how a terminal is redrawn; what cells
-- say as they land; events for machines.

local events = require "specbench.live.events"
local json = require "specbench.base.json"
local screen = require "specbench.live.screen"
local tally = require "specbench.live.tally"
local text_table = require "specbench.base.text_table"
local view = require "specbench.live.view"

local function state(changes)
  local s = {
    title = "Round 2", engine = "vllm", folder = "results/round2-vllm", total = 144, done = 34, failed = 1,
    fraction = 0.25, elapsed_s = 725, left_s = 1880, left_error_s = 370,
    servers = {
      { name = "qwen none", state = "up", seconds = 192 },
      { name = "qwen draft k=3", state = "measuring", seconds = 12, cell = "polish 0.5k c=8", requests_done = 48,
        requests_total = 96, running = 8, waiting = 40, tokens_s = 714.2 },
    },
    last = {
      { ratio = 1.31, text = "draft polish 0.25k c=8", acceptance = 0.571 }, { ratio = 0.9, text = "draft c=16" },
    },
    map = {
      title = "draft polish", x_title = "context", y_title = "concurrency", x = { "0.25k", "0.5k", "1k" },
      y = { "1", "8" },
      places = { { { ratio = 1.42 }, { ratio = 1.2 }, { mark = "failed" } }, { { ratio = 0.97 }, { mark = "now" },
        { mark = "todo" } } },
    },
  }
  for key, value in pairs(changes or {}) do s[key] = value end
  return s
end

local function drawn(how, changes)
  return table.concat(view.lines(state(changes), { width = how.width or 100, rows = how.rows or 30,
    colour = how.colour or false }), "\n")
end

local WIDE = [[
Round 2  vllm  results/round2-vllm
[######..................]  25%  34 of 144 cells, 1 FAILED  12:05 gone, 31:20 left (± 6:10)
servers qwen none       up, 3:12
        qwen draft k=3  polish 0.5k c=8, 0:12  48 of 96 requests, 8 running, 40 waiting, 714 tok/s
last    1.31x  draft polish 0.25k c=8, acceptance 0.57
        0.90x  draft c=16

draft polish: speed-up so far, context across
          8   0.97    now      ·
          1   1.42   1.20   fail
concurrency  0.25k   0.5k     1k]]

local NARROW = [[
Round 2  vllm  results/round...
[######..................]  ...
servers qwen none       up, ...
        qwen draft k=3  poli...
last    1.31x  draft polish ...
        0.90x  draft c=16

draft polish: speed-up so fa...
          8   0.97    now…
          1   1.42   1.20…
concurrency  0.25k   0.5k…]]

describe("the live view", function()
  it("shows cells, time with its error, servers, the last speed-ups and a map", function()
    assert.equal(WIDE, drawn {})
  end)

  it("fits whatever is narrow or low, down to a line", function()
    assert.equal(NARROW, drawn { width = 31 })
    for width = 8, 120, 7 do
      for rows = 1, 20 do
        local lines = view.lines(state(), { width = width, rows = rows, colour = false })
        assert.is_true(#lines <= rows, ("%d lines for %d rows"):format(#lines, rows))
        for _, line in ipairs(lines) do assert.is_true(text_table.width(line) <= width, line) end
      end
    end
    assert.equal("[######..................]  25%  34 of 144 cells, 1 FAILED  12:05 gone, 31:20 left (± 6:10)",
      drawn { rows = 1 })
  end)

  it("paints faster and slower where colour is wanted, and is the same text", function()
    local painted = drawn { colour = true }
    assert.truthy(painted:find("\27[32m   1.42\27[0m", 1, true))
    assert.truthy(painted:find("\27[31m0.90x\27[0m", 1, true))
    assert.equal(WIDE, (painted:gsub("\27%[%d+m", "")))
    assert.is_nil(drawn({}):find "\27")
  end)

  it("says large that figures are simulated, and what is left where nothing runs", function()
    assert.truthy(drawn({}, { is_simulated = true }):find "^[^\n]+  SIMULATED\n")
    local ended = drawn({}, { ended = "not running, 109 to do", servers = {} })
    assert.truthy(ended:find("1 FAILED  not running, 109 to do\nlast", 1, true), ended)
  end)

  it("lets no name drive the terminal", function()
    local servers = { { name = "\27[2J", state = "up", seconds = 1 } }
    local text = drawn({}, { title = "evil\27]0;owned\7", servers = servers })
    assert.is_nil(text:find "[%z\1-\9\11-\31\127]")
  end)

  it("shows some of many servers and says how many there are", function()
    local servers = {}
    for i = 1, 9 do servers[i] = { name = "s" .. i, state = "starting", seconds = i } end
    local text = drawn({}, { servers = servers })
    assert.truthy(text:find("        s6  starting, 0:06\n        and 3 more\n", 1, true), text)
  end)
end)

describe("a screen", function()
  it("is drawn in place, with lines that stay above it, and leaves nothing behind", function()
    local written, rows = {}, 24
    local s = screen.new { out = { write = function(_, text) written[#written + 1] = text end },
      size = function() return 40, rows end }
    s:draw(function(width, height)
      assert.same({ 39, 23 }, { width, height })
      return { "a", "b", "c" }
    end)
    s:draw(function() return { "d" } end)
    s:line "stays"
    s:draw(function() return { "e" } end)
    s:clear()
    s:clear()
    assert.same({ "a\r\nb\r\nc", "\r\27[2A\27[Jd", "\r\27[Jstays\n", "e", "\r\27[J" }, written)
  end)
end)

local ABOUT = {
  axes = { { name = "method", values = { "none", "draft" } }, { name = "k", values = { 3 }, when = true },
    { name = "task", values = { "qa", "rag" } }, { name = "concurrency", values = { 1, 8 } } },
  baseline = { method = "none" },
  report = { heatmap = { x = "task", y = "concurrency", per = { "method" } } },
}

local function key(...)
  return table.concat({ ... }, "\31")
end

local function cell(own, baseline, duration, status)
  return {
    key = own, baseline = baseline, repetition = tonumber(own:match "[^\31]*$"), status = status or "ok",
    started = "2026", engine = { name = "vllm" }, acceptance = { rate = 0.5 },
    identity = { engine = "vllm", workload = {}, server = { model = { path = "m" } } },
    metrics = { duration = duration, total_output_tokens = 100, total_input_tokens = 100, output_throughput = 1 },
  }
end

describe("a tally", function()
  local none, draft = key("none", 0, "qa", 1, 1), key("draft", 3, "qa", 1, 1)
  local planned = { none, draft, key("none", 0, "qa", 8, 1), key("draft", 3, "qa", 8, 1), key("none", 0, "rag", 1, 1),
    key("draft", 3, "rag", 1, 1), (draft:gsub("1$", "2")) }

  it("compares a cell with its baseline, whichever lands first", function()
    for _, order in ipairs { { 1, 2 }, { 2, 1 } } do
      local sums, cells = tally.new(nil, ABOUT, planned), { cell(none, none, 2), cell(draft, none, 1) }
      sums:add(cells[order[1]])
      assert.same({}, sums.last)
      sums:add(cells[order[2]])
      assert.same({ { ratio = 2, text = "draft k=3 qa c=1", acceptance = 0.5 } }, sums.last)
      assert.equal(2, sums.ratios[draft])
      assert.same({ 2, 7, 0 }, { sums.done, sums.total, sums.failed })
    end
  end)

  it("fills a map with what is known, to be done, failed and under way", function()
    local sums = tally.new(nil, ABOUT, planned)
    sums:add(cell(none, none, 2))
    sums:add(cell(draft, none, 1))
    sums:add(cell(key("draft", 3, "rag", 1, 1), none, 1, "failed"))
    local map = sums:map(planned[4])
    assert.same({ "qa", "rag" }, map.x)
    assert.same({ "1", "8" }, map.y)
    assert.same({ { { ratio = 2 }, { mark = "failed" } }, { { mark = "now" } } }, map.places)
    assert.equal("draft k=3", map.title)
    assert.same(map.places[1], sums:map(none).places[1]) -- a baseline's map is the last one's
  end)

  it("counts a failed cell until it succeeds, and one that is measured again once", function()
    local sums = tally.new(nil, ABOUT, planned)
    sums:add(cell(none, none, 2, "failed"))
    sums:add(cell(none, none, 2, "failed"))
    assert.same({ 0, 1 }, { sums.done, sums.failed })
    sums:add(cell(none, none, 2))
    sums:add(cell(none, none, 3))
    assert.same({ 1, 0 }, { sums.done, sums.failed })
  end)

  it("averages repeats geometrically", function()
    local sums = tally.new(nil, ABOUT, planned)
    local again = { (none:gsub("1$", "2")), (draft:gsub("1$", "2")) }
    sums:add(cell(none, none, 2))
    sums:add(cell(draft, none, 1))
    sums:add(cell(again[1], again[1], 8))
    sums:add(cell(again[2], again[1], 1))
    assert.is_true(math.abs(sums:map().places[1][1].ratio - 4) < 1e-12)
  end)
end)

describe("events", function()
  it("are a JSON object a line, with no control character", function()
    local written = {}
    local out = events.new { write = function(_, ...) written[#written + 1] = table.concat { ... } end }
    out:line "a\27[2J b"
    out:server({ name = "draft", cell = "qa" }, "measuring")
    out:cell(cell("x\0311", "x\0311", 2), nil)
    for _, line in ipairs(written) do assert.is_nil(line:sub(1, -2):find "%c") end
    local line, server, landed = json.decode(written[1]), json.decode(written[2]), json.decode(written[3])
    assert.same({ "line", "a\27[2J b" }, { line.event, line.text })
    assert.same({ "server", "draft", "measuring", "qa" }, { server.event, server.server, server.state, server.cell })
    assert.same({ "cell", "ok", 0.5 }, { landed.event, landed.status, landed.acceptance })
    assert.is_true(line.time > 1.7e9)
  end)
end)
