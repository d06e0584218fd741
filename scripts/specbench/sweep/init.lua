-- Runs a plan: session after session, each with its servers and cells; what is done stays done.

local aside = require "specbench.results.aside"
local clock = require "sb.clock"
local cell = require "specbench.sweep.cell"
local dispatch = require "specbench.sweep.dispatch"
local fleet = require "specbench.sweep.fleet"
local gpu_memory = require "specbench.sweep.gpu_memory"
local guard = require "specbench.sweep.guard"
local json = require "specbench.base.json"
local plan = require "specbench.experiment.plan"
local profiler = require "specbench.engine.profiler"
local quarantine = require "specbench.sweep.quarantine"
local replay = require "specbench.sweep.replay"
local speedup = require "specbench.analysis.speedup"
local task = require "specbench.task"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"
local units = require "specbench.experiment.units"
local view = require "specbench.live.view"
local watched = require "specbench.sweep.watched"

local sweep = {
  QUARANTINE = 3, -- failures after which a cell or a server is not tried again, unless told
}

-- Whether a cell is to be measured.
local function is_missing(self, job)
  return not self.store:has(job.id) and not self.quarantine.cells[job.id]
end

local function finish_cell(self, result, run, answers)
  local folder, message = self.store:write(result, run, answers)
  if not folder then error("cannot keep a cell: " .. message, 0) end
  local count = result.status ~= "ok" and "failed" or result.rerun and "reruns" or "measured"
  self[count] = self[count] + 1
  if not result.rerun then self.done = self.done + 1 end
  if result.status == "ok" then self.guard:add(result) end
  -- two clients that get in each other's way would be late in every cell to come
  local is_late = result.certificate and result.certificate.client_ok == false
  local most = is_late and self.beside and dispatch.ease(self.beside)
  if most then
    self.warn(("the client was late while %d units were measured side by side: no more than %d from now on"):format(
      most + 1, most))
  end
  self.bar:landed(setmetatable({ baseline = self.baseline_of[result.key] }, { __index = result }))
end

---What a run says of a cell that it has measured.
---@param job specbench.job
---@param result table the cell
---@return string
function sweep.line(job, result)
  if result.status ~= "ok" then
    return ("FAILED %s: %s"):format(job.description, result.error)
  end
  local m = result.metrics
  local figure = text_table.figure
  local words = { ("%s: %s tokens/s, TTFT %s ms, TPOT %s ms"):format(job.description,
    figure(m.output_throughput, "%.1f"), figure(m["ttft_ms.mean"], "%.0f"), figure(m["tpot_ms.mean"], "%.2f")) }
  local function add(format, value)
    if value then words[#words + 1] = format:format(value) end
  end
  add("acceptance %.2f", result.acceptance and result.acceptance.rate)
  add("goodput %.3g requests/s", m.request_goodput)
  add("steady for %.0f %% of the run", m.steady_share and 100 * m.steady_share)
  add("no throughput: %s", speedup.untold(result))
  for _, trouble in ipairs(result.troubles or {}) do words[#words + 1] = trouble end
  add("no metrics of the round's own: %s", result.own_trouble)
  return table.concat(words, ", ")
end

-- What a server that cannot be had leaves undone from a batch on, told in one line.
local function fail_rest(self, batches, from, key, message)
  local count = 0
  for i = from, #batches do
    local batch = batches[i]
    if not batch.refused and tables.contains(batch.slots, key) then
      batch.refused = true
      for _, job in ipairs(batch) do
        if is_missing(self, job) then
          finish_cell(self, cell.refuse(job, message))
          count = count + 1
        end
      end
    end
  end
  self.bar:update { done = self.done, failed = true, finished = ("FAILED %s%s: %s"):format(batches[from][1].description,
    count > 1 and (" and %d more cell%s of its server"):format(count - 1, count == 2 and "" or "s") or "", message) }
end

-- Loads a batch's cells at the same moment. A cell of it that was done before runs beside the others, but is not
-- kept again.
local function measure_batch(self, servers, batch, order)
  local results = {}
  local at_load = #batch > 1 and task.gate(#batch) or nil
  local begun = clock.now()
  local load_seconds = 0
  self.position = self.position + 1
  task.each(batch, function(i, job)
    job.conversations, job.own_thread = self.store:path "conversations",
      self.side_by_side or self.options.own_thread
    job.replayed, job.replay_trouble = replay.of(job, self.guard, self.store)
    function job.set_aside(path, reason)
      self.warn(assert(aside.file(self.store.folder, "conversations/" .. path:match "[^/]*$", reason)))
    end
    local key = batch.slots[i]
    local s, name = servers.up[key], watched.server_name(job)
    self.bar:server(key, { name = name, state = "measuring", cell = job.description, key = job.key,
      clock_scale = job.clock_scale, requests_total = #job.workload.prompts.items })
    local result, more = cell.measure(job, s, i == 1 and not self.side_by_side and function(p)
      self.bar:update { done = self.done, cell_fraction = p.done / p.total }
      self.bar:loading(key, p)
    end or nil, at_load)
    self.bar:server(key, { name = name, state = "up" })
    result.schedule = { order = order, position = self.position, start = job.start }
    results[i] = { job = job, cell = result, more = more, profile_folder = s.profile_folder }
    load_seconds = math.max(load_seconds, more.load_seconds)
    results[i].broken = more.breakdown ~= nil or s:failure() ~= nil
  end)
  self.server_seconds = self.server_seconds + (#batch > 1 and (clock.now() - begun) / 1e9 or load_seconds)
  return results
end

local function keep(self, results)
  for _, r in ipairs(results) do
    if not self.store:has(r.job.id) then
      finish_cell(self, r.cell, r.more.run, r.more.answers)
      self.bar:update { done = self.done, failed = r.cell.status ~= "ok", finished = sweep.line(r.job, r.cell) }
    end
  end
end

-- What a profiler wrote is known once its server has ended; cells under one wait for that.
local function keep_profiled(self, held)
  for _, results in ipairs(held) do
    for _, r in ipairs(results) do
      if r.profile_folder then
        r.cell.profile = { files = json.array(profiler.files(self.store.folder, r.profile_folder)) }
      end
    end
    keep(self, results)
  end
end

local function bury(servers, batch, results)
  for i, r in ipairs(results) do
    if r.broken then servers:bury(batch.slots[i]) end
  end
end

local function is_profiled(batch)
  for _, job in ipairs(batch) do
    if job.server.profile then return true end
  end
  return false
end

-- Measures what is missing of a session, and what a schedule asks of its servers besides; returns results that wait for
-- their servers' end.
local function measure_missing(self, servers, batches, session)
  local held, keys, schedule = {}, {}, self.options.schedule
  for _, batch in ipairs(batches) do
    for _, key in ipairs(batch.slots) do
      if not tables.contains(keys, key) then keys[#keys + 1] = key end
    end
  end
  for i, batch in ipairs(batches) do
    if self.options.between then self.options.between() end
    if not batch.refused then
      servers:need(i == 1 and keys or batch.slots, function()
        self.bar:update { done = self.done, current = "starting " .. self.plan.engine.name .. " for "
          .. batch[1].description, cell_fraction = 0 }
      end)
      local lost, message = servers:first_lost(batch.slots)
      if lost then
        fail_rest(self, batches, i, lost, message)
      else
        self.bar:update { done = self.done, current = batch[1].description, key = batch[1].key, cell_fraction = 0,
          eta_s = schedule and schedule:left() }
        local results = measure_batch(self, servers, batch, session.order)
        if is_profiled(batch) then held[#held + 1] = results else keep(self, results) end
        bury(servers, batch, results)
      end
    end
    if schedule then batches[i + 1] = schedule:more(session, self.guard:cells()) end
  end
  return held
end

-- Measures once more what looks wrong; the first result stays, the second counts.
local function measure_again(self, servers, session)
  if self.options.no_rerun then return end
  for _, suspect in ipairs(self.guard:suspects(session)) do
    local batch = suspect.batch
    self.bar:update { done = self.done, current = "once more: " .. batch[1].description, cell_fraction = 0 }
    servers:need(batch.slots)
    for id in pairs(suspect.flags) do self.guard.tried[id] = true end
    if not servers:first_lost(batch.slots) then
      local results = measure_batch(self, servers, batch, session.order)
      for _, r in ipairs(results) do
        local flag = suspect.flags[r.job.id]
        if flag then
          r.cell.rerun = { flag = flag.flag, reason = flag.reason }
          finish_cell(self, r.cell, r.more.run, r.more.answers)
          if not self.brief then
            self.bar:line(("once more (%s): %s"):format(flag.reason, sweep.line(r.job, r.cell)))
          end
        end
      end
      bury(servers, batch, results)
    end
  end
end

-- The line of servers that have ended: all that is said of them off a terminal, but for cells that failed.
local function tell_session(self, session, measured, failed, seconds)
  local names = {}
  for i, slot in ipairs(session.slots) do names[i] = watched.server_name(slot.job) end
  self.bar:line(("%s: %d cell%s measured%s in %s; %s"):format(table.concat(names, ", "), measured,
    measured == 1 and "" or "s",
    failed > 0 and (", %d FAILED"):format(failed) or "", view.duration(seconds), self.bar:time_text()))
end

-- The servers of one session, with the cells that still need them. only_again: what is missing failed already.
local function run_session(self, session, number, only_again)
  local batches = {}
  for _, batch in ipairs(only_again and {} or session) do
    local missing = false
    for _, job in ipairs(batch) do missing = missing or is_missing(self, job) end
    if missing then batches[#batches + 1] = batch end
  end
  local measured, failed, begun = self.measured, self.failed, clock.now()
  local servers <close> = fleet.new(session, number, self)
  local held = measure_missing(self, servers, batches, session)
  measure_again(self, servers, session)
  servers:stop()
  self.server_seconds = self.server_seconds + servers.seconds
  keep_profiled(self, held)
  if self.brief and self.measured > measured then
    tell_session(self, session, self.measured - measured, self.failed - failed, (clock.now() - begun) / 1e9)
  end
end

local function missing_of(self, batch)
  local missing = 0
  for _, job in ipairs(batch) do missing = missing + (is_missing(self, job) and 1 or 0) end
  return missing
end

-- Whether one of a session's servers, which somebody else runs, was not to be had before: asking again would take
-- hundreds of cells down one after the other.
local function is_down(self, session)
  for _, slot in ipairs(session.slots) do
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

-- Each unit on GPUs of its own, as soon as there is room for it.
local function run_units(self, list, most, gpus, run)
  local waiting = table.move(list, 1, #list, 1, {})
  self.beside = {
    gpus = gpus, most = most,
    take = function(free)
      local place = units.first_that_fits(waiting, free)
      return place and table.remove(waiting, place)
    end,
    run = function(unit, lot)
      for _, session in ipairs(unit.sessions) do run(units.on(session, gpus, lot)) end
    end,
  }
  dispatch.run(self.beside)
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
  local self = {
    plan = the_plan, store = the_store, options = options, beside = options.beside, done = 0, measured = 0,
    failed = 0, reruns = 0, position = 0, server_seconds = 0, untried = 0, down = {}, baseline_of = {},
    guard = guard.new(the_store, the_plan.engine.name),
    quarantine = quarantine.new(the_store, the_plan.jobs, options.quarantine or sweep.QUARANTINE),
  }
  for _, job in ipairs(the_plan.jobs) do self.baseline_of[job.key] = job.baseline end
  local begun = clock.now()
  local costs, skipped = {}, 0
  for _, batch in ipairs(the_plan.batches) do
    local missing = missing_of(self, batch)
    for _, job in ipairs(batch) do skipped = skipped + (the_store:has(job.id) and 1 or 0) end
    for _ = 1, missing do costs[#costs + 1] = plan.cost(batch) / missing end
  end
  self.bar = watched.new(the_plan, the_store, options, costs, self.guard)
  self.brief = self.bar.brief
  self.warn = function(line) self.bar:line("Warning: " .. line) end
  self.gpu_memory = not the_plan.virtual and gpu_memory.new(self.warn) or nil
  local _farewell <close> = setmetatable({}, { __close = function()
    watched.finish(self.bar, the_store)
    if not self.complete and not options.quiet then
      self.bar:line(("stopped: %d of %d cells are kept in %s; the same command goes on from there")
        :format(skipped + self.measured, #the_plan.jobs, the_store.folder))
    end
  end })
  local number = 0
  local function run(session, only_again)
    number = number + 1
    run_session(self, session, number, only_again)
  end
  local function run_missing(session)
    local missing = 0
    for _, batch in ipairs(session) do missing = missing + missing_of(self, batch) end
    if missing > 0 and is_down(self, session) then
      self.untried = self.untried + missing
    elseif missing > 0 then
      run(session)
    end
  end
  local list, most
  if not options.schedule then
    list, most = sweep.units(the_plan, function(job) return the_store:has(job.id) end, dispatch.cores())
  end
  self.side_by_side = list ~= nil
  if list then
    run_units(self, list, most, the_plan.pool.gpus, run_missing)
    self.side_by_side = false
  else
    for session in sessions_of(self) do run_missing(session) end
  end
  -- what looks wrong beside cells of another session, or did so before a kill
  for _, session in ipairs(options.no_rerun and {} or the_plan.sessions) do
    if #self.guard:suspects(session) > 0 and not is_down(self, session) then run(session, true) end
  end
  self.complete = true
  return {
    total = #the_plan.jobs, skipped = skipped, measured = self.measured, failed = self.failed, reruns = self.reruns,
    untried = self.untried, quarantined = self.quarantine.count,
    wall_seconds = (clock.now() - begun) / 1e9, server_seconds = not list and self.server_seconds or nil,
  }
end

return sweep
