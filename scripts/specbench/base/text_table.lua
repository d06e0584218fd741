--- Plain tables in aligned columns, and the measuring of text that they stand on.
--
--   local text = text_table.render {
--     columns = { { title = "task" }, { title = "speed-up", align = "right" } },
--     rows = { { "polish", "1.42" } },
--   }

local text_table = {}

-- Code points shown two columns wide by terminals: East Asian Wide and Fullwidth blocks and the
-- pictographs (Unicode standard annex 11). Sorted, inclusive.
local WIDE = {
  { 0x1100, 0x115F }, { 0x2E80, 0x303E }, { 0x3041, 0x33FF }, { 0x3400, 0x4DBF },
  { 0x4E00, 0x9FFF }, { 0xA000, 0xA4CF }, { 0xA960, 0xA97F }, { 0xAC00, 0xD7A3 },
  { 0xF900, 0xFAFF }, { 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 },
  { 0x1F300, 0x1F64F }, { 0x1F900, 0x1F9FF }, { 0x20000, 0x3FFFD },
}

-- Combining marks, zero-width spaces and variation selectors: they take no column.
local ZERO = {
  { 0x0300, 0x036F }, { 0x200B, 0x200F }, { 0x20D0, 0x20FF }, { 0xFE00, 0xFE0F },
  { 0xFE20, 0xFE2F },
}

local function within(ranges, code)
  for _, range in ipairs(ranges) do
    if code >= range[1] and code <= range[2] then
      return true
    end
  end
  return false
end

local function code_width(code)
  if code < 0x300 then
    return 1
  end
  return within(ZERO, code) and 0 or within(WIDE, code) and 2 or 1
end

--- `text` if it is UTF-8; otherwise with a question mark for each byte outside ASCII.
local function measurable(text)
  return utf8.len(text) and text or text:gsub("[\x80-\xFF]", "?")
end

--- Text of a cell or label. Numbers from JSON are floats: 4.0 reads "4". What is not there is a dash.
---@param value any
---@return string
function text_table.text(value)
  if value == nil then return "-" end
  if math.type(value) == "float" and value % 1 == 0 and math.abs(value) < 2 ^ 53 then
    return string.format("%d", value)
  end
  return tostring(value)
end

--- Columns that a terminal uses for `text`, which must not contain control characters.
---@param text string
---@return integer
function text_table.width(text)
  local total = 0
  for _, code in utf8.codes(measurable(text)) do
    total = total + code_width(code)
  end
  return total
end

--- Fills `text` with spaces up to `width` columns; a wider text is returned as it is.
---@param text string
---@param width integer columns
---@param align? "left"|"right"|"center" left unless told
---@return string
function text_table.pad(text, width, align)
  local space = width - text_table.width(text)
  if space <= 0 then
    return text
  end
  local before = align == "right" and space or align == "center" and space // 2 or 0
  return (" "):rep(before) .. text .. (" "):rep(space - before)
end

--- Cuts `text` to at most `width` columns; what is cut off is replaced by `mark`.
---@param text string
---@param width integer columns
---@param mark? string "..." unless told
---@return string
function text_table.cut(text, width, mark)
  text = measurable(text)
  if text_table.width(text) <= width then
    return text
  end
  mark = mark or "..."
  local room = width - text_table.width(mark)
  if room < 0 then
    mark, room = "", width
  end
  local used = 0
  for at, code in utf8.codes(text) do
    used = used + code_width(code)
    if used > room then
      return text:sub(1, at - 1) .. mark
    end
  end
end

--- Breaks `text` at spaces into lines of at most `width` columns. A word that is wider stands on
--- a line of its own.
---@param text string
---@param width integer columns
---@return string[] lines at least one
function text_table.wrap(text, width)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    local longer = line == "" and word or line .. " " .. word
    if line ~= "" and text_table.width(longer) > width then
      lines[#lines + 1], line = line, word
    else
      line = longer
    end
  end
  lines[#lines + 1] = line
  return lines
end

--- Names in a line, those beyond the first few counted.
---@param names string[]
---@param most integer
---@return string "a; b; 3 more"
function text_table.listed(names, most)
  local shown = { table.unpack(names, 1, most) }
  if #names > most then
    shown[#shown + 1] = ("%d more"):format(#names - most)
  end
  return table.concat(shown, "; ")
end

---@class specbench.text_table.column
---@field title? string
---@field align? "left"|"right"

--- A column of figures.
---@param title string
---@return specbench.text_table.column
function text_table.right(title)
  return { title = title, align = "right" }
end

--- A figure as a table has it; one that is not known is a dash.
---@param value number?
---@param format string as string.format takes it
---@return string
function text_table.figure(value, format)
  return value and format:format(value) or "-"
end

---@class specbench.text_table.spec
---@field columns specbench.text_table.column[]
---@field rows any[][]
---@field gap? integer spaces between columns, 2 unless told
---@field indent? integer spaces before each line

--- The table as text, each line ended by a newline. Titles are followed by a rule; a table without
--- any title has neither. An absent cell is empty.
---@param spec specbench.text_table.spec
---@return string
function text_table.render(spec)
  local columns, gap = spec.columns, (" "):rep(spec.gap or 2)
  local widths, titled = {}, false
  local function cell(row, i)
    return row[i] == nil and "" or text_table.text(row[i])
  end
  for i, column in ipairs(columns) do
    titled = titled or column.title ~= nil
    widths[i] = text_table.width(column.title or "")
    for _, row in ipairs(spec.rows) do
      widths[i] = math.max(widths[i], text_table.width(cell(row, i)))
    end
  end

  local lines = {}
  local function add(row)
    local parts = {}
    for i, column in ipairs(columns) do
      parts[i] = text_table.pad(cell(row, i), widths[i], column.align)
    end
    lines[#lines + 1] = ((" "):rep(spec.indent or 0) .. table.concat(parts, gap)):gsub(" +$", "")
  end
  if titled then
    local titles, rules = {}, {}
    for i, column in ipairs(columns) do
      titles[i], rules[i] = column.title or "", ("-"):rep(widths[i])
    end
    add(titles)
    add(rules)
  end
  for _, row in ipairs(spec.rows) do
    add(row)
  end
  return #lines == 0 and "" or table.concat(lines, "\n") .. "\n"
end

return text_table
