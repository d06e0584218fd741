--- SGLang: `python -m sglang.launch_server`. Drafts are chains (top-k 1), as those of the other engines.

local base = require "specbench.engine.base"
local counters = require "specbench.engine.counters"
local http = require "specbench.engine.vllm_http"
local version = require "specbench.engine.version"

local ALGORITHMS = {
  draft = "STANDALONE", eagle = "EAGLE", eagle3 = "EAGLE3", mtp = "NEXTN", ngram = "NGRAM",
}

-- N-gram lookup keeps branches of 18 tokens and matches shorter windows only.
local LONGEST_MATCH = 17

local VERIFIED, GENERATED, REQUESTS =
  "sglang:spec_verify_calls_total", "sglang:generation_tokens_total", "sglang:num_requests_total"

local DERIVED = "from generated tokens and verifications: SGLang counts no accepted tokens. An answer cut "
  .. "by its limit makes it a little low"

-- The tokens to verify count the one that the last step gave.
local function add_speculation(argv, server)
  base.option(argv, "--speculative-algorithm", ALGORITHMS[server.method])
  if server.method == "ngram" then
    base.option(argv, "--speculative-num-draft-tokens", server.k + 1)
    base.option(argv, "--speculative-ngram-min-match-window-size", server.prompt_lookup_min or 1)
    base.option(argv, "--speculative-ngram-max-match-window-size",
      server.prompt_lookup_max or server.k)
    base.option(argv, "--speculative-ngram-max-bfs-breadth", 1)
    return
  end
  base.option(argv, "--speculative-draft-model-path", server.draft and server.draft.path)
  base.option(argv, "--speculative-num-steps", server.k)
  base.option(argv, "--speculative-eagle-topk", 1)
  base.option(argv, "--speculative-num-draft-tokens", server.k + 1)
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
  base.option(argv, "--max-running-requests", server.max_num_seqs)
  base.option(argv, "--random-seed", server.seed)
  base.option(argv, "--enable-metrics", true)
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
      result.draft_tokens = steps * server.k
      result.rate = accepted / result.draft_tokens
    end
  end
  return result
end

local function own_unsupported(server)
  if type(server.acceptance) == "table" then
    return "sglang: acceptance: a mean length can be forced, not a list of rates"
  end
  if server.method == "ngram" and (server.prompt_lookup_max or server.k) > LONGEST_MATCH then
    return ("sglang: prompt_lookup_max: at most %d"):format(LONGEST_MATCH)
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
  methods = base.set { "none", "draft", "eagle", "eagle3", "mtp", "ngram" },
  without = {
    disable_by_batch_size = "SGLang speculates at every batch size",
    k_by_batch_size = "SGLang has no such table",
    speculative_max_model_len = "SGLang speculates at every length",
    scheduler_delay_factor = "no counterpart",
  },
  since = { methods = { draft = "0.5.2", ngram = "0.5.3" } },
  ignores = { draft_tensor_parallel = "the draft model follows --tp-size" },
  own_unsupported = own_unsupported,
  command = command,
  served_name = http.served_name,
  request = http.request,
  acceptance = acceptance,
  uses_gpus = true,
  profiler = {
    env = { SGLANG_TORCH_PROFILER_DIR = "{output}" }, start = "/start_profile", stop = "/stop_profile",
  },
  -- /health generates a token: asked until the server is up, not while it is measured
  ready = { path = "/health", timeout_s = 900 },
  version = {
    probe = function(server) return version.of_package(server.model.python, "sglang") end,
    read = version.last_line,
    paths = { "/server_info", "/get_server_info" }, -- the second one's name before 0.5.6
    field = "version",
  },
  metrics = { path = "/metrics", names = { VERIFIED, GENERATED, REQUESTS } },
  prefix_cache_reset = { path = "/flush_cache" },
}
