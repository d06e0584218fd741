-- Intervals of a grid's speed-ups. Repeats within one start of the servers share that start, so from two starts on
-- (or on two hosts) an interval stands on the means of starts; before that it speaks of what lies within one start, and
-- says so.
-- Variances borrow from the rest of the grid (runtime/measure/moderate.h); the plain t stands beside.

local hosts = require "specbench.analysis.hosts"
local json = require "specbench.base.json"
local stats = require "sb.stats"

local intervals = {
  MIN_REPEATS = 3,
  STARTS = "starts", WITHIN = "within one start", -- kinds of intervals
}

local LEAST_STARTS = 2

-- Starts on two hosts are two starts, whatever their number.
local function start_of(cell)
  return ("%d %s"):format(cell.schedule and cell.schedule.start or 1, hosts.key(cell))
end

-- Repeats that share a start on one side or the other, directly or through others, numbered from 1 in the order of
-- their first one: what is measured in one of these groups owes nothing to the starts of another.
local function groups_of(places)
  local group = {}
  local function merge(from, to)
    for i, number in pairs(group) do
      if number == from then group[i] = to end
    end
  end
  local seen = {}
  for i = 1, #places[1] do
    group[i] = i
    for _, repeats in ipairs(places) do
      local one = repeats[i]
      for _, key in ipairs { "method " .. start_of(one.cell), "baseline " .. start_of(one.base) } do
        if seen[key] then merge(group[i], group[seen[key]]) end
        seen[key] = i
      end
    end
  end
  return group
end

-- The blocks that repeats fall into, where each is independent of the others: those of `ground`, and its starts.
local function blocks_of(places)
  local by_group, blocks = {}, {}
  for i, number in ipairs(groups_of(places)) do
    local block = by_group[number]
    if not block then
      block = { label = start_of(places[1][i].cell), repeats = {} }
      by_group[number] = block
      blocks[#blocks + 1] = block
    end
    table.insert(block.repeats, i)
  end
  if #blocks >= LEAST_STARTS then return blocks, #blocks end
  for i, one in ipairs(places[1]) do blocks[i] = { label = one.cell.repetition, repeats = { i } } end
  return blocks, 1
end

local function mean(values, places)
  local sum = 0
  for _, i in ipairs(places) do sum = sum + values[i] end
  return sum / #places
end

-- Numbers for the names that servers' descriptions are.
local function numberer()
  local numbers, count = {}, 0
  return function(name)
    if not numbers[name] then
      count = count + 1
      numbers[name] = count
    end
    return numbers[name]
  end
end

---@class specbench.intervals.ground what the intervals of a cell's figures stand on alike
---@field repeats { cell: table, base: table }[] of the first place
---@field blocks { label: string|integer, repeats: integer[] }[] label: by which blocks of other cells are theirs
---@field starts integer how many of the blocks are starts of their own; 1: they are repeats of one start
---@field baseline string the description of its server
---@field server string of the cell's

---@param ... { cell: table, base: table }[] a place's repeats; of several, whose mean a figure is, all have the same
---@return specbench.intervals.ground
function intervals.ground(...)
  local places = { ... }
  local blocks, starts = blocks_of(places)
  local one = places[1][1]
  return { repeats = places[1], blocks = blocks, starts = starts, baseline = json.encode(one.base.identity.server),
    server = json.encode(one.cell.identity.server) }
end

---@class specbench.intervals.cell
---@field ground specbench.intervals.ground
---@field logs number[] the figure's logarithm, one a repeat

-- Of cells of one kind: a table of values with a column a block, as sb.stats takes it.
local function table_of(cells)
  local columns, count = {}, 0
  for _, cell in ipairs(cells) do
    for _, block in ipairs(cell.ground.blocks) do
      if not columns[block.label] then
        count = count + 1
        columns[block.label] = count
      end
    end
  end
  local number, rows = numberer(), {}
  for i, cell in ipairs(cells) do
    local values = {}
    for k = 1, count do values[k] = false end
    for _, block in ipairs(cell.ground.blocks) do values[columns[block.label]] = mean(cell.logs, block.repeats) end
    rows[i] = { values = values, baseline = number(cell.ground.baseline), server = number(cell.ground.server) }
  end
  return rows
end

local function plain_of(blocks, logs, least)
  local values = {}
  for i, block in ipairs(blocks) do values[i] = mean(logs, block.repeats) end
  return stats.interval(values, nil, least)
end

-- Sum of squares of the values at these places around their mean.
local function squares(values, places)
  local middle, sum = mean(values, places), 0
  for _, i in ipairs(places) do sum = sum + (values[i] - middle) ^ 2 end
  return sum
end

---The plain t of one cell's logarithms, over starts or within one.
---@param repeats { cell: table, base: table }[] from MIN_REPEATS on
---@param logs number[] one a repeat
---@return sb.Interval interval
---@return "starts"|"within one start" kind
function intervals.of(repeats, logs)
  local blocks, starts = blocks_of { repeats }
  local interval = plain_of(blocks, logs, starts > 1 and LEAST_STARTS or intervals.MIN_REPEATS)
  return interval, starts > 1 and intervals.STARTS or intervals.WITHIN
end

---@class specbench.intervals.spread standard deviations of a log ratio, pooled over cells
---@field between number of starts, less what their repeats explain
---@field within number? of repeats of one start; nil where each start had but one
---@field shared number? of what a start does to all cells of a server at once; nil where too few cells could tell
---@field cells integer

-- What starts differ by, and what is left within one.
local function spread_of(cells, moderation)
  if #cells == 0 then return nil end
  local means, inside, dof, share = 0, 0, 0, 0
  for _, cell in ipairs(cells) do
    means = means + cell.plain.sd ^ 2 / #cells
    for _, block in ipairs(cell.ground.blocks) do
      inside = inside + squares(cell.logs, block.repeats)
      dof = dof + #block.repeats - 1
      share = share + 1 / (#block.repeats * #cell.ground.blocks * #cells)
    end
  end
  local within = dof > 0 and inside / dof or nil
  return { between = math.sqrt(math.max(means - share * (within or 0), 0)), within = within and math.sqrt(within),
    shared = moderation.shared_sd, cells = #cells }
end

---Fills in every cell's `kind`, `interval` (the one that counts) and `plain` (Student's t of its own).
---@param cells specbench.intervals.cell[] of the whole grid
---@return table<string, sb.Moderation> found by kind, what moderated the cells of that kind
---@return specbench.intervals.spread? spread of starts
function intervals.fill(cells)
  local kinds, found = { [intervals.STARTS] = {}, [intervals.WITHIN] = {} }, {}
  for _, cell in ipairs(cells) do
    cell.kind = cell.ground.starts > 1 and intervals.STARTS or intervals.WITHIN
    table.insert(kinds[cell.kind], cell)
  end
  for kind, list in pairs(kinds) do
    local least = kind == intervals.STARTS and LEAST_STARTS or intervals.MIN_REPEATS
    local moderated
    moderated, found[kind] = stats.moderate(table_of(list), nil, least)
    for i, cell in ipairs(list) do
      cell.interval, cell.plain = moderated[i], plain_of(cell.ground.blocks, cell.logs, least)
      -- two repeats are no ground for a verdict, however many starts they had
      local count = #cell.ground.repeats
      if count < intervals.MIN_REPEATS then cell.interval = { count = count } end
    end
  end
  return found, spread_of(kinds[intervals.STARTS], found[intervals.STARTS])
end

return intervals
