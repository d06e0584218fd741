-- --lengths: how long answers get, on servers whose answers would otherwise differ in length.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local measure = require "sb.measure"

local w

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("axes =", 'baseline = { method = "none" }, axes =')
    :gsub("return { max_tokens = %d+[^}]*}", "return { max_tokens = 400 }")))
  -- the method's server ends its answers elsewhere
  w:write("server", (w:read("server"):gsub("exec ", function()
    return 'case "$*" in *"--k 3"*|*--method*) set -- "$@" --task SpecBench_translation;; '
      .. '*) set -- "$@" --task SpecBench_math_reasoning;; esac\nexec '
  end)))
  assert(os.execute("chmod +x '" .. w.server .. "'"))
end)
after_each(function() w:remove() end)

local function cells_by_key()
  local cells = {}
  for id, text in pairs(w:cells "cells") do
    local cell = json.decode(text)
    cell.tokens = {}
    local run = assert(measure.decode(assert(fs.read(("%s/results/cells/%s/records.bin"):format(w.folder, id)))))
    for i = 1, #run do cell.tokens[i] = run:request(i).tokens end
    cells[("%s/%g/%g"):format(cell.coordinates.method, cell.coordinates.concurrency, cell.repetition)] = cell
  end
  return cells
end

describe("answers' lengths", function()
  it("are the model's own unless told, and apart they allow no verdict", function()
    local result = w:run_grid "--repeats 3"
    assert.equal(0, result.status, result.err)
    for _, row in ipairs(w:rows()) do
      assert.is_true(row.lengths.ratio < 0.9, row.lengths.ratio)
      if row.coordinates.concurrency == 2 then
        assert.is_nil(row.verdict)
        assert.truthy(row.reason:find("times as long: no verdict (--lengths replay)", 1, true), row.reason)
      end
    end
  end)

  it("are replayed prompt by prompt from the baseline of the same repeat, which goes first", function()
    local result = w:run_grid "--repeats 3 --lengths replay"
    assert.equal(0, result.status, result.err)
    local cells = cells_by_key()
    for repetition = 1, 3 do
      for concurrency = 1, 2 do
        local base = cells[("none/%d/%d"):format(concurrency, repetition)]
        local method = cells[("draft/%d/%d"):format(concurrency, repetition)]
        assert.same(base.tokens, method.tokens)
        assert.equal(base.lengths.sha256, method.lengths.sha256)
        assert.equal("replay", method.lengths.mode)
        assert.is_true(base.schedule.position < method.schedule.position)
        assert.equal(base.identity.workload.limits, method.identity.workload.limits)
      end
    end
    assert.not_equal(cells["none/1/1"].lengths.sha256, cells["none/1/2"].lengths.sha256)
    for _, row in ipairs(w:rows()) do
      assert.equal(1, row.lengths.ratio)
      assert.truthy(row.verdict)
    end
    assert.truthy(w:run_grid("--repeats 3 --lengths replay").err:find("nothing to do", 1, true))
    -- a method's cell that is lost is measured again with the same lengths
    local lost = cells["draft/2/2"]
    fs.remove(w.folder .. "/results/cells/" .. lost.id)
    result = w:run_grid "--repeats 3 --lengths replay --only method=draft"
    assert.equal(0, result.status, result.err)
    assert.same(lost.tokens, cells_by_key()["draft/2/2"].tokens)
  end)

  it("are replayed from a baseline that an earlier run measured, of an open loop too", function()
    w:write("grid.lua", (w:read("grid.lua"):gsub('"concurrency", { 1, 2 }', '"rate", { 2, 20 }')))
    local run = "run grid.lua --virtual --no-pictures --lengths replay --out results"
    assert.equal(0, w:run(run).status)
    for id, text in pairs(w:cells "cells") do
      if json.decode(text).coordinates.method == "draft" then assert(fs.remove(w.folder .. "/results/cells/" .. id)) end
    end
    local result = w:run(run)
    assert.equal(0, result.status, result.err)
    assert.equal(4, w:count "cells")
  end)

  it("cannot be replayed where the baseline has none", function()
    local result = w:run_grid "--lengths replay --only method=draft"
    assert.equal(3, result.status, result.err)
    assert.truthy(result.err:find("its baseline has no answers whose lengths could be replayed", 1, true), result.err)
  end)

  it("are those of the limits where they are fixed", function()
    local result = w:run_grid "--lengths fixed"
    assert.equal(0, result.status, result.err)
    for _, cell in pairs(cells_by_key()) do
      for _, tokens in ipairs(cell.tokens) do assert.equal(400, tokens) end
    end
  end)
end)
