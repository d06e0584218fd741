-- A cell of a round on an engine: the server that it needs, what it sends, and the id that all this gives it.

local blame = require "specbench.base.blame"
local json = require "specbench.base.json"
local base = require "specbench.engine.base"
local deadlines = require "specbench.experiment.deadlines"
local engines = require "specbench.engine"
local estimate = require "specbench.experiment.estimate"
local grid = require "specbench.experiment.grid"
local keys = require "specbench.results.keys"
local profiler = require "specbench.engine.profiler"
local secrets = require "specbench.base.secrets"
local store = require "specbench.results.store"
local tables = require "specbench.base.tables"
local installed = require "specbench.engine.installed"
local view = require "specbench.experiment.view"
local workload = require "specbench.experiment.workload"

local job = {}

-- Engine options of the command line that belong to the simulator's clock.
local function clock_scale(engine, options)
  return engine.name == "sim" and (options.speed or 1) or nil
end

-- What the cell has of each axis; `absent` in place of those that mean nothing to it.
local function coordinates_of(r, cell, absent)
  local coordinates = {}
  for _, axis in ipairs(r.axes) do
    coordinates[axis.name] = cell[axis.name]
    if cell[axis.name] == nil then coordinates[axis.name] = absent end
  end
  return coordinates
end

-- The description with models looked up, and the version that will serve it: nil and why it is not known, and whether
-- there is none at all.
local function look_up(description, engine, known, options)
  local server = {}
  for name, value in pairs(description) do server[name] = value end
  server.model = known:resolve(description.model, engine)
  server.draft = known:resolve(description.draft, engine)
  local quantization = known:said(description.model, "quantization")
  if quantization then server.quantization = quantization ~= "auto" and quantization or nil end
  local words = known:said(description.draft, "speculative")
  if words then server.speculative = tables.merged(words, server.speculative) end -- the round's own go before
  local said = options.engine_version or known:engine_version(description.model)
  return server, installed.version(engine, server, base.environment(server), said)
end

---How a plain server must be started to run as this one does, where the engine decides.
---@param r specbench.round
---@param description table of a server
---@param engine specbench.engine
---@param known specbench.models
---@param options table
---@return table? twin nil: as it is
function job.twin(r, description, engine, known, options)
  if not engine.twin or not blame.check(r.file or r.name, engines.check, description, engine) then return nil end
  local server, version = look_up(description, engine, known, options)
  return engine.twin(setmetatable({ engine_version = version }, { __index = server }))
end

-- What the engine turns into a command line; or nil and why it cannot. And the version that it is written for.
local function resolve_server(r, description, engine, known, options)
  local checked, reason = blame.check(r.file or r.name, engines.check, description, engine)
  if not checked then return nil, reason end
  local server, version, why, absent = look_up(description, engine, known, options)
  if engine.name == "sim" then server.speed = options.speed or 1 end
  server.profile = options.profile or server.profile
  if options.url then server.model.url = options.url end
  reason = engine.unsupported(setmetatable({ engine_version = version }, { __index = server }))
  if not reason and server.profile == profiler.OWN and not engine.profiler then
    reason = engine.name .. " has no profiler of its own: --profile COMMAND"
  end
  if reason then return nil, reason end
  return server, nil, { known = version, why = why, absent = absent }
end

-- A cell's server as jobs hold it; or what has but the reason why the engine cannot serve it. Cells that the round's
-- function cannot tell apart have the same.
local function server_of(r, cell, engine, known, options, memory)
  local found = memory:find(cell)
  if found then return found end
  local description, looked_at = grid.ask(r, "server", cell)
  local server, reason, version = resolve_server(r, description, engine, known, options)
  found = server and { described = server, version = version, key = json.encode(server),
    identity = secrets.server(server) } or { reason = reason }
  memory:keep(cell, looked_at, found)
  return found
end

-- A cell's workload as `make` reads what the round says of it. Cells that the round's function cannot tell apart are
-- asked once; but functions in what it said may look at its cell later than it did itself.
local function workload_of(r, cell, memory, make)
  local known = memory:find(cell)
  if known then
    local ok, work = pcall(make, known.said)
    if ok and view.agrees(known.looked_at, cell) then return work end
  end
  local said, looked_at = grid.ask(r, "workload", cell)
  local work = make(said)
  memory:keep(cell, looked_at, { said = said, looked_at = looked_at })
  return work
end

---@class specbench.job
---@field id string
---@field description string "model=... task=..."
---@field coordinates table
---@field server table resolved description
---@field server_key string equal for jobs that share a server
---@field engine_version { known: string?, why: string?, absent: boolean? } what its command line is written
---  for; why it is not known; whether it is not there at all
---@field workload specbench.workload
---@field deadlines specbench.deadlines
---@field cost number expected seconds
---@field send_for number? seconds in which requests are sent: those that are left are no part of the cell

-- A cache of prefixes that can neither be emptied nor ruled out is got round by prompts that begin differently.
local function needs_salt(engine, server, options)
  if options.salt and options.salt ~= "auto" then return options.salt == "always" end
  if not engine.capabilities.spawn then return true end
  return server.prefix_caching and not engine.capabilities.prefix_cache_reset or false
end

---@param r specbench.round
---@param cell specbench.coordinates
---@param engine specbench.engine
---@param known specbench.models
---@param options table of the command line, see plan.new
---@param memory { servers: specbench.view.memory, workloads: specbench.view.memory } of this round, engine, models and
---  command line
---@return specbench.job? job nil where the engine cannot serve it
---@return string? reason
function job.of(r, cell, engine, known, options, memory)
  local found = server_of(r, cell, engine, known, options, memory.servers)
  if found.reason then return nil, found.reason end
  local server = found.described
  local seen, looked_at = grid.seen(r, cell, "limits")
  local description = grid.describe(r, cell)
  local how = {
    describe = description, seen = seen, looked_at = looked_at,
    prompts_per_stream = options.prompts_per_stream,
    salt = needs_salt(engine, server, options), lengths = options.lengths,
    body = tables.merged(known:said(server.model.name, "body"), options.body), headers = options.headers,
  }
  local work = workload_of(r, cell, memory.workloads, function(said)
    return blame.check(r.file or r.name, workload.new, said, cell, how)
  end)
  local identity = {
    round = r.name, coordinates = coordinates_of(r, cell, keys.ABSENT), repetition = cell.repetition, seed = cell.seed,
    engine = engine.name, engine_file = engine.file and engine.file.sha256, server = found.identity,
    workload = workload.identity(work), warmup = r.warmup or 1, virtual = options.virtual or nil,
    send_for = options.send_for,
  }
  local cost = estimate.cell(work, server.model.name, clock_scale(engine, options))
  return {
    id = store.id(identity), identity = identity, round = r.name, description = description,
    coordinates = coordinates_of(r, cell), repetition = cell.repetition, seed = cell.seed, engine = engine,
    engine_version = found.version, server = server, server_key = found.key, workload = work,
    warmup = r.warmup or 1, quick = cell.quick,
    slo = options.slo, keep_text = not options.no_text, keep_records = not options.no_records,
    deadlines = deadlines.of(r, options, {
      cell = cost, wave = cost * workload.streams(work) / #work.prompts.items, start = engine.ready.timeout_s or 0,
    }),
    io_threads = options.io_threads, send_for = options.send_for,
    clock_scale = clock_scale(engine, options), export = grid.exported(r, cell),
    own_metrics = function(run) return grid.own_metrics(r, cell, run) end,
    key = keys.of(r, cell, nil, cell.repetition),
    cost = cost,
  }
end

return job
