-- The order of a run: which servers are up together, and which cells they measure one after another.
--
-- A family is a server of baselines and the servers whose cells are compared with it. With repeats, the baseline
-- goes first in odd repeats and last in even ones, whatever else the order is, so that steady drift cancels (unless
-- methods need what the baseline answered: then it goes first in all):
--
--   all fit at once   repeat 1: A M1 M2, repeat 2: M2 M1 A, repeat 3: A M1 M2 ..., place by place of the grid
--   they do not       A's odd repeats, M1's odd and even ones, M2's odd and even ones, A's even repeats
--
-- Repeats within one start of a server share that start. Where they are spread over several, each start takes its own
-- part of them, in sessions of its own, so that no server outlives it:
--
--   all fit at once   start 1: A M1 M2 as above, start 2: the next repeats of all three ...
--   they do not       A, M1, M2 in odd starts, M2, M1, A in even ones
--
-- With one repeat servers follow each other, unless a GPU holds several: then all start at once, as above.
--
-- No baseline is measured twice for that, however many methods share it; and since a repeat's number alone says
-- where it belongs, a run that goes on after a kill has the same order.

local keys = require "specbench.results.keys"

local schedule = {}

---The start of the servers in which a repeat is measured, from 1 on: as many repeats to each as can be.
---@param repetition integer
---@param repeats integer
---@param starts integer at most as many
---@return integer
function schedule.start_of(repetition, repeats, starts)
  return math.min((repetition - 1) * starts // repeats, starts - 1) + 1
end

---@class specbench.session: specbench.batch[] in the order of measuring
---@field slots { key: string, job: specbench.job, gpus: (integer|string)[]? }[] servers that it keeps up
---@field order "interleaved"|"before and after"|"one after another"|"together"

-- Families in the order of their first batch; batches of servers that are loaded together are one of their own.
local function families_of(batches)
  local by_key, families, list = {}, {}, {}
  for _, batch in ipairs(batches) do by_key[batch[1].key] = batch end
  for index, batch in ipairs(batches) do
    local job = batch[1]
    local base = job.baseline and job.baseline ~= job.key and by_key[job.baseline]
    local alone = #batch > 1 or not base or #base > 1
    local key = alone and table.concat(batch.slots, "\31") or base[1].server_key
    local family = families[key]
    if not family then
      family = { base = key, members = {}, servers = {}, by_server = {}, rows = {}, together = #batch > 1 }
      families[key] = family
      list[#list + 1] = family
    end
    local row = keys.place(alone and job.key or base[1].key)
    family.rows[row] = family.rows[row] or index
    family.repeated = family.repeated or job.repetition > 1
    local server = table.concat(batch.slots, "\31")
    if not family.by_server[server] then
      family.by_server[server] = { key = server, first = batch, number = #family.servers + 1 }
      table.insert(family.servers, family.by_server[server])
    end
    table.insert(family.members, {
      batch = batch, repetition = job.repetition, start = job.start or 1, row = row, index = index,
      server = family.by_server[server],
    })
  end
  return list
end

-- The server of the baselines (nil where none of them is in the plan) and those of methods, in order.
local function sides_of(family)
  local base, methods = family.by_server[family.base], {}
  for _, server in ipairs(family.servers) do
    if server ~= base then methods[#methods + 1] = server end
  end
  return base, methods
end

-- Rows of the grid by how much a repeat of them is worth, the most first; in the grid's order where that is equal.
local function rank_rows(family, worth)
  local best, order = {}, {}
  for _, member in ipairs(family.members) do
    local value = worth and worth(member.batch[1]) or 0
    best[member.row] = math.max(best[member.row] or 0, value)
    family.worth = math.max(family.worth or 0, value)
  end
  for row in pairs(family.rows) do order[#order + 1] = row end
  table.sort(order, function(a, b)
    if best[a] ~= best[b] then return best[a] > best[b] end
    return family.rows[a] < family.rows[b]
  end)
  for i, row in ipairs(order) do family.rows[row] = i end
end

local function is_even(member)
  return member.repetition % 2 == 0
end

-- Sorts members: place by place within a repeat, the baseline first in odd repeats and last in even ones.
-- halves: all odd repeats come before the even ones.
local function in_order(family, members, halves)
  local base = family.by_server[family.base]
  local function rank(member) return member.server == base and 0 or member.server.number end
  table.sort(members, function(a, b)
    if halves and is_even(a) ~= is_even(b) then return is_even(b) end
    if a.repetition ~= b.repetition then return a.repetition < b.repetition end
    if family.rows[a.row] ~= family.rows[b.row] then return family.rows[a.row] < family.rows[b.row] end
    if rank(a) ~= rank(b) then return (rank(a) < rank(b)) ~= (is_even(a) and not family.base_first) end
    return a.index < b.index
  end)
  return members
end

local function session_of(family, members, order, pool, halves)
  local session, jobs, seen = { slots = {}, order = order }, {}, {}
  for _, member in ipairs(in_order(family, members, halves)) do
    session[#session + 1] = member.batch
    for i, key in ipairs(member.batch.slots) do
      if not seen[key] then
        seen[key] = true
        jobs[#jobs + 1] = member.batch[i]
        session.slots[#session.slots + 1] = { key = key, job = member.batch[i] }
      end
    end
  end
  local shares = pool.share(jobs, session[1] and #session[1] > 1)
  for i, slot in ipairs(session.slots) do slot.gpus = shares[i] end
  return session
end

local function jobs_of(servers, base)
  local jobs = { base and base.first[1] }
  for _, server in ipairs(servers) do jobs[#jobs + 1] = server.first[1] end
  return jobs
end

-- Methods' servers in as few lots as fit beside the baseline's.
local function waves_of(base, methods, pool)
  local waves = {}
  for _, server in ipairs(methods) do
    local wave = waves[#waves]
    if wave then
      wave[#wave + 1] = server
      if pool.fits(jobs_of(wave, base)) then goto continue end
      wave[#wave] = nil
    end
    waves[#waves + 1] = { server }
    ::continue::
  end
  return waves
end

local function is_odd(member)
  return not is_even(member)
end

local function all()
  return true
end

-- The baseline's odd repeats before the methods' cells and its even ones after them.
local function add_halves(add, waves, is_beside)
  local first, last = is_beside(waves[1]), is_beside(waves[#waves])
  if not first then add({}, "before and after", is_odd) end
  for i, wave in ipairs(waves) do
    add(wave, "before and after", i == 1 and first and is_odd or i == #waves and last and is_even or nil)
  end
  if not last then add({}, "before and after", is_even) end
end

-- One start of several: the baseline first, and last where the start's number is even.
local function add_start(add, waves, is_beside, start)
  local lots, beside = table.move(waves, 1, #waves, 2, { {} }), is_beside(waves[1])
  local first, last, step = 1, #lots, 1
  if start % 2 == 0 then first, last, step = #lots, 1, -1 end
  for i = first, last, step do
    local has_base = i == (beside and 2 or 1)
    add(lots[i], "before and after", has_base and all or nil)
  end
end

-- The starts that a family's repeats are spread over, in order.
local function starts_of(family)
  local seen, starts = {}, {}
  for _, member in ipairs(family.members) do
    if not seen[member.start] then
      seen[member.start] = true
      starts[#starts + 1] = member.start
    end
  end
  table.sort(starts)
  return starts
end

local function add_repeated(sessions, family, pool)
  local base, methods = sides_of(family)
  local starts, waves = starts_of(family), waves_of(base, methods, pool)
  local function is_beside(wave) return pool.fits(jobs_of(wave, base)) end
  for _, start in ipairs(starts) do
    -- a session of these servers' cells, and of those of the baseline's that are wanted
    local function add(servers, order, wanted)
      local set, members = {}, {}
      for _, server in ipairs(servers) do set[server] = true end
      for _, member in ipairs(family.members) do
        local takes = set[member.server] or member.server == base and wanted and wanted(member)
        if takes and member.start == start then members[#members + 1] = member end
      end
      local halves = order == "before and after" and #starts == 1 and not family.base_first
      if #members > 0 then sessions[#sessions + 1] = session_of(family, members, order, pool, halves) end
    end
    if not base or #methods == 0 then
      for _, server in ipairs(family.servers) do add({ server }, "one after another") end
    elseif #waves == 1 and is_beside(waves[1]) then
      add(methods, "interleaved", all)
    elseif #starts == 1 and not family.base_first then
      add_halves(add, waves, is_beside)
    else
      add_start(add, waves, is_beside, family.base_first and 1 or start)
    end
  end
end

local function add_single(sessions, family, pool)
  local order = family.together and "together" or "one after another"
  for _, start in ipairs(starts_of(family)) do
    for _, server in ipairs(family.servers) do
      local members = {}
      for _, member in ipairs(family.members) do
        if member.server == server and member.start == start then members[#members + 1] = member end
      end
      if #members > 0 then sessions[#sessions + 1] = session_of(family, members, order, pool) end
    end
  end
end

-- A single repeat has nothing to alternate. But servers that stand on one GPU together need not wait for each other's
-- start, which takes a minute or two each.
local function is_stacked(family, pool)
  local base, methods = sides_of(family)
  return base and #methods > 0 and (pool.room or 1) > 1 and pool.fits(jobs_of(methods, base))
end

---What can be measured in one place while others measure the rest elsewhere: rows of families, each a baseline with all
---that is compared with it, in every repeat of one start.
---@param batches specbench.batch[] in the grid's order, repeat after repeat
---@return specbench.batch[][][] families of rows of batches, in the order of their first one; a family for each start
function schedule.families(batches)
  local list = {}
  for _, family in ipairs(families_of(batches)) do
    for _, start in ipairs(starts_of(family)) do
      local rows, by_row = {}, {}
      for _, member in ipairs(family.members) do
        if member.start == start then
          if not by_row[member.row] then
            by_row[member.row] = {}
            rows[#rows + 1] = by_row[member.row]
          end
          table.insert(by_row[member.row], member.batch)
        end
      end
      list[#list + 1] = rows
    end
  end
  return list
end

---@param batches specbench.batch[] in the grid's order, repeat after repeat; a batch's slots name its servers
---@param pool specbench.pool
---@param options { worth: (fun(job: specbench.job): number)?, base_first: boolean? }? worth: what a further repeat is
---  worth: the most worthy come first; base_first: a baseline's cells always come before those compared with them
---@return specbench.session[]
function schedule.sessions(batches, pool, options)
  options = options or {}
  local sessions, families = {}, families_of(batches)
  for i, family in ipairs(families) do
    family.number = i
    family.base_first = options.base_first
    rank_rows(family, options.worth)
  end
  table.sort(families, function(a, b)
    if a.worth ~= b.worth then return a.worth > b.worth end
    return a.number < b.number
  end)
  for _, family in ipairs(families) do
    local add_all = not family.together and (family.repeated or is_stacked(family, pool)) and add_repeated or add_single
    add_all(sessions, family, pool)
  end
  return sessions
end

return schedule
