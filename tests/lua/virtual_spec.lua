-- The simulator in no time: the same answers as over HTTP, near the same times, and the same bytes for the same seed.

local client = require "specbench.client"
local data = require "specbench.dataset"
local engines = require "specbench.engine"
local environment = require "sb.environment"
local http = require "specbench.http"
local prom = require "sb.prom"
local server = require "specbench.server"
local virtual = require "specbench.virtual"
local workload = require "specbench.experiment.workload"

local sim = engines.load "sim"

local ARGV = { environment.executable, "sim", "--profile", "qwen2.5-7b", "--model", "m", "--port", "{port}", "--method",
  "draft", "--k", "3", "--per-request-acceptance" }

-- What a cell of round 1 sends, smaller.
local function load_of(s, options)
  local work = workload.new({
    prompts = assert(data.prompts { dataset = "random", tokens = 120, count = options.count, seed = 7 }),
    limits = function(prompt) return { max_tokens = options.tokens + prompt.id % 9, ignore_eos = true } end,
    concurrency = options.concurrency, rate = options.rate,
  }, { seed = 7 })
  return (client.load {
    server = s, requests = workload.requests(work, sim, "m", 7), concurrency = work.concurrency, rate = work.rate,
    seed = 7, path = workload.path(work), keep_text = true,
  })
end

local function started(argv)
  return assert(virtual.start(argv or ARGV))
end

local function counters(s)
  return prom.parse(assert(http.get(s.url .. "/metrics")).body)
end

describe("the simulator in virtual time", function()
  it("gives the answers that it gives over HTTP, chunk by chunk", function()
    local real <close> = assert(server.start { argv = ARGV, ready = "/health", timeout = 60 })
    local unreal <close> = started()
    local options = { count = 6, tokens = 24, concurrency = 1 }
    local there, here = load_of(real, options), load_of(unreal, options)
    assert.equal(#there, #here)
    for i = 1, #there do
      local one, other = there:request(i), here:request(i)
      for _, field in ipairs { "outcome", "http_status", "finish_reason", "token_source", "prompt_tokens",
        "completion_tokens", "draft_tokens", "accepted_tokens", "prompt_id", "text_hash" } do
        assert.equal(one[field], other[field], field)
      end
      assert.equal((there:text(i)), (here:text(i)))
      local first, second = {}, {}
      for k, chunk in ipairs(one.chunks) do first[k] = chunk.tokens end
      for k, chunk in ipairs(other.chunks) do second[k] = chunk.tokens end
      assert.same(first, second)
    end
    local of_real, of_unreal = counters(real), counters(unreal)
    for name, value in pairs(of_unreal) do
      if name:find "spec_decode.*_total" or name:find "_tokens_total" then assert.equal(of_real[name], value, name) end
    end
  end)

  it("takes the time that it takes over HTTP", function()
    local real <close> = assert(server.start { argv = ARGV, ready = "/health", timeout = 60 })
    local unreal <close> = started()
    local options = { count = 24, tokens = 64, concurrency = 4 }
    local here = load_of(unreal, options):metrics()
    local bounds = { output_throughput = 0.02, total_token_throughput = 0.02, ["ttft_ms.mean"] = 0.03,
      ["tpot_ms.mean"] = 0.03, ["itl_chunk_ms.p50"] = 0.03, ["e2el_ms.p99"] = 0.03 }
    local worst
    -- a busy machine makes the real one late, never early: the best of some tries tells
    for _ = 1, 4 do
      local there = load_of(real, options):metrics()
      worst = nil
      for name, bound in pairs(bounds) do
        local off = math.abs(there[name] / here[name] - 1)
        if off > bound then worst = ("%s: %g beside %g"):format(name, there[name], here[name]) end
      end
      if not worst then break end
    end
    assert.is_nil(worst)
  end)

  it("gives the same bytes again, and other ones for another seed", function()
    local function bytes(seed)
      local argv = table.move(ARGV, 1, #ARGV, 1, {})
      argv[#argv + 1], argv[#argv + 2] = "--seed", seed
      local s <close> = started(argv)
      return load_of(s, { count = 30, tokens = 40, concurrency = 8 }):encode()
    end
    assert.equal(bytes "1", bytes "1")
    assert.not_equal(bytes "1", bytes "2")
  end)

  it("keeps a closed loop's concurrency and an open loop's plan", function()
    local s <close> = started()
    local closed = load_of(s, { count = 40, tokens = 20, concurrency = 5 }):metrics()
    assert.equal(5, closed.max_concurrency)
    local open = load_of(s, { count = 40, tokens = 20, rate = 50 })
    assert.equal(0, open:metrics()["send_late_ms.p99"])
    for i = 1, #open do assert.equal(open:request(i).t_intended, open:request(i).t_send) end
  end)

  it("refuses a request as the server does", function()
    local s <close> = started()
    local run = client.load { server = s, requests = { { body = { model = "m", messages = "no list" } } },
      concurrency = 1 }
    local request = run:request(1)
    assert.equal("http", request.outcome)
    assert.equal(400, request.http_status)
    assert.truthy(request.error:find("messages", 1, true), request.error)
  end)

  it("refuses what only a real server can do", function()
    local argv = table.move(ARGV, 1, #ARGV, 1, {})
    argv[#argv + 1], argv[#argv + 2] = "--fault", "die@1"
    local s, message = virtual.start(argv)
    assert.is_nil(s)
    assert.equal("specbench sim: --fault means nothing in virtual time", message)
  end)

  it("is gone once it is stopped", function()
    local s = started()
    s:stop()
    assert.is_nil((http.get(s.url .. "/metrics")))
  end)
end)
