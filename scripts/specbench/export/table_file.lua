-- A results folder's cells and requests as two files of comma-separated values, row by row: a large folder's requests
-- are never held at once.

local columns = require "specbench.export.columns"
local csv = require "specbench.base.csv"
local foreign = require "specbench.base.foreign"
local keys = require "specbench.results.keys"

local table_file = {}

local function number(value)
  if math.type(value) == "integer" then return tostring(value) end
  local short = ("%.15g"):format(value)
  return tonumber(short) == value and short or ("%.17g"):format(value)
end

-- A value as a field: what is unknown, or of another type than its column, is empty; texts have one line.
local function field(value, kind, text)
  if value == nil then return "" end
  if kind == "text" then return text(foreign.line(tostring(value))) end
  if kind == "boolean" then return type(value) == "boolean" and tostring(value) or "" end
  if type(value) ~= "number" or value ~= value or math.abs(value) == math.huge then return "" end
  if kind == "integer" then value = math.tointeger(value) end
  return value and number(value) or ""
end

local function open(path, list, text)
  local file, message = io.open(path, "wb")
  if not file then error({ exit = 1, message = message }, 0) end
  local function put(fields)
    local ok, why = file:write(table.concat(fields, ","), "\r\n")
    if not ok then error({ exit = 1, message = ("%s: %s"):format(path, why) }, 0) end
  end
  local head = {}
  for i, column in ipairs(list) do head[i] = text(column[1]) end
  put(head)
  return file, function(row)
    local fields = {}
    for i, column in ipairs(list) do fields[i] = field(column[4](row), column[2], text) end
    put(fields)
  end
end

local function close(file, path)
  local ok, message = file:close()
  if not ok then error({ exit = 1, message = ("%s: %s"):format(path, message) }, 0) end
end

-- The cells that count, in the grid's order; each knows the id of its baseline.
local function cells_of(store)
  local cells, by_key = store:cells(), {}
  keys.sort(store.about, cells)
  for _, cell in ipairs(cells) do by_key[cell.key] = cell.id end
  for _, cell in ipairs(cells) do cell.baseline_id = by_key[cell.baseline] end
  return cells
end

local function write_requests(store, cells, path, text)
  local file, put = open(path, columns.requests, text)
  local count, without = 0, 0
  for _, cell in ipairs(cells) do
    local run = store:run(cell.id)
    without = without + (run and 0 or 1)
    local requests = run and #run or 0
    -- each is read twice: all of a cell's at once may be more than there is memory for
    local begin = run and columns.first_send(run)
    for i = 1, requests do put(columns.request_row(cell, run:request(i), begin)) end
    count = count + requests
  end
  close(file, path)
  return count, without
end

---@class specbench.export.written
---@field cells specbench.export.column[] of this folder
---@field rows { cells: integer, requests: integer }
---@field without_records integer cells that kept no requests

---@param store specbench.store
---@param paths { cells: string, requests: string }
---@param for_spreadsheets boolean whether texts that look like formulas are to be disarmed
---@return specbench.export.written
function table_file.write(store, paths, for_spreadsheets)
  local text = for_spreadsheets and csv.text or csv.quoted
  local cells = cells_of(store)
  local list = columns.of_cells(store.about, cells)
  local file, put = open(paths.cells, list, text)
  for _, cell in ipairs(cells) do put(cell) end
  close(file, paths.cells)
  local requests, without = write_requests(store, cells, paths.requests, text)
  return { cells = list, rows = { cells = #cells, requests = requests }, without_records = without }
end

return table_file
