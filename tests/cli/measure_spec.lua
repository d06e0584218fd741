-- specbench measure: one server that is up.

local environment = require "sb.environment"
local fs = require "sb.fs"
local http = require "sb.http"
local json = require "specbench.base.json"
local proc = require "sb.proc"
local has = dofile(environment.home .. "/tests/lua/has.lua")

local w, url, server, truth

before_each(function()
  w = dofile(environment.home .. "/tests/cli/world.lua").new()
  local port = assert(proc.free_port())
  truth = w.folder .. "/truth.jsonl"
  url = ("http://127.0.0.1:%d"):format(port)
  server = assert(proc.start {
    argv = { environment.executable, "sim", "--profile", "qwen2.5-7b", "--method", "draft", "--k", "3", "--speed", "50",
      "--port", tostring(port), "--truth", truth },
  })
  w:eventually("the server", function() return http.request { url = url .. "/health" } end)
end)
after_each(function()
  server:stop(0)
  server:wait_end()
  w:remove()
end)

local function measure(arguments)
  return w:run(("measure --url %s %s"):format(url, arguments))
end

describe("specbench measure", function()
  it("prints one table of a running server, and keeps nothing", function()
    local result = measure "-c 2 -n 6 --max-tokens 16 --slo ttft=100000"
    assert.equal(0, result.status, result.err)
    assert.equal("", result.err)
    has(result.out, "qwen2.5-7b at " .. url, "2 requests at once", "6 of 6 requests; ", "output tokens/s",
      "mean     p50", "TTFT  ", "TPOT  ", "ITL by token", "E2EL  ", "goodput ", "SIMULATED: no GPU was measured",
      "p99 rests on 6 requests and needs 662")
    assert.is_nil(w:read "results/round.json")
  end)

  it("takes the base URL of OpenAI's clients too", function()
    has(w:run(("measure --url %s/v1/ -n 1 --max-tokens 1"):format(url)).out, "qwen2.5-7b at " .. url .. " ",
      "1 of 1 requests")
  end)

  it("gives the same as JSON, with acceptance by the dialect's counters", function()
    local result = measure "--engine sim -c 2 -n 6 --max-tokens 16 --json"
    assert.equal(0, result.status, result.err)
    local told = assert(json.decode(result.out))
    assert.same({ 6, 6, 0, 2 }, { told.requests, told.completed, told.failed, told.load.concurrency })
    assert.truthy(told.acceptance.drafts > 0 and told.ttft_ms.p50 > 0 and told.output_throughput > 0)
    assert.equal(50, told.clock_scale)
    assert.is_true(told.simulated)
    has(table.concat(told.warnings, "\n"), "SIMULATED: no GPU was measured", "p99 rests on 6 requests and needs 662")
    assert.truthy(told.certificate.chunks > 0)
    assert.truthy(result.out:find '"reasons": %[')
    assert.truthy(told.client_cpu_us_per_chunk > 0)
  end)

  it("sends prompts of a file, again where there are fewer, and keeps the folder that is asked for", function()
    w:write("mine.jsonl", '{"q": "one"}\n{"q": "two"}\n{"q": "three"}\n')
    local result = measure "--prompts mine.jsonl --field q -n 8 --rate 40 --max-tokens 8 --out kept"
    assert.equal(0, result.status, result.err)
    assert.equal("Note: 3 texts, 8 requests: texts are repeated, each time behind a number of its own, so that no "
      .. "prefix cache serves them\n", result.err)
    has(result.out, "40 requests a second", "8 of 8 requests", "Results: kept")
    local told = json.decode(measure("--prompts mine.jsonl --field q -n 8 -c 3 --max-tokens 2 --json").out)
    assert.truthy(told.warnings[1]:find("3 texts, 8 requests: texts are repeated", 1, true), told.warnings[1])
    local report = w:run "report kept --no-pictures"
    assert.equal(0, report.status, report.err)
    has(report.out, "One server   SIMULATED", "1 cell, 1 repeat each")
    local shown = w:run "show kept --request 8"
    assert.equal(0, shown.status, shown.err)
    has(shown.err, "kept/cells/")
  end)

  it("shapes the load and the requests, and shows the percentiles that are asked for", function()
    local shaped = "--rate 400 -c 2 -n 12 --max-tokens 8 --burstiness 0.5 --percentiles 25,99.9 --warmup 0 "
      .. "--body top_p=0.9 --temperature 0.5 "
    local result = measure(shaped .. "--out kept")
    assert.equal(0, result.status, result.err)
    has(result.out, "400 requests a second (gamma, burstiness 0.5), 2 at once at most", "mean", "p25", "p99.9", "max",
      "TTFT, waited ", "p99.9 rests on 12 requests and needs 6636")
    assert.is_nil(result.out:find("p50", 1, true))
    local id = assert(fs.list(w.folder .. "/kept/cells"))[1]
    local cell = assert(json.decode(w:read(("kept/cells/%s/cell.json"):format(id))))
    local work = cell.identity.workload
    assert.same({ 0.5, { top_p = 0.9 }, 0 }, { work.temperature, work.body, cell.identity.warmup })
    local told = assert(json.decode(measure(shaped .. "--json").out))
    assert.same({ concurrency = 2, rate = 400, arrivals = "gamma", burstiness = 0.5 }, told.load)
    local ttft, waited = told.ttft_ms, told.ttft_intended_ms
    assert.is_true(ttft.min <= ttft.p25 and ttft.p25 <= ttft.p50 and ttft.p95 <= ttft["p99.9"])
    assert.is_true(waited.mean > ttft.mean)
    local late = measure "-n 1 --max-tokens 2000 --ignore-eos --engine sim --request-timeout 0.1"
    assert.equal(3, late.status, late.err)
    has(late.out, "1 x timeout: not complete after 0.1 s")
  end)

  it("sends requests for a while", function()
    local told = assert(json.decode(measure("-c 2 --seconds 10 --max-tokens 32 --ignore-eos --engine sim --json").out))
    assert.equal(told.requests, told.completed)
    assert.is_true(told.duration_s > 9.5, told.duration_s) -- each stream was at work when the time was over
    assert.equal(told.requests, told.total_output_tokens / 32)
    assert.is_nil(table.concat(told.warnings, "\n"):find("were sent before", 1, true))
    told = assert(json.decode(measure("--rate 20 -n 3 --seconds 10 --max-tokens 2 --json").out))
    assert.equal(3, told.requests)
    has(table.concat(told.warnings, "\n"), "all 3 requests were sent before 10 s were over: give more with -n")
  end)

  it("draws prompts of a dataset, and lengths from ranges", function()
    local told = assert(json.decode(measure("--dataset spec_bench --subset qa -n 6 --max-tokens 2-9 --ignore-eos "
      .. "--engine sim --salt never --warmup 0 --json").out))
    assert.same({ 6, "synthetic" }, { told.completed, told.prompts.kind })
    local lengths = {}
    for line in io.lines(truth) do lengths[assert(json.decode(line)).output_tokens] = true end
    for length in pairs(lengths) do assert.is_true(length >= 2 and length <= 9, length) end
    assert.is_true(next(lengths, next(lengths)) ~= nil)
    w:write("own.jsonl", '{"prompt": "a", "output_tokens": 3}\n{"prompt": "b", "output_tokens": 5}\n')
    local own = "--prompts own.jsonl --max-tokens data --ignore-eos --engine sim -n 2 --warmup 0 --json"
    assert.equal(8, assert(json.decode(measure(own).out)).total_output_tokens)
    w:write("own.jsonl", '{"prompt": "a", "output_tokens": 3}\n{"prompt": "b"}\n')
    local untold = measure(own)
    assert.equal(1, untold.status)
    has(untold.err, "--max-tokens data: prompt ", "does not say how long its answer is: output_tokens")
    told = assert(json.decode(measure("--dataset sharegpt -n 4 --max-tokens data --json").out))
    assert.equal(4, told.completed)
    told = assert(json.decode(measure("-n 6 --prompt-tokens 20-60 --max-tokens 1 --json").out))
    assert.equal("synthetic text of 20 to 60 tokens a prompt", told.prompts.note)
  end)

  it("measures several loads one after another, a row each", function()
    local result = measure "-c 1,3 -n 4 --max-tokens 8 --engine sim --out kept"
    assert.equal(0, result.status, result.err)
    has(result.out, "qwen2.5-7b at " .. url .. " ", ", 2 loads\nconcurrency  tok/s", "\n1    ", "\n3    ",
      "SIMULATED: no GPU was measured", "p99 needs 662 requests, at 99 % confidence: 2 of 2 loads have fewer",
      "Results: kept")
    assert.equal(2, #fs.list(w.folder .. "/kept/cells"))
    has(w:run("report kept --no-pictures").out, "2 cells, 1 repeat each")
    local loads = {}
    for line in measure("-c 2,3 --rate 300,400 -n 4 --max-tokens 4 --json").out:gmatch "[^\n]+" do
      local told = assert(json.decode(line))
      loads[#loads + 1] = { told.load.rate, told.load.concurrency, told.completed }
    end
    assert.same({ { 300, 2, 4 }, { 300, 3, 4 }, { 400, 2, 4 }, { 400, 3, 4 } }, loads)
    local late = measure "-c 1,2 -n 2 --max-tokens 2000 --ignore-eos --engine sim --request-timeout 0.1"
    assert.equal(3, late.status, late.err)
    has(late.out, "FAILED at 1 request at once: 2 of 2", "FAILED at 2 requests at once: 2 of 2")
  end)

  it("waits for a server that is to come up", function()
    server:stop(0)
    server:wait_end()
    server = assert(proc.start {
      argv = { environment.executable, "sim", "--profile", "qwen2.5-7b", "--speed", "50", "--port", url:match "%d+$",
        "--load-time", "0.3", "--truth", truth },
    })
    local result = measure "-n 1 --max-tokens 1 --ready-timeout 30"
    assert.equal(0, result.status, result.err)
    has(result.out, "1 of 1 requests")
  end)

  it("refuses what it cannot measure in one line", function()
    local function refused(arguments, status, text)
      local result = w:run("measure " .. arguments)
      assert.equal(status, result.status, result.err)
      has(result.err, text)
      assert.equal(1, select(2, result.err:gsub("\n", "\n")), result.err)
    end
    refused("", 2, "--url is missing")
    refused("--url localhost:8000", 2, "--url: ")
    refused("--url http://127.0.0.1:1", 1, "the server is not up: http://127.0.0.1:1/v1/models: ")
    refused(("--url %s --prompts nowhere.jsonl"):format(url), 1, "--prompts nowhere.jsonl: no such file")
    refused(("--url %s --burstiness 2"):format(url), 2, "--burstiness needs --rate")
    refused(("--url %s --rate 1 --arrivals constant --burstiness 2"):format(url), 2, "--burstiness is of gamma")
    for _, case in ipairs {
      { "--prompt-tokens 9-2", "--prompt-tokens 9-2: must be a number of tokens from 1 to 10000000, or two such as" },
      { "--max-tokens 8-", "--max-tokens 8-: must be" }, { "--subset qa", "--subset needs --dataset NAME" },
      { "--dataset jsonl", "--dataset jsonl: give --prompts FILE instead" },
      { "--dataset spec_bench --prompts x", "--dataset and --prompts contradict each other" },
    } do
      refused(("--url %s %s"):format(url, case[1]), 2, case[2])
    end
    refused(("--url %s --dataset spec_bnch"):format(url), 1, "--dataset: ")
    refused(("--url %s -c 2,,3"):format(url), 2, "--concurrency 2,,3: '' is no integer from 1 to 100000")
    refused(("--url %s --rate 0"):format(url), 2, "--rate 0: '0' is no number from 0.001 to 1000000")
    refused(("--url %s --percentiles 50,101"):format(url), 2, "--percentiles 50,101: '101' is no number")
    refused(("--url %s --body model=x"):format(url), 2, "--body model=x: 'model' is the round's or the run's to say")
  end)
end)

-- How a rig that compares load generators calls ours.
describe("specbench bench client --url", function()
  it("sends equal requests and nothing else, and writes what the rig reads", function()
    local result = w:run(("bench client --url %s -c 2 -n 6 --tokens 8 --out result.json"):format(url))
    assert.equal(0, result.status, result.err)
    has(result.out, "2 streams: 6 of 6 requests, ", " us CPU a chunk, ITL p50/p99 ")
    local told = assert(json.decode(w:read "result.json"))
    for _, name in ipairs { "ttft_ms", "itl_ms", "tpot_ms" } do
      assert.truthy(told[name].p50 > 0 and told[name].p99 >= told[name].p50, name)
    end
    assert.equal(6, told.completed)
    assert.truthy(told.duration_s > 0 and told.cpu_us_per_chunk > 0 and told.memory_mb > 0)
    local seen = {}
    for line in io.lines(truth) do
      local request = assert(json.decode(line))
      assert.same({ 12, 8 }, { request.prompt_tokens, request.output_tokens })
      seen[request.request_id] = true
    end
    for i = 0, 5 do
      local id = ("%s-%d"):format(told.id_prefix, i)
      assert.truthy(seen[id], id)
      seen[id] = nil
    end
    assert.is_nil(next(seen))
  end)

  it("says in one line that there is no server", function()
    local result = w:run "bench client --url http://127.0.0.1:1 -c 1 -n 1 --tokens 1"
    assert.equal(1, result.status)
    has(result.err, "the server is not up: http://127.0.0.1:1/v1/models: ")
    assert.equal(1, select(2, result.err:gsub("\n", "\n")), result.err)
  end)
end)
