-- How often a draft must be accepted to pay: a fit's speed-ups with another acceptance, and with drafts that cost more
-- or less than the measured ones.
--
-- Acceptance is one number here: each place of a draft is accepted as often as the first one, given that those before
-- it were.

local families = require "specbench.predict.families"
local model = require "specbench.predict.model"
local tables = require "specbench.base.tables"

local what_if = {}

-- Where a curve is worked out; between them it is straight, which moves no value by more than 0.2 %.
local ACCEPTED = { 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98 }

---@class specbench.what_if.point
---@field x number acceptance
---@field y number speed-up: the geometric mean over the load's pieces of work
---@field low number? a 90 % interval, of predicted ones, for what endless repeats would show
---@field high number?

---@class specbench.what_if.load
---@field k integer
---@field concurrency integer
---@field curve specbench.what_if.point[]
---@field measured specbench.what_if.point[] the cells, at what was accepted there
---@field accepted number mean of theirs
---@field breaks_even { value: number?, low: number?, high: number? } acceptance; absent beyond the curve's end, 0
---  where speculation pays whatever is accepted

---@class specbench.what_if
---@field family specbench.predict.family
---@field draft_cost number
---@field loads specbench.what_if.load[] by k, then by concurrency

-- The acceptance that brings so many tokens a step.
local function geometric(tokens, k)
  local low, high = 0.0, 1.0
  for _ = 1, 40 do
    local middle = (low + high) / 2
    if model.tokens(middle, middle, k) < tokens then low = middle else high = middle end
  end
  return (low + high) / 2
end

-- What was accepted in a measured cell: by the server's counters, else as the fit has it.
local function accepted_in(record, acceptance)
  local counted = record.cell and record.cell.acceptance and record.cell.acceptance.mean_length
  local own = acceptance[record.work]
  return geometric(counted or (model.tokens(own.first.value, own.later.value, record.k)), record.k)
end

-- The acceptance at which a curve crosses 1 upwards; 0 where it never lies below, nil where it never reaches it.
local function crossing(curve, field)
  local before
  for _, point in ipairs(curve) do
    local log = math.log(point[field])
    if log >= 0 then
      if not before then return 0.0 end
      local start = math.log(before[field])
      return before.x + (point.x - before.x) * start / (start - log)
    end
    before = point
  end
end

---@param curve specbench.what_if.point[]
---@param accepted number
---@return specbench.what_if.point between the curve's points
function what_if.at(curve, accepted)
  local place = 2
  while place < #curve and curve[place].x < accepted do place = place + 1 end
  local a, b = curve[place - 1], curve[place]
  local share, point = (accepted - a.x) / (b.x - a.x), { x = accepted }
  for _, field in ipairs { "y", "low", "high" } do
    point[field] = math.exp((1 - share) * math.log(a[field]) + share * math.log(b[field]))
  end
  return point
end

local function point_at(fitted, rows, accepted, draft_cost)
  local list = {}
  for i, row in ipairs(rows) do
    local place = {}
    for name, value in pairs(row.place) do place[name] = value end
    place.seconds, place.accepted = nil, { first = accepted, later = accepted }
    place.draft_cost = draft_cost ~= 1 and draft_cost or nil
    list[i] = { place = place, baseline = row.baseline }
  end
  local seen = fitted:mean_speedup(list)
  return { x = accepted, y = seen.ratio, low = seen.low, high = seen.high }
end

local function load_of(fitted, rows, draft_cost, acceptance)
  local first = rows[1].place
  local self = { k = first.k, concurrency = first.concurrency, curve = {}, measured = {}, accepted = 0 }
  for i, accepted in ipairs(ACCEPTED) do self.curve[i] = point_at(fitted, rows, accepted, draft_cost) end
  for _, row in ipairs(rows) do
    local accepted = accepted_in(row.place, acceptance)
    self.accepted = self.accepted + accepted / #rows
    if row.measured then table.insert(self.measured, { x = accepted, y = row.ratio }) end
  end
  -- where the interval's upper end crosses 1, less acceptance may be enough
  self.breaks_even = { value = crossing(self.curve, "y"), low = crossing(self.curve, "high"),
    high = crossing(self.curve, "low") }
  return self
end

---Why a family's fit cannot be asked.
---@param family specbench.predict.family
---@return string? reason
function what_if.flaw(family)
  if family.why then return family.why end
  if #family.plain == 0 then return "no cell of its baseline was measured" end
  if #family.rows == 0 then return "none of its cells has a speed-up" end
end

---@param family specbench.predict.family without a flaw
---@param draft_cost number? what speculation adds to a step and to a prompt, as a share of what was measured; 1
---@return specbench.what_if
function what_if.of(family, draft_cost)
  local fitted = families.fit(family)
  local loads = tables.grouped(family.rows, function(row)
    return ("%d %d"):format(row.place.k, row.place.concurrency)
  end)
  table.sort(loads, function(a, b)
    local x, y = a.items[1].place, b.items[1].place
    if x.k ~= y.k then return x.k < y.k end
    return x.concurrency < y.concurrency
  end)
  local self = { family = family, draft_cost = draft_cost or 1, loads = {} }
  local acceptance = fitted:acceptance()
  for i, load in ipairs(loads) do self.loads[i] = load_of(fitted, load.items, self.draft_cost, acceptance) end
  return self
end

return what_if
