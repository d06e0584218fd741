-- A round and the user's options become jobs: what to measure, on which server, in which order.

local environment = require "sb.environment"
local engines = require "specbench.engine"
local estimate = require "specbench.experiment.estimate"
local grid = require "specbench.experiment.grid"
local experiment_job = require "specbench.experiment.job"
local keys = require "specbench.results.keys"
local match = require "specbench.experiment.match"
local models = require "specbench.experiment.models"
local pool = require "specbench.experiment.pool"
local profiler = require "specbench.engine.profiler"
local schedule = require "specbench.experiment.schedule"
local view = require "specbench.experiment.view"
local workload = require "specbench.experiment.workload"

local plan = {}

-- Models of the whole round, whatever part of it is to run; nil where it cannot be told, which the part will say.
local function models_of(r, options)
  local names = {}
  local told = pcall(function()
    for _, cell in ipairs(grid.expand(grid.whole(r), { seed = options.seed or 12345, repeats = 1 })) do
      local description = grid.ask(r, "server", cell)
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

-- A mistake in a value that --set brought is the command line's, not the round's.
local function job_of(self, cell, options)
  local r = self.round
  local settings = grid.foreign_settings(r, cell)
  local function make() return experiment_job.of(r, cell, self.engine, self.models, options, self.memory) end
  if #settings == 0 or r.reduce then return make() end
  local ok, job, reason = pcall(make)
  if ok then return job, reason end
  local message = type(job) == "table" and job.message
  if not message then error(job, 0) end
  message = message:match "^[^\n]*":gsub("^[^\n]-%.lua:%d*:? ", "")
  error({ exit = 2, message = ("--set %s: %s"):format(table.concat(settings, " --set "), message) }, 0)
end

-- Jobs that are loaded at the same moment, each on a server of its own: one, unless the round has `together`.
local function batches_of(self, options)
  local r, batches, by_key = self.round, {}, {}
  for _, cell in ipairs(grid.expand(r, { seed = options.seed or 12345, repeats = options.repeats or 1 })) do
    local key = keys.of(r, cell, r.together and { [r.together] = "*" } or nil, cell.repetition)
    local batch = by_key[key]
    if not batch then
      batch = { cells = {} }
      by_key[key] = batch
      batches[#batches + 1] = batch
    end
    local job, reason = job_of(self, cell, options)
    table.insert(batch.cells, cell)
    batch[#batch + 1] = job
    batch.reason = batch.reason or reason
  end
  for _, batch in ipairs(batches) do
    if not batch.reason then batch.reason = pool.refusal(batch, self.engine, options.gpus) end
  end
  return batches
end

-- Finds each job's baseline among the jobs that will be measured.
local function find_baselines(r, batches)
  local jobs = {}
  for _, batch in ipairs(batches) do
    if not batch.reason then table.move(batch, 1, #batch, #jobs + 1, jobs) end
  end
  return keys.find_baselines(r, jobs)
end

-- Why jobs have no baseline in the plan: the grid has none, the engine cannot serve it, or options left it out.
local function reasons_alone(self, alone, options)
  local found = { missing = {}, refused = {}, left_out = {} }
  if #alone == 0 then return found end
  local r, refused = self.round, {}
  local cells = {}
  for i, cell in ipairs(grid.expand(grid.whole(r), { seed = options.seed or 12345, repeats = 1 })) do
    cells[i] = grid.place(r, cell)
  end
  for _, item in ipairs(self.refused) do refused[grid.place(r, item.cell).key] = true end
  for _, job in ipairs(alone) do
    local cell = { coordinates = job.coordinates, repetition = 1, key = keys.of(r, job.coordinates) }
    cells[#cells + 1] = cell
    job.whole = cell
  end
  keys.find_baselines(r, cells)
  local there = {}
  for _, cell in ipairs(cells) do there[cell.key] = true end
  for _, job in ipairs(alone) do
    local key = job.whole.baseline
    job.whole = nil
    table.insert(not there[key] and found.missing or refused[key] and found.refused or found.left_out, job)
  end
  return found
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

-- Gives every job the start of its server that it is measured in. Under a stopping rule, which does not know how many
-- repeats there will be, each repeat has a start of its own.
local function set_starts(batches, starts, options)
  for _, batch in ipairs(batches) do
    for _, job in ipairs(batch) do
      job.start = starts == 1 and 1 or options.rule and job.repetition
        or schedule.start_of(job.repetition, options.repeats, starts)
    end
  end
end

-- Lengths can be replayed only where a baseline is measured before its methods are.
local function check_replay(self, r)
  if not self.base_first then return end
  local why = not r.baseline and "the round names no baseline"
    or r.together and "the round loads its servers at the same moment, so that no baseline goes first"
  if why then error({ exit = 2, message = "--lengths replay: " .. why }, 0) end
end

local STARTS = 3 -- fewer tell next to nothing of how far starts differ
local STARTS_SHARE = 0.1 -- of a run's time, which further starts may add without being asked for

-- How many starts of each server the repeats are spread over: as many as was asked for, else several where they cost
-- little; and the seconds that these add to one start for all, of how many.
local function choose_starts(self, batches, options)
  local repeats, asked = options.repeats or 1, options.starts
  if not self.engine.capabilities.spawn then
    if (asked or 1) > 1 then
      error({ exit = 2, message = ("--starts %d: engine %s uses servers that are up already, it starts none")
        :format(asked, self.engine.name) }, 0)
    end
    return 1
  end
  if asked and asked > repeats then
    error({ exit = 2, message = ("--starts %d: a start needs a repeat of its own, but there %s: --repeats %d"):format(
      asked, repeats == 1 and "is one" or ("are only %d"):format(repeats), asked) }, 0)
  end
  local wanted = asked or STARTS
  if wanted == 1 or repeats < math.max(wanted, 2) then return 1 end
  local seconds, count = 0, {}
  for _, batch in ipairs(batches) do seconds = seconds + plan.cost(batch) end
  for i, starts in ipairs { 1, wanted } do
    set_starts(batches, starts, options)
    count[i] = #schedule.sessions(batches, self.pool, { base_first = self.base_first })
  end
  local start = estimate.server_start(self.engine)
  local added, total = (count[2] - count[1]) * start, seconds + count[1] * start
  return (asked or added < STARTS_SHARE * total) and wanted or 1, added, total
end

-- The round with a plain server for each way that one of its methods runs, where that is what is asked for.
local function matched(r, engine, known, options)
  if options.match ~= "pinned" then return r end
  return match.pinned(r, function(description)
    return experiment_job.twin(r, description, engine, known, options)
  end)
end

---@class specbench.batch: specbench.job[] jobs loaded at the same moment
---@field slots string[] which server each job needs, see specbench.session

---@class specbench.plan
---@field round specbench.round
---@field engine table
---@field sessions specbench.session[] in the order of the run
---@field batches specbench.batch[] the same, one by one
---@field grid specbench.batch[] the same in the grid's order
---@field jobs specbench.job[] the same again
---@field refused { cell: table, description: string, reason: string }[] cells that this engine cannot serve
---@field alone { missing: specbench.job[], refused: specbench.job[], left_out: specbench.job[] } jobs without a
---  baseline in the plan: the grid has none, it is refused, or options left it out
---@field starts integer how often a server is started
---@field starts_each integer over how many starts of its server a cell's repeats are spread
---@field starts_cost { added: number, total: number }? seconds that several starts add, and those of a run with one
---@field pool specbench.pool
---@field streams integer the largest concurrency
---@field longest integer tokens of the longest prompt and answer together, as far as they are known
---@field seconds number expected wall time, server starts included
---@field base_first boolean a baseline goes first in every repeat: its answers' lengths are replayed
---@field rule sb.Stopping? that decides the number of repeats

---@param r specbench.round
---@param options table of the command line: engine, engine_version, models, model, url, speed, seed, repeats,
---  no_text, gpus, profile, salt, prompts_per_stream, lengths, at_once, match, starts, rule (that decides the repeats),
---  worth (of schedule.sessions)
---@return specbench.plan
function plan.new(r, options)
  local known, message, code = models.load(options)
  if not known then error({ exit = code == "usage" and 2 or 1, message = message }, 0) end
  check_models(r, known, options)
  local engine = engines.load(options.engine)
  r = matched(r, engine, known, options)
  local self = {
    round = r, engine = engine, models = known, batches = {}, jobs = {}, refused = {},
    starts = 0, seconds = 0, streams = 1, longest = 1, rule = options.rule,
    virtual = options.virtual, base_first = options.lengths == "replay",
    pool = pool.new(engine, options), worth = options.worth,
    memory = { servers = view.memory(), workloads = view.memory() },
  }
  check_replay(self, r)
  local kept, all = {}, batches_of(self, options)
  local alone = find_baselines(r, all)
  drop_unused_baselines(all)
  for _, batch in ipairs(all) do
    if not batch.reason then
      kept[#kept + 1] = batch
    else
      for _, cell in ipairs(batch.cells) do
        table.insert(self.refused, { cell = cell, description = grid.describe(r, cell), reason = batch.reason })
      end
    end
  end
  if #kept == 0 then error(self.refused[1].reason, 0) end
  self.alone = reasons_alone(self, alone, options)
  for _, batch in ipairs(kept) do name_servers(batch) end
  local added, total
  self.starts_each, added, total = choose_starts(self, kept, options)
  self.starts_cost = added and { added = added, total = total } or nil
  set_starts(kept, self.starts_each, options)
  self.grid = kept
  self.sessions = plan.sessions(self, kept)
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

---@param self specbench.plan
---@param batches specbench.batch[] of it
---@return specbench.session[]
function plan.sessions(self, batches)
  return schedule.sessions(batches, self.pool, { worth = self.worth, base_first = self.base_first })
end

---@param self specbench.plan
---@return specbench.batch[][][] see schedule.families
function plan.families(self)
  return schedule.families(self.grid)
end

---@param self specbench.plan
---@param session specbench.session
---@return number seconds that its servers take to start and its cells to be measured
function plan.session_cost(self, session)
  local seconds = estimate.server_start(self.engine)
  for _, batch in ipairs(session) do seconds = seconds + plan.cost(batch) end
  return seconds
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
  local is_kept, narrowed = {}, {}
  for _, batch in ipairs(batches) do is_kept[batch] = true end
  for _, batch in ipairs(self.grid) do
    if is_kept[batch] then narrowed[#narrowed + 1] = batch end
  end
  self.sessions, self.batches, self.jobs, self.grid = sessions, batches, jobs, narrowed
  return self
end

---@param batch specbench.batch
---@return number seconds that its slowest cell takes
function plan.cost(batch)
  local longest = 0
  for _, job in ipairs(batch) do longest = math.max(longest, job.cost) end
  return longest
end

---@param self specbench.plan
---@param job specbench.job
---@param gpus (integer|string)[]? that its server may use
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
