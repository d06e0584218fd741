-- What a fit says: of places that were not measured, of costs and acceptance, and of cells that fit nothing.

local linear = require "specbench.predict.linear"
local parameters = require "specbench.predict.parameters"
local residuals = require "specbench.predict.residuals"
local situation = require "specbench.predict.situation"
local tables = require "specbench.base.tables"

local fitted = {}

local Z90 = 1.6448536269514722
local STRANGE = 5 -- standard deviations
local COSTS = tables.set_of(parameters.costs)

---@class specbench.predict.fitted
---@field cells specbench.predict.cell[] what it was fitted to
local Fitted = {}
Fitted.__index = Fitted

---@param cells specbench.predict.cell[] measured ones
---@param occupancies table? schedules that were made for other fits
---@return specbench.predict.fitted fitted that says nothing before it is solved
function fitted.new(cells, occupancies)
  return setmetatable({ cells = cells, situations = {}, occupancies = occupancies or {} }, Fitted)
end

-- How much more a run varies than the fit took it to, as a share of the rule of thumb's variance.
local function excess(self)
  return math.max(0, self.noise_factor - self.scale)
end

-- With which weights a value is a sum of the cells, where that has to be known: they are as noisy as the fit took them.
local function shares(self, cross)
  return excess(self) > 0 and self.lower:solve(cross) or nil
end

-- The covariance that two such sums have beyond the fit's, for cells that are noisier.
local function covariance_of_excess(self, a, b)
  local sum = 0
  for i, point in ipairs(a and b and self.points or {}) do sum = sum + a[i] * b[i] * point.noise / point.weight end
  return excess(self) * sum
end

-- What the fit says of a place: everything that means, variances and covariances are made of.
local function outlook(self, place)
  local known = self.outlooks and self.outlooks[place]
  if known then return known end
  local found = situation.of(self, place)
  local at, rows = situation.linearise(found, self.theta)
  local spreadout = linear.times_rows(self.covariance_of, rows, 2)
  local cross = {}
  for i, point in ipairs(self.points) do
    cross[i] = linear.dot_rows(spreadout, point.rows, 2)
      + self.scale * residuals.covariance(found.spot, point.found.spot)
  end
  local half = self.lower:forward(cross)
  known = { found = found, rows = rows, spreadout = spreadout, half = half, model = at[1],
    shares = shares(self, cross),
    value = at[1] - linear.dot_rows(self.theta, rows, 2) + linear.dot_rows(self.mean, rows, 2)
      + linear.dot(cross, self.weights) }
  self.outlooks = self.outlooks or {}
  self.outlooks[place] = known
  return known
end

local function covariance(self, a, b)
  return linear.dot_rows(a.spreadout, b.rows, 2) + self.scale * residuals.covariance(a.found.spot, b.found.spot)
    - linear.dot(a.half, b.half) + covariance_of_excess(self, a.shares, b.shares)
end

local function noise(self, seen)
  return (self.scale + excess(self)) * residuals.noise(seen.found.drain)
end

---@class specbench.predict.prediction
---@field tokens_per_second number as total token throughput counts
---@field seconds number
---@field sd number standard deviation of the logarithm of what a run would show
---@field model number tokens a second by the model alone

---@param place specbench.predict.cell without figures
---@return specbench.predict.prediction
function Fitted:predict(place)
  local seen = outlook(self, place)
  local load = seen.found.load
  local value = math.exp(seen.value)
  return { tokens_per_second = value, seconds = (load.input_tokens + load.output_tokens) / value,
    sd = math.sqrt(covariance(self, seen, seen) + noise(self, seen)), model = math.exp(seen.model) }
end

---Covariance of the logarithms of two cells' throughputs, the noise of a run left out: how much measuring one would
---tell of the other.
---@param a specbench.predict.cell
---@param b specbench.predict.cell
---@return number
function Fitted:covariance(a, b)
  return covariance(self, outlook(self, a), outlook(self, b))
end

---Variance of the logarithm of a cell's throughput between runs.
---@param place specbench.predict.cell
---@return number
function Fitted:noise(place)
  return noise(self, outlook(self, place))
end

-- A sum of parameters with its standard deviation, all cells seen.
local function posterior(self, indices)
  local chosen = {}
  for i, index in ipairs(indices) do chosen[i] = { index, 1.0 } end
  local cross, spreadout = {}, linear.times_rows(self.covariance_of, chosen, 2)
  for i, point in ipairs(self.points) do cross[i] = linear.dot_rows(point.spreadout, chosen, 2) end
  local half = self.lower:forward(cross)
  local of_cells = shares(self, cross)
  local variance = linear.dot_rows(spreadout, chosen, 2) - linear.dot(half, half)
    + covariance_of_excess(self, of_cells, of_cells)
  return situation.sum(self.theta, indices), math.sqrt(math.max(0, variance))
end

---@class specbench.predict.estimate
---@field value number
---@field low number a 90 % interval
---@field high number

local function estimate(self, indices, scale)
  local value, sd = posterior(self, indices)
  return { value = scale(value), low = scale(value - Z90 * sd), high = scale(value + Z90 * sd) }
end

---The costs of the method and of its baseline, in milliseconds. prefill_request is part of prefill_base here: tables of
---means do not tell them apart.
---@return { method: table<string, specbench.predict.estimate>?, plain: table<string, specbench.predict.estimate>? }
function Fitted:costs()
  local costs = {}
  for name, index in pairs(self.parameters.at) do
    local side, cost = name:match "^(%a+)%.([%a_]+)$"
    if COSTS[cost] and (side == "plain" or side == "method" and self.has_method) then
      costs[side] = costs[side] or {}
      costs[side][cost] = estimate(self, { index }, math.exp)
    end
  end
  return costs
end

---What drafts' tokens are accepted with, of each piece of work, and how its answers' lengths spread (standard
---deviation / mean before any limit).
---@return table<string, { first: specbench.predict.estimate, later: specbench.predict.estimate,
---  spread: specbench.predict.estimate }>
function Fitted:acceptance()
  local found, at = {}, self.parameters.at
  for _, work in ipairs(self.works) do
    found[work] = {
      first = estimate(self, { at.first, at["first." .. work] }, parameters.sigmoid),
      later = estimate(self, { at.later, at["later." .. work] }, parameters.sigmoid),
      spread = estimate(self, { at.spread, at["spread." .. work] }, math.exp),
    }
  end
  return found
end

---Cells that fit nothing: they were given little weight.
---@return { cell: specbench.predict.cell, off: number }[] off: in standard deviations of what the others say of it; the
---  farthest first
function Fitted:strangers()
  local list = {}
  for _, point in ipairs(self.points) do
    local off = point.off / math.sqrt(1 + excess(self) / self.scale)
    if math.abs(off) > STRANGE then list[#list + 1] = { cell = point.cell, off = off } end
  end
  table.sort(list, function(a, b) return math.abs(a.off) > math.abs(b.off) end)
  return list
end

---@class specbench.predict.ratio
---@field ratio number of total token throughputs
---@field low number a 90 % interval for what a measured cell would show
---@field high number
---@field sd number of the ratio's logarithm
---@field model number the model's alone

---The speed-up of a place over its baseline. What was measured (seconds is there) counts as measured, with no doubt of
---its own.
---@param place specbench.predict.cell
---@param baseline specbench.predict.cell
---@return specbench.predict.ratio
function Fitted:speedup(place, baseline)
  local value, alone, variance, predicted = 0, 0, 0, {}
  for i, cell in ipairs { place, baseline } do
    local sign = 3 - 2 * i
    if cell.seconds then
      local measured = math.log((cell.input_tokens + cell.output_tokens) / cell.seconds)
      value, alone = value + sign * measured, alone + sign * measured
    else
      local seen = outlook(self, cell)
      value, alone = value + sign * seen.value, alone + sign * seen.model
      variance = variance + covariance(self, seen, seen) + noise(self, seen)
      predicted[#predicted + 1] = seen
    end
  end
  if #predicted == 2 then variance = variance - 2 * covariance(self, predicted[1], predicted[2]) end
  local sd = math.sqrt(variance)
  return { ratio = math.exp(value), low = math.exp(value - Z90 * sd), high = math.exp(value + Z90 * sd), sd = sd,
    model = math.exp(alone) }
end

---The geometric mean of several places' speed-ups, with an interval for what endless repeats would show: the noise of a
---run is no part of it.
---@param list { place: specbench.predict.cell, baseline: specbench.predict.cell }[] places without figures
---@return { ratio: number, low: number, high: number }
function Fitted:mean_speedup(list)
  local value, variance, seen = 0, 0, {}
  for _, one in ipairs(list) do
    for i, cell in ipairs { one.place, one.baseline } do
      local sign = (3 - 2 * i) / #list
      if cell.seconds then
        value = value + sign * math.log((cell.input_tokens + cell.output_tokens) / cell.seconds)
      else
        seen[#seen + 1] = { outlook(self, cell), sign }
        value = value + sign * seen[#seen][1].value
      end
    end
  end
  for _, a in ipairs(seen) do
    for _, b in ipairs(seen) do variance = variance + a[2] * b[2] * covariance(self, a[1], b[1]) end
  end
  local reach = Z90 * math.sqrt(math.max(0, variance))
  return { ratio = math.exp(value), low = math.exp(value - reach), high = math.exp(value + reach) }
end

return fitted
