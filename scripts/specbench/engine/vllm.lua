--- vLLM, engine V1: `vllm serve` with --speculative-config, from 0.8.2 on.

local base = require "specbench.engine.base"
local counters = require "specbench.engine.counters"
local description = require "specbench.engine.description"
local http = require "specbench.engine.vllm_http"
local json_object = require "specbench.engine.json_object"
local vllm_log = require "specbench.engine.vllm_log"
local installed = require "specbench.engine.installed"
local version = require "specbench.base.version"

local PREFIX = "vllm:spec_decode_num_"

-- Neutral name -> vLLM's, where they differ.
local METHOD_NAMES = { draft = "draft_model" }

-- config/vllm.py of the releases 0.13.0 to 0.33.0: methods that vLLM refuses to schedule asynchronously on runner V1,
-- and the first release that serves a method on model runner V2.
local SYNCHRONOUS = base.set { "ngram", "suffix", "medusa" }
local RUNNER_V2 = {
  eagle = "0.25.0", eagle3 = "0.25.0", mtp = "0.25.0", dflash = "0.25.0", dspark = "0.25.0",
  draft = "0.31.0", ngram = "0.32.0", ngram_gpu = "0.32.0",
}

-- What the counters say of methods that sometimes propose nothing. ngram_gpu fills k places on the GPU whether it
-- found a match or not.
local UNCOUNTED = "steps without a draft are not counted: the mean length is that of steps with one"
local COUNTED = "steps without a match count as k rejected drafts: rate and mean length are those of all steps"
local NOTES = { ngram = UNCOUNTED, suffix = UNCOUNTED, ngram_gpu = COUNTED }

-- Both bounds are spelled out: left out, V1 looks for matches of 5 tokens, V0 for those of 1 to k.
local function lookup_range(server)
  if server.method ~= "ngram" and server.method ~= "ngram_gpu" then return nil, nil end
  return server.prompt_lookup_max or server.k, server.prompt_lookup_min or 1
end

local function speculative_config(server)
  local acceptance = server.acceptance
  local method = server.method
  local lookup_max, lookup_min = lookup_range(server)
  return json_object(base.with_own_words({
    { "method", METHOD_NAMES[method] or method },
    { "model", description.may_have_draft[method] and server.draft and server.draft.path or nil },
    { "num_speculative_tokens", server.k },
    { "draft_tensor_parallel_size", server.draft_tensor_parallel },
    { "max_model_len", server.speculative_max_model_len },
    { "prompt_lookup_max", lookup_max },
    { "prompt_lookup_min", lookup_min },
    { "num_speculative_tokens_per_batch_size", server.k_by_batch_size },
    -- it would know the answers of the last cell with the same prompts; what a request itself has said is kept
    { "suffix_decoding_max_cached_requests", method == "suffix" and 0 or nil },
    { "rejection_sample_method", acceptance and "synthetic" or nil },
    { "synthetic_acceptance_rates", type(acceptance) == "table" and acceptance or nil },
    { "synthetic_acceptance_length", type(acceptance) == "number" and acceptance or nil },
  }, server))
end

-- `standard` and `block` verification keep the target's distribution (0.26.0, config/speculative.py), and so did the
-- names that `standard` had before.
local LOSSLESS = base.set { "standard", "block", "strict", "probabilistic" }

local function lossy(server)
  local how = server.speculative.rejection_sample_method
  if how and not LOSSLESS[how] then
    return ("rejection_sample_method = %s may accept what the target would not say"):format(tostring(how))
  end
end

-- 0.26.0: v1/spec_decode/draft_model.py wants both alike, config/speculative.py 1 or the target's for other drafts.
local function draft_tensor_parallel(server)
  local tp, own = server.tensor_parallel or 1, server.draft_tensor_parallel
  if own and own ~= tp and (server.method == "draft" or own ~= 1) then
    return nil, ("draft_tensor_parallel = %d must be tensor_parallel = %d%s"):format(own, tp,
      server.method == "draft" and " with a draft model" or ", or 1")
  end
  return own or tp
end

-- A dotted flag (--speculative-config.model) makes vLLM forget the whole JSON of the flag without a dot.
local function dotted(server)
  for _, list in ipairs { server.extra_args or {}, server.model.engine_args or {} } do
    for _, word in ipairs(list) do
      local flag = tostring(word):match "^(%-%-speculative[_-]config[^=]*)" or tostring(word):match "^(%-sc%.[^=]*)"
      if flag then return flag end
    end
  end
end

-- Where versions differ, newest spelling last.
local function chunked_prefill(argv, server)
  if server.chunked_prefill == false and version.before(server.engine_version, "0.8.5") then
    argv[#argv + 1] = "--enable-chunked-prefill=False"
  else
    base.switch(argv, "enable-chunked-prefill", server.chunked_prefill)
  end
end

local function program(model)
  if model.binary then return { model.binary } end
  return { model.python or "python3", "-m", "vllm.entrypoints.cli.main" }
end

-- A pinned plain server says nothing of it itself.
local function async_scheduling(server)
  if server.async_scheduling ~= nil then return server.async_scheduling end
  return server.pinned and server.pinned.async_scheduling
end

---@param server table resolved description with host, port, gpus
local function command(server)
  local argv = program(server.model)
  base.option(argv, "serve", server.model.path)
  base.option(argv, "--served-model-name", server.model.served_name)
  base.option(argv, "--host", server.host or "127.0.0.1")
  base.option(argv, "--port", server.port)
  base.option(argv, "--dtype", server.dtype)
  base.option(argv, "--quantization", server.quantization)
  base.option(argv, "--tensor-parallel-size", server.tensor_parallel)
  base.option(argv, "--gpu-memory-utilization", server.gpu_memory_utilization)
  base.option(argv, "--max-model-len", server.max_model_len)
  base.option(argv, "--max-num-seqs", server.max_num_seqs)
  base.option(argv, "--seed", server.seed)
  base.option(argv, "--generation-config", "vllm")
  base.switch(argv, "enable-prefix-caching", server.prefix_caching or false)
  chunked_prefill(argv, server)
  -- before the switch there was no such scheduling
  if not version.before(server.engine_version, "0.10.0") then
    base.switch(argv, "async-scheduling", async_scheduling(server))
  end
  -- later ones log no requests unless told
  base.option(argv, "--disable-log-requests", version.before(server.engine_version, "0.10.1"))
  if base.speculates(server) then
    base.option(argv, "--speculative-config", speculative_config(server))
  end
  base.extra(argv, server)
  local env = base.environment(server, http.environment)
  if server.pinned and server.pinned.runner == "V1" then env.VLLM_USE_V2_MODEL_RUNNER = "0" end
  if server.prefix_caching then env.VLLM_SERVER_DEV_MODE = "1" end
  -- V0 is still there and takes lookup and more unless told
  if version.before(server.engine_version, "0.10.0") then env.VLLM_USE_V1 = "1" end
  return { argv = argv, env = env }
end

-- Whether model runner V2 serves the method: P-EAGLE and drafts of another vocabulary stay on V1.
local function on_v2(server)
  local first, own, method = RUNNER_V2[server.method], server.speculative or {}, server.method
  if not first or version.before(server.engine_version, first) then return false end
  if own.parallel_drafting then return method == "dflash" or method == "dspark" end
  return not own.use_heterogeneous_vocab
end

-- Whether vLLM schedules the method synchronously by default. Until 0.32 it asks for the method alone, then for V1 too.
local function synchronous(server)
  local release, own = server.engine_version, server.speculative or {}
  if not version.before(release, "0.33.0") and on_v2(server) then return false end
  return SYNCHRONOUS[server.method] or server.method == "draft" and version.before(release, "0.28.0")
    or own.disable_padded_drafter_batch
end

-- What vLLM gives this method and would give a plain server otherwise: V2 is the default for dense models since 0.25,
-- for all since 0.29, asynchronous scheduling since 0.14.
local function twin(server)
  local release, pinned = server.engine_version, {}
  local env = base.environment(server)
  if not on_v2(server) and env.VLLM_USE_V2_MODEL_RUNNER == nil and not version.before(release, "0.25.0") then
    pinned.runner = "V1"
  end
  if synchronous(server) and server.async_scheduling == nil and not version.before(release, "0.14.0") then
    pinned.async_scheduling = false
  end
  return next(pinned) and pinned or nil
end

local function acceptance(delta, server)
  return counters.acceptance(delta, PREFIX, server and NOTES[server.method])
end

return base.engine {
  name = "vllm",
  description = "vLLM, engine V1 (vllm serve)",
  capabilities = {
    prefix_cache_reset = true,
    chunk_is_step = false,
    event_per_token = false,
    spawn = true,
  },
  methods = base.set {
    "none", "draft", "ngram", "ngram_gpu", "suffix", "eagle", "eagle3", "medusa", "mtp", "dflash",
    "dspark",
  },
  without = {
    disable_by_batch_size = "V0 only; use k_by_batch_size = {{1, N - 1, k}, {N, max_num_seqs, 0}} "
      .. "(there speculation comes back when the batch shrinks)",
    scheduler_delay_factor = "V0 only; V1 has no counterpart",
    multi_step = "V0 only; V1 schedules ahead by async_scheduling = true",
  },
  served = { from = "0.8.2", instead = "vllm_v0" },
  since = {
    -- 0.8 and 0.9 give draft models to V0, 0.10 to 0.14 refuse them
    methods = {
      draft = "0.15.0", eagle = "0.8.3", eagle3 = "0.8.5", medusa = "0.9.1", mtp = "0.11.0", suffix = "0.11.1",
      ngram_gpu = "0.18.0", dflash = "0.20.0", dspark = "0.25.0",
    },
    keys = { acceptance = "0.20.0", k_by_batch_size = "0.24.0", async_scheduling = "0.10.0" },
  },
  gone = { methods = { medusa = "0.33.0" } },
  ignores = {},
  own_unsupported = function(server)
    local flag = base.speculates(server) and dotted(server)
    if flag then
      return ("vllm: %s would replace the speculation that the description asks for: say it as speculative = { ... }")
        :format(flag)
    end
    if server.async_scheduling and base.speculates(server) and SYNCHRONOUS[server.method] and synchronous(server) then
      return ("vllm: async_scheduling = true does not go with %s"):format(server.method)
    end
  end,
  command = command,
  twin = twin,
  lossy = lossy,
  fit = {
    draft_tensor_parallel = draft_tensor_parallel, equal_vocabularies = true, heterogeneous = "use_heterogeneous_vocab",
  },
  served_name = http.served_name,
  request = http.request,
  acceptance = acceptance,
  ready = http.ready,
  version = {
    probe = function(server)
      if server.model.binary then return { server.model.binary, "--version" } end
      return installed.of_package(server.model.python, "vllm")
    end,
    read = installed.last_line,
    paths = http.version.paths, field = http.version.field,
  },
  tokenize = http.tokenize,
  metrics = { path = "/metrics", names = counters.names(PREFIX), requests = http.requests_counter },
  uses_gpus = true,
  warms_up = true,
  effective = { log = vllm_log.effective },
  compilations = vllm_log.compilations,
  profiler = {
    args = { "--profiler-config.profiler", "torch", "--profiler-config.torch_profiler_dir", "{output}" },
    older = { before = "0.13.0", env = { VLLM_TORCH_PROFILER_DIR = "{output}" } },
    start = "/start_profile", stop = "/stop_profile",
  },
  prefix_cache_reset = { path = "/reset_prefix_cache" },
}
