--- What the engine files share: the command line's building blocks, and the two questions every
--- engine answers about a server description in the same way, by tables instead of code.

local tables = require "specbench.base.tables"
local version = require "specbench.engine.version"

local base = {}

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

---@param names string[]
---@return table<string, boolean>
function base.set(names)
  local set = {}
  for _, name in ipairs(names) do
    set[name] = true
  end
  return set
end

---@class specbench.engine
---@field name string
---@field description string one line
---@field capabilities specbench.engine.capabilities
---@field methods table<string, boolean>
---@field without table<string, string> key that this engine cannot honour -> why, what instead
---@field ignores table<string, string> key without counterpart that changes no figure -> why
---@field lacks (fun(server: table): string?)|nil what a server of this description needs and this machine has not
---@field profiler { args: string[]?, env: table<string, string>?, older: table?, start: string, stop: string }|nil its
---  own one: what lets it be asked for ({output}: its folder), in versions before `older.before` the args and env of
---  `older`, and the paths to POST to
---@field uses_gpus boolean|nil its servers need GPUs: two at once need a pool to share
---@field idle_is_free boolean|nil a server that waits takes neither memory worth the name nor a GPU
---@field command fun(server: table): specbench.engine.command
---@field request fun(body: table, limits: table?): table, table<string, string>, string?
---@field acceptance fun(delta: table<string, number>, server: table?): table?, string?
---@field log_pattern string|nil in lines of its log that tell totals better than the counters do
---@field acceptance_from_log (fun(before: string?, after: string): table?, string?)|nil from two of them
---@field served_name fun(server: table): string the `model` of a request's body
---@field unsupported fun(server: table): string?
---@field ignored fun(server: table): { key: string, why: string }[]
---@field ready specbench.engine.ready
---@field metrics { path: string, names: string[] }
---@field version specbench.engine.version
---@field since { methods: table<string, string>|nil, keys: table<string, string>|nil }|nil method or key -> the first
---  version that has it
---@field served { from: string|nil, before: string|nil, instead: string }|nil the versions whose command lines this
---  file writes, and the engine for those beyond
---@field tokenize { path: string, body: function, count: function }|nil

---@class specbench.engine.version
---@field probe (fun(server: table): string[])|nil argv of a program that tells the version before the server is started
---@field read (fun(output: string): string|nil)|nil the version in what the probe printed
---@field paths string[] of the server that is up; the first one that is there answers
---@field field string of its answer

---@class specbench.engine.command
---@field argv string[]|nil nil where nothing is to be started
---@field env table<string, string|false>|nil false unsets
---@field url string|nil where the server is, if it is not to be started
---@field config string|nil a file's text; {config} in argv stands for its path

---@class specbench.engine.ready
---@field path string answered with 200 once the server is ready
---@field timeout_s number

---@class specbench.engine.capabilities
---@field prefix_cache_reset boolean
---@field chunk_is_step boolean a chunk is what one engine step brought
---@field event_per_token boolean a chunk with text is one token, half UTF-8 characters aside
---@field spawn boolean specbench starts it

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
  local keys = {}
  for key, needed in pairs(since.keys or {}) do
    if server[key] and version.before(have, needed) then keys[#keys + 1] = key end
  end
  table.sort(keys)
  if keys[1] then
    return ("%s: %s needs version %s, this is %s"):format(engine.name, keys[1], since.keys[keys[1]], have)
  end
end

---Completes an engine's table with unsupported() and ignored().
---@param engine table own_unsupported(server): reasons that a table cannot tell
---@return specbench.engine
function base.engine(engine)
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
