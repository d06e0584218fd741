-- What was measured, with what, where and when; and how sure that is.

local caveats = require "specbench.analysis.caveats"
local flags = require "specbench.analysis.flags"
local intervals = require "specbench.analysis.intervals"
local keys = require "specbench.results.keys"
local pays = require "specbench.answer.pays"
local place = require "specbench.answer.place"
local tables = require "specbench.base.tables"
local verdict = require "specbench.analysis.verdict"

local measured = {}

local NAMED = 3 -- places of flagged cells

-- Flags that keep a single cell from being quoted, the gravest first.
local NEEDS_A_LOOK = { "requests", "merged", "graphs", "compilation", "tokens", "stall", "anomaly", "acceptance" }

---@class specbench.answer.measured
---@field round string
---@field title string?
---@field cells integer finished ones, every repeat counted
---@field places integer of the grid
---@field baselines integer places that others are compared with
---@field repeats { least: integer, most: integer } of a place
---@field starts { least: integer, most: integer }? of the servers that intervals stand on
---@field failed integer cells that failed and were not measured since
---@field causes { cause: string, count: integer }[] the most frequent first
---@field before integer cells that the round would not measure so any more; no part of all else
---@field again integer cells that looked wrong and were measured once more
---@field seconds number? that loads took, by the wall's clock; absent where cells do not say
---@field first string? when the first cell began, UTC
---@field last string?
---@field engines { name: string, version: string?, cells: integer, simulated: boolean, external: boolean }[]
---@field machines { name: string, cells: integer }[] GPU or CPU; none for published rows
---@field targets string[]
---@field methods string[] without "none"
---@field requests { least: integer, most: integer }? of a cell
---@field prompts string[] where they came from
---@field simulated integer cells
---@field assumed integer simulated cells whose acceptance is assumed: nothing published or measured stands behind it
---@field virtual integer cells
---@field synthetic integer cells whose prompts are made up
---@field quick integer cells
---@field published integer cells that are another system's rows
---@field clocks number[] of simulated servers: times as fast as the world's
---@field match string? what comparisons held equal
---@field limits string? the round's limits of that name

local function range_of(list, value)
  local range
  for _, item in ipairs(list) do
    local number = value(item)
    if number then
      range = range or { least = number, most = number }
      range.least, range.most = math.min(range.least, number), math.max(range.most, number)
    end
  end
  return range
end

-- Distinct values in the order of their first appearance, with what `fields` makes of the first.
local function tally(cells, name_of, fields)
  local list = {}
  for i, group in ipairs(tables.grouped(cells, name_of)) do
    list[i] = fields and fields(group.items[1]) or { name = group.name }
    list[i].cells = #group.items
  end
  return list
end

local function names_of(list)
  local names = {}
  for i, item in ipairs(list) do names[i] = item.name end
  return names
end

local function prompts_of(cell)
  local from = cell.dataset
  if not from then return nil end
  if from.kind == "synthetic" then return from.note or "synthetic text" end
  return from.file and from.file:match "[^/]+$" or from.kind
end

---@param found specbench.study
---@return specbench.answer.measured
function measured.of(found)
  local cells, about = found.cells, found.about
  local places, seconds, failed = keys.places(cells), 0, 0
  for _, cell in ipairs(cells) do
    local own = cell.virtual and cell.metrics.duration or cell.load_seconds
    seconds = seconds and own and seconds + own
  end
  for _, cause in ipairs(found.failed) do failed = failed + cause.count end
  local started = {}
  for i, cell in ipairs(cells) do started[i] = cell.started end
  table.sort(started)
  local clocks = {}
  for _, cell in ipairs(cells) do
    if caveats.is_simulated(cell) and not cell.virtual then clocks[cell.clock_scale or 1] = true end
  end
  return {
    round = about.round, title = about.title, cells = #cells, places = #places,
    baselines = tables.count(places, function(at) return at.items[1].baseline == at.items[1].key end),
    repeats = range_of(places, function(at) return #at.items end) or { least = 0, most = 0 },
    starts = range_of(found.entries, function(entry) return entry.starts end),
    failed = failed, causes = found.failed, before = #found.before,
    again = tables.count(cells, function(cell) return cell.first ~= nil end),
    seconds = #cells > 0 and seconds or nil, first = started[1], last = started[#started],
    engines = tally(cells, function(cell) return cell.engine.name .. " " .. (cell.engine.version or "") end,
      function(cell)
        return { name = cell.engine.name, version = cell.engine.version, simulated = caveats.is_simulated(cell),
          external = cell.engine.name:find "^external" ~= nil }
      end),
    machines = tally(cells, caveats.machine),
    targets = names_of(tally(cells, place.target)),
    methods = names_of(tally(cells, function(cell)
      local method = cell.identity.server.method
      return method ~= "none" and method or nil
    end)),
    requests = range_of(cells, function(cell) return cell.metrics.requests end),
    prompts = names_of(tally(cells, prompts_of)),
    simulated = tables.count(cells, caveats.is_simulated),
    assumed = tables.count(cells, function(cell) return cell.assumed end),
    virtual = tables.count(cells, function(cell) return cell.virtual end),
    synthetic = tables.count(cells, caveats.is_synthetic), quick = tables.count(cells, caveats.is_quick),
    published = tables.count(cells, function(cell) return cell.engine.name == "published" end),
    clocks = tables.keys(clocks), match = about.match, limits = about.limits,
  }
end

---@class specbench.answer.sure
---@field places integer that are compared with a baseline
---@field counts table<string, integer> by verdict: faster, slower, tie, undecided, none
---@field ramp_up integer of them rest on ramp-up and drain
---@field ramp_up_of table<string, integer> the same by verdict
---@field too_many integer of them are undecided only because so many are judged at once
---@field same_prompts integer of them sent the same prompts in every repeat
---@field reasons { reason: string, count: integer }[] why there is no verdict, the most frequent first
---@field scope "starts"|"within one start"|"both"|nil what verdicts speak of
---@field widest { coordinates: table, ratio: number, low: number, high: number }? interval
---@field reach number? the median interval's reach to a side, as a share: 0.03
---@field noise number? standard deviation of one repeat's ratio, pooled over places, as a share
---@field repeats_wanted integer? that would bring the usual interval within the tie band, if noise stays
---@field drift specbench.drift.server? the baseline that moved most
---@field late { coordinates: table, repetition: integer, reason: string, name: string }[] cells in which the client was
---@field certified integer cells that tell whether it was
---@field flagged { flag: string, cells: integer, where: string, reason: string }[] single cells that need a look, by
---  kind (analysis/flags), the gravest first; where: their places; reason: the first one's
---@field unlike { method: string, difference: string, cells: integer }[] methods that ran otherwise than their baseline

-- Repeats' standard deviation around their places' means.
local function noise_of(entries)
  local squares, dof = 0, 0
  for _, entry in ipairs(entries) do
    local logs = entry.logs and entry.logs.paired or {}
    local mean = 0
    for _, value in ipairs(logs) do mean = mean + value / #logs end
    for _, value in ipairs(logs) do squares = squares + (value - mean) ^ 2 end
    dof = dof + math.max(#logs - 1, 0)
  end
  return dof > 0 and math.sqrt(squares / dof) or nil
end

-- With about as many repeats t is near 2.
local function repeats_wanted(noise)
  return math.max(intervals.MIN_REPEATS, math.ceil((2 * noise / math.log(1 + verdict.TIE)) ^ 2))
end

local function reaches(entries)
  local widest, list = nil, {}
  for _, entry in ipairs(entries) do
    local figure = entry.speedups.paired
    if figure and figure.low and figure.kind ~= verdict.WITHIN_RUN then
      list[#list + 1] = math.sqrt(figure.high / figure.low) - 1
      if not widest or figure.high / figure.low > widest.high / widest.low then
        widest = { coordinates = entry.coordinates, ratio = figure.ratio, low = figure.low, high = figure.high }
      end
    end
  end
  return widest, tables.median(list)
end

local function scope_of(entries)
  local scope
  for _, entry in ipairs(entries) do
    if entry.scope then
      if scope and scope ~= entry.scope then return "both" end
      scope = entry.scope
    end
  end
  return scope
end

local function most_moved(servers)
  local most
  for _, server in ipairs(servers) do
    if not most or math.abs(math.log(server.ratio)) > math.abs(math.log(most.ratio)) then most = server end
  end
  return most
end

local function flagged_of(found)
  local by_kind, list = {}, {}
  for _, item in ipairs(found.flagged) do
    by_kind[item.flag] = by_kind[item.flag] or { flag = item.flag, cells = {}, reason = item.reason }
    table.insert(by_kind[item.flag].cells, item.cell)
  end
  for _, flag in ipairs(NEEDS_A_LOOK) do
    local kind = by_kind[flag]
    if kind then
      kind.cells, kind.where = #kind.cells, flags.places(kind.cells, found.about, NAMED)
      list[#list + 1] = kind
    end
  end
  return list
end

---How many places have which verdict, and how many of those mostly measured ramp-up and drain.
---@param entries specbench.verdict.entry[]
---@param figure string what the answer rests on: verdicts speak of `paired` alone
---@return table<string, integer> counts "none" among them
---@return table<string, integer> ramp_up_of
function measured.counts(entries, figure)
  local counts, ramp_up_of = {}, {}
  for _, entry in ipairs(entries) do
    local name = figure == "paired" and entry.verdict or "none"
    counts[name] = (counts[name] or 0) + 1
    if pays.ramp_up(entry) then ramp_up_of[name] = (ramp_up_of[name] or 0) + 1 end
  end
  return counts, ramp_up_of
end

local ONLY_PAIRED = "verdicts rest on the paired speed-up alone"

---@param found specbench.study
---@param figure string what the answer rests on
---@return specbench.answer.sure
function measured.sure(found, figure)
  local counts, ramp_up_of = measured.counts(found.entries, figure)
  local self = { places = #found.entries, counts = counts, ramp_up = 0, ramp_up_of = ramp_up_of, too_many = 0,
    same_prompts = 0, flagged = flagged_of(found), late = {}, certified = 0 }
  for _, count in pairs(ramp_up_of) do self.ramp_up = self.ramp_up + count end
  local reasons, list = {}, {}
  for _, entry in ipairs(found.entries) do
    if entry.prompts then self.same_prompts = self.same_prompts + 1 end
    if figure == "paired" and verdict.is_one_of_many(entry) then self.too_many = self.too_many + 1 end
    local is_open = figure ~= "paired" or not entry.verdict
    local reason = is_open and (entry.reason or figure ~= "paired" and ONLY_PAIRED)
    if reason then
      if not reasons[reason] then
        reasons[reason] = { reason = reason, count = 0 }
        list[#list + 1] = reasons[reason]
      end
      reasons[reason].count = reasons[reason].count + 1
    end
  end
  self.reasons = tables.most_frequent_first(list, "reason")
  self.scope = scope_of(found.entries)
  local virtual = tables.count(found.cells, function(cell) return cell.virtual end)
  self.drift = virtual == 0 and most_moved(found.drifted) or nil -- in virtual time there is nothing that could drift
  self.widest, self.reach = reaches(found.entries)
  local noise = noise_of(found.entries)
  if noise then self.noise, self.repeats_wanted = math.exp(noise) - 1, repeats_wanted(noise) end
  for _, cell in ipairs(found.cells) do
    local reason = caveats.late(cell)
    if reason then
      table.insert(self.late, { coordinates = cell.coordinates, repetition = cell.repetition, reason = reason,
        name = flags.place(cell, found.about) })
    end
    if cell.certificate and cell.certificate.client_ok ~= nil then self.certified = self.certified + 1 end
  end
  self.unlike = found.unlike
  return self
end

return measured
