-- What a comparison holds equal: the plain servers that a pinned round asks for, how vLLM says it really runs, and what
-- a report makes of it.

local engine = require "specbench.engine"
local flags = require "specbench.analysis.flags"
local likeness = require "specbench.analysis.likeness"
local match = require "specbench.experiment.match"
local plan = require "specbench.experiment.plan"
local grid = require "specbench.experiment.grid"
local round = require "specbench.experiment.round"
local speedup = require "specbench.analysis.speedup"
local vllm_log = require "specbench.engine.vllm_log"

local METHODS = { "none", "draft", "ngram", "ngram_gpu", "eagle", "medusa" }

local function new_round(changes)
  local spec = {
    name = "r", axes = { { "method", METHODS }, { "concurrency", { 1, 8 } } }, baseline = { method = "none" },
    server = function(c)
      local server = { model = "t", method = c.method, k = 3 }
      if c.method == "draft" or c.method == "eagle" or c.method == "medusa" then server.draft = "d" end
      for key, value in pairs(changes or {}) do server[key] = value end
      return server
    end,
    workload = function(c)
      return { prompts = require("specbench.dataset").prompts { dataset = "random", tokens = 20, count = 4,
        seed = c.seed }, limits = function() return { max_tokens = 8 } end }
    end,
  }
  return round.new(spec)
end

local function options(fields)
  local all = { engine = "vllm", engine_version = "0.26.0", match = "pinned" }
  for key, value in pairs(fields or {}) do all[key] = value end
  return all
end

-- method and how its plain server is started -> how many cells
local function servers_of(the_plan)
  local found = {}
  for _, job in ipairs(the_plan.jobs) do
    local key = job.server.method .. "/" .. tostring(job.coordinates.pinned)
    found[key] = (found[key] or 0) + 1
  end
  return found
end

local function line_of(the_plan, wanted)
  for _, job in ipairs(the_plan.jobs) do
    if job.server.method == "none" and job.coordinates.pinned == wanted then
      local argv, env = plan.command(the_plan, job)
      return table.concat(argv, " "), env
    end
  end
end

describe("a pinned round", function()
  it("has a plain server for each way that a method runs, and each method with its own", function()
    local the_plan = plan.new(new_round(), options())
    assert.same({
      ["none/nothing"] = 2, ["none/V1"] = 2, ["none/V1-sync"] = 2, ["draft/V1-sync"] = 2, ["ngram/V1-sync"] = 2,
      ["medusa/V1-sync"] = 2, ["ngram_gpu/V1"] = 2, ["eagle/nothing"] = 2,
    }, servers_of(the_plan))
    local plain, plain_env = line_of(the_plan, "nothing")
    assert.is_nil(plain:find("async", 1, true))
    assert.is_nil(plain_env.VLLM_USE_V2_MODEL_RUNNER)
    local v1, v1_env = line_of(the_plan, "V1")
    assert.is_nil(v1:find("async", 1, true))
    assert.equal("0", v1_env.VLLM_USE_V2_MODEL_RUNNER)
    local sync, sync_env = line_of(the_plan, "V1-sync")
    assert.truthy(sync:find(" --no-async-scheduling", 1, true))
    assert.equal("0", sync_env.VLLM_USE_V2_MODEL_RUNNER)
  end)

  it("never changes how a method is started", function()
    local function methods(mode)
      local list = {}
      local the_plan = plan.new(new_round(), options { match = mode })
      for _, job in ipairs(the_plan.jobs) do
        if job.server.method ~= "none" then
          local argv, env = plan.command(the_plan, job)
          list[#list + 1] = table.concat(argv, " ") .. tostring(env.VLLM_USE_V2_MODEL_RUNNER)
        end
      end
      table.sort(list)
      return list
    end
    local pinned = methods "pinned"
    assert.equal(10, #pinned)
    assert.same(methods "deployed", pinned)
  end)

  it("compares each method with the twin that runs as it does", function()
    local by_key = {}
    local the_plan = plan.new(new_round(), options())
    for _, job in ipairs(the_plan.jobs) do by_key[job.key] = job end
    for _, job in ipairs(the_plan.jobs) do
      local base = assert(by_key[job.baseline], "no baseline of " .. job.description)
      assert.equal("none", base.server.method)
      assert.equal(job.coordinates.pinned, base.coordinates.pinned)
      assert.equal(job.coordinates.concurrency, base.coordinates.concurrency)
    end
  end)

  it("asks for no twin where the round settles scheduling, or the version has one way only", function()
    assert.same({ ["none/nothing"] = 2, ["eagle/nothing"] = 2 }, (function()
      local r = new_round { async_scheduling = true }
      grid.only(r, { "method=none,eagle" })
      return servers_of(plan.new(r, options()))
    end)())
    local r = new_round { async_scheduling = false }
    grid.only(r, { "method=none,draft" })
    assert.same({ ["none/V1"] = 2, ["draft/V1"] = 2 }, servers_of(plan.new(r, options())))
    r = new_round()
    grid.only(r, { "method=none,draft" })
    local old = servers_of(plan.new(r, options { engine_version = "0.24.0" }))
    assert.same({ ["none/sync"] = 2, ["draft/sync"] = 2 }, old)
    local newer = servers_of(plan.new(r, options { engine_version = "0.28.0" }))
    assert.same({ ["none/V1"] = 2, ["draft/V1"] = 2 }, newer)
    local newest = servers_of(plan.new(r, options { engine_version = "0.31.0" }))
    assert.same({ ["none/nothing"] = 2, ["draft/nothing"] = 2 }, newest)
    r = new_round { env = { VLLM_USE_V2_MODEL_RUNNER = "0" } }
    grid.only(r, { "method=none,ngram_gpu" })
    assert.same({ ["none/nothing"] = 2, ["ngram_gpu/nothing"] = 2 }, servers_of(plan.new(r, options())))
  end)

  it("is the round itself where it is compared as deployed", function()
    local found = servers_of(plan.new(new_round(), options { match = "deployed" }))
    assert.equal(2, found["none/nil"])
    assert.is_nil(found["none/V1/nil"])
  end)

  it("makes TensorRT-LLM's plain server synchronous for methods outside its loop", function()
    local r = new_round()
    grid.only(r, { "method=none,draft,ngram" })
    local the_plan = plan.new(r, options { engine = "trtllm", engine_version = "1.2.0" })
    assert.same({ ["none/sync"] = 2, ["draft/sync"] = 2, ["ngram/sync"] = 2 }, servers_of(the_plan))
    local config = engine.load("trtllm").command({ model = { path = "/m" },
      pinned = { async_scheduling = false } }).config
    assert.truthy(config:find("disable_overlap_scheduler: true", 1, true))
  end)

  it("keeps its twins apart in the reference's tables", function()
    local r = new_round()
    r.export = { "spec-bench-vllm", function(c) return { method = c.method, folder = "f" } end }
    local names = {}
    for _, job in ipairs(plan.new(r, options()).jobs) do names[job.export["spec-bench-vllm"].method] = true end
    assert.truthy(names.none and names["none-V1"] and names["none-V1-sync"] and names.draft and names.eagle)
  end)

  it("knows no other words for it", function()
    local function check(pinned)
      return pcall(engine.check, { model = "m", pinned = pinned }, engine.load "vllm")
    end
    assert.is_true(check { runner = "V1", async_scheduling = false })
    assert.is_false(check { runner = "V2" })
    assert.is_false(check { async_scheduling = true })
    assert.is_false(check { graphs = "none" })
  end)
end)

-- As vLLM 0.26.0 writes them; config lines cut short.
local LOG = [[
(APIServer pid=11) INFO 11-29 20:00:00 [vllm.py:1109] Asynchronous scheduling is %s.
(EngineCore pid=12) INFO 11-29 20:00:09 [core.py:116] Initializing a V1 LLM engine (v0.26.0) with config: ]]
  .. [[model='/m', dtype=torch.bfloat16, quantization=None, quantization_config=None, enforce_eager=False, ]]
  .. [[kv_cache_dtype=auto, compilation_config={'mode': <CompilationMode.VLLM_COMPILE: 3>, ]]
  .. [['cudagraph_mode': <CUDAGraphMode.FULL_AND_PIECEWISE: (2, 1)>, 'cudagraph_capture_sizes': ]]
  .. "[1, 2, 512], 'max_cudagraph_capture_size': 512}\n" .. [[
%s(EngineCore pid=12) INFO 11-29 20:00:12 [cuda.py:482] Using FLASH_ATTN attention backend out of potential backends: ]]
  .. [[['FLASH_ATTN', 'FLASHINFER'].
%s(EngineCore pid=12) INFO 11-29 20:00:30 [kv_cache_utils.py:2177] GPU KV cache size: 1,234,560 tokens
]]

describe("vLLM's log", function()
  it("tells how a server really runs", function()
    assert.same({
      runner = "V2", async_scheduling = true, attention = "FLASH_ATTN", graphs = "FULL_AND_PIECEWISE",
      graph_tokens = 512, compilation = "VLLM_COMPILE", kv_cache_tokens = 1234560,
      kv_cache_dtype = "auto", quantization = "None",
    }, vllm_log.effective(LOG:format("enabled",
      "(EngineCore pid=12) INFO 11-29 20:00:10 [gpu_worker.py:377] Using V2 Model Runner\n", "")))
    local fallen = vllm_log.effective(LOG:format("disabled", "",
      "WARNING CUDAGraphMode.FULL is not supported with spec-decode for attention backend X (support: 1); "
      .. "setting cudagraph_mode=PIECEWISE\n"))
    assert.equal("V1", fallen.runner)
    assert.equal(false, fallen.async_scheduling)
    assert.equal("PIECEWISE", fallen.graphs)
  end)

  it("tells nothing where it was silenced", function()
    assert.same({}, vllm_log.effective "(APIServer pid=1) WARNING something\n")
    assert.same({}, vllm_log.effective "")
  end)

  it("counts kernels that came late", function()
    local line = "WARNING [jit_monitor.py:135] Triton kernel JIT compilation during inference: _k. This causes...\n"
    assert.equal(0, vllm_log.compilations "nothing\n")
    assert.equal(2, vllm_log.compilations(line .. "other\n" .. line))
  end)
end)

describe("a report", function()
  local function cell(method, effective)
    return {
      key = method, baseline = "none", coordinates = { method = method }, repetition = 1,
      started = "1", clock_scale = 1, input_tokens = 10,
      metrics = { duration = 1, requests = 1, total_input_tokens = 10, total_output_tokens = 5 },
      engine = { name = "vllm", effective = effective },
      identity = { engine = "vllm", workload = {}, server = { method = method, model = { name = "m" } } },
    }
  end

  it("says where baseline and method fell on different ways", function()
    local plain = { runner = "V2", async_scheduling = true, attention = "FLASH_ATTN", kv_cache_tokens = 1000 }
    local fallen = { runner = "V1", async_scheduling = false, attention = "FLASH_ATTN", kv_cache_tokens = 850 }
    local alike = { runner = "V2", async_scheduling = true, attention = "FLASH_ATTN", kv_cache_tokens = 950 }
    local cells = { cell("none", plain), cell("draft", fallen), cell("eagle", alike), cell("medusa", nil) }
    local list = likeness.of(cells, speedup.index(cells))
    assert.same({ { method = "draft", cells = 1, difference = "model runner V2 against V1, asynchronous scheduling on "
      .. "against off, KV cache of 1000 against 850 tokens" } }, list)
    assert.truthy(likeness.text(list, "deployed"):find("--match pinned", 1, true))
    assert.is_nil(likeness.text(list, "pinned"):find("--match", 1, true))
    assert.equal("", likeness.text({}, "deployed"))
  end)

  it("says where graphs end before a method's steps do", function()
    local function at(method, concurrency, k, tokens)
      local made = cell(method, { graph_tokens = tokens })
      made.identity.workload.concurrency, made.identity.server.k = concurrency, k
      return made
    end
    local function said(base, method)
      local cells = { base, method }
      for _, item in ipairs(flags.of(cells, speedup.index(cells))) do
        if item.flag == "graphs" then return item.reason end
      end
    end
    assert.equal("its steps of 512 tokens ran without a CUDA graph (they end at 128), the baseline's of 128 "
      .. "with one",
      said(at("none", 128, nil, 128), at("eagle", 128, 3, 128)))
    assert.is_nil(said(at("none", 32, nil, 128), at("eagle", 32, 3, 128)))
    assert.is_nil(said(at("none", 256, nil, 128), at("eagle", 256, 3, 128))) -- neither side has one
    assert.is_nil(said(at("none", 128, nil, nil), at("eagle", 128, 3, nil)))
  end)

  it("says where one side's server sent behind what it wrote", function()
    local function at(method, tokens_per_chunk, mean_length)
      local made = cell(method)
      made.metrics.tokens_per_chunk, made.identity.server.method = tokens_per_chunk, method
      made.acceptance = mean_length and { mean_length = mean_length }
      return made
    end
    local function said(base, method)
      local cells = { base, method }
      for _, item in ipairs(flags.of(cells, speedup.index(cells))) do
        if item.flag == "merged" then return item.reason end
      end
    end
    assert.equal("a chunk of its baseline brought the tokens of 10.5 steps, one of its own those of 1.0",
      said(at("none", 10.5), at("eagle", 1.6, 1.6)))
    assert.equal("a chunk of its baseline brought the tokens of 1.0 steps, one of its own those of 2.0",
      said(at("none", 1), at("eagle", 3.2, 1.6)))
    assert.is_nil(said(at("none", 1), at("eagle", 1.6, 1.6)))
    assert.is_nil(said(at("none", 4), at("eagle", 6.4, 1.6))) -- both sides alike, as an engine's setting makes them
    assert.is_nil(said(at("none", 1), at("ngram", 1.2, 2))) -- which does not draft in every step
    assert.is_nil(said(at("none", 10.5), at("eagle", 1.6))) -- its steps are not known
  end)

  it("names the mode, where the folder knows it", function()
    assert.truthy(match.line("deployed"):find("deployed", 1, true))
    assert.truthy(match.line("pinned"):find("pinned", 1, true))
    assert.is_nil(match.line(nil))
  end)
end)
