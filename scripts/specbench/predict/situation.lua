-- A place as a fit sees it: which unknowns its figures hang on, and how they move with each.

local model = require "specbench.predict.model"
local occupancy = require "specbench.predict.occupancy"
local parameters = require "specbench.predict.parameters"

local situation = {}

-- Tokens that all answers of a cell come to: as measured at its server, else with its model, else anywhere.
local function output_tokens(self, place)
  local sums = {}
  for _, cell in ipairs(self.cells) do
    if cell.work == place.work and cell.output_tokens then
      local rank = cell.plain == place.plain and 1 or cell.model == place.model and 2 or 3
      local sum = sums[rank] or { 0, 0 }
      sum[1], sum[2] = sum[1] + cell.output_tokens / cell.requests, sum[2] + 1
      sums[rank] = sum
    end
  end
  local sum = sums[1] or sums[2] or sums[3]
  if sum then return sum[1] / sum[2] * place.requests end
  return place.output_tokens
end

---Share of a cell's time in which it drains, about.
---@param place specbench.predict.cell
---@return number 1 at most
function situation.drain(place)
  return math.min(1, place.concurrency / place.requests)
end

---What the model needs of a place, made once.
---@param self specbench.predict.fitted
---@param place specbench.predict.cell
---@return table found what `linearise` needs
function situation.of(self, place)
  local kept = self.situations[place]
  if kept then return kept end
  local tokens = assert(output_tokens(self, place), "how long this work's answers are is not known")
  local name = ("%s\31%d\31%d"):format(place.work, place.requests, math.floor(200 * math.log(tokens)))
  local schedule = self.occupancies[name]
  if not schedule then
    schedule = occupancy.of { requests = place.requests, input_tokens = place.input_tokens, output_tokens = tokens,
      limits = place.limits }
    self.occupancies[name] = schedule
  end
  local at, side = self.parameters.at, parameters.side_of(place)
  if not at[side .. ".alpha"] then side = "method" end
  local found = { occupancy = schedule, spot = { plain = place.plain, model = place.model,
    work = place.work, k = place.k, place = math.log(place.concurrency) },
    load = { k = place.k, concurrency = place.concurrency, requests = place.requests,
      input_tokens = place.input_tokens, output_tokens = tokens },
    scale = tokens / schedule.work.output_tokens, drain = situation.drain(place) }
  local function costs_of(of_side)
    local list = {}
    for i, cost in ipairs(parameters.costs) do list[i] = { cost, at[of_side .. "." .. cost] } end
    return list
  end
  found.costs, found.accepted = costs_of(side), place.accepted
  if place.draft_cost then found.draft_cost, found.plain_costs = place.draft_cost, costs_of "plain" end
  found.first, found.later = { at.first, at["first." .. place.work] }, { at.later, at["later." .. place.work] }
  local own = place.plain and self.two_models and "plain_spread." or "spread."
  found.spread = { at.spread, at[own .. place.work] }
  found.lag = at["lag." .. place.work]
  self.situations[place] = found
  return found
end

---@param theta number[]
---@param indices integer[]
---@return number
function situation.sum(theta, indices)
  local sum = 0
  for _, index in ipairs(indices) do sum = sum + theta[index] end
  return sum
end

-- Costs as theta has them, by name.
local function costs_at(theta, list)
  local cost = { beta = 0.0, delta = 0.0, prefill_request = 0.0 }
  for _, entry in ipairs(list) do
    if entry[2] then cost[entry[1]] = math.exp(theta[entry[2]]) end
  end
  return cost
end

local function figures_at(found, cost, plain_cost, first, later, spread)
  local spent = found.spent
  if not spent or found.spent_for ~= spread then
    spent = found.occupancy:spent(found.load.concurrency, math.exp(spread))
    found.spent, found.spent_for = spent, spread
  end
  local accepted = found.accepted or { first = parameters.sigmoid(first), later = parameters.sigmoid(later) }
  local function figures(of_cost)
    return model.figures(of_cost, accepted, found.load, spent, found.occupancy.context)
  end
  local whole, share = figures(cost), found.draft_cost
  if not share then return whole end
  -- times are linear in costs
  local free = figures(model.for_nothing(plain_cost, found.load.k))
  whole.itl_ms = free.itl_ms + share * (whole.itl_ms - free.itl_ms)
  whole.tokens_per_second = 1 / ((1 - share) / free.tokens_per_second + share / whole.tokens_per_second)
  return whole
end

local function observed(figures)
  return math.log(figures.tokens_per_second), math.log(figures.itl_ms), math.log(figures.tokens_per_step)
end

local STEP = 1e-4

---The three logarithms at theta, and their derivatives: { index, of throughput, of the gap, of tokens a step }.
---@param found table as `of` gives it
---@param theta number[]
---@return number[] at
---@return number[][] rows
function situation.linearise(found, theta)
  local cost, plain_cost = costs_at(theta, found.costs), costs_at(theta, found.plain_costs or {})
  local first, later = situation.sum(theta, found.first), situation.sum(theta, found.later)
  local spread = situation.sum(theta, found.spread)
  local a, b, c = observed(figures_at(found, cost, plain_cost, first, later, spread))
  local rows = { { found.lag, 0.0, 0.0, -found.drain } }
  local function moved(indices, figures)
    local x, y, z = observed(figures)
    x, y, z = (x - a) / STEP, (y - b) / STEP, (z - c) / STEP
    for _, index in ipairs(indices) do rows[#rows + 1] = { index, x, y, z } end
  end
  local function move_each(list, values)
    for _, entry in ipairs(list) do
      if entry[2] then
        local kept = values[entry[1]]
        values[entry[1]] = kept * math.exp(STEP)
        moved({ entry[2] }, figures_at(found, cost, plain_cost, first, later, spread))
        values[entry[1]] = kept
      end
    end
  end
  move_each(found.costs, cost)
  move_each(found.plain_costs or {}, plain_cost)
  if found.load.k > 0 and not found.accepted then
    moved(found.first, figures_at(found, cost, plain_cost, first + STEP, later, spread))
    if found.load.k > 1 then moved(found.later, figures_at(found, cost, plain_cost, first, later + STEP, spread)) end
  end
  if found.load.concurrency > 1 then
    moved(found.spread, figures_at(found, cost, plain_cost, first, later, spread + STEP))
  end
  return { a, b, c - theta[found.lag] * found.drain }, rows
end

return situation
