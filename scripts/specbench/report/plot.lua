--- Pictures of results: a heatmap, a grid of heatmaps, and lines of speed-up against concurrency.
--
--   local ok, message = plot.heatmap {
--     title = "7B, polish", x_title = "context", y_title = "concurrency",
--     x = { 256, 512 }, y = { 1, 4 }, values = { { 1.52, 1.44 }, { 1.21, nil } },
--     png = "polish.png", svg = "polish.svg",
--   }
--
-- What it takes is described in bindings/meta/specbench/plot.lua.
--
-- All places are computed here in layout units (a pixel of the SVG), so that nothing overlaps
-- whatever the labels are; gnuplot only draws.

local canvas = require "specbench.report.canvas"
local gnuplot = require "specbench.report.gnuplot"
local text_table = require "specbench.base.text_table"

local plot = {}

local CELL_WIDTH, CELL_HEIGHT, WIDEST_CELL = 74, 44, 110
local SMALL_CELL_WIDTH, SMALL_CELL_HEIGHT = 46, 26
local TITLE_FONT = 14
local LEAST_WIDTH = 480 -- of a picture that says more below than its cells are wide
local FONT, SMALL_FONT, FOOTER_LINE = canvas.FONT, canvas.SMALL_FONT, canvas.FOOTER_LINE
local INK, FAINT = canvas.INK, canvas.FAINT
-- Colours of lines that stay apart for colour-blind readers (Okabe and Ito, 2008).
local LINE_COLOURS = {
  "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d31",
}

local quote = gnuplot.quote
local footer_lines, text_width, widest = canvas.footer_lines, canvas.text_width, canvas.widest

local function heatmap_page(map)
  local min, max = map.min or 0, map.max or 2
  local left = widest(map.y, FONT) + (map.y_title and 46 or 22)
  local bar = canvas.bar_width(map, FONT - 2)
  local top, bottom, right = map.title and 46 or 16, map.x_title and 58 or 34, bar + 52
  local cell_width = math.max(CELL_WIDTH, canvas.column_width(map, FONT) + 12)
  local width = map.width or math.max(math.ceil(left + right + cell_width * #map.x),
    math.ceil(text_width(map.title or "", TITLE_FONT)) + 24, map.footer and LEAST_WIDTH or 0)
  local footer = footer_lines(map.footer, width)
  bottom = bottom + FOOTER_LINE * #footer
  local height = map.height or top + bottom + CELL_HEIGHT * math.max(#map.y, 3)
  local room = width - left - right
  local box = { y = top, height = height - top - bottom }
  box.width = math.min(room, math.max(cell_width, WIDEST_CELL) * #map.x)
  box.x = left + (room - box.width) / 2

  local page = canvas.new(width, height)
  page:begin(min, max)
  local middle = box.x + box.width / 2
  if map.title then
    local half = text_width(map.title, TITLE_FONT) / 2 + 12
    page:text(map.title, math.max(half, math.min(middle, width - half)), 24, { font = TITLE_FONT })
  end
  if map.x_title then
    page:text(map.x_title, middle, height - 18 - FOOTER_LINE * #footer, {})
  end
  if map.y_title then
    page:text(map.y_title, box.x - left + 18, box.y + box.height / 2, { upright = true })
  end
  page:colour_bar(box.x + box.width + 18, box.y, box.height, FONT - 2, map.format)
  page:upright(map.value_title or "speed-up", box.x + box.width + bar + 24, box.y + box.height / 2, FONT - 2)
  page:footer(footer)
  page:map(map, box, FONT, min, max)
  page:add("unset multiplot")
  return page
end

--- Draws one heatmap.
---@param map specbench.plot.heatmap
---@return true|nil
---@return string|nil message one line
function plot.heatmap(map)
  return heatmap_page(map):render(map)
end

--- Draws heatmaps, each into files of its own.
---@param list specbench.plot.heatmap[]
---@return integer drawn how many of them, from the first on: all, unless there is a message
---@return string|nil message one line
function plot.heatmaps(list)
  local pictures = {}
  for i, map in ipairs(list) do pictures[i] = heatmap_page(map):picture(map) end
  return gnuplot.render(pictures)
end

--- Draws many heatmaps as a grid with one colour bar: models down, tasks across.
---@param grid specbench.plot.overview
---@return true|nil
---@return string|nil message one line
function plot.overview(grid)
  local min, max = grid.min or 0, grid.max or 2
  local column_width, row_height, x_titles, y_label = {}, {}, {}, 0
  for r = 1, #grid.rows do
    for c = 1, #grid.columns do
      local map = grid.panels[r] and grid.panels[r][c]
      if map then
        local cell = math.max(SMALL_CELL_WIDTH, canvas.column_width(map, SMALL_FONT) + 8)
        x_titles[c] = x_titles[c] or map.x_title
        column_width[c] = math.max(column_width[c] or 0, cell * #map.x,
          text_width(x_titles[c] or "", SMALL_FONT) - 10)
        row_height[r] = math.max(row_height[r] or 0, SMALL_CELL_HEIGHT * #map.y)
        y_label = math.max(y_label, widest(map.y, SMALL_FONT))
      end
    end
  end
  local bar_width = canvas.bar_width(grid, SMALL_FONT)
  local gap_x, gap_y, right = y_label + 32, 34, bar_width + 69
  local left = widest(grid.rows, FONT) + (grid.y_title and 44 or 22)
  local top = (grid.title and 48 or 8) + 30
  local bottom = 42

  local x, y, boxes_x, boxes_y = left, top, {}, {}
  for c = 1, #grid.columns do
    column_width[c] = column_width[c] or SMALL_CELL_WIDTH
    boxes_x[c] = x + gap_x - 12
    x = boxes_x[c] + column_width[c]
  end
  for r = 1, #grid.rows do
    row_height[r] = row_height[r] or SMALL_CELL_HEIGHT
    boxes_y[r] = y
    y = y + row_height[r] + gap_y
  end
  local width = math.ceil(math.max(x + right, text_width(grid.title or "", TITLE_FONT) + 24,
    grid.footer and LEAST_WIDTH or 0))
  local footer = footer_lines(grid.footer, width)
  local height = math.ceil(y - gap_y + 18 + bottom + FOOTER_LINE * #footer)
  local floor = y - gap_y

  local page = canvas.new(width, height)
  page:begin(min, max)
  if grid.title then
    page:text(grid.title, width / 2, 26, { font = TITLE_FONT })
  end
  for c, heading in ipairs(grid.columns) do
    local middle = boxes_x[c] + column_width[c] / 2
    page:text(heading, middle, top - 16, {})
    if x_titles[c] then
      page:text(x_titles[c], middle, floor + 36, { font = SMALL_FONT, colour = FAINT })
    end
  end
  for r, heading in ipairs(grid.rows) do
    page:text(heading, 16, boxes_y[r] + row_height[r] / 2, { align = "left" })
  end
  if grid.y_title then
    page:text(grid.y_title, left, (top + floor) / 2, { upright = true, font = SMALL_FONT, colour = FAINT })
  end
  local bar = math.min(floor - top, 320)
  page:colour_bar(width - right + 20, top, bar, SMALL_FONT, grid.format)
  page:upright(grid.value_title or "speed-up", width - 36, top + bar / 2, FONT - 2)
  page:footer(footer)
  for r = 1, #grid.rows do
    for c = 1, #grid.columns do
      local map = grid.panels[r] and grid.panels[r][c]
      if map then
        page:map(map, {
          x = boxes_x[c], y = boxes_y[r],
          width = column_width[c], height = row_height[r],
        }, SMALL_FONT, min, max)
      end
    end
  end
  page:add("unset multiplot")
  return page:render(grid)
end

-- Adds a series' data to the page, and how they are drawn to `plots`: its band below, its line, its points.
local function add_series(page, plots, series, number)
  local points, filled, hollow, intervals = {}, {}, {}, {}
  for j, point in ipairs(series.points) do
    points[j] = ("%.10g %.10g"):format(point.x, point.y)
    if not series.measured then table.insert(point.hollow and hollow or filled, points[j]) end
    if point.low and point.high then
      intervals[#intervals + 1] = ("%.10g %.10g %.10g %.10g"):format(point.x, point.y, point.low, point.high)
    end
  end
  for _, point in ipairs(series.measured or {}) do
    filled[#filled + 1] = ("%.10g %.10g"):format(point.x, point.y)
  end
  local line = LINE_COLOURS[(number - 1) % #LINE_COLOURS + 1]
  local dash = (number - 1) // #LINE_COLOURS % 4 + 1
  local function add(kind, rows, how, ...)
    if #rows == 0 then return end
    local name = ("$%s%d"):format(kind, number)
    page:block(name, rows)
    plots[#plots + 1] = name .. " " .. how:format(...)
  end
  -- a band has no width at a single load
  add("intervals", intervals, #intervals > 1
    and "using 1:3:4 with filledcurves fillstyle transparent solid 0.16 noborder linecolor rgb '%s' notitle"
    or "using 1:2:3:4 with yerrorbars linewidth 1 pointtype 7 linecolor rgb '%s' notitle", line)
  add("points", points, "using 1:2 with lines linewidth 2 dashtype %d linecolor rgb '%s' title %s", dash, line,
    quote(series.name))
  add("filled", filled, "using 1:2 with points pointtype 7 linecolor rgb '%s' notitle", line)
  add("ground", hollow, "using 1:2 with points pointtype 7 linecolor rgb '#ffffff' notitle")
  add("hollow", hollow, "using 1:2 with points pointtype 6 linewidth 1.5 linecolor rgb '%s' notitle",
    line)
end

--- Draws one line a series over a logarithmic x (concurrency), with intervals where given.
---@param chart specbench.plot.lines
---@return true|nil
---@return string|nil message one line
function plot.lines(chart)
  local names, places, seen, top_value = {}, {}, {}, 0
  for i, series in ipairs(chart.series) do
    names[i] = series.name
    for _, point in ipairs(series.points) do
      top_value = math.max(top_value, point.high or point.y)
      if not seen[point.x] then
        seen[point.x], places[#places + 1] = true, point.x
      end
    end
  end
  if #places == 0 then
    return nil, "nothing to draw: the series have no points"
  end
  table.sort(places)
  local key_width = widest(names, FONT) + 50
  local width = chart.width or math.ceil(76 + 580 + key_width + 16)
  local footer = footer_lines(chart.footer, width)
  local below = FOOTER_LINE * #footer
  local height = (chart.height or 440) + below
  local middle = (76 + width - key_width - 16) / 2
  local page = canvas.new(width, height)
  page:add("set lmargin at screen %.5f", 76 / width)
  page:add("set rmargin at screen %.5f", 1 - (key_width + 16) / width)
  page:add("set tmargin at screen %.5f", 1 - (chart.title and 50 or 16) / height)
  page:add("set bmargin at screen %.5f", (64 + below) / height)
  page:add("set key outside right top Left reverse samplen 2 font ',%g' textcolor rgb '%s'",
    FONT, INK)
  page:add("set border 3 linecolor rgb '%s'", FAINT)
  page:add("set grid ytics linetype 1 linecolor rgb '#e4e4e4'")
  if chart.linear then
    page:add("set xrange [%.10g:%.10g]", places[1], places[#places])
  else
    page:add("set logscale x 2")
    page:add("set xrange [%.10g:%.10g]", places[1] / 1.15, places[#places] * 1.15)
  end
  page:add("set yrange [0:%.10g]", top_value * 1.08)
  local marks = {}
  for i, place in ipairs(places) do
    marks[i] = ("%s %.10g"):format(quote(text_table.text(place)), place)
  end
  page:add("set xtics nomirror out scale 0.5 font ',%g' textcolor rgb '%s' (%s)",
    FONT, INK, table.concat(marks, ", "))
  page:add("set ytics nomirror out scale 0.5 format '%%.1f' font ',%g' textcolor rgb '%s'",
    FONT, INK)
  if chart.title then
    page:text(chart.title, middle, 26, { font = TITLE_FONT })
  end
  page:text(chart.x_title or "concurrency", middle, height - 18 - below, {})
  page:text(chart.y_title or "speed-up", 20, (height - below) / 2, { upright = true })
  page:footer(footer)

  local plots = {}
  if chart.baseline ~= false then
    plots[1] = ("%.10g with lines dashtype 2 linewidth 1 linecolor rgb '%s' notitle")
      :format(chart.baseline or 1, FAINT)
  end
  for i, series in ipairs(chart.series) do
    add_series(page, plots, series, i)
  end
  page:add("%s", "plot " .. table.concat(plots, ", "))
  return page:render(chart)
end

return plot
