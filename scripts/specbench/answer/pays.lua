-- Does speculation pay, and up to which load: one judgement a target and method, and a task where tasks disagree.
--
-- Cells of one load and one setting (k, say) that differ in the rest, tasks and contexts, are one question: their mean
-- ratio, repeat by repeat, with an interval of its own. A cell that mostly measured ramp-up and drain was not at its
-- load and says nothing about it. A judgement is "yes" only by verdicts.

local caveats = require "specbench.analysis.caveats"
local factors = require "specbench.analysis.factors"
local intervals = require "specbench.analysis.intervals"
local place = require "specbench.answer.place"
local stats = require "sb.stats"
local tables = require "specbench.base.tables"
local verdict = require "specbench.analysis.verdict"

local pays = {}

---@class specbench.answer.setting
---@field load number
---@field setting string "k=3"; "" where the method has but one
---@field k integer? drafted tokens, where the server's description says it
---@field ratio number? of the figure, the geometric mean over its places
---@field low number?
---@field high number?
---@field verdict "faster"|"slower"|"tie"|"undecided"|"none"
---@field ramp_up boolean? all of its cells mostly measured ramp-up and drain
---@field places integer
---@field counts table<string, integer> its places by verdict
---@field entries specbench.verdict.entry[]

---@class specbench.answer.at_load
---@field load number
---@field best specbench.answer.setting of those that are faster the fastest; where none is, the fastest
---@field settings specbench.answer.setting[]

---@class specbench.answer.judgement
---@field target string
---@field method string
---@field task string? where tasks disagree, or only some of them are decided
---@field load "concurrency"|"rate"
---@field engine string? where the folder holds cells of several
---@field loads specbench.answer.at_load[] the least first
---@field answer "yes"|"up to"|"in part"|"no"|"undecided"|"not judged"
---@field up_to number? the largest load up to which it is faster without a gap
---@field also number[]? loads beyond or in between that are faster as well
---@field alone specbench.answer.setting the least load's best
---@field at specbench.answer.setting? the best at `up_to`
---@field beyond specbench.answer.setting? the best at the load after it
---@field crossing number? the load at which the ratio passes 1, between two that were measured
---@field reason string? why there is no verdict
---@field lossy string? why its answers may not be the target's own
---@field why { alone: specbench.answer.why?, most: specbench.answer.why? } at the least and at the largest load

---@class specbench.answer.why
---@field load number
---@field tokens number a step brings so many times as many
---@field step number a step takes so many times as long
---@field rest number what time outside decoding changes the ratio by
---@field rate number? share of drafted tokens that was accepted
---@field mean_length number? tokens a step that had a draft

---Whether a place rests on ramp-up and drain.
---@param entry specbench.verdict.entry
---@return boolean
function pays.ramp_up(entry)
  for _, one in ipairs(entry.all or {}) do
    if caveats.drained(one.cell, one.base) then return true end
  end
  return false
end

-- Of `paired`, repeat by repeat; nil where places do not have the same repeats: what one shows then belongs to no one
-- of another's.
local function mean_logs(entries)
  local first, means = entries[1].all, {}
  for r = 1, #first do means[r] = 0 end
  for _, entry in ipairs(entries) do
    local logs = entry.logs and entry.logs.paired or {}
    if #logs ~= #first then return nil end
    for r, log in ipairs(logs) do
      if entry.all[r].cell.repetition ~= first[r].cell.repetition then return nil end
      means[r] = means[r] + log
    end
  end
  for r, sum in ipairs(means) do means[r] = sum / #entries end
  return means
end

-- What such means stand on: the starts of every place.
local function ground_of(entries)
  local places = {}
  for i, entry in ipairs(entries) do places[i] = entry.all end
  return intervals.ground(table.unpack(places))
end

local function ratio_of(entries, figure)
  local logs = {}
  for _, entry in ipairs(entries) do
    local found = entry.speedups[figure]
    if found then logs[#logs + 1] = math.log(found.ratio) end
  end
  return #logs > 0 and factors.mean(logs) or nil
end

-- All places alike, or nothing is said.
local function common_verdict(counts, places)
  for _, name in ipairs { "faster", "slower", "tie" } do
    if counts[name] == places then return name end
  end
  return counts.none == places and "none" or "undecided"
end

local function setting_of(entries, load, setting, figure)
  local steady = {}
  for _, entry in ipairs(entries) do
    if not pays.ramp_up(entry) then steady[#steady + 1] = entry end
  end
  local ramp_up = #steady == 0
  if ramp_up then steady = entries end
  local counts = {}
  for _, entry in ipairs(steady) do
    local name = entry.verdict or "none"
    counts[name] = (counts[name] or 0) + 1
  end
  local first = steady[1]
  local self = {
    load = load, setting = setting, k = first.cell.identity.server.k, entries = steady, places = #steady,
    counts = counts, ramp_up = ramp_up or nil, ratio = ratio_of(steady, figure),
    verdict = common_verdict(counts, #steady),
  }
  if #steady == 1 then
    local found = first.speedups[figure] or {}
    self.low, self.high = found.low, found.high
  end
  return self
end

-- Intervals of settings that stand for several places, moderated and adjusted together as those of cells are.
local function pool(settings)
  local cells, owners = {}, {}
  for _, setting in ipairs(settings) do
    local logs = setting.places > 1 and mean_logs(setting.entries)
    if logs and #logs >= intervals.MIN_REPEATS and not setting.counts.none then
      cells[#cells + 1] = { ground = ground_of(setting.entries), logs = logs }
      owners[#cells] = setting
    end
  end
  intervals.fill(cells)
  local p = {}
  for i, cell in ipairs(cells) do p[i] = cell.interval.p or false end
  for i, adjusted in ipairs(stats.adjust(p)) do
    local setting, interval = owners[i], cells[i].interval
    if interval.low then
      setting.low, setting.high = math.exp(interval.low), math.exp(interval.high)
      setting.verdict = stats.verdict(interval, adjusted or nil, verdict.TIE, verdict.FALSE_DISCOVERY_RATE)
    end
  end
end

-- Verdicts count for `paired` alone.
local function unjudged(settings)
  for _, setting in ipairs(settings) do
    setting.verdict, setting.counts = "none", { none = setting.places }
  end
end

-- The fastest of those that are faster, else the fastest of all.
local function best_of(settings)
  local best
  for _, setting in ipairs(settings) do
    local mine = setting.verdict == "faster" and not setting.ramp_up
    local other = best and best.verdict == "faster" and not best.ramp_up
    local is_better = not best or mine and not other
      or mine == other and (setting.ratio or 0) > (best.ratio or 0)
    if is_better then best = setting end
  end
  return best
end

local function is_faster(at)
  return at.best.verdict == "faster" and not at.best.ramp_up
end

local function crossing_of(loads)
  for i = 2, #loads do
    local before, after = loads[i - 1], loads[i]
    local high, low = before.best.ratio, after.best.ratio
    if high and low and high > 1 and low < 1 and before.load > 0 then
      local share = math.log(high) / (math.log(high) - math.log(low))
      return math.exp(math.log(before.load) + share * (math.log(after.load) - math.log(before.load)))
    end
  end
end

local function most_frequent_reason(entries)
  local counts, list = {}, {}
  for _, entry in ipairs(entries) do
    local reason = entry.reason
    if reason and not counts[reason] then
      counts[reason] = { reason = reason, count = 0 }
      list[#list + 1] = counts[reason]
    end
    if reason then counts[reason].count = counts[reason].count + 1 end
  end
  local first = tables.most_frequent_first(list, "reason")[1]
  return first and first.reason
end

local function conclude(self, entries)
  local leading, faster, judged, open = 0, 0, 0, 0
  for i, at in ipairs(self.loads) do
    local name = at.best.ramp_up and "ramp-up" or at.best.verdict
    if is_faster(at) then
      faster = faster + 1
      if leading == i - 1 then leading = i end
    end
    if at.best.verdict ~= "none" then judged = judged + 1 end
    if name ~= "slower" and name ~= "tie" then open = open + 1 end
  end
  self.alone = self.loads[1].best
  if leading > 0 then
    self.up_to, self.at = self.loads[leading].load, self.loads[leading].best
    self.beyond = self.loads[leading + 1] and self.loads[leading + 1].best
  end
  self.answer = judged == 0 and "not judged" or leading == #self.loads and "yes" or leading > 0 and "up to"
    or faster > 0 and "in part" or open > 0 and "undecided" or "no"
  for i, at in ipairs(self.loads) do
    if i > leading and is_faster(at) then
      self.also = self.also or {}
      table.insert(self.also, at.load)
    end
  end
  self.crossing = crossing_of(self.loads)
  if judged == 0 or self.answer == "undecided" then self.reason = most_frequent_reason(entries) end
end

local function why_at(at)
  local logs, rate, length, told = { tokens = {}, step = {}, rest = {} }, 0, 0, 0
  for _, entry in ipairs(at.best.entries) do
    local found, accepted = entry.decomposition, entry.acceptance
    for name, list in pairs(found and logs or {}) do list[#list + 1] = math.log(found[name]) end
    local counted = accepted and (accepted.counters or accepted.timelines)
    if accepted and accepted.rate and counted then
      told, rate, length = told + 1, rate + accepted.rate, length + counted.mean_length
    end
  end
  if #logs.tokens == 0 then return nil end
  return {
    load = at.load, tokens = factors.mean(logs.tokens), step = 1 / factors.mean(logs.step),
    rest = factors.mean(logs.rest), rate = told > 0 and rate / told or nil,
    mean_length = told > 0 and length / told or nil,
  }
end

local function judge(head, entries, context)
  local by_load, order = {}, {}
  for _, entry in ipairs(entries) do
    if entry.repeats > 0 then
      local load, setting = place.load(entry.cell).value, place.on(entry.cell, context.axes.settings)
      if not by_load[load] then
        by_load[load] = { load = load, by_setting = {}, names = {} }
        order[#order + 1] = by_load[load]
      end
      local at = by_load[load]
      if not at.by_setting[setting] then
        at.by_setting[setting] = {}
        table.insert(at.names, setting)
      end
      table.insert(at.by_setting[setting], entry)
    end
  end
  local self = head
  self.loads = {}
  table.sort(order, function(a, b) return a.load < b.load end)
  for i, at in ipairs(order) do
    local settings = {}
    for k, name in ipairs(at.names) do settings[k] = setting_of(at.by_setting[name], at.load, name, context.figure) end
    self.loads[i] = { load = at.load, settings = settings }
  end
  self.lossy = entries[1].cell.lossy
  return self
end

-- Judgements without their conclusions, by what the grouping tells of an entry's cell.
local function judged(entries, context, key_of)
  local list = {}
  for i, group in ipairs(tables.grouped(entries, function(entry)
    return table.concat((key_of(entry.cell)), "\31")
  end)) do
    local _, head = key_of(group.items[1].cell)
    list[i] = { judgement = judge(head, group.items, context), entries = group.items }
  end
  return list
end

local function finish(list, context)
  local settings = {}
  for _, item in ipairs(list) do
    for _, at in ipairs(item.judgement.loads) do table.move(at.settings, 1, #at.settings, #settings + 1, settings) end
  end
  if context.figure ~= "paired" then
    unjudged(settings)
  elseif not context.rule then -- under one that looked at the data only its own intervals keep their level
    pool(settings)
  end
  local judgements = {}
  for _, item in ipairs(list) do
    local self = item.judgement
    for _, at in ipairs(self.loads) do at.best = best_of(at.settings) end
    if #self.loads > 0 then
      conclude(self, item.entries)
      self.why = { alone = why_at(self.loads[1]), most = #self.loads > 1 and why_at(self.loads[#self.loads]) or nil }
    else
      self.answer, self.reason, self.why = "not judged", most_frequent_reason(item.entries), {}
    end
    judgements[#judgements + 1] = self
  end
  return judgements
end

-- Whether at some load one task is faster and another slower with what is best for each.
local function disagree(judgements)
  local at_load = {}
  for _, judgement in ipairs(judgements) do
    for _, at in ipairs(judgement.loads) do
      local seen = at_load[at.load] or {}
      at_load[at.load] = seen
      seen[at.best.verdict] = not at.best.ramp_up or seen[at.best.verdict]
      if seen.faster and seen.slower then return true end
    end
  end
  return false
end

local DECIDED = { yes = true, ["up to"] = true, ["in part"] = true, no = true }

-- Whether some task knows what all of them together leave open.
local function some_decide(judgement, of_tasks)
  if judgement.answer ~= "undecided" then return false end
  for _, one in ipairs(of_tasks) do
    if DECIDED[one.answer] then return true end
  end
  return false
end

---@param entries specbench.verdict.entry[] in the grid's order
---@param context { figure: string, axes: specbench.answer.axes, engines: boolean, rule: sb.Stopping? } engines: there
---  are several
---@return specbench.answer.judgement[]
function pays.of(entries, context)
  local function key(cell)
    local load = place.load(cell).kind
    local engine = context.engines and cell.engine.name or nil
    return { place.target(cell), place.method(cell), load, engine or "" },
      { target = place.target(cell), method = place.method(cell), load = load, engine = engine }
  end
  local whole = judged(entries, context, key)
  local judgements = {}
  for i, judgement in ipairs(finish(whole, context)) do
    local by_task = judged(whole[i].entries, context, function(cell)
      local words, head = key(cell)
      head.task = place.task(cell)
      words[#words + 1] = head.task or ""
      return words, head
    end)
    local of_tasks = #by_task > 1 and finish(by_task, context) or {}
    if disagree(of_tasks) or some_decide(judgement, of_tasks) then
      table.move(of_tasks, 1, #of_tasks, #judgements + 1, judgements)
    else
      judgements[#judgements + 1] = judgement
    end
  end
  return judgements
end

---The keys of the judgement's best settings by load, where they are faster: what could be deployed.
---@param judgement specbench.answer.judgement
---@return { load: number, setting: string, k: integer?, ratio: number }[]
function pays.schedule(judgement)
  local list = {}
  for _, at in ipairs(judgement.loads) do
    local best = at.best
    local on = is_faster(at)
    list[#list + 1] = { load = at.load, setting = on and best.setting or nil, k = on and best.k or nil,
      ratio = on and best.ratio or nil }
  end
  return list
end

return pays
