-- A round and the user's options become jobs: what to measure, on which server, in which order.

local environment = require "sb.environment"
local json = require "specbench.json"
local engines = require "specbench.engine"
local estimate = require "specbench.estimate"
local models = require "specbench.models"
local round = require "specbench.round"
local secrets = require "specbench.secrets"
local store = require "specbench.store"
local workload = require "specbench.workload"

local plan = {}

-- Engine options of the command line that belong to the simulator's clock.
local function clock_scale(engine, options)
  return engine.name == "sim" and (options.speed or 1) or nil
end

local function plain_coordinates(r, cell)
  local coordinates = {}
  for _, axis in ipairs(r.axes) do coordinates[axis.name] = cell[axis.name] end
  return coordinates
end

-- The description with models looked up: what the engine turns into a command line; or nil and why it cannot.
local function resolve_server(r, cell, engine, known, options)
  local description = r.server(cell)
  local checked, reason = engines.check(description, engine)
  if not checked then return nil, reason end
  local server = {}
  for name, value in pairs(description) do server[name] = value end
  server.model = known:resolve(description.model)
  server.draft = known:resolve(description.draft)
  if engine.name == "sim" then server.speed = options.speed or 1 end
  if options.url then server.model.url = options.url end
  reason = engine.unsupported(server)
  if reason then return nil, reason end
  return server
end

---@class specbench.job
---@field id string
---@field description string "model=... task=..."
---@field coordinates table
---@field server table resolved description
---@field server_key string equal for jobs that share a server
---@field workload specbench.workload
---@field cost number expected seconds

local function job_of(r, cell, engine, known, options)
  local server, reason = resolve_server(r, cell, engine, known, options)
  if not server then return nil, reason end
  local work = workload.new(r.workload(cell), cell)
  local identity = {
    round = r.name, coordinates = plain_coordinates(r, cell), repetition = cell.repetition, seed = cell.seed,
    engine = engine.name, server = secrets.server(server), workload = workload.identity(work), warmup = r.warmup or 1,
  }
  return {
    id = store.id(identity), identity = identity, round = r.name, description = round.describe(r, cell),
    coordinates = identity.coordinates, repetition = cell.repetition, seed = cell.seed, engine = engine,
    server = server, server_key = json.encode(server), workload = work, warmup = r.warmup or 1,
    timeout = r.timeout, chunk_timeout = r.chunk_timeout, keep_text = not options.no_text,
    clock_scale = clock_scale(engine, options), reference = r.reference and r.reference(cell) or nil,
    key = round.key(r, cell, nil, cell.repetition),
    baseline = r.baseline and round.key(r, cell, r.baseline, cell.repetition) or nil,
    cost = estimate.cell(work, server.model.name, clock_scale(engine, options)),
  }
end

---@class specbench.plan
---@field round specbench.round
---@field engine table
---@field jobs specbench.job[] in the order of the run
---@field refused { description: string, reason: string }[] cells that this engine cannot serve
---@field servers integer how many are started
---@field streams integer the largest concurrency
---@field seconds number expected wall time, server starts included

---@param r specbench.round
---@param options table of the command line: engine, models, model, url, speed, seed, repeats, no_text
---@return specbench.plan
function plan.new(r, options)
  local engine = engines.load(options.engine)
  local known, message, code = models.load(options)
  if not known then error({ exit = code == "usage" and 2 or 1, message = message }, 0) end
  local self = { round = r, engine = engine, jobs = {}, refused = {}, servers = 0, seconds = 0, streams = 1 }
  local groups, order = {}, {}
  for _, cell in ipairs(round.expand(r, { seed = options.seed or 12345, repeats = options.repeats or 1 })) do
    local job, reason = job_of(r, cell, engine, known, options)
    if job then
      local group = groups[job.server_key]
      if not group then
        group = {}
        groups[job.server_key] = group
        order[#order + 1] = group
      end
      group[#group + 1] = job
      self.streams = math.max(self.streams, math.tointeger(job.workload.concurrency) or 1)
    else
      table.insert(self.refused, { description = round.describe(r, cell), reason = reason })
    end
  end
  if #order == 0 then error(self.refused[1].reason, 0) end
  -- cells of one server stand together, whatever the axes' order: a start costs minutes
  for _, group in ipairs(order) do
    for _, job in ipairs(group) do
      self.jobs[#self.jobs + 1] = job
      self.seconds = self.seconds + job.cost
    end
    self.servers = self.servers + 1
    self.seconds = self.seconds + estimate.server_start(engine)
  end
  return self
end

---@param self specbench.plan
---@return string[] argv, table env of a job's server as they would be started, with port and host unfilled
function plan.command(self, job)
  -- where the simulator lies, and how many streams will come at once, is no part of what a cell is
  local server = setmetatable({
    host = "{host}", port = "{port}", streams = self.streams,
    binary = self.engine.name == "sim" and environment.executable or nil,
  }, { __index = job.server })
  local command = self.engine.command(server)
  return command.argv or {}, command.env or {}, command.url
end

return plan
