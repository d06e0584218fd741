-- Figures of whole runs, from the command line to the files.

local json = require "specbench.base.json"
local sealed = require "specbench.results.sealed"

local w

before_each(function() w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

local function each_cell()
  local list = {}
  for _, text in pairs(w:cells "cells") do list[#list + 1] = assert(json.decode(text)) end
  return list
end

describe("--slo", function()
  before_each(function() w:write("grid.lua", w.round()) end)

  it("counts the requests that meet the objectives, and keeps them beside the figure", function()
    local result = w:run_grid "--only method=none --slo ttft=60000,tpot=60000"
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("goodput ", 1, true), result.err)
    for _, cell in ipairs(each_cell()) do
      assert.same({ ttft = 60000, tpot = 60000 }, cell.slo)
      assert.equal(cell.metrics.request_throughput, cell.metrics.request_goodput)
    end
  end)

  it("counts none where none does", function()
    assert.equal(0, w:run_grid("--only method=none --slo tpot=0.001").status)
    for _, cell in ipairs(each_cell()) do assert.equal(0, cell.metrics.request_goodput) end
  end)

  it("is not asked for: no figure", function()
    assert.equal(0, w:run_grid("--only method=none").status)
    for _, cell in ipairs(each_cell()) do assert.is_nil(cell.metrics.request_goodput) end
  end)
end)

describe("a 99th percentile", function()
  it("of few requests is marked and has bounds, in the cell and in the report", function()
    w:write("grid.lua", w.round())
    local result = w:run_grid("--only method=none --no-pictures")
    assert.equal(0, result.status, result.err)
    local cells = each_cell()
    for _, cell in ipairs(cells) do
      local tail = cell.tails.p99
      assert.same({ cell.metrics.completed, 662, false }, { tail.requests, tail.needs, tail.carried })
      assert.is_true(tail.bounds.ttft_ms.low <= cell.metrics["ttft_ms.p99"])
      assert.is_nil(tail.bounds.ttft_ms.high)
    end
    assert.truthy(result.out:find(("a 99th percentile rests on %d requests and needs 662, at 99 %% confidence"):format(
      cells[1].metrics.completed), 1, true), result.out)
  end)
end)

describe("the largest speed-up", function()
  it("is also that of the places best on half of the starts, measured on the other half", function()
    -- at this speed the machine's own stalls would have cells measured once more
    local result = w:run("run --full round2 --quick --speed 400 --repeats 4 --starts 2 --no-rerun --no-pictures "
      .. "--only model=qwen2.5-7b --only task=polish --only context=0.25k --out results")
    assert.equal(0, result.status, result.err)
    local throughputs, places = {}, {}
    for _, cell in ipairs(each_cell()) do
      local at = cell.coordinates
      throughputs[("%s %d %d"):format(at.method, at.concurrency, cell.repetition)] =
        (cell.input_tokens + cell.metrics.total_output_tokens) / cell.metrics.duration
      places[at.concurrency] = true
    end
    local function mean(concurrency, start)
      local sum = 0
      for r = 2 * start - 1, 2 * start do
        local function of(method) return throughputs[("%s %d %d"):format(method, concurrency, r)] end
        sum = sum + math.log(of "draft" / of "none")
      end
      return math.exp(sum / 2)
    end
    local row = assert(json.decode(w:read "results/auto_test_results/online/max_speedup.jsonl"))
    local product = 1
    for start, half in ipairs { "odd", "even" } do
      local best
      for concurrency in pairs(places) do
        if not best or mean(concurrency, start) > mean(best, start) then best = concurrency end
      end
      local place = row.held_out_places[start]
      assert.equal(half .. " starts", place.chosen_on)
      assert.equal(best, place.max_concurrency)
      assert.is_true(math.abs(place.ratio - mean(best, 3 - start)) < 1e-9)
      product = product * place.ratio
    end
    assert.is_true(math.abs(row.held_out_ratio - math.sqrt(product)) < 1e-9)
    assert.truthy(result.out:find("the places that each half of the repeats chooses, measured on the other half", 1,
      true))
  end)
end)

describe("requests", function()
  it("carry ids of their own, those of the warm-up too", function()
    w:write("grid.lua", w.round())
    w:models(("engine_args = { \"--truth\", %q }"):format(w.folder .. "/truth.jsonl"))
    assert.equal(0, w:run_grid("--only method=none --only concurrency=2").status)
    local id, seen = next(w:cells "cells"), {}
    for line in w:read "truth.jsonl":gmatch "[^\n]+" do
      local request = assert(json.decode(line)).request_id
      assert.is_nil(seen[request])
      seen[request] = true
    end
    local expected = { [id .. "-1-warmup-0"] = true }
    for i = 0, 3 do expected[("%s-1-%d"):format(id, i)] = true end
    assert.same(expected, seen)
  end)
end)

describe("acceptance", function()
  it("is kept as the engine counted it and as the answers show it, and a disagreement is reported", function()
    w:write("grid.lua", (w.round():gsub("chunk_timeout", 'baseline = { method = "none" }, %0')))
    assert.equal(0, w:run_grid("--no-pictures").status)
    local changed
    for id, text in pairs(w:cells "cells") do
      local cell = assert(json.decode(text))
      if cell.coordinates.method == "draft" then
        assert.equal(cell.acceptance.drafts, cell.acceptance_seen.steps)
        if cell.coordinates.concurrency == 2 then
          cell.acceptance.accepted_tokens, changed = cell.acceptance.accepted_tokens + 100, id
          w:write(("results/cells/%s/cell.json"):format(id), sealed.encode(cell))
        end
      end
    end
    assert.truthy(changed)
    local report = w:run "report results --full --no-pictures"
    assert.equal(0, report.status, report.err)
    assert.truthy(report.out:find("Acceptance: method=draft concurrency=2: the engine counted", 1, true), report.out)
    assert.is_nil(report.out:find("Acceptance: method=draft concurrency=1", 1, true))
    assert.truthy(w:read("results/flags.jsonl"):find('"flag": "acceptance"', 1, true))
    local rows = w:rows()
    for _, row in ipairs(rows) do
      assert.truthy(row.acceptance.counters.mean_length >= 1 and row.acceptance.timelines.mean_length >= 1)
    end
    assert.is_true(#rows > 0)
  end)
end)
