-- specbench predict and fit, as a user runs them: a grid of which the simulator measures a part is predicted, then
-- measured whole, and the two compared. The simulator draws every token and knows nothing of the model that is fitted.

local environment = require "sb.environment"
local world = dofile(environment.home .. "/tests/cli/world.lua")
local bench = require "specbench"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local ROUND = [[
local bench = require "specbench"
return bench.round {
  name = "grid", title = "Grid",
  axes = {
    { "method", { "none", "draft" } }, { "k", { 1, 2, 3, 4 }, when = function(c) return c.method ~= "none" end },
    { "task", { "qa", "math_reasoning" } }, { "concurrency", { 1, 2, 4, 8, 16 } },
  },
  baseline = { method = "none" },
  server = function(c)
    local speculates = c.method == "draft"
    return { model = "qwen2.5-7b", method = c.method, k = c.k, draft = speculates and "qwen2.5-0.5b" or nil }
  end,
  workload = function(c)
    return {
      prompts = { dataset = "spec_bench", subset = c.task:gsub("_", "-"), count = 40 },
      limits = { max_tokens = 256 },
    }
  end,
}
]]

local function place(at)
  return ("%s %s %s %s"):format(at.method, at.k, at.task, at.concurrency)
end

describe("predict and fit", function()
  local w
  before_each(function() w = world.new() end)
  after_each(function() w:remove() end)

  local function run(words)
    local result = w:run(words)
    assert.equal(0, result.status, result.out .. result.err)
    return result.out
  end

  it("tell a grid from a part of it, mark what was not measured, and change no result", function()
    w:write("grid.lua", ROUND)
    run "run grid.lua --virtual --quiet --no-pictures --no-text --out part --only k=1,4 --only concurrency=2,8,16"
    run "run grid.lua --virtual --quiet --no-pictures --no-text --out part --only k=2 --only concurrency=4"
    run "run grid.lua --virtual --quiet --no-pictures --no-text --out whole"
    local cells = fs.list(w.folder .. "/part/cells")
    local out = run "predict part --grid grid.lua --no-pictures"
    assert.same(cells, fs.list(w.folder .. "/part/cells"))
    assert.truthy(out:find("~ predicted, not measured", 1, true), out)
    assert.truthy(out:find("simulated", 1, true), out)

    local truth = {}
    for _, entry in ipairs(w:rows("whole/speedups.jsonl")) do
      truth[place(entry.coordinates)] = entry.speedups.total_throughput.ratio
    end
    local predicted, error, within = 0, 0, 0
    for _, line in ipairs(w:rows("part/predictions.jsonl")) do
      local known = truth[place(line.coordinates)]
      assert.is_true(line.simulated)
      if line.measured then
        assert.near(known, line.speedup, 1e-6)
        assert.is_nil(line.low)
      else
        predicted, error = predicted + 1, error + math.abs(line.speedup / known - 1)
        within = within + (line.low <= known and known <= line.high and 1 or 0)
      end
    end
    assert.equal(26, predicted)
    local saved = run "report part --no-pictures --price 2.5 --html --markdown --csv"
    assert.truthy(saved:find("26 cells predicted, not measured, which saved [%d.]+ GPU hours %(%d+ %% of "), saved)
    assert.truthy(saved:find("at 2.5 a GPU hour", 1, true), saved)
    -- on the page they are hatched, in a section and under a legend of their own, and lead to no cell
    local page = assert(fs.read(w.folder .. "/part/report.html"))
    local own = assert(page:match '<section id="predicted">(.-)</section>')
    assert.truthy(own:find("predicted from the measured cells, not measured", 1, true))
    local function fields(text) return select(2, text:gsub("k%-predicted", "")) end
    assert.equal(26, fields(own))
    assert.equal(26, fields(page))
    for field in own:gmatch '<g class="c f%d+ pale k%-predicted">.-</text>' do
      assert.truthy(field:find ">~%d%.%d%d</text>$", field)
      assert.is_nil(field:find("href", 1, true))
    end
    -- in Markdown they have tables of their own, in the CSV file lines and columns of their own
    local text = assert(fs.read(w.folder .. "/part/report.md"))
    local before, told = text:match "^(.-)\n## Predicted, not measured\n(.-)\n## "
    assert.equal(26, select(2, told:gsub("| \\~%d%.%d%d \\%[%d%.%d%d, %d%.%d%d\\%]", "")))
    assert.is_nil(told:find "| %d%.%d%d")
    assert.is_nil(before:find("\\~", 1, true))
    local rows = {}
    for row in assert(fs.read(w.folder .. "/part/cells.csv")):gmatch "[^\r\n]+" do rows[#rows + 1] = row end
    assert.truthy(rows[1]:find ",predicted_speedup,predicted_low,predicted_high$")
    local columns = select(2, rows[1]:gsub(",", ""))
    for i, row in ipairs(rows) do
      assert.equal(columns, select(2, row:gsub(",", "")), row)
      if i > #rows - 26 then
        assert.truthy(row:find "^draft,[^,]+,[^,]+,[^,]+,,predicted,,+%d%.%d+,%d%.%d+,%d%.%d+$", row)
      else
        assert.truthy(i == 1 or row:find(",simulated,", 1, true) and row:find ",,,$", row)
      end
    end
    run "run grid.lua --virtual --quiet --no-pictures --no-text --out part --only k=2,3 --only concurrency=1"
    assert.truthy(run("report part --no-pictures --html"):find("22 cells predicted, not measured", 1, true))
    assert.equal(22, fields(assert(fs.read(w.folder .. "/part/report.html"))))
    -- of a file from elsewhere what is no prediction is none, and text stays text
    w:write("part/predictions.jsonl", '{"speedup": 2}\nno JSON\n[1]\n{"coordinates": {"k": [1], "task": "<blink>", '
      .. '"concurrency": 1e999}, "speedup": 1.5}\n{"coordinates": {"k": 2}, "speedup": "<i>"}\n')
    run "report part --no-pictures --html"
    page = assert(fs.read(w.folder .. "/part/report.html"))
    assert.equal(1, fields(page))
    assert.is_nil(page:find("<blink>", 1, true))
    assert.is_true(error / predicted < 0.025, ("mean error %.4f"):format(error / predicted))
    assert.is_true(within / predicted > 0.8, ("within %d of %d"):format(within, predicted))

    out = run "predict part --acceptance 0.9 --draft-cost 0.5 --out asked"
    assert.truthy(out:find("~speed-up at 0.9", 1, true), out)
    assert.truthy(out:find("0.5 times as much", 1, true), out)
    assert.truthy(fs.stat(w.folder .. "/asked/pictures/method_draft_break_even_k1.svg"))
    local curves = w:rows("asked/break_even.jsonl")
    assert.equal(9, #curves) -- k = 1 and 4 at 2, 8, 16 at once, k = 2 at 1 and 4, k = 3 at 1
    for _, line in ipairs(curves) do assert.is_true(line.simulated) end
    -- the page draws what lies in its folder, dashed and hatched under a legend of its own; what is no curve is none
    local kept = assert(fs.read(w.folder .. "/asked/break_even.jsonl"))
    w:write("part/break_even.jsonl", kept .. "no JSON\n[1]\n" .. kept:match "[^\n]+":gsub('"k": %d+', '"k": 1.5')
      .. "\n" .. kept:match "[^\n]+":gsub("method=draft", "<blink>") .. "\n")
    run "report part --no-pictures --html --markdown"
    page = assert(fs.read(w.folder .. "/part/report.html"))
    own = assert(page:match '<section id="what%-if">(.-)</section>')
    assert.truthy(own:find("by the fitted model, not measured", 1, true))
    assert.equal(10, select(2, own:gsub('<g class="k%-predicted"><path', "")))
    assert.is_nil(own:find("k-measured", 1, true)) -- none was measured with drafts at half the cost
    assert.is_nil(page:find("<blink>", 1, true))
    text = assert(fs.read(w.folder .. "/part/report.md"))
    assert.equal(10, select(2, text:match "otherwise %(predicted%)\n(.-)\n## ":gsub("| \\~[%dan]", "")))

    out = run "fit whole --leave-out --out profiles"
    assert.truthy(out:find("Left out one by one, 40 cells' speed-ups", 1, true), out)
    assert.truthy(out:find("method=draft, against method=none", 1, true), out)
    local fitted = json.decode(assert(fs.read(w.folder .. "/profiles/draft.json")))
    local played = json.decode(assert(fs.read(environment.home .. "/runtime/sim/profiles/qwen2.5-7b.json")))
    assert.near(1, fitted.plain.alpha / played.plain.alpha, 0.06)
    assert.near(1, fitted.methods.draft.cost.alpha / played.methods.draft.cost.alpha, 0.08)
    local maths = fitted.methods.draft.acceptance.SpecBench_math_reasoning.conditional
    assert.near(played.methods.draft.acceptance.SpecBench_math_reasoning.conditional[1], maths[1], 0.05)
    -- and the simulator takes it
    local server <close> = assert(bench.server.start { argv = { bench.executable, "sim", "--profile",
      w.folder .. "/profiles/draft.json", "--k", "3", "--port", "{port}" } })
    assert.truthy(server)
  end)

  it("count prompts whose data have no token counts as the server did, and tell none where no cell does", function()
    local rows = {}
    for i = 1, 16 do rows[i] = json.encode { prompt = ("Say it again, number %d. "):format(i):rep(60) } end
    w:write("own.jsonl", table.concat(rows, "\n") .. "\n")
    w:write("own.lua", (ROUND:gsub('dataset = "spec_bench", subset = .-, count = 40',
      'dataset = "jsonl", path = c.task .. ".jsonl", count = 16')
      :gsub('{ "qa", "math_reasoning" }', '{ "own", "other" }'):gsub("max_tokens = 256", "max_tokens = 64")))
    w:write("other.jsonl", table.concat(rows, "\n", 1, 16):gsub("again", "twice") .. "\n")
    local command = "run own.lua --virtual --quiet --no-pictures --no-text --only task=own --out "
    run(command .. "part --only k=1,4 --only concurrency=1,4,8")
    run(command .. "whole")
    local out = run "predict part --grid own.lua --no-pictures --acceptance 0.6"
    assert.truthy(out:find("Not predicted: 20 cells: how many tokens the prompts of this work have is not known", 1,
      true), out)
    local truth, predicted = {}, 0
    for _, entry in ipairs(w:rows("whole/speedups.jsonl")) do
      truth[place(entry.coordinates)] = entry.speedups.total_throughput.ratio
    end
    for _, line in ipairs(w:rows("part/predictions.jsonl")) do
      local known = truth[place(line.coordinates)]
      predicted = predicted + (line.measured and 0 or 1)
      assert.near(1, line.speedup / known, 0.1, place(line.coordinates))
    end
    assert.equal(14, predicted)
    -- what if, of the same cells and of all
    local pays = {}
    run "predict whole --acceptance 0.6 --no-pictures"
    for _, line in ipairs(w:rows("whole/break_even.jsonl")) do
      pays[("%d %d"):format(line.k, line.concurrency)] = line.breaks_even.value
    end
    local asked = w:rows("part/break_even.jsonl")
    assert.equal(20, #asked)
    for _, line in ipairs(asked) do
      local known = pays[("%d %d"):format(line.k, line.concurrency)]
      assert.near(known, line.breaks_even.value, 0.12, ("%d %d"):format(line.k, line.concurrency))
    end
  end)

  it("say what they lack", function()
    w:write("grid.lua", ROUND)
    local function fails(words, text, status)
      local result = w:run(words)
      assert.equal(status or 1, result.status, result.out .. result.err)
      assert.truthy(result.err:find(text, 1, true), result.err)
      assert.equal(1, select(2, result.err:gsub("\n", "")))
    end
    fails("predict nowhere --grid grid.lua", "nowhere: no such folder")
    fails("predict .", "--grid", 2)
    fails("predict . --grid grid.lua", "holds no round.json")
    run("run grid.lua --virtual --quiet --no-pictures --no-text --out part --only k=1 --only task=qa "
      .. "--only concurrency=8")
    fails("fit part", "nothing could be fitted")
    fails("predict part --grid grid.lua", "nothing could be predicted")
  end)
end)
