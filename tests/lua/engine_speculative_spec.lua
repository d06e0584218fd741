-- Speculation in an engine's own words (`speculative`), what it does to a baseline, and which of it is lossy.

local base = require "specbench.engine.base"
local caveats = require "specbench.analysis.caveats"
local engine = require "specbench.engine"
local marks = require "specbench.answer.marks"
local speedup = require "specbench.analysis.speedup"

local TARGET, DRAFT = { name = "m", path = "/t" }, { name = "d", path = "/d" }

local function command(name, speculative, changes)
  local server = { model = TARGET, draft = DRAFT, port = 1, method = "draft", k = 3, speculative = speculative }
  for key, value in pairs(changes or {}) do server[key] = value end
  return engine.load(name).command(server)
end

local function vllm_config(speculative, changes)
  local argv = command("vllm", speculative, changes).argv
  return argv[#argv]
end

describe("speculation in the engine's own words", function()
  it("goes into vLLM's JSON by name, and takes the place of what is there", function()
    assert.equal('{"method":"draft_model","model":"/d","num_speculative_tokens":3,'
      .. '"draft_sample_method":"probabilistic","parallel_drafting":true,"quantization":"fp8"}',
      vllm_config { parallel_drafting = true, quantization = "fp8", draft_sample_method = "probabilistic" })
    assert.equal('{"method":"draft_model","model":"/d","num_speculative_tokens":3,"attention_backend":"FLASH_ATTN",'
      .. '"kv_cache_dtype":"fp8","use_heterogeneous_vocab":true}', vllm_config { attention_backend = "FLASH_ATTN",
        kv_cache_dtype = "fp8", use_heterogeneous_vocab = true })
    assert.equal('{"method":"suffix","num_speculative_tokens":8,"suffix_decoding_max_cached_requests":10000,'
      .. '"suffix_decoding_max_spec_factor":2}', vllm_config({ suffix_decoding_max_cached_requests = 10000,
        suffix_decoding_max_spec_factor = 2 }, { method = "suffix", k = 8 }))
    assert.equal('{"method":"eagle","model":"/d","num_speculative_tokens":3,'
      .. '"draft_load_config":{"load_format":"dummy"}}',
      vllm_config({ draft_load_config = { load_format = "dummy" } }, { method = "eagle" }))
    assert.equal('{"method":"suffix","num_speculative_tokens":8}',
      vllm_config({ suffix_decoding_max_cached_requests = false }, { method = "suffix", k = 8 }))
  end)

  it("is SGLang's flags, vLLM 0.6's and TensorRT-LLM's", function()
    local function line(...) return table.concat(command(...).argv, " ") end
    assert.truthy(line("sglang", { num_steps = 5, eagle_topk = 4, num_draft_tokens = 8 }, { method = "eagle" }):find(
      "--speculative-draft-model-path /d --speculative-num-steps 5 --speculative-eagle-topk 4 "
      .. "--speculative-num-draft-tokens 8", 1, true))
    assert.truthy(line("sglang", { adaptive = true, accept_threshold_single = 0.9 }):find(
      "--speculative-num-draft-tokens 4 --speculative-accept-threshold-single 0.9 --speculative-adaptive", 1, true))
    assert.truthy(line("vllm_v0", { enforce_eager = true }):find(
      "--num-speculative-tokens 3 --enforce-eager", 1, true)) -- what its MQA scorer wants
    assert.truthy(command("trtllm", { max_concurrency = 8 }, { method = "eagle3" }).config:find(
      '"speculative_model_dir":"/d","max_concurrency":8}', 1, true))
    local scheduled = command("trtllm", { draft_len_schedule = { ["4"] = 3, ["8"] = 1 } }, { method = "eagle3" })
    assert.truthy(scheduled.config:find('"draft_len_schedule":{"4":3,"8":1}', 1, true))
  end)

  it("is nothing without speculation", function()
    for _, name in ipairs { "vllm", "vllm_v0", "sglang", "trtllm", "llamacpp" } do
      local plain = command(name, { anything = 1 }, { method = "none" })
      assert.is_nil((table.concat(plain.argv, " ") .. (plain.config or "")):find("anything", 1, true), name)
    end
  end)

  it("must be a table of names, and is not simulated", function()
    local function check(value, name)
      return pcall(engine.check, { model = "m", draft = "d", method = "draft", k = 3, speculative = value },
        engine.load(name or "vllm"))
    end
    assert.is_true(check { parallel_drafting = true })
    assert.is_false(check { "parallel_drafting" })
    assert.is_false(check "parallel_drafting")
    assert.truthy(engine.load("sim").unsupported { method = "draft", k = 3, speculative = { x = 1 } })
  end)

  it("is never said twice: a dotted flag would replace it", function()
    local vllm = engine.load "vllm"
    for _, words in ipairs {
      { "--speculative-config.model", "/x" }, { "--speculative-config", "{}" }, { "-sc.model=x" },
      { "--speculative_config={}" },
    } do
      local server = { model = TARGET, draft = DRAFT, method = "draft", k = 3, extra_args = words }
      assert.truthy((vllm.unsupported(server) or ""):find("speculative = {", 1, true), words[1])
      server.extra_args, server.model = nil, { path = "/t", engine_args = words }
      assert.truthy(vllm.unsupported(server))
      server.method = "none"
      assert.is_nil(vllm.unsupported(server))
    end
  end)

  it("decides with vLLM's runner and scheduling", function()
    local function twin(method, speculative, release)
      return engine.load("vllm").twin { engine_version = release or "0.26.0", model = TARGET, method = method, k = 3,
        speculative = speculative }
    end
    assert.is_nil(twin "eagle3")
    assert.same({ runner = "V1" }, twin("eagle3", { parallel_drafting = true }))
    assert.is_nil(twin("dflash", { parallel_drafting = true }))
    assert.same({ async_scheduling = false }, twin("eagle", { disable_padded_drafter_batch = true }))
    -- config/vllm.py of these releases, whichever way a default went
    local both = { runner = "V1", async_scheduling = false }
    assert.same({ async_scheduling = false }, twin("draft", nil, "0.24.0"))
    assert.same(both, twin("draft", nil, "0.27.0"))
    assert.same({ runner = "V1" }, twin("draft", nil, "0.28.0"))
    assert.is_nil(twin("draft", nil, "0.31.0"))
    assert.same({ runner = "V1" }, twin("draft", { use_heterogeneous_vocab = true }, "0.33.0"))
    assert.same({ runner = "V1" }, twin("ngram_gpu", nil, "0.31.0"))
    assert.is_nil(twin("ngram_gpu", nil, "0.32.0"))
    assert.same(both, twin("ngram", nil, "0.31.0"))
    assert.same({ async_scheduling = false }, twin("ngram", nil, "0.32.0"))
    assert.is_nil(twin("ngram", nil, "0.33.0"))
    assert.same(both, twin("medusa", nil, "0.32.0"))
    assert.same(both, twin("suffix", nil, "0.33.0"))
  end)
end)

describe("a baseline", function()
  it("need not have what is about speculation", function()
    local function cell(method, changes)
      local server = { method = method, model = { name = "m" } }
      for key, value in pairs(changes or {}) do server[key] = value end
      return {
        key = method, baseline = "none", started = "1", clock_scale = 1, input_tokens = 10,
        metrics = { duration = 1, requests = 1, total_output_tokens = 5, output_throughput = 5 },
        engine = { name = "vllm" },
        identity = { engine = "vllm", workload = {}, server = server },
      }
    end
    local plain = cell("none", { pinned = { runner = "V1" } })
    local mine = cell("draft", { speculative = { parallel_drafting = true } })
    assert.is_table((speedup.of(speedup.index { plain, mine }, mine)))
    local other = cell("draft", { env = { A = "1" } })
    assert.is_nil((speedup.of(speedup.index { plain, other }, other)))
  end)
end)

describe("a lossy setting", function()
  local function lossy(name, speculative, changes)
    local server = { method = "draft", k = 3, speculative = speculative }
    for key, value in pairs(changes or {}) do server[key] = value end
    return base.lossy(engine.load(name), server)
  end

  it("is known in each engine", function()
    for _, case in ipairs {
      { "vllm", { rejection_sample_method = "fly" } }, { "vllm", { rejection_sample_method = "typical" } },
      { "sglang", { accept_threshold_single = 0.9 } }, { "sglang", { accept_threshold_acc = 0.5 } },
      { "vllm_v0", { spec_decoding_acceptance_method = "typical_acceptance_sampler" } },
      { "trtllm", { use_relaxed_acceptance_for_thinking = true } }, { "trtllm", { posterior_threshold = 0.1 } },
      { "external:sglang", { accept_threshold_single = 0.9 } },
    } do
      assert.is_string(lossy(case[1], case[2]), case[1])
      assert.is_nil(lossy(case[1], case[2], { method = "none" }))
    end
    for _, case in ipairs {
      { "vllm", { rejection_sample_method = "block", parallel_drafting = true } }, { "vllm", nil },
      { "sglang", { accept_threshold_single = 1, adaptive = true } }, { "llamacpp", { type = "ngram-mod" } },
      { "vllm_v0", { spec_decoding_acceptance_method = "rejection_sampler", enforce_eager = true } },
      { "trtllm", { acceptance_rate_threshold = 0.5 } }, { "external", { anything = 1 } },
    } do
      assert.is_nil(lossy(case[1], case[2]), case[1])
    end
    assert.truthy(lossy("vllm", nil, { acceptance = 2.5 }):find("noise", 1, true))
  end)

  it("marks a speed-up wherever it is shown", function()
    local plain = { engine = { name = "vllm" }, metrics = {}, repetition = 1, identity = { workload = {} } }
    local mine = { engine = { name = "vllm" }, metrics = {}, repetition = 1, identity = { workload = {} },
      lossy = "fly may accept other tokens" }
    assert.equal("1.90", caveats.marked(plain, "1.90"))
    assert.equal("1.90 (lossy)", caveats.marked(mine, "1.90"))
    local lines = table.concat(caveats.lines({ plain, mine }, { axes = {} }), "\n")
    assert.truthy(lines:find("1 of 2 cells: lossy, ", 1, true), lines)
    assert.equal("~", marks.text(marks.of_cells { plain, mine }, "drawn"))
    assert.same({ "~ lossy: answers may not be the target's" }, marks.legend(marks.of_cells { mine }, "typed"))
    assert.equal("", marks.text(marks.of_cells { plain }, "drawn"))
  end)
end)

describe("acceptance", function()
  it("of TensorRT-LLM names no drafts where their length varies", function()
    local trtllm = engine.load "trtllm"
    local delta = { trtllm_spec_decode_num_draft_tokens_total = 30, trtllm_spec_decode_num_accepted_tokens_total = 12 }
    local steady = trtllm.acceptance(delta, { k = 3 })
    assert.equal(10, steady.drafts)
    local varying = trtllm.acceptance(delta, { k = 3, speculative = { draft_len_schedule = { ["4"] = 3 } } })
    assert.equal(0.4, varying.rate)
    assert.is_nil(varying.drafts)
    assert.is_nil(varying.mean_length)
    assert.truthy(varying.note:find("draft_len_schedule", 1, true))
  end)

  it("of SGLang counts the tokens of a tree", function()
    local delta = {
      ["sglang:spec_verify_calls_total"] = 10, ["sglang:generation_tokens_total"] = 26,
      ["sglang:num_requests_total"] = 1,
    }
    local found = engine.load("sglang").acceptance(delta, { k = 3, speculative = { num_draft_tokens = 8 } })
    assert.equal(70, found.draft_tokens)
    assert.equal(2.5, found.mean_length)
  end)
end)

describe("SGLang's own word", function()
  it("tells how it really runs, and no key", function()
    assert.same({
      async_scheduling = true, attention = "fa3", graphs = "on", compilation = "off", kv_cache_tokens = 1000,
      kv_cache_dtype = "auto", max_running = 48,
    }, engine.load("sglang").effective.info {
      disable_overlap_schedule = false, attention_backend = "fa3", disable_cuda_graph = false,
      enable_torch_compile = false, max_total_num_tokens = 1000, kv_cache_dtype = "auto", max_running_requests = 48,
      api_key = "secret", quantization = require("cjson").null,
    })
    assert.same({}, engine.load("sglang").effective.info {})
  end)
end)
