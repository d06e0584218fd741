---@meta sb.nvml

--- NVIDIA's management library, opened at run time: what GPUs tell of their energy, clocks and limits. Calls take some
--- milliseconds each and block: none belongs beside a load.
local nvml = {}

--- Closed with Lua, or in a `<close>` variable.
---@class sb.Nvml
local Nvml = {}

--- What a GPU does not tell is absent; a GPU divided by MIG tells no energy.
---@class sb.GpuReading
---@field uuid string "GPU-..."
---@field index integer place on the PCI bus, from 0
---@field joules? number since its driver was loaded
---@field sm_clock_mhz? integer at this moment
---@field power_limited_s? number seconds, since its driver was loaded, in which power held its clocks back
---@field thermal_limited_s? number and in which heat did

---@return sb.Nvml? library nil where there is none on this machine
---@return string? message, string? code
function nvml.open() end

---@return integer? count of GPUs
---@return string? message, string? code
function Nvml:count() end

---@param gpu integer|string place on the PCI bus from 0, or UUID
---@return sb.GpuReading? reading
---@return string? message, string? code
function Nvml:read(gpu) end

return nvml
