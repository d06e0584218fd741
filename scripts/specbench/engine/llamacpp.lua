--- llama.cpp's llama-server. Its versions are build numbers: b8955 (April 2026) and b9131 renamed its flags.

local base = require "specbench.engine.base"
local counters = require "specbench.engine.counters"
local description = require "specbench.engine.description"
local version = require "specbench.base.version"

local PREFIX = "llamacpp:spec_decode_num_"

-- llama-server shares its context out among the slots; these are what one slot has, and how many
-- slots there are at least, where the round does not say.
local SLOT_CONTEXT, SLOTS = 4096, 4
local TEMPLATE = 256 -- tokens that a chat template may add

local SPEC_TYPES = {
  draft = "draft-simple",
  eagle3 = "draft-eagle3",
  mtp = "draft-mtp",
  dflash = "draft-dflash",
  dspark = "draft-dspark",
  ngram = "ngram-simple",
  ngram_map_k = "ngram-map-k",
  ngram_map_k4v = "ngram-map-k4v",
  ngram_mod = "ngram-mod",
  ngram_cache = "ngram-cache",
}

-- What of its own answers an engine of these methods keeps is no other request's; ngram-mod's pool is one for all.
local LOOKUPS = base.set { "ngram", "ngram_map_k", "ngram_map_k4v", "ngram_mod", "ngram_cache" }

-- What ngram-cache drafts, a constant of its source.
local CACHE_DRAFT = 8

-- Proposes what followed a match of so many tokens: k of it. The length of a match and k are two things.
local function lookup_members(server)
  local kind, match, k = SPEC_TYPES[server.method], server.prompt_lookup_max or server.k, server.k
  local members = { { "type", kind } }
  if server.method == "ngram_mod" then -- it drafts nothing where it finds less than its least, 48 unless told
    table.move({ { "ngram_mod_n_match", match }, { "ngram_mod_n_min", 1 }, { "ngram_mod_n_max", k } }, 1, 3, 2, members)
  elseif server.method ~= "ngram_cache" then
    local name = version.before(server.engine_version, "b8955") and "ngram" or kind
    members[2], members[3] = { name .. "_size_n", match }, { name .. "_size_m", k }
  end
  for _, member in ipairs(members) do member[1] = member[1]:gsub("-", "_") end
  return members
end

-- Draft models stop at n-max tokens, and in older builds where they are less sure than p-min.
local function add_draft(argv, server)
  local build = server.engine_version
  if description.may_have_draft[server.method] and server.draft then
    base.option(argv, "-md", server.draft.path)
  end
  local members = {}
  if not version.before(build, "b9131") then members[1] = { "type", SPEC_TYPES[server.method] } end
  if version.before(build, "b8955") then
    base.option(argv, "--draft-max", server.k)
  else
    members[#members + 1] = { "draft_n_max", server.k }
  end
  base.speculative_flags(argv, "--spec-", members, server)
  base.option(argv, "--draft-p-min", version.before(build, "b9235") and 0 or nil)
end

local function add_speculation(argv, server)
  if LOOKUPS[server.method] then
    base.speculative_flags(argv, "--spec-", lookup_members(server), server)
  else
    add_draft(argv, server)
  end
  local acceptance = server.acceptance
  if type(acceptance) == "number" then
    base.option(argv, "--spec-synth-len", acceptance)
  elseif acceptance then
    local rates = {}
    for i, rate in ipairs(acceptance) do
      rates[i] = base.text(rate)
    end
    base.option(argv, "--spec-synth-rates", table.concat(rates, ","))
  end
end

-- Room for the longest prompt, its chat template and its answer, in steps of 1024 tokens.
local function slot_context(server)
  return math.max(SLOT_CONTEXT, ((server.longest or 0) + TEMPLATE + 1023) // 1024 * 1024)
end

---@param server table
---@return string
local function served_name(server)
  return server.model.served_name or server.model.name
end

---@param server table resolved description with host, port, gpus
local function command(server)
  local slots = server.max_num_seqs or math.max(server.streams or 0, SLOTS)
  local argv = { server.model.binary or "llama-server" }
  base.option(argv, "-m", server.model.path)
  base.option(argv, "-a", served_name(server))
  base.option(argv, "--host", server.host or "127.0.0.1")
  base.option(argv, "--port", server.port)
  base.option(argv, "-c", (server.max_model_len or slot_context(server)) * slots)
  base.option(argv, "-np", slots)
  base.option(argv, "-s", server.seed)
  base.option(argv, "-sm", (server.tensor_parallel or 1) > 1 and "row" or nil)
  base.option(argv, "--metrics", true)
  base.option(argv, "--no-warmup", true)
  if base.speculates(server) then add_speculation(argv, server) end
  base.extra(argv, server)
  return { argv = argv, env = base.environment(server) }
end

---llama-server has no min_tokens. A least length that is at least half the limit means "write this
---much": the end-of-text token is then ignored and the answer has max_tokens. A smaller one is left
---out.
---@param body table changed in place
---@param limits { max_tokens: integer?, min_tokens: integer?, ignore_eos: boolean? }|nil
---@return table body
---@return table<string, string> headers
---@return string|nil note what could not be asked for
local function request(body, limits)
  limits = limits or {}
  body.max_tokens = limits.max_tokens or body.max_tokens
  if limits.ignore_eos ~= nil then body.ignore_eos = limits.ignore_eos end
  local least, note = limits.min_tokens or body.min_tokens or 0, nil
  body.min_tokens = nil
  if least > 0 and not body.ignore_eos then
    if body.max_tokens and 2 * least >= body.max_tokens then
      body.ignore_eos = true
      note = "no min_tokens here: every answer has max_tokens"
    else
      note = ("no min_tokens here: answers may be shorter than %d tokens"):format(least)
    end
  end
  body.cache_prompt = false
  local headers = {}
  if body.stream then
    -- It closes the connection after a streamed answer, though it announces Keep-Alive.
    headers.Connection = "close"
    body.stream_options = { include_usage = true }
    body.timings_per_token = true
  end
  return body, headers, note
end

local function acceptance(delta, server)
  local note
  if server and LOOKUPS[server.method] then
    note = "steps without a draft are not counted: the mean length is that of steps with one"
  end
  return counters.acceptance(delta, PREFIX, note)
end

local function own_unsupported(server)
  if LOOKUPS[server.method] and server.prompt_lookup_min
    and server.prompt_lookup_min ~= (server.prompt_lookup_max or server.k) then
    return ("llamacpp: prompt_lookup_min: %s matches one length, that of prompt_lookup_max"):format(
      SPEC_TYPES[server.method])
  end
  if server.method == "ngram_cache" and server.k and server.k ~= CACHE_DRAFT then
    return ("llamacpp: k = %d: ngram-cache drafts %d tokens whatever it is told: k = %d"):format(server.k, CACHE_DRAFT,
      CACHE_DRAFT)
  end
  if server.chunked_prefill == false then
    return "llamacpp: chunked_prefill = false: llama-server always cuts prefills to its batch size (-b)"
  end
end

return base.engine {
  name = "llamacpp",
  description = "llama.cpp (llama-server)",
  capabilities = {
    prefix_cache_reset = false,
    chunk_is_step = false,
    event_per_token = true,
    spawn = true,
  },
  methods = base.set {
    "none", "draft", "eagle3", "mtp", "dflash", "dspark", "ngram", "ngram_map_k", "ngram_map_k4v", "ngram_mod",
    "ngram_cache",
  },
  without = {
    disable_by_batch_size = "llama-server speculates at every batch size",
    k_by_batch_size = "llama-server speculates at every batch size",
    speculative_max_model_len = "llama-server speculates at every length",
    scheduler_delay_factor = "no counterpart",
    multi_step = "no counterpart",
    async_scheduling = "no counterpart",
    prefix_caching = "requests are sent with cache_prompt = false",
  },
  since = {
    methods = {
      ngram = "b7864", mtp = "b9180", eagle3 = "b9606", dflash = "b9831", dspark = "b10163",
      -- older builds have them too, under flags that this file does not write
      ngram_map_k = "b8955", ngram_map_k4v = "b8955", ngram_mod = "b8955", ngram_cache = "b8955",
    },
    keys = { acceptance = "b10662" },
  },
  ignores = {
    dtype = "the GGUF file decides",
    quantization = "the GGUF file decides",
    gpu_memory_utilization = "-ngl and -c decide (extra_args)",
    draft_tensor_parallel = "the draft model follows -sm",
    chunked_prefill = "llama-server always cuts prefills to its batch size (-b)",
  },
  own_unsupported = own_unsupported,
  command = command,
  served_name = served_name,
  request = request,
  acceptance = acceptance,
  warms_up = true,
  ready = { path = "/health", timeout_s = 900 },
  version = {
    probe = function(server) return { server.model.binary or "llama-server", "--version" } end,
    -- "version: 8140 (1a2b3c4)"; since August 2026 "version: 0.5.0 (build 10601, commit 1a2b3c4)"
    read = function(output)
      local build = output:match "version: [^\n]*%(build (%d+)" or output:match "version: (%d+) %("
      return build and "b" .. build
    end,
    paths = { "/props" }, field = "build_info",
  },
  tokenize = {
    path = "/tokenize",
    body = function(text)
      return { content = text, add_special = false }
    end,
    count = function(answer)
      return #answer.tokens
    end,
  },
  metrics = { path = "/metrics", names = counters.names(PREFIX), output_tokens = "llamacpp:tokens_predicted_total" },
}
