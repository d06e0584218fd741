-- The highest request rate at which a server holds its objectives, for every place of the grid: first rates four times
-- apart until one holds and one does not, then some between them, until they are 2 % apart. All places take a step
-- together, with several rates each, so that a server starts once a step and not once a rate. What a step asks for
-- follows from what is measured: a run that goes on after an interrupt finds its cells and comes to the same.

local at_rates = require "specbench.experiment.at_rates"
local factors = require "specbench.analysis.factors"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local plan = require "specbench.experiment.plan"
local stats = require "sb.stats"
local sustained = require "specbench.analysis.sustained"
local sweep = require "specbench.sweep"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"

local find_rate = {
  FIRST = { 1, 4, 16 }, -- requests a second
}

local STEP, BETWEEN, NEAR = 4, 3, 1.02
local LEAST, MOST = 1 / 256, 4096

local function rounded(rate)
  return tonumber(("%.4g"):format(rate))
end

---What to measure next of a place.
---@param held table<number, boolean> rates that were measured: whether it held them
---@return number[] rates empty where the answer is known, or there is none
---@return number? low the highest rate below all that were too much; nil: none was held
---@return number? high the lowest rate that was too much
function find_rate.next(held)
  local low, high
  for rate, ok in pairs(held) do
    if not ok then high = math.min(high or rate, rate) end
  end
  for rate, ok in pairs(held) do
    if ok and not (high and rate > high) then low = math.max(low or rate, rate) end
  end
  if next(held) == nil then return table.move(find_rate.FIRST, 1, #find_rate.FIRST, 1, {}) end
  if not high then return low < MOST and { low * STEP, low * STEP * STEP } or {}, low, high end
  if not low then return high > LEAST and { high / STEP / STEP, high / STEP } or {}, low, high end
  local rates = {}
  if high / low > NEAR then
    for i = 1, BETWEEN do
      local rate = rounded(low * (high / low) ^ (i / (BETWEEN + 1)))
      if held[rate] == nil and rate > low and rate < high then rates[#rates + 1] = rate end
    end
  end
  return rates, low, high
end

local function without_rate(coordinates)
  local others = tables.merged(coordinates)
  others[at_rates.AXIS] = nil
  return others
end

-- Where a job or cell stands without its rate: what has one answer.
local function place_of(r, it)
  return keys.of(r, without_rate(it.coordinates), nil, it.repetition)
end

---@class specbench.find_rate
---@field round specbench.round
---@field store specbench.store
---@field share number of the requests that must meet their objectives
---@field planned table<string, boolean> ids of the cells that were asked for so far: the folder may hold others, which
---  the round as it is now would not measure
---@field judged table<string, boolean> what was found of a cell: every step asks of all of them again

local function judge(self, cell)
  local run, message = self.store:run(cell.id)
  if not run then error({ exit = 1, message = message }, 0) end
  local holds = sustained.holds(cell, run, self.share)
  if holds == nil then
    error({ exit = 1, message = "--find rate: the server does not tell the tokens of its answers, so that nobody "
      .. "knows whether they met their objectives" }, 0)
  end
  return holds
end

-- Which rates each place was measured at, whether it held them, and which of them made the server refuse requests.
local function read(self)
  local places, judged = {}, self.judged
  for _, cell in ipairs(self.store:cells()) do
    if self.planned[cell.id] then
      local place = place_of(self.round, cell)
      places[place] = places[place] or { cell = cell, held = {}, refused = {} }
      if judged[cell.id] == nil then judged[cell.id] = judge(self, cell) end
      local rate = cell.coordinates[at_rates.AXIS]
      places[place].held[rate], places[place].refused[rate] = judged[cell.id], cell.refused
    end
  end
  return places
end

-- The plan of a step: of each place the rates that are wanted of it; without `wanted` of all places all.
local function plan_of(self, options, wanted, rates)
  local r = self.round
  local the_plan = plan.keep(plan.new(at_rates.of(r, tables.keys(rates)), options), function(job)
    local of_place = wanted and wanted[place_of(r, job)]
    return not wanted or of_place ~= nil and of_place[job.coordinates[at_rates.AXIS]] == true
  end)
  for _, job in ipairs(the_plan.jobs) do
    self.planned[job.id] = true
    job.may_be_refused = true -- by a server whose queue is full
  end
  return the_plan
end

-- The places as cells without a rate, in the grid's order. Gives each its `base`, where it has one beside itself.
local function in_order(r, places)
  local cells = {}
  for place, one in pairs(places) do
    cells[#cells + 1] = { coordinates = without_rate(one.cell.coordinates), repetition = one.cell.repetition,
      key = place, started = one.cell.started }
  end
  keys.find_baselines(r, cells)
  for _, cell in ipairs(cells) do
    if cell.baseline ~= cell.key then places[cell.key].base = places[cell.baseline] end
  end
  keys.sort(r, cells)
  return cells
end

-- The ratio of two rates that each lie between two others, and how far it may be off for that.
local function ratio_of(mine, base)
  if not (mine.low and mine.high and base.low and base.high) then return nil end
  return { ratio = mine.low / base.low, low = mine.low / base.high, high = mine.high / base.low }
end

---@class specbench.found_rate
---@field coordinates table without the rate
---@field rate number? requests a second that were held, the geometric mean over repeats; nil: not one
---@field too_much number? the lowest that was not, the same mean
---@field refused boolean? the server refused requests at that rate, in one of the repeats at least
---@field baseline number? rate of its baseline, the same mean
---@field speedup { ratio: number, low: number?, high: number?, kind: string }? ratio of the two; kind: "over repeats",
---  with an interval from three on, or "of the search", as far as the rates tried lie apart

local function speedup_of(ones)
  local ratios, logs = {}, {}
  for _, one in ipairs(ones) do ratios[#ratios + 1] = one.base and ratio_of(one, one.base) end
  if #ratios == 0 then return nil end
  if #ratios == 1 then
    return { kind = "of the search", ratio = ratios[1].ratio, low = ratios[1].low, high = ratios[1].high }
  end
  for k, ratio in ipairs(ratios) do logs[k] = math.log(ratio.ratio) end
  local interval = stats.interval(logs)
  return { kind = "over repeats", ratio = math.exp(interval.mean), low = interval.low and math.exp(interval.low),
    high = interval.high and math.exp(interval.high) }
end

-- The geometric mean over repeats of a rate; nil where one of them has none.
local function mean_of(ones, rate_of)
  local logs = {}
  for i, one in ipairs(ones) do
    local rate = rate_of(one)
    if not rate then return nil end
    logs[i] = math.log(rate)
  end
  return factors.mean(logs)
end

-- Of one line of the grid, from its repeats.
local function found_in(ones)
  local coordinates = without_rate(ones[1].cell.coordinates)
  for name, value in pairs(coordinates) do
    if value == 0 then coordinates[name] = nil end
  end
  local refused
  for _, one in ipairs(ones) do refused = refused or one.high and one.refused[one.high] and true end
  return {
    coordinates = coordinates, speedup = speedup_of(ones), repeats = #ones,
    rate = mean_of(ones, function(one) return one.low end),
    too_much = mean_of(ones, function(one) return one.high end),
    refused = refused,
    baseline = mean_of(ones, function(one) return one.base and one.base.low end),
  }
end

-- What was found, a line of the grid each.
local function found_of(self)
  local places = read(self)
  for _, one in pairs(places) do
    local _
    _, one.low, one.high = find_rate.next(one.held)
  end
  local result = {}
  for i, group in ipairs(keys.places(in_order(self.round, places))) do
    local ones = {}
    for k, cell in ipairs(group.items) do ones[k] = places[cell.key] end
    result[i] = found_in(ones)
  end
  return result
end

---@param found specbench.found_rate[]
---@param r specbench.round
---@return string text
local function text_of(found, r)
  local columns, rows, axes = {}, {}, {}
  for _, axis in ipairs(r.axes) do
    local means_something = false
    for _, one in ipairs(found) do means_something = means_something or one.coordinates[axis.name] ~= nil end
    if means_something then axes[#axes + 1], columns[#columns + 1] = axis.name, { title = axis.name } end
  end
  for i, one in ipairs(found) do
    local row, s = {}, one.speedup
    for k, name in ipairs(axes) do row[k] = keys.spelled(one.coordinates[name]) end
    row[#row + 1] = one.rate and ("%.3g"):format(one.rate) or "none held"
    row[#row + 1] = one.too_much and ("%.3g%s"):format(one.too_much, one.refused and " (refused)" or "")
      or "not found"
    row[#row + 1] = s and (s.low and ("%.2f [%.2f, %.2f]"):format(s.ratio, s.low, s.high)
      or ("%.2f"):format(s.ratio)) or "-"
    rows[i] = row
  end
  for _, title in ipairs { "requests/s held", "too much", "ratio to its baseline" } do
    columns[#columns + 1] = text_table.right(title)
  end
  return text_table.render { columns = columns, rows = rows }
end

-- "ttft 200 ms, tpot 30 ms"
local function objectives(slo)
  local words = {}
  for _, name in ipairs(tables.keys(slo)) do words[#words + 1] = ("%s %g ms"):format(name, slo[name]) end
  return table.concat(words, ", ")
end

---What a reader is told in the end.
---@param found specbench.found_rate[]
---@param r specbench.round
---@param the_store specbench.store
---@param options { slo: table, slo_share: number }
---@return string text
function find_rate.report(found, r, the_store, options)
  local kind = "how far the rates that were tried lie apart (one repeat: it says nothing of other prompts or starts)"
  for _, one in ipairs(found) do
    if one.speedup and one.speedup.kind == "over repeats" then
      kind = one.speedup.low and "95 % over repeats" or "none over two repeats (--repeats 3)"
    end
  end
  return ("%s\nHighest rate at which %g %% of the requests met %s and the server neither refused nor fell behind%s.\n"
    .. "Intervals: %s. Results: %s (rates.jsonl)\n"):format(text_of(found, r), 100 * options.slo_share,
      objectives(options.slo), options.virtual and ", simulated in virtual time" or "", kind, the_store.folder)
end

---@param options table of the command line
---@return string? flaw why no rate can be looked for
function find_rate.flaw(options)
  if not options.slo then return "--find rate needs the objectives to be met: --slo ttft=200,tpot=30" end
  if options.no_records then return "--find rate looks into the requests' timelines: leave out --no-records" end
  if options.rule then return "--find rate repeats by --repeats, not by --until" end
  if options.match == "pinned" then return "--find rate compares as deployed: leave out --match pinned" end
  if options.lengths == "replay" then return "--find rate: --lengths replay needs a baseline at the very same rate" end
end

---The round as it is measured first.
---@param r specbench.round
---@return specbench.round
function find_rate.begin(r)
  return at_rates.of(r, find_rate.FIRST)
end

---Looks for the rates; every cell is kept as of any run.
---@param r specbench.round
---@param the_store specbench.store
---@param options table as sweep.run takes them; slo; slo_share
---@return specbench.sweep.outcome outcome of all steps together
---@return specbench.found_rate[] found a line of the grid each, in its order
function find_rate.run(r, the_store, options)
  local self = { round = r, store = the_store, share = options.slo_share, planned = {}, judged = {} }
  local all, wanted, rates = nil, nil, {}
  for _, rate in ipairs(find_rate.FIRST) do rates[rate] = true end
  repeat
    local outcome = sweep.run(plan_of(self, options, wanted, rates), the_store, options)
    if all then
      for _, name in ipairs { "total", "skipped", "measured", "failed", "reruns", "untried", "quarantined",
        "wall_seconds" } do
        all[name] = all[name] + outcome[name]
      end
      all.server_seconds = all.server_seconds and outcome.server_seconds and all.server_seconds + outcome.server_seconds
    else
      all = outcome
    end
    wanted, rates = {}, {}
    for place, one in pairs(read(self)) do
      wanted[place] = {}
      for _, rate in ipairs((find_rate.next(one.held))) do wanted[place][rate], rates[rate] = true, true end
    end
  until next(rates) == nil or outcome.measured + outcome.skipped == 0
  local found, lines = found_of(self), {}
  for i, one in ipairs(found) do lines[i] = json.encode(one) .. "\n" end
  assert(fs.write(the_store:path "rates.jsonl", table.concat(lines)))
  return all, found
end

return find_rate
