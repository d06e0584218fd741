-- What a cell sends, as a round's author says it: data that the library draws from.

local environment = require "sb.environment"
local json = require "specbench.base.json"

local w

-- WORKLOAD is filled in.
local ROUND = [[
local bench = require "specbench"
local data = require "specbench.dataset"
return bench.round {
  name = "grid",
  axes = { { "method", { "none", "ngram" } }, { "concurrency", { 1 } } },
  baseline = { method = "none" },
  quick = { prompts = 3 },
  server = function(c) return { model = "qwen2.5-7b", method = c.method, k = c.method ~= "none" and 3 or nil } end,
  workload = function(c) return { WORKLOAD } end,
}
]]

local function round(workload)
  w:write("grid.lua", (ROUND:gsub("WORKLOAD", function() return workload end)))
end

local RUN = "run grid.lua --speed 200 --no-rerun --no-pictures --no-text --out results "

local function cells()
  local list = {}
  for _, text in pairs(w:cells "cells") do list[#list + 1] = json.decode(text) end
  table.sort(list, function(a, b)
    if a.repetition ~= b.repetition then return a.repetition < b.repetition end
    return a.coordinates.method > b.coordinates.method
  end)
  return list
end

local function refused(workload, text)
  round(workload)
  local plan = w:run "plan grid.lua"
  assert.equal(1, plan.status)
  assert.truthy(plan.err:find(text, 1, true), plan.err)
  assert.equal(1, select(2, plan.err:gsub("\n", "\n")), plan.err)
end

before_each(function() w = dofile(environment.home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

describe("prompts that are described", function()
  it("are drawn by the library: others in each repeat, the same for a cell and its baseline", function()
    round 'prompts = { dataset = "random", tokens = 20, count = 4 }, limits = { max_tokens = 4 }'
    local run = w:run(RUN .. "--repeats 2")
    assert.equal(0, run.status, run.err)
    local list = cells()
    assert.equal(4, #list)
    local function hash(i) return list[i].identity.workload.prompts end
    assert.equal(hash(1), hash(2))
    assert.equal(hash(3), hash(4))
    assert.not_equal(hash(1), hash(3))
    for _, cell in ipairs(list) do assert.equal(4, cell.metrics.requests) end
  end)

  it("are those that data.prompts draws with the cell's seed", function()
    local function plan()
      local ids = {}
      for id in w:run("plan grid.lua --cells --repeats 2").out:gmatch "(%x+)  method=" do ids[#ids + 1] = id end
      assert.equal(4, #ids)
      return ids
    end
    round [[prompts = { dataset = "spec_bench", subset = "qa", count = 5 }, limits = { max_tokens = 4 }]]
    local described = plan()
    round [[prompts = assert(data.prompts { dataset = "spec_bench", subset = "qa", count = 5, seed = c.seed }),
      limits = function() return { max_tokens = 4 } end, task = "SpecBench_qa"]]
    assert.same(plan(), described)
  end)

  it("are at most what --quick says", function()
    round 'prompts = { dataset = "random", tokens = 20, count = 4 }, limits = { max_tokens = 4 }'
    assert.equal(0, w:run(RUN .. "--quick").status)
    for _, cell in ipairs(cells()) do assert.equal(3, cell.metrics.requests) end
  end)

  it("tell the simulator their task", function()
    round 'prompts = { dataset = "spec_bench", subset = "math-reasoning", count = 2 }, limits = { max_tokens = 4 }'
    assert.equal(0, w:run(RUN .. "--only method=none").status)
    assert.equal("SpecBench_math_reasoning", cells()[1].identity.workload.task)
  end)

  it("take no seed of their own, which would be the same for all repeats", function()
    refused('prompts = { dataset = "random", tokens = 20, count = 4, seed = 7 }, limits = { max_tokens = 4 }',
      "prompts.seed = 7: leave it out")
  end)

  it("are refused in one line where there is no such data", function()
    refused('prompts = { dataset = "randum", count = 4 }, limits = { max_tokens = 4 }', "random")
  end)
end)

describe("prompts of the author's own", function()
  it("are items with a text", function()
    round [[prompts = { items = { { text = "What is a river?" }, { text = "And a stone?", tokens = 4 } } },
      limits = function(prompt, cell) return { max_tokens = cell.concurrency + (prompt.tokens or 1) } end]]
    local run = w:run(RUN .. "--only method=none")
    assert.equal(0, run.status, run.err)
    assert.equal(2, cells()[1].metrics.requests)
  end)

  it("without a text, or without any item, are refused", function()
    refused('prompts = { items = { { txt = "?" } } }, limits = { max_tokens = 4 }', 'items[1] must be { text = "..." }')
    refused('prompts = { items = {} }, limits = { max_tokens = 4 }', "items is empty")
  end)
end)

describe("a set that was drawn with one seed for all repeats", function()
  local SAME = [[prompts = assert(data.prompts { dataset = "random", tokens = 20, count = 4 }),
    limits = { max_tokens = 4 }]]

  it("is warned of", function()
    round(SAME)
    local warning = "Warning: every repeat of 2 cells sends the same prompts, drawn with seed 12345"
    local plan = w:run "plan grid.lua --repeats 2"
    assert.truthy(plan.out:find(warning, 1, true), plan.out)
    assert.is_nil(w:run("plan grid.lua").out:find("same prompts", 1, true))
    local run = w:run(RUN .. "--repeats 2")
    assert.truthy(run.err:find(warning, 1, true), run.err)
  end)
end)
