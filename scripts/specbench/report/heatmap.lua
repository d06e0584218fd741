--- Heatmaps as text: one coloured cell a number, the smallest y at the bottom.
--
--   io.write(heatmap.terminal {
--     title = "7B, polish", x_title = "context", y_title = "concurrency",
--     x = { 256, 512 }, y = { 1, 4 }, values = { { 1.52, 1.44 }, { 1.21, nil } }, is_tty = true,
--   })

-- What a map has is described in bindings/meta/specbench/plot.lua.

local colour = require "specbench.report.colour"
local text_table = require "specbench.base.text_table"

local heatmap = {}

local LEGEND_STEPS = 16
local LINES = {
  ascii = { side = "|", corner = "+", floor = "-" },
  unicode = { side = "│", corner = "└", floor = "─" },
}

---@class specbench.heatmap.terminal : specbench.heatmap
---@field colour? boolean|"auto" see colour.depth
---@field is_tty? boolean whether the text goes to a terminal
---@field unicode? boolean lines drawn with box characters; follows the locale unless told
---@field width? integer columns of the output, 80 unless told
---@field getenv? fun(name: string): string|nil

--- Indices of `y` from the bottom row to the top one.
---@param y any[]
---@return integer[]
function heatmap.bottom_up(y)
  local order, numeric = {}, true
  for i, label in ipairs(y) do
    order[i] = i
    numeric = numeric and tonumber(label) ~= nil
  end
  if numeric then
    table.sort(order, function(a, b)
      return tonumber(y[a]) < tonumber(y[b])
    end)
  end
  return order
end

--- The number of a cell, or nil where nothing was measured.
---@param map specbench.heatmap
---@param yi integer
---@param xi integer
---@return number|nil
function heatmap.value(map, yi, xi)
  local value = map.values[yi] and map.values[yi][xi]
  if type(value) == "number" and value == value then
    return value
  end
end

--- What stands before the number of a cell: "~" where it was predicted, not measured.
---@param map specbench.heatmap
---@param yi integer
---@param xi integer
---@return string
function heatmap.mark_before(map, yi, xi)
  return map.predicted and map.predicted[yi] and map.predicted[yi][xi] and "~" or ""
end

--- What stands behind the number of a cell.
---@param map specbench.heatmap
---@param yi integer
---@param xi integer
---@return string
function heatmap.mark_behind(map, yi, xi)
  return map.marks and map.marks[yi] and map.marks[yi][xi] or ""
end

--- Whether the colour of a number's cell is pale.
---@param map specbench.heatmap
---@param yi integer
---@param xi integer
---@return boolean
function heatmap.is_pale(map, yi, xi)
  return map.pale ~= nil and map.pale[yi] ~= nil and map.pale[yi][xi] or heatmap.mark_before(map, yi, xi) ~= ""
end

--- The colour of a number's cell.
---@param map specbench.heatmap
---@param yi integer
---@param xi integer
---@return integer red 0 to 255
---@return integer green
---@return integer blue
function heatmap.shade(map, yi, xi, min, max)
  local r, g, b = colour.of_value(heatmap.value(map, yi, xi), min, max)
  if heatmap.is_pale(map, yi, xi) then return colour.pale(r, g, b) end
  return r, g, b
end

local function locale_is_utf8(getenv)
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = getenv(name)
    if value and value ~= "" then
      return value:lower():find("utf%-?8") ~= nil
    end
  end
  return false
end

local function note_at(map, yi, xi)
  return map.notes and map.notes[yi] and map.notes[yi][xi]
end

--- Letters for the remarks, one a distinct text, in the order of reading (top row first).
local function letter_notes(map, order)
  local letters, list = {}, {}
  for i = #order, 1, -1 do
    for xi = 1, #map.x do
      local note = note_at(map, order[i], xi)
      if note and not letters[note] then
        local n = #list
        local tail = string.char(97 + n % 26)
        letters[note] = n < 26 and tail or string.char(96 + n // 26) .. tail
        list[n + 1] = note
      end
    end
  end
  return letters, list
end

local function widest(labels)
  local width = 0
  for _, label in ipairs(labels) do
    width = math.max(width, text_table.width(label))
  end
  return width
end

local function texts(values)
  local list = {}
  for i, value in ipairs(values) do
    list[i] = text_table.text(value)
  end
  return list
end

local function legend(map, depth, min, max, format, has_absent, has_predicted)
  local parts = { (map.value_title or "speed-up") .. "  " .. format:format(min) }
  if depth == "none" then
    parts[#parts + 1] = " to " .. format:format(max)
  else
    parts[#parts + 1] = " "
    for step = 0, LEGEND_STEPS - 1 do
      local r, g, b = colour.coolwarm(step / (LEGEND_STEPS - 1))
      parts[#parts + 1] = colour.on_background(" ", depth, r, g, b)
    end
    parts[#parts + 1] = " " .. format:format(max)
  end
  if has_absent then
    parts[#parts + 1] = "   - not measured"
  end
  if has_predicted then
    parts[#parts + 1] = "   ~ predicted, not measured"
  end
  return table.concat(parts)
end

-- What stands in each field, all as wide as the widest; and whether a number is absent or predicted.
local function fields_of(map, letters, format)
  local marks_width, width, has_absent, has_predicted, shown = 0, 0, false, false, {}
  for _, row in ipairs(map.marks or {}) do
    for _, mark in pairs(row) do marks_width = math.max(marks_width, text_table.width(mark)) end
  end
  for yi = 1, #map.y do
    shown[yi] = {}
    for xi = 1, #map.x do
      local value, note = heatmap.value(map, yi, xi), note_at(map, yi, xi)
      -- Marks and the letter are outside the number's field, so that the decimal points stay in line.
      local before = value and heatmap.mark_before(map, yi, xi) or ""
      local behind = value and heatmap.mark_behind(map, yi, xi) or ""
      local text = before .. (value and format:format(value) or " - ")
        .. text_table.pad(behind, marks_width) .. (note and letters[note] or " ")
      shown[yi][xi] = text
      width = math.max(width, text_table.width(text))
      has_absent, has_predicted = has_absent or not value, has_predicted or before ~= ""
    end
  end
  return shown, width, has_absent, has_predicted
end

--- The heatmap as text, each line ended by a newline. Columns that do not fit the width are shown
--- in further blocks under the first.
---@param map specbench.heatmap.terminal
---@return string
function heatmap.terminal(map)
  local getenv = map.getenv or os.getenv
  local depth = colour.depth(map.colour, map.is_tty, getenv)
  local unicode = map.unicode
  if unicode == nil then
    unicode = locale_is_utf8(getenv)
  end
  local box = unicode and LINES.unicode or LINES.ascii
  local min, max, format = map.min or 0, map.max or 2, map.format or "%.2f"
  local order = heatmap.bottom_up(map.y)
  local letters, notes = letter_notes(map, order)
  local x, y = texts(map.x), texts(map.y)
  local shown, widest_field, has_absent, has_predicted = fields_of(map, letters, format)
  local cell_width, y_width = math.max(widest(x), widest_field) + 2, widest(y)
  local gutter = (" "):rep(y_width + 1)
  local lines = {}
  local function add(text)
    lines[#lines + 1] = text:gsub(" +$", "")
  end

  -- The columns from `first` to `last`, with their axes.
  local function add_block(first, last)
    local width = cell_width * (last - first + 1)
    if map.y_title then
      add(map.y_title)
    end
    for i = #order, 1, -1 do
      local yi = order[i]
      local row = { text_table.pad(y[yi], y_width, "right"), " ", box.side }
      for xi = first, last do
        local text = text_table.pad(shown[yi][xi], cell_width - 1, "right") .. " "
        if heatmap.value(map, yi, xi) then
          text = colour.on_background(text, depth, heatmap.shade(map, yi, xi, min, max))
        end
        row[#row + 1] = text
      end
      add(table.concat(row))
    end
    add(gutter .. box.corner .. box.floor:rep(width))
    local floor = { gutter, " " }
    for xi = first, last do
      floor[#floor + 1] = text_table.pad(x[xi], cell_width - 2, "right") .. "  "
    end
    add(table.concat(floor))
    if map.x_title then
      add(gutter .. " " .. text_table.pad(map.x_title, width, "center"))
    end
  end

  if map.title then
    add(map.title)
  end
  local per_block = math.max(1, ((map.width or 80) - y_width - 2) // cell_width)
  for first = 1, #x, per_block do
    add_block(first, math.min(first + per_block - 1, #x))
  end
  add(legend(map, depth, min, max, format, has_absent, has_predicted))
  if map.legend and #map.legend > 0 then add(table.concat(map.legend, ", ")) end
  for i, note in ipairs(notes) do
    add(("%s  %s"):format(letters[note], notes[i]))
  end
  return table.concat(lines, "\n") .. "\n"
end

return heatmap
