-- What cells cost in energy: the GPUs' counters (of a stand-in for NVIDIA's library, on the library path), samples of
-- nvidia-smi where there are none, and the figures of a token.

local figures = require "specbench.analysis.energy"
local fs = require "sb.fs"
local meter = require "specbench.sweep.energy"
local nvml = require "sb.nvml"
local task = require "sb.task"

local vllm = { uses_gpus = true, capabilities = { spawn = true } }

local function job(fields)
  local made = { engine = vllm, identity = {}, server = {} }
  for name, value in pairs(fields or {}) do made[name] = value end
  return made
end

local folder

before_each(function()
  folder = os.tmpname()
  os.remove(folder)
  assert(fs.mkdir(folder))
end)
after_each(function() fs.remove(folder) end)

local function server(...)
  return { gpus = { ... }, log = folder .. "/server.log" }
end

describe("the GPUs' own counters", function()
  it("tell energy, clock and limits, and what a GPU does not tell is absent", function()
    local library <close> = assert(nvml.open())
    assert.equal(2, library:count())
    local first = assert(library:read(0))
    assert.equal("GPU-fake-0", first.uuid)
    assert.equal(1980, first.sm_clock_mhz)
    assert.is_nil(first.thermal_limited_s)
    assert.is_true(first.power_limited_s > 0)
    local divided = assert(library:read "GPU-fake-1")
    assert.equal(1, divided.index)
    assert.is_nil(divided.joules)
    local _, message = library:read "MIG-1"
    assert.equal("NVML: no GPU of this UUID: Not Found", message)
    assert.equal("io", select(3, library:read "MIG-1"))
    for _, place in ipairs { -1, 1 << 32 } do
      assert.truthy(select(2, pcall(library.read, library, place)):find("counted from 0", 1, true))
    end
    assert.is_false(pcall(library.__gc))
    library:__close()
    assert.truthy(select(2, pcall(library.read, library, 0)):find("closed", 1, true))
  end)

  it("are read before and after a cell", function()
    local one = assert(meter.begin(job(), server(0)))
    task.sleep(0.3)
    local found = assert(one:finish(6)) -- as long as the load says that it took
    assert.equal("nvml", found.source)
    assert.is_true(found.joules >= 0.29 * 300, found.joules)
    assert.equal("GPU-fake-0", found.gpus[1].uuid)
    assert.near(found.joules / 300 / 2, found.gpus[1].power_limited_s, 0.01)
    assert.same({}, fs.list(folder))
  end)

  it("say why there is no figure", function()
    local short = assert(meter.begin(job(), server(0)))
    assert.same({ nil, "the load took less than 5 s" }, { short:finish(4.9) })
    local divided = assert(meter.begin(job(), server(1)))
    assert.equal("GPU GPU-fake-1 counts no energy", select(2, divided:finish(6)))
    local first, second = meter.begin(job(), server(0)), meter.begin(job(), server(0))
    assert.equal("another cell loaded its GPU meanwhile", select(2, second:finish(6)))
    assert.equal("another cell loaded its GPU meanwhile", select(2, first:finish(6)))
    local after = assert(meter.begin(job(), server(0)))
    assert.truthy(after:finish(6))
  end)

  it("are nobody's where no GPU of this machine answers", function()
    assert.is_nil(meter.begin(job { engine = { capabilities = { spawn = true } } }, server(0)))
    assert.is_nil(meter.begin(job { engine = { uses_gpus = true, capabilities = {} } }, server(0)))
    assert.is_nil(meter.begin(job { identity = { virtual = true } }, server(0)))
  end)
end)

describe("nvidia-smi's samples", function()
  it("are a mean power a GPU, over the load's time", function()
    local found = meter.of_samples("GPU-a, 300.0, 1980\nGPU-b, 100.0, 900\nGPU-a, 500.0, 1700\nGPU-b, [N/A], 900\n", 10)
    assert.equal("nvidia-smi", found.source)
    assert.near(4000 + 1000, found.joules, 1e-9)
    assert.same({ uuid = "GPU-a", joules = 4000.0, sm_clock_mhz = 1700 }, found.gpus[1])
    assert.is_nil(meter.of_samples("No devices were found\n", 10))
  end)
end)

local function cell(repetition, joules, tokens, throughput)
  return {
    repetition = repetition, metrics = { total_output_tokens = tokens, output_throughput = throughput },
    energy = joules and { joules = joules, seconds = 10, gpus = { { uuid = "GPU-a", power_limited_s = 0.1 } } },
    engine = { gpus = { 0, 1 } }, identity = { server = {} },
  }
end

describe("a token's energy", function()
  it("is compared repeat by repeat, with an interval from three on", function()
    local list = {}
    for i = 1, 3 do list[i] = { base = cell(i, 100, 1000, 100), cell = cell(i, 110 + i, 1000, 200) } end
    local found = figures.of(list)
    assert.near(0.112, found.value, 1e-9)
    assert.near(0.1, found.baseline, 1e-9)
    assert.is_true(found.low < found.ratio and found.ratio < found.high)
    assert.is_nil(found.limited)
    assert.equal("1.12 [1.10, 1.15] (0.1 -> 0.112 J)", figures.text(found))
    list[2].cell.energy.gpus[1].power_limited_s = 2
    assert.equal("power", figures.of(list).limited)
    list[2].cell.energy.gpus[1].thermal_limited_s = 3 -- what held them back for longest
    assert.equal("heat", figures.of(list).limited)
    list[2].cell.energy.gpus[1].thermal_limited_s = 1
    assert.equal("power", figures.of(list).limited)
    list[3].base.energy = nil
    assert.is_nil(figures.of(list))
    assert.equal("-", figures.text(nil))
  end)

  it("is none where tokens are not known", function()
    assert.is_nil(figures.per_token(cell(1, 100, nil, nil)))
    assert.is_nil(figures.per_token(cell(1, 100, 0, nil)))
  end)

  it("has a price by the GPU hour", function()
    local time = figures.gpu_time { { base = cell(1, 1, 1, 100), cell = cell(1, 1, 1, 200) } }
    -- 2 GPUs, 200 tokens/s: a million tokens take 10,000 GPU seconds
    assert.equal("6.94 (13.9)", figures.price_text(time, 2.5))
    assert.is_nil(figures.gpu_time { { base = cell(1, 1, 1, nil), cell = cell(1, 1, 1, 200) } })
  end)
end)
