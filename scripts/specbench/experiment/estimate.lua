-- What a cell will roughly cost, in server seconds: for plans and for the first ETA. Once cells finish, the
-- progress line corrects it by what they took.
--
-- The rule is the shape of a 7B model on an A100: 25 ms a request plus 0.05 ms a prompt token, 11 ms a token and
-- step, steps 0.7 % longer for each further sequence; a model's size in its name ("72b") scales it by weight.

local workload = require "specbench.experiment.workload"

local estimate = {}

local REQUEST, PROMPT_TOKEN, STEP, SEQUENCE = 0.025, 0.00005, 0.0112, 0.007
local SERVER_START = 90

local function size_factor(model)
  local billions = tonumber((model or ""):lower():match "(%d+%.?%d*)b")
  if not billions then return 1 end
  local bytes = model:lower():find "int4" and 0.4 or 1
  return math.max(billions / 7 * bytes, 0.2)
end

---@param work specbench.workload
---@param model string?
---@param clock_scale number?
---@return number seconds of wall time
function estimate.cell(work, model, clock_scale)
  local input, output = workload.tokens(work)
  local prompts = #work.prompts.items
  local streams = workload.streams(work)
  local decode = output / streams * STEP * (1 + SEQUENCE * (streams - 1))
  local seconds = (prompts * REQUEST + input * PROMPT_TOKEN + decode) * size_factor(model)
  if work.rate then seconds = math.max(seconds, prompts / work.rate) end
  return seconds / (clock_scale or 1)
end

---@param engine table
---@return number seconds until a server of this engine is ready
function estimate.server_start(engine)
  if engine.name == "sim" or not engine.capabilities.spawn then return 0.1 end
  return SERVER_START
end

return estimate
