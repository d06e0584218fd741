-- The unknowns of a fit and what is believed of them before any cell is seen: costs of both sides, and acceptance,
-- spread of lengths and lag of each piece of work.

local model = require "specbench.predict.model"
local tables = require "specbench.base.tables"

local parameters = {}

-- Priors of the costs: the median as a share of the gap between chunks at the lowest concurrency, and the standard
-- deviation of the logarithm. Wide: a factor of e each way is one deviation, and of the bend, which many servers do not
-- show, two. A GPU that has to compute for longer than it reads its weights (beyond some 300 tokens a step with 16-bit
-- ones, 75 with 4-bit ones) takes a 300th or a 75th of a step more for each further token.
local COSTS = {
  { "alpha", 0.85, 1 }, { "gamma", 0.015, 1 }, { "epsilon", 0.004, 1 },
  { "prefill_base", 0.5, 0.7 }, { "prefill_token", 0.004, 0.7 }, { "request_overhead", 1, 0.7 },
  { "bend", 0.0005, 2 }, { "beta", 0.08, 1 }, { "delta", 0.007, 1 },
}
local PLAIN_COSTS = 7 -- beta and delta are the drafts'
local BEND_AT = 64 -- tokens in a step's batch

parameters.costs = {} -- their names; a plain side lacks the drafts'
for i, cost in ipairs(COSTS) do parameters.costs[i] = cost[1] end
table.insert(parameters.costs, "bend_at")

-- Of logits of acceptance and of the logarithm of a spread: all pieces of work together, and one beside the others.
local SHARED, OWN = { first = 1, later = 0.7, spread = 0.5 }, { first = 0.7, later = 0.5, spread = 0.5 }
local LATER, SPREAD = math.log(0.65 / 0.35), math.log(0.5)

-- Gap / TPOT falls short of tokens a step where requests come in crowds: an answer's first gaps hold the others'
-- prompts, and short answers have few gaps. By how much at the fullest, as a logarithm, of each piece of work.
local LAG, LAG_SD = 0.07, 0.2

---@param x number
---@return number p from 0 to 1
function parameters.sigmoid(x) return 1 / (1 + math.exp(-x)) end

local function logit(p)
  p = math.max(0.03, math.min(0.97, p))
  return math.log(p / (1 - p))
end

-- Parameters: prior means and variances, and where each stands.
local function new_parameters()
  return { mean = {}, variance = {}, at = {} }
end

local function parameter(self, name, mean, sd)
  local index = #self.mean + 1
  self.mean[index], self.variance[index], self.at[name] = mean, sd * sd, index
  return index
end

---@param cell specbench.predict.cell
---@return "plain"|"method"
function parameters.side_of(cell) return cell.plain and "plain" or "method" end

local function add_costs(made, side, cells)
  local lowest, gaps = math.huge, {}
  for _, cell in ipairs(cells) do
    if parameters.side_of(cell) == side and cell.itl_ms then lowest = math.min(lowest, cell.concurrency) end
  end
  for _, cell in ipairs(cells) do
    local is_lowest = parameters.side_of(cell) == side and cell.concurrency == lowest
    if is_lowest and cell.itl_ms then gaps[#gaps + 1] = cell.itl_ms end
  end
  local gap = tables.median(gaps) or 10
  for i = 1, side == "plain" and PLAIN_COSTS or #COSTS do
    local name, share, sd = table.unpack(COSTS[i])
    parameter(made, side .. "." .. name, math.log(gap * share), sd)
  end
  parameter(made, side .. ".bend_at", math.log(BEND_AT), 0.7)
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
    if model.tokens(middle, parameters.sigmoid(LATER), best.k) < ratio then low = middle else high = middle end
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

---Readies a fit's unknowns: `parameters` (prior means and variances, and where each stands by name), where the first
---step begins (`start`), the pieces of work, and which sides there are.
---@param self specbench.predict.fitted
---@param others string[]? pieces of work of which nothing may be measured
function parameters.prepare(self, others)
  local made = new_parameters()
  local has_plain, has_method = false, false
  for _, cell in ipairs(self.cells) do
    has_plain, has_method = has_plain or cell.plain, has_method or not cell.plain
    self.two_models = self.two_models or cell.model ~= self.cells[1].model
  end
  add_costs(made, "method", self.cells)
  if has_plain then add_costs(made, "plain", self.cells) end
  local all = first_seen(self.cells) or 0
  parameter(made, "first", all, SHARED.first)
  parameter(made, "later", LATER, SHARED.later)
  parameter(made, "spread", SPREAD, SHARED.spread)
  self.start = {}
  self.works = works_of(self.cells, others)
  for _, work in ipairs(self.works) do
    local own = parameter(made, "first." .. work, 0, OWN.first)
    self.start[own] = (first_seen(self.cells, work) or all) - all
    parameter(made, "later." .. work, 0, OWN.later)
    parameter(made, "spread." .. work, 0, OWN.spread)
    parameter(made, "lag." .. work, LAG, LAG_SD)
    if self.two_models then parameter(made, "plain_spread." .. work, 0, OWN.spread) end
  end
  self.parameters, self.has_method = made, has_method
end

return parameters
