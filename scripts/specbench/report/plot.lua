--- Pictures of results: a heatmap, a grid of heatmaps, and lines of speed-up against concurrency.
--
--   local ok, message = plot.heatmap {
--     title = "7B, polish", x_title = "context", y_title = "concurrency",
--     x = { 256, 512 }, y = { 1, 4 }, values = { { 1.52, 1.44 }, { 1.21, nil } },
--     png = "polish.png", svg = "polish.svg",
--   }
--
-- All places are computed here in layout units (a pixel of the SVG), so that nothing overlaps
-- whatever the labels are; gnuplot only draws.

local colour = require "specbench.report.colour"
local gnuplot = require "specbench.report.gnuplot"
local heatmap = require "specbench.report.heatmap"
local text_table = require "specbench.report.text_table"

local plot = {}

local CELL_WIDTH, CELL_HEIGHT, WIDEST_CELL = 74, 44, 110
local SMALL_CELL_WIDTH, SMALL_CELL_HEIGHT = 46, 26
local FONT, SMALL_FONT, TITLE_FONT = 12, 9.5, 14
local INK, FAINT, ABSENT = "#202020", "#707070", "#eeeeee"
local PALETTE_STEPS = 32
-- Colours of lines that stay apart for colour-blind readers (Okabe and Ito, 2008).
local LINE_COLOURS = {
  "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d31",
}

local quote = gnuplot.quote

--- Width of text in layout units; DejaVu Sans is 0.62 of its size wide on average.
local function text_width(text, font)
  return text_table.width(text) * font * 0.62 * 4 / 3
end

local function widest(labels, font)
  local width = 0
  for _, label in ipairs(labels) do
    width = math.max(width, text_width(text_table.text(label), font))
  end
  return width
end

---@class specbench.plot.canvas
local canvas = {}
canvas.__index = canvas

local function new_canvas(width, height)
  return setmetatable({ width = width, height = height, lines = {} }, canvas)
end

--- Adds a gnuplot command, given as for string.format.
function canvas:add(format, ...)
  self.lines[#self.lines + 1] = format:format(...)
end

--- Rows of numbers under a name that a plot command can read.
function canvas:block(name, rows)
  self:add("%s << END_OF_ROWS\n%s\nEND_OF_ROWS", name, table.concat(rows, "\n"))
end

--- Text at a place of the whole picture, in layout units from the top left corner.
function canvas:text(text, x, y, how)
  self:add("set label %s at screen %.5f, screen %.5f %s font ',%g' textcolor rgb '%s' front%s",
    quote(text), x / self.width, 1 - y / self.height, how.align or "center", how.font or FONT,
    how.colour or INK, how.upright and " rotate by 90" or "")
end

function canvas:palette(min, max)
  local stops = {}
  for i = 0, PALETTE_STEPS do
    stops[#stops + 1] = ("%d '%s'"):format(i, colour.hex(colour.coolwarm(i / PALETTE_STEPS)))
  end
  self:add("set palette defined (%s)", table.concat(stops, ", "))
  self:add("set cbrange [%.10g:%.10g]", min, max)
end

--- The colour bar, drawn by the panel that comes next.
function canvas:colour_bar(x, y, height, font)
  self:add("set colorbox vertical user origin screen %.5f, screen %.5f "
    .. "size screen %.5f, screen %.5f noborder",
    x / self.width, 1 - (y + height) / self.height, 14 / self.width, height / self.height)
  self:add("set format cb '%%.1f'")
  self:add("set cbtics scale 0 offset -0.6,0 font ',%g' textcolor rgb '%s'", font, INK)
end

local function tics(axis, labels, places, font)
  local marks = {}
  for place, index in ipairs(places) do
    marks[place] = ("%s %d"):format(quote(text_table.text(labels[index])), place)
  end
  return ("set %stics scale 0 font ',%g' textcolor rgb '%s' (%s)"):format(
    axis, font, INK, table.concat(marks, ", "))
end

--- One map: its cells, numbers and tick labels, in the box at (x, y) from the top left corner.
function canvas:map(map, box, font, min, max)
  local columns, order = {}, heatmap.bottom_up(map.y)
  for i = 1, #map.x do
    columns[i] = i
  end
  self:add("set lmargin at screen %.5f", box.x / self.width)
  self:add("set rmargin at screen %.5f", (box.x + box.width) / self.width)
  self:add("set tmargin at screen %.5f", 1 - box.y / self.height)
  self:add("set bmargin at screen %.5f", 1 - (box.y + box.height) / self.height)
  self:add("set xrange [0.5:%g]; set yrange [0.5:%g]", #map.x + 0.5, #map.y + 0.5)
  self:add("%s", tics("x", map.x, columns, font) .. " offset 0,0.3")
  self:add("%s", tics("y", map.y, order, font) .. " offset 0.4,0")

  local data = {}
  for row, yi in ipairs(order) do
    for xi = 1, #map.x do
      local value = heatmap.value(map, yi, xi)
      local text, ink = "–", FAINT
      if value then
        text = (map.format or "%.2f"):format(value)
        ink = colour.ink(colour.of_value(value, min, max)) == "black" and "#000000" or "#ffffff"
        local shade = math.max(min, math.min(max, value))
        data[#data + 1] = ("%d %d %g %g %g %g %.10g"):format(
          xi, row, xi - 0.5, xi + 0.5, row - 0.5, row + 0.5, shade)
      else
        self:add("set object rectangle from %g,%g to %g,%g behind fillcolor rgb '%s' "
          .. "fillstyle solid border rgb '#ffffff'",
          xi - 0.5, row - 0.5, xi + 0.5, row + 0.5, ABSENT)
      end
      self:add("set label %s at %d,%d center font ',%g' textcolor rgb '%s' front",
        quote(text), xi, row, font, ink)
    end
  end
  if #data == 0 then
    data[1] = "-9 -9 -9 -9 -9 -9 0" -- outside the ranges: gnuplot wants at least one point
  end
  self:block("$cells", data)
  self:add("plot $cells using 1:2:3:4:5:6:7 with boxxyerror "
    .. "fillstyle solid 1.0 border rgb '#ffffff' linecolor palette notitle")
  self:add("unset label; unset object; unset colorbox")
end

function canvas:render(files)
  return gnuplot.render {
    script = table.concat(self.lines, "\n"),
    width = self.width, height = self.height,
    png = files.png, svg = files.svg, gnuplot = files.gnuplot,
  }
end

function canvas:begin(min, max)
  self:palette(min, max)
  self:add("unset border; unset key; set multiplot")
end

---@class specbench.plot.files
---@field png? string path of the PNG to write
---@field svg? string path of the SVG to write
---@field gnuplot? string the program, "gnuplot" unless told

---@class specbench.plot.heatmap : specbench.heatmap, specbench.plot.files
---@field width? integer layout units; follows from the cells unless told
---@field height? integer

--- Draws one heatmap.
---@param map specbench.plot.heatmap
---@return true|nil
---@return string|nil message one line
function plot.heatmap(map)
  local min, max = map.min or 0, map.max or 2
  local left = widest(map.y, FONT) + (map.y_title and 46 or 22)
  local top, bottom, right = map.title and 46 or 16, map.x_title and 58 or 34, 96
  local cell_width = math.max(CELL_WIDTH, widest(map.x, FONT) + 12)
  local width = map.width or math.max(math.ceil(left + right + cell_width * #map.x),
    math.ceil(text_width(map.title or "", TITLE_FONT)) + 24)
  local height = map.height or top + bottom + CELL_HEIGHT * math.max(#map.y, 3)
  local room = width - left - right
  local box = { y = top, height = height - top - bottom }
  box.width = math.min(room, math.max(cell_width, WIDEST_CELL) * #map.x)
  box.x = left + (room - box.width) / 2

  local page = new_canvas(width, height)
  page:begin(min, max)
  local middle = box.x + box.width / 2
  if map.title then
    local half = text_width(map.title, TITLE_FONT) / 2 + 12
    page:text(map.title, math.max(half, math.min(middle, width - half)), 24, { font = TITLE_FONT })
  end
  if map.x_title then
    page:text(map.x_title, middle, height - 18, {})
  end
  if map.y_title then
    page:text(map.y_title, box.x - left + 18, box.y + box.height / 2, { upright = true })
  end
  page:colour_bar(box.x + box.width + 18, box.y, box.height, FONT - 2)
  page:text(map.value_title or "speed-up", box.x + box.width + 80, box.y + box.height / 2,
    { upright = true, font = FONT })
  page:map(map, box, FONT, min, max)
  page:add("unset multiplot")
  return page:render(map)
end

---@class specbench.plot.overview : specbench.plot.files
---@field title? string
---@field columns string[] headings above the panels
---@field rows string[] headings left of the panels
---@field panels (specbench.heatmap|nil)[][] panels[row][column]; nil: an empty place
---@field x_title? string under each column
---@field y_title? string once: rows may be lower than it is long
---@field value_title? string "speed-up" unless told
---@field min? number 0 unless told
---@field max? number 2 unless told

--- Draws many heatmaps as a grid with one colour bar: models down, tasks across.
---@param grid specbench.plot.overview
---@return true|nil
---@return string|nil message one line
function plot.overview(grid)
  local min, max = grid.min or 0, grid.max or 2
  local column_width, row_height, y_label = {}, {}, 0
  for r = 1, #grid.rows do
    for c = 1, #grid.columns do
      local map = grid.panels[r] and grid.panels[r][c]
      if map then
        local cell = math.max(SMALL_CELL_WIDTH, widest(map.x, SMALL_FONT) + 8)
        column_width[c] = math.max(column_width[c] or 0, cell * #map.x)
        row_height[r] = math.max(row_height[r] or 0, SMALL_CELL_HEIGHT * #map.y)
        y_label = math.max(y_label, widest(map.y, SMALL_FONT))
      end
    end
  end
  local gap_x, gap_y, right = y_label + 32, 34, 96
  local left = widest(grid.rows, FONT) + (grid.y_title and 44 or 22)
  local top = (grid.title and 48 or 8) + 30
  local bottom = grid.x_title and 42 or 20

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
  local width, height = math.ceil(x + right), math.ceil(y - gap_y + 18 + bottom)
  local floor = y - gap_y

  local page = new_canvas(width, height)
  page:begin(min, max)
  if grid.title then
    page:text(grid.title, width / 2, 26, { font = TITLE_FONT })
  end
  for c, heading in ipairs(grid.columns) do
    local middle = boxes_x[c] + column_width[c] / 2
    page:text(heading, middle, top - 16, {})
    if grid.x_title then
      page:text(grid.x_title, middle, floor + 36, { font = SMALL_FONT, colour = FAINT })
    end
  end
  for r, heading in ipairs(grid.rows) do
    page:text(heading, 16, boxes_y[r] + row_height[r] / 2, { align = "left" })
  end
  if grid.y_title then
    page:text(grid.y_title, left, (top + floor) / 2, { upright = true, font = SMALL_FONT, colour = FAINT })
  end
  local bar = math.min(floor - top, 320)
  page:colour_bar(width - right + 20, top, bar, SMALL_FONT)
  page:text(grid.value_title or "speed-up", width - 20, top + bar / 2,
    { upright = true, font = FONT })
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

---@class specbench.plot.series
---@field name string
---@field points {x: number, y: number, low: number?, high: number?}[] low, high: the interval

---@class specbench.plot.lines : specbench.plot.files
---@field title? string
---@field x_title? string
---@field y_title? string
---@field series specbench.plot.series[]
---@field baseline? number a dashed line at this y, 1 unless told; false: none
---@field width? integer
---@field height? integer

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
  local height = chart.height or 440
  local middle = (76 + width - key_width - 16) / 2
  local page = new_canvas(width, height)
  page:add("set lmargin at screen %.5f", 76 / width)
  page:add("set rmargin at screen %.5f", 1 - (key_width + 16) / width)
  page:add("set tmargin at screen %.5f", 1 - (chart.title and 50 or 16) / height)
  page:add("set bmargin at screen %.5f", 64 / height)
  page:add("set key outside right top Left reverse samplen 2 font ',%g' textcolor rgb '%s'",
    FONT, INK)
  page:add("set border 3 linecolor rgb '%s'", FAINT)
  page:add("set grid ytics linetype 1 linecolor rgb '#e4e4e4'")
  page:add("set logscale x 2")
  page:add("set xrange [%.10g:%.10g]", places[1] / 1.15, places[#places] * 1.15)
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
  page:text(chart.x_title or "concurrency", middle, height - 18, {})
  page:text(chart.y_title or "speed-up", 20, height / 2, { upright = true })

  local plots = {}
  if chart.baseline ~= false then
    plots[1] = ("%.10g with lines dashtype 2 linewidth 1 linecolor rgb '%s' notitle")
      :format(chart.baseline or 1, FAINT)
  end
  for i, series in ipairs(chart.series) do
    local points, intervals = {}, {}
    for j, point in ipairs(series.points) do
      points[j] = ("%.10g %.10g"):format(point.x, point.y)
      if point.low and point.high then
        intervals[#intervals + 1] = ("%.10g %.10g %.10g %.10g"):format(
          point.x, point.y, point.low, point.high)
      end
    end
    local line = LINE_COLOURS[(i - 1) % #LINE_COLOURS + 1]
    local dash = (i - 1) // #LINE_COLOURS % 4 + 1
    local points_name, intervals_name = "$points" .. i, "$intervals" .. i
    if #intervals > 0 then
      page:block(intervals_name, intervals)
      plots[#plots + 1] = ("%s using 1:2:3:4 with yerrorbars linewidth 1 pointtype 7 "
        .. "pointsize 0.8 linecolor rgb '%s' notitle"):format(intervals_name, line)
    end
    if #points > 0 then
      page:block(points_name, points)
      plots[#plots + 1] = ("%s using 1:2 with linespoints linewidth 2 dashtype %d pointtype 7 "
        .. "pointsize 0.8 linecolor rgb '%s' title %s"):format(
        points_name, dash, line, quote(series.name))
    end
  end
  page:add("%s", "plot " .. table.concat(plots, ", "))
  return page:render(chart)
end

return plot
