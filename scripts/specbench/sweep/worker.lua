-- One of several workers that share a results folder (results/sharing): takes units one after another, or as many at
-- once as its GPUs hold, measures each in a folder of its own and hands in what is whole.

local deal = require "specbench.experiment.units"
local dispatch = require "specbench.sweep.dispatch"
local foreign = require "specbench.base.foreign"
local sealed = require "specbench.results.sealed"
local server = require "specbench.server"
local sharing = require "specbench.results.sharing"
local store = require "specbench.results.store"
local sweep = require "specbench.sweep"
local task = require "specbench.task"

local worker = {}

local LOOK, LOOK_LONGEST = 0.2, 15 -- seconds between two looks for work that others leave
local LAME = 3 -- units in which nothing could be measured: something is wrong with this machine, not with them

---@class specbench.worker.outcome
---@field units integer handed in by this worker
---@field measured integer
---@field failed integer cells
---@field left integer units that others are at, or that need more GPUs
---@field all_done boolean
---@field lame boolean gave up, since nothing could be measured here

local function say(self, format, ...)
  if not self.options.quiet then io.stderr:write(foreign.clean(format:format(...)), "\n") end
end

-- Cells of a unit that lie in the folder and were measured on this machine.
local function own_cells(self, unit)
  local found = {}
  if self.plan.base_first then return found end -- whose lengths are taken over must be in the same folder
  for _, job in ipairs(unit.jobs) do
    local cell = self.store:has(job.id)
      and sealed.read(("%s/cells/%s/cell.json"):format(self.store.folder, job.id)) or {}
    local machine = type(cell.machine) == "table" and cell.machine or {}
    if machine.boot_id and machine.boot_id == self.sharing.who.boot_id then found[job.id] = true end
  end
  return found
end

-- The plan of one unit alone, on its GPUs.
local function plan_of(self, unit, lot)
  local sessions, planned = {}, self.plan.pool.gpus
  for i, session in ipairs(unit.sessions) do
    sessions[i] = planned and deal.on(session, planned, self.knows_gpus and lot or {}) or session
  end
  local batches = {}
  for _, session in ipairs(sessions) do table.move(session, 1, #session, #batches + 1, batches) end
  return setmetatable({ sessions = sessions, batches = batches, jobs = unit.jobs, grid = unit.batches,
    pool = {} }, { __index = self.plan })
end

-- Lines of one unit's progress among those of others.
local function prefixed(unit)
  return { write = function(_, text) io.stderr:write(unit.id, ": ", text) end }
end

-- Ends what a dead worker of this machine left running.
local function end_left(folder)
  local ended, message = server.end_left(store.trees(folder))
  if not ended then error(message, 0) end
end

local function measure(self, unit, lot)
  local folder, continued = self.sharing:try(unit.id)
  if continued then end_left(folder) end
  local the_store <close>, message = store.create(folder, self.about, { unlocked = true })
  if not the_store then error(message, 0) end
  local done_here = own_cells(self, unit)
  local has = the_store.has
  function the_store.has(of, id) return done_here[id] or has(of, id) end
  say(self, "unit %s (%s, %d cells)%s begins%s", unit.id, deal.describe(unit), #unit.jobs,
    self.knows_gpus and " on GPU " .. table.concat(lot, ",") or "",
    continued and ", where an earlier worker of this machine left it" or "")
  local options = setmetatable({
    progress_out = prefixed(unit), own_thread = self.most > 1, beside = self.beside,
    between = function() task.sleep(0) end, -- in virtual time nothing else would give way
  }, { __index = self.options })
  return sweep.run(plan_of(self, unit, lot), the_store, options)
end

-- Hands in a try; false where it has failed cells and is worth another.
local function hand_in(self, unit, outcome)
  local failed = outcome.failed + outcome.quarantined
  if failed > 0 and self.sharing:fail(unit.id) < sharing.TRIES then
    say(self, "unit %s has %d failed cells and is left for another try", unit.id, failed)
    return
  end
  local counts, message = self.sharing:finish(unit.id)
  if message then error(message, 0) end
  if not counts then
    say(self, "unit %s was finished elsewhere first: that try counts", unit.id)
    return
  end
  self.sharing:land(unit.id)
  self.outcome.units = self.outcome.units + 1
  self.outcome.failed = self.outcome.failed + failed
  say(self, "unit %s is done: %d cells%s", unit.id, #unit.jobs,
    failed > 0 and (", %d of them failed"):format(failed) or "")
end

local function run(self, unit, lot)
  local _release <close> = setmetatable({}, { __close = function()
    self.running[unit.id] = nil
    self.sharing:release(unit.id)
  end })
  local ok, result
  local work <close> = task.spawn(function()
    ok, result = xpcall(measure, function(e) return type(e) == "string" and debug.traceback(e, 2) or e end, self, unit,
      lot)
  end)
  self.running[unit.id] = work
  work:join()
  if ok then
    self.outcome.measured = self.outcome.measured + result.measured
    self.lame = result.measured + result.skipped == 0 and self.lame + 1 or 0
    self.tried[unit.id] = true
    hand_in(self, unit, result)
  elseif ok == nil or not self.sharing:holds(unit.id) then
    say(self, "unit %s was taken over by another worker: this try at it ends", unit.id)
  else
    error(result, 0)
  end
end

-- Signs of life; a try at what was handed in by another meanwhile ends.
local function beat(self)
  while true do
    task.sleep(self.sharing:pause())
    self.sharing:renew()
    for unit, work in pairs(self.running) do
      if not self.sharing:holds(unit) and self.sharing:is_done(unit) then work:cancel() end
    end
  end
end

local function has_all(self, unit)
  for _, job in ipairs(unit.jobs) do
    if not self.store:has(job.id) then return false end
  end
  return true
end

-- Whether nothing is left to do of a unit; what is handed in but not moved yet is moved. by_now: see sharing.
local function is_done(self, unit, by_now)
  if not self.done[unit.id] and self.sharing:is_done(unit.id, by_now) then
    self.sharing:land(unit.id)
    self.done[unit.id] = true
  end
  return self.done[unit.id]
end

-- The next unit for so many GPUs; or nil, and the seconds after which others may have left one.
local function take(self, free)
  if self.lame >= LAME then return nil end
  local waits = false
  for _, again in ipairs { false, true } do -- what failed here comes last
    for _, unit in ipairs(self.units) do
      if not is_done(self, unit) and (self.tried[unit.id] or false) == again and unit.gpus <= self.size then
        local claimed, taken_over = false, nil
        if unit.gpus <= free then claimed, taken_over = self.sharing:claim(unit.id) end
        if claimed and is_done(self, unit, true) then
          self.sharing:release(unit.id)
        elseif claimed then
          if taken_over then say(self, "unit %s: its worker gave no sign for long and is taken for dead", unit.id) end
          self.look = LOOK
          return unit
        else
          waits = waits or unit.gpus <= free
        end
      end
    end
  end
  if not waits or self.options.no_wait then return nil end
  self.look = math.min(self.look * 1.5, LOOK_LONGEST, self.sharing:pause())
  return nil, self.look
end

-- What is there already. A unit that was handed in and lacks cells is begun again where nobody else is at work: failed
-- cells are tried again, as any run does, and lost ones are measured again.
local function look_around(self, alone)
  for _, unit in ipairs(self.units) do
    local handed_in = self.sharing:is_done(unit.id)
    if handed_in then self.sharing:land(unit.id) end
    local whole = has_all(self, unit)
    if handed_in and not whole and alone then self.sharing:reopen(unit.id) end
    self.done[unit.id] = whole or handed_in and not alone
  end
end

---@param the_plan specbench.plan
---@param the_store specbench.store of the shared folder
---@param the_sharing specbench.sharing
---@param about { units: specbench.unit[], about: table, gpus: (integer|string)[]?, alone: boolean, options: table }
---  units: that the plan is cut into; about: what round.json says; gpus: of this worker; alone: nobody else is at work;
---  options: as sweep.run takes them
---@return specbench.worker.outcome
function worker.run(the_plan, the_store, the_sharing, about)
  local size = about.gpus and #about.gpus or math.maxinteger
  local self = {
    plan = the_plan, store = the_store, sharing = the_sharing, about = about.about, options = about.options,
    units = deal.sort(about.units), size = size, done = {}, tried = {}, running = {}, knows_gpus = about.gpus ~= nil,
    lame = 0, look = LOOK,
    outcome = { units = 0, measured = 0, failed = 0, left = 0, all_done = true, lame = false },
  }
  look_around(self, about.alone)
  local gpus, largest = about.gpus, 1
  for _, unit in ipairs(self.units) do largest = math.max(largest, unit.gpus) end
  if not gpus then
    gpus = {}
    for i = 1, largest do gpus[i] = i end
  end
  self.most = about.gpus and not the_plan.virtual and math.min(#gpus, dispatch.cores()) or 1
  local _beat <close> = task.spawn(beat, self)
  self.beside = {
    gpus = gpus, most = self.most,
    take = function(free) return take(self, free) end,
    run = function(unit, lot) run(self, unit, lot) end,
  }
  dispatch.run(self.beside)
  for _, unit in ipairs(self.units) do
    if not is_done(self, unit) then self.outcome.left = self.outcome.left + 1 end
  end
  self.outcome.all_done, self.outcome.lame = self.outcome.left == 0, self.lame >= LAME
  return self.outcome
end

return worker
