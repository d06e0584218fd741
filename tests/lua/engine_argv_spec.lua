-- What each engine's command line says. Every spelling stands in the engine's own parser:
--
--   vllm      0.26.0   engine/arg_utils.py, config/speculative.py, envs.py (argv_sources_spec.lua asks them)
--   vllm_v0   0.6.6    engine/arg_utils.py
--   sglang    0.5.17   srt/server_args.py, srt/arg_groups/speculative_hook.py, srt/environ.py; older: pull requests
--             11304 (sampling defaults) and 21225 (windows of n-gram lookup)
--   trtllm    main of August 2026: llmapi/llm_args.py, _torch/speculative/interface.py, commands/serve.py; 1.4.0rc4:
--             its pages of LlmArgs and of each decoding configuration; before 1.3.0 the lookup by name of
--             DecodingBaseConfig.from_dict
--   llamacpp  b11434   common/arg.cpp, common/speculative.cpp; older: the commits on both sides of each step

local engine = require "specbench.engine"

local TARGET = { name = "Qwen2.5-7B", path = "/models/target" }
local DRAFT = { name = "qwen2.5-0.5b", path = "/models/draft" }

local function command(name, changes)
  local server = { model = TARGET, draft = DRAFT, port = 8000 }
  for key, value in pairs(changes or {}) do
    server[key] = value
  end
  return engine.load(name).command(server)
end

-- What stands between the flags every command line of this engine has.
local function golden(name, first, last)
  return function(changes, middle, speculative)
    local parts = {}
    for _, part in ipairs { first, middle or "", last, speculative or "" } do
      if part ~= "" then parts[#parts + 1] = part end
    end
    assert.equal(table.concat(parts, " "), table.concat(command(name, changes).argv, " "))
  end
end

local function last_of(name, changes)
  local argv = command(name, changes).argv
  return argv[#argv]
end

describe("vllm", function()
  local check = golden("vllm",
    "python3 -m vllm.entrypoints.cli.main serve /models/target --host 127.0.0.1 --port 8000",
    "--generation-config vllm --no-enable-prefix-caching")

  local function config(changes)
    return last_of("vllm", changes)
  end

  it("serves without speculation, whatever draft and k say", function()
    check { method = "none" }
    check {}
    check { method = "none", k = 3, acceptance = { 0.5, 0.4, 0.3 } }
  end)

  it("maps the common keys", function()
    check({ dtype = "bfloat16", quantization = "awq", tensor_parallel = 2, seed = 12345,
      gpu_memory_utilization = 0.9, max_model_len = 4096, max_num_seqs = 128 },
      "--dtype bfloat16 --quantization awq --tensor-parallel-size 2 --gpu-memory-utilization 0.9 "
      .. "--max-model-len 4096 --max-num-seqs 128 --seed 12345")
  end)

  it("takes the vllm program where the model names one", function()
    local model = { name = "m", path = "/m", binary = "/opt/vllm", served_name = "chat" }
    assert.same({ "/opt/vllm", "serve", "/m", "--served-model-name", "chat", "--host", "127.0.0.1",
      "--port", "8000", "--generation-config", "vllm", "--no-enable-prefix-caching" },
      command("vllm", { model = model }).argv)
    assert.equal("chat", engine.load("vllm").served_name { model = model })
    assert.equal("/models/target", engine.load("vllm").served_name { model = TARGET })
  end)

  it("runs a draft model, scheduled as vLLM does unless told", function()
    local configured = "--speculative-config "
      .. '{"method":"draft_model","model":"/models/draft","num_speculative_tokens":3}'
    check({ method = "draft", k = 3 }, "", configured)
    check({ method = "draft", k = 3, async_scheduling = true }, "", "--async-scheduling " .. configured)
    check({ method = "draft", k = 3, async_scheduling = false }, "", "--no-async-scheduling " .. configured)
  end)

  it("gives the configuration as one argument", function()
    assert.equal('{"method":"ngram","num_speculative_tokens":3,"prompt_lookup_max":3,'
      .. '"prompt_lookup_min":1}', config { method = "ngram", k = 3 })
    assert.equal('{"method":"ngram_gpu","num_speculative_tokens":3,"prompt_lookup_max":5,'
      .. '"prompt_lookup_min":2}',
      config { method = "ngram_gpu", k = 3, prompt_lookup_max = 5, prompt_lookup_min = 2 })
    assert.equal('{"method":"suffix","num_speculative_tokens":8,"suffix_decoding_max_cached_requests":0}',
      config { method = "suffix", k = 8 })
    assert.equal('{"method":"medusa","model":"/models/draft","num_speculative_tokens":3}',
      config { method = "medusa", k = 3 })
    assert.equal('{"method":"eagle3","model":"/models/draft","num_speculative_tokens":5,'
      .. '"draft_tensor_parallel_size":1,"max_model_len":1280}',
      config { method = "eagle3", k = 5, draft_tensor_parallel = 1,
        speculative_max_model_len = 1280 })
    assert.equal('{"method":"eagle","model":"/models/draft","num_speculative_tokens":3,'
      .. '"num_speculative_tokens_per_batch_size":[[1,64,3],[65,512,0]]}',
      config { method = "eagle", k = 3, k_by_batch_size = { { 1, 64, 3 }, { 65, 512, 0 } } })
  end)

  it("forces acceptance by rates or by length", function()
    assert.equal('{"method":"draft_model","model":"/models/draft","num_speculative_tokens":3,'
      .. '"rejection_sample_method":"synthetic","synthetic_acceptance_rates":[0.73,0.53,0.39]}',
      config { method = "draft", k = 3, acceptance = { 0.73, 0.53, 0.39 } })
    assert.equal('{"method":"draft_model","model":"/models/draft","num_speculative_tokens":3,'
      .. '"rejection_sample_method":"synthetic","synthetic_acceptance_length":2.5}',
      config { method = "draft", k = 3, acceptance = 2.5 })
  end)

  it("quotes what JSON must quote", function()
    assert.equal([[{"method":"eagle","model":"/a \u0022b\u0022 \u005cc",]]
      .. [["num_speculative_tokens":1}]],
      config { method = "eagle", k = 1, draft = { name = "d", path = [[/a "b" \c]] } })
  end)

  it("lets the development endpoints in only with prefix caching", function()
    local got = command("vllm", { prefix_caching = true })
    assert.is_truthy(table.concat(got.argv, " "):find(" --enable-prefix-caching", 1, true))
    assert.equal("1", got.env.VLLM_SERVER_DEV_MODE)
    assert.is_nil(command("vllm").env.VLLM_SERVER_DEV_MODE)
  end)

  it("switches on, off, or leaves alone", function()
    check({ chunked_prefill = true }, "", "--enable-chunked-prefill")
    check({ chunked_prefill = false }, "", "--no-enable-chunked-prefill")
    check({ async_scheduling = true }, "", "--async-scheduling")
  end)
end)

describe("vllm_v0", function()
  local check = golden("vllm_v0",
    "python3 -m vllm.entrypoints.openai.api_server --host 127.0.0.1 --port 8000 "
    .. "--model /models/target",
    "--use-v2-block-manager --disable-log-requests")

  it("has the reference's common flags", function()
    check({ dtype = "bfloat16", gpu_memory_utilization = 0.9 },
      "--dtype bfloat16 --gpu-memory-utilization 0.9")
  end)

  it("runs the reference's five methods", function()
    check { method = "none", k = 3 }
    check({ method = "draft", k = 3 }, "",
      "--speculative-model /models/draft --num-speculative-tokens 3")
    check({ method = "ngram", k = 4 }, "",
      "--speculative-model [ngram] --num-speculative-tokens 4 --ngram-prompt-lookup-max 4")
    for _, method in ipairs { "eagle", "medusa", "mlp_speculator" } do
      check({ method = method, k = 3 }, "", "--speculative-model /models/draft "
        .. "--num-speculative-tokens 3 --speculative-draft-tensor-parallel-size 1")
    end
  end)

  it("has round 3's knobs", function()
    check({ method = "draft", k = 3, speculative_max_model_len = 1280, disable_by_batch_size = 8 },
      "",
      "--speculative-model /models/draft --num-speculative-tokens 3 "
      .. "--speculative-max-model-len 1280 "
      .. "--speculative-disable-by-batch-size 8")
    check({ chunked_prefill = true }, "", "--enable-chunked-prefill")
    check({ chunked_prefill = false }, "", "--enable-chunked-prefill=False")
    check({ scheduler_delay_factor = 0.5, multi_step = 8 }, "",
      "--scheduler-delay-factor 0.5 --num-scheduler-steps 8")
  end)
end)

describe("sglang", function()
  local check = golden("sglang", "python3 -m sglang.launch_server --model-path /models/target --host 127.0.0.1 "
    .. "--port 8000", "--enable-metrics --sampling-defaults openai --disable-radix-cache")
  local RUNNING = "--max-running-requests 48"

  it("serves without speculation, whatever draft and k say", function()
    check({ method = "none", k = 3 }, RUNNING)
    check({ dtype = "bfloat16", quantization = "awq", tensor_parallel = 2, gpu_memory_utilization = 0.9,
      max_model_len = 4096, max_num_seqs = 128, seed = 7 },
      "--dtype bfloat16 --quantization awq --tp-size 2 --mem-fraction-static 0.9 --context-length 4096 "
      .. "--max-running-requests 128 --random-seed 7")
  end)

  it("drafts chains of k tokens with each model method", function()
    for method, algorithm in pairs { draft = "STANDALONE", eagle = "EAGLE", eagle3 = "EAGLE3", mtp = "NEXTN" } do
      check({ method = method, k = 3 }, RUNNING, ("--speculative-algorithm %s --speculative-draft-model-path "
        .. "/models/draft --speculative-num-steps 3 --speculative-eagle-topk 1 --speculative-num-draft-tokens 4")
        :format(algorithm))
    end
  end)

  it("drafts blocks with DFlash and DSpark", function()
    check({ method = "dflash", k = 7 }, RUNNING, "--speculative-algorithm DFLASH --speculative-draft-model-path "
      .. "/models/draft --speculative-num-draft-tokens 8")
    check({ method = "dspark", k = 7 }, RUNNING, "--speculative-algorithm DSPARK --speculative-draft-model-path "
      .. "/models/draft --speculative-dspark-block-size 7")
  end)

  it("looks up k tokens of one branch, in a tree as deep as a match and its draft", function()
    local lookup = "--speculative-algorithm NGRAM --speculative-num-draft-tokens 5 %s"
      .. "--speculative-ngram-max-bfs-breadth 1"
    check({ method = "ngram", k = 4 }, RUNNING, lookup:format "--speculative-ngram-max-trie-depth 8 ")
    check({ method = "ngram", k = 4, prompt_lookup_max = 2 }, RUNNING,
      lookup:format "--speculative-ngram-max-trie-depth 6 ")
    assert.truthy(engine.load "sglang".unsupported({ method = "ngram", k = 4, prompt_lookup_min = 2 })
      :find("every length", 1, true))
  end)

  it("runs as many requests at once on both sides as the plan needs", function()
    local function running(changes)
      return table.concat(command("sglang", changes).argv, " "):match "%-%-max%-running%-requests (%d+)"
    end
    for _, method in ipairs { "none", "eagle", "ngram" } do
      assert.equal("48", running { method = method, k = 3, streams = 8 })
      assert.equal("128", running { method = method, k = 3, streams = 64 })
      assert.equal("600", running { method = method, k = 3, streams = 600 })
      assert.equal("32", running { method = method, k = 3, streams = 64, max_num_seqs = 32 })
    end
  end)

  it("maps scheduling, and refuses what it lacks", function()
    check({ chunked_prefill = false, async_scheduling = false, multi_step = 4 }, RUNNING,
      "--chunked-prefill-size -1 --disable-overlap-schedule --num-continuous-decode-steps 4")
    assert.is_nil(table.concat(command("sglang", { prefix_caching = true }).argv, " "):find("radix", 1, true))
    local sglang = engine.load "sglang"
    assert.truthy(sglang.unsupported({ disable_by_batch_size = 8 }):find("every batch size", 1, true))
    local older = { method = "ngram", k = 18, engine_version = "0.5.9" }
    assert.truthy(sglang.unsupported(older):find("at most 17", 1, true))
    assert.is_nil(sglang.unsupported { method = "ngram", k = 18 })
    assert.truthy(sglang.unsupported({ method = "draft", k = 2, multi_step = 8 }):find("multi_step", 1, true))
    assert.truthy(sglang.unsupported({ method = "medusa", k = 3 }):find("no method 'medusa'", 1, true))
  end)

  it("forces acceptance by a mean length, in the environment", function()
    local env = command("sglang", { method = "eagle", k = 3, acceptance = 2.5 }).env
    assert.equal("2.5", env.SGLANG_SIMULATE_ACC_LEN)
    assert.is_nil(command("sglang", { method = "eagle", k = 3 }).env.SGLANG_SIMULATE_ACC_LEN)
    assert.truthy(engine.load "sglang".unsupported({ method = "eagle", k = 1, acceptance = { 0.5 } }))
  end)
end)

describe("trtllm", function()
  local check = golden("trtllm", "trtllm-serve serve /models/target --host 127.0.0.1 --port 8000 --backend pytorch",
    "--config {config}")

  local function config(changes)
    return command("trtllm", changes).config
  end

  local COMMON = 'kv_cache_config: {"enable_block_reuse":false}\nreturn_perf_metrics: true\n'
    .. "enable_iter_perf_stats: true\n"

  it("serves without speculation, whatever draft and k say", function()
    check { method = "none", k = 3 }
    assert.equal(COMMON, config { method = "none", k = 3 })
    check({ tensor_parallel = 2, max_model_len = 4096, max_num_seqs = 128, chunked_prefill = true },
      "--tp_size 2 --max_seq_len 4096 --max_batch_size 128 --enable_chunked_prefill")
  end)

  it("says the rest in its configuration file", function()
    assert.equal('kv_cache_config: {"enable_block_reuse":true,"free_gpu_memory_fraction":0.9}\n'
      .. "return_perf_metrics: true\nenable_iter_perf_stats: true\ndtype: bfloat16\n"
      .. "disable_overlap_scheduler: true\n",
      config { dtype = "bfloat16", gpu_memory_utilization = 0.9, prefix_caching = true, async_scheduling = false })
  end)

  it("speculates by the configuration file", function()
    for method, name in pairs { eagle3 = "Eagle3", mtp = "MTP", dflash = "DFlash", dspark = "DSpark" } do
      assert.equal(COMMON .. ('speculative_config: {"decoding_type":"%s","max_draft_len":3,'
        .. '"speculative_model_dir":"/models/draft"}\n'):format(name), config { method = method, k = 3 })
    end
    local draft = 'speculative_config: {"decoding_type":"%s","max_draft_len":3,'
      .. '"speculative_model_dir":"/models/draft"}\n'
    assert.equal(COMMON .. draft:format "Draft_Target", config { method = "draft", k = 3 })
    assert.equal(COMMON .. draft:format "DraftTarget", config { method = "draft", k = 3, engine_version = "1.1.0" })
    assert.equal(COMMON .. 'speculative_config: {"decoding_type":"NGram","max_draft_len":3,"max_matching_ngram_size":2,'
      .. '"is_public_pool":false}\n', config { method = "ngram", k = 3, prompt_lookup_max = 2 })
  end)

  it("forces accepted draft tokens, one less than a step brings", function()
    local trtllm = engine.load "trtllm"
    assert.equal("1.5", command("trtllm", { method = "eagle3", k = 3, acceptance = 2.5 })
      .env.TLLM_SPEC_DECODE_FORCE_NUM_ACCEPTED_TOKENS)
    assert.is_nil(command("trtllm", { method = "none", k = 3, acceptance = 2.5 })
      .env.TLLM_SPEC_DECODE_FORCE_NUM_ACCEPTED_TOKENS)
    assert.truthy(trtllm.unsupported { method = "eagle3", k = 1, acceptance = { 0.5 } })
    assert.truthy(trtllm.unsupported { method = "ngram", k = 3, acceptance = 2 })
    assert.is_nil(trtllm.unsupported { method = "eagle3", k = 3, acceptance = 2 })
  end)

  it("serves a folder under its last name", function()
    assert.equal("target", engine.load "trtllm".served_name { model = TARGET })
    assert.equal("m", engine.load "trtllm".served_name { model = { path = "/models/m/" } })
  end)
end)

describe("llamacpp", function()
  local function check(changes, slots, rest)
    golden("llamacpp", "llama-server -m /models/target -a Qwen2.5-7B --host 127.0.0.1 --port 8000 "
      .. slots, "--metrics --no-warmup")(changes, "", rest)
  end

  it("gives every slot its whole context", function()
    check({}, "-c 16384 -np 4")
    check({ max_model_len = 2048, max_num_seqs = 8 }, "-c 16384 -np 8")
  end)

  it("drafts by model or by lookup", function()
    check({ method = "draft", k = 3 }, "-c 16384 -np 4",
      "-md /models/draft --spec-type draft-simple --spec-draft-n-max 3")
    check({ method = "eagle3", k = 5 }, "-c 16384 -np 4",
      "-md /models/draft --spec-type draft-eagle3 --spec-draft-n-max 5")
    check({ method = "ngram", k = 4 }, "-c 16384 -np 4",
      "--spec-type ngram-simple --spec-ngram-simple-size-n 4 --spec-ngram-simple-size-m 4")
    check({ method = "ngram", k = 4, prompt_lookup_max = 2 }, "-c 16384 -np 4",
      "--spec-type ngram-simple --spec-ngram-simple-size-n 2 --spec-ngram-simple-size-m 4")
  end)

  it("keeps the length of a match and k apart in each kind of lookup", function()
    local function lookup(method, rest)
      check({ method = method, k = 4, prompt_lookup_max = 12 }, "-c 16384 -np 4", rest)
    end
    lookup("ngram_map_k", "--spec-type ngram-map-k --spec-ngram-map-k-size-n 12 --spec-ngram-map-k-size-m 4")
    lookup("ngram_map_k4v", "--spec-type ngram-map-k4v --spec-ngram-map-k4v-size-n 12 --spec-ngram-map-k4v-size-m 4")
    lookup("ngram_mod", "--spec-type ngram-mod --spec-ngram-mod-n-match 12 --spec-ngram-mod-n-min 1 "
      .. "--spec-ngram-mod-n-max 4")
    check({ method = "ngram_cache", k = 8 }, "-c 16384 -np 4", "--spec-type ngram-cache")
  end)

  it("refuses a k that ngram-cache does not draft", function()
    local llamacpp = engine.load "llamacpp"
    assert.equal("llamacpp: k = 4: ngram-cache drafts 8 tokens whatever it is told: k = 8",
      llamacpp.unsupported { method = "ngram_cache", k = 4 })
    assert.is_nil(llamacpp.unsupported { method = "ngram_cache", k = 8 })
  end)

  it("combines ways to draft, and takes a least draft", function()
    check({ method = "draft", k = 3, speculative = { type = "draft-simple,ngram-mod", draft_n_min = 2,
      ngram_mod_n_match = 24 } }, "-c 16384 -np 4", "-md /models/draft --spec-type draft-simple,ngram-mod "
      .. "--spec-draft-n-max 3 --spec-draft-n-min 2 --spec-ngram-mod-n-match 24")
  end)

  it("forces acceptance by rates or by length", function()
    check({ method = "draft", k = 2, acceptance = { 0.8, 0.5 } }, "-c 16384 -np 4",
      "-md /models/draft --spec-type draft-simple --spec-draft-n-max 2 --spec-synth-rates 0.8,0.5")
    check({ method = "draft", k = 2, acceptance = 2 }, "-c 16384 -np 4",
      "-md /models/draft --spec-type draft-simple --spec-draft-n-max 2 --spec-synth-len 2")
  end)

  it("splits rows over the GPUs, and seeds", function()
    check({ tensor_parallel = 2, seed = 7 }, "-c 16384 -np 4 -s 7 -sm row")
  end)
end)

describe("sim", function()
  local check = golden("sim", "specbench sim --profile qwen2.5-7b --model Qwen2.5-7B "
    .. "--host 127.0.0.1 --port 8000", "")

  it("names the profile after the model", function()
    check({ method = "none", k = 3, disable_by_batch_size = 8 }, "--k 0")
    check({ method = "draft", k = 3 }, "--method draft --k 3 --per-request-acceptance")
    check({ method = "ngram", k = 5 }, "--method ngram --k 5 --per-request-acceptance")
  end)

  it("maps every knob that it simulates", function()
    check({ method = "draft", k = 3, max_num_seqs = 8, chunked_prefill = true, seed = 1, speed = 50,
      disable_by_batch_size = 8, speculative_max_model_len = 1280 },
      "--method draft --k 3 --per-request-acceptance --disable-by-batch-size 8 "
      .. "--speculative-max-model-len 1280 --max-num-seqs 8 --chunked-prefill --seed 1 --speed 50")
    check({ method = "draft", k = 3, k_by_batch_size = { { 1, 7, 3 }, { 8, 512, 0 } },
      scheduler_delay_factor = 0.5 },
      "--method draft --k 3 --per-request-acceptance --k-by-batch-size [[1, 7, 3], [8, 512, 0]] "
      .. "--scheduler-delay-factor 0.5")
    check({ method = "none", multi_step = 8, k_by_batch_size = { { 1, 512, 0 } } }, "--k 0 --multi-step 8")
  end)

  it("refuses multi-step scheduling where it is not simulated", function()
    local sim = engine.load "sim"
    assert.equal("sim: multi_step does not go with speculation",
      sim.unsupported { method = "draft", k = 3, multi_step = 8 })
    assert.equal("sim: multi_step with chunked_prefill is not simulated",
      sim.unsupported { method = "none", chunked_prefill = true, multi_step = 8 })
    assert.is_nil(sim.unsupported { method = "draft", k = 3, multi_step = 1, chunked_prefill = true })
  end)

  it("takes a profile's file where the model has one", function()
    local argv = command("sim", { model = { name = "m", path = "/my.json",
      binary = "/opt/specbench" } }).argv
    assert.same({ "/opt/specbench", "sim", "--profile", "/my.json", "--model", "m" },
      table.move(argv, 1, 6, 1, {}))
  end)
end)

describe("arguments and environment", function()
  local model = { name = "m", path = "/m", engine_args = { "--a", "1" },
    env = { A = "model", M = "1" } }

  it("come from the model first, then from the round", function()
    for _, name in ipairs { "sim", "vllm", "vllm_v0", "sglang", "trtllm", "llamacpp" } do
      local got = command(name, { model = model, extra_args = { "--b" },
        env = { A = "round", N = 2 },
        gpus = { 4, 5 }, method = "draft", k = 3 })
      local count = #got.argv
      assert.same({ "--a", "1", "--b" }, table.move(got.argv, count - 2, count, 1, {}))
      got.env.PROMETHEUS_MULTIPROC_DIR = nil
      assert.same({ A = "round", M = "1", N = "2", CUDA_VISIBLE_DEVICES = "4,5" }, got.env)
    end
  end)

  it("unset what would spoil vLLM's counters, and what the round unsets", function()
    for _, name in ipairs { "vllm", "vllm_v0" } do
      local env = command(name, { env = { LANG = false } }).env
      assert.is_false(env.PROMETHEUS_MULTIPROC_DIR)
      assert.is_false(env.LANG)
    end
  end)
end)

describe("a request", function()
  local function request(name, body, limits)
    return engine.load(name).request(body, limits)
  end

  it("asks vLLM for usage on every chunk", function()
    for _, name in ipairs { "vllm", "vllm_v0", "sglang", "trtllm", "external:vllm" } do
      local body, headers, note = request(name, { stream = true },
        { max_tokens = 50, min_tokens = 10, ignore_eos = true })
      assert.same({ stream = true, max_tokens = 50, min_tokens = 10, ignore_eos = true,
        stream_options = { include_usage = true, continuous_usage_stats = true } }, body)
      assert.same({}, headers)
      assert.is_nil(note)
    end
  end)

  it("has no stream options where it does not stream", function()
    for _, name in ipairs(engine.names) do
      assert.is_nil((request(name, { stream = false }, {})).stream_options)
      assert.is_nil((request(name, {})).stream_options)
    end
  end)

  it("tells the simulator task and prompt length", function()
    local body, headers = request("sim", {}, { max_tokens = 5, task = "translation",
      prompt_tokens = 256 })
    assert.equal(5, body.max_tokens)
    assert.same({ ["X-Specbench-Task"] = "translation", ["X-Prompt-Tokens"] = "256" }, headers)
  end)

  it("gives llama.cpp timings per token and keeps its cache out", function()
    local body, headers = request("llamacpp", { stream = true },
      { max_tokens = 64, ignore_eos = true })
    assert.same({ Connection = "close" }, headers)
    assert.same({ stream = true, max_tokens = 64, ignore_eos = true, cache_prompt = false,
      timings_per_token = true, stream_options = { include_usage = true } }, body)
  end)

  it("turns a least length into a fixed one for llama.cpp, where it is near the limit", function()
    local body, _, note = request("llamacpp", {}, { min_tokens = 1900, max_tokens = 1950 })
    assert.is_true(body.ignore_eos)
    assert.is_nil(body.min_tokens)
    assert.equal("no min_tokens here: every answer has max_tokens", note)
    body, _, note = request("llamacpp", {}, { min_tokens = 10, max_tokens = 1950 })
    assert.is_nil(body.ignore_eos)
    assert.equal("no min_tokens here: answers may be shorter than 10 tokens", note)
  end)

  it("sends a plain external server OpenAI's fields only", function()
    local body, _, note = request("external", { stream = true },
      { max_tokens = 9, ignore_eos = true })
    assert.same({ stream = true, max_tokens = 9, stream_options = { include_usage = true } }, body)
    assert.is_truthy(note:find("not OpenAI's", 1, true))
    assert.is_nil((select(3, request("external", {}, { max_tokens = 9 }))))
  end)
end)
