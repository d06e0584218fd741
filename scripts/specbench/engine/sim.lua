--- The simulator, `specbench sim`: the model's name in lower case names its profile, unless its
--- path is a profile's file (.json).

local base = require "specbench.engine.base"
local counters = require "specbench.engine.counters"
local fs = require "sb.fs"
local http = require "specbench.engine.vllm_http"
local json = require "specbench.base.json"
local sim_profile = require "specbench.engine.sim_profile"
local tables = require "specbench.base.tables"
local unknown = require "specbench.base.unknown"

local PREFIX = "vllm:spec_decode_num_"

local function served_name(server)
  return server.model.served_name or server.model.name
end

-- A models file may hold paths of real weights too; only a profile's file is for the simulator.
local function profile(model)
  local path = model.path
  return path and path:find "%.json$" and path or model.name:lower()
end

-- A simulator with a folder of profiles of its own knows better.
local function lacks(server)
  local file = profile(server.model)
  if file:find "%.json$" or os.getenv "SPECBENCH_SIM_PROFILES" or server.model.engine_args or server.extra_args
    or server.model.env or server.env then return nil end
  local known = {}
  for _, name in ipairs(fs.list(sim_profile.folder()) or {}) do
    known[#known + 1] = name:match "^(.*)%.json$"
  end
  if tables.contains(known, file) then return nil end
  return ("the simulator has no profile '%s'%s; it has %s, and --model %s=FILE.json brings another"):format(file,
    unknown.hint(file, known), table.concat(known, ", "), server.model.name)
end

local function assumed(server, task)
  local file = profile(server.model)
  local path = file:find "%.json$" and file or ("%s/%s.json"):format(sim_profile.folder(), file)
  return sim_profile.is_assumed(path, server, task)
end

-- What no server can be asked for, and the simulator refuses too.
local function own_unsupported(server)
  if (server.multi_step or 1) == 1 then return nil end
  if base.speculates(server) then return "sim: multi_step does not go with speculation" end
  if server.chunked_prefill then return "sim: multi_step with chunked_prefill is not simulated" end
end

---@param server table resolved description with host, port and speed (the clock's, 1 if nil)
local function command(server)
  local speculates = base.speculates(server)
  local argv = { server.model.binary or server.binary or "specbench", "sim" }
  base.option(argv, "--profile", profile(server.model))
  base.option(argv, "--model", served_name(server))
  base.option(argv, "--host", server.host or "127.0.0.1")
  base.option(argv, "--port", server.port)
  if speculates then
    base.option(argv, "--method", server.method)
    base.option(argv, "--k", server.k)
    base.option(argv, "--per-request-acceptance", true)
    base.option(argv, "--disable-by-batch-size", server.disable_by_batch_size)
    base.option(argv, "--k-by-batch-size", server.k_by_batch_size and json.encode(server.k_by_batch_size))
    base.option(argv, "--speculative-max-model-len", server.speculative_max_model_len)
  else
    base.option(argv, "--k", 0)
  end
  base.option(argv, "--max-num-seqs", server.max_num_seqs)
  base.option(argv, "--chunked-prefill", server.chunked_prefill)
  base.option(argv, "--scheduler-delay-factor", server.scheduler_delay_factor)
  base.option(argv, "--multi-step", server.multi_step)
  base.option(argv, "--seed", server.seed)
  base.option(argv, "--speed", server.speed)
  base.extra(argv, server)
  return { argv = argv, env = base.environment(server) }
end

---vLLM's body, plus what the simulator cannot know by itself: the task, whose acceptance it plays,
---and the prompt's true length.
---@param body table changed in place
---@param limits { task: string?, prompt_tokens: integer? }|nil and vLLM's limits
---@return table body
---@return table<string, string> headers
local function request(body, limits)
  local headers = {}
  limits = limits or {}
  headers["X-Specbench-Task"] = limits.task
  headers["X-Prompt-Tokens"] = limits.prompt_tokens and base.text(limits.prompt_tokens)
  return http.request(body, limits), headers
end

return base.engine {
  name = "sim",
  description = "the simulator (specbench sim)",
  capabilities = {
    prefix_cache_reset = false,
    chunk_is_step = true,
    event_per_token = false,
    spawn = true,
  },
  methods = base.set { "none", "draft", "ngram", "eagle", "eagle3", "medusa", "mtp" },
  without = {
    acceptance = "the profile's acceptance is played; write a profile of your own",
    async_scheduling = "not simulated",
    speculative = "the profile says how drafts fare; write a profile of your own",
    prefix_caching = "not simulated",
  },
  ignores = {
    draft = "part of the profile",
    dtype = "part of the profile",
    quantization = "part of the profile",
    tensor_parallel = "part of the profile",
    draft_tensor_parallel = "part of the profile",
    gpu_memory_utilization = "part of the profile (--kv-tokens)",
    max_model_len = "part of the profile",
    prompt_lookup_max = "part of the profile's acceptance",
    prompt_lookup_min = "part of the profile's acceptance",
  },
  own_unsupported = own_unsupported,
  lacks = lacks,
  assumed = assumed,
  command = command,
  served_name = served_name,
  request = request,
  acceptance = function(delta)
    return counters.acceptance(delta, PREFIX)
  end,
  idle_is_free = true,
  ready = { path = "/health", timeout_s = 60 },
  version = http.version,
  tokenize = http.tokenize,
  metrics = { path = "/metrics", names = counters.names(PREFIX), requests = http.requests_counter },
}
