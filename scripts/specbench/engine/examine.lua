-- Asks an engine's functions for what rounds will ask them, so that a slip shows before a night is measured with it.

local blame = require "specbench.base.blame"
local description = require "specbench.engine.description"
local shape = require "specbench.base.shape"
local tables = require "specbench.base.tables"
local unknown = require "specbench.base.unknown"

local examine = {}

-- A value of every key of a description.
examine.sample = {
  model = { name = "target", path = "/models/target", url = "http://127.0.0.1:8000" },
  draft = { name = "draft", path = "/models/draft" }, k = 3,
  prompt_lookup_max = 4, prompt_lookup_min = 2, draft_tensor_parallel = 1, speculative_max_model_len = 2048,
  disable_by_batch_size = 8, k_by_batch_size = { { 1, 7, 3 }, { 8, 64, 0 } }, acceptance = 2, dtype = "bfloat16",
  quantization = "awq", tensor_parallel = 2, gpu_memory_utilization = 0.9, max_model_len = 4096, max_num_seqs = 64,
  seed = 1, chunked_prefill = true, prefix_caching = true, async_scheduling = true, scheduler_delay_factor = 0.5,
  multi_step = 8, speculative = { flag = 1 }, profile = "nsys", extra_args = { "--flag" }, env = { NAME = "value" },
}
-- Keys that others read: the plan, or who compares like with like.
examine.elsewhere = { profile = true, draft = true, prefix_caching = true, pinned = true }

-- What a plan adds.
local GIVEN = { port = 8000, host = "127.0.0.1", gpus = { 0, 1 } }

local made = shape.record {
  "command", class = "specbench.engine.command",
  fields = {
    { "argv", shape.list(shape.string(), { least = 1 }), "nil where nothing is to be started" },
    { "env", shape.environment(), "its environment beside ours" },
    { "url", shape.string(), "where the server is, if it is not to be started" },
    { "config", shape.string(), "a file's text; `{config}` in argv stands for its path" },
  },
  flaw = function(value) return not value.argv and not value.url and "argv or url is missing" or nil end,
}

-- What an error of the engine's own functions says, with its place in the file.
local function try(label, f, ...)
  local results = table.pack(pcall(blame.call, function() return label end, f, ...))
  if results[1] then return nil, table.unpack(results, 2, results.n) end
  local e = results[2]
  return (type(e) == "table" and e.message or tostring(e)):match "^[^\n]*"
end

-- A server as a plan hands it over, whose keys note that they were read.
local function sample(method, read)
  return setmetatable({}, { __index = function(_, key)
    read[key] = true
    if key == "method" then return method end
    if examine.sample[key] ~= nil then return examine.sample[key] end
    return GIVEN[key]
  end })
end

local function command_flaw(engine, method, read)
  local label = ("command(method = %s)"):format(method)
  local failure, first = try(label, engine.command, sample(method, read))
  if failure then return failure end
  local flaw = made:flaws(first, label)[1]
  if flaw or not first.argv then return flaw end
  local _, second = try(label, engine.command, sample(method, read))
  if table.concat(first.argv, "\0") ~= table.concat(second.argv, "\0") then
    return label .. ": another argv each time it is asked: a cell's server would be another one on every run"
  end
end

-- What a server may be asked for, so that its stream tells how many tokens a chunk has.
local function asks_for_counts(engine, body)
  return engine.capabilities.event_per_token or engine.running_usage or body.return_token_ids or body.timings_per_token
    or type(body.stream_options) == "table" and body.stream_options.continuous_usage_stats
end

---@return string? flaw
---@return string? warning
local function request_flaw(engine)
  local failure, body, headers = try("request", engine.request,
    { model = "target", messages = {}, stream = true, stream_options = { include_usage = true }, max_tokens = 8 },
    { max_tokens = 8 })
  if failure then return failure end
  if type(body) ~= "table" then return "request: must return the body, a table, not a " .. type(body) end
  if headers ~= nil and type(headers) ~= "table" then
    return "request: must return headers, a table of names and values, not a " .. type(headers)
  end
  if not asks_for_counts(engine, body) then
    return nil, "request does not ask for tokens chunk by chunk (stream_options.continuous_usage_stats, "
      .. "return_token_ids): unless the server tells them unasked no speed-up is paired, and none is judged"
  end
end

-- Counters as a cell hands them over, all grown alike; `missing` notes what is asked for and not among `metrics.names`.
local function acceptance_flaw(engine, missing)
  local delta = {}
  for _, name in ipairs(engine.metrics.names) do delta[name] = 8 end
  setmetatable(delta, { __index = function(_, name) missing[name] = true end })
  local failure, found, why = try("acceptance", engine.acceptance, delta, sample("draft", {}))
  if failure and not next(missing) then return failure end
  if not failure and type(found) ~= "table" and not (found == nil and type(why) == "string") then
    return "acceptance: must return a table, or nil and why there is none, not a " .. type(found)
  end
end

-- Keys that a round could set without any effect and without a word.
local function unread(engine, read)
  local list = {}
  for _, field in ipairs(description.shape.fields) do
    local key = field[1]
    local told = read[key] or engine.without[key] or engine.ignores[key]
    if not told and not examine.elsewhere[key] then list[#list + 1] = key end
  end
  return list
end

---@param engine specbench.engine
---@return string[] flaws
---@return string[] warnings
function examine.engine(engine)
  local flaws, warnings, read = {}, {}, {}
  local methods = tables.keys(engine.methods)
  if not engine.methods.none then
    warnings[1] = "it has no method 'none': nothing that it serves has a baseline"
  end
  for _, method in ipairs(methods) do flaws[#flaws + 1] = command_flaw(engine, method, read) end
  if engine.own_unsupported then
    for _, method in ipairs(methods) do
      flaws[#flaws + 1] = try(("own_unsupported(method = %s)"):format(method), engine.own_unsupported,
        sample(method, read))
    end
  end
  local failure, name = try("served_name", engine.served_name, sample("none", read))
  if not failure and type(name) ~= "string" then failure = "served_name: must return a string, not a " .. type(name) end
  flaws[#flaws + 1] = failure
  flaws[#flaws + 1], warnings[#warnings + 1] = request_flaw(engine)
  local missing = {}
  flaws[#flaws + 1] = acceptance_flaw(engine, missing)
  for _, counter in ipairs(tables.keys(missing)) do
    warnings[#warnings + 1] = ("acceptance reads the counter %s, which metrics.names does not have%s"):format(
      tostring(counter), unknown.hint(counter, engine.metrics.names))
  end
  local silent = engine.capabilities.spawn and unread(engine, read) or {}
  if #silent > 0 then
    warnings[#warnings + 1] = ("command does not read %s, and neither `without` nor `ignores` names %s: a round that "
      .. "sets one would measure as if it had not"):format(table.concat(silent, ", "), #silent == 1 and "it" or "them")
  end
  return flaws, warnings
end

return examine
