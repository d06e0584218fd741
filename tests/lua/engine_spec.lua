local acceptance = require "specbench.sweep.acceptance"
local bench = require "specbench"
local engine = require "specbench.engine"
local fs = require "sb.fs"
local home = require("sb.environment").home

local TARGET = { name = "qwen2.5-7b", path = "/models/target" }
local DRAFT = { name = "qwen2.5-0.5b", path = "/models/draft" }

local function resolved(changes)
  local server = { model = TARGET, draft = DRAFT, port = 8000, method = "none" }
  for key, value in pairs(changes or {}) do
    server[key] = value
  end
  return server
end

local function argv(name, changes)
  return table.concat(engine.load(name).command(resolved(changes)).argv, " ")
end

local function mistake(server, name)
  local ok, message = pcall(engine.check, server, engine.load(name or "vllm"))
  assert.is_false(ok)
  return message
end

local function close(expected, got)
  assert.is_true(math.abs(expected - got) < 1e-12, ("expected %s, got %s"):format(expected, got))
end

describe("loading an engine", function()
  it("knows each one by its own name", function()
    for _, name in ipairs(engine.names) do
      assert.equal(name, engine.load(name).name)
    end
  end)

  it("names the known ones where the name is unknown", function()
    local ok, message = pcall(engine.load, "vlm")
    assert.is_false(ok)
    assert.equal("unknown engine 'vlm' (did you mean 'vllm'?); known: sim, vllm, vllm_v0, sglang, trtllm, llamacpp, "
      .. "external, external:DIALECT, ./FILE.lua", message)
  end)

  it("refuses a dialect where there is none", function()
    assert.is_false(pcall(engine.load, "vllm:sim"))
    assert.is_false(pcall(engine.load, "external:external"))
    assert.is_false(pcall(engine.load, nil))
  end)

  it("finds the same fields in every engine", function()
    local names = { "external:vllm", "external:llamacpp" }
    table.move(engine.names, 1, #engine.names, #names + 1, names)
    for _, name in ipairs(names) do
      local module = engine.load(name)
      for capability in pairs(engine.load("vllm").capabilities) do
        assert.is_boolean(module.capabilities[capability], name .. " " .. capability)
      end
      for _, field in ipairs { "command", "request", "acceptance", "served_name", "unsupported",
        "ignored" } do
        assert.is_function(module[field], name .. " " .. field)
      end
      assert.is_string(module.ready.path)
      assert.equal(module.capabilities.spawn, module.ready.timeout_s ~= nil)
      assert.truthy(module.metrics.path:find "^/.*metrics$")
      assert.is_true(module.methods.none)
    end
  end)
end)

describe("the server description", function()
  it("is sound with a model alone", function()
    assert.is_true(engine.check({ model = "m" }, engine.load "vllm"))
  end)

  it("lists the known keys where one is unknown", function()
    local message = mistake { model = "m", tensor_paralel = 2 }
    local start = "server: unknown key 'tensor_paralel' (did you mean 'tensor_parallel'?); known: acceptance, async_"
    assert.equal(start, message:sub(1, #start))
    assert.is_truthy(message:find("tensor_parallel", 1, true))
  end)

  it("names key, value and expected type", function()
    assert.equal("server: k = '3': must be a whole number from 1", mistake { model = "m", k = "3" })
    assert.truthy(mistake({ model = ("m"):rep(4097) }):find("': must be a model's name of at most 4096 bytes", 1, true))
    assert.equal("server: k = 2.5: must be a whole number from 1", mistake { model = "m", k = 2.5 })
    assert.equal("server: k = 0: must be a whole number from 1", mistake { model = "m", k = 0 })
    assert.equal("server: dtype = 16: must be a string such as \"bfloat16\"",
      mistake { model = "m", dtype = 16 })
    assert.equal("server: gpu_memory_utilization = 0: must be a number above 0, at most 1",
      mistake { model = "m", gpu_memory_utilization = 0 })
    assert.equal("server: chunked_prefill = 'yes': must be true or false",
      mistake { model = "m", chunked_prefill = "yes" })
    assert.equal("server: extra_args[2] = 3: must be a string",
      mistake { model = "m", extra_args = { "--x", 3 } })
    assert.equal("server: extra_args = a table: must be a list of strings",
      mistake { model = "m", extra_args = { x = "1" } })
    assert.equal("server: env.A = true: must be a string, a number or false",
      mistake { model = "m", env = { A = true } })
    assert.equal("server: disable_by_batch_size = 1: must be a whole number from 2",
      mistake { model = "m", disable_by_batch_size = 1 })
    assert.equal("server: profile = '': must be a string that is not empty or a list of strings",
      mistake { model = "m", profile = "" })
    assert.equal("server.k_by_batch_size[2]: first is above last",
      mistake { model = "m", k_by_batch_size = { { 1, 7, 3 }, { 9, 8, 0 } } })
    assert.equal("server.k_by_batch_size[1]: [3] = -1: must be a whole number from 0",
      mistake { model = "m", k_by_batch_size = { { 1, 7, -1 } } })
    assert.equal("server: must be a table, not nil", mistake(nil))
  end)

  it("says what is missing", function()
    assert.equal("server: model is missing", mistake {})
    assert.equal("server: method 'ngram' needs k = N, the draft tokens per step",
      mistake { model = "m", method = "ngram" })
    assert.equal("server: method 'draft' needs draft = MODEL, which proposes tokens",
      mistake { model = "m", method = "draft", k = 3 })
  end)

  it("tells a mistyped method from one that the engine lacks", function()
    local message = mistake { model = "m", method = "ngrams", k = 3 }
    assert.is_truthy(message:find("server: method = 'ngrams': must be one of \"none\", \"draft\", \"ngram\",", 1, true))
    assert.is_truthy(message:find("(did you mean 'ngram'?)", 1, true))
    local ok, reason, code = engine.check({ model = "m", draft = "h", method = "medusa", k = 3 },
      engine.load "llamacpp")
    assert.is_nil(ok)
    assert.equal("unsupported", code)
    assert.equal("llamacpp has no method 'medusa' (it has dflash, draft, dspark, eagle3, mtp, "
      .. "ngram, ngram_cache, ngram_map_k, ngram_map_k4v, ngram_mod, none)", reason)
  end)

  it("holds forced acceptance to what can be", function()
    local server = { model = "m", draft = "d", method = "draft", k = 2 }
    local function with(forced)
      server.acceptance = forced
      return server
    end
    assert.is_true(engine.check(with { 0.7, 0.4 }, engine.load "vllm"))
    assert.is_true(engine.check(with(2.5), engine.load "llamacpp"))
    assert.equal("server: acceptance has 1 rates: must be k = 2 of them, one a position",
      mistake(with { 0.7 }))
    assert.equal("server: acceptance: rate 2 is above rate 1: unconditional rates never grow",
      mistake(with { 0.4, 0.7 }))
    assert.equal("server: acceptance = 3.5: a step brings at most k + 1 = 3 tokens",
      mistake(with(3.5)))
    assert.equal("server: acceptance[1] = 1.5: must be a number from 0 to 1", mistake(with { 1.5, 0.2 }))
    assert.equal("server: acceptance = 0.5: must be a number from 1 or a list of numbers from 0 to 1",
      mistake(with(0.5)))
  end)

  it("refuses a lookup range that is upside down", function()
    assert.equal("server: prompt_lookup_min = 4 is above prompt_lookup_max = 3",
      mistake { model = "m", method = "ngram", k = 3, prompt_lookup_max = 3,
        prompt_lookup_min = 4 })
  end)
end)

describe("what an engine cannot do", function()
  local function reason(name, changes)
    return engine.load(name).unsupported(resolved(changes))
  end

  it("is told with what to use instead", function()
    assert.is_truthy(reason("vllm", { disable_by_batch_size = 8 }):find("use k_by_batch_size", 1,
      true))
    assert.is_truthy(reason("vllm_v0", { acceptance = 2 }):find("vllm and llamacpp can", 1, true))
    assert.is_truthy(reason("sim", { method = "draft", k = 2, acceptance = 2 }):find("profile", 1,
      true))
    assert.is_nil(reason("vllm_v0", { disable_by_batch_size = 8, method = "draft", k = 3 }))
    assert.is_nil(reason("sim", { disable_by_batch_size = 8, method = "draft", k = 3 }))
  end)

  it("passes over a knob that is set to nothing", function()
    assert.is_nil(reason("vllm", { multi_step = 1, scheduler_delay_factor = 0,
      prefix_caching = false }))
    assert.equal("vllm: multi_step: V0 only; V1 schedules ahead by async_scheduling = true",
      reason("vllm", { multi_step = 8 }))
  end)

  it("knows which of vLLM's methods are never scheduled asynchronously", function()
    for _, method in ipairs { "ngram", "suffix", "medusa" } do
      assert.equal("vllm: async_scheduling = true does not go with " .. method,
        reason("vllm", { method = method, k = 3, async_scheduling = true, engine_version = "0.32.0" }))
      assert.is_nil(reason("vllm", { method = method, k = 3, async_scheduling = false }))
    end
    assert.is_nil(reason("vllm", { method = "ngram", k = 3, async_scheduling = true, engine_version = "0.33.0" }))
    for _, method in ipairs { "none", "draft", "ngram_gpu", "eagle", "eagle3", "mtp", "dflash", "dspark" } do
      assert.is_nil(reason("vllm", { method = method, k = 3, async_scheduling = true }))
    end
  end)

  it("knows V0's exclusions", function()
    assert.equal("vllm_v0: chunked_prefill does not go with method 'eagle'",
      reason("vllm_v0", { method = "eagle", k = 2, chunked_prefill = true }))
    assert.equal("vllm_v0: draft_tensor_parallel must be 1 with method 'medusa'",
      reason("vllm_v0", { method = "medusa", k = 3, draft_tensor_parallel = 2 }))
    assert.equal("vllm_v0: multi_step does not go with speculation",
      reason("vllm_v0", { method = "draft", k = 3, multi_step = 8 }))
    assert.is_nil(reason("vllm_v0", { multi_step = 8 }))
    assert.truthy(reason("llamacpp", { chunked_prefill = false }):find("always cuts prefills", 1, true))
    assert.is_nil(reason("llamacpp", { chunked_prefill = true }))
    assert.is_nil(reason("vllm_v0", { method = "draft", k = 3, chunked_prefill = true }))
  end)

  it("counts the GPUs", function()
    assert.equal("vllm: tensor_parallel = 4, but the server was given 2 GPU(s)",
      reason("vllm", { tensor_parallel = 4, gpus = { 0, 1 } }))
    assert.is_nil(reason("vllm", { tensor_parallel = 2, gpus = { 0, 1 } }))
  end)

  it("lists what it passes over because nothing changes", function()
    local ignored = engine.load("llamacpp").ignored(resolved { quantization = "awq",
      dtype = "bfloat16" })
    assert.same({
      { key = "dtype", why = "the GGUF file decides" },
      { key = "quantization", why = "the GGUF file decides" },
    }, ignored)
  end)
end)

describe("acceptance from counters", function()
  local delta = {
    ['vllm:spec_decode_num_drafts_total{engine="0",model_name="m"}'] = 60,
    ['vllm:spec_decode_num_drafts_total{engine="1",model_name="m"}'] = 40,
    ['vllm:spec_decode_num_draft_tokens_total{engine="0",model_name="m"}'] = 300,
    ['vllm:spec_decode_num_accepted_tokens_total{engine="0",model_name="m"}'] = 150,
    ['vllm:spec_decode_num_accepted_tokens_total_created{engine="0",model_name="m"}'] = 1e9,
    ['vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",position="0"}'] = 50,
    ['vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="1",position="0"}'] = 30,
    ['vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",position="1"}'] = 45,
    ['vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",position="2"}'] = 25,
    ['vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",position="1000000000000"}'] = 1, -- is none
  }

  it("sums engines and divides by drafts", function()
    for _, name in ipairs { "vllm", "sim", "external:vllm" } do
      local got = engine.load(name).acceptance(delta, { method = "draft", k = 3 })
      assert.equal(100, got.drafts)
      assert.equal(300, got.draft_tokens)
      assert.equal(150, got.accepted_tokens)
      close(0.5, got.rate)
      close(2.5, got.mean_length)
      assert.same({ 0.8, 0.45, 0.25 }, got.per_position)
      assert.equal("counters", got.source)
      assert.is_nil(got.note)
    end
  end)

  it("takes a scraper's own sum instead of adding it to its parts", function()
    local summed = { ["vllm:spec_decode_num_drafts_total"] = 100 }
    for key, value in pairs(delta) do
      summed[key] = value
    end
    assert.equal(100, engine.load("vllm").acceptance(summed).drafts)
  end)

  it("warns where steps without a draft are not counted", function()
    local got = engine.load("vllm").acceptance(delta, { method = "ngram", k = 3 })
    assert.is_truthy(got.note:find("steps without a draft", 1, true))
  end)

  it("warns where steps without a match are counted", function()
    local got = engine.load("vllm").acceptance(delta, { method = "ngram_gpu", k = 3 })
    assert.is_truthy(got.note:find("steps without a match count", 1, true))
  end)

  it("has no rates where nothing was drafted", function()
    local got = engine.load("llamacpp").acceptance {
      ["llamacpp:spec_decode_num_drafts_total"] = 0,
      ["llamacpp:spec_decode_num_draft_tokens_total"] = 0,
      ["llamacpp:spec_decode_num_accepted_tokens_total"] = 0,
    }
    assert.equal(0, got.drafts)
    assert.is_nil(got.rate)
    assert.is_nil(got.mean_length)
  end)

  it("reads llama.cpp's real counters", function()
    local got = engine.load("llamacpp").acceptance {
      ["llamacpp:spec_decode_num_drafts_total"] = 211,
      ["llamacpp:spec_decode_num_draft_tokens_total"] = 619,
      ["llamacpp:spec_decode_num_accepted_tokens_total"] = 292,
      ['llamacpp:spec_decode_num_accepted_tokens_per_pos_total{position="0"}'] = 137,
      ['llamacpp:spec_decode_num_accepted_tokens_per_pos_total{position="1"}'] = 92,
      ['llamacpp:spec_decode_num_accepted_tokens_per_pos_total{position="2"}'] = 63,
    }
    close(292 / 619, got.rate)
    close(503 / 211, got.mean_length)
    close(got.mean_length, 1 + got.per_position[1] + got.per_position[2] + got.per_position[3])
  end)

  it("says so where the counters are missing or went backwards", function()
    local got, message = engine.load("vllm").acceptance {}
    assert.is_nil(got)
    assert.equal("no counters vllm:spec_decode_num_{drafts,draft_tokens,accepted_tokens}_total",
      message)
    got, message = engine.load("llamacpp").acceptance {
      ["llamacpp:spec_decode_num_drafts_total"] = -5,
      ["llamacpp:spec_decode_num_draft_tokens_total"] = -15,
      ["llamacpp:spec_decode_num_accepted_tokens_total"] = 0,
    }
    assert.is_nil(got)
    assert.is_truthy(message:find("went backwards", 1, true))
    got, message = engine.load("external").acceptance(delta)
    assert.is_nil(got)
    assert.is_truthy(message:find("external:vllm", 1, true))
  end)

  it("marks V0's as over-counting", function()
    local got = engine.load("vllm_v0").acceptance({
      ["vllm:spec_decode_num_draft_tokens_total{model_name=\"m\"}"] = 300,
      ["vllm:spec_decode_num_accepted_tokens_total{model_name=\"m\"}"] = 180,
      ["vllm:spec_decode_num_emitted_tokens_total{model_name=\"m\"}"] = 250,
    }, { method = "draft", k = 3 })
    close(0.6, got.rate)
    close(100, got.drafts)
    close(2.5, got.mean_length)
    assert.is_truthy(got.note:find("over-count", 1, true))
    got = engine.load("vllm_v0").acceptance { ["vllm:spec_decode_num_draft_tokens_total"] = 3 }
    assert.is_nil(got)
  end)
end)

describe("acceptance from V0's log", function()
  local function line(accepted, draft, emitted)
    return ("INFO 01-02 03:04:05 metrics.py:477] Speculative metrics: Draft acceptance rate: "
      .. "0.600, System efficiency: 0.625, Number of speculative tokens: 4, "
      .. "Number of accepted tokens: %d, "
      .. "Number of draft tokens: %d, Number of emitted tokens: %d."):format(accepted, draft,
        emitted)
  end
  local from_log = engine.load("vllm_v0").acceptance_from_log

  it("is the difference of two lines", function()
    local got = from_log(line(100, 400, 180), line(340, 800, 480))
    assert.equal(400, got.draft_tokens)
    assert.equal(240, got.accepted_tokens)
    close(0.6, got.rate)
    close(100, got.drafts)
    close(3, got.mean_length)
    assert.equal("log", got.source)
  end)

  it("counts from the start where there is no line before", function()
    close(0.25, from_log(nil, line(100, 400, 180)).rate)
  end)

  it("is what a cell believes, where its server wrote one since", function()
    local v0 = engine.load "vllm_v0"
    local log = os.tmpname()
    local _ <close> = setmetatable({}, { __close = function() os.remove(log) end })
    local server <close> = assert(bench.server.start {
      argv = { "python3", home .. "/tests/engine/replay.py", "{port}", home }, timeout = 30,
    })
    local function read(text)
      assert(fs.write(log, text))
      return assert(acceptance.read(v0, { url = server.url, log = log }))
    end
    local silent, first = read "INFO up\n", read(line(100, 400, 180) .. "\nINFO more\n")
    local both = read(line(100, 400, 180) .. "\n" .. line(340, 800, 480) .. "\n")
    assert.equal("log", acceptance.between(v0, silent, first, { k = 4 }).source)
    close(0.6, acceptance.between(v0, first, both, { k = 4 }).rate)
    -- without a new line there are the counters only
    local found, message = acceptance.between(v0, both, both, { k = 4 })
    assert.is_nil(found)
    assert.truthy(message:find("no counters", 1, true))
  end)

  it("refuses other lines, and totals of another server", function()
    assert.is_nil((from_log("INFO something", line(1, 2, 3))))
    assert.is_nil((from_log(nil, "INFO something")))
    assert.is_nil((from_log(line(340, 800, 480), line(100, 400, 180))))
  end)
end)

describe("an external server", function()
  it("is not started", function()
    local external = engine.load "external:vllm"
    assert.is_false(external.capabilities.spawn)
    assert.is_true(engine.load("external:vllm_v0").capabilities.chunk_is_step)
    assert.is_true(engine.load("vllm").capabilities.spawn)
    assert.same({ url = "http://127.0.0.1:9000" },
      external.command { model = { name = "m", url = "http://127.0.0.1:9000/" } })
  end)

  it("must have a url", function()
    local ok, message = pcall(engine.load("external").command, { model = { name = "m" } })
    assert.is_false(ok)
    assert.equal("external: model 'm' has no url: give it in the models file, or --url", message)
  end)

  it("takes the round's description at its word", function()
    assert.is_nil(engine.load("external:llamacpp").unsupported(resolved { method = "medusa", k = 3,
      disable_by_batch_size = 8 }))
  end)
end)

describe("the simulator's acceptance", function()
  it("is assumed where its profile has nothing published behind it", function()
    local sim = engine.load "sim"
    local function assumed(name, method, task)
      return sim.assumed({ model = { name = name }, method = method, k = 3 }, task)
    end
    assert.is_nil(assumed("Qwen2.5-7B", "draft", "specbench_QA"))
    assert.is_true(assumed("Qwen2.5-7B", "draft", "polish"))
    assert.is_true(assumed("Qwen2.5-7B", "draft")) -- the default's
    assert.is_true(assumed("Qwen2.5-7B", "ngram", "SpecBench_qa"))
    assert.is_true(assumed("qwen2.5-14b", "draft", "SpecBench_qa")) -- scaled
    assert.is_true(assumed("llama-3.1-8b", "eagle3", "SpecBench_qa"))
    assert.is_nil(assumed("llama-3.1-8b", "none", "SpecBench_qa"))
    assert.is_nil(assumed("nobody's", "draft"))
  end)

  it("is looked for in what a profile extends, and is not where a profile of its own says nothing", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(fs.mkdir(folder))
    local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
    assert(fs.write(folder .. "/old.json", '{"scaled": true, "methods": {"draft": {"acceptance": {"default": '
      .. '{"conditional": [0.5], "assumed": true}, "qa": {"conditional": [0.6]}}}}}'))
    assert(fs.write(folder .. "/new.json", '{"extends": "old", "scaled": false, "methods": {"draft": {"acceptance": '
      .. '{"mt": {"conditional": [0.7]}}}}}'))
    local function assumed(file, task)
      local model = { name = "m", path = folder .. file }
      return engine.load("sim").assumed({ model = model, method = "draft", k = 1 }, task)
    end
    assert.is_true(assumed("/old.json", "qa"))
    assert.is_nil(assumed("/new.json", "mt"))
    assert.is_nil(assumed("/new.json", "qa"))
    assert.is_true(assumed("/new.json", "else"))
  end)
end)

describe("argv", function()
  it("does not change from call to call", function()
    local changes = { method = "draft", k = 3, env = { A = "1", B = "2" }, seed = 7,
      max_num_seqs = 8 }
    for _, name in ipairs { "sim", "vllm", "vllm_v0", "llamacpp" } do
      assert.equal(argv(name, changes), argv(name, changes))
    end
  end)
end)
