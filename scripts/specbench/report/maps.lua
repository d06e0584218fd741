-- Heatmaps of total throughput's speed-up, or of one of the round's own metrics, one a combination of the round's `per`
-- axes: what each place says, and its pictures.

local caveats = require "specbench.analysis.caveats"
local export = require "specbench.export"
local keys = require "specbench.results.keys"
local plot = require "specbench.report.plot"
local speedup = require "specbench.analysis.speedup"
local tables = require "specbench.base.tables"

local maps = {}

local VALUE_TITLE = "speed-up (total token throughput)"

---@class specbench.map
---@field name string the `per` coordinates, as the round spells them
---@field per string[]
---@field cells table[] all it shows
---@field drawn specbench.heatmap

local function geometric_mean(values)
  local sum = 0
  for _, value in ipairs(values) do sum = sum + math.log(value) end
  return math.exp(sum / #values)
end

local function mean(values)
  local sum = 0
  for _, value in ipairs(values) do sum = sum + value end
  return sum / #values
end

-- One scale of colours for all maps of a metric, from its least value to its largest.
local function share_scale(list)
  local least, most = math.huge, -math.huge
  for _, map in ipairs(list) do
    for _, row in pairs(map.drawn.values) do
      for _, value in pairs(row) do least, most = math.min(least, value), math.max(most, value) end
    end
  end
  if least == most then least, most = least - 1, most + 1 end
  for _, map in ipairs(list) do map.drawn.min, map.drawn.max = least, most end
end

-- A cell's values on the `per` axes.
local function per_of(cell, layout)
  local per = {}
  for i, axis in ipairs(layout and layout.per or {}) do per[i] = keys.spelled(cell.coordinates[axis]) end
  return per
end

-- By the cells of one combination of `per` axes: the other axes on which they differ, which neither side of a map
-- shows. Such cells are not averaged but get maps of their own.
local function rest_of(cells, about)
  local layout, shown = about.report and about.report.heatmap, {}
  if not layout then return {} end
  for _, name in ipairs { layout.x, layout.y, table.unpack(layout.per) } do shown[name] = true end
  local values, rest = {}, {}
  for _, cell in ipairs(cells) do
    local name, rate = table.concat(per_of(cell, layout), "\31"), cell.identity.workload.rate
    if layout.value or cell.baseline ~= cell.key then
      values[name], rest[name] = values[name] or {}, rest[name] or {}
      for _, axis in ipairs(about.axes) do
        local value = cell.coordinates[axis.name]
        -- request rates are what a map of an open loop has upwards
        if not shown[axis.name] and (value == nil or value ~= rate) and not (rate and value == nil) then
          local first = values[name][axis.name] or keys.spelled(value)
          values[name][axis.name] = first
          if first ~= keys.spelled(value) then rest[name][axis.name] = true end
        end
      end
    end
  end
  return rest
end

---Which cells belong on one map, whatever the round draws: the round's `per` axes, and those that no map shows.
---@param cells table[]
---@param about table the store's round.json
---@return fun(cell: table): string, string[] name of the cell's map; its values on the `per` axes
function maps.grouper(cells, about)
  local layout, rest = about.report and about.report.heatmap, rest_of(cells, about)
  return function(cell)
    local per = per_of(cell, layout)
    local words, differing = { table.concat(per, " ") }, rest[table.concat(per, "\31")] or {}
    for _, axis in ipairs(about.axes) do
      local value = cell.coordinates[axis.name]
      if differing[axis.name] and value ~= nil then words[#words + 1] = ("%s=%s"):format(axis.name, value) end
    end
    return table.concat(words, " "), per
  end
end

local function new_map(name, per, rate)
  return {
    name = rate and name .. " at request rates" or name, per = per, cells = {}, x = {}, y = {}, labels = {},
    places = {}, open_loop = rate ~= nil,
  }
end

local function place_of(map, cell, layout, rate)
  local value = keys.spelled(cell.coordinates[layout.x])
  local x = tables.place(map.x, value)
  local spelling = export.spelling(cell, layout.x)
  if spelling and spelling ~= value then map.labels[x] = spelling end
  local y = tables.place(map.y, rate or keys.spelled(cell.coordinates[layout.y]))
  local key = y .. ":" .. x
  map.places[key] = map.places[key] or { samples = {} }
  return map.places[key]
end

-- Values as the round spells them; an export's own spelling of one, if it differs, beside it in brackets.
local function x_axis(map, layout)
  local marks = {}
  for x, value in ipairs(map.x) do
    marks[x] = map.labels[x] and ("%s (%s)"):format(value, map.labels[x]) or value
  end
  local title = layout.x_title or layout.x
  return marks, next(map.labels) and ("%s (%s)"):format(layout.x, layout.label_title or "as exported") or title
end

local function drawable(map, layout, about)
  local note, has_drained = caveats.simulated(map.cells), false
  local is_mixed = note:find("partly", 1, true)
  local values, notes, marks = {}, {}, {}
  for y = 1, #map.y do
    values[y], notes[y], marks[y] = {}, {}, {}
    for x = 1, #map.x do
      local place = map.places[y .. ":" .. x]
      if place and #place.samples > 0 then
        values[y][x] = (layout.value and mean or geometric_mean)(place.samples)
        local mark = (place.drained and caveats.DRAINED or "") .. (place.lossy and caveats.LOSSY or "")
        marks[y][x] = mark ~= "" and mark or nil
        has_drained = has_drained or place.drained
      end
      local why = place and (place.reason or place.lossy and "lossy: " .. place.lossy)
      if is_mixed and place and place.simulated then why = why and why .. "; simulated" or "simulated" end
      notes[y][x] = why
    end
  end
  local x, x_title = x_axis(map, layout)
  return {
    title = ("%s, %s%s"):format(about.title or about.round, map.name, note), x = x, y = map.y, values = values,
    notes = notes, marks = marks, footer = caveats.footer(map.cells, has_drained), x_title = x_title,
    y_title = map.open_loop and "requests a second" or layout.y_title or layout.y,
    min = 0, max = 2, value_title = layout.value or VALUE_TITLE, format = layout.value and "%.4g" or nil,
  }
end

-- What a cell adds to its place: a speed-up, or the value of a metric, which baselines have as well; or why nothing.
local function sample_of(cell, layout, index)
  if not layout.value then
    local ratios, base = speedup.of(index, cell)
    if ratios and ratios.total_throughput then return ratios.total_throughput, base end
    return nil, ratios and speedup.untold_ratio(index, cell) or base
  end
  local value = cell.own and cell.own[layout.value]
  return value, value and cell or ("it has no metric '%s'"):format(layout.value)
end

---One map a combination of the `per` axes, and of others on which cells differ and which no map shows; its places are
---the geometric means over repeats. A map without a single speed-up says nothing that the list of reasons does not, and
---is left out.
---@param cells table[] in the grid's order
---@param index specbench.speedup.index
---@param about table the store's round.json
---@return specbench.map[]
function maps.collect(cells, index, about)
  local layout = about.report.heatmap
  local by_name, told = {}, {}
  local order, group_of = {}, maps.grouper(cells, about)
  for _, cell in ipairs(cells) do
    if layout.value or cell.baseline ~= cell.key then
      local sample, base = sample_of(cell, layout, index)
      local rate = cell.identity.workload.rate
      local name, per = group_of(cell)
      local map = new_map(name, per, rate)
      map = by_name[map.name] or map
      if not by_name[map.name] then
        by_name[map.name] = map
        order[#order + 1] = map
      end
      table.insert(map.cells, cell)
      local place = place_of(map, cell, layout, rate)
      place.simulated = place.simulated or caveats.is_simulated(cell)
      if sample then
        table.insert(place.samples, sample)
        place.drained = place.drained or caveats.drained(cell, base)
        place.lossy = place.lossy or cell.lossy
        map.says_something = true
      else
        place.reason = base
      end
    end
  end
  for _, map in ipairs(order) do
    if map.says_something then
      map.drawn = drawable(map, layout, about)
      told[#told + 1] = map
    end
  end
  if layout.value then share_scale(told) end
  return told
end

local function write_each(store, list)
  local written = {}
  for _, map in ipairs(list) do
    local path = store:path(("pictures/%s_heatmap"):format((map.name:gsub("[^%w.-]", "_"))))
    local picture = { png = path .. ".png", svg = path .. ".svg" }
    for name, value in pairs(map.drawn) do picture[name] = value end
    local ok, message = plot.heatmap(picture)
    if not ok then return written, message end
    table.move({ picture.png, picture.svg }, 1, 2, #written + 1, written)
  end
  return written
end

-- All maps on one sheet: the first `per` axis down, the second across.
local function write_overview(store, list, about)
  local layout = #list > 1 and about.report.heatmap
  if not layout or #layout.per ~= 2 then return {} end
  local rows, columns, panels, cells, has_drained = {}, {}, {}, {}, false
  for _, map in ipairs(list) do
    if map.open_loop == list[1].open_loop then
      local r, c = tables.place(rows, map.per[1]), tables.place(columns, map.per[2])
      panels[r] = panels[r] or {}
      if panels[r][c] then return {} end -- several maps of one place: a sheet cannot show them all
      panels[r][c] = map.drawn
      table.move(map.cells, 1, #map.cells, #cells + 1, cells)
      for _, place in pairs(map.places) do has_drained = has_drained or place.drained end
    end
  end
  for r = 1, #rows do panels[r] = panels[r] or {} end
  local path = store:path "pictures/overview"
  local png, svg = path .. ".png", path .. ".svg"
  local ok, message = plot.overview {
    title = (about.title or about.round) .. caveats.simulated(cells), rows = rows, columns = columns, panels = panels,
    png = png, svg = svg, y_title = layout.y_title or layout.y, min = list[1].drawn.min, max = list[1].drawn.max,
    value_title = list[1].drawn.value_title, footer = caveats.footer(cells, has_drained),
  }
  if not ok then return {}, message end
  return { png, svg }
end

---Draws every map, and all on one sheet.
---@param store specbench.store
---@param list specbench.map[]
---@param about table
---@return string[] files
---@return string? complaint why some are missing
function maps.write(store, list, about)
  local written, complaint = write_each(store, list)
  if complaint then return written, complaint end
  local sheet
  sheet, complaint = write_overview(store, list, about)
  return table.move(sheet, 1, #sheet, #written + 1, written), complaint
end

return maps
