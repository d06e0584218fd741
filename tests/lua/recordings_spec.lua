-- What servers really answered, through the real client: how many tokens, told by which source, ended how.

local bench = require "specbench"
local fs = require "sb.fs"
local prom = require "sb.prom"
local engines = require "specbench.engine"
local request_times = require "specbench.analysis.request_times"
local home = require("sb.environment").home

local FOLDER = home .. "/tests/engine/recordings"

-- file, tokens in the chunks, source, outcome; tokens nil: the source tells only the total
local streams = {
  { "llamacpp_chat", 8, "usage_total" },
  { "llamacpp_chat_timings", 8, "timings" },
  { "llamacpp_chat_split_utf8", 6, "timings" },
  { "vllm_chat_continuous_usage", 7, "continuous_usage" },
  { "vllm_chat_continuous_usage_token_ids", 7, "continuous_usage" }, -- the role tells usage before any ids
  { "vllm_v0_chat", 7, "usage_total" },
  { "vllm_v0_chat_continuous_usage", 7, "continuous_usage" },
  { "vllm_v0_completions", 7, "usage_total" },
  { "vllm_v0_truncated", nil, nil, "truncated" },
  { "vllm_v0_error_event", nil, nil, "event" },
  { "vllm_error_event", nil, nil, "event" },
  { "sglang_chat_continuous_usage", 8, "continuous_usage" },
  { "trtllm_chat_continuous_usage", 8, "continuous_usage" },
  { "vllm-0.26.0_none", 12, "continuous_usage" },
  { "vllm-0.26.0_draft", 12, "continuous_usage" },
  { "vllm-0.26.0_ngram_gpu", 12, "continuous_usage" },
  { "vllm-0.26.0_eagle", 12, "continuous_usage" },
  { "vllm-0.26.0_medusa", 12, "continuous_usage" },
  { "sglang-0.5.17_none", 12, "continuous_usage" },
  { "sglang-0.5.17_draft", 12, "continuous_usage" },
  { "sglang-0.5.17_ngram", 12, "continuous_usage" },
  { "sglang-0.5.17_eagle", 12, "continuous_usage" },
}

local function counters(name, engine)
  local samples, wanted, found = prom.parse(assert(fs.read(FOLDER .. "/" .. name .. ".txt"))), {}, {}
  for _, metric in ipairs(engine.metrics.names) do wanted[metric] = true end
  for key, value in pairs(samples) do
    if wanted[key:match "^[^{]+"] then found[key] = value end
  end
  return found
end

describe("recorded answers", function()
  local server

  setup(function()
    server = assert(bench.server.start {
      argv = { "python3", home .. "/tests/engine/replay.py", "{port}", FOLDER }, timeout = 30,
    })
  end)

  teardown(function() server:stop() end)

  for _, case in ipairs(streams) do
    local name, tokens, source, outcome = table.unpack(case, 1, 4)
    it(("%s: %s"):format(name, outcome or ("%d tokens by %s"):format(tokens, source)), function()
      local run = bench.load { server = server, path = "/" .. name .. ".txt", requests = { { body = "{}" } },
        concurrency = 1 }
      local request = run:request(1)
      assert.equal(outcome or "ok", request.outcome, request.error)
      if outcome then return end
      local sum = 0
      for _, chunk in ipairs(request.chunks) do sum = sum + chunk.tokens end
      assert.equal(source, request.token_source)
      assert.equal(tokens, request.tokens)
      assert.equal(tokens, request.completion_tokens)
      assert.equal(source == "usage_total" and 0 or tokens, sum)
      local figures, _, times = run:metrics(), request_times.of(request, 1)
      for _, latency in ipairs { "ttft", "tpot", "e2el" } do
        assert.near(figures[latency .. "_ms.mean"], times[latency], 1e-6)
      end
    end)
  end
end)

describe("a request's latencies", function()
  local MS = 1000000

  -- An answer of three tokens, the first of which has no text yet, and text that no token came with at its end.
  local function answer(source, tokens)
    return { token_source = source, tokens = tokens, t_send = 0, t_done = 50 * MS, chunks = {
      { t = 10 * MS, tokens = tokens and 1 or 0, has_text = false },
      { t = 20 * MS, tokens = tokens and 2 or 0, has_text = true }, { t = 40 * MS, tokens = 0, has_text = true } } }
  end

  it("go by tokens where each chunk's are told, whatever text comes with them", function()
    local points, times = request_times.of(answer("continuous_usage", 3), 2)
    assert.same({ ttft = 20.0, e2el = 40.0, tpot = 10.0, done = 100.0 }, times)
    assert.same({ { at = 20.0, tokens = 1 }, { at = 40.0, tokens = 2 }, { at = 80.0, tokens = 0 } }, points)
  end)

  it("go by text where they are not", function()
    local _, times = request_times.of(answer("unknown"), 1)
    assert.same({ ttft = 20.0, e2el = 40.0, done = 50.0 }, times)
  end)
end)

describe("counters as SGLang and TensorRT-LLM spell them", function()
  it("tell SGLang's acceptance from tokens and verifications, without the prefills' and the steps' own", function()
    local sglang = engines.load "sglang"
    local found = sglang.acceptance(counters("sglang_metrics", sglang), { method = "eagle", k = 3 })
    assert.equal(700, found.drafts)
    assert.equal(1700 - 20 - 700, found.accepted_tokens)
    assert.near(2.4, found.mean_length, 1e-12)
    assert.near(980 / 2100, found.rate, 1e-12)
    assert.truthy(found.note)
    assert.is_nil(sglang.acceptance({}, { k = 3 }))
  end)

  it("tell TensorRT-LLM's acceptance, without the time series of creation", function()
    local trtllm = engines.load "trtllm"
    local found = trtllm.acceptance(counters("trtllm_metrics", trtllm), { method = "eagle3", k = 3 })
    assert.near(980 / 2100, found.rate, 1e-12)
    assert.near(2.4, found.mean_length, 1e-12)
    assert.equal(700, found.drafts)
    assert.is_nil(trtllm.acceptance({}, { k = 3 }))
  end)

  it("that went backwards tell nothing", function()
    for _, name in ipairs { "sglang", "trtllm" } do
      local engine, delta = engines.load(name), {}
      for _, metric in ipairs(engine.metrics.names) do delta[metric] = -1 end
      local found, message = engine.acceptance(delta, { k = 3 })
      assert.is_nil(found)
      assert.truthy(message:find("restarted", 1, true))
    end
  end)
end)

describe("recorded counters of a real SGLang 0.5.17", function()
  local sglang = engines.load "sglang"

  -- a step of 2.5 tokens was forced; the gauges hold the last interval only and are within their own rounding of it
  for method, verified in pairs { eagle = 3424, draft = 3520 } do
    it(("tell the length that was forced on %s"):format(method), function()
      local found = sglang.acceptance(counters("sglang-0.5.17_" .. method .. "_metrics", sglang),
        { method = method, k = 3 })
      assert.equal(verified, found.drafts)
      assert.equal(8724 - 82 - verified, found.accepted_tokens) -- a request's first token is its prefill's
      assert.near(2.5, found.mean_length, 0.05)
      assert.near((found.mean_length - 1) / 3, found.rate, 1e-12)
    end)
  end

  it("tell that lookup in a text of one token's repetitions accepts all", function()
    local found = sglang.acceptance(counters("sglang-0.5.17_ngram_metrics", sglang), { method = "ngram", k = 3 })
    assert.near(1, found.rate, 0.03)
  end)

  it("have no verifications without speculation", function()
    assert.is_nil(sglang.acceptance(counters("sglang-0.5.17_none_metrics", sglang), { method = "none" }))
  end)
end)

describe("recorded counters of a real vLLM 0.26.0", function()
  local vllm = engines.load "vllm"

  it("tell a draft model's acceptance", function()
    local found = vllm.acceptance(counters("vllm-0.26.0_draft_metrics", vllm), { method = "draft" })
    assert.is_true(found.drafts > 0)
    assert.equal(3, #found.per_position)
    local sum = 0
    for _, share in ipairs(found.per_position) do sum = sum + share end
    assert.near(found.mean_length, 1 + sum, 1e-9)
    assert.near(found.rate, sum / 3, 1e-9)
  end)

  it("have no drafts without speculation", function()
    assert.is_nil(vllm.acceptance(counters("vllm-0.26.0_none_metrics", vllm), { method = "none" }))
  end)

  it("mark an n-gram's length as that of steps with a draft", function()
    local found = vllm.acceptance(counters("vllm-0.26.0_ngram_gpu_metrics", vllm), { method = "ngram_gpu" })
    assert.truthy(found.note)
    assert.equal(11400, found.drafts)
    assert.near(9548 / 34200, found.rate, 1e-12)
  end)
end)
