-- Finds the best setting of each method, piece of work and load from few cells of a grid: fits what was measured, asks
-- which cell would tell most of what is in doubt, and stops when nothing is.
--
--   local found = search.new { round = r, places = places, tolerance = 0.02 }
--   repeat
--     found:learn(cells)                                       -- what is measured by now
--     local key = found:next { up = server, start = function() return 90 end }
--     ... measure it ...
--   until not key
--   for _, answer in ipairs(found:answers()) do print(answer.work, answer.concurrency, answer.ratio) end
--
-- What is asked next follows from what is measured alone, so that a search goes on from any cells.

local cells = require "specbench.predict.cells"
local chooser = require "specbench.search.chooser"
local doubt = require "specbench.search.doubt"
local families = require "specbench.predict.families"
local fit = require "specbench.predict.fit"
local prompts = require "specbench.predict.prompts"
local question = require "specbench.search.question"
local speedup = require "specbench.analysis.speedup"

local search = {}

local UNTOLD = 0.5 -- of its limit, that an answer is long, before any is measured

---@class specbench.search
---@field families specbench.predict.family[] each with `fitted`, where something can be asked of it
---@field pace number seconds that a cell takes by the clock that counts, for each that its load was predicted to take
local Search = {}
Search.__index = Search

---@class specbench.search.place : specbench.predict.record
---@field slot string the server that it needs: equal for places that one start serves

---@param about { round: table, places: specbench.search.place[], tolerance: number, any_model: boolean?,
---  across_hosts: boolean? } tolerance: with 0.02 a setting that is 2 % slower than the best is as good; any_model,
---  across_hosts: which baselines count, see specbench.speedup.index
---@return specbench.search
function search.new(about)
  local self = setmetatable({ round = about.round, places = about.places, tolerance = -math.log(1 - about.tolerance),
    any_model = about.any_model, across_hosts = about.across_hosts, families = {}, kept = {}, pace = 1, forced = {},
    slots = {} }, Search)
  for _, place in ipairs(self.places) do
    self.forced[place], self.slots[place.key] = place.output_tokens ~= nil or nil, place.slot
  end
  self:learn {}
  return self
end

-- How long the answers of work that was never measured would be: as near to their limits as those that were.
local function guess_lengths(family, forced)
  local told, limits, measured = 0, 0, {}
  local function most_of(record)
    if type(record.limits) ~= "table" then return nil end
    local sum = 0
    for _, limit in ipairs(record.limits) do sum = sum + limit end
    return sum / #record.limits * record.requests
  end
  for _, list in ipairs { family.measured, family.plain } do
    for _, record in ipairs(list) do
      measured[record.work] = true
      local most = most_of(record)
      if most then told, limits = told + record.output_tokens, limits + most end
    end
  end
  for _, one in ipairs(family.pairs) do
    for _, record in ipairs { one.place, one.baseline } do
      if not record.seconds and not forced[record] then
        local most = not measured[record.work] and most_of(record)
        record.output_tokens = most and most * (limits > 0 and told / limits or UNTOLD) or nil
      end
    end
  end
end

local function works_of(family)
  local works, seen = {}, {}
  for _, one in ipairs(family.pairs) do
    if not seen[one.place.work] then
      seen[one.place.work] = true
      works[#works + 1] = one.place.work
    end
  end
  return works
end

-- What of a family is not measured: each place once.
local function candidates_of(family)
  local list, seen = {}, {}
  for _, one in ipairs(family.pairs) do
    for _, record in ipairs { one.baseline, one.place } do
      if not record.seconds and not seen[record.key] then
        seen[record.key] = true
        list[#list + 1] = record
      end
    end
  end
  return list
end

-- Whether a cell tells how many tokens its prompts have, or the data do.
local function is_told(asked)
  for _, place in ipairs(asked.settings) do
    if not prompts.are_known(place) then return false end
  end
  return true
end

local function refit(self, family, kept)
  guess_lengths(family, self.forced)
  local given = table.move(family.plain, 1, #family.plain, #family.measured + 1,
    table.move(family.measured, 1, #family.measured, 1, {}))
  kept.works = kept.works or works_of(family)
  kept.fitted = fit.of(given, { works = kept.works })
  kept.count, kept.questions, kept.open = #given, question.of(family), {}
  local is_early = #family.measured < families.LEAST or #family.plain == 0
  for _, asked in ipairs(kept.questions) do
    doubt.weigh(asked, kept.fitted, self.tolerance, is_early or not is_told(asked))
    if doubt.is_open(asked) then table.insert(kept.open, asked) end
  end
  kept.candidates = candidates_of(family)
  kept.gains = chooser.gains(kept.candidates, kept.open, kept.fitted)
  kept.seconds = {}
  for _, place in ipairs(kept.candidates) do kept.seconds[place.key] = kept.fitted:predict(place).seconds end
end

---Takes in what is measured by now.
---@param measured table[] cells of the grid, all that there are
function Search:learn(measured)
  local records, index = cells.measured(measured), speedup.index(measured)
  index.any_model, index.across_hosts = self.any_model, self.across_hosts
  self.families = families.gather(records, self.places, self.round, index)
  prompts.guess(records, self.places)
  for _, family in ipairs(self.families) do
    local kept = self.kept[family.name] or {}
    self.kept[family.name] = kept
    if not family.why and #family.pairs > 0 then
      if kept.count ~= #family.measured + #family.plain then refit(self, family, kept) end
      family.fitted = kept.fitted
    end
  end
end

-- Of all families together: a baseline tells of every method that is compared with it.
local function candidates(self)
  local by_key, list = {}, {}
  for _, family in ipairs(self.families) do
    local kept = family.fitted and self.kept[family.name]
    for _, place in ipairs(kept and kept.candidates or {}) do
      local one = by_key[place.key]
      if not one then
        one = { key = place.key, server = self.slots[place.key], gain = 0 }
        by_key[place.key], list[#list + 1] = one, one
      end
      one.gain, one.seconds = one.gain + kept.gains[place.key], kept.seconds[place.key] * self.pace
    end
  end
  return list
end

-- How much of the grid's time its measured cells took, each of their servers started once.
local function share_spent(self, start)
  local spent, whole, seen, servers, up = 0, 0, {}, {}, {}
  local function count(record, predicted)
    local slot = self.slots[record.key]
    if seen[record.key] or not slot then return end
    local seconds = (record.seconds or predicted[record.key]) * self.pace
    seen[record.key], servers[slot], up[slot] = true, true, up[slot] or record.seconds ~= nil
    spent, whole = spent + (record.seconds and seconds or 0), whole + seconds
  end
  for _, family in ipairs(self.families) do
    for _, one in ipairs(family.fitted and family.pairs or {}) do
      local predicted = self.kept[family.name].seconds
      count(one.place, predicted)
      count(one.baseline, predicted)
    end
  end
  for slot in pairs(servers) do
    spent, whole = spent + (up[slot] and start(slot) or 0), whole + start(slot)
  end
  return spent / whole
end

---@param state { up: string?, start: (fun(server: string): number), left: number?, is_out: (fun(key: string,
---  server: string): boolean)? } as chooser.next takes it; is_out: what is not to be tried
---@return string? key of the place to measure next
---@return "answered"|"budget"|"nothing tells more"|nil why there is none
function Search:next(state)
  local all, wanted = {}, {}
  for _, family in ipairs(self.families) do
    local kept = family.fitted and self.kept[family.name]
    if kept then table.move(kept.questions, 1, #kept.questions, #all + 1, all) end
  end
  if #all > 0 and doubt.is_settled(all, share_spent(self, state.start)) then return nil, "answered" end
  for _, one in ipairs(candidates(self)) do
    if not (state.is_out and state.is_out(one.key, one.server)) then wanted[#wanted + 1] = one end
  end
  local best, too_long = chooser.next(wanted, state)
  if best then return best.key end
  return nil, too_long and "budget" or "nothing tells more"
end

---@class specbench.search.answer
---@field method string
---@field work string
---@field concurrency integer
---@field best table coordinates of the fastest setting that speculates
---@field k integer its draft tokens
---@field pays boolean it is the best of all, no speculation among them
---@field ratio number its speed-up
---@field low number? a 90 % interval, where it is not measured
---@field high number?
---@field measured boolean both sides are; else the ratio is predicted
---@field sure number probability that no other is faster by more than the tolerance
---@field answered boolean

-- The fastest setting that speculates.
local function fastest(asked, fitted)
  local best, most
  for i = 2, #asked.settings do
    local value = fitted:predict(asked.settings[i]).tokens_per_second
    if not most or value > most then best, most = asked.settings[i], value end
  end
  return best
end

-- The questions that can be answered at all.
local function told_of(questions)
  local told = {}
  for _, asked in ipairs(questions) do
    if is_told(asked) then told[#told + 1] = asked end
  end
  return told
end

---What is known by now.
---@return specbench.search.answer[]
function Search:answers()
  local list = {}
  for _, family in ipairs(self.families) do
    local kept = family.fitted and self.kept[family.name]
    for _, asked in ipairs(kept and told_of(kept.questions) or {}) do
      local base, best = asked.settings[1], fastest(asked, kept.fitted)
      local told = kept.fitted:speedup(best, base)
      local is_measured = best.seconds ~= nil and base.seconds ~= nil
      list[#list + 1] = { method = family.name, work = asked.work, concurrency = asked.concurrency,
        best = best.coordinates, k = best.k, pays = asked.best ~= base, ratio = told.ratio,
        low = not is_measured and told.low or nil, high = not is_measured and told.high or nil,
        measured = is_measured, sure = 1 - asked.wrong, answered = not doubt.is_open(asked) }
    end
  end
  return list
end

---Methods, or a method's work, of which nothing can be said, and why.
---@return table<string, string> by the methods' names, or these and the work's
function Search:refused()
  local map = {}
  for _, family in ipairs(self.families) do
    if not family.fitted then map[family.name] = family.why or "no cell of it has a baseline" end
    for _, asked in ipairs(family.fitted and self.kept[family.name].questions or {}) do
      if not is_told(asked) then map[family.name .. " " .. asked.work] = prompts.UNKNOWN end
    end
  end
  return map
end

---@return integer baselines that were not measured: each has a throughput, and no speed-up that could be predicted
function Search:baselines_left()
  local seen, count = {}, 0
  for _, family in ipairs(self.families) do
    for _, one in ipairs(family.pairs) do
      if not one.baseline.seconds and not seen[one.baseline.key] then
        seen[one.baseline.key], count = true, count + 1
      end
    end
  end
  return count
end

---The methods with what every place shows or would show.
---@return specbench.predict.family[]
function Search:predictions()
  for _, family in ipairs(self.families) do families.fill(family) end
  return self.families
end

return search
