-- The names by which cells find each other: cells that agree on every axis have the same key, repeats of one the same
-- place.

local tables = require "specbench.base.tables"

local keys = {
  -- An axis that means nothing to a cell is not among its coordinates. Ids and keys have this in its place, as rounds
  -- wrote themselves before an axis could have `when`: what was measured then is the same cell.
  ABSENT = 0,
}

---A key equal for two cells that agree on every axis, but for those in `changes`.
---@param about { axes: table[] } a round, or what round.json says of one
---@param cell table coordinates
---@param changes table<string, any>?
---@param repetition integer?
---@return string
function keys.of(about, cell, changes, repetition)
  local words = {}
  for i, axis in ipairs(about.axes) do
    local value = changes and changes[axis.name]
    if value == nil then value = cell[axis.name] end
    words[i] = tostring(value == nil and keys.ABSENT or value)
  end
  words[#words + 1] = tostring(repetition or 1)
  return table.concat(words, "\31")
end

---A cell's key without its repetition.
---@param text string a key
---@return string place
function keys.place(text)
  return (text:gsub("\31[^\31]*$", ""))
end

---Cells by their place, in the order of its first one: the repeats of each.
---@param cells table[]
---@return { name: string, items: table[] }[]
function keys.places(cells)
  return tables.grouped(cells, function(cell) return keys.place(cell.key) end)
end

---A coordinate as a reader sees it.
---@param value any nil: the axis means nothing to the cell
---@return string
function keys.spelled(value)
  return value == nil and "-" or tostring(value)
end

-- Of a number, or of a label that is one: 0.5k is 500.
local function size(value)
  local number, thousands = tostring(value):match "^(-?[%d.]+)(k?)$"
  return tonumber(number) and tonumber(number) * (thousands == "k" and 1000 or 1)
end

---Sorts an axis' values: by size where all have one, else they stay in their order.
---@param values any[]
---@return any[] values the same list
function keys.by_value(values)
  for _, value in ipairs(values) do
    if not size(value) then return values end
  end
  table.sort(values, function(a, b) return size(a) < size(b) end)
  return values
end

local NUMBER = "%d+%.?%d*"

---Sorts what has names that differ in their numbers alone, as "k=3" and "k=10" do; else all stays in its order.
---@generic T
---@param list T[]
---@param field string that holds an item's name
---@return T[] list the same
function keys.by_number(list, field)
  local rank, shape = {}, nil
  for _, item in ipairs(list) do
    local own = item[field]:gsub(NUMBER, "0")
    if shape and shape ~= own then return list end
    shape, rank[item] = own, item[field]:gsub(NUMBER, function(number) return ("%030.9f"):format(number) end)
  end
  table.sort(list, function(a, b) return rank[a] < rank[b] end)
  return list
end

-- What a cell has of an axis; nil where it means nothing to it.
local function coordinate(cell, axis)
  local value = cell.coordinates[axis.name]
  if axis.when and value == keys.ABSENT and cell.format == 1 then return nil end
  return value
end

local function is_baseline(about, cell)
  for _, axis in ipairs(about.axes) do
    local wanted = about.baseline[axis.name]
    if wanted ~= nil and tostring(coordinate(cell, axis)) ~= tostring(wanted) then return false end
  end
  return true
end

-- Where a baseline stands on the axes given.
local function place_on(axes, cell)
  local words = { tostring(cell.repetition) }
  for _, axis in ipairs(axes) do words[#words + 1] = tostring(coordinate(cell, axis)) end
  return table.concat(words, "\31")
end

-- Baselines by the axes that they have beside those that make them one; those that have most come first.
local function kinds_of(about, cells)
  local by_name, kinds = {}, {}
  for _, cell in ipairs(cells) do
    if is_baseline(about, cell) then
      local axes, names = {}, {}
      for _, axis in ipairs(about.axes) do
        if about.baseline[axis.name] == nil and coordinate(cell, axis) ~= nil then
          axes[#axes + 1], names[#names + 1] = axis, axis.name
        end
      end
      local name = table.concat(names, "\31")
      if not by_name[name] then
        by_name[name] = { axes = axes, by_place = {} }
        kinds[#kinds + 1] = by_name[name]
      end
      by_name[name].by_place[place_on(axes, cell)] = cell.key
    end
  end
  table.sort(kinds, function(a, b) return #a.axes > #b.axes end)
  return kinds
end

---Looks up which cell each cell is compared with, and notes its key as `baseline`: the one of the same repeat that
---has what the round's baseline says and agrees with the cell on every other axis that it has. A baseline's is its own
---key. Where there is none, the key is one that no cell has.
---@param about { axes: table[], baseline: table? } a round, or what round.json says of one; without `baseline` the
---  cells stay as they are
---@param cells { coordinates: table, repetition: integer, key: string, baseline: string? }[]
---@return table[] alone the cells that have no baseline
function keys.find_baselines(about, cells)
  local alone = {}
  if not about.baseline then return alone end
  local kinds = kinds_of(about, cells)
  for _, cell in ipairs(cells) do
    local found = is_baseline(about, cell) and cell.key or nil
    for _, kind in ipairs(kinds) do found = found or kind.by_place[place_on(kind.axes, cell)] end
    if not found then alone[#alone + 1] = cell end
    cell.baseline = found or keys.of(about, cell.coordinates, about.baseline, cell.repetition)
  end
  return alone
end

---Sorts cells into the grid's order: the axes' values as round.json lists them, then repeats.
---@param about table what round.json says
---@param cells table[]
function keys.sort(about, cells)
  local rank = {}
  -- a round may write 1.0 where a cell that was read back has 1
  local function word(value) return tostring(math.type(value) and math.tointeger(value) or value) end
  for _, axis in ipairs(about.axes) do
    rank[axis.name] = {}
    for i, value in ipairs(axis.values) do rank[axis.name][word(value)] = i end
  end
  local function before(a, b)
    for _, axis in ipairs(about.axes) do
      local x = rank[axis.name][word(a.coordinates[axis.name])] or math.huge
      local y = rank[axis.name][word(b.coordinates[axis.name])] or math.huge
      if x ~= y then return x < y end
    end
    if a.repetition ~= b.repetition then return a.repetition < b.repetition end
    return a.started < b.started
  end
  table.sort(cells, before)
end

return keys
