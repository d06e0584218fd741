-- Which cell to measure next: the one that tells most, a second of GPU time, of what is still in doubt. Pure: it knows
-- no files and no servers.
--
-- A rival's ratio to the best setting is normal in its logarithm. Measuring a cell tells of it, in nats,
--
--   -1/2 log(1 - r^2),  r the correlation of the cell's figure, its noise included, with that ratio,
--
-- and each rival counts by the chance that it is the better one. No figure has to be seen for that, only the fit.

local chooser = {}

local LEAST = 1e-3 -- nats: what tells less than this is not worth a start, however cheap
local NEAR = 0.999 -- no cell tells all

---What each candidate would tell of a method's open questions.
---@param candidates specbench.predict.record[] not measured yet
---@param open specbench.search.question[] weighed
---@param fitted specbench.predict.fitted
---@return table<string, number> nats by the candidates' keys
function chooser.gains(candidates, open, fitted)
  local gains = {}
  for _, candidate in ipairs(candidates) do
    local sum, variance = 0, fitted:covariance(candidate, candidate) + fitted:noise(candidate)
    for _, asked in ipairs(open) do
      local with_best = fitted:covariance(candidate, asked.best)
      for _, rival in ipairs(asked.rivals) do
        local shared = with_best - fitted:covariance(candidate, rival.place)
        local square = math.min(NEAR, shared * shared / (variance * rival.variance))
        sum = sum - rival.chance * math.log(1 - square) / 2
      end
    end
    gains[candidate.key] = sum
  end
  return gains
end

---@class specbench.search.candidate
---@field key string
---@field server string which has to be up for it
---@field gain number nats
---@field seconds number that measuring it takes

-- Seconds that leaving the server that is up will cost once more: what it would still tell wants it started again.
local function return_seconds(candidates, state)
  for _, candidate in ipairs(candidates) do
    if candidate.server == state.up and candidate.gain > LEAST then return state.start(state.up) end
  end
  return 0
end

---@param candidates specbench.search.candidate[]
---@param state { up: string?, start: (fun(server: string): number), left: number? } up: the server that is up; start:
---  seconds until one is; left: of the budget
---@return specbench.search.candidate? best
---@return boolean too_long there is none, but some would tell something and do not fit into what is left
function chooser.next(candidates, state)
  local best, most, too_long = nil, 0, false
  local coming_back = return_seconds(candidates, state)
  for _, candidate in ipairs(candidates) do
    if candidate.gain > LEAST then
      local leaves = candidate.server ~= state.up
      local seconds = candidate.seconds + (leaves and state.start(candidate.server) or 0)
      local worth = candidate.gain / (seconds + (leaves and coming_back or 0))
      if state.left and seconds > state.left then
        too_long = true
      elseif worth > most then
        best, most = candidate, worth
      end
    end
  end
  return best, not best and too_long
end

return chooser
