--- TensorRT-LLM: `trtllm-serve` with the PyTorch backend. What has no flag goes into the file that --config names.

local base = require "specbench.engine.base"
local counters = require "specbench.engine.counters"
local http = require "specbench.engine.vllm_http"
local json_object = require "specbench.engine.json_object"
local version = require "specbench.base.version"

local PREFIX = "trtllm_spec_decode_num_"

local TYPES = {
  draft = "Draft_Target", eagle3 = "Eagle3", mtp = "MTP", ngram = "NGram", dflash = "DFlash",
  dspark = "DSpark",
}

-- What types were called before 1.3.0, when they were looked up by name: what was Eagle was EAGLE 3 then too.
local OLDER_TYPES = { draft = "DraftTarget", eagle3 = "Eagle" }

-- Its lookup proposes outside the engine's own loop, for which the engine gives up overlapped scheduling by itself; so
-- it did for draft models before they joined the target's engine.
local function is_synchronous(server)
  return server.method == "ngram" or server.method == "draft" and version.before(server.engine_version, "1.3.0")
end

local DERIVED = "drafts = draft tokens / k: TensorRT-LLM counts no drafts"
local VARIES = "TensorRT-LLM counts no drafts, and with %s not every draft has k tokens: their number is not known"

-- Settings under which a step drafts fewer than k tokens, or none.
local VARYING = { "draft_len_schedule", "max_concurrency", "acceptance_rate_threshold" }

-- MTP took its depth from this key alone, 1 unless told, and overwrote max_draft_len with it, until the last candidates
-- of 1.3.0; those take either.
local function depth_key(server)
  local layers = server.method == "mtp" and version.before(server.engine_version, "1.4.0")
  return layers and "num_nextn_predict_layers" or "max_draft_len"
end

local function decoding_type(server)
  local older = version.before(server.engine_version, "1.3.0") and OLDER_TYPES[server.method]
  return older or TYPES[server.method]
end

-- JSON is YAML.
local function config(server)
  local lookup, speculation
  if base.speculates(server) then
    lookup = server.method == "ngram" and (server.prompt_lookup_max or server.k) or nil
    speculation = json_object(base.with_own_words({
      { "decoding_type", decoding_type(server) },
      { depth_key(server), server.k },
      { "max_matching_ngram_size", lookup },
      -- a pool for all requests would know the answers of the last cell with the same prompts
      { "is_public_pool", lookup and false },
      -- the name that every version takes
      { "speculative_model_dir", server.draft and lookup == nil and server.draft.path or nil },
    }, server))
  end
  local synchronous = server.async_scheduling == false or server.pinned and server.pinned.async_scheduling == false
  local lines = {
    ("kv_cache_config: %s"):format(json_object {
      { "enable_block_reuse", server.prefix_caching or false },
      { "free_gpu_memory_fraction", server.gpu_memory_utilization },
    }),
    "return_perf_metrics: true",
    "enable_iter_perf_stats: true",
  }
  if server.dtype then lines[#lines + 1] = "dtype: " .. server.dtype end
  if synchronous then lines[#lines + 1] = "disable_overlap_scheduler: true" end
  if speculation then lines[#lines + 1] = "speculative_config: " .. speculation end
  return table.concat(lines, "\n") .. "\n"
end

---@param server table resolved description with host, port, gpus
local function command(server)
  local argv = { server.model.binary or "trtllm-serve" }
  base.option(argv, "serve", server.model.path)
  base.option(argv, "--host", server.host or "127.0.0.1")
  base.option(argv, "--port", server.port)
  base.option(argv, "--backend", "pytorch")
  base.option(argv, "--tp_size", server.tensor_parallel)
  base.option(argv, "--max_seq_len", server.max_model_len)
  base.option(argv, "--max_batch_size", server.max_num_seqs)
  base.option(argv, "--enable_chunked_prefill", server.chunked_prefill)
  local old = version.before(server.engine_version, "1.2.0")
  base.option(argv, old and "--extra_llm_api_options" or "--config", "{config}")
  base.extra(argv, server)
  local forced = base.speculates(server) and server.acceptance
  local env = base.environment(server, { -- accepted draft tokens, without the one that each step brings anyway
    TLLM_SPEC_DECODE_FORCE_NUM_ACCEPTED_TOKENS = forced and base.text(forced - 1) or nil,
  })
  return { argv = argv, env = env, config = config(server) }
end

local function lossy(server)
  local own = server.speculative
  if own.use_relaxed_acceptance_for_thinking then
    return "use_relaxed_acceptance_for_thinking may accept what the target would not say"
  elseif own.posterior_threshold or own.greedy_sampling == false then
    return "typical acceptance may accept what the target would not say"
  end
end

---A folder is served under its last name.
local function served_name(server)
  return server.model.served_name or server.model.path:match "([^/]+)/*$"
end

---@param delta table<string, number>
---@param server table|nil its k gives drafts and mean length
local function acceptance(delta, server)
  local drafted = counters.sum(delta, PREFIX .. "draft_tokens_total")
  local accepted = counters.sum(delta, PREFIX .. "accepted_tokens_total")
  if not (drafted and accepted) then
    return nil, ("no counters %s{draft,accepted}_tokens_total"):format(PREFIX)
  end
  if drafted < 0 or accepted < 0 then
    return nil, "the counters went backwards: the server was restarted between the two scrapes"
  end
  local result = { draft_tokens = drafted, accepted_tokens = accepted, source = "counters" }
  if drafted > 0 then
    result.rate = accepted / drafted
    local varying
    for _, name in ipairs(VARYING) do
      varying = varying or server and server.speculative and server.speculative[name] and name
    end
    if varying then
      result.note = VARIES:format(varying)
    elseif server and server.k then
      result.note = DERIVED
      result.drafts = drafted / server.k
      result.mean_length = 1 + accepted / result.drafts
    end
  end
  return result
end

return base.engine {
  name = "trtllm",
  description = "TensorRT-LLM (trtllm-serve)",
  capabilities = {
    prefix_cache_reset = false,
    chunk_is_step = false,
    event_per_token = false,
    spawn = true,
  },
  methods = base.set { "none", "draft", "eagle3", "mtp", "ngram", "dflash", "dspark" },
  without = {
    disable_by_batch_size = "use speculative = { max_concurrency = N - 1 }",
    k_by_batch_size = "use speculative = { draft_len_schedule = { [largest batch] = k, ... } }",
    speculative_max_model_len = "no counterpart",
    scheduler_delay_factor = "no counterpart",
    multi_step = "no counterpart",
    prompt_lookup_min = "lookup matches up to max_matching_ngram_size tokens, from 1 on",
  },
  since = {
    methods = { dflash = "1.3.0", dspark = "1.3.0" },
    keys = { acceptance = "1.2.0" },
  },
  ignores = {
    quantization = "the checkpoint decides",
    draft_tensor_parallel = "the draft model follows --tp_size",
    seed = "each request carries its own",
  },
  command = command,
  lossy = lossy,
  fit = { draft_tensor_parallel = function(server) return server.tensor_parallel or 1 end },
  own_unsupported = function(server)
    if not (base.speculates(server) and server.acceptance) then return nil end
    if type(server.acceptance) == "table" then
      return "trtllm: acceptance: a mean length can be forced, not a list of rates"
    elseif server.method == "ngram" then
      return "trtllm: acceptance cannot be forced for lookup"
    elseif server.acceptance % 1 ~= 0 and version.before(server.engine_version, "1.3.0") then
      return ("trtllm: acceptance = %s: version %s forces whole tokens only, 1.3.0 parts of them too"):format(
        base.text(server.acceptance), server.engine_version)
    end
  end,
  twin = function(server)
    if is_synchronous(server) and server.async_scheduling == nil then return { async_scheduling = false } end
  end,
  served_name = served_name,
  request = http.request,
  acceptance = acceptance,
  uses_gpus = true,
  warms_up = true,
  ready = { path = "/health", timeout_s = 1800 },
  version = {
    -- the package tells its version as it is loaded
    probe = function(server) return { server.model.binary or "trtllm-serve", "--help" } end,
    read = function(output) return output:match "TensorRT%-LLM version: (%d[%w.+]*)" end,
    paths = { "/version" }, field = "version",
  },
  metrics = {
    path = "/prometheus/metrics",
    names = { PREFIX .. "draft_tokens_total", PREFIX .. "accepted_tokens_total" },
    requests = "trtllm_request_success_total",
  },
}
