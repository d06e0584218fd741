-- What a token costs in energy and in money, beside the baseline's. A method that is faster and burns more is told by
-- the ratio: above 1 it needs more energy a token than plain decoding does.

local intervals = require "specbench.analysis.intervals"

local energy = {}

---@class specbench.token_energy
---@field ratio number method's joules a token / the baseline's, the geometric mean over repeats
---@field low number? 95 % interval of the ratio, from three repeats on
---@field high number?
---@field value number joules an output token, the mean over repeats
---@field baseline number
---@field limited "power"|"heat"|nil what held clocks back, for a part of the time that matters

local NOTABLE = 0.05 -- share of a cell's time in which clocks were held back

---@param cell table
---@return number? joules an output token; nil where energy or tokens are not known
function energy.per_token(cell)
  local tokens = cell.metrics.total_output_tokens
  return cell.energy and tokens and tokens > 0 and cell.energy.joules / tokens or nil
end

-- What held the clocks of a cell's GPUs back for longest.
local function limited(cell)
  local what, longest = nil, NOTABLE * cell.energy.seconds
  for _, gpu in ipairs(cell.energy.gpus or {}) do
    for _, reason in ipairs { { "heat", gpu.thermal_limited_s }, { "power", gpu.power_limited_s } } do
      local word, seconds = table.unpack(reason, 1, 2)
      if (seconds or 0) > longest then what, longest = word, seconds end
    end
  end
  return what
end

---@param repeats { cell: table, base: table }[]
---@return specbench.token_energy? figure nil where a repeat has none
function energy.of(repeats)
  local logs, value, baseline, held = {}, 0, 0, nil
  for i, one in ipairs(repeats) do
    local mine, other = energy.per_token(one.cell), energy.per_token(one.base)
    if not (mine and other and mine > 0 and other > 0) then return nil end
    logs[i], value, baseline = math.log(mine / other), value + mine, baseline + other
    held = held or limited(one.cell) or limited(one.base)
  end
  if #logs == 0 then return nil end
  local mean = 0
  for _, log in ipairs(logs) do mean = mean + log / #logs end
  local interval = #logs >= intervals.MIN_REPEATS and intervals.of(repeats, logs) or {}
  return {
    ratio = math.exp(mean), low = interval.low and math.exp(interval.low), high = interval.high
      and math.exp(interval.high), value = value / #logs, baseline = baseline / #logs, limited = held,
  }
end

---"1.12 [1.08, 1.16]"
---@param figure specbench.token_energy
---@return string
function energy.ratio_text(figure)
  return ("%.2f%s"):format(figure.ratio, figure.low and (" [%.2f, %.2f]"):format(figure.low, figure.high) or "")
end

---"1.12 [1.08, 1.16] (0.41 -> 0.46 J)"
---@param figure specbench.token_energy?
---@return string
function energy.text(figure)
  if not figure then return "-" end
  local held = figure.limited and (", clocks held back by %s"):format(figure.limited) or ""
  return ("%s (%.3g -> %.3g J%s)"):format(energy.ratio_text(figure), figure.baseline, figure.value, held)
end

---How many GPUs a cell's server stood on.
---@param cell table
---@return integer
function energy.gpu_count(cell)
  local named = cell.engine.gpus
  if type(named) == "table" and #named > 0 then return #named end
  return math.tointeger(cell.identity.server.tensor_parallel) or 1
end

---@param cell table
---@return number? seconds of a GPU that an output token takes; nil where the throughput is not known
function energy.gpu_seconds(cell)
  local throughput = cell.metrics.output_throughput
  return throughput and throughput > 0 and energy.gpu_count(cell) / throughput or nil
end

---GPU seconds an output token, the mean over repeats: a price of a GPU hour makes money of it.
---@param repeats { cell: table, base: table }[]
---@return { value: number, baseline: number }? figure nil where a repeat's output throughput is not known
function energy.gpu_time(repeats)
  local value, baseline = 0, 0
  for _, one in ipairs(repeats) do
    local mine, other = energy.gpu_seconds(one.cell), energy.gpu_seconds(one.base)
    if not (mine and other) then return nil end
    value, baseline = value + mine / #repeats, baseline + other / #repeats
  end
  return #repeats > 0 and { value = value, baseline = baseline } or nil
end

---@param seconds number of a GPU, an output token
---@param price number of a GPU hour
---@return number of a million output tokens
function energy.price(seconds, price)
  return seconds * 1e6 / 3600 * price
end

---"0.84 (0.97)": a million output tokens, with the baseline's in brackets
---@param figure { value: number, baseline: number }?
---@param price number of a GPU hour
---@return string
function energy.price_text(figure, price)
  if not figure then return "-" end
  return ("%.3g (%.3g)"):format(energy.price(figure.value, price), energy.price(figure.baseline, price))
end

return energy
