-- Where it pays: a small map of marks, one a place of the grid. Columns are loads; a row is a target, a method and,
-- where they have several, a task; what else cells differ in (k, contexts) stands side by side in one field, in the
-- order of its values.

local keys = require "specbench.results.keys"
local pays = require "specbench.answer.pays"
local place = require "specbench.answer.place"

local grid = {}

---@class specbench.answer.mark
---@field mark "faster"|"slower"|"tie"|"undecided"|"none"
---@field ramp_up boolean it mostly measured ramp-up and drain
---@field ratio number? of the answer's figure
---@field low number?
---@field high number?
---@field coordinates table
---@field reason string? why there is no verdict, or no ratio
---@field lossy string?

---@class specbench.answer.row
---@field target string
---@field method string
---@field task string?
---@field load "concurrency"|"rate"
---@field engine string?
---@field fields specbench.answer.mark[][] one list a load of the map; empty where nothing was measured

---@class specbench.answer.map
---@field loads table<"concurrency"|"rate", number[]> columns of rows of either kind, the least first
---@field beside { name: string, values: any[] }[] axes whose values stand side by side in a field, the outermost first
---@field rows specbench.answer.row[]

local function values_of(entries, name)
  local values, seen = {}, {}
  for _, entry in ipairs(entries) do
    local value = entry.coordinates[name]
    if value ~= nil and not seen[value] then
      seen[value] = true
      values[#values + 1] = value
    end
  end
  return keys.by_value(values)
end

local function rank_of(axes)
  local ranks = {}
  for i, axis in ipairs(axes) do
    ranks[i] = {}
    for k, value in ipairs(axis.values) do ranks[i][value] = k end
  end
  return function(mark)
    local list = {}
    for i, axis in ipairs(axes) do list[i] = ranks[i][mark.coordinates[axis.name]] or 0 end
    return list
  end
end

local function mark_of(entry, figure)
  local found = entry.speedups[figure] or {}
  return {
    mark = figure == "paired" and entry.verdict or "none", ramp_up = pays.ramp_up(entry), ratio = found.ratio,
    low = found.low, high = found.high, coordinates = entry.coordinates, reason = entry.reason,
    lossy = entry.cell.lossy,
  }
end

local function sort_fields(rows, axes)
  local rank = rank_of(axes)
  for _, row in ipairs(rows) do
    for _, field in ipairs(row.fields) do
      local order = {}
      for _, mark in ipairs(field) do order[mark] = rank(mark) end
      table.sort(field, function(a, b)
        for i, at in ipairs(order[a]) do
          if at ~= order[b][i] then return at < order[b][i] end
        end
        return false
      end)
    end
  end
end

---@param entries specbench.verdict.entry[] in the grid's order
---@param context { figure: string, axes: specbench.answer.axes, engines: boolean }
---@return specbench.answer.map
function grid.of(entries, context)
  local loads, columns = { concurrency = {}, rate = {} }, { concurrency = {}, rate = {} }
  local tasks, beside = {}, {}
  for _, entry in ipairs(entries) do
    local load = place.load(entry.cell)
    if not columns[load.kind][load.value] then
      columns[load.kind][load.value] = true
      table.insert(loads[load.kind], load.value)
    end
    tasks[place.task(entry.cell) or ""] = true
  end
  for kind, list in pairs(loads) do
    table.sort(list)
    for i, value in ipairs(list) do columns[kind][value] = i end
  end
  for _, names in ipairs { context.axes.settings, context.axes.rest } do
    for _, name in ipairs(names) do beside[#beside + 1] = { name = name, values = values_of(entries, name) } end
  end
  local by_key, rows = {}, {}
  local several_tasks = next(tasks, (next(tasks))) ~= nil
  for _, entry in ipairs(entries) do
    local cell, load = entry.cell, place.load(entry.cell)
    local row = {
      target = place.target(cell), method = place.method(cell), task = several_tasks and place.task(cell) or nil,
      load = load.kind, engine = context.engines and cell.engine.name or nil, fields = {},
    }
    local key = table.concat({ row.target, row.method, row.task or "", row.load, row.engine or "" }, "\31")
    if not by_key[key] then
      by_key[key] = row
      rows[#rows + 1] = row
      for i = 1, #loads[load.kind] do row.fields[i] = {} end
    end
    table.insert(by_key[key].fields[columns[load.kind][load.value]], mark_of(entry, context.figure))
  end
  sort_fields(rows, beside)
  return { loads = loads, beside = beside, rows = rows }
end

return grid
