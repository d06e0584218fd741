-- A round that changed after some of its cells were measured: what was measured before is told apart.

local w

before_each(function() w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

-- The round, with this in its servers' description.
local function round(extra)
  local text = w.round():gsub("chunk_timeout", 'baseline = { method = "none" }, chunk_timeout')
  w:write("grid.lua", (text:gsub('model = "qwen2.5%-7b"', (extra or "") .. "%0")))
end

local function table_of(text)
  return text:match "Speed%-ups against the baseline.-\n\n"
end

local SAID = "Measured before the round changed: "

describe("cells of a round that changed since", function()
  it("stand apart, the others do not, and the same command measures what is missing", function()
    round()
    assert.equal(0, w:run_grid("").status)
    round "max_num_seqs = 64, "
    local result = w:run_grid "--only concurrency=1"
    assert.equal(0, result.status, result.err)
    assert.truthy(result.out:find(SAID .. "2 cells, 2 of which have been measured anew (changed: "
      .. "server.max_num_seqs)", 1, true), result.out)
    -- the other concurrency was not planned: nothing is known against its cells
    assert.equal(2, select(2, w:read("results/speedups.jsonl"):gsub("\n", "")))
    result = w:run_grid ""
    assert.truthy(result.out:find(SAID .. "4 cells, 4 of which have been measured anew", 1, true), result.out)
    assert.truthy(result.out:find("Before the round changed: Speed-ups against the baseline", 1, true))
    assert.equal(8, w:count "cells")
    assert.equal(4, table_of(result.out) and select(2, w:read("results/speedups.jsonl"):gsub("\n", "")) * 2)
  end)

  it("are no part of what a script of one's own reads, nor of a comparison", function()
    round()
    assert.equal(0, w:run_grid("").status)
    round "max_num_seqs = 64, "
    w:faults { "die@2" }
    w:run_grid "--only method=draft --only concurrency=1"
    w:write("script.lua", [[
      local results = assert(require("specbench").results "results")
      print(#results.cells, #results.before, #results:speedups())
    ]])
    local told = w:run "script.lua"
    assert.equal("3\t1\t1\n", told.out, told.err)
    told = w:run "watch results --once"
    assert.truthy(told.out:find("3 of 4 cells, 1 FAILED", 1, true), told.out .. told.err)
    told = w:run "compare results results"
    assert.truthy(told.out:find("of 3 cells", 1, true), told.out)
    assert.truthy(told.err:find("1 cell of results measured before its round changed: left out", 1, true), told.err)
  end)

  it("never fill the place of one that is still missing", function()
    round()
    assert.equal(0, w:run_grid("").status)
    round "max_num_seqs = 64, "
    w:faults { "die@2" }
    w:run_grid "--only method=draft --only concurrency=1"
    local result = w:run "report results --full --no-pictures"
    assert.truthy(result.out:find(SAID .. "1 cells, 0 of which have been measured anew; they are no part", 1, true),
      result.out)
    for _, row in ipairs(w:rows()) do assert.equal(2, row.coordinates.concurrency) end
  end)

  it("count again once the round is what it was", function()
    round()
    w:run_grid "--set concurrency=1"
    round "max_num_seqs = 64, "
    w:run_grid "--set concurrency=1"
    round()
    local result = w:run_grid "--set concurrency=1"
    assert.truthy(result.err:find("nothing to do", 1, true))
    result = w:run "report results --full --no-pictures"
    assert.truthy(result.out:find(SAID .. "2 cells, 2 of which", 1, true), result.out)
  end)

  it("are aside with --fresh", function()
    round()
    w:run_grid "--set concurrency=1"
    round "max_num_seqs = 64, "
    local result = w:run_grid "--set concurrency=1 --fresh"
    assert.is_nil(result.out:find(SAID, 1, true), result.out)
  end)
end)
