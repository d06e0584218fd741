-- Why a speed-up is what it is: tokens a step, step time, and time outside decoding.

local base = require "specbench.engine.base"
local stats = require "sb.stats"

local factors = {}

---@param logs number[]
---@return number mean geometric, of what these are the logarithms of
function factors.mean(logs)
  local sum = 0
  for _, value in ipairs(logs) do sum = sum + value end
  return math.exp(sum / #logs)
end

-- Of all steps, where the server says what it accepted request by request; else by the engine's counters, which
-- leave out steps without a draft. One without speculation.
local function tokens_per_step(cell)
  if not base.speculates(cell.identity.server) then return 1 end
  return cell.metrics.tokens_per_step or cell.acceptance and cell.acceptance.mean_length
end

-- The engines whose chunks were steps while cells did not say it themselves.
local STEPS_BEFORE = { sim = true, vllm_v0 = true, ["external:sim"] = true, ["external:vllm_v0"] = true }

-- Several steps on one plan come in one chunk.
local function chunk_is_step(cell)
  local told = cell.engine.chunk_is_step
  if told == nil then told = STEPS_BEFORE[cell.engine.name] or false end
  return told and (cell.identity.server.multi_step or 1) == 1
end

local sides = setmetatable({}, { __mode = "k" }) -- by run: a baseline's is asked for with each of its methods

---Where a run's time went, as far as its timelines and the engine's counters tell.
---@param cell table
---@param run specbench.run
---@return sb.DecodeSide?
function factors.side(cell, run)
  if sides[run] == nil then
    local tokens = tokens_per_step(cell)
    sides[run] = tokens and stats.decode_side(run, tokens, chunk_is_step(cell)) or false
  end
  return sides[run] or nil
end

---Output throughput's ratio by its factors, each the geometric mean over repeats.
---@param repeats table[] see specbench.analysis.repeats.pair
---@return { tokens: number, step: number, rest: number, product: number, measured: number, unexplained: number }?
function factors.of(repeats)
  local logs = { tokens = {}, step = {}, rest = {}, product = {}, measured = {} }
  for _, one in ipairs(repeats) do
    local measured = one.ratios.output_throughput
    if not (measured and one.runs) then return nil end
    local before, after = factors.side(one.base, one.runs[1]), factors.side(one.cell, one.runs[2])
    if not before or not after then return nil end
    local found = stats.decompose(before, after, measured)
    for name, list in pairs(logs) do list[#list + 1] = math.log(found[name]) end
  end
  local result = {}
  for name, list in pairs(logs) do result[name] = factors.mean(list) end
  result.unexplained = result.measured / result.product
  return result
end

return factors
