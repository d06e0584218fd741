-- Cells whose throughput cannot be what the server is able to do: judging by the same cell at other concurrencies,
-- or because no stream got a token for a while.
--
-- With more streams a server's throughput does not fall, and it does not grow faster than their number. So each
-- neighbour allows a band: from b/b' of its throughput to all of it where the cell has fewer streams (b < b'),
-- from all of it to b/b' times of it where it has more. A cell is an anomaly where the median of its three
-- nearest neighbours puts it out of their bands by more than FACTOR. A bad neighbour is one of three: it cannot
-- get a good cell accused.

local tables = require "specbench.base.tables"

local anomaly = {
  -- Of the 696 published cells of round 1 only one is out of its bands at all (75 times), so noise and mild
  -- overload need little room. Slowed down one by one, the others are all found at a third of their throughput,
  -- 84 % at a half, and no other cell is accused.
  FACTOR = 1.25,
  -- A stall: at full load no token of any stream for so large a part of the steady window, so many times longer than
  -- what 90 % of the cell's first tokens and chunks take (long prompts are waited for as well), and so many seconds
  -- of wall time (below, a busy machine's scheduler does that, above all to a simulator in fast motion).
  STALL_SHARE = 0.05, STALL_TIMES = 5, STALL_SECONDS = 0.25,
}

local NEIGHBOURS, FEWEST = 3, 2
local AXIS = "concurrency"

---@class specbench.anomaly
---@field cell table
---@field factor number throughput / the nearest throughput that the neighbours allow
---@field reason string

local function place_but_for_load(cell)
  local words = {}
  for name, at in pairs(cell.coordinates) do
    if name ~= AXIS then words[#words + 1] = ("%s=%s"):format(name, at) end
  end
  table.sort(words)
  return table.concat(words, "\31") .. "\31" .. tostring(cell.repetition)
end

-- Cells at the same place but for the concurrency.
local function series_of(cells, throughput)
  local points = {}
  for _, cell in ipairs(cells) do
    local concurrency, value = tonumber(cell.coordinates[AXIS]), throughput(cell)
    if concurrency and concurrency > 0 and value and value > 0 then
      points[#points + 1] =
        { cell = cell, concurrency = concurrency, value = value, x = math.log(concurrency), y = math.log(value) }
    end
  end
  return tables.grouped(points, function(point) return place_but_for_load(point.cell) end)
end

-- The nearest others along the axis, the nearest first; of two as near that with fewer streams.
-- line: the series, sorted by load; place: the point's in it.
local function neighbours_of(line, place)
  local x, list, low, high = line[place].x, {}, place - 1, place + 1
  local square = line[place].concurrency ^ 2 -- as a logarithm, the middle of two as near might round to either side
  while line[low] and line[low].x == x do low = low - 1 end
  while line[high] and line[high].x == x do high = high + 1 end
  while #list < NEIGHBOURS and (line[low] or line[high]) do
    local left, right = line[low], line[high]
    if left and (not right or square <= left.concurrency * right.concurrency) then
      list[#list + 1], low = left, low - 1
    else
      list[#list + 1], high = right, high + 1
    end
  end
  return list
end

-- How far the point lies above (or, negative, below) what one neighbour allows; a natural logarithm.
local function outside(point, other)
  local step = point.x - other.x
  local low, high = other.y + math.min(0, step), other.y + math.max(0, step)
  return point.y > high and point.y - high or point.y < low and point.y - low or 0
end

-- The median; of two, the one nearer to nothing, and nothing where they disagree.
local function agreed(values)
  table.sort(values)
  if #values ~= 2 then return values[(#values + 1) // 2] end
  if values[1] * values[2] <= 0 then return 0 end
  return values[1] > 0 and values[1] or values[2]
end

local function judge(line, place)
  local point, near = line[place], neighbours_of(line, place)
  if #near < FEWEST then return nil end
  local distances, words = {}, {}
  for i, other in ipairs(near) do
    distances[i] = outside(point, other)
    words[i] = ("%.4g at %g"):format(other.value, other.concurrency)
  end
  local distance = agreed(distances)
  if math.abs(distance) <= math.log(anomaly.FACTOR) then return nil end
  return {
    cell = point.cell, factor = math.exp(distance),
    reason = ("%.4g tokens/s is %.3g times %s than its neighbours along concurrency allow (%s)"):format(point.value,
      math.exp(math.abs(distance)), distance < 0 and "less" or "more", table.concat(words, ", ")),
  }
end

---Finds the cells that leave the trend of their neighbours; needs three concurrencies or more.
---@param cells table[] one a place of the grid and repeat
---@param throughput fun(cell: table): number? tokens/s
---@return specbench.anomaly[] list in the cells' order within each line of the grid
function anomaly.find(cells, throughput)
  local found = {}
  for _, series in ipairs(series_of(cells, throughput)) do
    local line, places = table.move(series.items, 1, #series.items, 1, {}), {}
    table.sort(line, function(a, b) return a.x < b.x end)
    for place, point in ipairs(line) do places[point] = place end
    for _, point in ipairs(series.items) do found[#found + 1] = judge(line, places[point]) end
  end
  return found
end

---Why a cell stood still while all its streams were at work.
---@param cell table
---@return string? reason
function anomaly.stall(cell)
  local m = cell.metrics
  local gap, window = m.steady_longest_gap, m.steady_duration
  if not gap or not window then return nil end
  local usual = math.max(m["ttft_ms.p90"] or 0, m["itl_chunk_ms.p90"] or 0) / 1000
  local wall = anomaly.STALL_SECONDS * (cell.clock_scale or 1)
  if gap <= math.max(anomaly.STALL_SHARE * window, anomaly.STALL_TIMES * usual, wall) then return nil end
  return ("no stream got a token for %.3g s of its %.3g s at full load; 90 %% of first tokens and chunks take under "
    .. "%.2g s"):format(gap, window, usual)
end

return anomaly
