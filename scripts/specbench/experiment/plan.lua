-- A round and the user's options become jobs: what to measure, on which server, in which order.

local blame = require "specbench.base.blame"
local environment = require "sb.environment"
local json = require "specbench.base.json"
local base = require "specbench.engine.base"
local engines = require "specbench.engine"
local estimate = require "specbench.experiment.estimate"
local models = require "specbench.experiment.models"
local profiler = require "specbench.engine.profiler"
local keys = require "specbench.results.keys"
local round = require "specbench.experiment.round"
local schedule = require "specbench.experiment.schedule"
local secrets = require "specbench.base.secrets"
local store = require "specbench.results.store"
local versions = require "specbench.engine.version"
local workload = require "specbench.experiment.workload"

local plan = {}

local STEADY = 4 -- prompts a stream with which most of a cell's time has all its streams at work

-- Engine options of the command line that belong to the simulator's clock.
local function clock_scale(engine, options)
  return engine.name == "sim" and (options.speed or 1) or nil
end

-- Models of the whole round, whatever part of it is to run; nil where it cannot be told, which the part will say.
local function models_of(r, options)
  local names = {}
  local told = pcall(function()
    for _, cell in ipairs(round.expand(round.whole(r), { seed = options.seed or 12345, repeats = 1 })) do
      local description = round.ask(r, "server", cell)
      names[assert(description.model)] = true
      if description.draft then names[description.draft] = true end
    end
  end)
  return told and names or nil
end

local function check_models(r, known, options)
  if #known.set + #known.in_file == 0 then return end
  local names = models_of(r, options)
  local flaw = names and known:flaw(names)
  if flaw then error({ exit = 2, message = flaw }, 0) end
end

local function plain_coordinates(r, cell)
  local coordinates = {}
  for _, axis in ipairs(r.axes) do coordinates[axis.name] = cell[axis.name] end
  return coordinates
end

-- The description with models looked up: what the engine turns into a command line; or nil and why it cannot. And the
-- version that will serve it, where that is known, or why it is not.
local function resolve_server(r, cell, engine, known, options)
  local description = round.ask(r, "server", cell)
  local checked, reason = blame.check(r.file or r.name, engines.check, description, engine)
  if not checked then return nil, reason end
  local server = {}
  for name, value in pairs(description) do server[name] = value end
  server.model = known:resolve(description.model, engine)
  server.draft = known:resolve(description.draft, engine)
  if engine.name == "sim" then server.speed = options.speed or 1 end
  server.profile = options.profile or server.profile
  if options.url then server.model.url = options.url end
  local said = options.engine_version or known:engine_version(description.model)
  local version, why, absent = versions.installed(engine, server, base.environment(server), said)
  reason = engine.unsupported(setmetatable({ engine_version = version }, { __index = server }))
  if not reason and server.profile == profiler.OWN and not engine.profiler then
    reason = engine.name .. " has no profiler of its own: --profile COMMAND"
  end
  if reason then return nil, reason end
  return server, nil, { known = version, why = why, absent = absent }
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
---@field cost number expected seconds

-- A cache of prefixes that can neither be emptied nor ruled out is got round by prompts that begin differently.
local function needs_salt(engine, server, options)
  if options.salt and options.salt ~= "auto" then return options.salt == "always" end
  if not engine.capabilities.spawn then return true end
  return server.prefix_caching and not engine.capabilities.prefix_cache_reset or false
end

local function job_of(r, cell, engine, known, options)
  local server, reason, version = resolve_server(r, cell, engine, known, options)
  if not server then return nil, reason end
  local work = blame.check(r.file or r.name, workload.new, round.ask(r, "workload", cell), cell, {
    describe = round.describe(r, cell), prompts_per_stream = options.prompts_per_stream,
    salt = needs_salt(engine, server, options),
  })
  local identity = {
    round = r.name, coordinates = plain_coordinates(r, cell), repetition = cell.repetition, seed = cell.seed,
    engine = engine.name, server = secrets.server(server), workload = workload.identity(work), warmup = r.warmup or 1,
  }
  return {
    id = store.id(identity), identity = identity, round = r.name, description = round.describe(r, cell),
    coordinates = identity.coordinates, repetition = cell.repetition, seed = cell.seed, engine = engine,
    engine_version = version, server = server, server_key = json.encode(server), workload = work,
    warmup = r.warmup or 1, quick = cell.quick,
    slo = options.slo, timeout = r.timeout, chunk_timeout = r.chunk_timeout, keep_text = not options.no_text,
    io_threads = options.io_threads,
    clock_scale = clock_scale(engine, options), reference = r.reference and round.ask(r, "reference", cell) or nil,
    key = keys.of(r, cell, nil, cell.repetition),
    baseline = keys.baseline(r, cell, cell.repetition),
    cost = estimate.cell(work, server.model.name, clock_scale(engine, options)),
  }
end

-- GPUs for jobs that run at the same moment, from the pool in order; or nil and a reason.
local function share_gpus(jobs, engine, pool)
  local wanted = 0
  for _, job in ipairs(jobs) do wanted = wanted + (job.server.tensor_parallel or 1) end
  if not pool then
    if #jobs == 1 or not engine.uses_gpus then return {} end
    return nil, ("%d servers at once need %d GPUs: name them with --gpus 0,1"):format(#jobs, wanted)
  end
  if wanted > #pool then
    return nil, ("%d GPUs are needed at once, but --gpus names %d"):format(wanted, #pool)
  end
  local shares, next_gpu = {}, 1
  for i, job in ipairs(jobs) do
    local count = job.server.tensor_parallel or 1
    shares[i] = table.move(pool, next_gpu, next_gpu + count - 1, 1, {})
    next_gpu = next_gpu + count
  end
  return shares
end

-- Jobs that are loaded at the same moment, each on a server of its own: one, unless the round has `together`.
local function batches_of(self, options)
  local r, batches, by_key = self.round, {}, {}
  for _, cell in ipairs(round.expand(r, { seed = options.seed or 12345, repeats = options.repeats or 1 })) do
    local key = keys.of(r, cell, r.together and { [r.together] = "*" } or nil, cell.repetition)
    local batch = by_key[key]
    if not batch then
      batch = { cells = {} }
      by_key[key] = batch
      batches[#batches + 1] = batch
    end
    local job, reason = job_of(r, cell, self.engine, self.models, options)
    table.insert(batch.cells, cell)
    batch[#batch + 1] = job
    batch.reason = batch.reason or reason
  end
  for _, batch in ipairs(batches) do
    if not batch.reason then batch.reason = select(2, share_gpus(batch, self.engine, options.gpus)) end
  end
  return batches
end

-- Baselines of cells that are not in the plan cost hours and say nothing; without any other cell they are wanted.
local function drop_unused_baselines(batches)
  local used, any = {}, false
  for _, batch in ipairs(batches) do
    for _, job in ipairs(batch.reason and {} or batch) do
      if job.baseline and job.baseline ~= job.key then used[job.baseline], any = true, true end
    end
  end
  if not any then return end
  for _, batch in ipairs(batches) do
    local idle = not batch.reason
    for _, job in ipairs(batch) do idle = idle and job.baseline == job.key and not used[job.key] end
    if idle then batch.reason = "a baseline that no cell of this plan is compared with" end
  end
end

-- Names of the servers that a batch needs; what is loaded at the same moment has a server each.
local function name_servers(batch)
  batch.slots = {}
  local names = {}
  for i, job in ipairs(batch) do names[i] = job.server_key end
  for i, job in ipairs(batch) do
    batch.slots[i] = #batch == 1 and job.server_key or ("%s\31%d"):format(table.concat(names, "\31"), i)
  end
end

-- What may be up at once, beside what is loaded at the same moment anyway, and who gets which GPUs.
local function pool_of(engine, options)
  -- servers that wait take memory: only a pool, or a number, says that there is enough
  local known = engine.idle_is_free or not engine.capabilities.spawn or options.gpus or options.at_once
  local function fits(jobs)
    if #jobs == 1 then return true end
    if not known or #jobs > (options.at_once or math.huge) then return false end
    local urls = {}
    for _, job in ipairs(jobs) do
      -- a profiler's figures are no claims, and what it writes is kept when the server ends
      if job.server.profile then return false end
      local url = not engine.capabilities.spawn and job.server.model.url
      if url and urls[url] then return false end
      urls[url or ""] = true
    end
    return share_gpus(jobs, engine, options.gpus) ~= nil
  end
  return { fits = fits, share = function(jobs) return assert(share_gpus(jobs, engine, options.gpus)) end }
end

---@class specbench.batch: specbench.job[] jobs loaded at the same moment
---@field slots string[] which server each job needs, see specbench.session

---@class specbench.plan
---@field round specbench.round
---@field engine table
---@field sessions specbench.session[] in the order of the run
---@field batches specbench.batch[] the same, one by one
---@field jobs specbench.job[] the same again
---@field refused { description: string, reason: string }[] cells that this engine cannot serve
---@field starts integer how often a server is started
---@field streams integer the largest concurrency
---@field longest integer tokens of the longest prompt and answer together, as far as they are known
---@field seconds number expected wall time, server starts included

---@param r specbench.round
---@param options table of the command line: engine, engine_version, models, model, url, speed, seed, repeats,
---  no_text, gpus, profile, salt, prompts_per_stream, at_once, worth (of schedule.sessions)
---@return specbench.plan
function plan.new(r, options)
  local known, message, code = models.load(options)
  if not known then error({ exit = code == "usage" and 2 or 1, message = message }, 0) end
  check_models(r, known, options)
  local self = {
    round = r, engine = engines.load(options.engine), models = known, batches = {}, jobs = {}, refused = {},
    starts = 0, seconds = 0, streams = 1, longest = 1,
  }
  local kept, all = {}, batches_of(self, options)
  drop_unused_baselines(all)
  for _, batch in ipairs(all) do
    if not batch.reason then
      kept[#kept + 1] = batch
    else
      for _, cell in ipairs(batch.cells) do
        table.insert(self.refused, { description = round.describe(r, cell), reason = batch.reason })
      end
    end
  end
  if #kept == 0 then error(self.refused[1].reason, 0) end
  for _, batch in ipairs(kept) do name_servers(batch) end
  self.sessions = schedule.sessions(kept, pool_of(self.engine, options), options.worth)
  for _, session in ipairs(self.sessions) do
    self.starts = self.starts + #session.slots
    self.seconds = self.seconds + estimate.server_start(self.engine)
    for _, batch in ipairs(session) do
      table.insert(self.batches, batch)
      self.seconds = self.seconds + plan.cost(batch)
      for _, job in ipairs(batch) do
        table.insert(self.jobs, job)
        self.streams = math.max(self.streams, math.tointeger(job.workload.concurrency) or 1)
        self.longest = math.max(self.longest, workload.longest(job.workload))
        if not self.engine.capabilities.spawn and not job.server.model.url then
          error({ exit = 2, message = ("engine %s: model '%s' has no url: give --url, or a url in the models file")
            :format(self.engine.name, job.server.model.name) }, 0)
        end
      end
    end
  end
  return self
end

---Narrows a plan to the batches with a job that is wanted.
---@param self specbench.plan
---@param wanted fun(job: specbench.job): boolean
---@return specbench.plan self
function plan.keep(self, wanted)
  local sessions, batches, jobs = {}, {}, {}
  for _, session in ipairs(self.sessions) do
    local kept = { slots = session.slots, order = session.order }
    for _, batch in ipairs(session) do
      local any = false
      for _, job in ipairs(batch) do any = any or wanted(job) end
      if any then
        kept[#kept + 1] = batch
        batches[#batches + 1] = batch
        table.move(batch, 1, #batch, #jobs + 1, jobs)
      end
    end
    if #kept > 0 then sessions[#sessions + 1] = kept end
  end
  self.sessions, self.batches, self.jobs = sessions, batches, jobs
  return self
end

---@param batch specbench.batch
---@return number seconds that its slowest cell takes
function plan.cost(batch)
  local longest = 0
  for _, job in ipairs(batch) do longest = math.max(longest, job.cost) end
  return longest
end

---Cells with so few prompts that they measure how the load runs out.
---@param self specbench.plan
---@return string? warning
function plan.thin(self)
  local cells, streams, worst = 0, 0, math.huge
  for _, job in ipairs(self.jobs) do
    local per_stream = workload.per_stream(job.workload)
    if per_stream and per_stream < 2 then
      cells = cells + 1
      worst, streams = math.min(worst, per_stream), math.max(streams, job.workload.concurrency)
    end
  end
  if cells == 0 then return nil end
  return ("%d cells have fewer than 2 prompts a stream (down to %.1f at concurrency %d) and measure how the load runs "
    .. "out: %d prompts would hold %d streams; --prompts-per-stream %d repeats prompts")
    :format(cells, worst, streams, STEADY * streams, streams, STEADY)
end

---How repeats of baseline and method follow each other, for those who wait for it.
---@param self specbench.plan
---@return string[] lines
function plan.order_lines(self)
  local sessions, most, servers, starts = {}, {}, {}, 0
  for _, session in ipairs(self.sessions) do
    sessions[session.order] = (sessions[session.order] or 0) + 1
    most[session.order] = math.max(most[session.order] or 0, #session.slots)
    starts = starts + #session.slots
    for _, slot in ipairs(session.slots) do servers[slot.key] = true end
  end
  local count = 0
  for _ in pairs(servers) do count = count + 1 end
  local lines = {}
  if sessions.interleaved then
    lines[1] = ("Repeats: cells of baseline and methods in turn, A B, B A, A B ..., on %d servers kept up at once")
      :format(most.interleaved)
  end
  if sessions["before and after"] then
    lines[#lines + 1] = ("Repeats: not all servers fit at once: the baseline's odd repeats before its methods' cells, "
      .. "its even ones after them; %d server start%s more than servers (--gpus, --at-once: let them alternate)")
      :format(starts - count, starts - count == 1 and "" or "s")
  end
  return lines
end

---What the command lines are written for, where that is a guess.
---@param self specbench.plan
---@return string? note
function plan.guess(self)
  for _, job in ipairs(self.jobs) do
    local why = job.engine_version.why
    if why then
      return ("the version of %s is not known (%s): command lines are those of the newest (--engine-version tells it)")
        :format(self.engine.name, why)
    end
  end
end

---@param self specbench.plan
---@param job specbench.job
---@param gpus integer[]? that its server may use
---@return string[] argv, table env of a job's server as they would be started, with port and host unfilled
---@return string? url of one that is up
---@return string? config text of the file that {config} in argv stands for
function plan.command(self, job, gpus)
  -- where the simulator lies, which GPUs it has, how many streams will come at once and how long they get is no part
  -- of what a cell is
  local server = setmetatable({
    host = "{host}", port = "{port}", streams = self.streams, longest = self.longest, gpus = gpus,
    engine_version = job.engine_version.known,
    binary = self.engine.name == "sim" and environment.executable or nil,
  }, { __index = job.server })
  local command = self.engine.command(server)
  profiler.prepare(server, self.engine, command)
  return profiler.wrap(job.server.profile, command.argv or {}, gpus), command.env or {}, command.url, command.config
end

return plan
