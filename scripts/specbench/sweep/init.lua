-- Runs a plan: session after session, each with its servers and cells; what is done stays done.

local clock = require "sb.clock"
local dispatch = require "specbench.sweep.dispatch"
local gpu_memory = require "specbench.sweep.gpu_memory"
local guard = require "specbench.sweep.guard"
local plan = require "specbench.experiment.plan"
local quarantine = require "specbench.sweep.quarantine"
local session = require "specbench.sweep.session"
local tables = require "specbench.base.tables"
local units = require "specbench.experiment.units"
local watched = require "specbench.sweep.watched"

local sweep = {
  QUARANTINE = 3, -- failures after which a cell or a server is not tried again, unless told
}

local function missing_of(self, batch)
  local missing = 0
  for _, job in ipairs(batch) do missing = missing + (session.is_missing(self, job) and 1 or 0) end
  return missing
end

-- Whether one of a session's servers, which somebody else runs, was not to be had before: asking again would take
-- hundreds of cells down one after the other.
local function is_down(self, planned)
  for _, slot in ipairs(planned.slots) do
    local _, _, url = plan.command(self.plan, slot.job, slot.gpus)
    if url and self.down[url] then return true end
  end
  return false
end

---What of a plan can be measured side by side on its GPUs.
---@param the_plan specbench.plan
---@param is_done fun(job: specbench.job): boolean
---@param cores integer? that clients may use, each one of its own; nil: as many as there are GPUs
---@return specbench.unit[]? list in the order of beginning; nil: one session after another
---@return integer most of them at once
---@return number? makespan expected seconds
function sweep.units(the_plan, is_done, cores)
  local gpus = the_plan.pool.gpus
  local most = math.min(gpus and #gpus or 1, cores or math.maxinteger)
  -- in virtual time nothing waits, and a server that is up has no GPU of ours
  if most == 1 or the_plan.virtual or not the_plan.engine.capabilities.spawn then return nil, 1 end
  if is_done and not units.any_left(the_plan, is_done) then return nil, 1 end
  local list, makespan = units.pack(the_plan, #gpus, most, is_done)
  if #list < 2 then return nil, 1 end
  return list, most, makespan
end

---@param the_plan specbench.plan
---@param seconds number of one server after another, without their starts
---@param is_done (fun(job: specbench.job): boolean)?
---@param cores integer?
---@return specbench.plan_text.cost
function sweep.cost(the_plan, seconds, is_done, cores)
  local list, most, makespan = sweep.units(the_plan, is_done, cores)
  return { seconds = seconds, list = list, most = most, makespan = makespan,
    gpu_seconds = units.gpu_seconds(list or seconds > 0 and units.cut(the_plan, math.huge, is_done) or {}) }
end

-- The plan's sessions in its order, or those that a schedule asks for one by one.
local function sessions_of(self)
  local schedule, sessions, i = self.options.schedule, self.plan.sessions, 0
  return function()
    i = i + 1
    if schedule then return schedule:session(self.guard:cells()) end
    return sessions[i]
  end
end

local function run_session(self, planned, only_again)
  self.sessions = self.sessions + 1
  session.run(self, planned, self.sessions, only_again)
end

local function run_missing(self, planned)
  local missing = 0
  for _, batch in ipairs(planned) do missing = missing + missing_of(self, batch) end
  if missing > 0 and is_down(self, planned) then
    self.untried = self.untried + missing
  elseif missing > 0 then
    run_session(self, planned)
  end
end

-- Each unit on GPUs of its own, as soon as there is room for it.
local function run_units(self, list, most)
  local waiting, gpus = table.move(list, 1, #list, 1, {}), self.plan.pool.gpus
  self.side_by_side = true
  self.beside = {
    gpus = gpus, most = most,
    take = function(free)
      local place = units.first_that_fits(waiting, free)
      return place and table.remove(waiting, place)
    end,
    run = function(unit, lot)
      for _, planned in ipairs(unit.sessions) do run_missing(self, units.on(planned, gpus, lot)) end
    end,
  }
  dispatch.run(self.beside)
  self.side_by_side = false
end

---What decides as it goes which cells of a plan are measured. `cells` are those that count by now, by their ids.
---@class specbench.sweep.schedule
---@field session fun(self: table, cells: table<string, table>): specbench.session? the next servers with what they
---  begin with; nil: no more
---@field more fun(self: table, session: specbench.session, cells: table<string, table>): specbench.batch? what else
---  these servers measure
---@field left fun(self: table): number? seconds left, where that is known

---@class specbench.sweep.outcome
---@field total integer cells of the plan
---@field skipped integer were done before
---@field measured integer
---@field failed integer
---@field untried integer on a server of somebody else's that was found to be down
---@field quarantined integer not tried, for they failed too often
---@field reruns integer cells measured once more, because they looked wrong
---@field wall_seconds number
---@field server_seconds number? of them: servers starting, stopping, warming up and answering; nil: side by side

-- What a further look or step of a run asks for is planned as the first one's cells were: by that a report tells them
-- from what was measured before the round changed.
local function note_planned(the_plan, the_store)
  local about, planned = the_store.about, {}
  for _, job in ipairs(about.planned and the_plan.jobs or {}) do
    if about.planned[job.key] ~= job.id then planned[job.key] = job.id end
  end
  if not next(planned) then return end
  the_store:describe(tables.merged(about, { planned = planned }))
  assert(the_store:keep_description())
end

-- A run before its first session.
local function new(the_plan, the_store, options)
  local self = {
    plan = the_plan, store = the_store, options = options, beside = options.beside, done = 0, measured = 0,
    failed = 0, reruns = 0, position = 0, server_seconds = 0, untried = 0, skipped = 0, sessions = 0, down = {},
    baseline_of = {}, guard = guard.new(the_store, the_plan.engine.name),
    quarantine = quarantine.new(the_store, the_plan.jobs, options.quarantine or sweep.QUARANTINE),
  }
  for _, job in ipairs(the_plan.jobs) do self.baseline_of[job.key] = job.baseline end
  local costs = {}
  for _, batch in ipairs(the_plan.batches) do
    local missing = missing_of(self, batch)
    for _, job in ipairs(batch) do self.skipped = self.skipped + (the_store:has(job.id) and 1 or 0) end
    for _ = 1, missing do costs[#costs + 1] = plan.cost(batch) / missing end
  end
  self.bar = watched.new(the_plan, the_store, options, costs, self.guard)
  self.brief = self.bar.brief
  self.warn = function(line) self.bar:line("Warning: " .. line) end
  self.gpu_memory = not the_plan.virtual and gpu_memory.new(self.warn) or nil
  return self
end

---Runs what is not done yet. Cells are kept as they finish; an interrupt loses at most the one in flight.
---@param the_plan specbench.plan
---@param the_store specbench.store
---@param options { quiet: boolean?, full: boolean?, host: string?, port: integer?, no_rerun: boolean?,
---  quarantine: integer?, start_tries: integer?, start_pause: number?, events: specbench.live.events?,
---  progress_out: table?, own_thread: boolean?, beside: specbench.dispatch?, between: fun()?,
---  schedule: specbench.sweep.schedule? } events: instead of lines for people; progress_out: where lines go instead of
---  to standard error; own_thread: other loads run beside this sweep's; beside: where these are its caller's; between:
---  called before each batch; schedule: instead of the plan's order, one server after another
---@return specbench.sweep.outcome
function sweep.run(the_plan, the_store, options)
  note_planned(the_plan, the_store)
  local begun, self = clock.now(), new(the_plan, the_store, options)
  local _farewell <close> = setmetatable({}, { __close = function()
    watched.finish(self.bar, the_store)
    if not self.complete and not options.quiet then
      self.bar:line(("stopped: %d of %d cells are kept in %s; the same command goes on from there")
        :format(self.skipped + self.measured, #the_plan.jobs, the_store.folder))
    end
  end })
  local list, most
  if not options.schedule then
    list, most = sweep.units(the_plan, function(job) return the_store:has(job.id) end, dispatch.cores())
  end
  if list then
    run_units(self, list, most)
  else
    for planned in sessions_of(self) do run_missing(self, planned) end
  end
  -- what looks wrong beside cells of another session, or did so before a kill
  for _, planned in ipairs(options.no_rerun and {} or the_plan.sessions) do
    if #self.guard:suspects(planned) > 0 and not is_down(self, planned) then run_session(self, planned, true) end
  end
  self.complete = true
  return {
    total = #the_plan.jobs, skipped = self.skipped, measured = self.measured, failed = self.failed,
    reruns = self.reruns, untried = self.untried, quarantined = self.quarantine.count,
    wall_seconds = (clock.now() - begun) / 1e9, server_seconds = not list and self.server_seconds or nil,
  }
end

return sweep
