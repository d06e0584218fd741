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

local fitted = require "specbench.predict.fitted"
local linear = require "specbench.predict.linear"
local parameters = require "specbench.predict.parameters"
local residuals = require "specbench.predict.residuals"
local situation = require "specbench.predict.situation"
local systems = require "sb.linear"
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
---@field accepted { first: number, later: number }? what its drafts are accepted with, whatever was fitted
---@field draft_cost number? what speculation adds to a step, as a share of what was fitted; 1
---@field repeats integer? measured so often, the figures being means; 1
---@field scatter number? of several: what the logarithms of their speed-ups are off their mean, squared, summed, halved

-- Deviations of a cell's gap between chunks and of its tokens a step from the model's; DRAIN more where few streams are
-- left for most of it.
local ITL, ITL_DRAIN, TOKENS, TOKENS_DRAIN = 0.03, 0.05, 0.02, 0.03

local FREEDOM = 4 -- of the Student's t that errors are taken to have
local FEWEST_REPEATED = 4 -- cells with repeats, from which on these tell the noise
local ROUNDS, LONGEST_STEP, SMALL = 8, 0.7, 0.01

-- Of the field's scale (a standard deviation's logarithm) before the cells are seen: next to 1, or anything at all, as
-- Student's t with 3 degrees of freedom has it.
local SCALE, SCALE_FREEDOM = 0.05, 3

-- Gaps and tokens a step have errors of their own, so they come first: the parameters' distribution given them.
local function given_latencies(self, theta, points)
  local unknowns = self.parameters
  local size = #theta
  local precision, right = linear.zeros(size, size), {}
  for i = 1, size do
    precision[i][i], right[i] = 1 / unknowns.variance[i], unknowns.mean[i] / unknowns.variance[i]
  end
  for _, point in ipairs(points) do
    for column = 3, 4 do
      local value, variance = point.values[column - 1], point.variances[column - 1]
      if value and variance then
        local rows = point.rows
        local rest = value - point.at[column - 1] + linear.dot_rows(theta, rows, column)
        for _, one in ipairs(rows) do
          local row, weight = precision[one[1]], one[column] / variance
          right[one[1]] = right[one[1]] + weight * rest
          for _, other in ipairs(rows) do row[other[1]] = row[other[1]] + weight * other[column] end
        end
      end
    end
  end
  local lower = assert(systems.symmetric(precision):cholesky())
  return lower:solve(right), lower:inverse()
end

local function weight_of(square)
  return math.min(1, (FREEDOM + 1) / (FREEDOM + square))
end

-- What throughputs are off the mean that the parameters' distribution gives them, and how they move with each of these.
local function spread_out(theta, points, mean, covariance)
  local rest = {}
  for i, point in ipairs(points) do
    point.spreadout = linear.times_rows(covariance, point.rows, 2)
    rest[i] = point.values[1] - point.at[1] + linear.dot_rows(theta, point.rows, 2)
      - linear.dot_rows(mean, point.rows, 2)
  end
  return rest
end

-- The factor of the throughputs' covariance, for points that are spread out.
local function factor_of(self, points)
  local spreadouts, rows, noise = {}, {}, {}
  for i, point in ipairs(points) do
    spreadouts[i], rows[i], noise[i] = point.spreadout, point.rows, self.scale * point.noise / point.weight
  end
  local matrix = self.field:with_products(self.scale, spreadouts, rows, 2, noise)
  return assert(matrix:cholesky(), "the cells' covariance is no covariance")
end

-- Weights by how far each cell is from what the others say of it.
local function reweigh(self, points, lower, weights)
  local precision = lower:inverse_diagonal()
  for i, point in ipairs(points) do
    local noise = self.scale * point.noise
    local variance = 1 / precision[i] - noise / point.weight + noise
    local off = weights[i] / precision[i]
    point.off, point.weight = off / math.sqrt(variance), weight_of(off * off / variance)
  end
end

-- How much more repeats differ than a rule of thumb has it, as a factor of the variance; at least 1, which is believed
-- where few cells tell. The fit itself does not mind, but what it says is as unsure as sums of so noisy cells are. The
-- median cell's, as a share of what half of all chi-squares lie below (Wilson and Hilferty): a repeat that hung is for
-- the weights to deal with.
local function noise_factors(cells)
  local factors = {}
  for _, cell in ipairs(cells) do
    if cell.scatter then
      local freedom = cell.repeats - 1
      factors[#factors + 1] = cell.scatter / freedom / (1 - 2 / (9 * freedom)) ^ 3
        / residuals.noise(situation.drain(cell))
    end
  end
  return factors
end

local function noise_of(cells, beside)
  local factors = noise_factors(cells)
  if #factors < FEWEST_REPEATED then factors = noise_factors(beside) end
  return #factors >= FEWEST_REPEATED and math.max(1, tables.median(factors)) or 1
end

local function measure_points(self)
  local points = {}
  for _, cell in ipairs(self.cells) do
    local found = situation.of(self, cell)
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

-- How alike the cells' leftovers are, before the field has its scale.
local function field_of(points)
  local rows = {}
  for i, point in ipairs(points) do
    local row = {}
    for j = 1, i do row[j] = residuals.covariance(point.found.spot, points[j].found.spot) end
    rows[i] = row
  end
  return systems.symmetric(rows)
end

local function relinearise(points, theta)
  for _, point in ipairs(points) do point.at, point.rows = situation.linearise(point.found, theta) end
end

local function log_likelihood(lower, rest)
  local half = lower:forward(rest)
  return -(linear.dot(half, half) / 2 + lower:log_root())
end

-- How strong the field is, by likelihood under a prior around 1.
local function choose_scale(self, points, rest)
  local best, chosen = -math.huge, 1
  for step = -3, 4 do
    local log = step * 0.25
    self.scale = math.exp(log)
    local value = log_likelihood(factor_of(self, points), rest)
      - (SCALE_FREEDOM + 1) / 2 * math.log(1 + (log / 2 / SCALE) ^ 2 / SCALE_FREEDOM)
    if value > best then best, chosen = value, self.scale end
  end
  self.scale = chosen
end

local function solve(self, before, beside)
  local unknowns = self.parameters
  local theta = {}
  for i, mean in ipairs(unknowns.mean) do theta[i] = mean + (self.start[i] or 0) end
  if before then
    for name, i in pairs(unknowns.at) do theta[i] = before.theta[before.parameters.at[name]] or theta[i] end
  end
  local points = measure_points(self)
  self.field = field_of(points)
  self.scale, self.noise_factor = 1, noise_of(self.cells, beside)
  local mean, covariance, lower, rest
  for round = 1, ROUNDS do
    relinearise(points, theta)
    mean, covariance = given_latencies(self, theta, points)
    rest = spread_out(theta, points, mean, covariance)
    if round == 3 then choose_scale(self, points, rest) end
    lower = factor_of(self, points)
    local weights, longest = lower:solve(rest), 0
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
  rest = spread_out(theta, points, self.mean, self.covariance_of)
  self.lower = factor_of(self, points)
  self.weights = self.lower:solve(rest)
end

---@class specbench.predict.options
---@field occupancies table? kept between fits of growing lists of cells: schedules are made once
---@field works string[]? work of places to come, of which nothing may be measured
---@field before specbench.predict.fitted? a fit to fewer cells, to start from
---@field beside specbench.predict.cell[]? other methods' too: their repeats tell the noise where these have few

---Fits to cells of one method (one server but for k) and of its baseline. Either may be missing.
---@param cells specbench.predict.cell[] measured ones, at concurrencies
---@param options specbench.predict.options?
---@return specbench.predict.fitted
function fit.of(cells, options)
  local self = fitted.new(cells, options and options.occupancies)
  parameters.prepare(self, options and options.works)
  solve(self, options and options.before, options and options.beside or {})
  return self
end

return fit
