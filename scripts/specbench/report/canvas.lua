--- A picture under way: gnuplot commands, and what is put at places given in layout units (a pixel of the SVG).

local colour = require "specbench.report.colour"
local gnuplot = require "specbench.report.gnuplot"
local heatmap = require "specbench.report.heatmap"
local text_table = require "specbench.base.text_table"

local quote = gnuplot.quote

---@class specbench.plot.canvas
local canvas = { FONT = 12, SMALL_FONT = 9.5, FOOTER_LINE = 17, INK = "#202020", FAINT = "#707070" }
canvas.__index = canvas

local FONT, SMALL_FONT, FOOTER_LINE = canvas.FONT, canvas.SMALL_FONT, canvas.FOOTER_LINE
local INK, FAINT, ABSENT, HATCH = canvas.INK, canvas.FAINT, "#eeeeee", "#c4c4c4"
local PALETTE_STEPS = 32
local THIN_SPACE = "\u{2009}"

--- Width of text in layout units; DejaVu Sans is 0.62 of its size wide on average.
function canvas.text_width(text, font)
  return text_table.width(text) * font * 0.62 * 4 / 3
end

function canvas.widest(labels, font)
  local width = 0
  for _, label in ipairs(labels) do
    width = math.max(width, canvas.text_width(text_table.text(label), font))
  end
  return width
end

---@param width integer
---@param height integer
---@return specbench.plot.canvas
function canvas.new(width, height)
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

--- Upright text in lines of its parts before brackets, kept within the picture whatever it is centred on.
function canvas:upright(text, x, y, font)
  local first, rest = text:match "^(.-) (%(.*)$"
  for i, line in ipairs { first or text, rest } do
    local half = canvas.text_width(line, font) / 2 + 4
    local middle = math.max(half, math.min(y, self.height - half))
    self:text(line, x + (i - 1) * (font + 6), middle, { upright = true, font = font })
  end
end

--- What stands below a picture, in lines that fit its width: phrases with dots between, broken only where one is longer
--- than a line.
function canvas.footer_lines(phrases, width)
  local letters = math.floor((width - 24) / canvas.text_width("x", SMALL_FONT))
  local lines = {}
  for i, phrase in ipairs(phrases or {}) do
    if i < #phrases then phrase = phrase .. " ·" end
    local longer = lines[#lines] and lines[#lines] .. " " .. phrase
    if longer and (text_table.width(longer) <= letters or text_table.width(phrase) > letters) then
      lines[#lines], phrase = nil, longer
    end
    local pieces = text_table.wrap(phrase, letters)
    table.move(pieces, 1, #pieces, #lines + 1, lines)
  end
  return lines
end

function canvas:footer(lines)
  for i, line in ipairs(lines) do
    self:text(line, 12, self.height - 8 - FOOTER_LINE * (#lines - i),
      { align = "left", font = SMALL_FONT, colour = FAINT })
  end
end

function canvas:palette(min, max)
  local stops = {}
  for i = 0, PALETTE_STEPS do
    stops[#stops + 1] = ("%d '%s'"):format(i, colour.hex(colour.coolwarm(i / PALETTE_STEPS)))
  end
  self:add("set palette defined (%s)", table.concat(stops, ", "))
  self:add("set cbrange [%.10g:%.10g]", min, max)
end

-- Numbers beside the colour bar: of speed-ups with one decimal, of what has a format of its own as short as may be.
local function bar_format(format)
  return format and "%.3g" or "%.1f"
end

--- Width of the colour bar with its numbers.
---@param map { min: number?, max: number?, format: string? }
---@param font number
---@return number layout units
function canvas.bar_width(map, font)
  local min, max, format = map.min or 0, map.max or 2, bar_format(map.format)
  -- gnuplot chooses where the numbers stand
  return 20 + canvas.widest({ format:format(min), format:format((min + max) / 2), format:format(max) }, font)
end

--- The colour bar, drawn by the panel that comes next.
function canvas:colour_bar(x, y, height, font, format)
  self:add("set colorbox vertical user origin screen %.5f, screen %.5f "
    .. "size screen %.5f, screen %.5f noborder",
    x / self.width, 1 - (y + height) / self.height, 14 / self.width, height / self.height)
  self:add("set format cb '%s'", bar_format(format))
  self:add("set cbtics scale 0 offset -0.6,0 font ',%g' textcolor rgb '%s'", font, INK)
end

--- What stands in a cell of a map.
---@param map specbench.heatmap
---@param yi integer
---@param xi integer
---@return string
function canvas.cell_text(map, yi, xi)
  local value = heatmap.value(map, yi, xi)
  if not value then return "–" end
  local behind = heatmap.mark_behind(map, yi, xi)
  if behind ~= "" then behind = THIN_SPACE .. behind end
  return heatmap.mark_before(map, yi, xi) .. (map.format or "%.2f"):format(value) .. behind
end

--- Width of the widest column that a map needs.
---@param map specbench.heatmap
---@param font number
---@return number layout units
function canvas.column_width(map, font)
  local width = canvas.widest(map.x, font)
  for yi = 1, #map.y do
    for xi = 1, #map.x do width = math.max(width, canvas.text_width(canvas.cell_text(map, yi, xi), font)) end
  end
  return width
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

  local data, pale, hatched = {}, {}, {}
  for row, yi in ipairs(order) do
    for xi = 1, #map.x do
      local value = heatmap.value(map, yi, xi)
      local text, ink = canvas.cell_text(map, yi, xi), FAINT
      if value then
        local r, g, b = heatmap.shade(map, yi, xi, min, max)
        ink = colour.ink(r, g, b) == "black" and "#000000" or "#ffffff"
        local edges = ("%d %d %g %g %g %g"):format(xi, row, xi - 0.5, xi + 0.5, row - 0.5, row + 0.5)
        if heatmap.is_pale(map, yi, xi) then
          pale[#pale + 1] = ("%s %d"):format(edges, r << 16 | g << 8 | b)
        else
          data[#data + 1] = ("%s %.10g"):format(edges, math.max(min, math.min(max, value)))
        end
        if heatmap.mark_before(map, yi, xi) ~= "" then hatched[#hatched + 1] = edges end
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
    data[1] = "-9 -9 -9 -9 -9 -9 0" -- outside the ranges: the scale of colours wants at least one point
  end
  self:block("$cells", data)
  local plots = { "$cells using 1:2:3:4:5:6:7 with boxxyerror fillstyle solid 1.0 border rgb '#ffffff' "
    .. "linecolor palette notitle" }
  if #pale > 0 then
    self:block("$pale", pale)
    plots[#plots + 1] = "$pale using 1:2:3:4:5:6:7 with boxxyerror fillstyle solid 1.0 border rgb '#ffffff' "
      .. "linecolor rgb variable notitle"
  end
  if #hatched > 0 then
    self:block("$hatched", hatched)
    plots[#plots + 1] = "$hatched using 1:2:3:4:5:6 with boxxyerror fillstyle transparent pattern 4 "
      .. "border rgb '#ffffff' linecolor rgb '" .. HATCH .. "' notitle"
  end
  self:add("%s", "plot " .. table.concat(plots, ", "))
  self:add("unset label; unset object; unset colorbox")
end

--- What gnuplot draws into the files that are named.
---@param files { png: string?, svg: string?, gnuplot: string? }
---@return specbench.gnuplot.picture
function canvas:picture(files)
  return {
    script = table.concat(self.lines, "\n"),
    width = self.width, height = self.height,
    png = files.png, svg = files.svg, gnuplot = files.gnuplot,
  }
end

---@return true|nil
---@return string|nil message one line
function canvas:render(files)
  local _, message = gnuplot.render { self:picture(files) }
  return not message or nil, message
end

function canvas:begin(min, max)
  self:palette(min, max)
  self:add("unset border; unset key; set multiplot")
end

return canvas
