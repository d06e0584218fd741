-- Heatmaps of a speed-up, or of one of the round's own metrics, one a combination of the round's `per` axes: what each
-- place says, and its pictures.

local caption = require "specbench.report.caption"
local caveats = require "specbench.analysis.caveats"
local export = require "specbench.export"
local keys = require "specbench.results.keys"
local marks = require "specbench.answer.marks"
local plot = require "specbench.report.plot"
local speedup = require "specbench.analysis.speedup"
local tables = require "specbench.base.tables"
local words = require "specbench.answer.words"

local maps = {}

---@class specbench.map
---@field name string the `per` coordinates, as the round spells them
---@field per string[]
---@field cells table[] all it shows
---@field entries specbench.verdict.entry[] their speed-ups; of a metric none
---@field seen table<string, boolean> marks that it has, and whether it has pale places
---@field open_loop boolean loads are request rates
---@field drawn specbench.heatmap

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
    local name, differing = { table.concat(per, " ") }, rest[table.concat(per, "\31")] or {}
    for _, axis in ipairs(about.axes) do
      local value = cell.coordinates[axis.name]
      if differing[axis.name] and value ~= nil then name[#name + 1] = ("%s=%s"):format(axis.name, value) end
    end
    return table.concat(name, " "), per
  end
end

-- A place of the grid on a map: its number, or why it has none.
local function speedup_place(entry, figure, index)
  local found, reason = entry.speedups[figure], entry.reason
  if not found and entry.repeats > 0 then
    reason = figure == "paired" and entry.problem or speedup.untold_ratio(index, entry.all[1].cell)
      or entry.reason
  end
  return { cell = entry.cell, cells = entry.cells, entry = entry, value = found and found.ratio,
    names = marks.of(entry), is_pale = marks.is_pale(entry), reason = reason }
end

-- Of a metric, which baselines have as well, the mean over repeats.
local function metric_place(cells, metric)
  local sum, count = 0, 0
  for _, cell in ipairs(cells) do
    local value = cell.own and cell.own[metric]
    if value then sum, count = sum + value, count + 1 end
  end
  return { cell = cells[1], cells = cells, value = count > 0 and sum / count or nil, names = marks.of_cells(cells),
    reason = ("it has no metric '%s'"):format(metric) }
end

local function places_of(found, figure, layout)
  local list = {}
  if layout.value then
    for i, group in ipairs(keys.places(found.cells)) do
      list[i] = metric_place(group.items, layout.value)
    end
  else
    for i, entry in ipairs(found.entries) do list[i] = speedup_place(entry, figure, found.index) end
  end
  return list
end

-- What stands on an axis, by value.
local function sorted(map, coordinate)
  local values = {}
  for _, place in ipairs(map.places) do tables.place(values, coordinate(place)) end
  return keys.by_value(values)
end

-- Values as the round spells them; an export's own spelling of one, if it differs, beside it in brackets.
local function x_axis(values, spellings, layout)
  local labels = {}
  for x, value in ipairs(values) do
    labels[x] = spellings[value] and ("%s (%s)"):format(value, spellings[value]) or value
  end
  local title = layout.x_title or layout.x
  return labels, next(spellings) and ("%s (%s)"):format(layout.x, layout.label_title or "as exported") or title
end

-- Why a place has no number, or what keeps it from being believed.
local function note_of(place, is_mixed)
  local why = not place.value and place.reason or place.cell.lossy and "lossy: " .. place.cell.lossy or nil
  if not (is_mixed and caveats.is_simulated(place.cell)) then return why end
  return why and why .. "; simulated" or "simulated"
end

local function drawable(map, layout, about, shown)
  local function x_of(place) return keys.spelled(place.cell.coordinates[layout.x]) end
  local function y_of(place) return place.rate or keys.spelled(place.cell.coordinates[layout.y]) end
  local xs, ys, spellings = sorted(map, x_of), sorted(map, y_of), {}
  local simulated = caveats.simulated(map.cells)
  local drawn = { values = {}, notes = {}, marks = {}, typed = {}, pale = {} }
  for y = 1, #ys do
    for _, field in pairs(drawn) do field[y] = {} end
  end
  map.seen, map.entries = {}, {}
  for i, place in ipairs(map.places) do
    local x, y = tables.place(xs, x_of(place)), tables.place(ys, y_of(place))
    local spelling = export.spelling(place.cell, layout.x)
    if spelling and spelling ~= xs[x] then spellings[xs[x]] = spelling end
    drawn.values[y][x], drawn.notes[y][x] = place.value, note_of(place, simulated:find("partly", 1, true))
    if place.value then
      drawn.marks[y][x], drawn.typed[y][x] = marks.text(place.names, "drawn"), marks.text(place.names, "typed")
      drawn.pale[y][x] = place.is_pale
      for name in pairs(place.names) do map.seen[name] = true end
      map.seen.pale = map.seen.pale or place.is_pale and not place.names.ramp_up -- whose mark says it
    end
    map.entries[i] = place.entry
  end
  local x, x_title = x_axis(xs, spellings, layout)
  return tables.merged(drawn, {
    title = ("%s, %s%s"):format(about.title or about.round, map.name, simulated), x = x, y = ys,
    footer = caption.of { cells = map.cells, entries = map.entries, about = about, seen = map.seen,
      fallback = shown.fallback },
    legend = marks.legend(map.seen, "typed"), x_title = x_title,
    y_title = map.open_loop and "requests a second" or layout.y_title or layout.y,
    min = 0, max = 2, value_title = layout.value or words.speedup(shown.figure),
    format = layout.value and "%.4g" or nil,
  })
end

---One map a combination of the `per` axes, and of others on which cells differ and which no map shows. A map without a
---single number says nothing that the list of reasons does not, and is left out.
---@param found specbench.study
---@param shown { figure: string, fallback: string? } the speed-up, as specbench.answer says
---@return specbench.map[]
function maps.collect(found, shown)
  local about = found.about
  local layout, by_name, order, told = about.report.heatmap, {}, {}, {}
  local group_of = maps.grouper(found.cells, about)
  for _, place in ipairs(places_of(found, shown.figure, layout)) do
    local name, per = group_of(place.cell)
    place.rate = place.cell.identity.workload.rate
    if place.rate then name = name .. " at request rates" end
    local map = by_name[name]
    if not map then
      map = { name = name, per = per, cells = {}, places = {}, open_loop = place.rate ~= nil }
      by_name[name], order[#order + 1] = map, map
    end
    table.insert(map.places, place)
    table.move(place.cells, 1, #place.cells, #map.cells + 1, map.cells)
    map.says_something = map.says_something or place.value ~= nil
  end
  for _, map in ipairs(order) do
    if map.says_something then
      map.drawn = drawable(map, layout, about, shown)
      told[#told + 1] = map
    end
  end
  if layout.value then share_scale(told) end
  return told
end

local function write_each(store, list)
  local pictures, written = {}, {}
  for i, map in ipairs(list) do
    local path = store:path(("pictures/%s_heatmap"):format((map.name:gsub("[^%w.-]", "_"))))
    pictures[i] = { png = path .. ".png", svg = path .. ".svg" }
    for name, value in pairs(map.drawn) do pictures[i][name] = value end
  end
  local drawn, message = plot.heatmaps(pictures)
  for i = 1, drawn do table.move({ pictures[i].png, pictures[i].svg }, 1, 2, #written + 1, written) end
  return written, message
end

-- All maps on one sheet: the first `per` axis down, the second across.
local function write_overview(store, list, about, shown)
  local layout = #list > 1 and about.report.heatmap
  if not layout or #layout.per ~= 2 then return {} end
  local rows, columns, panels, cells, entries, seen = {}, {}, {}, {}, {}, {}
  for _, map in ipairs(list) do
    if map.open_loop == list[1].open_loop then
      local r, c = tables.place(rows, map.per[1]), tables.place(columns, map.per[2])
      panels[r] = panels[r] or {}
      if panels[r][c] then return {} end -- several maps of one place: a sheet cannot show them all
      panels[r][c] = map.drawn
      table.move(map.cells, 1, #map.cells, #cells + 1, cells)
      table.move(map.entries, 1, #map.entries, #entries + 1, entries)
      for name, is in pairs(map.seen) do seen[name] = seen[name] or is end
    end
  end
  for r = 1, #rows do panels[r] = panels[r] or {} end
  local path = store:path "pictures/overview"
  local png, svg = path .. ".png", path .. ".svg"
  local ok, message = plot.overview {
    title = (about.title or about.round) .. caveats.simulated(cells), rows = rows, columns = columns, panels = panels,
    png = png, svg = svg, y_title = layout.y_title or layout.y, min = list[1].drawn.min, max = list[1].drawn.max,
    value_title = list[1].drawn.value_title, format = list[1].drawn.format,
    footer = caption.of { cells = cells, entries = entries, about = about, seen = seen, fallback = shown.fallback },
  }
  if not ok then return {}, message end
  return { png, svg }
end

---Draws every map, and all on one sheet.
---@param store specbench.store
---@param list specbench.map[]
---@param about table
---@param shown { figure: string, fallback: string? } as for maps.collect
---@return string[] files
---@return string? complaint why some are missing
function maps.write(store, list, about, shown)
  local written, complaint = write_each(store, list)
  if complaint then return written, complaint end
  local sheet
  sheet, complaint = write_overview(store, list, about, shown)
  return table.move(sheet, 1, #sheet, #written + 1, written), complaint
end

return maps
