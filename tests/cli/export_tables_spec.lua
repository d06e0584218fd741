-- specbench export: cells and requests as two tables, the same figures in every format, whatever texts are in them.

local columns = require "specbench.export.columns"
local database = require "specbench.export.database"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local home = require("sb.environment").home
local hostile = dofile(home .. "/tests/browser/hostile.lua")
local program = require "specbench.base.program"
local secrets = require "specbench.base.secrets"
local store = require "specbench.results.store"
local table_file = require "specbench.export.table_file"
local has = dofile(require("sb.environment").home .. "/tests/lua/has.lua")

local w

setup(function()
  w = dofile(home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("axes =", 'baseline = { method = "none" }, axes =')))
  assert(w:run("run grid.lua --virtual --out results --no-pictures --quiet").status == 0)
end)
teardown(function() w:remove() end)

local function export(arguments, options)
  return w:run("export results " .. arguments, options)
end

-- Rows of a CSV file by the names in its first line.
local function read(path)
  local rows, row, text = {}, {}, assert(fs.read(path))
  local at = 1
  while at <= #text do
    local value, stop
    if text:sub(at, at) == '"' then
      local from = at + 1
      repeat at = assert(text:find('"', at + 1, true)) + 1 until text:sub(at, at) ~= '"'
      value, stop = text:sub(from, at - 2):gsub('""', '"'), at
    else
      stop = text:find("[,\r]", at)
      value = text:sub(at, stop - 1)
    end
    row[#row + 1] = value
    if text:sub(stop, stop) == "\r" then
      rows[#rows + 1], row = row, {}
      stop = stop + 1
    end
    at = stop + 1
  end
  local head, named = table.remove(rows, 1), {}
  for i, values in ipairs(rows) do
    named[i] = {}
    assert.equal(#head, #values)
    for k, name in ipairs(head) do named[i][name] = values[k] end
  end
  return named
end

local function ask(path, sql)
  local pipe = assert(io.popen(("sqlite3 -batch -init /dev/null -separator , '%s' \"%s\" 2>&1"):format(path, sql)))
  local text = pipe:read "a"
  assert(pipe:close(), text)
  return text
end

local function ask_duckdb(sql)
  local pipe = assert(io.popen(("duckdb -init /dev/null -list -separator , -noheader -c \"%s\" 2>&1"):format(sql)))
  local text = pipe:read("a"):gsub("\r", "")
  assert(pipe:close(), text)
  return text
end

local function needs(tool)
  return not program.is_there(tool) and pending(tool .. " is not there") or nil
end

describe("specbench export", function()
  it("writes a row a cell and a row a request", function()
    local result = export "--format csv"
    assert.equal(0, result.status, result.err)
    has(result.out, "4 cells, 16 requests: results/tables/cells.csv, results/tables/requests.csv")
    local held = assert(store.open(w.folder .. "/results"))
    local by_id = {}
    for _, cell in ipairs(held:cells()) do by_id[cell.id] = cell end
    local base = {}
    for _, row in ipairs(read(w.folder .. "/results/tables/cells.csv")) do
      local cell = by_id[row.cell]
      assert.equal(cell.metrics["ttft_ms.p99"], tonumber(row.ttft_ms_p99))
      assert.equal(cell.metrics.output_throughput, tonumber(row.output_throughput))
      assert.equal(tostring(cell.coordinates.concurrency), row.axis_concurrency)
      assert.equal("true", row.virtual)
      assert.equal(cell.machine.host, row.host)
      if row.method == "none" then base[row.axis_concurrency] = row.cell end
      assert.equal(base[row.axis_concurrency], row.baseline)
    end
    local requests = read(w.folder .. "/results/tables/requests.csv")
    assert.equal(16, #requests)
    local sum, count = {}, {}
    for _, row in ipairs(requests) do
      assert.equal("ok", row.outcome)
      sum[row.cell], count[row.cell] = (sum[row.cell] or 0) + row.ttft_ms, (count[row.cell] or 0) + 1
    end
    for id, cell in pairs(by_id) do
      assert.truthy(math.abs(sum[id] / count[id] - cell.metrics["ttft_ms.mean"]) < 1e-9 * sum[id])
    end
  end)

  it("gives a database the same figures, unknown ones as NULL", function()
    if needs "sqlite3" then return end
    local path = w.folder .. "/results/tables/results.sqlite"
    for _ = 1, 2 do -- the second time in the first one's place
      local result = export "--format sqlite"
      assert.equal(0, result.status, result.err)
      has(result.out, "4 cells, 16 requests: results/tables/results.sqlite")
    end
    assert.equal("16,ok,16,null\n", ask(path, "SELECT count(*), outcome, count(ttft_ms), typeof(max(error)) FROM "
      .. "requests GROUP BY outcome"))
    assert.equal("draft,2,real,integer,1,null\nnone,2,real,null,1,null\n", ask(path, "SELECT method, count(*), "
      .. "typeof(max(ttft_ms_p99)), typeof(max(k)), max(virtual), typeof(max(energy)) FROM cells GROUP BY method"))
    for _, row in ipairs(read(w.folder .. "/results/tables/cells.csv")) do
      assert.equal(tonumber(row.duration), tonumber(ask(path, ("SELECT printf('%%!.17g', duration) FROM cells WHERE "
        .. "cell = '%s'"):format(row.cell))))
    end
    assert.same({ "cells.csv", "requests.csv", "results.sqlite" }, fs.list(w.folder .. "/results/tables"))
  end)

  it("gives Parquet the same figures", function()
    if needs "duckdb" then return end
    local result = export "--format parquet --out 'it''s here'"
    assert.equal(0, result.status, result.err)
    assert.equal("4,BIGINT,true,BOOLEAN\n", ask_duckdb(("SELECT count(*), typeof(max(k)), max(virtual), "
      .. "typeof(max(virtual)) FROM '%s/its here/cells.parquet'"):format(w.folder)))
  end)

  it("writes what vLLM's own client would have, by its convention", function()
    local result = export "--format vllm --out served"
    assert.equal(0, result.status, result.err)
    local cells = {}
    for _, cell in ipairs(store.open(w.folder .. "/results"):cells()) do cells[cell.id] = cell end
    local names = fs.list(w.folder .. "/served")
    assert.equal(4, #names)
    has(result.out, "4 cells, ")
    for _, name in ipairs(names) do
      local told = assert(json.decode(assert(fs.read(w.folder .. "/served/" .. name))))
      local m = cells[told.specbench_cell].metrics
      local function mean(list)
        local sum = 0
        for _, value in ipairs(list) do sum = sum + value end
        return sum / #list
      end
      local tpots = {}
      for i, itls in ipairs(told.itls) do
        assert.is_true(math.abs(told.latencies[i] - told.ttfts[i] - mean(itls) * #itls) < 1e-9)
        tpots[i] = 1e3 * (told.latencies[i] - told.ttfts[i]) / (told.output_lens[i] - 1)
      end
      assert.is_true(math.abs(1e3 * mean(told.ttfts) - m["ref_ttft_ms.mean"]) < 1e-6)
      assert.is_true(math.abs(mean(tpots) - m["ref_tpot_ms.mean"]) < 1e-2 * mean(tpots))
      assert.same({ m["ref_itl_ms.p99"], m["e2el_ms.median"] }, { told.p99_itl_ms, told.median_e2el_ms })
      assert.same({ "inf", m.completed, true }, { told.request_rate, told.completed, told.simulated })
      assert.equal(cells[told.specbench_cell].coordinates.method, told.axis_method)
    end
    local joined = w:run "compare results served --json"
    assert.equal(0, joined.status, joined.err)
    local rows = 0
    for line in joined.out:gmatch "[^\n]+" do
      for name, ratio in pairs(assert(json.decode(line)).ratios or {}) do
        assert.is_true(math.abs(ratio.ratio - 1) < 1e-9, ("%s %g"):format(name, ratio.ratio))
        rows = rows + 1
      end
    end
    assert.equal(4 * 4, rows) -- cells, figures
  end)

  it("says in a line what is missing or in the way", function()
    local nothing = { env = { PATH = w.folder .. "/bin" } }
    for format, tool in pairs { sqlite = "sqlite3", parquet = "duckdb" } do
      local result = export("--format " .. format, nothing)
      assert.equal(1, result.status)
      has(result.err, ("--format %s needs the program %s, which is not on the PATH"):format(format, tool))
      assert.equal(1, select(2, result.err:gsub("\n", "")))
    end
    assert.equal(0, export("--format csv --out elsewhere", nothing).status)
    has(export("--format csv --out results").err, "results is a results folder: name another one with --out")
    has(w:run("export grid.lua").err, "grid.lua is not a results folder")
    has(export("--format xml").err, "parquet, csv, sqlite, vllm")
    -- what a tool complains of
    assert(fs.mkdir(w.folder .. "/bin"))
    w:write("bin/duckdb", "#!/bin/sh\necho 'Error: no space left'\nexit 1\n")
    assert(os.execute(("chmod +x '%s/bin/duckdb'"):format(w.folder)))
    local result = export("--format parquet --out other", { env = { PATH = w.folder .. "/bin:" .. os.getenv "PATH" } })
    assert.equal(1, result.status)
    has(result.err, "duckdb: Error: no space left")
    assert.same({}, fs.list(w.folder .. "/other"))
  end)

  it("is explained column by column on its page", function()
    local page = assert(fs.read(home .. "/scripts/specbench/export/README.md"))
    for name, list in pairs { cells = columns.cells, requests = columns.requests } do
      for _, column in ipairs(list) do
        local line = ("| `%s` | %s | %s |\n"):format(column[1], column[2], column[3])
        assert.truthy(page:find(line, 1, true), name .. ": " .. line)
      end
    end
  end)
end)

describe("texts from elsewhere", function()
  local SECRET = "sk-secret-in-a-table"

  -- A store with one cell a text, which stands wherever a text may.
  local function poisoned()
    local texts = table.move(hostile.texts, 1, #hostile.texts, 1, {})
    for _, text in ipairs { "'; DROP TABLE cells; --", '"); .quit', "\n.quit\n", "a\n/\n", SECRET, "'a', 'b'", '""',
      "\\", "NULL", "" } do
      texts[#texts + 1] = text
    end
    local cells = {}
    for i, text in ipairs(texts) do
      cells[i] = {
        id = ("%020d"):format(i), key = text, repetition = i, started = text, round = text, baseline = text,
        coordinates = { [text] = text, method = text }, metrics = { [text] = i, ["ttft_ms.p99"] = i },
        own = { [text] = 1 }, engine = { name = text, version = text }, machine = { host = text, cpu = text },
        identity = { server = { model = { name = text }, method = text }, workload = {} },
      }
    end
    local axes = { { name = "method", values = {} }, { name = "METHOD", values = {} } }
    for i, text in ipairs(texts) do axes[i + 2] = { name = text, values = {} } end
    local run = setmetatable({ request = function(_, i)
      return { id = i - 1, prompt_id = 0, t_send = 1, t_intended = 1, t_done = 5, http_status = 500, outcome = "http",
        finish_reason = texts[i], token_source = texts[i], error = texts[i], chunks = {}, resent = false,
        tokens_disagree = false }
    end }, { __len = function() return #texts end })
    return { about = { axes = axes }, cells = function() return cells end, run = function() return run end }, #texts
  end

  local folder, list, count

  setup(function()
    secrets.learn(SECRET)
    local the_store
    folder = w.folder .. "/hostile folder's"
    assert(fs.mkdir(folder))
    the_store, count = poisoned()
    local paths = { cells = folder .. "/cells.csv", requests = folder .. "/requests.csv" }
    local written = table_file.write(the_store, paths, false)
    list = { { name = "cells", path = paths.cells, columns = written.cells },
      { name = "requests", path = paths.requests, columns = columns.requests } }
  end)

  it("stay texts in CSV, and no spreadsheet takes one for a formula", function()
    local paths = { cells = folder .. "/guarded.csv", requests = folder .. "/guarded_requests.csv" }
    table_file.write((poisoned()), paths, true)
    for _, path in pairs(paths) do
      local text = assert(fs.read(path))
      assert.falsy(text:find(SECRET, 1, true))
      assert.falsy(text:find "[\0-\8\9\11\12\14-\31\127]")
      assert.truthy(utf8.len(text))
    end
    local rows = read(paths.cells)
    assert.equal(count, #rows)
    for _, row in ipairs(rows) do
      for _, value in pairs(row) do assert.falsy(value:find "^[=@]") end
    end
    assert.equal(count * count, #read(paths.requests))
  end)

  it("stay texts in a database", function()
    if needs "sqlite3" then return end
    local files, message = database.write("sqlite", list, folder)
    assert.truthy(files, message)
    local path = files[1]:gsub("'", "'\\''")
    assert.equal(("%d,%d\n"):format(count, count * count), ask(path, "SELECT (SELECT count(*) FROM cells), (SELECT "
      .. "count(*) FROM requests)"))
    assert.equal("'; DROP TABLE cells; --\n", ask(path, "SELECT method FROM cells WHERE "
      .. "repetition = " .. #hostile.texts + 1))
    assert.equal("2\n", ask(path, "SELECT count(*) FROM pragma_table_info('cells') WHERE name IN ('axis_method', "
      .. "'axis_METHOD_2')"))
  end)

  it("stay texts in Parquet", function()
    if needs "duckdb" then return end
    local files, message = database.write("parquet", list, folder)
    assert.truthy(files, message)
    local path = files[1]:gsub("'", "''")
    assert.equal(("%d\n"):format(count), ask_duckdb(("SELECT count(*) FROM '%s'"):format(path)))
    assert.equal("'; DROP TABLE cells; --\n", ask_duckdb(("SELECT method FROM '%s' WHERE repetition = %d")
      :format(path, #hostile.texts + 1)))
  end)
end)
