--- What the engine files share: the command line's building blocks, and the two questions every
--- engine answers about a server description in the same way, by tables instead of code.

local definition = require "specbench.engine.definition"
local description = require "specbench.engine.description"
local tables = require "specbench.base.tables"
local version = require "specbench.base.version"

local base = {}

base.set = tables.set_of

-- What a knob is set to where it is not there at all.
local NO_EFFECT = { multi_step = 1, scheduler_delay_factor = 0 }

---A number or string as it stands on a command line: 3, 0.9, "awq".
---@param value string|number
---@return string
function base.text(value)
  if type(value) ~= "number" then return value end
  local whole = math.tointeger(value)
  return whole and ("%d"):format(whole) or ("%.14g"):format(value)
end

---Appends `flag value`; nothing where value is nil. `true` appends the flag alone, `false` nothing.
---@param argv string[]
---@param flag string
---@param value string|number|boolean|nil
function base.option(argv, flag, value)
  if value == nil or value == false then return end
  argv[#argv + 1] = flag
  if value ~= true then argv[#argv + 1] = base.text(value) end
end

---Appends `--flag` or `--no-flag`; nothing where value is nil.
---@param argv string[]
---@param name string without the dashes
---@param value boolean|nil
function base.switch(argv, name, value)
  if value ~= nil then argv[#argv + 1] = (value and "--" or "--no-") .. name end
end

---Appends the arguments that belong to the model, then those of the round: the last one wins.
---@param argv string[]
---@param server table
function base.extra(argv, server)
  for _, list in ipairs { server.model.engine_args or {}, server.extra_args or {} } do
    for _, argument in ipairs(list) do
      argv[#argv + 1] = base.text(argument)
    end
  end
  return argv
end

---The child's environment on top of specbench's own: the engine's, the model's, the round's, in
---that order, and CUDA_VISIBLE_DEVICES from the GPUs that the server was given.
---@param server table
---@param own table<string, string|false>|nil what the engine itself needs; false unsets
---@return table<string, string|false>
function base.environment(server, own)
  local env = {}
  for _, layer in ipairs { own or {}, server.model.env or {}, server.env or {} } do
    for name, value in pairs(layer) do
      env[name] = base.text(value)
    end
  end
  if server.gpus and #server.gpus > 0 then
    local ids = {}
    for i, gpu in ipairs(server.gpus) do
      ids[i] = base.text(gpu)
    end
    env.CUDA_VISIBLE_DEVICES = table.concat(ids, ",")
  end
  return env
end

---What the description says of speculation in the engine's own words takes the place of what the engine's file says
---itself; the rest comes behind it, by name. `false` takes a member away.
---@param members { [1]: string, [2]: any }[] name and value, as they are passed on
---@param server table
---@return { [1]: string, [2]: any }[]
function base.with_own_words(members, server)
  local own, known = server.speculative or {}, {}
  for _, member in ipairs(members) do
    known[member[1]] = true
    if own[member[1]] ~= nil then member[2] = own[member[1]] or nil end
  end
  for _, name in ipairs(tables.keys(own)) do
    if not known[name] then members[#members + 1] = { name, own[name] } end
  end
  return members
end

---The same as flags: { "num_steps", 3 } is `--speculative-num-steps 3`.
---@param argv string[]
---@param prefix string "--speculative-"
---@param members { [1]: string, [2]: any }[]
---@param server table
function base.speculative_flags(argv, prefix, members, server)
  for _, member in ipairs(base.with_own_words(members, server)) do
    base.option(argv, prefix .. member[1]:gsub("_", "-"), member[2])
  end
end

---@param server table
---@return boolean
function base.speculates(server)
  return (server.method or "none") ~= "none"
end

---@param set table<string, boolean>
---@return string sorted, with commas
function base.list(set)
  return table.concat(tables.keys(set), ", ")
end

-- What base.engine adds; its other fields: engine/definition.lua.
---@class specbench.engine
---@field unsupported fun(server: table): string? why it cannot serve a description
---@field ignored fun(server: table): { key: string, why: string }[]
---@field file { path: string, sha256: string }? where it is the user's own

---@class specbench.engine.effective a field that the engine does not tell is nil
---@field runner string? vLLM's model runner, "V1" or "V2"
---@field async_scheduling boolean?
---@field attention string?
---@field graphs string? which CUDA graphs
---@field graph_tokens integer? of the largest step that has a graph
---@field compilation string?
---@field kv_cache_tokens integer?
---@field kv_cache_dtype string?
---@field quantization string?
---@field max_running integer? requests at once

---@class specbench.engine.command
---@field argv string[]? nil where nothing is to be started
---@field env table<string, string|false>? false unsets
---@field url string? where the server is, if it is not to be started
---@field config string? a file's text; {config} in argv stands for its path

-- What the version that will serve is too old for, or too new.
local function outdated(engine, server)
  local have, served, since = server.engine_version, engine.served, engine.since or {}
  if served and served.from and version.before(have, served.from) then
    return ("%s: version %s is older than %s: use --engine %s"):format(engine.name, have, served.from, served.instead)
  end
  if served and served.before and version.numbers(have) and not version.before(have, served.before) then
    return ("%s: version %s is not older than %s: use --engine %s"):format(engine.name, have, served.before,
      served.instead)
  end
  local first = since.methods and since.methods[server.method]
  if first and version.before(have, first) then
    return ("%s: method '%s' needs version %s, this is %s"):format(engine.name, server.method, first, have)
  end
  local gone = engine.gone and engine.gone.methods and engine.gone.methods[server.method]
  if gone and version.numbers(have) and not version.before(have, gone) then
    return ("%s: method '%s' is gone since version %s, this is %s"):format(engine.name, server.method, gone, have)
  end
  local keys = {}
  for key, needed in pairs(since.keys or {}) do
    if server[key] and version.before(have, needed) then keys[#keys + 1] = key end
  end
  table.sort(keys)
  if keys[1] then
    return ("%s: %s needs version %s, this is %s"):format(engine.name, keys[1], since.keys[keys[1]], have)
  end
end

---Why answers may not be the target's own: acceptance that is forced, or a setting that the engine's file knows.
---@param engine specbench.engine
---@param server table
---@return string?
function base.lossy(engine, server)
  if not base.speculates(server) then return nil end
  if server.acceptance then return "acceptance is forced: the answers are noise" end
  return engine.lossy and server.speculative and engine.lossy(server) or nil
end

---An engine's own fields, for one that differs in some of them.
---@param engine specbench.engine
---@return table for base.engine
function base.copy(engine)
  local copy = {}
  for _, field in ipairs(definition.fields) do copy[field[1]] = engine[field[1]] end
  copy.capabilities = {}
  for key, value in pairs(engine.capabilities) do copy.capabilities[key] = value end
  return copy
end

-- What no engine's command need know of.
local ALWAYS = base.set { "model", "draft", "method", "k", "extra_args", "env", "profile" }

---`without` of an engine that honours few keys: every key of a description but these, also those that later versions
---of specbench add.
---@param honoured string[]
---@param why string
---@return table<string, string>
function base.all_but(honoured, why)
  local without, known = {}, base.set(honoured)
  for _, field in ipairs(description.shape.fields) do
    local key = field[1]
    if not known[key] and not ALWAYS[key] then without[key] = why end
  end
  return without
end

---Checks an engine's table, which raises one line with all that is missing, and completes it with unsupported() and
---ignored().
---@param engine table see definition.lua
---@return specbench.engine
function base.engine(engine)
  definition:check(engine)
  engine.methods = tables.set_of(engine.methods)
  engine.without, engine.ignores = engine.without or {}, engine.ignores or {}

  ---@return string|nil reason nil where the engine can serve this description
  function engine.unsupported(server)
    local method = server.method or "none"
    if not engine.methods[method] then
      return ("%s has no method '%s' (it has %s)"):format(engine.name, method,
        base.list(engine.methods))
    end
    local keys = {}
    for key in pairs(engine.without) do
      if server[key] and server[key] ~= NO_EFFECT[key] then keys[#keys + 1] = key end
    end
    table.sort(keys)
    if keys[1] then return ("%s: %s: %s"):format(engine.name, keys[1], engine.without[keys[1]]) end
    local gpus, wanted = server.gpus and #server.gpus or 0, server.tensor_parallel or 1
    if engine.capabilities.spawn and gpus > 0 and wanted > gpus then
      return ("%s: tensor_parallel = %d, but the server was given %d GPU(s)"):format(engine.name,
        wanted, gpus)
    end
    return outdated(engine, server) or engine.own_unsupported and engine.own_unsupported(server)
  end

  ---@return { key: string, why: string }[] sorted by key
  function engine.ignored(server)
    local found = {}
    for key, why in pairs(engine.ignores) do
      if server[key] ~= nil then found[#found + 1] = { key = key, why = why } end
    end
    table.sort(found, function(a, b) return a.key < b.key end)
    return found
  end

  return engine
end

return base
