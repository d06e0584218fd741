local clock = require "sb.clock"
local fs = require "sb.fs"
local http = require "sb.http"
local json = require "sb.json"
local decode_json = require("specbench.base.json").decode
local load = require "sb.load"
local measure = require "sb.measure"
local proc = require "sb.proc"
local task = require "sb.task"

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local server = dofile(here .. "fixtures/server.lua")
local program = require "specbench.base.program"

if not program.is_there "python3" then
  pending "sb.http and sb.load: python3 is not installed"
  return
end

local url, python
setup(function() url, python = server.python() end)
teardown(function() python:close() end)

describe("http.request", function()
  it("gets an answer", function()
    local answer = assert(http.request { url = url .. "/hello" })
    assert.same({ 200, "hello", "text/plain" }, { answer.status, answer.body, answer.content_type })
    assert.is_true(answer.seconds > 0)
  end)

  it("sends headers and a body of a megabyte", function()
    local answer = assert(http.request { url = url .. "/headers", headers = { "X-Test: yes" } })
    assert.equal("yes", require "cjson".decode(answer.body)["X-Test"])
    local body = ("0123456789abcdef"):rep(65536)
    assert.equal(body, assert(http.request { url = url .. "/echo", body = body }).body)
  end)

  it("takes any status as an answer", function()
    local answer = assert(http.request { url = url .. "/refuse" })
    assert.equal(503, answer.status)
    assert.equal('{"error": {"message": "busy"}}', answer.body)
  end)

  it("ends after its timeout, or when the server falls silent", function()
    local answer, message, code = http.request { url = url .. "/slow?s=5", timeout = 0.1 }
    assert.is_nil(answer)
    assert.equal("timeout", code)
    assert.truthy(message:find("request timeout", 1, true))
    answer, message, code = http.request { url = url .. "/hang", chunk_timeout = 0.1 }
    assert.is_nil(answer)
    assert.equal("timeout", code)
    assert.truthy(message:find("chunk timeout", 1, true))
  end)

  it("reports a refused connection and a URL that is none", function()
    local _, message, code = http.request { url = "http://127.0.0.1:" .. proc.free_port() .. "/" }
    assert.equal("io", code)
    assert.truthy(message:find("onnect"))
    _, message, code = http.request { url = "ftp://127.0.0.1/" }
    assert.equal("invalid", code)
    assert.truthy(message:find("ftp://127.0.0.1/", 1, true))
    assert.has_error(function() http.request {} end)
    assert.has_error(function() http.request { url = url, timeout = -1 } end)
    assert.has_error(function() http.request { url = url, headers = { 1 } } end)
  end)

  it("runs in many tasks at once", function()
    local tasks = {}
    for i = 1, 40 do
      tasks[i] = task.spawn(function() return assert(http.request { url = url .. "/meet?n=40" }).body end)
    end
    for i = 1, 40 do assert.equal("met", (tasks[i]:join())) end
  end)

  it("ends with the task that waits for it", function()
    local t = task.spawn(http.request, { url = url .. "/slow?s=20" })
    task.sleep(0.05)
    t:cancel()
    assert.equal("hello", assert(http.request { url = url .. "/hello" }).body)
  end)
end)

describe("http.stream", function()
  it("gives the bytes as they come, with rising times", function()
    local stream <close> = assert(http.stream { url = url .. "/stream?n=5" })
    local text, pieces, last = {}, 0, clock.now()
    while true do
      local piece, t = stream:read()
      if not piece then break end
      text[#text + 1] = piece
      pieces = pieces + 1
      assert.is_true(t >= last)
      last = t
    end
    assert.equal(200, stream:status())
    assert.is_true(pieces >= 2)
    assert.equal("data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n", table.concat(text))
    assert.is_nil((stream:read()))
  end)

  it("tells why it broke", function()
    local stream <close> = assert(http.stream { url = url .. "/hang", chunk_timeout = 0.1 })
    assert.equal("x", (stream:read()))
    local piece, message, code = stream:read()
    assert.is_nil(piece)
    assert.truthy(message:find("no byte", 1, true))
    assert.equal("timeout", code)
  end)

  it("ends early where it is closed", function()
    local stream = assert(http.stream { url = url .. "/hang" })
    assert.equal("x", (stream:read()))
    local reader = task.spawn(stream.read, stream)
    task.sleep(0.01)
    assert.has_error(function() stream:read() end)
    stream:close()
    assert.is_nil((reader:join()))
    assert.is_nil((stream:read()))
  end)
end)

describe("a certificate that nobody vouches for", function()
  it("is refused", function()
    if not program.is_there "openssl" then return pending "openssl is not installed" end
    local folder, port = server.scratch(), assert(proc.free_port())
    local made = os.execute(("cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
      .. "-addext subjectAltName=DNS:localhost -keyout key -out cert 2>/dev/null"):format(folder))
    assert.is_true(made)
    local _ <close> = server.start({ "openssl", "s_server", "-accept", "127.0.0.1:" .. port, "-quiet", "-www",
      "-cert", folder .. "/cert", "-key", folder .. "/key" }, folder .. "/log", function()
      return proc.port_taken("127.0.0.1", port)
    end)
    local answer, message, code
    for _ = 1, 100 do
      answer, message, code = http.request { url = "https://localhost:" .. port .. "/" }
      if not message:find("onnect to") then break end
      task.sleep(0.02)
    end
    assert.is_nil(answer)
    assert.equal("io", code)
    assert.truthy(message:lower():find("certificate"), message)
    fs.remove(folder)
  end)
end)

local function requests(count, body)
  local list = {}
  for i = 1, count do list[i] = { body = json.encode(body or {}), prompt_id = 10 * i } end
  return list
end

local function start(options)
  options.url = options.url or url .. "/v1/completions"
  options.headers = { "Content-Type: application/json" }
  return assert(load.start(options))
end

describe("records that an earlier version wrote", function()
  it("are read, and have no figures by the reference's rule, which wants every event", function()
    local folder = require("sb.environment").home .. "/tests/cli/stored/round2/cells/e69a92f1f6ca78f29925"
    local run = assert(require("sb.measure").decode(assert(fs.read(folder .. "/records.bin"))))
    local m, kept = run:metrics(), assert(decode_json(assert(fs.read(folder .. "/cell.json")))).metrics
    for _, name in ipairs { "output_throughput", "ttft_ms.mean", "itl_chunk_ms.p99", "tpot_ms.median" } do
      assert.equal(kept[name], m[name])
    end
    assert.is_nil(m["ref_ttft_ms.mean"])
    assert.is_nil(m["ref_itl_ms.mean"])
    assert.is_nil(m.ref_duration)
    assert.same({}, run:request(1).others)
  end)
end)

describe("a load", function()
  it("keeps exactly its concurrency in flight in a closed loop", function()
    local l <close> = start { requests = requests(12, { meet = 4 }), concurrency = 4 }
    assert.same({ total = 12, sent = 4, done = 0, failed = 0, in_flight = 4, bytes = 0, tokens = 0 }, l:progress())
    assert.is_true(l:wait())
    local progress = l:progress()
    assert.same({ 12, 12, 0, 0 }, { progress.sent, progress.done, progress.failed, progress.in_flight })
    assert.same({}, l:run():failures())
  end)

  it("holds answers' counts beside what was asked for", function()
    local list = requests(2)
    list[1].max_tokens, list[2].max_tokens = 3, 2
    local l <close> = start { requests = list, concurrency = 1 }
    l:wait()
    local run = l:run()
    assert.same({ 3, false }, { run:request(1).max_tokens, run:request(1).tokens_disagree })
    assert.same({ 2, true }, { run:request(2).max_tokens, run:request(2).tokens_disagree })
    assert.equal(1, run:metrics().token_mismatches)
  end)

  it("records every request completely", function()
    local l <close> = start { requests = requests(3), concurrency = 1, keep_text = true }
    l:wait()
    local run = l:run()
    assert.equal(3, #run)
    for i = 1, 3 do
      local r = run:request(i)
      assert.same({ i - 1, 10 * i, 200, "ok", "length", "continuous_usage" },
        { r.id, r.prompt_id, r.http_status, r.outcome, r.finish_reason, r.token_source })
      assert.same({ 4, 3, 3, "w0 w1 w2 " }, { r.prompt_tokens, r.completion_tokens, r.tokens, r.text })
      assert.is_true(r.t_send <= r.t_first_byte and r.t_first_byte <= r.t_done)
      local tokens, last = 0, r.t_send
      for _, chunk in ipairs(r.chunks) do
        tokens = tokens + chunk.tokens
        assert.is_true(chunk.t >= last and chunk.has_text)
        last = chunk.t
      end
      assert.equal(3, tokens)
      assert.is_nil(r.error)
    end
    assert.has_error(function() run:request(0) end)
    assert.has_error(function() run:request(4) end)
  end)

  it("gives figures, and the same ones after its records were stored", function()
    local l <close> = start { requests = requests(4), concurrency = 2 }
    l:wait()
    local run = l:run()
    local figures = run:metrics()
    assert.same({ 4, 4, 12, 16 },
      { figures.requests, figures.completed, figures.total_output_tokens, figures.total_input_tokens })
    assert.equal(figures["ttft_ms.median"], run:percentile("ttft_ms", 50))
    assert.is_nil(run:metrics().request_goodput)
    local _, misspelt = pcall(function() return figures["ttft_ms.p98"] end)
    assert.truthy(misspelt:find("run:metrics() has no figure 'ttft_ms.p98': runtime/measure/README.md", 1, true))
    assert.is_true(run:metrics({ e2el = 1e9 }).request_goodput > 0)
    for message, slo in pairs { ["unknown key 'tttft'; known: ttft, tpot, e2el"] = { tttft = 1 },
      ["unknown key 'number'; known:"] = { 200 } } do
      local ok, raised = pcall(run.metrics, run, slo)
      assert.is_false(ok)
      assert.truthy(raised:find(message, 1, true), raised)
    end
    assert.has_error(function() run:percentile("no_such", 50) end)
    local same, tails = run:metrics(nil, { 99, 50 })
    assert.same(figures, same)
    assert.same({ 4, 662, false }, { tails[1].requests, tails[1].needs, tails[1].carried })
    assert.is_nil(tails[1].bounds.ttft_ms.high) -- four values bound no 99th percentile from above
    assert.is_true(tails[1].bounds.ttft_ms.low <= figures["ttft_ms.p99"])
    assert.is_nil(tails[2].bounds.ttft_ms.low)
    assert.has_error(function() run:metrics(nil, { 100 }) end)
    local again = assert(measure.decode(run:encode()))
    assert.same(figures, again:metrics())
    local _, message, code = measure.decode("nonsense")
    assert.equal("parse", code)
    assert.truthy(message:find("not a records file", 1, true))
  end)

  it("sends at the planned times in an open loop", function()
    local l <close> = start { requests = requests(10), arrivals = { kind = "constant", rate = 100 } }
    l:wait()
    local run = l:run()
    local first = run:request(1).t_intended
    for i = 1, 10 do
      local r = run:request(i)
      assert.equal((i - 1) * 10000000, r.t_intended - first)
      assert.is_true(r.t_send >= r.t_intended)
    end
    local bad, message, code = load.start { url = url, requests = requests(1), arrivals = { rate = 0 } }
    assert.is_nil(bad)
    assert.equal("invalid", code)
    assert.truthy(message:find("request rate", 1, true))
  end)

  it("sends at times of the caller's own", function()
    local times = { 0, 0.01, 0.01, 0.035 }
    local l <close> = start { requests = requests(4), arrivals = { times = times } }
    l:wait()
    local run = l:run()
    for i, time in ipairs(times) do
      assert.equal(math.floor(time * 1e9 + 0.5), run:request(i).t_intended - run:request(1).t_intended)
    end
    for text, wrong in pairs {
      ["times must be in order: item 2"] = { 1, 0.5 }, ["there are 1 times for 2 requests"] = { 1 },
    } do
      local bad, message, code = load.start { url = url, requests = requests(2), arrivals = { times = wrong } }
      assert.is_nil(bad)
      assert.equal("invalid", code)
      assert.truthy(message:find(text, 1, true), message)
    end
    assert.has_error(function()
      load.start { url = url, requests = requests(1), arrivals = { times = { "now" } } }
    end, "times must be numbers: item 1 is a string")
  end)

  it("counts what fails", function()
    local l <close> = start { requests = requests(5, { die = true }), concurrency = 5 }
    l:wait()
    assert.equal(5, l:progress().failed)
    assert.same({ ["truncated: the stream ended without a finish reason and without [DONE]"] = 5 },
      l:run():failures())
    local none <close> = start { url = "http://127.0.0.1:1/", requests = requests(2000), concurrency = 50 }
    none:wait()
    assert.equal(2000, none:progress().failed)
  end)

  it("can be cancelled, and keeps its records", function()
    local l <close> = start { requests = requests(10, { meet = 99 }), concurrency = 3 }
    local waiter = task.spawn(l.wait, l)
    task.sleep(0.01)
    assert.is_false(l:wait(0.01)) -- beside another task
    assert.has_error(function() l:run() end)
    l:cancel()
    assert.is_true((waiter:join()))
    local run = l:run()
    local sent = 0
    for i = 1, 10 do
      assert.equal("canceled", run:request(i).outcome)
      if run:request(i).t_send > 0 then sent = sent + 1 end
    end
    assert.equal(3, sent)
    assert.has_error(function() l:run() end)
  end)

  it("says so where its run is asked for after it was closed", function()
    local l = start { requests = requests(1), concurrency = 1 }
    l:close()
    assert.has_error(function() l:run() end)
    l:close()
  end)

  it("names each request", function()
    local l <close> = start { requests = requests(3, { show_id = true }), concurrency = 2, keep_text = true,
      id_prefix = "cell" }
    l:wait()
    local run = l:run()
    for i = 1, 3 do assert.equal("cell-" .. i - 1, run:request(i).text) end
  end)

  it("keeps the strings that its options' metatable makes anew each time", function()
    local prefix = ("p"):rep(60)
    local options = { requests = requests(20, { show_id = true }), concurrency = 2, keep_text = true }
    local l <close> = load.start(setmetatable(options, { __index = function(_, key)
      if key == "url" then return url .. "?" .. ("q"):rep(100) end
      if key == "id_prefix" then return prefix .. "-" end
    end }))
    options.url, options.id_prefix = nil, nil
    for i = 1, 50 do
      collectgarbage()
      prefix = ("x"):rep(60 + i % 3) -- where it was, if it was let go
    end
    l:wait()
    local run = l:run()
    for i = 1, 20 do assert.equal(("p"):rep(60) .. "--" .. i - 1, run:request(i).text) end
  end)

  it("refuses options that make no sense", function()
    assert.is_nil((load.start { url = url, requests = {}, concurrency = 1 }))
    assert.is_nil((load.start { url = url, requests = requests(1) }))
    for _, options in ipairs { {}, { url = url }, { url = url, requests = { 1 } }, { url = url, requests = { {} } },
      { url = url, requests = requests(1), concurrency = -1 }, { url = url, requests = requests(1), concurrency = 1.5 },
      { url = url, requests = requests(1), concurrency = 1, arrivals = { kind = "bursty" } },
      { url = url, requests = requests(1), concurrency = 1, timeout = 0 / 0 } } do
      assert.has_error(function() load.start(options) end)
    end
  end)
end)
