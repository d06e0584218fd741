-- specbench dataset, against a server on this machine that misbehaves as its page (fixtures/files_server.py) says.

local environment = require "sb.environment"
local fs = require "sb.fs"
local http = require "sb.http"
local proc = require "sb.proc"
local json = require "specbench.base.json"
local byte_bar = require "specbench.dataset.byte_bar"
local fetch = require "specbench.dataset.fetch"
local git_blob = require "specbench.base.git_blob"

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local server = dofile(here .. "fixtures/server.lua")
local has = dofile(environment.home .. "/tests/lua/has.lua")
local program = require "specbench.base.program"
local test_data = dofile(environment.home .. "/tests/lua/test_data.lua")

if not program.is_there "python3" then
  pending "specbench dataset: python3 is not installed"
  return
end

-- Three files as a manifest has them; 100 kB come in several pieces.
local FILES = {
  { "verse.txt", ("to be or not to be\n"):rep(20), dataset = "sonnet" },
  { "sub/a.jsonl", '{"turns": ["one"]}\n', dataset = "spec_bench", subset = "qa" },
  { "sub/b.jsonl", ("0123456789abcdefghijklmnopqrstuvw\n"):rep(3000), dataset = "spec_bench", subset = "rag" },
}

local world, url, python, manifest, entries
setup(function()
  world = server.scratch()
  manifest, entries = { home = "https://home.example/data", files = {} }, {}
  local text = {}
  for _, file in ipairs(FILES) do
    local path = world .. "/served/" .. file[1]
    assert(fs.mkdir(path:match "^(.*)/"))
    assert(fs.write(path, file[2]))
    local entry = {
      file = file[1], sha256 = fs.sha256(file[2]), bytes = #file[2], rows = 3, dataset = file.dataset,
      subset = file.subset, licence = "CC0", fields = {}, url = "http://127.0.0.1:1/" .. file[1],
    }
    table.insert(manifest.files, entry)
    entries[entry.file] = entry
    text[#text + 1] = ("{ file = %q, sha256 = %q, bytes = %d, rows = 3, dataset = %q, subset = %s, licence = 'CC0', "
      .. "fields = {}, url = %q }"):format(entry.file, entry.sha256, entry.bytes, entry.dataset,
      entry.subset and ("%q"):format(entry.subset) or "nil", entry.url)
  end
  assert(fs.write(world .. "/manifest.lua", "return { home = 'https://home.example/data', files = {\n"
    .. table.concat(text, ",\n") .. "\n} }\n"))
  local port = assert(proc.free_port())
  url = "http://127.0.0.1:" .. port
  python = server.start({ "python3", here .. "fixtures/files_server.py", tostring(port), world .. "/served" }, nil,
    function() return http.request { url = url .. "/log" } ~= nil end)
end)
teardown(function()
  python:close()
  fs.remove(world)
end)

local cache
before_each(function()
  http.request { url = url .. "/log" }
  cache = server.scratch()
end)
after_each(function() fs.remove(cache) end)

local function log()
  return json.decode(assert(http.request { url = url .. "/log" }).body)
end

local big, small = "sub/b.jsonl", "sub/a.jsonl"

local function get(file, fault, more)
  local options = { folder = cache, base = url .. "/" .. fault, timeout = 5 }
  for key, value in pairs(more or {}) do options[key] = value end
  return fetch.file(entries[file], options)
end

local function holds(file)
  return fs.read(cache .. "/" .. file) == fs.read(world .. "/served/" .. file)
end

local function part_size(file)
  local part = fs.stat(cache .. "/" .. file .. ".part")
  return part and part.size
end

--- A fetch that must fail, with one line.
local function fails(kind, file, fault, more)
  local outcome, message, found = get(file, fault, more)
  assert.is_nil(outcome)
  assert.equal(kind, found, message)
  assert.is_nil(message:find "\n")
  assert.is_nil(fs.stat(cache .. "/" .. file))
  return message
end

describe("a download", function()
  it("puts the file in its place and leaves nothing else", function()
    local seen = {}
    assert.equal("fetched", (get(big, "ok", { progress = function(bytes) seen[#seen + 1] = bytes end })))
    assert.is_true(holds(big))
    assert.is_nil(part_size(big))
    for i = 2, #seen do assert.is_true(seen[i] > seen[i - 1]) end
    assert.equal(entries[big].bytes, seen[#seen])
  end)

  it("is not repeated where the file is right, and is where it is not", function()
    assert.equal("fetched", (get(small, "ok")))
    log()
    assert.equal("there", (get(small, "ok")))
    assert.same({}, log())
    assert(fs.write(cache .. "/" .. small, ("x"):rep(entries[small].bytes)))
    assert.equal("fetched", (get(small, "ok")))
    assert.is_true(holds(small))
  end)

  it("that was cut goes on where it was cut", function()
    local message = fails("cut", big, "cut=30000")
    assert.truthy(message:find("after 30000 of 102000 bytes", 1, true), message)
    assert.truthy(message:find("the same command goes on from there", 1, true))
    assert.equal(30000, part_size(big))
    fails("cut", big, "cut=30000")
    assert.equal(60000, part_size(big))
    assert.equal("fetched", (get(big, "ok")))
    assert.is_true(holds(big))
    assert.same({ { big, "" }, { big, "bytes=30000-" }, { big, "bytes=60000-" } }, log())
  end)

  it("begins anew where the server knows no ranges", function()
    fails("cut", big, "cut=30000")
    assert.equal("fetched", (get(big, "norange")))
    assert.is_true(holds(big))
  end)

  it("waits for a slow server and gives up a silent one", function()
    assert.equal("fetched", (get(small, "slow")))
    assert.is_true(holds(small))
    local message = fails("cut", big, "hang=5000", { timeout = 0.2 })
    assert.truthy(message:find("after 5000 of 102000 bytes (no byte for 0.2 s", 1, true), message)
    assert.equal("fetched", (get(big, "ok")))
  end)

  it("of something else is removed, and the next one begins anew", function()
    local message = fails("wrong", big, "wrong")
    assert.truthy(message:find("sha256", 1, true) and message:find(entries[big].sha256, 1, true), message)
    assert.is_nil(part_size(big))
    assert.truthy(fails("wrong", big, "long"):find("longer than the 102000 bytes", 1, true))
    assert.is_nil(part_size(big))
    assert.equal("fetched", (get(big, "ok")))
    assert.is_true(holds(big))
  end)

  it("that begins with another file's bytes is found out", function()
    assert(fs.mkdir(cache .. "/sub"))
    assert(fs.write(cache .. "/" .. big .. ".part", ("y"):rep(500)))
    fails("wrong", big, "ok")
    assert.equal("fetched", (get(big, "ok")))
    assert(fs.remove(cache .. "/" .. big))
    assert(fs.write(cache .. "/" .. big .. ".part", ("y"):rep(entries[big].bytes + 1)))
    assert.equal("fetched", (get(big, "ok")))
    assert.is_true(holds(big))
  end)

  it("of a file that is shorter there says so each time", function()
    fails("cut", big, "short")
    assert.truthy(fails("refused", big, "short"):find("status 416", 1, true))
    assert.is_nil(part_size(big))
  end)

  it("of a file known by git's id alone has the same guards", function()
    local published = entries[big]
    finally(function() entries[big] = published end)
    entries[big] = { file = big, blob = git_blob.id(world .. "/served/" .. big), url = published.url }
    local message = fails("cut", big, "cut=30000")
    assert.truthy(message:find("after 30000 bytes (", 1, true), message)
    assert.equal("fetched", (get(big, "ok")))
    assert.is_true(holds(big))
    assert.same({ { big, "" }, { big, "bytes=30000-" } }, log())
    assert.equal("there", (get(big, "ok")))
    assert(fs.remove(cache .. "/" .. big))
    for _, fault in ipairs { "wrong", "long", "short" } do
      message = fails("wrong", big, fault)
      assert.truthy(message:find("git blob id", 1, true) and message:find(entries[big].blob, 1, true), message)
      assert.is_nil(part_size(big))
    end
    assert.truthy(fails("refused", big, "status=404"):find("status 404", 1, true))
    fails("unreachable", big, "ok", { base = "http://127.0.0.1:" .. proc.free_port() })
  end)

  it("of what the server has not says where else it may be", function()
    local message = fails("refused", big, "status=404")
    assert.truthy(message:find(url .. "/status=404/" .. big .. ": HTTP status 404", 1, true), message)
    assert.truthy(message:find("--mirror", 1, true))
    assert.truthy(fails("refused", big, "status=302"):find("it has moved", 1, true))
    assert.truthy(fails("refused", big, "status=500"):find("HTTP status 500", 1, true))
    assert.is_nil(part_size(big))
    assert(fs.mkdir(cache .. "/sub"))
    assert(fs.write(cache .. "/" .. big .. ".part", "0123456789"))
    fails("refused", big, "status=503")
    assert.equal(10, part_size(big)) -- an error page does not spoil what was there
  end)

  it("without a network says that nothing answers", function()
    local message = fails("unreachable", big, "ok", { base = "http://127.0.0.1:" .. proc.free_port() })
    assert.truthy(message:find "[Cc]onnect", message)
  end)

  it("that finds its disk full says how much is missing", function()
    if not fs.stat "/dev/full" then return pending "there is no /dev/full" end
    assert(fs.mkdir(cache .. "/sub"))
    assert(os.execute(("ln -s /dev/full '%s/%s.part'"):format(cache, big)))
    local message = fails("disk", big, "ok")
    assert.truthy(message:find("No space left on device. 0.1 MB more", 1, true), message)
  end)
end)

describe("the bar of a download", function()
  local function draw(is_tty)
    local written, now = {}, 0
    local bar = byte_bar.new {
      out = { write = function(_, ...) written[#written + 1] = table.concat { ... } end, flush = function() end },
      is_tty = is_tty, width = 60, now = function() return now end, total = 4e6,
    }
    bar:file "first.jsonl"
    bar:update(5e5) -- too soon to be drawn
    now = 1
    bar:update(1e6)
    bar:file_done(2e6)
    bar:clear()
    bar:file "second.jsonl"
    return written
  end

  it("shows how much of all files is there, within the terminal's width", function()
    assert.same({
      "\r\27[K[....................]   0%  0.0/4.0 MB  first.jsonl",
      "\r\27[K[#####...............]  25%  1.0/4.0 MB  first.jsonl",
      "\r\27[K",
      "\r\27[K[##########..........]  50%  2.0/4.0 MB  second.jsonl",
    }, draw(true))
  end)

  it("is not there where nobody looks", function()
    assert.same({}, draw(false))
  end)
end)

--- Runs the command as a user does.
---@return { status: integer, out: string, err: string }
local function run(arguments, plain)
  local _, _, status = os.execute(("env -u SPECBENCH_MIRROR -u SPECBENCH_DATASETS XDG_CACHE_HOME='%s' '%s' dataset "
    .. "%s %s >'%s/out' 2>'%s/err'"):format(cache, environment.executable, arguments,
    plain and "" or ("--manifest '%s/manifest.lua'"):format(world), world, world))
  return { status = status, out = fs.read(world .. "/out"), err = fs.read(world .. "/err") }
end

describe("specbench dataset", function()
  it("fetches everything into the user's cache, lists and verifies it", function()
    local result = run("fetch --mirror " .. url .. "/ok")
    assert.equal(0, result.status, result.err)
    assert.equal("", result.err)
    has(result.out, "fetched   verse.txt", "fetched   sub/b.jsonl", "3 of 3 files are in " .. cache .. "/specbench")
    result = run "list"
    has(result.out, "3 of 3 files (102 kB)", "https://home.example/data", "CC0")
    result = run "verify"
    assert.equal(0, result.status)
    has(result.out, "right    sub/a.jsonl", "3 right, 0 wrong, 0 missing")
  end)

  it("fetches a dataset, a subset or a file", function()
    assert.equal(0, run("fetch spec_bench --subset qa --mirror " .. url .. "/ok").status)
    assert.same({ { small, "" } }, log())
    assert.equal(0, run("fetch verse.txt --mirror " .. url .. "/ok/").status)
    assert.same({ { "verse.txt", "" } }, log())
    has(run("list").out, "2 of 3 files")
    local result = run "fetch spec_bnch"
    assert.equal(2, result.status)
    has(result.err, "no published data is named 'spec_bnch' (did you mean 'spec_bench'?)")
    result = run "fetch spec_bench --subset 9k"
    assert.equal(2, result.status)
    has(result.err, "--subset 9k: there is qa, rag")
  end)

  it("goes on with the next file after one that failed, and says so in its status", function()
    local result = run("fetch --mirror " .. url .. "/cut=100")
    assert.equal(1, result.status)
    has(result.out, "fetched   sub/a.jsonl", "1 of 3 files")
    has(result.err, "verse.txt: the connection ended after 100 of 380 bytes", "after 100 of 102000 bytes")
    has(run("list").out, "26%", "0%")
    assert.equal(0, run("fetch --mirror " .. url .. "/ok").status)
  end)

  it("without a network names every file that is wanted, where it belongs and its sha256", function()
    local result = run "fetch spec_bench"
    assert.equal(1, result.status)
    for _, file in ipairs { small, big } do
      has(result.err, ("%s/specbench/%s\n    from http://127.0.0.1:1/%s\n    sha256 %s"):format(cache, file, file,
        entries[file].sha256))
    end
    assert.is_nil(result.err:find("verse.txt", 1, true))
    has(result.err, "https://home.example/data", "dataset import")
    -- a user does what it says
    for _, file in ipairs { small, big } do
      assert(fs.write(cache .. "/specbench/" .. file, assert(fs.read(world .. "/served/" .. file))))
    end
    result = run "fetch spec_bench"
    assert.equal(0, result.status, result.err)
    has(result.out, "is there  sub/a.jsonl")
  end)

  it("fetches once at a time", function()
    assert(fs.mkdir(cache .. "/specbench"))
    local lock <close> = assert(fs.lock(cache .. "/specbench/.lock"))
    local result = run "fetch"
    assert.equal(1, result.status)
    has(result.err, "another `specbench dataset fetch` is at work")
    lock:close()
  end)

  it("imports from a folder laid out alike or flat, and leaves out what is not the published file", function()
    local flat = cache .. "/flat"
    assert(fs.mkdir(flat))
    local result = run(("import '%s'"):format(flat))
    assert.equal(1, result.status)
    has(result.err, flat .. " has none of the published files")
    assert(fs.write(flat .. "/b.jsonl", FILES[3][2]))
    assert(fs.write(flat .. "/verse.txt", "other verse"))
    result = run(("import '%s'"):format(flat))
    assert.equal(1, result.status)
    has(result.out, "imported  sub/b.jsonl", "1 imported", "1 not found, 1 wrong")
    has(result.err, flat .. "/verse.txt: 11 bytes, but the published file has 380: left out")
    result = run(("import '%s/served'"):format(world))
    assert.equal(0, result.status, result.err)
    has(result.out, "2 imported", "1 were there")
    assert.equal(0, run("verify").status)
  end)

  it("verifies any folder, and says what is wrong with a file", function()
    assert(fs.mkdir(cache .. "/own/sub"))
    assert(fs.write(cache .. "/own/" .. small, FILES[2][2]))
    assert(fs.write(cache .. "/own/verse.txt", FILES[1][2]:upper()))
    local result = run(("verify '%s/own'"):format(cache))
    assert.equal(1, result.status)
    has(result.out, "wrong    verse.txt", "missing  sub/b.jsonl", "1 right, 1 wrong, 1 missing")
    has(result.err, cache .. "/own/verse.txt: its sha256 is")
    assert.equal(1, run("verify /nowhere").status)
    has(fs.read(world .. "/err"), "/nowhere: no such folder")
  end)

  it("shows prompts with their tokens and source", function()
    local result = run("show thucnews --subset 0.25k -n 2", true)
    assert.equal(0, result.status, result.err)
    has(result.out, " tokens, instruction polish_", "source: synthetic text with the lengths of", "--datasets cache")
    assert(fs.write(cache .. "/own.jsonl", '{"q": "What\\nis it?", "n": 4}\n'))
    result = run(("show jsonl --path '%s/own.jsonl' --field q --tokens-field n -n 1"):format(cache), true)
    assert.equal(0, result.status, result.err)
    has(result.out, "1: 4 tokens, 11 bytes\n  What is it?\n", "source: " .. cache .. "/own.jsonl (1 rows, sha256")
    result = run(("show jsonl --path '%s/own.jsonl' --field q --full"):format(cache), true)
    has(result.out, "unknown number of tokens", "What\nis it?", "note: the tokens of 1 prompts are unknown")
    result = run("show thucnews --subset 1k --datasets cache", true)
    assert.equal(1, result.status)
    has(result.err, ("there is no %s/specbench yet: run `specbench dataset fetch` first"):format(cache))
    assert(fs.mkdir(cache .. "/specbench"))
    result = run("show thucnews --subset 1k --datasets cache", true)
    assert.equal(1, result.status)
    has(result.err, cache .. "/specbench/THUCNews/thucnews_1k.jsonl: no such file")
  end)

  it("explains mistakes in one line", function()
    for arguments, text in pairs {
      ["lst"] = "unknown action 'lst' (did you mean 'list'?)", ["import"] = "import what?", ["show"] = "show what?",
      ["show nothing"] = "unknown dataset 'nothing'", ["verify a b"] = "verify takes one name",
    } do
      local result = run(arguments, true)
      assert.is_true(result.status > 0)
      has(result.err, text)
      assert.equal(1, select(2, result.err:gsub("\n", "")), result.err)
    end
  end)
end)

-- The published files, where the machine has them; the server sends them as their home does.
describe("the published files", function()
  it("pass from their home into the cache and into a load's prompts", function()
    local files = test_data(pending, "datasets")
    local port = assert(proc.free_port())
    local home = "http://127.0.0.1:" .. port
    local _ <close> = server.start({ "python3", here .. "fixtures/files_server.py", tostring(port),
      files }, nil, function() return http.request { url = home .. "/log" } ~= nil end)
    local names = {} -- the two that are known by git's id alone may be missing here
    for _, entry in ipairs(require("specbench.dataset.file").manifest().files) do
      if entry.sha256 then names[#names + 1] = entry.file end
    end
    local result = run("fetch " .. table.concat(names, " ") .. " --mirror " .. home .. "/ok", true)
    assert.equal(0, result.status, result.err)
    has(result.out, "26 of 26 files")
    result = run("verify", true)
    assert.equal(0, result.status, result.err)
    result = run("show cnn_merged -n 2 --datasets cache", true)
    has(result.out, ("source: %s/specbench/Spec-Decode-Merged/cnn_merged.jsonl (120 rows"):format(cache))
  end)
end)
