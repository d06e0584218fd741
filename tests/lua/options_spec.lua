-- What scripts hand to bench.load, bench.server.start and bench.http is checked before anything is sent or started.

local bench = require "specbench"

-- The message that a call raises, which names this file and the line of the call.
local function refused(call)
  local line = debug.getinfo(call, "S").linedefined
  local ok, message = pcall(call)
  assert.is_false(ok)
  local place, rest = message:match "^[^\n]-options_spec%.lua:(%d+): (.*)$"
  assert.equal(line, tonumber(place), message)
  return rest
end

-- Anything is a server here: nothing is sent.
local function load(changes)
  local options = { server = "http://127.0.0.1:1", requests = { { body = "{}" } }, concurrency = 1 }
  for key, value in pairs(changes) do options[key] = value end
  return options
end

describe("bench.load", function()
  it("refuses a misspelt option, which would send all requests at once", function()
    local options = load { concurency = 1 }
    options.concurrency = nil
    local message = refused(function() bench.load(options) end)
    assert.truthy(message:find("load: unknown key 'concurency' (did you mean 'concurrency'?)", 1, true), message)
  end)

  it("says of each option what it must be", function()
    local function wrong(changes, text)
      local options = load(changes)
      assert.equal("load: " .. text, (refused(function() bench.load(options) end)))
    end
    wrong({ concurrency = 0 }, "concurrency = 0: must be a whole number from 1")
    wrong({ rate = 0 }, "rate = 0: must be a number above 0")
    wrong({ arrivals = "poison" },
      "arrivals = 'poison': must be one of \"poisson\", \"constant\", \"gamma\" (did you mean 'poisson'?)")
    wrong({ server = {} }, "server = a table: must be a server or a URL")
    wrong({ server = "127.0.0.1:80" }, "server: '127.0.0.1:80' is not http://HOST:PORT or https://HOST:PORT")
  end)

  it("looks into the requests", function()
    local numbers = load { requests = { { body = "{}" }, { body = 3 } } }
    assert.equal("load.requests[2]: body = 3: must be a string or a table", refused(function() bench.load(numbers) end))
    local options = load { requests = { { body = "{}" }, { body = "{}", header = { "A: b" } } } }
    assert.truthy(refused(function() bench.load(options) end):find(
      "load.requests[2]: unknown key 'header' (did you mean 'headers'?)", 1, true))
    options = load { requests = { { prompt_id = 1 } } }
    assert.equal("load.requests[1]: body is missing", refused(function() bench.load(options) end))
  end)

  it("says what is missing, and of nothing that it must be a table", function()
    assert.equal("load: missing: server (a server or a URL), requests (a list of tables)",
      refused(function() bench.load {} end))
    assert.equal("load: must be a table, not nil", refused(function() bench.load() end))
  end)
end)

describe("bench.server.start", function()
  it("refuses what it does not know, and what is malformed", function()
    local message = refused(function() bench.server.start { argv = { "true" }, time_out = 3 } end)
    assert.truthy(message:find("server.start: unknown key 'time_out' (did you mean 'timeout'?)", 1, true), message)
    assert.equal("server.start: argv is missing", refused(function() bench.server.start {} end))
    assert.equal("server.start: argv[2] = 8: must be a string",
      refused(function() bench.server.start { argv = { "x", 8 } } end))
    assert.equal("server.start: env.A = true: must be a string, a number or false",
      refused(function() bench.server.start { argv = { "true" }, env = { A = true } } end))
    assert.equal("server.start.ready: path or log is needed, one of them",
      refused(function() bench.server.start { argv = { "true" }, ready = {} } end))
    assert.equal("server.start: port = 70000: must be a whole number from 1 to 65535",
      refused(function() bench.server.start { argv = { "true" }, port = 70000 } end))
  end)

  it("fills numbers into the environment", function()
    local log = os.tmpname()
    local s <close> = assert(bench.server.start { argv = { "sh", "-c", "echo \"n is $N\"; exec sleep 60" },
      env = { N = 5 }, log = log, ready = { log = "n is 5" } })
    assert.truthy(s.ready_seconds)
    os.remove(log)
  end)
end)

describe("bench.server.external", function()
  it("refuses what is no URL", function()
    assert.equal("server.external: 'localhost' is not http://HOST:PORT or https://HOST:PORT",
      refused(function() bench.server.external "localhost" end))
    assert.equal("server.external: must be a URL, not a nil", refused(function() bench.server.external() end))
    assert.equal("http://h:1", bench.server.external("http://h:1/").url)
  end)
end)

describe("bench.http", function()
  it("refuses what it does not know", function()
    for _, name in ipairs { "request", "stream" } do
      local message = refused(function() bench.http[name] { url = "http://h", header = {} } end)
      assert.truthy(message:find("http: unknown key 'header' (did you mean 'headers'?)", 1, true), message)
      assert.equal("http: url is missing", refused(function() bench.http[name] {} end))
    end
    local message = refused(function() bench.http.get("http://h", { time = 3 }) end)
    assert.truthy(message:find("unknown key 'time' (did you mean 'timeout'?)", 1, true), message)
    message = refused(function() bench.http.post("http://h", {}, { timeout = "3" }) end)
    assert.equal("http: timeout = '3': must be a number from 0 to 31536000", message)
  end)
end)
