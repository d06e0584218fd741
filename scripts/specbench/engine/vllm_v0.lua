--- vLLM 0.6, engine V0: the reference system's engine, with its flags.

local base = require "specbench.engine.base"
local counters = require "specbench.engine.counters"
local http = require "specbench.engine.vllm_http"
local installed = require "specbench.engine.installed"

local PREFIX = "vllm:spec_decode_num_"

local OVER_COUNTS = "V0 adds its running totals to the counters again at each collection "
  .. "(5 s apart): they over-count; prefer acceptance_from_log"
local ANY_POSITION = "V0 counts accepted positions after a rejection too, so this rate is above "
  .. "that of the accepted prefix; the log is written 5 s apart at the soonest"

-- Heads that V0 runs on one GPU and without chunked prefill.
local HEADS = base.set { "eagle", "medusa", "mlp_speculator" }

local function add_speculation(argv, server)
  local ngram = server.method == "ngram"
  base.option(argv, "--speculative-model", ngram and "[ngram]" or server.draft.path)
  base.option(argv, "--num-speculative-tokens", server.k)
  if ngram then
    base.option(argv, "--ngram-prompt-lookup-max", server.prompt_lookup_max or server.k)
    base.option(argv, "--ngram-prompt-lookup-min", server.prompt_lookup_min)
  else
    base.option(argv, "--speculative-draft-tensor-parallel-size",
      server.draft_tensor_parallel or HEADS[server.method] and 1 or nil)
  end
  base.option(argv, "--speculative-max-model-len", server.speculative_max_model_len)
  base.option(argv, "--speculative-disable-by-batch-size", server.disable_by_batch_size)
  base.speculative_flags(argv, "--", {}, server)
end

local function lossy(server)
  local how = server.speculative.spec_decoding_acceptance_method
  if how and how ~= "rejection_sampler" then
    return ("spec_decoding_acceptance_method = %s may accept what the target would not say"):format(tostring(how))
  end
end

---@param server table resolved description with host, port, gpus
local function command(server)
  local argv = { server.model.python or "python3", "-m", "vllm.entrypoints.openai.api_server" }
  base.option(argv, "--host", server.host or "127.0.0.1")
  base.option(argv, "--port", server.port)
  base.option(argv, "--model", server.model.path)
  base.option(argv, "--served-model-name", server.model.served_name)
  base.option(argv, "--dtype", server.dtype)
  base.option(argv, "--quantization", server.quantization)
  base.option(argv, "--tensor-parallel-size", server.tensor_parallel)
  base.option(argv, "--gpu-memory-utilization", server.gpu_memory_utilization)
  base.option(argv, "--max-model-len", server.max_model_len)
  base.option(argv, "--max-num-seqs", server.max_num_seqs)
  base.option(argv, "--seed", server.seed)
  base.option(argv, "--use-v2-block-manager", true)
  base.option(argv, "--disable-log-requests", true)
  base.option(argv, "--enable-prefix-caching", server.prefix_caching)
  if server.chunked_prefill == false then argv[#argv + 1] = "--enable-chunked-prefill=False" end
  base.option(argv, "--enable-chunked-prefill", server.chunked_prefill)
  base.option(argv, "--scheduler-delay-factor", server.scheduler_delay_factor)
  base.option(argv, "--num-scheduler-steps", server.multi_step)
  if base.speculates(server) then add_speculation(argv, server) end
  base.extra(argv, server)
  return { argv = argv, env = base.environment(server, http.environment) }
end

---A draft is a step of one sequence; V0 counts draft tokens only, so drafts = draft tokens / k.
---Tokens a step = emitted / drafts.
---@param counts { draft: number, accepted: number, emitted: number, k: integer|nil }
local function result_of(counts, source, note)
  local result = {
    draft_tokens = counts.draft,
    accepted_tokens = counts.accepted,
    source = source,
    note = note,
  }
  if counts.draft > 0 then
    result.rate = counts.accepted / counts.draft
    if counts.k then
      result.drafts = counts.draft / counts.k
      result.mean_length = counts.emitted / result.drafts
    end
  end
  return result
end

---@param delta table<string, number>
---@param server table|nil its k gives drafts and mean length
local function acceptance(delta, server)
  local counts = {
    draft = counters.sum(delta, PREFIX .. "draft_tokens_total"),
    accepted = counters.sum(delta, PREFIX .. "accepted_tokens_total"),
    emitted = counters.sum(delta, PREFIX .. "emitted_tokens_total"),
    k = server and server.k,
  }
  if not (counts.draft and counts.accepted and counts.emitted) then
    return nil, ("no counters %s{draft,accepted,emitted}_tokens_total"):format(PREFIX)
  end
  if counts.draft < 0 or counts.accepted < 0 or counts.emitted < 0 then
    return nil, "the counters went backwards: the server was restarted between the two scrapes"
  end
  return result_of(counts, "counters", OVER_COUNTS)
end

local LOG_PATTERN = "Speculative metrics: .*Number of speculative tokens: (%d+), "
  .. "Number of accepted tokens: (%d+), Number of draft tokens: (%d+), "
  .. "Number of emitted tokens: (%d+)"
local START = { accepted = 0, draft = 0, emitted = 0 }

local function read_line(line)
  local k, accepted, draft, emitted = line:match(LOG_PATTERN)
  if not k then return nil end
  return {
    k = math.tointeger(k),
    accepted = math.tointeger(accepted),
    draft = math.tointeger(draft),
    emitted = math.tointeger(emitted),
  }
end

---Acceptance between two of the log's "Speculative metrics" lines, which hold totals since the
---start.
---@param line_before string|nil nil: since the start
---@param line_after string
---@return table|nil acceptance
---@return string|nil message where a line is not of that form
local function acceptance_from_log(line_before, line_after)
  local after = read_line(line_after)
  local before = START
  if line_before then before = read_line(line_before) end
  if not (before and after) then
    local line = after and line_before or line_after
    return nil, "not a \"Speculative metrics\" line of vLLM 0.6: " .. line
  end
  if after.draft < before.draft then
    return nil, "the log's totals went backwards: another server wrote them"
  end
  return result_of({
    k = after.k,
    accepted = after.accepted - before.accepted,
    draft = after.draft - before.draft,
    emitted = after.emitted - before.emitted,
  }, "log", ANY_POSITION)
end

local function own_unsupported(server)
  if HEADS[server.method] and server.chunked_prefill then
    return ("vllm_v0: chunked_prefill does not go with method '%s'"):format(server.method)
  end
  if HEADS[server.method] and (server.draft_tensor_parallel or 1) > 1 then
    return ("vllm_v0: draft_tensor_parallel must be 1 with method '%s'"):format(server.method)
  end
  if base.speculates(server) and (server.multi_step or 1) > 1 then
    return "vllm_v0: multi_step does not go with speculation"
  end
end

return base.engine {
  name = "vllm_v0",
  description = "vLLM 0.6, engine V0 (the reference system's)",
  capabilities = {
    prefix_cache_reset = false,
    chunk_is_step = true,
    event_per_token = false,
    spawn = true,
  },
  methods = base.set { "none", "draft", "ngram", "eagle", "medusa", "mlp_speculator" },
  without = {
    acceptance = "V0 cannot force acceptance; the engines vllm and llamacpp can",
    k_by_batch_size = "V1 only; use disable_by_batch_size",
    async_scheduling = "V1 only",
  },
  served = { before = "0.8.0", instead = "vllm" },
  ignores = {},
  own_unsupported = own_unsupported,
  command = command,
  lossy = lossy,
  fit = {
    draft_tensor_parallel = function(server)
      local tp, own = server.tensor_parallel or 1, server.draft_tensor_parallel
      if own and own ~= tp and own ~= 1 then
        return nil, ("draft_tensor_parallel = %d must be tensor_parallel = %d, or 1"):format(own, tp)
      end
      return own or HEADS[server.method] and 1 or tp
    end,
    equal_vocabularies = true,
    -- the kind of a head is read from its model_type, and EAGLE's published checkpoints say another
    head = function(server, draft)
      if draft.model_type == server.method then return nil end
      return ("%s says model_type %s, and V0 takes a head for what its model_type says: it needs %s, with the "
        .. "tensors converted (page of the engines, \"Pairs that fit\")"):format(server.draft.name,
        draft.model_type or "nothing", server.method)
    end,
  },
  served_name = http.served_name,
  request = http.request,
  acceptance = acceptance,
  acceptance_from_log = acceptance_from_log,
  log_pattern = "Speculative metrics: ",
  uses_gpus = true,
  warms_up = true,
  profiler = {
    env = { VLLM_TORCH_PROFILER_DIR = "{output}" }, start = "/start_profile", stop = "/stop_profile",
  },
  ready = http.ready,
  version = {
    probe = function(server) return installed.of_package(server.model.python, "vllm") end,
    read = installed.last_line,
    paths = http.version.paths, field = http.version.field,
  },
  tokenize = http.tokenize,
  metrics = {
    path = "/metrics",
    names = {
      PREFIX .. "draft_tokens_total",
      PREFIX .. "accepted_tokens_total",
      PREFIX .. "emitted_tokens_total",
    },
    requests = http.requests_counter,
  },
}
