-- What pictures are drawn of: a frame, scales, axes. Sizes are in pixels of a picture that nothing scales.

local html = require "specbench.page.html"

local el = html.el

local svg = {}

---@param value number
---@return string with two decimals at most
function svg.number(value)
  local text = ("%.2f"):format(value)
  return (text:gsub("%.?0+$", ""))
end

local number = svg.number

---@param width number
---@param height number
---@param label string what it shows, for who cannot see it
---@param ... any children
---@return specbench.page.markup
function svg.frame(width, height, label, ...)
  return el("svg", {
    viewBox = ("0 0 %s %s"):format(number(width), number(height)), width = number(width), height = number(height),
    role = "img", ["aria-label"] = label,
  }, ...)
end

---@param x number
---@param y number of the base line
---@param text any
---@param class string? "m": centred, "e": ends at x
---@return specbench.page.markup
function svg.text(x, y, text, class)
  return el("text", { x = number(x), y = number(y), class = class or false }, text)
end

---Text that reads upwards, centred on the place.
function svg.upright(x, y, text, class)
  return el("text", { transform = ("translate(%s %s) rotate(-90)"):format(number(x), number(y)), class = class or "m" },
    text)
end

function svg.line(x1, y1, x2, y2, class)
  return el("line", { x1 = number(x1), y1 = number(y1), x2 = number(x2), y2 = number(y2), class = class or false })
end

---@param title any? shown where the pointer rests
function svg.rect(x, y, width, height, class, title)
  return el("rect", { x = number(x), y = number(y), width = number(math.max(width, 0)),
    height = number(math.max(height, 0)), class = class or false }, title and el("title", nil, title))
end

function svg.circle(x, y, radius, class, title)
  return el("circle", { cx = number(x), cy = number(y), r = number(radius), class = class or false },
    title and el("title", nil, title))
end

---What marks an area as predicted.
---@param id string of the pattern, once a page
---@return specbench.page.markup pattern for `defs`
function svg.hatching(id)
  return el("pattern", { id = id, class = "hatching", width = 5, height = 5, patternUnits = "userSpaceOnUse",
    patternTransform = "rotate(45)" }, svg.line(0, 0, 0, 5))
end

---@param points number[][] { x, y }
---@return string path data
function svg.way(points)
  local words = {}
  for i, point in ipairs(points) do
    words[i] = ("%s%s %s"):format(i == 1 and "M" or "L", number(point[1]), number(point[2]))
  end
  return table.concat(words)
end

---@param points number[][]
---@param class string
---@param closed boolean?
function svg.path(points, class, closed)
  return el("path", { d = svg.way(points) .. (closed and "Z" or ""), class = class })
end

---@class specbench.page.scale
---@field low number
---@field high number
---@field from number pixel of low
---@field to number pixel of high
---@field is_log boolean
local Scale = {}
Scale.__index = Scale

---@param low number
---@param high number
---@param from number
---@param to number
---@param is_log boolean? low is above 0
---@return specbench.page.scale
function svg.scale(low, high, from, to, is_log)
  if high <= low then
    if is_log then low, high = low / 1.5, low * 1.5 else low, high = low - 0.5, low + 0.5 end
  end
  return setmetatable({ low = low, high = high, from = from, to = to, is_log = is_log or false }, Scale)
end

---@param value number
---@return number pixel, of the nearer end where the value is outside
function Scale:at(value)
  local share
  if self.is_log then
    share = math.log(math.max(value, self.low) / self.low) / math.log(self.high / self.low)
  else
    share = (value - self.low) / (self.high - self.low)
  end
  return self.from + (self.to - self.from) * math.max(0, math.min(1, share))
end

-- 1, 2 or 5 times a power of ten, at least `least`.
local function round_step(least)
  local power = 10 ^ math.floor(math.log(least, 10))
  for _, times in ipairs { 1, 2, 5 } do
    if times * power >= least * 0.999 then return times * power end
  end
  return 10 * power
end

---@param count integer about so many
---@return number[] values that are round
function Scale:ticks(count)
  local list = {}
  if self.is_log then
    local power = math.floor(math.log(self.low, 10))
    local steps = self.high / self.low > 200 and { 1 } or self.high / self.low > 20 and { 1, 3 } or { 1, 2, 5 }
    while 10 ^ power <= self.high do
      for _, times in ipairs(steps) do
        local value = times * 10.0 ^ power
        if value >= self.low * 0.999 and value <= self.high * 1.001 then list[#list + 1] = value end
      end
      power = power + 1
    end
    if #list >= 2 then return list end
    list = {}
  end
  local step = round_step((self.high - self.low) / count)
  for i = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) do list[#list + 1] = i * step end
  return list
end

---A figure with three digits that count: 12.3, 1234, 0.0123.
---@param value number?
---@return string "-" where it is unknown
function svg.figure(value)
  if not value or value ~= value then return "-" end
  local size = math.abs(value)
  if size >= 100 then return ("%.0f"):format(value) end
  if size >= 10 then return (("%.1f"):format(value):gsub("%.0$", "")) end
  if size >= 1 then return (("%.2f"):format(value):gsub("%.?0+$", "")) end
  return ("%.3g"):format(value)
end

---@param scale specbench.page.scale
---@param y number of the axis
---@param top number? lines of the grid reach up to here
---@param values number[]? the places of the marks, where they are not to be round numbers
---@return specbench.page.markup[]
function svg.x_axis(scale, y, top, values)
  local parts = { svg.line(scale.from, y, scale.to, y, "axis") }
  local last = -math.huge
  for _, value in ipairs(values or scale:ticks(6)) do
    local x = scale:at(value)
    if top then parts[#parts + 1] = svg.line(x, top, x, y, "grid") end
    if x - last > 26 then
      parts[#parts + 1] = svg.text(x, y + 14, svg.figure(value), "m tick")
      last = x
    end
  end
  return parts
end

---@param scale specbench.page.scale from: the bottom
---@param x number of the axis
---@param right number? lines of the grid reach there
---@return specbench.page.markup[]
function svg.y_axis(scale, x, right)
  local parts = {}
  for _, value in ipairs(scale:ticks(5)) do
    local y = scale:at(value)
    if right then parts[#parts + 1] = svg.line(x, y, right, y, "grid") end
    parts[#parts + 1] = svg.text(x - 5, y + 4, svg.figure(value), "e tick")
  end
  return parts
end

return svg
