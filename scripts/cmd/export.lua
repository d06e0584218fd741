-- Writes a results folder's cells and requests as tables for databases, notebooks and spreadsheets.

local columns = require "specbench.export.columns"
local command = require "specbench.cli.command"
local database = require "specbench.export.database"
local fs = require "sb.fs"
local store = require "specbench.results.store"
local table_file = require "specbench.export.table_file"
local tables = require "specbench.base.tables"
local vllm_bench = require "specbench.export.vllm_bench"

local self = {
  name = "export",
  summary = "Write a results folder's cells and requests as two tables, or as vLLM's result files",
  description = "A row a cell with all its figures, and a row a request with its times; what the columns mean, with "
    .. "their units, stands on the page scripts/specbench/export/README.md. csv is written by specbench itself, sqlite "
    .. "by the program sqlite3, parquet by duckdb. vllm is a JSON file a cell, as `vllm bench serve --save-result "
    .. "--save-detailed` leaves it. The results are only read. What a round exports to other systems (export = in its "
    .. "file) is written by specbench report.",
  positionals = { { name = "DIR", help = "results folder" } },
  options = {
    { long = "format", arg = "FORMAT", type = "choice", choices = { "parquet", "csv", "sqlite", "vllm" },
      default = "csv", help = "of the files" },
    { long = "out", short = "o", arg = "FOLDER", help = "where they go (DIR/tables; of vllm DIR/tables/vllm)" },
    { long = "quiet", short = "q", type = "flag", help = "do not say what was written" },
  },
  examples = {
    { "specbench export results/round2 --format parquet", "then, for one: duckdb -c \"SELECT axis_method, "
      .. "avg(ttft_ms_p99) FROM 'results/round2/tables/cells.parquet' GROUP BY ALL\"" },
    { "specbench export results/round2 --format sqlite --out /tmp/round2", "/tmp/round2/results.sqlite" },
    { "specbench export results/round2 --format vllm", "for scripts that read what vLLM's own client writes" },
  },
}

local TOOLS = tables.set_of { "parquet", "sqlite" } -- formats that programs of others write

-- A folder of this process alone, gone at its end.
local function scratch()
  local folder = fs.temporary()
  if not (folder and fs.remove(folder) and fs.mkdir(folder)) then command.fail "no folder for temporary files" end
  return folder, setmetatable({}, { __close = function() fs.remove(folder) end })
end

local function in_folder(folder)
  return { cells = folder .. "/cells.csv", requests = folder .. "/requests.csv" }
end

local function write_csv(the_store, folder)
  local part, paths = in_folder(folder .. "/unfinished"), in_folder(folder)
  local ok, message = fs.mkdir(folder .. "/unfinished")
  if not ok then command.fail(message) end
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder .. "/unfinished") end })
  local written = table_file.write(the_store, part, true)
  for name, path in pairs(part) do assert(os.rename(path, paths[name])) end
  return { paths.cells, paths.requests }, written
end

local function write_database(the_store, format, folder)
  local work, _removed <close> = scratch()
  local paths = in_folder(work)
  local written = table_file.write(the_store, paths, false)
  local files, message = database.write(format, {
    { name = "cells", path = paths.cells, columns = written.cells },
    { name = "requests", path = paths.requests, columns = columns.requests },
  }, folder)
  if not files then command.fail(message) end
  return files, written
end

function self.run(options, positionals)
  local trouble = TOOLS[options.format] and database.missing(options.format)
  if trouble then command.fail(trouble) end
  local the_store, message = store.open(positionals[1])
  if not the_store then command.fail(message) end
  command.warn(the_store.warnings)
  local folder = options.out or positionals[1] .. (options.format == "vllm" and "/tables/vllm" or "/tables")
  if fs.stat(folder .. "/round.json") then
    command.fail(folder .. " is a results folder: name another one with --out", 2)
  end
  local ok
  ok, message = fs.mkdir(folder)
  if not ok then command.fail(message) end
  local files, written
  if options.format == "csv" then
    files, written = write_csv(the_store, folder)
  elseif options.format == "vllm" then
    files, written = { folder }, vllm_bench.write(the_store, folder)
  else
    files, written = write_database(the_store, options.format, folder)
  end
  if written.without_records > 0 then
    command.warn { ("%d cells kept no requests (--no-records): only their figures are written"):format(
      written.without_records) }
  end
  if not options.quiet then
    io.stdout:write(("%d cells, %d requests: %s\n"):format(written.rows.cells, written.rows.requests,
      table.concat(files, ", ")))
  end
  return 0
end

return self
