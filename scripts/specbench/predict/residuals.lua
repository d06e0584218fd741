-- What a model of costs leaves over, as a random field: cells that are alike have leftovers alike, and the more so the
-- nearer they are in concurrency and k. Everything is in logarithms of throughput, so 0.02 is 2 %.

local residuals = {}

-- Standard deviations of the field's parts, before they are scaled together to what the measured cells show, and how
-- far they reach. Rules of thumb for servers of any method: none was fitted to one.
local PARTS = {
  work = 0.02,             -- all cells of a piece of work
  concurrency = 0.02,      -- all cells of a concurrency and those near it
  work_concurrency = 0.02, -- both: the order in which answers of different lengths met the slots
  k = 0.01, k_concurrency = 0.015, work_k = 0.01,
}
local REACH_CONCURRENCY, REACH_K = 1.0, 2.0 -- factors of e, steps of k

-- How much of it a method shares with its baseline, and of a piece of work's part where that is another model.
local WITH_BASELINE, WITH_OTHER_MODEL = 0.75, 0.3

-- What another run of the same cell would bring: more where few streams decide when the cell ends.
local NOISE, NOISE_OF_DRAIN = 0.01, 0.025

---@param drain number concurrency / requests, 1 at most
---@return number variance
function residuals.noise(drain)
  return NOISE * NOISE + (NOISE_OF_DRAIN * drain) ^ 2
end

local squares = {}
for name, sd in pairs(PARTS) do squares[name] = sd * sd end

-- Matern's correlation of order 3/2: smooth once, so that what lies far away says little.
local function near(distance, reach)
  local x = 1.7320508075688772 * distance / reach
  return (1 + x) * math.exp(-x)
end

---@class specbench.predict.spot
---@field plain boolean
---@field model any targets are compared by ==
---@field work any
---@field k integer
---@field place number log of the concurrency

---Covariance of two cells' leftovers, without the noise.
---@param a specbench.predict.spot
---@param b specbench.predict.spot
---@return number
function residuals.covariance(a, b)
  local same_side, same_work = a.plain == b.plain, a.work == b.work
  local side = same_side and 1 or WITH_BASELINE
  local close = near(math.abs(a.place - b.place), REACH_CONCURRENCY)
  local sum = squares.concurrency * close * side
  if same_work then
    local kin = same_side and 1 or a.model == b.model and WITH_BASELINE or WITH_OTHER_MODEL
    sum = sum + kin * (squares.work + squares.work_concurrency * close)
  end
  if same_side then
    local k = near(math.abs(a.k - b.k), REACH_K)
    sum = sum + k * (squares.k + squares.k_concurrency * close + (same_work and squares.work_k or 0))
  end
  return sum
end

return residuals
