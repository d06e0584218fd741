-- How many requests run at once over the course of a cell, by nothing but the lengths of its answers: as many as the
-- concurrency allows, each slot taking the next request when its answer ends, and at the end the drain.
--
-- Counted in tokens of one sequence, so that one such schedule serves every k and every speed of a step: a method that
-- brings more tokens a step goes through the same schedule in fewer steps.

local rng = require "sb.rng"

local occupancy = {}

-- Answers are put in another order this often, and the schedules' mean is taken: which order the server meets decides
-- how long the last answer runs alone, and no table tells it.
local ORDERS = 4

local NARROWEST, WIDEST = 0.05, 2.0

-- The normal distribution's quantile, by Tukey's lambda: good to 0.01 where it is used.
local function normal_quantile(p)
  return (p ^ 0.135 - (1 - p) ^ 0.135) / 0.1975
end

-- A gamma distribution's quantile, mean 1 (Wilson and Hilferty): near enough for a length.
local function factor(z, spread)
  local ninth = spread * spread / 9
  local root = 1 - ninth + z * math.sqrt(ninth)
  return root > 0 and root ^ 3 or 0
end

-- An order of n things, always the same for one number.
local function shuffled(n, number)
  local list = {}
  for i = 1, n do list[i] = i end
  return rng.new(number):shuffle(list)
end

---Lengths of answers that sum to `total`, as a gamma distribution with this spread and the requests' limits have them.
---@param count integer requests
---@param total number tokens of all answers
---@param spread number standard deviation / mean, before any limit
---@param limits number|number[]|nil tokens that an answer may have: one for all, or one a request
---@param order integer? which of the orders
---@return number[] lengths
---@return number mean of the distribution before the limits
function occupancy.lengths(count, total, spread, limits, order)
  local factors, most = {}, {}
  local one = type(limits) == "number" and limits or nil
  for i, place in ipairs(shuffled(count, order or 1)) do
    factors[i] = factor(normal_quantile((place - 0.5) / count), spread)
    most[i] = one or limits and limits[(i - 1) % #limits + 1] or math.huge
  end
  local low, high, list = 0.0, 64 * total / count, {}
  local function fill(mean)
    local sum = 0
    for i = 1, count do
      local tokens = factors[i] * mean
      tokens = tokens < 1 and 1 or tokens > most[i] and most[i] or tokens
      list[i], sum = tokens, sum + tokens
    end
    return sum
  end
  for _ = 1, 40 do
    local middle = (low + high) / 2
    if fill(middle) < total then low = middle else high = middle end
  end
  local scale = total / fill(high) -- limits below the total: then they are wrong
  for i = 1, count do list[i] = list[i] * scale end
  return list, high
end

---The mean of the answers' lengths before any limit.
---@param work { requests: integer, output_tokens: number, limits: number|number[]|nil }
---@param spread number
---@return number tokens
function occupancy.natural_mean(work, spread)
  return (select(2, occupancy.lengths(work.requests, work.output_tokens, spread, work.limits)))
end

-- The smallest of a heap goes down to its place.
local function settle(heap, size)
  local value, at = heap[1], 1
  while true do
    local child = 2 * at
    if child > size then break end
    if child < size and heap[child + 1] < heap[child] then child = child + 1 end
    if heap[child] >= value then break end
    heap[at], at = heap[child], child
  end
  heap[at] = value
end

---For how long how many requests run: tokens of one sequence spent with n of them, for n = 1 to the concurrency.
---@param lengths number[]
---@param concurrency integer
---@return number[] tokens by n
function occupancy.schedule(lengths, concurrency)
  local count = #lengths
  local slots = math.min(concurrency, count)
  local spent = {}
  for n = 1, slots do spent[n] = 0.0 end
  if slots == 1 then
    for i = 1, count do spent[1] = spent[1] + lengths[i] end
    return spent
  end
  local heap = table.move(lengths, 1, slots, 1, {})
  table.sort(heap)
  local size, now = slots, 0.0
  for i = slots + 1, count + slots do
    local finished = heap[1]
    spent[size] = spent[size] + finished - now
    now = finished
    if i <= count then
      heap[1] = finished + lengths[i]
    else
      heap[1], heap[size] = heap[size], nil
      size = size - 1
    end
    if size > 0 then settle(heap, size) end
  end
  return spent
end

-- Spreads for which schedules are made; between them they are interpolated.
local GRID = { 0.1, 0.2, 0.3, 0.45, 0.65, 0.9, 1.2, 1.6 }

---@class specbench.predict.occupancy
---@field context number sum over all tokens of 1000 tokens of context at which they were decoded
local Occupancy = {}
Occupancy.__index = Occupancy

---The schedules of one piece of work, made when they are asked for.
---@param work { requests: integer, input_tokens: number, output_tokens: number, limits: number|number[]|nil }
---@return specbench.predict.occupancy
function occupancy.of(work)
  local context = 0.0
  local prompt = work.input_tokens / work.requests
  for _, tokens in ipairs(occupancy.lengths(work.requests, work.output_tokens, 0.3, work.limits)) do
    context = context + tokens * (prompt + tokens / 2) / 1000
  end
  return setmetatable({ work = work, kept = {}, drawn = {}, context = context }, Occupancy)
end

-- Lengths with a spread of the grid, in all orders.
function Occupancy:lengths(index)
  local drawn = self.drawn[index]
  if drawn then return drawn end
  local work = self.work
  drawn = {}
  for order = 1, ORDERS do
    drawn[order] = occupancy.lengths(work.requests, work.output_tokens, GRID[index], work.limits, order)
  end
  self.drawn[index] = drawn
  return drawn
end

function Occupancy:at(index, concurrency)
  local name = index * 1000000 + concurrency
  local kept = self.kept[name]
  if kept then return kept end
  local sum
  for _, lengths in ipairs(self:lengths(index)) do
    local spent = occupancy.schedule(lengths, concurrency)
    if sum then
      for n = 1, #sum do sum[n] = sum[n] + spent[n] / ORDERS end
    else
      sum = spent
      for n = 1, #sum do sum[n] = sum[n] / ORDERS end
    end
  end
  self.kept[name] = sum
  return sum
end

---@param concurrency integer
---@param spread number standard deviation / mean of the answers' lengths
---@return number[] tokens of one sequence by the number that ran beside it, itself counted
function Occupancy:spent(concurrency, spread)
  if concurrency == 1 then return self:at(1, 1) end
  spread = math.max(NARROWEST, math.min(WIDEST, spread))
  local index = 1
  while index < #GRID - 1 and GRID[index + 1] <= spread do index = index + 1 end
  local share = (math.log(spread) - math.log(GRID[index])) / (math.log(GRID[index + 1]) - math.log(GRID[index]))
  share = math.max(0, math.min(1, share))
  local low, high, mixed = self:at(index, concurrency), self:at(index + 1, concurrency), {}
  for n = 1, #low do mixed[n] = (1 - share) * low[n] + share * high[n] end
  return mixed
end

return occupancy
