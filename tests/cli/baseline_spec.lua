-- Which cell a cell is compared with: what a round says of it, what a plan warns of, and what a report makes of it
-- long after the cells were measured.

local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local w

-- AXES, BASELINE, MODEL and MORE are filled in. k means nothing without a draft.
local ROUND = [[
local bench = require "specbench"
local data = require "specbench.dataset"
return bench.round {
  name = "grid",
  axes = { AXES { "concurrency", { 1, 2 } } },
  BASELINE
  MORE
  server = function(c) return { model = MODEL, method = c.method, k = c.k } end,
  workload = function(c)
    return {
      prompts = assert(data.prompts { dataset = "random", tokens = 20, count = 4, seed = c.seed }),
      limits = function() return { max_tokens = 8 } end,
    }
  end,
}
]]

local METHODS = [[
    { "method", { "none", "ngram" } }, { "k", { 1, 3 }, when = function(c) return c.method ~= "none" end },]]

local function round(values)
  local text = ROUND:gsub("%u%u%u%u+", { AXES = values.axes or METHODS, BASELINE = values.baseline or "",
    MORE = values.more or "",
    MODEL = values.model or '"qwen2.5-7b"' })
  w:write("grid.lua", text)
end

local RUN = "run grid.lua --speed 200 --no-rerun --no-pictures --out results "

local function warned(text, ...)
  for _, part in ipairs { ... } do assert.truthy(text:find(part, 1, true), text) end
end

before_each(function() w = dofile(environment.home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

describe("an axis with `when`", function()
  it("is left out of cells to which it means nothing, which stand in the grid once", function()
    round { baseline = 'baseline = { method = "none" },' }
    local plan = w:run "plan grid.lua --cells"
    assert.equal(0, plan.status, plan.err)
    local cells = {}
    for line in plan.out:gmatch "%x+  (method=[^\n]+)" do cells[#cells + 1] = line end
    assert.same({
      "method=none concurrency=1", "method=none concurrency=2", "method=ngram k=1 concurrency=1",
      "method=ngram k=1 concurrency=2", "method=ngram k=3 concurrency=1", "method=ngram k=3 concurrency=2",
    }, cells)
    assert.is_nil(plan.out:find("baseline", 1, true), plan.out)
  end)

  it("keeps the ids of cells that were reduced to 0 by hand", function()
    local function ids()
      local list = {}
      for id in w:run("plan grid.lua --cells").out:gmatch "(%x+)  method=" do list[#list + 1] = id end
      assert.equal(6, #list)
      return list
    end
    round {}
    local mine = ids()
    round { axes = '{ "method", { "none", "ngram" } }, { "k", { 1, 3 } },',
      more = 'reduce = function(c) if c.method == "none" then return { k = 0 } end end,' }
    w:write("grid.lua", (w:read "grid.lua":gsub("k = c.k", 'k = c.method == "ngram" and c.k or nil')))
    assert.same(mine, ids())
  end)

  it("must be a function", function()
    round { axes = '{ "method", { "none", "ngram" }, when = true },' }
    local plan = w:run "plan grid.lua"
    assert.equal(1, plan.status)
    warned(plan.err, "round.axes[1]: when = true: must be a function")
    round { axes = '{ "method", { "none", "ngram" }, wen = true },' }
    warned(w:run("plan grid.lua").err, "unknown key 'wen' (did you mean 'when'?)")
  end)
end)

describe("a plan", function()
  it("warns of a round without a baseline", function()
    round {}
    warned(w:run("plan grid.lua").out, "Warning: the round names no baseline, so no cell gets a speed-up")
  end)

  it("warns of cells whose baseline the grid does not have", function()
    round { baseline = 'baseline = { method = "none" },', model = "c.model",
      axes = '{ "model", { "qwen2.5-7b", "llama-3-8b" } },' .. METHODS,
      more = 'where = function(c) return c.method == "ngram" or c.model == "qwen2.5-7b" end,' }
    warned(w:run("plan grid.lua").out, "Warning: 4 cells will have no baseline and no speed-up: the grid has no cell "
      .. "with method=none that agrees with model=llama-3-8b k=1 concurrency=1 on every axis that it has")
  end)

  it("warns of a baseline that --only drops, unless the results folder has it", function()
    round { baseline = 'baseline = { method = "none" },' }
    local part = "--only method=ngram --only k=3 --only concurrency=1"
    local warning = "Warning: 1 cell will have no baseline and no speed-up: --only, --set or --quick leaves out "
      .. "method=none, as for k=3 concurrency=1"
    warned(w:run("plan grid.lua " .. part).out, warning)
    local run = w:run(RUN .. part)
    assert.equal(0, run.status, run.err)
    warned(run.err, warning)
    assert.equal(0, w:run(RUN .. "--only method=none").status)
    assert.is_nil(w:run("plan grid.lua --out results " .. part).out:find("no baseline", 1, true))
  end)
end)

describe("a baseline", function()
  it("is looked up when a report is made: mending the round mends the next report", function()
    local axes = '{ "method", { "none", "ngram" } }, { "k", { 1, 3 } },'
    round { axes = axes, baseline = 'baseline = { method = "none", k = 3 },' }
    w:write("grid.lua", (w:read "grid.lua":gsub("k = c.k", 'k = c.method == "ngram" and c.k or nil')))
    assert.equal(0, w:run(RUN .. "--only concurrency=1").status)
    local about = json.decode(w:read "results/round.json")
    assert.same({ method = "none", k = 3 }, about.baseline)
    local planned = 0
    for _, id in pairs(about.planned) do
      planned = planned + 1
      assert.truthy(w:read(("results/cells/%s/cell.json"):format(id)))
    end
    assert.equal(4, planned)
    for _, text in pairs(w:cells "cells") do assert.is_nil(json.decode(text).baseline) end
    assert.equal(3, #w:rows())

    w:write("grid.lua", (w:read "grid.lua":gsub(", k = 3 },", " },")))
    local report = w:run "report results --full --no-pictures --round grid.lua"
    assert.equal(0, report.status, report.err)
    local rows = w:rows()
    assert.equal(2, #rows)
    for _, row in ipairs(rows) do
      assert.equal("ngram", row.coordinates.method)
      assert.truthy(row.speedups.paired, row.reason)
    end
    assert.same({ method = "none" }, json.decode(w:read "results/round.json").baseline)
    assert.same(about.planned, json.decode(w:read "results/round.json").planned)
  end)

  it("is mended by `run` as well, which measures nothing for it", function()
    round { baseline = 'baseline = { method = "ngram", k = 1 },' }
    assert.equal(0, w:run(RUN .. "--only concurrency=1").status)
    assert.equal("none", w:rows()[1].coordinates.method)
    round { baseline = 'baseline = { method = "none" },' }
    local run = w:run(RUN .. "--only concurrency=1")
    warned(run.err, "nothing to do: all 3 cells are done already")
    assert.equal(2, #w:rows())
    for _, row in ipairs(w:rows()) do assert.equal("ngram", row.coordinates.method) end
  end)

  it("of a folder that says nothing of it is the one that each cell names", function()
    assert(os.execute(("cp -r '%s/tests/cli/stored/round1' '%s/results'"):format(environment.home, w.folder)))
    assert.is_nil(json.decode(w:read "results/round.json").baseline)
    assert.equal(0, w:run("report results --full --no-pictures").status)
    local frozen = w:read "results/speedups.jsonl"
    local report = w:run(("report results --full --no-pictures --round '%s/rounds/round1.lua'")
      :format(environment.home))
    assert.equal(0, report.status, report.err)
    assert.equal(frozen, w:read "results/speedups.jsonl")
    assert.truthy(json.decode(w:read "results/round.json").baseline)
  end)

  it("of another round is refused", function()
    round { baseline = 'baseline = { method = "none" },' }
    assert.equal(0, w:run(RUN .. "--only concurrency=1").status)
    local before = w:read "results/round.json"
    local report = w:run(("report results --full --round '%s/rounds/round1.lua'"):format(environment.home))
    assert.equal(1, report.status)
    warned(report.err, "it is 'round1', the folder holds results of grid")
    assert.equal(before, w:read "results/round.json")
  end)

  it("of the round's file is used without being kept where the report goes elsewhere", function()
    round { baseline = 'baseline = { method = "ngram", k = 1 },' }
    assert.equal(0, w:run(RUN .. "--only concurrency=1").status)
    local before = w:read "results/round.json"
    round { baseline = 'baseline = { method = "none" },' }
    assert.equal(0, w:run("report results --full --no-pictures --round grid.lua --out redrawn").status)
    assert.equal(before, w:read "results/round.json")
    assert.truthy(fs.stat(w.folder .. "/redrawn/speedups.jsonl"))
    assert.is_nil(w:read "redrawn/speedups.jsonl":find('"method": "none"', 1, true))
  end)
end)
