local clock = require "sb.clock"
local environment = require "sb.environment"
local fs = require "sb.fs"
local http = require "sb.http"
local json = require "sb.json"
local proc = require "sb.proc"
local prom = require "sb.prom"
local rng = require "sb.rng"
local task = require "sb.task"

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local server = dofile(here .. "fixtures/server.lua")
local program = require "specbench.base.program"

describe("json.encode", function()
  it("keeps integers whole to 64 bits and floats as floats", function()
    assert.equal("9223372036854775807", json.encode(math.maxinteger))
    assert.equal("-9223372036854775808", json.encode(math.mininteger))
    assert.equal("3.0", json.encode(3.0))
    assert.equal("3", json.encode(3))
    assert.equal("null", json.encode(0 / 0))
    assert.equal("null", json.encode(math.huge))
  end)

  it("sorts keys, or takes the outermost ones in the order asked for", function()
    local value = { b = 1, a = { d = 1, c = 2 } }
    assert.equal('{"a": {"c": 2, "d": 1}, "b": 1}', json.encode(value))
    assert.equal('{"b": 1, "a": {"c": 2, "d": 1}}', json.encode(value, { "b", "missing", "a" }))
  end)

  it("tells arrays from objects", function()
    assert.equal("{}", json.encode({}))
    assert.equal("[]", json.encode(json.array()))
    assert.equal("[]", json.encode(json.array {}))
    assert.equal("[1, [2], {}]", json.encode { 1, { 2 }, {} })
    assert.equal('{"x": []}', json.encode { x = json.array() })
  end)

  it("writes null, booleans and text in ASCII", function()
    assert.equal('[null, true, false]', json.encode { json.null, true, false })
    assert.equal('"\\u00e9\\ud83d\\ude00\\n\\u0000\\ufffd"', json.encode "é😀\n\0\xff")
    assert.equal('{"\\u00e9\\"": 1}', json.encode { ['é"'] = 1 })
    assert.equal("null", json.encode(require "cjson".null))
  end)

  it("has what was read as its text says: whole numbers, and no field that is null", function()
    local read = require("cjson").decode '{"a": 3, "b": [1, null, 2.5, {"c": null, "d": -0.0}], "e": null, "f": 1e300}'
    local value = json.plain(read)
    assert.equal(read, value)
    assert.equal("integer", math.type(value.a))
    assert.equal("integer", math.type(value.b[4].d))
    assert.same({ a = 3, b = { 1, json.null, 2.5, { d = 0 } }, f = 1e300 }, value)
    assert.equal("float", math.type(value.f))
    assert.has_error(function() json.plain(1) end)
    local deep = require("cjson").decode(("["):rep(1000) .. ("]"):rep(1000))
    assert.equal(deep, json.plain(deep))
    local loop = {}
    loop.x = loop
    assert.truthy(select(2, pcall(json.plain, loop)):find("does it contain itself?", 1, true))
  end)

  it("refuses what JSON has no words for", function()
    local loop = {}
    loop.x = loop
    for message, value in pairs {
      ["a function cannot be written"] = print, ["keys must be strings"] = { [2] = 1 },
      ["nested deeper than 64"] = loop, ["a thread cannot"] = { coroutine.running() },
    } do
      local ok, why = pcall(json.encode, value)
      assert.is_false(ok)
      assert.truthy(why:find(message, 1, true), why)
    end
    assert.has_error(function() json.encode() end)
  end)

  it("spells doubles as Python does", function()
    if not program.is_there "python3" then return pending "python3 is not installed" end
    local values = { 0.1, -0.0, 1e15, 1e16, 1e17, 123456789.125, 1 / 3, 2 / 3, 1e-4, 1e-5, 5e-324, 2 ^ -1022,
      1.7976931348623157e308, 2 ^ -44, 2 ^ -1017, 0.1 + 0.2, 9007199254740993.0, 100.0, 1e22, 1e23, 4.35, 2.5e-7 }
    local r = rng.new(1)
    for _ = 1, 2000 do
      local value = string.unpack("d", string.pack("i8", r:int(math.mininteger, math.maxinteger)))
      if value == value and math.abs(value) ~= math.huge then values[#values + 1] = value end
    end
    local bits, texts = {}, {}
    for i, value in ipairs(values) do
      bits[i] = ("%a"):format(value)
      texts[i] = json.encode(value)
    end
    local path = os.tmpname()
    assert(fs.write(path, table.concat(bits, "\n")))
    local python = assert(io.popen("python3 -c 'import json,sys\n"
      .. "for l in open(sys.argv[1]): print(json.dumps(float.fromhex(l)))' " .. path))
    for i = 1, #values do assert.equal(python:read("l"), texts[i]) end
    python:close()
    os.remove(path)
  end)
end)

describe("a random generator", function()
  it("gives the same numbers on every machine", function()
    local r = rng.new(42, 54)
    local got = {}
    for i = 1, 3 do got[i] = ("%016x"):format(r:int(math.mininteger, math.maxinteger) ~ math.mininteger) end
    assert.same({ "a15c02b77b47f409", "ba1d333083d2f293", "bfa4784bcbed606e" }, got)
  end)

  it("takes a name as a seed", function()
    assert.equal(rng.new("cell"):uniform(), rng.new("cell"):uniform())
    assert.not_equal(rng.new("cell"):uniform(), rng.new("cell2"):uniform())
    assert.not_equal(rng.new("cell", 1):uniform(), rng.new("cell", 2):uniform())
  end)

  it("stays in its range", function()
    local r = rng.new(2)
    for _ = 1, 1000 do
      local n, u = r:int(-3, 3), r:uniform()
      assert.is_true(n >= -3 and n <= 3 and math.type(n) == "integer")
      assert.is_true(u >= 0 and u < 1 and r:exponential() >= 0 and r:gamma(0.5) >= 0)
    end
    assert.equal(7, r:int(7, 7))
    assert.has_error(function() r:int(1, 0) end)
    for _, shape in ipairs { 0, -1, 0 / 0, math.huge } do
      assert.has_error(function() r:gamma(shape) end)
    end
    assert.has_error(function() rng.new(1.5) end)
  end)

  it("shuffles in place and loses nothing", function()
    local list = {}
    for i = 1, 50 do list[i] = i end
    local shuffled = rng.new(3):shuffle(list)
    assert.equal(list, shuffled)
    local sorted = { table.unpack(list) }
    table.sort(sorted)
    for i = 1, 50 do assert.equal(i, sorted[i]) end
    assert.not_equal(table.concat(sorted, ","), table.concat(list, ","))
  end)

  it("hashes text to sixteen digits", function()
    assert.equal("531cfaa3760a8284", rng.hash "prompt")
    assert.not_equal(rng.hash "prompt", rng.hash("prompt", 1))
  end)
end)

describe("files", function()
  local folder
  before_each(function() folder = server.scratch() end)
  after_each(function() fs.remove(folder) end)

  it("are written, read, appended to and listed", function()
    assert.is_true(fs.write(folder .. "/b", "one\0two"))
    assert.is_true(fs.append(folder .. "/a", "1\n"))
    assert.is_true(fs.append(folder .. "/a", "2\n"))
    assert.equal("one\0two", fs.read(folder .. "/b"))
    assert.equal("1\n2\n", fs.read(folder .. "/a"))
    assert.same({ "a", "b" }, fs.list(folder))
    local stat = fs.stat(folder .. "/b")
    assert.same({ "file", 7 }, { stat.type, stat.size })
    assert.is_true(math.abs(stat.mtime - clock.wall() // 1000000000) < 100)
    assert.equal("folder", fs.stat(folder).type)
    assert.is_nil(fs.stat(folder .. "/none"))
  end)

  it("fail with nil, one line and a code", function()
    local ok, message, code = fs.read(folder .. "/none")
    assert.is_nil(ok)
    assert.equal("cannot read " .. folder .. "/none: No such file or directory", message)
    assert.equal("io", code)
    assert.is_nil((fs.write(folder .. "/no/file", "")))
    assert.is_nil((fs.list(folder .. "/none")))
    assert.is_nil((fs.realpath(folder .. "/none")))
  end)

  it("move into place as a whole folder", function()
    assert.is_true(fs.mkdir(folder .. "/x/y"))
    assert.is_true(fs.commit(folder .. "/x/y", folder .. "/z"))
    assert.same({ "x", "z" }, fs.list(folder))
    assert.is_true(fs.remove(folder .. "/x"))
    assert.is_true(fs.remove(folder .. "/x"))
  end)

  it("are locked by one holder at a time", function()
    local path = folder .. "/lock"
    local lock = assert(fs.lock(path))
    local other, message, code = fs.lock(path)
    assert.is_nil(other)
    assert.truthy(message:find("is locked by another specbench", 1, true))
    assert.equal("state", code)
    lock:close()
    lock:close()
    do local _ <close> = assert(fs.lock(path)) end
    assert(fs.lock(path)):close()
  end)

  it("compress and hash", function()
    local text = ("the same words "):rep(1000)
    local packed = fs.gzip(text)
    assert.is_true(#packed < #text / 10)
    assert.equal(text, fs.gunzip(packed))
    assert.same({ nil, "not a whole gzip file", "parse" }, { fs.gunzip(packed:sub(1, -2)) })
    fs.write(folder .. "/abc", "abc")
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", fs.sha256 "abc")
    assert.equal(fs.sha256 "abc", fs.sha256_file(folder .. "/abc"))
  end)
end)

describe("a zero byte", function()
  it("in what C takes as text is refused with one line, never cut", function()
    local folder = server.scratch()
    local path = folder .. "/file\0.txt"
    local refused = {
      function() fs.write(path, "x") end, function() fs.put(path, "x") end, function() fs.append(path, "x") end,
      function() fs.read(path) end, function() fs.mkdir(path) end, function() fs.commit(path, folder) end,
      function() fs.commit(folder, path) end, function() fs.remove(path) end, function() fs.list(path) end,
      function() fs.stat(path) end, function() fs.is_executable(path) end, function() fs.realpath(path) end,
      function() fs.is_link(path) end, function() fs.sync(path) end,
      function() fs.sha256_file(path) end, function() fs.lock(path) end, function() proc.tail(path) end,
      function() proc.free_port "127.0.0.1\0x" end, function() proc.port_taken("127.0.0.1\0x", 1) end,
      function() proc.start { argv = { "true\0x" } } end, function() proc.start { argv = { "true", "a\0b" } } end,
      function() proc.start { argv = { "true" }, env = { A = "a\0b" } } end,
      function() proc.start { argv = { "true" }, env = { ["A\0B"] = "a" } } end,
      function() proc.start { argv = { "true" }, cwd = "/\0x" } end,
      function() proc.start { argv = { "true" }, log = path } end,
      function() http.request { url = "http://127.0.0.1:1/\0x" } end,
      function() http.request { url = "http://127.0.0.1:1/", headers = { "A: b\0c" } } end,
    }
    for i, f in ipairs(refused) do
      local ok, message = pcall(f)
      assert.is_false(ok, i)
      assert.truthy(message:find "^[%w ]+ holds a zero byte behind '[^\n]*': take it out$", message)
    end
    assert.same({}, fs.list(folder))
    fs.remove(folder)
  end)
end)

describe("a process", function()
  it("exits with a code", function()
    local p <close> = assert(proc.start { argv = { "sh", "-c", "exit 7" } })
    assert.is_true(p:wait(10))
    assert.same({ "exited", "exit code 7" }, { p:status() })
    assert.is_true(p:wait_end(10))
  end)

  it("is stopped, and by force where it does not want to", function()
    local gentle <close> = assert(proc.start { argv = { "sleep", "100" } })
    local log = os.tmpname()
    local stubborn <close> = assert(proc.start {
      argv = { "sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done" }, log = log,
    })
    while gentle:status() == "starting" or fs.read(log) ~= "deaf\n" do task.sleep(0.01) end
    assert.equal("running", (gentle:status()))
    assert.is_true(gentle:pid() > 0)
    gentle:stop(10)
    stubborn:stop(0.1)
    assert.is_true(gentle:wait_end(10) and stubborn:wait_end(10))
    assert.truthy(select(2, gentle:status()):find("signal 15", 1, true))
    assert.truthy(select(2, stubborn:status()):find("signal 9", 1, true))
    os.remove(log)
  end)

  it("that cannot start says why", function()
    local p <close> = assert(proc.start { argv = { "no-such-program-anywhere" } })
    assert.is_true(p:wait(10))
    local state, why = p:status()
    assert.equal("failed", state)
    assert.truthy(why:find("no-such-program-anywhere", 1, true), why)
    assert.has_error(function() proc.start { argv = {} } end)
    assert.has_error(function() proc.start {} end)
  end)

  it("writes its output to a log, of which the tail is read", function()
    local folder = server.scratch()
    local log = folder .. "/log"
    local p <close> = assert(proc.start { argv = { "sh", "-c", "for i in 1 2 3 4; do echo $i $NAME; done" },
      env = { NAME = "x" }, cwd = folder, log = log })
    assert.is_true(p:wait(10))
    assert.equal("3 x\n4 x\n", proc.tail(log, 2))
    assert.is_nil((proc.tail(log .. ".none", 2)))
    fs.remove(folder)
  end)

  it("is waited for by several tasks, one of which may be cancelled", function()
    local p <close> = assert(proc.start { argv = { "sleep", "0.1" } })
    local a, b = task.spawn(p.wait, p), task.spawn(p.wait, p, 10)
    task.sleep(0.01)
    a:cancel()
    assert.is_true((b:join()))
  end)

  it("that was to become a server ends with the task that started it", function()
    local folder = server.scratch()
    local argv = { "sh", "-c", "echo $$ >pid; exec sleep 100" }
    local starting <close> = task.spawn(require("specbench.server").start, { argv = argv, cwd = folder })
    local pid, begun
    repeat
      task.sleep(0.01)
      pid = tonumber(fs.read(folder .. "/pid") or "")
    until pid
    starting:cancel()
    begun = clock.now()
    while fs.stat("/proc/" .. pid) and clock.now() - begun < 10e9 do task.sleep(0.01) end
    assert.is_nil((fs.stat("/proc/" .. pid)))
    fs.remove(folder)
  end)

  it("finds free ports", function()
    local port = proc.free_port()
    assert.is_false(proc.port_taken("127.0.0.1", port))
    for _, none in ipairs { -1, 65536, (1 << 32) + port } do
      assert.truthy(select(2, pcall(proc.port_taken, "127.0.0.1", none)):find("between 0 and 65535", 1, true))
    end
  end)

  it("takes a log's size as a whole number alone", function()
    for _, bytes in ipairs { -1, 0.5, 1e300, 0 / 0 } do
      local ok, why = pcall(proc.start, { argv = { "true" }, log_bytes = bytes })
      assert.is_false(ok)
      assert.truthy(why:find("field 'log_bytes' must be a whole number", 1, true), why)
    end
  end)
end)

describe("the rest", function()
  it("asks no closed file whether it is a terminal", function()
    local file = io.tmpfile()
    assert.same({ false, 80, 24 }, { fs.is_terminal(file) })
    file:close()
    assert.truthy(select(2, pcall(fs.is_terminal, file)):find("the file is closed", 1, true))
  end)

  it("reads a page of metrics", function()
    local page = prom.parse '# TYPE a counter\na_total 12\na_total{x="1"} 2.5\nb{} NaN\n'
    assert.equal(12.0, page.a_total)
    assert.equal(2.5, page['a_total{x="1"}'])
    assert.is_true(page.b ~= page.b)
  end)

  it("tells time and place", function()
    assert.equal("monotonic", clock.source())
    local a = clock.now()
    assert.is_true(clock.now() >= a and clock.cpu() > 0)
    assert.truthy(environment.version:find("^%d+%.%d+%.%d+"))
    assert.is_true(fs.is_executable(environment.executable))
    assert.equal("folder", fs.stat(environment.home .. "/scripts").type)
    assert.equal("string", type(fs.hostname()))
  end)
end)
