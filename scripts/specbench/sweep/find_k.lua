-- The best setting of every method, piece of work and load, from as few of a round's cells as it takes: a schedule for
-- the sweep, which asks the search (specbench.search) for one cell after another. Cells are ordinary ones of the
-- round's folder, so a run that goes on after an interrupt, or with another budget, finds them and goes on from there.

local aside = require "specbench.results.aside"
local base = require "specbench.engine.base"
local cells = require "specbench.predict.cells"
local clock = require "sb.clock"
local doubt = require "specbench.search.doubt"
local estimate = require "specbench.experiment.estimate"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local percent = require "specbench.base.percent"
local quarantine = require "specbench.sweep.quarantine"
local search = require "specbench.search"
local searched = require "specbench.analysis.searched"
local sweep = require "specbench.sweep"

local find_k = {
  TOLERANCE = 0.02,
}

---@param text string of --find: "k", "k=2%", "k=0.02"
---@return number? tolerance nil where it is neither
function find_k.tolerance(text)
  if text == "k" then return find_k.TOLERANCE end
  local value = percent.read(text:match "^k=(.*)$" or "")
  return value and value > 0 and value < 0.5 and value or nil
end

---@param options table of the command line
---@return string? flaw why nothing can be searched for
function find_k.flaw(options)
  if options.rule or options.repeats > 1 then
    return "--find k and --budget measure a cell once: leave out --repeats and --until"
  end
  if options.profile then
    return "--find k and --budget look at a cell as it lands, --profile keeps it until its server ends: leave out one"
  end
  if options.lengths == "replay" then
    return "--find k and --budget: --lengths replay needs the baseline of every cell, they may leave it out"
  end
end

---@param the_plan specbench.plan
---@return string? flaw why its round has no best k that could be looked for
function find_k.refusal(the_plan)
  local r, speculates, closed = the_plan.round, false, false
  for _, job in ipairs(the_plan.jobs) do
    speculates = speculates or base.speculates(job.server)
    closed = closed or not job.workload.rate
  end
  local why = not r.baseline and "it names no baseline" or r.together and "it loads its servers at the same moment"
    or not speculates and "no cell speculates"
    or not closed and "every cell is an open loop, and what predicts the rest knows closed loops" or nil
  return why and ("--find k and --budget have nothing to look for in %s: %s"):format(r.name, why)
end

---The places of a plan as a search takes them, and each one's batch.
---@param the_plan specbench.plan
---@param options table of the command line
---@return specbench.search.place[]
---@return table<string, specbench.batch> by the places' keys
function find_k.places(the_plan, options)
  local by_key, places = {}, {}
  for _, batch in ipairs(the_plan.batches) do by_key[keys.place(batch[1].key)] = batch end
  for _, place in ipairs(cells.of_round(the_plan.round, options)) do
    local batch = by_key[place.key]
    if batch then
      place.slot = batch.slots[1]
      places[#places + 1] = place
    end
  end
  return places, by_key
end

---@class specbench.find_k: specbench.sweep.schedule
---@field search specbench.search
---@field ended string? why no further cell is wanted
---@field spent_before number seconds of earlier runs
local Schedule = {}
Schedule.__index = Schedule

local function sessions_by_slot(the_plan)
  local by_slot = {}
  for _, session in ipairs(the_plan.sessions) do
    for _, slot in ipairs(session.slots) do by_slot[slot.key] = session end
  end
  return by_slot
end

---@param the_plan specbench.plan
---@param the_store specbench.store
---@param options table of the command line; tolerance; budget: seconds or nil
---@return specbench.find_k
function find_k.new(the_plan, the_store, options)
  local places, batches = find_k.places(the_plan, options)
  local before, message = searched.kept(the_store)
  if options.fresh then
    before = nil
  elseif message then
    io.stderr:write("Warning: ", assert(aside.file(the_store.folder, "search.json", message)), "\n")
  end
  local self = setmetatable({
    plan = the_plan, store = the_store, batches = batches, budget = options.budget, tolerance = options.tolerance,
    search = search.new { round = the_plan.round, places = places, tolerance = options.tolerance,
      any_model = options.baseline ~= nil, across_hosts = options.across_hosts },
    sessions = sessions_by_slot(the_plan), total = #the_plan.jobs, measured = {}, given = {}, out = {},
    simulated = 0, spent_before = before and before.spent or 0, begun = clock.now(),
  }, Schedule)
  local kept_out = quarantine.new(the_store, the_plan.jobs, options.quarantine or sweep.QUARANTINE).cells
  for key, batch in pairs(batches) do self.given[key] = kept_out[batch[1].id] end
  return self
end

---Seconds that this search has taken, in all its runs: by the wall's clock, or in virtual time those that were
---simulated.
---@return number
function Schedule:spent()
  return self.spent_before + (self.plan.virtual and self.simulated or (clock.now() - self.begun) / 1e9)
end

---@return number? seconds left of the budget; nil: there is none
function Schedule:left()
  return self.budget and self.budget - self:spent()
end

-- Seconds until a server is ready: as this engine's servers took so far, or as a plan estimates.
local function start_seconds(self)
  local sum, count = 0, 0
  for _, cell in ipairs(self.measured) do
    local ready = cell.engine.ready_seconds
    if ready and ready > 0 then sum, count = sum + ready, count + 1 end
  end
  return count > 0 and sum / count or estimate.server_start(self.plan.engine)
end

-- Seconds that a cell takes, warm-up and all, for each that its load took on the server's own clock.
local function pace(self)
  local taken, loads = 0, 0
  for _, cell in ipairs(self.measured) do
    if not self.plan.virtual and cell.load_seconds then
      taken, loads = taken + cell.load_seconds, loads + cell.metrics.duration
    end
  end
  return loads > 0 and taken / loads or 1 / (self.plan.jobs[1].clock_scale or 1)
end

-- What is measured by now, in the plan's order: the same cells give the same question, whenever they came.
local function measured_of(self, found)
  local list = {}
  for _, job in ipairs(self.plan.jobs) do
    local cell = found[job.id]
    if cell then list[#list + 1] = setmetatable({ baseline = job.baseline }, { __index = cell }) end
  end
  return list
end

-- The cell that was given last did not come: it is not given again, nor any of a server that measured nothing.
local function settle(self, found)
  local last = self.last
  self.last = nil
  if not last then return true end
  local cell = found[last.job.id]
  if cell and self.plan.virtual then self.simulated = self.simulated + cell.metrics.duration end
  if not cell and last.is_first then self.out[last.slot] = true end
  return cell ~= nil
end

local function keep(self)
  searched.keep(self.store, { tolerance = self.tolerance, sure = doubt.SURE, budget = self.budget,
    spent = self:spent(), ended = self.ended, cells = self.total, measured = #self.measured,
    baselines_left = self.search:baselines_left(), answers = json.array(self.search:answers()),
    refused = self.search:refused() })
end

local function learn(self, found)
  local list = measured_of(self, found)
  if #list == #self.measured then return end
  self.measured = list
  self.search:learn(list)
  self.search.pace = pace(self)
end

-- The batch that is wanted next; nil: none.
local function ask(self, found, up)
  learn(self, found)
  local start = start_seconds(self)
  local key
  key, self.ended = self.search:next { up = up, start = function() return start end, left = self:left(),
    is_out = function(place, slot) return self.given[place] or self.out[slot] end }
  keep(self)
  return key and self.batches[key], key
end

local function give(self, batch, key, is_first)
  self.given[key] = true
  self.last = { job = batch[1], slot = batch.slots[1], is_first = is_first }
  return batch
end

---@param found table<string, table> cells by their ids
---@return specbench.session?
function Schedule:session(found)
  settle(self, found)
  local batch, key = ask(self, found)
  if not batch then return nil end
  if self.plan.virtual then self.simulated = self.simulated + estimate.server_start(self.plan.engine) end
  local planned = self.sessions[batch.slots[1]]
  return { slots = planned.slots, order = planned.order, give(self, batch, key, true) }
end

---@param session specbench.session
---@param found table<string, table>
---@return specbench.batch? batch nil: another server is wanted, or the last cell failed
function Schedule:more(session, found)
  local up = session.slots[1].key
  if not settle(self, found) then return nil end
  local batch, key = ask(self, found, up)
  if not batch or batch.slots[1] ~= up then return nil end
  return give(self, batch, key, false)
end

---@param the_plan specbench.plan
---@param the_store specbench.store
---@param options table as sweep.run takes them, and as find_k.new does
---@return specbench.sweep.outcome
---@return specbench.find_k schedule
function find_k.run(the_plan, the_store, options)
  local schedule = find_k.new(the_plan, the_store, options)
  local outcome = sweep.run(the_plan, the_store, setmetatable({ schedule = schedule, no_rerun = true },
    { __index = options }))
  return outcome, schedule
end

return find_k
