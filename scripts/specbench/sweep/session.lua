-- One session of a sweep: its servers, the cells that still need them, and what becomes of each of these: kept, given
-- up with its server, or measured once more.

local aside = require "specbench.results.aside"
local clock = require "sb.clock"
local cell = require "specbench.sweep.cell"
local dispatch = require "specbench.sweep.dispatch"
local duration = require "specbench.base.duration"
local fleet = require "specbench.sweep.fleet"
local json = require "specbench.base.json"
local profiler = require "specbench.engine.profiler"
local replay = require "specbench.sweep.replay"
local server = require "specbench.server"
local speedup = require "specbench.analysis.speedup"
local task = require "specbench.task"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"
local watched = require "specbench.sweep.watched"

local session = {}

---@class specbench.sweep a run of a plan
---@field plan specbench.plan
---@field store specbench.store
---@field options table of sweep.run
---@field bar specbench.progress
---@field warn fun(line: string)
---@field guard specbench.guard
---@field quarantine specbench.quarantine
---@field gpu_memory specbench.gpu_memory?
---@field beside specbench.dispatch? what is measured side by side
---@field side_by_side boolean? this run itself does that
---@field down table<string, boolean> URLs of servers that somebody else runs and that were not to be had
---@field baseline_of table<string, string> key of each planned cell's baseline, by its own
---@field sessions integer that were begun
---@field skipped integer cells that were done before
---@field done integer cells that have landed
---@field measured integer of them are good
---@field failed integer
---@field reruns integer
---@field untried integer
---@field position integer of the batch in this run
---@field server_seconds number
---@field told integer? when a search's last line was written
---@field brief boolean off a terminal only failed cells have a line each
---@field complete boolean? it came to its end

---@param self specbench.sweep
---@param job specbench.job
---@return boolean whether it is to be measured
function session.is_missing(self, job)
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
function session.line(job, result)
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
        if session.is_missing(self, job) then
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
    -- somebody else's simulator: nobody here set its speed
    if s.external then job.clock_scale = job.clock_scale or server.clock_scale(s) end
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
      self.bar:update { done = self.done, failed = r.cell.status ~= "ok", finished = session.line(r.job, r.cell) }
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
local function measure_missing(self, servers, batches, planned)
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
        local results = measure_batch(self, servers, batch, planned.order)
        if is_profiled(batch) then held[#held + 1] = results else keep(self, results) end
        bury(servers, batch, results)
      end
    end
    if schedule then batches[i + 1] = schedule:more(planned, self.guard:cells()) end
  end
  return held
end

-- Measures once more what looks wrong; the first result stays, the second counts.
local function measure_again(self, servers, planned)
  if self.options.no_rerun then return end
  for _, suspect in ipairs(self.guard:suspects(planned)) do
    local batch = suspect.batch
    self.bar:update { done = self.done, current = "once more: " .. batch[1].description, cell_fraction = 0 }
    servers:need(batch.slots)
    for id in pairs(suspect.flags) do self.guard.tried[id] = true end
    if not servers:first_lost(batch.slots) then
      local results = measure_batch(self, servers, batch, planned.order)
      for _, r in ipairs(results) do
        local flag = suspect.flags[r.job.id]
        if flag then
          r.cell.rerun = { flag = flag.flag, reason = flag.reason }
          finish_cell(self, r.cell, r.more.run, r.more.answers)
          if not self.brief then
            self.bar:line(("once more (%s): %s"):format(flag.reason, session.line(r.job, r.cell)))
          end
        end
      end
      bury(servers, batch, results)
    end
  end
end

local SEARCH_LINE_S = 30 -- from one line to the next, off a terminal

-- The line of servers that have ended: all that is said of them off a terminal, but for cells that failed.
local function tell_session(self, planned, measured, failed, seconds)
  local names = {}
  for i, slot in ipairs(planned.slots) do names[i] = watched.server_name(slot.job) end
  if self.options.schedule and failed == 0 then -- a search measures a cell here and a cell there
    local now = clock.now()
    if self.told and (now - self.told) / 1e9 < SEARCH_LINE_S then return end
    self.told = now
  end
  self.bar:line(("%s: %d cell%s measured%s in %s; %s"):format(table.concat(names, ", "), measured,
    measured == 1 and "" or "s",
    failed > 0 and (", %d FAILED"):format(failed) or "", duration.rough(seconds), self.bar:time_text()))
end

---Runs the servers of one session, with the cells that still need them.
---@param self specbench.sweep
---@param planned specbench.session
---@param number integer of the session in this run
---@param only_again boolean? what is missing failed already
function session.run(self, planned, number, only_again)
  local batches = {}
  for _, batch in ipairs(only_again and {} or planned) do
    local missing = false
    for _, job in ipairs(batch) do missing = missing or session.is_missing(self, job) end
    if missing then batches[#batches + 1] = batch end
  end
  local measured, failed, begun = self.measured, self.failed, clock.now()
  local servers <close> = fleet.new(planned, number, self)
  local held = measure_missing(self, servers, batches, planned)
  measure_again(self, servers, planned)
  servers:stop()
  self.server_seconds = self.server_seconds + servers.seconds
  keep_profiled(self, held)
  if self.brief and self.measured > measured then
    tell_session(self, planned, self.measured - measured, self.failed - failed, (clock.now() - begun) / 1e9)
  end
end

return session
