-- What a cell's GPUs drew while they answered, and whether their clocks were held back: NVML's counters before and
-- after the load, else nvidia-smi's power, sampled beside it.

local fs = require "sb.fs"
local nvidia_smi = require "specbench.base.nvidia_smi"
local nvml = require "sb.nvml"
local proc = require "sb.proc"

local energy = {}

local LEAST_SECONDS = 5 -- counters move about ten times a second: less says more of that than of the load
local SAMPLE_MS = 200

---@class specbench.energy
---@field joules number of all GPUs of the server
---@field seconds number that they were counted for
---@field source "nvml"|"nvidia-smi"
---@field gpus { uuid: string, joules: number, sm_clock_mhz: integer?, power_limited_s: number?,
---  thermal_limited_s: number? }[] the clock at the load's end; seconds in which power and heat held clocks back

-- The GPUs of a server that was given none, because nobody tells which there are: the first ones.
local function first(count)
  local list = {}
  for i = 1, count do list[i] = i - 1 end
  return list
end

local library, missing -- looked for once

local function open()
  if library == nil then
    local found, message = nvml.open()
    library, missing = found or false, message
  end
  return library or nil, missing
end

-- One reading a GPU, or nil and why.
local function read_all(source, gpus)
  local readings = {}
  for i, gpu in ipairs(gpus) do
    local reading, message = source:read(gpu)
    if not reading then return nil, message end
    if not reading.joules then return nil, ("GPU %s counts no energy"):format(reading.uuid) end
    readings[i] = reading
  end
  return readings
end

---@param before sb.GpuReading[]
---@param after sb.GpuReading[] of the same GPUs
---@param seconds number between them
---@return specbench.energy
function energy.between(before, after, seconds)
  local result = { joules = 0, seconds = seconds, source = "nvml", gpus = {} }
  for i, reading in ipairs(after) do
    local function gained(field)
      return reading[field] and before[i][field] and reading[field] - before[i][field] or nil
    end
    result.gpus[i] = {
      uuid = reading.uuid, joules = gained "joules", sm_clock_mhz = reading.sm_clock_mhz,
      power_limited_s = gained "power_limited_s", thermal_limited_s = gained "thermal_limited_s",
    }
    result.joules = result.joules + gained "joules"
  end
  return result
end

local FIELDS = { "uuid", "power.draw", "clocks.current.sm" }

---What nvidia-smi wrote: "GPU-..., 312.50, 1980" a line.
---@param text string
---@param seconds number that it covers
---@return specbench.energy? energy nil where no line has a power
function energy.of_samples(text, seconds)
  local by_uuid, order = {}, {}
  for _, row in ipairs(nvidia_smi.rows(text, FIELDS)) do
    local uuid, power, clock = row.uuid, tonumber(row["power.draw"]), math.tointeger(tonumber(row["clocks.current.sm"]))
    if power and clock and not by_uuid[uuid] then
      by_uuid[uuid] = { uuid = uuid, sum = 0, count = 0 }
      order[#order + 1] = by_uuid[uuid]
    end
    local gpu = by_uuid[uuid]
    if power and clock then gpu.sum, gpu.count, gpu.clock = gpu.sum + power, gpu.count + 1, clock end
  end
  if #order == 0 then return nil end
  local result = { joules = 0, seconds = seconds, source = "nvidia-smi", gpus = {} }
  for i, gpu in ipairs(order) do
    local joules = gpu.sum / gpu.count * seconds
    result.gpus[i] = { uuid = gpu.uuid, joules = joules, sm_clock_mhz = gpu.clock }
    result.joules = result.joules + joules
  end
  return result
end

-- nvidia-smi, writing samples to a file until it is stopped.
local function sample(gpus, path)
  if not nvidia_smi.is_there() then return nil end
  local process = proc.start { argv = nvidia_smi.argv(FIELDS, { gpus = gpus, every_ms = SAMPLE_MS }), log = path }
  return process and { process = process, path = path }
end

local Meter = {}
Meter.__index = Meter

local at_work = {} -- GPU -> the meter of the cell that loads it now

-- Cells that load one GPU at a time cannot tell their energy apart.
local function claim(self)
  for _, gpu in ipairs(self.gpus) do
    local other = at_work[gpu]
    if other then self.shared, other.shared = true, true end
    at_work[gpu] = self
  end
end

local function let_go(self)
  for _, gpu in ipairs(self.gpus) do
    if at_work[gpu] == self then at_work[gpu] = nil end
  end
end

---Begins to count. To be called right before the load, and ended right after it: neither belongs beside it.
---@param job specbench.job
---@param server specbench.server
---@return { finish: fun(self, seconds: number): specbench.energy?, string? }? meter nil where no GPU of this machine
---  answers for the cell alone
function energy.begin(job, server)
  local engine = job.engine
  if not (engine.uses_gpus and engine.capabilities.spawn) or job.identity.virtual then return nil end
  local gpus = server.gpus
  if not gpus or #gpus == 0 then gpus = first(job.server.tensor_parallel or 1) end
  local self = setmetatable({ gpus = gpus }, Meter)
  self.source, self.message = open()
  if self.source then self.before, self.message = read_all(self.source, gpus) end
  if not self.before then self.sampled = sample(gpus, server.log .. ".power") end
  claim(self)
  return self
end

local function finish_samples(self, seconds)
  local process <close> = self.sampled.process
  process:stop(1)
  process:wait_end(5)
  local text = fs.read(self.sampled.path)
  fs.remove(self.sampled.path)
  local result = text and energy.of_samples(text, seconds)
  return result or nil, not result and "nvidia-smi told no power" or nil
end

---@param seconds number the load took
---@return specbench.energy? energy
---@return string? why it is not known
function Meter:finish(seconds)
  let_go(self)
  local result, message = nil, self.message
  if self.sampled then
    result, message = finish_samples(self, seconds)
  elseif self.before then
    local after
    after, message = read_all(self.source, self.gpus)
    result = after and energy.between(self.before, after, seconds)
  end
  if seconds < LEAST_SECONDS then return nil, ("the load took less than %d s"):format(LEAST_SECONDS) end
  if self.shared then return nil, "another cell loaded its GPU meanwhile" end
  return result, message
end

return energy
