--- SGLang: `python -m sglang.launch_server`. Drafts are chains (top-k 1), as those of the other engines.

local base = require "specbench.engine.base"
local counters = require "specbench.engine.counters"
local http = require "specbench.engine.vllm_http"
local installed = require "specbench.engine.installed"
local version = require "specbench.base.version"

local ALGORITHMS = {
  draft = "STANDALONE", eagle = "EAGLE", eagle3 = "EAGLE3", mtp = "NEXTN", ngram = "NGRAM", dflash = "DFLASH",
  dspark = "DSPARK",
}

-- Before 0.5.10 (pull request 21225) n-gram lookup kept branches of 18 tokens and matched windows of a stated length.
local WINDOWS_GONE, LONGEST_MATCH = "0.5.10", 17

-- Any speculation lowers the requests that run at once to 48 unless told (0.5.17, arg_groups/speculative_hook.py): so
-- both sides are told, in steps, as many as the plan's largest cell needs.
local RUNNING = { 48, 128, 256, 512 }

local VERIFIED, GENERATED, REQUESTS =
  "sglang:spec_verify_calls_total", "sglang:generation_tokens_total", "sglang:num_requests_total"

local DERIVED = "from generated tokens and verifications: SGLang counts no accepted tokens. An answer cut "
  .. "by its limit makes it a little low"

local function running(server)
  if server.max_num_seqs then return server.max_num_seqs end
  for _, count in ipairs(RUNNING) do
    if count >= (server.streams or 0) then return count end
  end
  return server.streams
end

-- The tokens to verify count the one that the last step gave. A tree of matches as deep as a match and its draft.
local function members_of(server)
  local method, k = server.method, server.k
  if method == "ngram" then
    local members = { { "num_draft_tokens", k + 1 } }
    local longest = server.prompt_lookup_max or k
    if version.before(server.engine_version, WINDOWS_GONE) then
      members[2] = { "ngram_min_match_window_size", server.prompt_lookup_min or 1 }
      members[3] = { "ngram_max_match_window_size", longest }
    else
      members[2] = { "ngram_max_trie_depth", longest + k }
    end
    members[#members + 1] = { "ngram_max_bfs_breadth", 1 }
    return members
  end
  local members = { { "draft_model_path", server.draft and server.draft.path } }
  if method == "dspark" then
    members[2] = { "dspark_block_size", k }
  elseif method == "dflash" then
    members[2] = { "num_draft_tokens", k + 1 }
  else
    table.move({ { "num_steps", k }, { "eagle_topk", 1 }, { "num_draft_tokens", k + 1 } }, 1, 3, 2, members)
  end
  return members
end

local function add_speculation(argv, server)
  base.option(argv, "--speculative-algorithm", ALGORITHMS[server.method])
  base.speculative_flags(argv, "--speculative-", members_of(server), server)
end

local function lossy(server)
  for _, name in ipairs { "accept_threshold_single", "accept_threshold_acc" } do
    local threshold = server.speculative[name]
    if type(threshold) == "number" and threshold < 1 then
      return ("%s = %s accepts what the target would not say"):format(name, base.text(threshold))
    end
  end
end

---@param server table resolved description with host, port, gpus
local function command(server)
  local argv = { server.model.python or "python3", "-m", "sglang.launch_server" }
  base.option(argv, "--model-path", server.model.path)
  base.option(argv, "--served-model-name", server.model.served_name)
  base.option(argv, "--host", server.host or "127.0.0.1")
  base.option(argv, "--port", server.port)
  base.option(argv, "--dtype", server.dtype)
  base.option(argv, "--quantization", server.quantization)
  base.option(argv, "--tp-size", server.tensor_parallel)
  base.option(argv, "--mem-fraction-static", server.gpu_memory_utilization)
  base.option(argv, "--context-length", server.max_model_len)
  base.option(argv, "--max-running-requests", running(server))
  base.option(argv, "--random-seed", server.seed)
  base.option(argv, "--enable-metrics", true)
  -- a model's own repetition penalty and the like would be applied (pull request 11304)
  if not version.before(server.engine_version, "0.5.4") then base.option(argv, "--sampling-defaults", "openai") end
  base.option(argv, "--disable-radix-cache", not server.prefix_caching)
  base.option(argv, "--chunked-prefill-size", server.chunked_prefill == false and -1 or nil)
  base.option(argv, "--disable-overlap-schedule", server.async_scheduling == false)
  base.option(argv, "--num-continuous-decode-steps", server.multi_step)
  if base.speculates(server) then add_speculation(argv, server) end
  base.extra(argv, server)
  local forced = base.speculates(server) and server.acceptance or nil
  return {
    argv = argv,
    env = base.environment(server, { SGLANG_SIMULATE_ACC_LEN = forced and base.text(forced) }),
  }
end

---@param delta table<string, number>
---@param server table|nil its k gives the draft tokens
local function acceptance(delta, server)
  local steps, generated = counters.sum(delta, VERIFIED), counters.sum(delta, GENERATED)
  local requests = counters.sum(delta, REQUESTS)
  if not (steps and generated and requests) then
    return nil, ("no counters %s, %s, %s"):format(VERIFIED, GENERATED, REQUESTS)
  end
  if steps < 0 or generated < 0 or requests < 0 then
    return nil, "the counters went backwards: the server was restarted between the two scrapes"
  end
  -- an answer's first token comes from its prefill, and each verification adds one of its own
  local accepted = math.max(0, generated - requests - steps)
  local result = { drafts = steps, accepted_tokens = accepted, source = "counters", note = DERIVED }
  if steps > 0 then
    result.mean_length = 1 + accepted / steps
    if server and server.k then
      local own = server.speculative and server.speculative.num_draft_tokens
      result.draft_tokens = steps * (own and own - 1 or server.k)
      result.rate = accepted / result.draft_tokens
    end
  end
  return result
end

local function on_off(is_on)
  if is_on == nil then return nil end
  return is_on and "on" or "off"
end

-- What of /server_info says how it runs; the rest of it holds keys too. 0.5.17: server_args.py, managers/scheduler.py.
local function effective(answer)
  local found = {
    attention = answer.attention_backend or answer.decode_attention_backend,
    compilation = on_off(answer.enable_torch_compile),
    kv_cache_tokens = math.tointeger(answer.max_total_num_tokens),
    kv_cache_dtype = answer.kv_cache_dtype, quantization = answer.quantization,
    max_running = math.tointeger(answer.max_running_requests),
  }
  if answer.disable_cuda_graph ~= nil then found.graphs = on_off(not answer.disable_cuda_graph) end
  if answer.disable_overlap_schedule ~= nil then found.async_scheduling = not answer.disable_overlap_schedule end
  for name, value in pairs(found) do -- a JSON null is no value
    if type(value) == "userdata" then found[name] = nil end
  end
  return found
end

local function own_unsupported(server)
  if type(server.acceptance) == "table" then
    return "sglang: acceptance: a mean length can be forced, not a list of rates"
  end
  if server.method == "ngram" then
    local by_window = version.before(server.engine_version, WINDOWS_GONE)
    if by_window and (server.prompt_lookup_max or server.k) > LONGEST_MATCH then
      return ("sglang: prompt_lookup_max: at most %d"):format(LONGEST_MATCH)
    elseif not by_window and (server.prompt_lookup_min or 1) ~= 1 then
      return "sglang: prompt_lookup_min: lookup matches every length from 1 on since 0.5.10"
    end
  end
  if base.speculates(server) and (server.multi_step or 1) > 1 then
    return "sglang: multi_step does not go with speculation"
  end
end

return base.engine {
  name = "sglang",
  description = "SGLang (sglang.launch_server)",
  capabilities = {
    prefix_cache_reset = true,
    chunk_is_step = false,
    event_per_token = false,
    spawn = true,
  },
  methods = base.set { "none", "draft", "eagle", "eagle3", "mtp", "ngram", "dflash", "dspark" },
  without = {
    disable_by_batch_size = "SGLang speculates at every batch size",
    k_by_batch_size = "SGLang has no such table",
    speculative_max_model_len = "SGLang speculates at every length",
    scheduler_delay_factor = "no counterpart",
  },
  -- dflash and dspark may be older: 0.5.17 is what was read
  since = { methods = { draft = "0.5.2", ngram = "0.5.3", dflash = "0.5.11", dspark = "0.5.16" } },
  ignores = { draft_tensor_parallel = "the draft model follows --tp-size" },
  own_unsupported = own_unsupported,
  command = command,
  lossy = lossy,
  fit = {
    draft_tensor_parallel = function(server) return server.tensor_parallel or 1 end,
    head = function(server, draft)
      local wanted = server.method == "eagle" and "LlamaForCausalLMEagle"
      if not wanted or draft.architecture == nil or draft.architecture:find "Eagle" then return nil end
      return ("%s says architectures [\"%s\"], and SGLang would load it as a whole model: write %s, and give it an "
        .. "fc.bias"):format(server.draft.name, draft.architecture, wanted)
    end,
  },
  effective = { path = "/server_info", info = effective },
  -- its lookup learns from every answer until it is told to forget
  learns = base.set { "ngram" },
  served_name = http.served_name,
  request = http.request,
  acceptance = acceptance,
  uses_gpus = true,
  warms_up = true,
  profiler = {
    env = { SGLANG_TORCH_PROFILER_DIR = "{output}" }, start = "/start_profile", stop = "/stop_profile",
  },
  -- /health generates a token: asked until the server is up, not while it is measured
  ready = { path = "/health", timeout_s = 900 },
  version = {
    probe = function(server) return installed.of_package(server.model.python, "sglang") end,
    read = installed.last_line,
    paths = { "/server_info", "/get_server_info" }, -- the second one's name before 0.5.6
    field = "version",
  },
  metrics = { path = "/metrics", names = { VERIFIED, GENERATED, REQUESTS }, requests = REQUESTS },
  prefix_cache_reset = { path = "/flush_cache" },
}
