--- A server that already runs elsewhere. Plain "external" asks for nothing beyond OpenAI's own API;
--- "external:vllm" uses that engine's requests and counters.

local base = require "specbench.engine.base"
local description = require "specbench.engine.description"

local NO_COUNTERS = "a plain external server tells no acceptance: name its dialect (external:vllm)"
local NOT_OPENAI = "min_tokens and ignore_eos are not OpenAI's: the model ends its answers itself"

local function served_name(server)
  return server.model.served_name or server.model.name
end

---Nothing is started: the model's entry in the models file, or the command line, says where the
---server is.
local function command(server)
  local url = server.url or server.model.url
  if not url then
    error(("external: model '%s' has no url: give it in the models file, or --url"):format(
      server.model.name), 0)
  end
  return { url = (url:gsub("/+$", "")) }
end

---@param body table changed in place
---@param limits { max_tokens: integer?, min_tokens: integer?, ignore_eos: boolean? }|nil
local function request(body, limits)
  limits = limits or {}
  body.max_tokens = limits.max_tokens or body.max_tokens
  local dropped = limits.min_tokens or limits.ignore_eos or body.min_tokens or body.ignore_eos
  body.min_tokens, body.ignore_eos = nil, nil
  if body.stream then
    body.stream_options = { include_usage = true, continuous_usage_stats = limits.running_usage or nil }
  end
  return body, {}, dropped and NOT_OPENAI or nil
end

-- What a server's flags are is not ours to say; the round's description is kept as the user's word
-- for it.
local function complete(engine)
  engine.methods = description.methods
  engine.without, engine.ignores = {}, {}
  engine.command = command
  return base.engine(engine)
end

local external = complete {
  name = "external",
  description = "a server that already runs",
  capabilities = {
    prefix_cache_reset = false,
    chunk_is_step = false,
    event_per_token = false,
    spawn = false,
  },
  served_name = served_name,
  request = request,
  acceptance = function()
    return nil, NO_COUNTERS
  end,
  ready = { path = "/health" },
  warms_up = true,
  running_usage = true,
  version = { paths = { "/version" }, field = "version" },
  metrics = { path = "/metrics", names = {} },
}

---@param engine specbench.engine
---@return specbench.engine
function external.with_dialect(engine)
  local copy = base.copy(engine)
  copy.own_unsupported, copy.twin = nil, nil -- how it is started is not ours to say
  copy.capabilities.spawn = false
  copy.capabilities.prefix_cache_reset = false
  copy.description = "a server that already runs and speaks " .. engine.name .. "'s dialect"
  copy.served_name = served_name
  copy.ready = { path = engine.ready.path }
  local dialect = complete(copy)
  dialect.name, dialect.file = "external:" .. engine.name, engine.file
  return dialect
end

return external
