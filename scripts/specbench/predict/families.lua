-- A grid's methods, each fitted together with its baseline: what every place shows or would show.

local cells = require "specbench.predict.cells"
local energy = require "specbench.analysis.energy"
local fit = require "specbench.predict.fit"
local prompts = require "specbench.predict.prompts"
local speedup = require "specbench.analysis.speedup"

local families = {}

---@class specbench.predict.row
---@field place specbench.predict.record
---@field measured boolean
---@field baseline specbench.predict.record the measured one, or its place
---@field ratio number speed-up of total token throughput
---@field low number? a 90 % interval, of predicted ones
---@field high number?
---@field model number? by the model alone, of predicted ones
---@field tokens_per_second number
---@field seconds number

---@class specbench.predict.family
---@field name string the method's server
---@field baseline string? the baseline's server
---@field fitted specbench.predict.fitted? nil where nothing is predicted: all is measured, or see why
---@field why string? why nothing is predicted
---@field rows specbench.predict.row[] in the grid's order; those without a speed-up are left out
---@field unknown table<string, integer> places that cannot be predicted, by reason
---@field measured specbench.predict.record[] the method's
---@field plain specbench.predict.record[] the baseline's
---@field beside specbench.predict.record[] all methods'
---@field pairs { place: specbench.predict.record, baseline: specbench.predict.record }[] in the grid's order
---@field gpus integer that its server stands on
---@field simulated boolean? some of it was measured on a simulator

families.LEAST = 4 -- measured cells of a method that a fit takes

local function by_key(list)
  local map = {}
  for _, record in ipairs(list) do map[record.key] = record end
  return map
end

-- Why a measured cell's baseline is none, by the rules that a report has. Of a run that was cut, the last repeat may
-- have no baseline of its own: that of the place's other repeats serves.
local function refused(record, baseline, index)
  if not index or not (record.cell and baseline.cell) or not index.by_key[record.cell.baseline] then return nil end
  local ratios, why = speedup.of(index, record.cell)
  return not ratios and why or nil
end

local function family_of(name)
  return { name = name, rows = {}, unknown = {}, measured = {}, plain = {}, places = {}, pairs = {},
    gpus = 1 }
end

local function collect(measured, places, index)
  local list, by_name = {}, {}
  local known, all = by_key(measured), by_key(places)
  local plain_of = {} -- of a server its baseline's, whatever cells show it
  local function take(record)
    if record.plain then return nil end
    local family = by_name[record.server]
    if not family then
      family = family_of(record.server)
      by_name[record.server], list[#list + 1] = family, family
    end
    local baseline = known[record.baseline] or all[record.baseline]
    if baseline and baseline ~= record then plain_of[record.server] = plain_of[record.server] or baseline.server end
    return family, baseline
  end
  for _, record in ipairs(measured) do
    local family, baseline = take(record)
    if family then
      table.insert(family.measured, record)
      family.simulated = family.simulated or record.simulated
      family.gpus = math.max(family.gpus, energy.gpu_count(record.cell))
      if baseline then family.why = family.why or refused(record, baseline, index) end
    end
  end
  for _, place in ipairs(places) do
    local family = take(place)
    if family then table.insert(family.places, place) end
  end
  for _, family in ipairs(list) do
    family.baseline, family.beside = plain_of[family.name], measured
    for _, record in ipairs(measured) do
      if record.server == family.baseline then table.insert(family.plain, record) end
    end
  end
  return list, known, all
end

-- A baseline's place of the same work and load, where the round says which server it is but the grid has none.
local function baseline_of(family, place, known, all)
  local baseline = known[place.baseline] or all[place.baseline]
  if baseline then return baseline end
  for _, record in ipairs(family.plain) do
    if record.work == place.work and record.concurrency == place.concurrency then return record end
  end
end

-- The round's limits and lengths belong to what was measured too.
local function share_limits(list, places)
  local limits = {}
  for _, place in ipairs(places) do limits[place.work] = limits[place.work] or place.limits end
  for _, record in ipairs(list) do record.limits = record.limits or limits[record.work] end
end

local function count(map, reason)
  map[reason] = (map[reason] or 0) + 1
end

local function per_second(record)
  return (record.input_tokens + record.output_tokens) / record.seconds
end

---The family's fit, made when it is first asked for.
---@param family specbench.predict.family with LEAST measured cells
---@param works string[]? of places to come
---@return specbench.predict.fitted
function families.fit(family, works)
  if not family.fitted then
    local given = table.move(family.plain, 1, #family.plain, #family.measured + 1,
      table.move(family.measured, 1, #family.measured, 1, {}))
    family.fitted = fit.of(given, { works = works, beside = family.beside })
  end
  return family.fitted
end

---What the fit would have said of each measured cell from the others alone.
---@param family specbench.predict.family fitted
---@return { row: specbench.predict.row, seen: specbench.predict.ratio }[] list of the method's rows
function families.left_out(family)
  local list, occupancies = {}, family.fitted.occupancies
  for _, row in ipairs(family.rows) do
    if row.measured and #family.measured > families.LEAST then
      local place, others, works = {}, {}, { row.place.work }
      for _, cell in ipairs(family.fitted.cells) do
        if cell ~= row.place then others[#others + 1] = cell end
      end
      for name, value in pairs(row.place) do place[name] = value end
      place.seconds, place.itl_ms, place.tpot_ms = nil, nil, nil
      list[#list + 1] = { row = row,
        seen = fit.of(others, { works = works, occupancies = occupancies, beside = family.beside })
          :speedup(place, row.baseline) }
    end
  end
  return list
end

local function row_of(family, place, baseline, works)
  local row = { place = place, measured = place.seconds ~= nil and baseline.seconds ~= nil, baseline = baseline,
    seconds = place.seconds, tokens_per_second = place.seconds and per_second(place) }
  if row.measured then
    row.ratio = row.tokens_per_second / per_second(baseline)
    return row
  end
  local fitted = families.fit(family, works)
  local seen = fitted:speedup(place, baseline)
  row.ratio, row.low, row.high, row.model = seen.ratio, seen.low, seen.high, seen.model
  if not place.seconds then
    local figures = fitted:predict(place)
    row.seconds, row.tokens_per_second = figures.seconds, figures.tokens_per_second
  end
  return row
end

-- Whether anybody told how long the answers of a place's work are.
local function has_lengths(place, told)
  return place.seconds ~= nil or place.output_tokens ~= nil or told[place.work] ~= nil
end

-- What of the grid has a baseline to be compared with: each the measured record, or the place where there is none.
local function pair(family, known, all)
  local places = #family.places > 0 and family.places or family.measured
  for _, place in ipairs(places) do
    local baseline = baseline_of(family, place, known, all)
    if place.rate then
      count(family.unknown, "a request rate: the model knows closed loops")
    elseif not baseline then
      count(family.unknown, "the grid has no baseline there")
    else
      table.insert(family.pairs, { place = known[place.key] or place, baseline = baseline })
    end
  end
  family.places = nil
end

local function fill(family)
  local works, told = {}, {}
  local function note(record)
    works[#works + 1] = record.work
    told[record.work] = told[record.work] or record.seconds
  end
  for _, list in ipairs { family.measured, family.plain } do
    for _, record in ipairs(list) do note(record) end
  end
  for _, one in ipairs(family.pairs) do note(one.place) end
  for _, one in ipairs(family.pairs) do
    if not (prompts.are_known(one.place) and prompts.are_known(one.baseline)) then
      count(family.unknown, prompts.UNKNOWN)
    elseif has_lengths(one.place, told) and has_lengths(one.baseline, told) then
      table.insert(family.rows, row_of(family, one.place, one.baseline, works))
    else
      count(family.unknown, "how long the answers of this work are is not known: measure one of its cells")
    end
  end
end

---The methods of a grid: what of each was measured, and what it is compared with. Nothing is fitted yet.
---@param measured specbench.predict.record[]
---@param places specbench.predict.record[] of the grid; empty: what was measured
---@param about table the round, or round.json
---@param index specbench.speedup.index? by which rules a baseline counts; nil: all that cells name
---@return specbench.predict.family[] without rows
function families.gather(measured, places, about, index)
  cells.name(measured, places, about)
  share_limits(measured, places)
  prompts.share(measured, places)
  local list, known, all = collect(measured, places, index)
  for _, family in ipairs(list) do pair(family, known, all) end
  return list
end

---Says what a family's places show, or would show.
---@param family specbench.predict.family
function families.fill(family)
  if not family.why and #family.measured < families.LEAST then
    family.why = ("%d of its cells %s measured, a fit takes %d"):format(#family.measured,
      #family.measured == 1 and "was" or "were", families.LEAST)
  end
  if not family.why then fill(family) end
end

---Fits every method of a grid, and says what its places show.
---@param measured specbench.predict.record[]
---@param places specbench.predict.record[] as for gather
---@param about table
---@param index specbench.speedup.index?
---@return specbench.predict.family[]
function families.of(measured, places, about, index)
  local list = families.gather(measured, places, about, index)
  for _, family in ipairs(list) do families.fill(family) end
  return list
end

return families
