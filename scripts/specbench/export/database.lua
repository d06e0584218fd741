-- Comma-separated values as a SQLite database or as Parquet, by the tools that their makers keep: sqlite3 and duckdb.

local fs = require "sb.fs"
local program = require "specbench.base.program"
local shell = require "specbench.base.shell"

local database = {}

local function literal(text)
  return "'" .. text:gsub("'", "''") .. "'"
end

local function identifier(name)
  return '"' .. name:gsub('"', '""') .. '"'
end

-- The argument of a command of the sqlite3 shell.
local function argument(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

local function each(list, of)
  local parts = {}
  for i, column in ipairs(list) do parts[i] = of(column) end
  return table.concat(parts, ", ")
end

local TYPES = {
  sqlite = { text = "TEXT", integer = "INTEGER", real = "REAL", boolean = "INTEGER" },
  parquet = { text = "VARCHAR", integer = "BIGINT", real = "DOUBLE", boolean = "BOOLEAN" },
}

-- Fields arrive as text; an empty one is unknown.
local function sqlite_value(column)
  local name = identifier(column[1])
  if column[2] == "boolean" then return ("CASE %s WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"):format(name) end
  if column[2] == "text" then return ("nullif(%s, '')"):format(name) end
  return ("CAST(nullif(%s, '') AS %s)"):format(name, TYPES.sqlite[column[2]])
end

local function sqlite_script(tables)
  local lines = { "PRAGMA journal_mode = OFF;" }
  for _, one in ipairs(tables) do
    local function add(format, ...) lines[#lines + 1] = format:format(...) end
    add("CREATE TABLE %s (%s);", one.name, each(one.columns, function(column)
      return identifier(column[1]) .. " " .. TYPES.sqlite[column[2]]
    end))
    add("CREATE TEMP TABLE %s_text (%s);", one.name, each(one.columns, function(column)
      return identifier(column[1]) .. " TEXT"
    end))
    add(".import --csv --skip 1 %s %s_text", argument(one.path), one.name)
    add("INSERT INTO %s SELECT %s FROM temp.%s_text;", one.name, each(one.columns, sqlite_value), one.name)
    add("DROP TABLE temp.%s_text;", one.name)
  end
  lines[#lines + 1] = "CREATE INDEX requests_by_cell ON requests (cell);"
  return table.concat(lines, "\n") .. "\n"
end

local function parquet_script(tables, targets)
  local lines = {}
  for i, one in ipairs(tables) do
    local types = each(one.columns, function(column)
      return ("%s: %s"):format(literal(column[1]), literal(TYPES.parquet[column[2]]))
    end)
    lines[i] = ("COPY (SELECT * FROM read_csv(%s, columns = {%s}, header = true, auto_detect = false, delim = ',', "
      .. "quote = '\"', escape = '\"', nullstr = '', new_line = '\\r\\n', max_line_size = 67108864)) TO %s "
      .. "(FORMAT parquet, COMPRESSION zstd);"):format(literal(one.path), types, literal(targets[i]))
  end
  return table.concat(lines, "\n") .. "\n"
end

local formats = {
  sqlite = {
    tool = "sqlite3", where = "Debian's package sqlite3", files = { "results.sqlite" }, script = sqlite_script,
  },
  parquet = {
    tool = "duckdb", where = "DuckDB's command line, PyPI's duckdb-cli",
    files = { "cells.parquet", "requests.parquet" }, script = parquet_script,
  },
}

---@param format "sqlite"|"parquet"
---@return string? trouble a line where its tool is not there
function database.missing(format)
  local how = formats[format]
  if program.is_there(how.tool) then return nil end
  return ("--format %s needs the program %s, which is not on the PATH (%s); --format csv needs none"):format(format,
    how.tool, how.where)
end

-- The line of a tool's complaint that says most.
local function complaint(output)
  return output:match "[^\n]*[Ee]rror[^\n]*" or output:match "[^\n]+" or "it gave no reason"
end

---Writes tables into a folder; a file that is there is replaced once the new one is whole.
---@param format "sqlite"|"parquet"
---@param list { name: string, path: string, columns: specbench.export.column[] }[] path: of its values, separated by
---  commas
---@param folder string
---@return string[]? paths
---@return string? message
function database.write(format, list, folder)
  local how, paths, parts = formats[format], {}, {}
  for i, name in ipairs(how.files) do
    paths[i] = ("%s/%s"):format(folder, name)
    parts[i] = paths[i] .. ".part"
    assert(fs.remove(parts[i]))
  end
  local line = how.tool .. " -batch -bail -init /dev/null" -- whatever this user has set for himself
  if format == "sqlite" then line = ("%s %s"):format(line, shell.quoted(parts[1])) end
  local script = list[1].path .. ".sql"
  assert(fs.write(script, how.script(list, parts)))
  local pipe = assert(io.popen(("%s < %s 2>&1"):format(line, shell.quoted(script))))
  local output = pipe:read "a"
  local ok, message = pipe:close(), nil
  if not ok then message = ("%s: %s"):format(how.tool, complaint(output)) end
  for i, path in ipairs(paths) do
    if ok then ok, message = os.rename(parts[i], path) end
    fs.remove(parts[i])
  end
  return ok and paths or nil, message
end

return database
