-- Cells that leave the trend of their neighbours, and cells that mostly measured ramp-up and drain.

local anomaly = require "specbench.analysis.anomaly"
local flags = require "specbench.analysis.flags"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local reference_folder = require "specbench.export.spec_bench_vllm_folder"
local report = require "specbench.report"
local test_data = dofile(require("sb.environment").home .. "/tests/lua/test_data.lua")

local function published()
  return test_data(pending, "seed-results/round1")
end

local function throughput(cell) return cell.value end

-- concurrency -> tokens/s, as cells
local function line(values, coordinates, repetition)
  local cells = {}
  for concurrency, value in pairs(values) do
    local at = { concurrency = concurrency }
    for name, word in pairs(coordinates or {}) do at[name] = word end
    cells[#cells + 1] = { coordinates = at, value = value, repetition = repetition or 1 }
  end
  return cells
end

local function found_in(cells)
  local list = {}
  for _, found in ipairs(anomaly.find(cells, throughput)) do list[#list + 1] = found.cell.coordinates.concurrency end
  table.sort(list)
  return list
end

local healthy = { [1] = 100, [4] = 380, [8] = 700, [16] = 1100, [32] = 1500, [64] = 1700, [128] = 1750 }

local function with(changes)
  local values = {}
  for concurrency, value in pairs(healthy) do values[concurrency] = changes[concurrency] or value end
  return values
end

describe("an anomaly", function()
  it("is judged by three neighbours, of two as near by that with fewer streams, however logarithms round", function()
    -- 8 and 64 are too fast; of 4 and 64, both a factor of four away from 16, it is 4 that judges it
    for _, concurrency in ipairs(found_in(line(with { [8] = 2000, [64] = 20000 }))) do
      assert.is_true(concurrency ~= 16)
    end
  end)

  it("is a cell far from its neighbours, wherever on the axis, and never a neighbour of it", function()
    assert.same({}, found_in(line(healthy)))
    for concurrency, value in pairs(healthy) do
      assert.same({ concurrency }, found_in(line(with { [concurrency] = value / 5 })))
      assert.same({ concurrency }, found_in(line(with { [concurrency] = value * 20 })))
    end
  end)

  it("is told with its factor and the neighbours", function()
    local found = anomaly.find(line(with { [128] = 17 }), throughput)[1]
    assert.is_true(math.abs(found.factor - 17 / 1500) < 1e-9) -- the median of three: 64 streams say 1700, 16 say 1100
    assert.truthy(found.reason:find("17 tokens/s is 88.2 times less", 1, true), found.reason)
    assert.truthy(found.reason:find("1700 at 64, 1500 at 32, 1100 at 16", 1, true), found.reason)
  end)

  it("is not a knee, a plateau, linear growth or a mild decline", function()
    assert.same({}, found_in(line { [1] = 100, [16] = 1600, [32] = 1600, [64] = 1600 }))
    assert.same({}, found_in(line { [1] = 100, [2] = 200, [4] = 400, [64] = 6400 }))
    assert.same({}, found_in(line { [32] = 1700, [64] = 1750, [128] = 1500, [256] = 1450 }))
  end)

  it("needs two neighbours that agree", function()
    assert.same({}, found_in(line { [8] = 100, [16] = 1 }))
    assert.same({ 16 }, found_in(line { [4] = 90, [8] = 100, [16] = 5 }))
    assert.same({}, found_in(line { [8] = 100 }))
  end)

  it("is looked for among cells that differ in concurrency alone", function()
    local cells = line(healthy, { task = "a" })
    for _, cell in ipairs(line({ [1] = 1, [4] = 4, [8] = 8 }, { task = "b" })) do cells[#cells + 1] = cell end
    for _, cell in ipairs(line({ [1] = 7, [4] = 20, [8] = 0.1 }, { task = "a" }, 2)) do cells[#cells + 1] = cell end
    local found = anomaly.find(cells, throughput)
    assert.equal(1, #found)
    assert.equal(2, found[1].cell.repetition)
    assert.equal(8, found[1].cell.coordinates.concurrency)
  end)
end)

describe("a stall", function()
  -- of a window of 10 s in which first tokens take 0.1 s and chunks 0.02 s
  local function cell(gap, changes)
    local m = { steady_longest_gap = gap, steady_duration = 10, ["ttft_ms.p90"] = 100, ["itl_chunk_ms.p90"] = 20 }
    for name, value in pairs(changes or {}) do m[name] = value end
    return { metrics = m, clock_scale = changes and changes.scale or 1 }
  end

  it("is a twentieth of the steady window and far more than what a token takes", function()
    assert.is_nil(anomaly.stall(cell(0.5)))
    assert.equal("no stream got a token for 0.6 s of its 10 s at full load; 90 % of first tokens and chunks take under "
      .. "0.1 s", anomaly.stall(cell(0.6)))
    assert.is_nil(anomaly.stall(cell(4.9, { ["ttft_ms.p90"] = 1000 }))) -- long prompts are waited for
    assert.truthy(anomaly.stall(cell(5.1, { ["ttft_ms.p90"] = 1000 })))
  end)

  it("takes a quarter of a second of wall time, below which a busy machine does that", function()
    local quick = { steady_duration = 1, ["ttft_ms.p90"] = 1, ["itl_chunk_ms.p90"] = 1 }
    assert.is_nil(anomaly.stall(cell(0.24, quick)))
    assert.truthy(anomaly.stall(cell(0.26, quick)))
    quick.scale = 20
    assert.is_nil(anomaly.stall(cell(0.9, quick)))
  end)

  it("is not looked for without a steady window or token counts", function()
    assert.is_nil(anomaly.stall { metrics = {} })
    assert.is_nil(anomaly.stall { metrics = { steady_longest_gap = 5 } })
  end)
end)

describe("the drain flag", function()
  local function cell(metrics, workload)
    return { metrics = metrics, identity = { workload = workload } }
  end

  it("follows the timelines where there are some", function()
    assert.truthy(flags.drain(cell({ drain = true, steady_share = 0.31, requests = 512 }, { concurrency = 8 }))
      :find("31 %", 1, true))
    assert.is_nil(flags.drain(cell({ drain = false, steady_share = 0.9, requests = 8 }, { concurrency = 8 })))
  end)

  it("else follows the number of prompts a stream", function()
    assert.equal("15 prompts for 8 streams", flags.drain(cell({ requests = 15 }, { concurrency = 8 })))
    assert.is_nil(flags.drain(cell({ requests = 16 }, { concurrency = 8 })))
    assert.is_nil(flags.drain(cell({ requests = 3 }, { rate = 2 })))
  end)
end)

describe("the published round 1", function()
  it("has one anomaly among its 696 cells: the one of 6270 s", function()
    local list = {}
    for _, item in ipairs(flags.of(assert(reference_folder.open(published())):cells())) do
      if item.flag == "anomaly" then list[#list + 1] = item end
    end
    assert.equal(1, #list)
    local at = list[1].cell.coordinates
    assert.same({ "sps", "ShareGPT", 4, 128 }, { at.method, at.task, at.k, at.concurrency })
    assert.equal(6270, math.floor(list[1].cell.metrics.duration))
  end)

  it("drains in the cells with fewer than 2 prompts a stream, and in no other", function()
    local cells, flagged, count = assert(reference_folder.open(published())):cells(), {}, 0
    for _, item in ipairs(flags.of(cells)) do
      if item.flag == "drain" then flagged[item.cell] = true end
    end
    for _, cell in ipairs(cells) do
      assert.equal(cell.row.num_prompts < 2 * cell.row.max_concurrency, flagged[cell] or false)
      if flagged[cell] then count = count + 1 end
    end
    assert.equal(132, count) -- 80 prompts at 64 and 128 streams: six tasks, eleven servers
  end)

  it("is reported with both", function()
    local folder = os.tmpname()
    os.remove(folder)
    local store = assert(reference_folder.open(published()))
    store.out = folder
    local printed = assert(io.tmpfile())
    report.write(store, { full = true, pictures = false, out = printed })
    printed:seek "set"
    local text = printed:read "a"
    printed:close()
    assert.truthy(text:find("Anomaly: method=sps task=ShareGPT k=4 concurrency=128: 31.24 tokens/s", 1, true))
    assert.truthy(text:find("Drain: 132 cells", 1, true))
    local counts = { anomaly = 0, drain = 0 }
    for row in assert(fs.read(folder .. "/flags.jsonl")):gmatch "[^\n]+" do
      row = assert(json.decode(row))
      counts[row.flag] = counts[row.flag] + 1
      assert.truthy(row.reason and row.coordinates.concurrency)
    end
    assert.same({ anomaly = 1, drain = 132 }, counts)
    fs.remove(folder)
  end)
end)
