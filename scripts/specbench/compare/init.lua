-- Two sets of results, joined cell by cell: ratios B / A, with intervals where both sides' repeats carry them.

local intervals = require "specbench.analysis.intervals"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"

local compare = {
  names = { "total_throughput", "output_throughput", "ttft_ms", "tpot_ms" },
  is_time = { ttft_ms = true, tpot_ms = true }, -- less of these is better
}

local MIN_REPEATS = intervals.MIN_REPEATS

---@class specbench.compare.row
---@field coordinates table
---@field repeats { [1]: integer, [2]: integer } of A and of B
---@field ratios table<string, specbench.verdict.figure> B / A; kind is there where there is an interval
---@field why string? why there is none
---@field untold string? why a side has no throughput
---@field other_work boolean prompts, limits or load differ
---@field other_clock boolean
---@field simulated boolean of either side
---@field late boolean a client was late
---@field slower boolean? by more than allowed; nil: not asked, or it cannot be told

---@class specbench.compare.result
---@field axes string[] by which the cells were joined
---@field rows specbench.compare.row[]
---@field only { [1]: table[], [2]: table[] } coordinates of the cells that one side alone has

local function axes_of(points)
  local set = {}
  for _, point in ipairs(points) do
    for name in pairs(point.coordinates) do set[name] = true end
  end
  return set
end

-- Numbers by size, then words.
local function value_before(a, b)
  local x, y = tonumber(a), tonumber(b)
  if x and y then return x < y end
  if (x == nil) ~= (y == nil) then return x ~= nil end
  return tostring(a) < tostring(b)
end

local function place_of(coordinates, axes)
  local words = {}
  for i, name in ipairs(axes) do words[i] = text_table.text(coordinates[name]) end
  return table.concat(words, "\31")
end

-- The points that --only leaves. chosen: axis -> set of values as text
local function narrow(points, chosen)
  local left = {}
  for _, point in ipairs(points) do
    local wanted = true
    for name, values in pairs(chosen) do
      local value = point.coordinates[name]
      if value ~= nil and not values[text_table.text(value)] then wanted = false end
    end
    if wanted then left[#left + 1] = point end
  end
  return left
end

-- "method=draft,none" of the axes that --only names.
local function values_of(points, chosen)
  local words = {}
  for _, name in ipairs(tables.keys(chosen)) do
    local seen = {}
    for _, point in ipairs(points) do
      local value = point.coordinates[name]
      if value ~= nil then seen[text_table.text(value)] = true end
    end
    local values = tables.keys(seen)
    table.sort(values, value_before)
    if #values > 0 then words[#words + 1] = ("%s=%s"):format(name, table.concat(values, ",")) end
  end
  return table.concat(words, " ")
end

-- place -> { coordinates, points by repetition }; two different cells at one place cannot be told apart.
local function index(points, axes, path)
  local all = tables.keys(axes_of(points))
  local by_place = {}
  for _, point in ipairs(points) do
    local place = place_of(point.coordinates, axes)
    local cell = by_place[place]
    if not cell then
      cell = { coordinates = point.coordinates, points = {} }
      by_place[place] = cell
    end
    for _, name in ipairs(all) do
      if text_table.text(cell.coordinates[name]) ~= text_table.text(point.coordinates[name]) then
        return nil, ("%s has several cells where the other side may have one: they differ in %s; choose with "
          .. "--only %s=VALUE"):format(path, name, name)
      end
    end
    local old = cell.points[point.repetition]
    if not old or old.order < point.order then cell.points[point.repetition] = point end
  end
  return by_place
end

local function usable(value)
  return value and value > 0 and value < math.huge
end

local function mean_log(cell, name)
  local sum, count = 0, 0
  for _, point in pairs(cell.points) do
    local value = point.figures[name]
    if not usable(value) then return nil end
    sum, count = sum + math.log(value), count + 1
  end
  return sum / count
end

-- Repeats that both sides have, in order.
local function shared_repeats(a, b)
  local list = {}
  for repetition in pairs(a.points) do
    if b.points[repetition] then list[#list + 1] = repetition end
  end
  table.sort(list)
  return list
end

local function any(cell, test)
  for _, point in pairs(cell.points) do
    if test(point) then return true end
  end
  return false
end

local function ratio_of(a, b, name, paired)
  if paired then
    local logs, repeats = {}, {}
    for i, repetition in ipairs(paired) do
      local one, other = a.points[repetition], b.points[repetition]
      local x, y = one.figures[name], other.figures[name]
      if not usable(x) or not usable(y) then return nil end
      logs[i], repeats[i] = math.log(y) - math.log(x), { cell = other, base = one }
    end
    local interval, kind = intervals.of(repeats, logs)
    return { ratio = math.exp(interval.mean), low = math.exp(interval.low), high = math.exp(interval.high),
      kind = kind }
  end
  local x, y = mean_log(a, name), mean_log(b, name)
  return x and y and { ratio = math.exp(y - x) } or nil
end

local function row_of(a, b)
  local row = { coordinates = a.coordinates, repeats = { 0, 0 }, ratios = {} }
  for i, cell in ipairs { a, b } do
    for _ in pairs(cell.points) do row.repeats[i] = row.repeats[i] + 1 end
  end
  local shared = shared_repeats(a, b)
  local function bare(point) return not point.per_request end
  if any(a, bare) or any(b, bare) then
    row.why = "no per-request data on both sides"
  elseif #shared < MIN_REPEATS then
    row.why = ("fewer than %d repeats on both sides"):format(MIN_REPEATS)
  end
  for _, name in ipairs(compare.names) do row.ratios[name] = ratio_of(a, b, name, not row.why and shared or nil) end
  for _, cell in ipairs { a, b } do
    for _, point in pairs(cell.points) do row.untold = row.untold or point.untold end
  end
  local function simulated(point) return point.simulated end
  local function late(point) return point.late end
  row.simulated, row.late = any(a, simulated) or any(b, simulated), any(a, late) or any(b, late)
  row.other_work, row.other_clock = false, false
  for _, repetition in ipairs(shared) do
    local x, y = a.points[repetition], b.points[repetition]
    if x.workload and y.workload and x.workload ~= y.workload then row.other_work = true end
    if x.clock_scale ~= y.clock_scale then row.other_clock = true end
  end
  return row
end

local function sort_by(axes, list, coordinates)
  table.sort(list, function(a, b)
    local x, y = coordinates(a), coordinates(b)
    for _, name in ipairs(axes) do
      if text_table.text(x[name]) ~= text_table.text(y[name]) then return value_before(x[name], y[name]) end
    end
    return false
  end)
end

-- Whether all points, but for repeats, are one cell.
local function lone_cell(points)
  local axes = tables.keys(axes_of(points))
  for _, point in ipairs(points) do
    if place_of(point.coordinates, axes) ~= place_of(points[1].coordinates, axes) then return false end
  end
  return true
end

---Joins two sides' points by the axes that both have; two sides of one cell each that share no axis are joined too.
---@param sides { [1]: specbench.compare.side, [2]: specbench.compare.side } A, B
---@param chosen table<string, table<string, boolean>>? axis -> values to take (as text), where a side has the axis
---@return specbench.compare.result? result
---@return string? message one line
function compare.join(sides, chosen)
  local points = { sides[1]:points(sides[2]), sides[2]:points(sides[1]) }
  local all = { axes_of(points[1]), axes_of(points[2]) }
  for name in pairs(chosen or {}) do
    if not all[1][name] and not all[2][name] then return nil, ("neither side has an axis '%s'"):format(name) end
  end
  for i = 1, 2 do
    local narrowed = narrow(points[i], chosen or {})
    if #narrowed == 0 then
      return nil, ("%s has no cell%s"):format(sides[i].path,
        #points[i] > 0 and " that --only takes: it has " .. values_of(points[i], chosen) or "")
    end
    points[i] = narrowed
  end
  local shared = {}
  for name in pairs(axes_of(points[1])) do shared[name] = axes_of(points[2])[name] end
  local axes = tables.keys(shared)
  if #axes == 0 and not (lone_cell(points[1]) and lone_cell(points[2])) then
    return nil, "the two sides have no axis in common, and not one cell each: there is nothing to join them by"
  end
  local cells = {}
  for i = 1, 2 do
    local message
    cells[i], message = index(points[i], axes, sides[i].path)
    if not cells[i] then return nil, message end
  end
  local result = { axes = axes, rows = {}, only = { {}, {} } }
  for place, cell in pairs(cells[1]) do
    if cells[2][place] then
      table.insert(result.rows, row_of(cell, cells[2][place]))
    else
      table.insert(result.only[1], cell.coordinates)
    end
  end
  for place, cell in pairs(cells[2]) do
    if not cells[1][place] then table.insert(result.only[2], cell.coordinates) end
  end
  sort_by(axes, result.rows, function(row) return row.coordinates end)
  for i = 1, 2 do sort_by(axes, result.only[i], function(at) return at end) end
  if #result.rows == 0 then
    return nil, ("no cell in common (joined by %s): %s has %s, %s has %s"):format(table.concat(axes, ", "),
      sides[1].path, compare.place(result.only[1][1], axes), sides[2].path, compare.place(result.only[2][1], axes))
  end
  return result
end

---@param coordinates table
---@param axes string[]
---@return string such as "concurrency=8 method=draft"
function compare.place(coordinates, axes)
  local words = {}
  for _, name in ipairs(axes) do
    local value = coordinates[name]
    -- 0: an axis that means nothing here, no k, no rate
    if value ~= 0 then words[#words + 1] = ("%s=%s"):format(name, text_table.text(value)) end
  end
  return #words > 0 and table.concat(words, " ") or "its only cell"
end

---Marks the rows where B is slower than A by more than allowed: the whole interval where there is one, else the ratio.
---@param result specbench.compare.result
---@param name string which figure
---@param loss number 0.05: 5 % less throughput, or 5 % more time
---@return integer slower rows
---@return integer judged rows that have the figure
function compare.judge(result, name, loss)
  local slower, judged = 0, 0
  for _, row in ipairs(result.rows) do
    local figure = row.ratios[name]
    if figure then
      judged = judged + 1
      if compare.is_time[name] then
        row.slower = (figure.low or figure.ratio) > 1 + loss
      else
        row.slower = (figure.high or figure.ratio) < 1 - loss
      end
      if row.slower then slower = slower + 1 end
    end
  end
  return slower, judged
end

return compare
