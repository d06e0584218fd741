-- The figures themselves, each baseline's above those of what is compared with it: for a round without a baseline this
-- is the report.

local keys = require "specbench.results.keys"
local own_metrics = require "specbench.analysis.own_metrics"
local speedup_table = require "specbench.report.speedup_table"
local text_table = require "specbench.base.text_table"
local words = require "specbench.answer.words"

local absolute_table = {
  MOST = 120, -- rows; more stand in the CSV file
}

local DASH = "-"

-- What a table has beside the axes: figure, title, format. Columns that would be empty are left out.
local COLUMNS = {
  { "output_throughput", "tok/s", "%.1f" }, { "request_throughput", "req/s", "%.3g" },
  { "ttft", "TTFT ms", "%.0f" }, { "tpot", "TPOT ms", "%.2f" }, { "itl", "ITL ms", "%.2f" },
  { "e2el", "E2EL ms", "%.0f" },
  { "acceptance", "accepted", "%.2f" }, { "goodput", "goodput req/s", "%.3g" },
  { "joules_per_token", "J/token", "%.3g" }, { "price_per_million", "price/1M", "%.3g" },
}
local PERCENTILES = { ttft = true, tpot = true, itl = true, e2el = true }

-- Which convention of ITL all rows can tell.
local function itl_of(rows)
  for _, row in ipairs(rows) do
    if row.figures.itl_chunk_p50_ms and not row.figures.itl_token_p50_ms then return "itl_chunk" end
  end
  return "itl_token"
end

local function names_of(figure, itl)
  local name = figure == "itl" and itl or figure
  if not PERCENTILES[figure] then return { name } end
  return { name .. "_p50_ms", name .. "_p99_ms" }
end

-- "12.3/20.1"
local function text_of(row, column, itl)
  local parts, known = {}, false
  for i, name in ipairs(names_of(column[1], itl)) do
    known = known or row.figures[name] ~= nil
    parts[i] = text_table.figure(row.figures[name], column[3])
  end
  return known and table.concat(parts, "/") or DASH
end

-- Rows that are compared with one stand below it.
local function ordered(rows)
  local below, list = {}, {}
  for _, row in ipairs(rows) do
    if row.baseline then
      below[row.baseline] = below[row.baseline] or {}
      table.insert(below[row.baseline], row)
    end
  end
  for _, row in ipairs(rows) do
    if not row.baseline then
      list[#list + 1] = row
      local others = below[row] or {}
      table.move(others, 1, #others, #list + 1, list)
    end
  end
  return list
end

-- Axes that several rows differ on: those first in which a row is like its baseline, each in the round's order.
local function varying(rows, about)
  local alike, own = {}, {}
  for _, name in ipairs(speedup_table.varying(rows, about)) do
    local differs = false
    for _, row in ipairs(rows) do
      differs = differs or row.baseline ~= nil and row.baseline.coordinates[name] ~= row.coordinates[name]
    end
    table.insert(differs and own or alike, name)
  end
  return table.move(own, 1, #own, #alike + 1, alike)
end

local function marks_of(row)
  local marks = {}
  if row.ramp_up then marks[#marks + 1] = "ramp-up" end
  if row.late then marks[#marks + 1] = "client late" end
  if row.lossy then marks[#marks + 1] = "lossy" end
  return table.concat(marks, ", ")
end

---@param rows specbench.answer.absolute.row[]
---@param about table the store's round.json
---@param limit integer? rows at most; the rest is counted
---@param all string? what shows all of them
---@return string
function absolute_table.text(rows, about, limit, all)
  rows = ordered(rows)
  local itl, axes = itl_of(rows), varying(rows, about)
  local columns, shown, listed = {}, {}, {}
  for i, name in ipairs(axes) do columns[i] = { title = name } end
  local several_engines, has_marks = false, false
  for _, row in ipairs(rows) do
    several_engines = several_engines or row.engine ~= rows[1].engine
    has_marks = has_marks or marks_of(row) ~= ""
  end
  if several_engines then columns[#columns + 1] = { title = "engine" } end
  for _, column in ipairs(COLUMNS) do
    local known = false
    for _, row in ipairs(rows) do known = known or text_of(row, column, itl) ~= DASH end
    if known then
      shown[#shown + 1] = column
      columns[#columns + 1] = text_table.right(column[2])
    end
  end
  local own = own_metrics.names(rows)
  for _, name in ipairs(own) do columns[#columns + 1] = text_table.right(name) end
  if has_marks then columns[#columns + 1] = { title = "" } end
  for i = 1, math.min(#rows, limit or #rows) do
    local row, line = rows[i], {}
    for k, name in ipairs(axes) do line[k] = keys.spelled(row.coordinates[name]) end
    if several_engines then line[#line + 1] = row.engine end
    for _, column in ipairs(shown) do line[#line + 1] = text_of(row, column, itl) end
    for _, name in ipairs(own) do line[#line + 1] = text_table.figure(row.own and row.own[name], "%.4g") end
    if has_marks then line[#line + 1] = marks_of(row) end
    listed[i] = line
  end
  local lines = { text_table.render { columns = columns, rows = listed } }
  if #listed < #rows then lines[#lines + 1] = ("%s: %s\n"):format(words.count(#rows - #listed, "more row"), all) end
  lines[#lines + 1] = ("p50/p99, means of the repeats' own; ITL by %s\n"):format(itl == "itl_token"
    and "token (a chunk's gap / its tokens)" or "chunk (the gap before each)")
  return table.concat(lines)
end

return absolute_table
