local fs = require "sb.fs"
local json = require "specbench.base.json"

local w

-- One cell of 24 requests after a warm-up one; on the simulator a second of wall time is 40 s.
local ROUND = [[
local bench = require "specbench"
local data = require "specbench.dataset"
return bench.round {
  name = "stalls",
  axes = { { "concurrency", { 2 } } },
  server = function() return { model = "qwen2.5-7b", method = "none" } end,
  workload = function(c)
    return {
      prompts = assert(data.prompts { dataset = "random", tokens = 20, count = 24, seed = c.seed }),
      limits = function() return { max_tokens = 16, ignore_eos = true } end,
    }
  end,
}
]]

local ONCE, AGAIN = "freeze@12:60", "freeze@37:60" -- 25 requests a cell

local function run(options)
  return w:run("run --full grid.lua --models models.lua --speed 40 --no-pictures --out results " .. (options or ""))
end

local function both(id)
  local first = json.decode(w:read(("results/cells/%s/cell.json"):format(id)))
  local second = json.decode(w:read(("results/reruns/%s/cell.json"):format(id)))
  return first, second
end

local function flags()
  local found = {}
  for line in (w:read "results/flags.jsonl" or ""):gmatch "[^\n]+" do found[json.decode(line).flag] = true end
  return found
end

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", ROUND)
end)
after_each(function() w:remove() end)

describe("a cell whose server stands still", function()
  it("is measured once more; both results are kept and shown, and the second counts", function()
    w:faults { ONCE }
    local result = run()
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("1 cell: 1 measured, 0 done before, 0 failed", 1, true), result.err)
    assert.truthy(result.err:find("1 of them looked wrong and were measured once more", 1, true), result.err)
    assert.equal(1, #w:servers())
    local id = next(w:cells "cells")
    local first, second = both(id)
    assert.is_nil(first.rerun)
    assert.equal("stall", second.rerun.flag)
    assert.truthy(second.rerun.reason:find "no stream got a token for [%d.]+ s")
    assert.is_true(first.metrics.steady_longest_gap > 50 and second.metrics.steady_longest_gap < 40)
    assert.is_true(first.metrics.duration > second.metrics.duration)
    assert.truthy(fs.stat(w.folder .. "/results/reruns/" .. id .. "/records.bin"))
    assert.truthy(result.out:find("Measured twice: .*then [%d.]+, which counts, because the first looked wrong"),
      result.out)
    assert.is_true(flags().rerun and not flags().stall)
    -- and that is all: the same command has nothing to do
    local again = run()
    assert.truthy(again.err:find("nothing to do", 1, true), again.err)
  end)

  it("both times is flagged still, and not measured a third time", function()
    w:faults { ONCE, AGAIN }
    local result = run()
    assert.equal(0, result.status, result.err)
    local _, second = both(next(w:cells "cells"))
    assert.is_true(second.metrics.steady_longest_gap > 50)
    assert.is_true(flags().rerun and flags().stall)
    assert.truthy(result.out:find("Stall: ", 1, true), result.out)
    assert.truthy(run().err:find("nothing to do", 1, true))
  end)

  it("is measured once only with --no-rerun, and again by a later run without it", function()
    w:faults { ONCE }
    local result = run "--no-rerun"
    assert.equal(0, result.status, result.err)
    assert.same({}, fs.list(w.folder .. "/results/reruns"))
    assert.is_true(flags().stall)
    local first = w:cells "cells"
    w:faults {}
    result = run()
    assert.truthy(result.err:find("1 cell: 0 measured, 1 done before, 0 failed", 1, true), result.err)
    assert.same(first, w:cells "cells")
    both(next(first))
    assert.is_true(flags().rerun)
  end)

  it("and fails the second time keeps its first result, and the next run tries again", function()
    w:faults { ONCE, "http500@30" }
    local result = run()
    assert.equal(3, result.status, result.err)
    assert.truthy(result.err:find("once more .*FAILED"), result.err)
    assert.truthy(result.err:find("1 cell: 1 measured, 0 done before, 1 failed", 1, true), result.err)
    assert.equal(1, w:count "cells")
    assert.equal(1, w:count "failed")
    w:faults {}
    result = run()
    assert.equal(0, result.status, result.err)
    both(next(w:cells "cells"))
  end)

  it("is set aside with its second result by --fresh", function()
    w:faults { ONCE }
    run()
    w:faults {}
    run "--fresh"
    assert.same({}, fs.list(w.folder .. "/results/reruns"))
    assert.equal(1, w:count "cells")
  end)
end)
