-- Fits a model of costs to measured cells, and tells what cells that were not measured would come to.
--
--   local fitted = fit.of(cells)                          -- a method's cells and its baseline's
--   local seen = fitted:predict(place)                    -- tokens/s, with the standard deviation of their logarithm
--   local ratio = fitted:speedup(place, baseline_place)   -- with a 90 % interval
--
-- How: the costs, each piece of work's acceptance and the spread of its answers' lengths are found by Gauss-Newton
-- steps from broad priors, with what the model leaves over taken for a random field (residuals.lua). Linear and normal
-- at the end, so variances and covariances of any two cells come with it. A cell that fits nothing counts little: its
-- weight falls as under Student's t.

local linear = require "specbench.predict.linear"
local model = require "specbench.predict.model"
local occupancy = require "specbench.predict.occupancy"
local residuals = require "specbench.predict.residuals"
local tables = require "specbench.base.tables"

local fit = {}

---A cell's place, and what was measured there.
---@class specbench.predict.cell
---@field server string equal for cells of one method on one server, whatever k
---@field plain boolean without speculation
---@field model string the target; a baseline of another model shares less with the method
---@field work string equal for cells with the same prompts and limits
---@field k integer 0 where plain
---@field concurrency integer
---@field requests integer
---@field input_tokens number of all prompts
---@field limits number|number[]|nil tokens that each answer may have at most
---@field output_tokens number? of all answers
---@field seconds number? nil: not measured
---@field itl_ms number? mean gap between chunks of a stream, where a chunk is a step
---@field tpot_ms number? mean over requests
---@field repeats integer? measured so often, the figures being means; 1

-- Priors of the costs: the median as a share of the gap between chunks at the lowest concurrency, and the standard
-- deviation of the logarithm. Wide: a factor of e each way is one deviation.
local COSTS = {
  { "alpha", 0.85, 1 }, { "gamma", 0.015, 1 }, { "epsilon", 0.004, 1 },
  { "prefill_base", 0.5, 0.7 }, { "prefill_token", 0.004, 0.7 }, { "request_overhead", 1, 0.7 },
  { "bend", 0.00005, 2 }, { "beta", 0.08, 1 }, { "delta", 0.007, 1 },
}
local PLAIN_COSTS = 7 -- beta and delta are the drafts'
local BEND_AT = 64 -- tokens in a step's batch

local COST_NAMES = { bend_at = true }
for _, cost in ipairs(COSTS) do COST_NAMES[cost[1]] = true end

-- Of logits of acceptance and of the logarithm of a spread: all pieces of work together, and one beside the others.
local SHARED, OWN = { first = 1, later = 0.7, spread = 0.5 }, { first = 0.7, later = 0.5, spread = 0.5 }
local LATER, SPREAD = math.log(0.65 / 0.35), math.log(0.5)

-- Deviations of a cell's gap between chunks and of its tokens a step from the model's; DRAIN more where few streams are
-- left for most of it.
local ITL, ITL_DRAIN, TOKENS, TOKENS_DRAIN = 0.03, 0.05, 0.02, 0.03

-- Gap / TPOT falls short of tokens a step where requests come in crowds: an answer's first gaps hold the others'
-- prompts, and short answers have few gaps. By how much at the fullest, as a logarithm, of each piece of work.
local LAG, LAG_SD = 0.07, 0.2

local FREEDOM = 4 -- of the Student's t that errors are taken to have
local ROUNDS, LONGEST_STEP, SMALL = 8, 0.7, 0.01
local Z90 = 1.6448536269514722

local STRANGE = 5 -- standard deviations

-- Of the field's scale (a standard deviation's logarithm) before the cells are seen: next to 1, or anything at all, as
-- Student's t with 3 degrees of freedom has it.
local SCALE, SCALE_FREEDOM = 0.05, 3

local function sigmoid(x) return 1 / (1 + math.exp(-x)) end

local function logit(p)
  p = math.max(0.03, math.min(0.97, p))
  return math.log(p / (1 - p))
end

---@class specbench.predict.fitted
---@field cells specbench.predict.cell[] what it was fitted to
local Fitted = {}
Fitted.__index = Fitted

-- Parameters: prior means and variances, and where each stands.
local function new_parameters()
  return { mean = {}, variance = {}, at = {} }
end

local function parameter(self, name, mean, sd)
  local index = #self.mean + 1
  self.mean[index], self.variance[index], self.at[name] = mean, sd * sd, index
  return index
end

local function side_of(cell) return cell.plain and "plain" or "method" end

local function add_costs(parameters, side, cells)
  local lowest, gaps = math.huge, {}
  for _, cell in ipairs(cells) do
    if side_of(cell) == side and cell.itl_ms then lowest = math.min(lowest, cell.concurrency) end
  end
  for _, cell in ipairs(cells) do
    if side_of(cell) == side and cell.itl_ms and cell.concurrency == lowest then gaps[#gaps + 1] = cell.itl_ms end
  end
  local gap = tables.median(gaps) or 10
  for i = 1, side == "plain" and PLAIN_COSTS or #COSTS do
    local name, share, sd = table.unpack(COSTS[i])
    parameter(parameters, side .. "." .. name, math.log(gap * share), sd)
  end
  parameter(parameters, side .. ".bend_at", math.log(BEND_AT), 0.7)
end

-- The first draft token's acceptance that gaps and times an output token speak of, where both are told best: at the
-- smallest k, and of its cells at the lowest concurrency.
local function first_seen(cells, work)
  local best
  local function is_better(cell)
    return not best or cell.k < best.k or cell.k == best.k and cell.concurrency < best.concurrency
  end
  local function told(cell)
    return not cell.plain and cell.itl_ms and cell.tpot_ms and (not work or cell.work == work)
  end
  for _, cell in ipairs(cells) do
    if told(cell) and is_better(cell) then best = cell end
  end
  if not best then return nil end
  local ratios = {}
  for _, cell in ipairs(cells) do
    if told(cell) and cell.k == best.k and cell.concurrency == best.concurrency then
      ratios[#ratios + 1] = cell.itl_ms / cell.tpot_ms
    end
  end
  local ratio, low, high = tables.median(ratios), 0.0, 1.0
  for _ = 1, 40 do
    local middle = (low + high) / 2
    if model.tokens(middle, sigmoid(LATER), best.k) < ratio then low = middle else high = middle end
  end
  return logit((low + high) / 2)
end

local function works_of(cells, others)
  local list, seen = {}, {}
  local function add(work)
    if not seen[work] then seen[work], list[#list + 1] = true, work end
  end
  for _, cell in ipairs(cells) do add(cell.work) end
  for _, work in ipairs(others or {}) do add(work) end
  return list
end

local function prepare_parameters(self, others)
  local parameters = new_parameters()
  local has_plain, has_method = false, false
  for _, cell in ipairs(self.cells) do
    has_plain, has_method = has_plain or cell.plain, has_method or not cell.plain
    self.two_models = self.two_models or cell.model ~= self.cells[1].model
  end
  add_costs(parameters, "method", self.cells)
  if has_plain then add_costs(parameters, "plain", self.cells) end
  local all = first_seen(self.cells) or 0
  parameter(parameters, "first", all, SHARED.first)
  parameter(parameters, "later", LATER, SHARED.later)
  parameter(parameters, "spread", SPREAD, SHARED.spread)
  self.start = {}
  self.works = works_of(self.cells, others)
  for _, work in ipairs(self.works) do
    local own = parameter(parameters, "first." .. work, 0, OWN.first)
    self.start[own] = (first_seen(self.cells, work) or all) - all
    parameter(parameters, "later." .. work, 0, OWN.later)
    parameter(parameters, "spread." .. work, 0, OWN.spread)
    parameter(parameters, "lag." .. work, LAG, LAG_SD)
    if self.two_models then parameter(parameters, "plain_spread." .. work, 0, OWN.spread) end
  end
  self.parameters, self.has_method = parameters, has_method
end

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

-- What the model needs of a place, made once.
local function situation(self, place)
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
  local at, side = self.parameters.at, side_of(place)
  if not at[side .. ".alpha"] then side = "method" end
  local found = { occupancy = schedule, costs = {}, spot = { plain = place.plain, model = place.model,
    work = place.work, k = place.k, place = math.log(place.concurrency) },
    load = { k = place.k, concurrency = place.concurrency, requests = place.requests,
      input_tokens = place.input_tokens, output_tokens = tokens },
    scale = tokens / schedule.work.output_tokens, drain = math.min(1, place.concurrency / place.requests) }
  for _, cost in ipairs(COSTS) do found.costs[#found.costs + 1] = { cost[1], at[side .. "." .. cost[1]] } end
  found.costs[#found.costs + 1] = { "bend_at", at[side .. ".bend_at"] }
  found.first, found.later = { at.first, at["first." .. place.work] }, { at.later, at["later." .. place.work] }
  local own = place.plain and self.two_models and "plain_spread." or "spread."
  found.spread = { at.spread, at[own .. place.work] }
  found.lag = at["lag." .. place.work]
  self.situations[place] = found
  return found
end

local function sum_of(theta, indices)
  local sum = 0
  for _, index in ipairs(indices) do sum = sum + theta[index] end
  return sum
end

local function figures_at(found, cost, first, later, spread)
  local spent = found.spent
  if not spent or found.spent_for ~= spread then
    spent = found.occupancy:spent(found.load.concurrency, math.exp(spread))
    found.spent, found.spent_for = spent, spread
  end
  return model.figures(cost, { first = sigmoid(first), later = sigmoid(later) }, found.load, spent,
    found.occupancy.context)
end

local function observed(figures)
  return math.log(figures.tokens_per_second), math.log(figures.itl_ms), math.log(figures.tokens_per_step)
end

-- The three logarithms at theta, and their derivatives: { index, of throughput, of the gap, of tokens a step }.
local STEP = 1e-4
local function linearise(found, theta)
  local cost = { beta = 0.0, delta = 0.0, prefill_request = 0.0 }
  for _, entry in ipairs(found.costs) do
    if entry[2] then cost[entry[1]] = math.exp(theta[entry[2]]) end
  end
  local first, later = sum_of(theta, found.first), sum_of(theta, found.later)
  local spread = sum_of(theta, found.spread)
  local a, b, c = observed(figures_at(found, cost, first, later, spread))
  local rows = { { found.lag, 0.0, 0.0, -found.drain } }
  local function moved(indices, figures)
    local x, y, z = observed(figures)
    x, y, z = (x - a) / STEP, (y - b) / STEP, (z - c) / STEP
    for _, index in ipairs(indices) do rows[#rows + 1] = { index, x, y, z } end
  end
  for _, entry in ipairs(found.costs) do
    if entry[2] then
      local kept = cost[entry[1]]
      cost[entry[1]] = kept * math.exp(STEP)
      moved({ entry[2] }, figures_at(found, cost, first, later, spread))
      cost[entry[1]] = kept
    end
  end
  if found.load.k > 0 then
    moved(found.first, figures_at(found, cost, first + STEP, later, spread))
    if found.load.k > 1 then moved(found.later, figures_at(found, cost, first, later + STEP, spread)) end
  end
  if found.load.concurrency > 1 then
    moved(found.spread, figures_at(found, cost, first, later, spread + STEP))
  end
  return { a, b, c - theta[found.lag] * found.drain }, rows
end

local function times(matrix, rows, column)
  local result = {}
  for i = 1, #matrix do
    local sum, row = 0.0, matrix[i]
    for _, entry in ipairs(rows) do sum = sum + row[entry[1]] * entry[column] end
    result[i] = sum
  end
  return result
end

local function dot_rows(vector, rows, column)
  local sum = 0.0
  for _, entry in ipairs(rows) do sum = sum + vector[entry[1]] * entry[column] end
  return sum
end

-- Gaps and tokens a step have errors of their own, so they come first: the parameters' distribution given them.
local function given_latencies(self, theta, points)
  local parameters = self.parameters
  local size = #theta
  local precision, right = linear.zeros(size, size), {}
  for i = 1, size do
    precision[i][i], right[i] = 1 / parameters.variance[i], parameters.mean[i] / parameters.variance[i]
  end
  for _, point in ipairs(points) do
    for column = 3, 4 do
      local value, variance = point.values[column - 1], point.variances[column - 1]
      if value and variance then
        local rows = point.rows
        local rest = value - point.at[column - 1] + dot_rows(theta, rows, column)
        for _, one in ipairs(rows) do
          local row, weight = precision[one[1]], one[column] / variance
          right[one[1]] = right[one[1]] + weight * rest
          for _, other in ipairs(rows) do row[other[1]] = row[other[1]] + weight * other[column] end
        end
      end
    end
  end
  local lower = assert(linear.cholesky(precision))
  return linear.solve(lower, right), linear.inverse(lower)
end

local function weight_of(square)
  return math.min(1, (FREEDOM + 1) / (FREEDOM + square))
end

-- Distribution of throughputs given the parameters' one: its covariance's factor, and what the cells are off its mean.
local function throughputs(self, theta, points, mean, covariance)
  local size, matrix, rest = #points, {}, {}
  for i, point in ipairs(points) do
    point.spreadout = times(covariance, point.rows, 2)
    rest[i] = point.values[1] - point.at[1] + dot_rows(theta, point.rows, 2) - dot_rows(mean, point.rows, 2)
    local row = {}
    for j = 1, i do
      row[j] = dot_rows(points[i].spreadout, points[j].rows, 2)
        + self.scale * residuals.covariance(point.found.spot, points[j].found.spot)
    end
    row[i] = row[i] + self.scale * point.noise / point.weight
    matrix[i] = row
  end
  return assert(linear.cholesky(matrix), "the cells' covariance is no covariance"), rest, size
end

-- Weights by how far each cell is from what the others say of it.
local function reweigh(self, points, lower, weights)
  local precision = linear.inverse_diagonal(lower)
  for i, point in ipairs(points) do
    local noise = self.scale * point.noise
    local variance = 1 / precision[i] - noise / point.weight + noise
    local off = weights[i] / precision[i]
    point.off, point.weight = off / math.sqrt(variance), weight_of(off * off / variance)
  end
end

local function measure_points(self)
  local points = {}
  for _, cell in ipairs(self.cells) do
    local found = situation(self, cell)
    local per_second = (cell.input_tokens + cell.output_tokens) / cell.seconds
    local ratio = not cell.plain and cell.itl_ms and cell.tpot_ms and cell.itl_ms / cell.tpot_ms
    points[#points + 1] = { found = found, cell = cell, weight = 1,
      noise = residuals.noise(found.drain) / (cell.repeats or 1),
      values = { math.log(per_second), cell.itl_ms and math.log(cell.itl_ms), ratio and math.log(ratio) },
      plain_variances = { 0, (ITL + ITL_DRAIN * found.drain) ^ 2, (TOKENS + TOKENS_DRAIN * found.drain) ^ 2 } }
    points[#points].variances = table.move(points[#points].plain_variances, 1, 3, 1, {})
  end
  return points
end

local function relinearise(points, theta)
  for _, point in ipairs(points) do point.at, point.rows = linearise(point.found, theta) end
end

local function log_likelihood(lower, rest)
  local half = linear.forward(lower, rest)
  local sum = linear.dot(half, half) / 2
  for i = 1, #lower do sum = sum + math.log(lower[i][i]) end
  return -sum
end

-- How strong the field is, by likelihood under a prior around 1.
local function choose_scale(self, theta, points, mean, covariance)
  local best, chosen = -math.huge, 1
  for step = -3, 4 do
    local log = step * 0.25
    self.scale = math.exp(log)
    local lower, rest = throughputs(self, theta, points, mean, covariance)
    local value = log_likelihood(lower, rest)
      - (SCALE_FREEDOM + 1) / 2 * math.log(1 + (log / 2 / SCALE) ^ 2 / SCALE_FREEDOM)
    if value > best then best, chosen = value, self.scale end
  end
  self.scale = chosen
end

local function solve(self, before)
  local parameters = self.parameters
  local theta = {}
  for i, mean in ipairs(parameters.mean) do theta[i] = mean + (self.start[i] or 0) end
  if before then
    for name, i in pairs(parameters.at) do theta[i] = before.theta[before.parameters.at[name]] or theta[i] end
  end
  local points = measure_points(self)
  self.scale = 1
  local mean, covariance, lower, rest
  for round = 1, ROUNDS do
    relinearise(points, theta)
    mean, covariance = given_latencies(self, theta, points)
    if round == 3 then choose_scale(self, theta, points, mean, covariance) end
    lower, rest = throughputs(self, theta, points, mean, covariance)
    local weights, longest = linear.solve(lower, rest), 0
    local new = table.move(mean, 1, #mean, 1, {})
    for i, point in ipairs(points) do
      for j = 1, #new do new[j] = new[j] + point.spreadout[j] * weights[i] end
    end
    reweigh(self, points, lower, weights)
    for j = 1, #new do
      local step = math.max(-LONGEST_STEP, math.min(LONGEST_STEP, new[j] - theta[j]))
      longest = math.max(longest, math.abs(step))
      theta[j] = theta[j] + step
    end
    for _, point in ipairs(points) do
      for column = 2, 3 do
        local value, variance = point.values[column], point.plain_variances[column]
        if value then
          point.variances[column] = variance / weight_of((value - point.at[column]) ^ 2 / variance)
        end
      end
    end
    if longest < SMALL and round > 3 then break end
  end
  relinearise(points, theta)
  self.theta, self.points = theta, points
  self.mean, self.covariance_of = given_latencies(self, theta, points)
  self.lower, self.rest = throughputs(self, theta, points, self.mean, self.covariance_of)
  self.weights = linear.solve(self.lower, self.rest)
end

---@class specbench.predict.options
---@field occupancies table? kept between fits of growing lists of cells: schedules are made once
---@field works string[]? work of places to come, of which nothing may be measured
---@field before specbench.predict.fitted? a fit to fewer cells, to start from

---Fits to cells of one method (one server but for k) and of its baseline. Either may be missing.
---@param cells specbench.predict.cell[] measured ones, at concurrencies
---@param options specbench.predict.options?
---@return specbench.predict.fitted
function fit.of(cells, options)
  local self = setmetatable({ cells = cells, situations = {}, occupancies = options and options.occupancies or {} },
    Fitted)
  prepare_parameters(self, options and options.works)
  solve(self, options and options.before)
  return self
end

-- What the fit says of a place: everything that means, variances and covariances are made of.
local function outlook(self, place)
  local known = self.outlooks and self.outlooks[place]
  if known then return known end
  local found = situation(self, place)
  local at, rows = linearise(found, self.theta)
  local spreadout = times(self.covariance_of, rows, 2)
  local cross = {}
  for i, point in ipairs(self.points) do
    cross[i] = dot_rows(spreadout, point.rows, 2)
      + self.scale * residuals.covariance(found.spot, point.found.spot)
  end
  local half = linear.forward(self.lower, cross)
  known = { found = found, rows = rows, spreadout = spreadout, half = half, model = at[1],
    value = at[1] - dot_rows(self.theta, rows, 2) + dot_rows(self.mean, rows, 2) + linear.dot(cross, self.weights) }
  self.outlooks = self.outlooks or {}
  self.outlooks[place] = known
  return known
end

local function covariance(self, a, b)
  return dot_rows(a.spreadout, b.rows, 2) + self.scale * residuals.covariance(a.found.spot, b.found.spot)
    - linear.dot(a.half, b.half)
end

local function noise(self, seen)
  return self.scale * residuals.noise(seen.found.drain)
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
  local cross, spreadout = {}, times(self.covariance_of, chosen, 2)
  for i, point in ipairs(self.points) do cross[i] = dot_rows(point.spreadout, chosen, 2) end
  local half = linear.forward(self.lower, cross)
  return sum_of(self.theta, indices), math.sqrt(math.max(0, dot_rows(spreadout, chosen, 2) - linear.dot(half, half)))
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
    if COST_NAMES[cost] and (side == "plain" or side == "method" and self.has_method) then
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
      first = estimate(self, { at.first, at["first." .. work] }, sigmoid),
      later = estimate(self, { at.later, at["later." .. work] }, sigmoid),
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
    if math.abs(point.off) > STRANGE then list[#list + 1] = { cell = point.cell, off = point.off } end
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

return fit
