-- A plan cut into units that can be measured at the same time, on GPUs or machines of their own. A unit has rows of one
-- family, each a baseline with all that is compared with it, of one start of the servers; so no comparison is torn
-- apart, and every unit starts the family's servers for itself.

local keys = require "specbench.results.keys"
local plan = require "specbench.experiment.plan"
local store = require "specbench.results.store"
local tables = require "specbench.base.tables"

local units = {}

---@class specbench.unit
---@field id string follows from its cells
---@field batches specbench.batch[]
---@field jobs specbench.job[]
---@field sessions specbench.session[]
---@field gpus integer how many it needs
---@field seconds number expected, of what is not done, servers' starts included

local function never()
  return false
end

local function pending(batch, is_done)
  for _, job in ipairs(batch) do
    if not is_done(job) then return true end
  end
  return false
end

---@param the_plan specbench.plan
---@param is_done fun(job: specbench.job): boolean
---@return boolean whether a cell of it is left to measure
function units.any_left(the_plan, is_done)
  return pending(the_plan.jobs, is_done)
end

-- Distinct GPUs that a session's servers have been given.
local function gpus_of(session)
  local seen = {}
  for _, slot in ipairs(session.slots) do
    local own = slot.gpus or {}
    for i = 1, math.max(#own, slot.job.server.tensor_parallel or 1) do seen[own[i] or i] = true end
  end
  local count = 0
  for _ in pairs(seen) do count = count + 1 end
  return count
end

local function unit_of(the_plan, batches, is_done)
  local self = { batches = batches, jobs = {}, gpus = 1, seconds = 0, sessions = plan.sessions(the_plan, batches) }
  local ids = {}
  for _, batch in ipairs(batches) do
    for _, job in ipairs(batch) do
      table.insert(self.jobs, job)
      ids[#ids + 1] = job.id
    end
  end
  table.sort(ids)
  self.id = store.id(ids):sub(1, 10)
  for _, session in ipairs(self.sessions) do
    self.gpus = math.max(self.gpus, gpus_of(session))
    local left, any = { slots = session.slots }, false
    for _, batch in ipairs(session) do
      if pending(batch, is_done) then
        left[#left + 1] = batch
        any = true
      end
    end
    if any then self.seconds = self.seconds + plan.session_cost(the_plan, left) end
  end
  return self
end

-- Rows of a family in so many parts of about the same length, in their order.
local function parts_of(rows, costs, total, count)
  local parts, sum, part = {}, 0, nil
  for i, row in ipairs(rows) do
    local number = math.min(math.floor((sum + costs[i] / 2) / total * count) + 1, count)
    if not part or part.number ~= number then
      part = { number = number }
      parts[#parts + 1] = part
    end
    table.move(row, 1, #row, #part + 1, part)
    sum = sum + costs[i]
  end
  return parts
end

---@param the_plan specbench.plan
---@param most number seconds that a unit's cells should take at most; a row is not cut
---@param is_done (fun(job: specbench.job): boolean)? cells that need not be measured
---@param families specbench.batch[][][]? the plan's, where they are known
---@return specbench.unit[]
function units.cut(the_plan, most, is_done, families)
  is_done = is_done or never
  local list = {}
  for _, rows in ipairs(families or plan.families(the_plan)) do
    local costs, total = {}, 0
    for i, row in ipairs(rows) do
      costs[i] = 0
      for _, batch in ipairs(row) do
        if pending(batch, is_done) then costs[i] = costs[i] + plan.cost(batch) end
      end
      total = total + costs[i]
    end
    local count = math.min(math.max(math.ceil(total / most), 1), #rows)
    for _, part in ipairs(total > 0 and parts_of(rows, costs, total, count) or {}) do
      list[#list + 1] = unit_of(the_plan, part, is_done)
    end
  end
  return list
end

---@param list specbench.unit[]
---@return number seconds of one GPU that they take together
function units.gpu_seconds(list)
  local sum = 0
  for _, unit in ipairs(list) do sum = sum + unit.gpus * unit.seconds end
  return sum
end

---The order in which units are begun: those that need most GPUs first, then the longest.
---@param list specbench.unit[]
---@return specbench.unit[] list sorted
function units.sort(list)
  table.sort(list, function(a, b)
    if a.gpus ~= b.gpus then return a.gpus > b.gpus end
    if a.seconds ~= b.seconds then return a.seconds > b.seconds end
    return a.id < b.id
  end)
  return list
end

---The first of the units that so many GPUs hold.
---@param list specbench.unit[]
---@param free integer
---@return integer? place
function units.first_that_fits(list, free)
  for i, unit in ipairs(list) do
    if unit.gpus <= free then return i end
  end
end

---What becomes of units when each is begun as soon as it fits.
---@param list specbench.unit[] in the order of beginning
---@param count integer GPUs that there are
---@param most integer? units at once at most
---@return number makespan seconds
function units.makespan(list, count, most)
  local waiting, running, now, free = table.move(list, 1, #list, 1, {}), {}, 0, count
  while #waiting > 0 or #running > 0 do
    local place = #running < (most or math.maxinteger) and units.first_that_fits(waiting, free)
    if place then
      local unit = table.remove(waiting, place)
      free = free - unit.gpus
      running[#running + 1] = { unit = unit, ends = now + unit.seconds }
    else
      assert(#running > 0, "a unit needs more GPUs than there are")
      table.sort(running, function(a, b) return a.ends < b.ends end)
      local first = table.remove(running, 1)
      now, free = first.ends, free + first.unit.gpus
    end
  end
  return now
end

local PARTS = { 1, 2, 3, 4, 6, 8 } -- of an equal share of the work: how long units may be
local GAIN = 0.98 -- of the makespan: what units that start servers more often must at least bring

---The cut under which the work is done soonest.
---@param the_plan specbench.plan
---@param count integer GPUs that there are
---@param most integer? units at once at most
---@param is_done (fun(job: specbench.job): boolean)?
---@return specbench.unit[] list in the order of beginning
---@return number makespan seconds
function units.pack(the_plan, count, most, is_done)
  local families = plan.families(the_plan)
  local best = units.sort(units.cut(the_plan, math.huge, is_done, families))
  local shortest, total = units.makespan(best, count, most), units.gpu_seconds(best)
  for _, parts in ipairs(PARTS) do
    local list = units.sort(units.cut(the_plan, math.max(total / count / parts, 1e-3), is_done, families))
    local makespan = units.makespan(list, count, most)
    if makespan < GAIN * shortest then best, shortest = list, makespan end
  end
  return best, shortest
end

---A session with other GPUs in the place of those that the plan gave it.
---@param session specbench.session
---@param planned (integer|string)[] the pool's
---@param given (integer|string)[] one for each that a unit needs; none: which there are is not known
---@return specbench.session
function units.on(session, planned, given)
  local other, slots = {}, {}
  for i, gpu in ipairs(given) do other[planned[i]] = gpu end
  for i, slot in ipairs(session.slots) do
    local own = {}
    for k, gpu in ipairs(slot.gpus or {}) do own[k] = other[gpu] end
    slots[i] = { key = slot.key, job = slot.job, gpus = #own > 0 and own or nil }
  end
  local copy = table.move(session, 1, #session, 1, {})
  copy.slots, copy.order = slots, session.order
  return copy
end

---@param unit specbench.unit
---@return string what it measures: its models and methods, as far as they are one
function units.describe(unit)
  local words, values = {}, {}
  for _, name in ipairs { "model", "method" } do
    for _, job in ipairs(unit.jobs) do
      local value = job.coordinates[name]
      if value ~= nil then
        values[name] = values[name] or {}
        values[name][keys.spelled(value)] = true
      end
    end
    if values[name] then words[#words + 1] = table.concat(tables.keys(values[name]), "+") end
  end
  return table.concat(words, " ")
end

return units
