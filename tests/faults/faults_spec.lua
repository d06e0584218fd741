-- The table of faults, row after row: what may go wrong around a measurement, and what must then be said.
--
--   ctest -R faults.table                             a part of it, quick enough for every day
--   SPECBENCH_TEST_FAULTS=all ctest -R faults.table   the whole; "answers": of the first table the usual part alone

local client = require "specbench.client"
local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local measure = require "sb.measure"
local proc = require "sb.proc"
local task = require "sb.task"

local here = environment.home .. "/tests/faults/"
local answers = dofile(here .. "answers.lua")

-- Of the tables of runs and results every twelfth row, and those that are marked.
local PART = os.getenv "SPECBENCH_TEST_FAULTS" or "some"
local EVERY = 12

local function is_played(row, number)
  if PART == "all" then return true end
  return PART ~= "answers" and (number % EVERY == 0 or (row.options or {}).often)
end

local folder, python, ports

local function start_server()
  folder = assert(fs.temporary())
  assert(fs.remove(folder))
  assert(fs.mkdir(folder))
  local scripts = { good = json.array(answers.good) }
  for _, row in ipairs(answers) do
    local script = row.script or {}
    scripts[row.name] = script.accept and { accept = json.array(script.accept) }
      or script.tries and script or json.array(script)
  end
  assert(fs.write(folder .. "/scripts.json", json.encode(scripts)))
  python = assert(proc.start { argv = { "python3", here .. "server.py", folder .. "/scripts.json" },
    log = folder .. "/ports" })
  repeat
    task.sleep(0.01)
    ports = json.decode(fs.read(folder .. "/ports"))
    assert(not python:wait(0), fs.read(folder .. "/ports"))
  until ports
end

setup(start_server)
teardown(function()
  python:close()
  fs.remove(folder)
end)

local function url_of(row)
  local options = row.options or {}
  local host, port = options.host or "127.0.0.1", ports[row.name] or ports.main
  if options.ipv6 then host, port = "[::1]", ports.ipv6 end
  return options.url or port and ("%s://%s:%d"):format(options.scheme or "http", host, port)
end

local PATIENCE = 60 -- seconds: for what takes a moment; far beyond what a slow machine needs

local function ask(url, name, options)
  local requests = { { body = { fault = name }, max_tokens = options.max_tokens } }
  if options.warm then table.insert(requests, 1, { body = {} }) end -- which leaves a connection
  local run = client.load {
    server = url, requests = requests, concurrency = 1,
    keep_text = true, clock_scale = 1, timeout = options.timeout or PATIENCE,
    chunk_timeout = options.chunk_timeout or PATIENCE, first_token_timeout = options.first_token_timeout or PATIENCE,
  }
  return run:request(#run), run
end

-- What a record must say: fields as they are; false: unknown; `says` in its error; `text` of the answer.
local function check(record, run, expected, name)
  local shown = json.encode { name = name, outcome = record.outcome, error = record.error, tokens = record.tokens,
    status = record.http_status, finish = record.finish_reason, resent = record.resent,
    disagree = record.tokens_disagree, source = record.token_source, text = (run:text(#run) or ""):sub(1, 100) }
  for _, field in ipairs { "outcome", "http_status", "tokens", "finish_reason", "token_source", "tokens_disagree",
    "resent", "prompt_tokens" } do
    local want = expected[field]
    if want ~= nil then assert.equal(want or nil, record[field] or nil, field .. " of " .. shown) end
  end
  if expected.says then assert.truthy((record.error or ""):find(expected.says, 1, true), shown) end
  if expected.text ~= nil then assert.equal(expected.text or nil, (run:text(#run)), "text of " .. shown) end
  assert.is_true(expected.outcome == "ok" or record.error ~= nil and #record.error < 1000, shown)
end

describe("an answer:", function()
  for _, row in ipairs(answers) do
    local played = PART == "all" or not (row.options or {}).large
    if played then it(row.what, function()
      local options, url = row.options or {}, url_of(row)
      if not url then pending "no IPv6 here" return end
      local record, run = ask(url, row.name, options)
      check(record, run, row.expected, row.name)
      -- and the next request finds the client as it was
      record, run = ask(("http://127.0.0.1:%d"):format(ports.main), "good", {})
      check(record, run, { outcome = "ok", tokens = 3 }, row.name .. ", then a good one")
    end) end
  end
end)

local world = dofile(environment.home .. "/tests/cli/world.lua")

local function has(result, expected, name)
  local shown = ("%s: status %s\n%s"):format(name, result.status, result.err:sub(1, 2000))
  assert.equal(expected.status, result.status, shown)
  for _, line in ipairs(expected.says or {}) do assert.truthy(result.err:find(line, 1, true), shown) end
  assert.is_nil(result.err:find "traceback" or result.err:find "PANIC"
    or result.err:find "AddressSanitizer", shown)
  assert.is_true(result.status < 128 or expected.signal ~= nil, shown)
  return shown
end

local function counts(w, expected, shown)
  for _, kind in ipairs { "cells", "failed" } do
    if expected[kind] then assert.equal(expected[kind], w:count(kind), kind .. " of " .. shown) end
  end
  w:wait_gone(w:servers())
end

-- Times of every request in their order, and none of them as far off as a clock that was set. At least that share of
-- the kernel's stamps is void.
local function check_times(w, void, shown)
  local longest = 600 -- simulated seconds
  local unstamped, chunks = 0, 0
  for id, text in pairs(w:cells "cells") do
    local reads = json.decode(text).certificate.reads
    unstamped, chunks = unstamped + reads.unstamped, chunks + reads.chunks
    local run = assert(measure.decode(assert(fs.read(("%s/results/cells/%s/records.bin"):format(w.folder, id)))))
    for i = 1, #run do
      local request = run:request(i)
      local before = request.t_send
      for _, chunk in ipairs(request.chunks) do
        assert.is_true(chunk.t >= before, shown)
        before = chunk.t
      end
      assert.is_true(request.t_done >= before and request.t_done - request.t_send < longest * 1e9, shown)
    end
  end
  assert.is_true(unstamped >= void * chunks, ("%d of %d chunks have no stamp: %s"):format(unstamped, chunks, shown))
end

local function run_with_signal(w, row, options)
  w:start(row.command, options)
  w:eventually("a server", function() return w:servers()[1] end)
  if row.expected.signal ~= "STOP" then
    w:eventually("a request", function()
      local log = w:read "results/logs/server-001.log"
      return log and log:find "listening"
    end)
    task.sleep(0.3)
  end
  w:signal(row.expected.signal)
  if row.expected.signal == "STOP" then
    task.sleep(1)
    w:signal "CONT"
  end
  return w:finish()
end

local function options_of(w, row)
  local env = { PATH = w.folder .. "/bin:" .. os.getenv "PATH" }
  for name, value in pairs(row.options.env or {}) do env[name] = value end
  return { env = env, program = row.options.program }
end

describe("a run:", function()
  for number, row in ipairs(dofile(here .. "runs.lua")) do
    if is_played(row, number) then it(row.what, function()
      local needs = row.options.needs
      if needs and not os.getenv(needs) then pending("needs " .. needs) return end
      local w = world.new()
      local _ <close> = setmetatable({}, { __close = function() w:remove() end })
      assert(fs.mkdir(w.folder .. "/bin"))
      assert(os.execute(("ln -s '%s' '%s/bin/specbench'"):format(environment.executable, w.folder)))
      w:write("grid.lua", w.round())
      if row.prepare then row.prepare(w) end
      local options, expected = options_of(w, row), row.expected
      local result = expected.signal and run_with_signal(w, row, options) or w:run(row.command, options)
      local shown = has(result, expected, row.name)
      counts(w, expected, shown)
      if expected.times then check_times(w, expected.void or 0, shown) end
      if expected.mend then
        expected.mend(w)
        result = w:run(row.command, options)
        counts(w, { cells = row.command:find "concurrency=1" and 1 or 2 }, has(result, { status = 0 }, row.name
          .. ", mended"))
      end
    end) end
  end
end)

describe("a results folder where", function()
  local w
  setup(function()
    w = world.new()
    w:write("grid.lua", w.round())
    assert.equal(0, w:run_grid("").status)
    assert(os.execute(("cd '%s' && mv results kept"):format(w.folder)))
  end)
  teardown(function() w:remove() end)

  for number, row in ipairs(dofile(here .. "results.lua")) do
    if is_played(row, number) then it(row.what, function()
      local ids = fs.list(w.folder .. "/kept/cells")
      local at = ("cell=results/cells/%s other=results/cells/%s"):format(ids[1], ids[2])
      assert(os.execute(("cd '%s' && rm -rf results x.json x.pt && cp -r kept results && %s; %s"):format(w.folder, at,
        row.harm == "" and ":" or row.harm)))
      local result = w:run((row.command:gsub("%$cell", "results/cells/" .. ids[1])))
      local shown = has(result, row.expected, row.name)
      assert.is_true(select(2, result.err:gsub("\n", "")) < 20, shown)
      counts(w, { cells = row.expected.cells }, shown)
    end) end
  end
end)

describe("the page", function()
  it("says what the tables say", function()
    assert.equal(dofile(here .. "page.lua"), fs.read(here .. "README.md"),
      "stale: specbench tests/faults/page.lua --write")
  end)
end)
