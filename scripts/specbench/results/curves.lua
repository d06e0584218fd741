-- Curves of what drafts would bring that lie beside a folder's cells, as `predict --acceptance` or `--draft-cost` left
-- them: by a fitted model, with the cells that were measured as points.

local json = require "specbench.base.json"
local sealed = require "specbench.results.sealed"

local curves = {}

---@class specbench.curve
---@field method string
---@field baseline string
---@field k integer
---@field concurrency integer
---@field draft_cost number what speculation adds to a step, as a share of what was measured
---@field accepted number? of its measured cells, a mean
---@field breaks_even { value: number?, low: number?, high: number? } acceptance
---@field curve specbench.what_if.point[] predicted, by acceptance
---@field measured specbench.what_if.point[]

-- The file may be from elsewhere: what is no number in its range is none.
local function within(value, low, high)
  return math.type(value) and value >= low and value <= high and value or nil
end

local function points_of(list, has_interval)
  local points = {}
  for i, told in ipairs(type(list) == "table" and list or {}) do
    if type(told) ~= "table" then return nil end
    local point = { x = within(told.x, 0, 1), y = within(told.y, 0, 1e6), low = within(told.low, 0, 1e6),
      high = within(told.high, 0, 1e6) }
    if not (point.x and point.y) or has_interval and not (point.low and point.high) then return nil end
    points[i] = point
  end
  return points
end

local function curve_of(told)
  if type(told) ~= "table" or type(told.method) ~= "string" or type(told.baseline) ~= "string" then return nil end
  local curve, measured = points_of(told.curve, true), points_of(told.measured)
  local k, concurrency = math.tointeger(within(told.k, 1, 1e6)), math.tointeger(within(told.concurrency, 1, 1e9))
  local cost, even = within(told.draft_cost, 0, 1e6), type(told.breaks_even) == "table" and told.breaks_even or {}
  if not (curve and #curve > 1 and measured and k and concurrency and cost) then return nil end
  return { method = told.method, baseline = told.baseline, k = k, concurrency = concurrency, draft_cost = cost,
    accepted = within(told.accepted, 0, 1), curve = curve, measured = measured,
    breaks_even = { value = within(even.value, 0, 1), low = within(even.low, 0, 1), high = within(even.high, 0, 1) } }
end

---@param folder string
---@return specbench.curve[] list empty where nobody asked
function curves.of(folder)
  local list = {}
  for line in (sealed.bytes(folder .. "/break_even.jsonl") or ""):gmatch "[^\n]+" do
    list[#list + 1] = curve_of(json.decode(line))
  end
  return list
end

return curves
