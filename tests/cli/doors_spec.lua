-- What a user adds without touching the library: own metrics in a round, own charts from a results folder. The examples
-- that the page shows are run here.

local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local EXAMPLES = environment.home .. "/rounds/examples"
local RUN = ("run --full %s/own_metrics.lua --quick --only concurrency=1 --speed 200 --no-rerun --no-text "
  .. "--out results "):format(EXAMPLES)

local w

before_each(function() w = dofile(environment.home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

local function cells()
  local list = {}
  for _, text in pairs(w:cells "cells") do list[#list + 1] = json.decode(text) end
  return list
end

describe("a round's own metrics", function()
  it("stand in the cell, beside the speed-ups and on the map", function()
    local run = w:run(RUN .. "--no-pictures")
    assert.equal(0, run.status, run.err)
    for _, cell in ipairs(cells()) do
      assert.equal(cell.metrics["itl_chunk_ms.max"], cell.own.longest_pause_ms)
      assert.truthy(cell.own.stopped_share >= 0 and cell.own.stopped_share <= 1)
    end
    local rows = w:rows()
    assert.equal(2, #rows)
    for _, row in ipairs(rows) do
      assert.truthy(row.own.longest_pause_ms.value > 0)
      assert.truthy(row.own.longest_pause_ms.baseline > 0)
    end
    assert.truthy(run.out:find("longest_pause_ms, stopped_share: the round's own", 1, true), run.out)
    -- among the figures of every place, a baseline or none
    assert.truthy(run.out:find("\nmethod [^\n]*E2EL ms[^\n]* longest_pause_ms +stopped_share *\n"), run.out)
    local report = w:run "report results --html --markdown --csv --no-pictures"
    assert.equal(0, report.status, report.err)
    assert.truthy(w:read "results/cells.csv":find(",own_longest_pause_ms,own_stopped_share,speedup_", 1, true))
    assert.truthy(w:read "results/report.md":find("| longest\\_pause\\_ms | stopped\\_share |", 1, true))
    assert.truthy(w:read "results/report.html":find('"longest_pause_ms", "stopped_share"]', 1, true))
    -- baselines have such a value too, and a map
    assert.truthy(run.out:find("own_metrics, none", 1, true), run.out)
    assert.truthy(run.out:find("own_metrics, ngram", 1, true), run.out)
  end)

  local function with_metrics(text)
    local round = assert(fs.read(EXAMPLES .. "/own_metrics.lua"))
    local first, last = round:find "  metrics = function.-\n  end,\n"
    w:write("mine.lua", round:sub(1, first - 1) .. text .. round:sub(last + 1))
    return w:run((RUN:gsub("full %S+", "full mine.lua", 1)) .. "--only method=none --no-pictures")
  end

  it("that fail cost no cell: the line says why there are none", function()
    for text, reason in pairs {
      ["metrics = function() error 'no idea' end,"] = "metrics(method=none, concurrency=1): no idea",
      ["metrics = function() return { 3 } end,"] = "metrics: 1 must be a number by its name",
      ["metrics = function() end,"] = "metrics must return a table, not a nil",
    } do
      local run = with_metrics(text)
      assert.equal(0, run.status, run.err)
      local only = cells()
      assert.equal(1, #only)
      assert.equal("ok", only[1].status)
      assert.is_nil(only[1].own)
      assert.truthy(only[1].own_trouble:find(reason, 1, true), only[1].own_trouble)
      assert.truthy(run.err:find(reason, 1, true), run.err)
      assert.is_nil(only[1].own_trouble:find("\n", 1, true))
      assert.truthy(run.out:find("Note: what the round's own metrics say of 1 cell is not known: ", 1, true), run.out)
      fs.remove(w.folder .. "/results")
    end
  end)

  it("are needed for a map of one", function()
    local run = with_metrics ""
    assert.equal(1, run.status)
    local message = "report.heatmap.value: 'longest_pause_ms' is a metric of the round's own"
    assert.truthy(run.err:find(message, 1, true), run.err)
  end)
end)

describe("bench.results", function()
  it("gives cells and figures to a chart of one's own", function()
    local stored = environment.home .. "/tests/cli/stored/round2"
    local run = w:run(("%s/own_chart.lua %s chart.csv"):format(EXAMPLES, stored))
    assert.equal(0, run.status, run.err)
    assert.equal("16 cells, 8 speed-ups\n", run.out)
    local csv = w:read "chart.csv"
    assert.truthy(csv:find("\ndraft news2highlight 0.25k,1,", 1, true), csv)
    local wanted = {}
    for line in assert(fs.read(environment.home .. "/tests/cli/stored/golden/round2/speedups.jsonl")):gmatch "[^\n]+" do
      local row = json.decode(line)
      wanted[#wanted + 1] = ("%.4f"):format(row.speedups.paired.ratio)
    end
    local got = {}
    for ratio in csv:gmatch "\n[^,\n]+,%d+,([%d.]+)," do got[#got + 1] = ratio end
    assert.same(wanted, got)
  end)

  it("finds cells, and reads their requests", function()
    w:write("script.lua", ([[
      local bench = require "specbench"
      local results = assert(bench.results "%s/tests/cli/stored/round2")
      local found = results:find { method = "none", task = "polish", context = "0.5k", concurrency = 8 }
      print(#found, #assert(results:run(found[1])), results.about.round)
      print(bench.results "nowhere")
      print(pcall(bench.results))
      print(pcall(function() results:find { methd = "none" } end))
    ]]):format(environment.home))
    local run = w:run "script.lua"
    assert.equal(0, run.status, run.err)
    assert.truthy(run.out:find("^1\t12\tround2\nnil\tnowhere is not a results folder"), run.out)
    assert.truthy(run.out:find("results:find: no axis 'methd' (did you mean 'method'?); the axes are: ", 1, true),
      run.out)
    assert.truthy(run.out:find("\nfalse\tbench.results: must be given the path of a results folder, not a nil\n"),
      run.out)
  end)
end)
