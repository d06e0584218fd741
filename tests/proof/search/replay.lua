-- Plays a search against a grid that is measured already: what it asks for it gets, at the cost of the cell and of a
-- server's start where another one was up.

local keys = require "specbench.results.keys"
local search = require "specbench.search"
local speedup = require "specbench.analysis.speedup"

local replay = {}

-- Seconds of the whole grid, each server started once.
local function whole(measured, start)
  local seconds, started = 0, {}
  for _, place in ipairs(measured.places) do
    seconds = seconds + measured.by_place[place.key].metrics.duration + (started[place.slot] and 0 or start)
    started[place.slot] = true
  end
  return seconds
end

-- The speeds at a place of a question: of the best setting that speculates, and of the baseline.
local function truth_of(measured)
  local truth = {}
  local function speed(key) return speedup.total_token_throughput(measured.by_place[key]) end
  for _, place in ipairs(measured.places) do
    if not place.plain then
      local name = ("%s\31%s\31%d"):format(place.server, place.work, place.concurrency)
      local own = truth[name] or { best_k = 0, plain = speed(place.baseline) }
      own.best_k, truth[name] = math.max(own.best_k, speed(place.key)), own
    end
  end
  return truth, speed
end

---@class replay.verdict
---@field asked integer methods x tasks x loads
---@field right integer within the tolerance of the whole grid's best, no speculation being a setting as well
---@field right_k integer likewise among the settings that speculate alone
---@field sure integer answered with the probability that was asked
---@field regret number mean loss by what was chosen
---@field cells integer
---@field starts integer
---@field seconds number
---@field whole number seconds
---@field last number seconds of the last cell, its server's start included
---@field ended string

---@param measured world.measured
---@param options { tolerance: number, start: number, budget: number? } start: seconds of a server's
---@return replay.verdict
function replay.run(measured, options)
  local found = search.new { round = measured.round, places = measured.places, tolerance = options.tolerance,
    any_model = measured.any_model }
  local slots, have, up = {}, {}, nil
  for _, place in ipairs(measured.places) do slots[place.key] = place.slot end
  local said = { asked = 0, right = 0, right_k = 0, sure = 0, regret = 0, cells = 0, starts = 0,
    seconds = 0, last = 0, whole = whole(measured, options.start) }
  while true do
    local key
    key, said.ended = found:next { up = up, start = function() return options.start end,
      left = options.budget and options.budget - said.seconds }
    if not key then break end
    local cell, start = measured.by_place[key], slots[key] ~= up and options.start or 0
    up, said.starts = slots[key], said.starts + (start > 0 and 1 or 0)
    said.last = cell.metrics.duration + start
    said.seconds, said.cells = said.seconds + said.last, said.cells + 1
    have[#have + 1] = cell
    found:learn(have)
  end
  local truth, speed = truth_of(measured)
  for _, answer in ipairs(found:answers()) do
    local own = truth[("%s\31%s\31%d"):format(answer.method, answer.work, answer.concurrency)]
    local of_k = speed(keys.place(keys.of(measured.round, answer.best)))
    local best = math.max(own.best_k, own.plain)
    local loss = 1 - (answer.pays and of_k or own.plain) / best
    said.asked, said.regret = said.asked + 1, said.regret + loss
    said.right = said.right + (loss <= options.tolerance and 1 or 0)
    said.right_k = said.right_k + (1 - of_k / own.best_k <= options.tolerance and 1 or 0)
    said.sure = said.sure + (answer.answered and 1 or 0)
  end
  said.regret = said.regret / said.asked
  return said
end

return replay
