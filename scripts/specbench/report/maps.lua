-- Heatmaps of total throughput, one a combination of the round's `per` axes: what each place says, and its pictures.

local caveats = require "specbench.report.caveats"
local plot = require "specbench.report.plot"
local speedup = require "specbench.analysis.speedup"

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

local function position(list, value)
  for i, item in ipairs(list) do
    if item == value then return i end
  end
  list[#list + 1] = value
  return #list
end

local function new_map(cell, layout, rate)
  local per = {}
  for i, axis in ipairs(layout.per) do per[i] = tostring(cell.coordinates[axis]) end
  local name = table.concat(per, " ")
  return {
    name = rate and name .. " at request rates" or name, per = per, cells = {}, x = {}, y = {}, labels = {},
    places = {}, reference = cell.reference, open_loop = rate ~= nil,
  }
end

local function place_of(map, cell, layout, rate)
  local value = tostring(cell.coordinates[layout.x])
  local x = position(map.x, value)
  local labels = cell.reference and cell.reference.labels or {}
  if labels[layout.x] and labels[layout.x] ~= value then map.labels[x] = labels[layout.x] end
  local y = position(map.y, rate or cell.coordinates[layout.y])
  local key = y .. ":" .. x
  map.places[key] = map.places[key] or { samples = {} }
  return map.places[key]
end

-- Values as the round spells them; the reference's own spelling of one, if it differs, beside it in brackets.
local function x_axis(map, layout)
  local marks = {}
  for x, value in ipairs(map.x) do
    marks[x] = map.labels[x] and ("%s (%s)"):format(value, map.labels[x]) or value
  end
  local title = layout.x_title or layout.x
  return marks, next(map.labels) and ("%s (%s)"):format(layout.x, layout.label_title or "as published") or title
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
        values[y][x] = geometric_mean(place.samples)
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
    min = 0, max = 2, value_title = VALUE_TITLE,
  }
end

---One map a combination of the `per` axes and method, its cells the geometric mean over repeats. A map without a
---single speed-up says nothing that the list of reasons does not, and is left out.
---@param cells table[] in the grid's order
---@param index specbench.speedup.index
---@param about table the store's round.json
---@return specbench.map[]
function maps.collect(cells, index, about)
  local layout = about.report.heatmap
  local by_name, told = {}, {}
  local order = {}
  for _, cell in ipairs(cells) do
    if cell.baseline ~= cell.key then
      local ratios, base = speedup.of(index, cell)
      local rate = cell.identity.workload.rate
      local map = new_map(cell, layout, rate)
      local folder = cell.reference and cell.reference.method .. "/" .. cell.reference.folder or ""
      local key = table.concat({ map.name, folder }, "\31")
      if not by_name[key] then
        by_name[key] = map
        order[#order + 1] = map
      end
      map = by_name[key]
      table.insert(map.cells, cell)
      local place = place_of(map, cell, layout, rate)
      place.simulated = place.simulated or caveats.is_simulated(cell)
      if ratios and ratios.total_throughput then
        table.insert(place.samples, ratios.total_throughput)
        place.drained = place.drained or caveats.drained(cell, base)
        place.lossy = place.lossy or cell.lossy
        map.says_something = true
      else
        place.reason = ratios and speedup.untold_ratio(index, cell) or base
      end
    end
  end
  for _, map in ipairs(order) do
    if map.says_something then
      map.drawn = drawable(map, layout, about)
      told[#told + 1] = map
    end
  end
  return told
end

local function write_each(store, list)
  local written = {}
  for _, map in ipairs(list) do
    local folder = map.reference and ("auto_test_results/online/%s/Task_%s/"):format(map.reference.method,
      map.reference.folder) or "pictures/" .. map.name:gsub("[^%w.-]", "_") .. "_"
    local path = store:path(folder .. (map.open_loop and "heatmap_qps" or "heatmap"))
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
      local r, c = position(rows, map.per[1]), position(columns, map.per[2])
      panels[r] = panels[r] or {}
      panels[r][c] = map.drawn
      table.move(map.cells, 1, #map.cells, #cells + 1, cells)
      for _, place in pairs(map.places) do has_drained = has_drained or place.drained end
    end
  end
  for r = 1, #rows do panels[r] = panels[r] or {} end
  local path = store:path "auto_test_results/online/overview"
  local png, svg = path .. ".png", path .. ".svg"
  local ok, message = plot.overview {
    title = (about.title or about.round) .. caveats.simulated(cells), rows = rows, columns = columns, panels = panels,
    png = png, svg = svg, y_title = layout.y_title or layout.y, value_title = VALUE_TITLE,
    footer = caveats.footer(cells, has_drained),
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
