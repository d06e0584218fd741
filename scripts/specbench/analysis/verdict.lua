-- What the repeats of each cell and of its baseline say together: four speed-ups with intervals, a verdict on
-- `paired`, why it is so, and whether the answers were the same.

local acceptance = require "specbench.analysis.acceptance"
local energy = require "specbench.analysis.energy"
local factors = require "specbench.analysis.factors"
local goodput = require "specbench.analysis.goodput"
local own_metrics = require "specbench.analysis.own_metrics"
local intervals = require "specbench.analysis.intervals"
local lengths = require "specbench.analysis.lengths"
local lossless = require "specbench.analysis.lossless"
local repeated = require "specbench.analysis.repeats"
local stats = require "sb.stats"

local verdict = {
  names = { "total_throughput", "output_throughput", "decode", "paired" },
  TIE = repeated.TIE,
  FALSE_DISCOVERY_RATE = repeated.FALSE_DISCOVERY_RATE,
  WITHIN_RUN = "within-run only", -- kind of an interval that one run or two give
}

local UNEXPLAINED = 0.05 -- a product further from the measured ratio is pointed out
local BOOTSTRAP_SEED = 20240511
local MIN_REPEATS = intervals.MIN_REPEATS

---@class specbench.verdict.figure
---@field ratio number
---@field low number?
---@field high number?
---@field kind "starts"|"within one start"|"within-run only"|nil what the interval stands on and speaks of
---@field population { low: number, high: number }? of `paired`, where every repeat sent the same prompts: for any such
---  prompts, where low and high speak of these
---@field plain { low: number, high: number }? Student's t of this cell alone, where the interval borrows from the grid

---@class specbench.verdict.entry
---@field cell table the first repeat's
---@field cells table[] every repeat's
---@field coordinates table
---@field repeats integer
---@field starts integer? of the servers that they were spread over
---@field speedups table<string, specbench.verdict.figure>
---@field verdict "faster"|"slower"|"tie"|"undecided"|nil
---@field scope "starts"|"within one start"|nil what the verdict speaks of
---@field p number?
---@field adjusted_p number?
---@field plain { verdict: string, p: number, adjusted_p: number }? the same by each cell's own t
---@field problem string? why a repeat has no `paired`
---@field reason string? why there is no speed-up, or no verdict
---@field prompts { scope: "these only", count: integer, variance: number }? where every repeat sent the same ones
---@field halves table<string, { odd: number, even: number, of: "starts"|"repeats" }> the figures' ratios by odd and
---  even starts, or repeats where all share one; absent where there is but one
---@field lossless specbench.lossless?
---@field lengths specbench.lengths?
---@field decomposition table?
---@field drift specbench.drift? of its baseline
---@field goodput specbench.goodput? where objectives were set
---@field energy specbench.token_energy? where the GPUs' was counted
---@field gpu_time { value: number, baseline: number }? GPU seconds an output token
---@field own table<string, specbench.own_metric>? metrics of the round's own
---@field acceptance { rate: number?, counters: table?, timelines: table? }?

local function logs_of(repeats, name)
  local logs = {}
  for _, one in ipairs(repeats) do
    local ratio = one.ratios[name]
    if ratio and ratio > 0 then logs[#logs + 1] = math.log(ratio) end
  end
  return logs
end

-- One repeat's ratio as it is, to the last digit.
local function ratio_of(repeats, name, mean)
  return #repeats == 1 and repeats[1].ratios[name] or math.exp(mean)
end

-- Ratios with what one run or two can tell of them; the grid's intervals come later.
local function fill_speedups(entry, repeats)
  local runs = {}
  for _, one in ipairs(repeats) do runs[#runs + 1] = one.runs end
  local within = #repeats < MIN_REPEATS and #runs == #repeats and stats.within_run(runs, BOOTSTRAP_SEED) or nil
  for _, name in ipairs(verdict.names) do
    local logs = logs_of(repeats, name)
    if #logs == #repeats then
      local figure, bounds = { ratio = ratio_of(repeats, name, math.log(factors.mean(logs))) }, within and within[name]
      if bounds and bounds.low then
        -- the bootstrap's figure is not the cell's to the last digit: its reach is put around the cell's
        figure.low = figure.ratio * math.exp(bounds.low - bounds.value)
        figure.high = figure.ratio * math.exp(bounds.high - bounds.value)
        figure.kind = verdict.WITHIN_RUN
      end
      entry.speedups[name] = figure
      entry.logs[name] = logs
    end
  end
end

---What intervals and verdicts speak of where that is so.
verdict.THESE_ONLY = "every repeat sent the same prompts: intervals and verdicts speak of these only"

-- The prompts, where every repeat sent the same ones: then nothing that repeats show tells how other prompts would do.
-- Prompts that are made up have the numbers of their places, whatever their texts.
local function same_prompts(repeats)
  if #repeats < MIN_REPEATS then return nil end
  local runs, same_texts, are_made_up = {}, true, false
  for i, one in ipairs(repeats) do
    if not one.runs then return nil end
    runs[i] = one.runs
    same_texts = same_texts and one.cell.identity.workload.prompts == repeats[1].cell.identity.workload.prompts
    are_made_up = are_made_up or (one.cell.dataset or {}).kind == "synthetic"
  end
  local spread = (same_texts or not are_made_up) and stats.between_prompts(runs) or nil
  return spread and spread.variance and { scope = "these only", count = spread.prompts, variance = spread.variance }
end

-- What any prompts like these would give: the interval with the draw of prompts in it. A rule's interval is wider than
-- its standard error at 95 %, so there the two reaches are joined, not the two errors.
local function population_of(prompts, interval, rule)
  local variance, dof = prompts.variance / prompts.count, prompts.count - 1
  local wider = stats.widen(interval, variance, dof)
  if rule then
    local alone = stats.widen({ count = 1, mean = 0, sd = 0, dof = 1 }, variance, dof).high
    local reach = math.sqrt(((interval.high - interval.low) / 2) ^ 2 + alone ^ 2)
    wider = { low = interval.mean - reach, high = interval.mean + reach }
  end
  return { low = math.exp(wider.low), high = math.exp(wider.high) }
end

local function set_interval(entry, name, cell, interval, plain, rule)
  local figure = entry.speedups[name]
  if name == "paired" then entry.interval, entry.plain_interval = interval, plain end
  if not interval.low then return end
  entry.starts = cell.ground.starts
  figure.ratio, figure.kind = ratio_of(entry.all, name, interval.mean), cell.kind
  figure.low, figure.high = math.exp(interval.low), math.exp(interval.high)
  if name == "paired" and entry.prompts then figure.population = population_of(entry.prompts, interval, rule) end
  if plain then figure.plain = { low = math.exp(plain.low), high = math.exp(plain.high) } end
end

-- Fixed repeats: what the grid says together. Repeats that a rule stopped: the rule's own interval of each.
local function fill_intervals(entries, rule)
  local found, spread = {}, nil
  for _, name in ipairs(verdict.names) do
    local cells, owners = {}, {}
    for _, entry in ipairs(entries) do
      if entry.logs and entry.logs[name] then
        cells[#cells + 1] = { ground = entry.ground, logs = entry.logs[name] }
        owners[#cells] = entry
      end
    end
    local moderation, starts = intervals.fill(cells)
    if name == "paired" then found, spread = moderation, starts end
    for i, cell in ipairs(cells) do
      if rule then
        set_interval(owners[i], name, cell, stats.judge(rule, cell.logs).interval, nil, rule)
      else
        set_interval(owners[i], name, cell, cell.interval, cell.plain)
      end
    end
  end
  return found, spread
end

-- The odd starts' and the even ones' mean of a figure, by which maxima are held out; those of repeats where all share
-- one start.
local function halves_of(ground, name)
  local halves = { {}, {} }
  for number, block in ipairs(ground.blocks) do
    for _, i in ipairs(block.repeats) do
      local ratio = ground.repeats[i].ratios[name]
      if ratio then table.insert(halves[2 - number % 2], math.log(ratio)) end
    end
  end
  if #halves[1] == 0 or #halves[2] == 0 then return nil end
  return { odd = factors.mean(halves[1]), even = factors.mean(halves[2]),
    of = ground.starts > 1 and "starts" or "repeats" }
end

-- What a stopping rule had to leave open.
local function capped(entry, rule)
  if not rule or entry.repeats < rule.cap then return nil end
  local interval = entry.interval
  if rule.width and interval.low and (interval.high - interval.low) / 2 > rule.width then
    return ("the cap of %d repeats came before ci=%g%%"):format(rule.cap, 100 * rule.width)
  end
  return entry.verdict == "undecided" and ("undecided at the cap of %d repeats"):format(rule.cap) or nil
end

---Whether a place would have a verdict, were it judged alone.
---@param entry specbench.verdict.entry
---@return boolean
function verdict.is_one_of_many(entry)
  return entry.verdict == "undecided" and entry.p ~= nil and entry.p <= verdict.FALSE_DISCOVERY_RATE
end

local function reason_of(entry, rule)
  if not entry.speedups.paired then return entry.problem end
  if entry.repeats < MIN_REPEATS then
    return ("%d repeat%s: no verdict below %d (--repeats)"):format(entry.repeats, entry.repeats == 1 and "" or "s",
      MIN_REPEATS)
  end
  local objection = lengths.objection(entry)
  if objection then return objection end
  if not entry.verdict then return "the stopping rule's first look is not due yet" end
  if verdict.is_one_of_many(entry) then
    return "not significant among so many cells"
  end
  local cap = capped(entry, rule)
  if cap then return cap end
  local why = entry.decomposition
  if why and math.abs(math.log(why.unexplained)) > UNEXPLAINED then
    return ("%+.0f %% unexplained by its factors"):format(100 * (why.unexplained - 1))
  end
end

local function measure_entry(group, store, baselines)
  local entry = {
    cell = group.cells[1], cells = group.cells, coordinates = group.cells[1].coordinates, repeats = #group.repeats,
    speedups = {}, logs = {}, all = group.repeats,
  }
  if #group.repeats == 0 then
    entry.reason = group.reason
    return entry
  end
  fill_speedups(entry, group.repeats)
  entry.prompts = same_prompts(group.repeats)
  entry.lengths = lengths.of(group.repeats)
  entry.ground, entry.halves = intervals.ground(group.repeats), {}
  for _, name in ipairs(verdict.names) do entry.halves[name] = halves_of(entry.ground, name) end
  entry.decomposition = factors.of(group.repeats)
  entry.lossless = lossless.of(group.repeats, store, baselines)
  entry.acceptance = acceptance.of(group.cells)
  entry.goodput = goodput.of(group.repeats)
  entry.energy, entry.gpu_time = energy.of(group.repeats), energy.gpu_time(group.repeats)
  entry.own = own_metrics.of(group.repeats)
  return entry
end

-- Verdicts by the intervals in `field`, adjusted over the whole grid.
local function judge_grid(entries, field)
  local p, results = {}, {}
  for i, entry in ipairs(entries) do
    p[i] = entry[field] and not lengths.objection(entry) and entry[field].p or false
  end
  for i, adjusted in ipairs(stats.adjust(p)) do
    local interval = entries[i][field]
    if interval and interval.low and not lengths.objection(entries[i]) then
      results[i] = { p = p[i] or nil, adjusted_p = adjusted or nil,
        verdict = stats.verdict(interval, adjusted or nil, verdict.TIE, verdict.FALSE_DISCOVERY_RATE) }
    end
  end
  return results
end

-- Numbers of the groups, those with one baseline after each other, so that its records are read once.
local function by_baseline(groups)
  local numbers = {}
  for i in ipairs(groups) do numbers[i] = i end
  table.sort(numbers, function(a, b)
    local one, other = groups[a].cells[1].baseline, groups[b].cells[1].baseline
    if one ~= other then return one < other end
    return a < b
  end)
  return numbers
end

---Judges every cell that has a baseline, over the whole grid together.
---@param store specbench.store
---@param cells table[] in the order wanted
---@param index specbench.speedup.index
---@param options { rule: sb.Stopping? }? rule: what stopped the repeats; nil: their number was fixed
---@return specbench.verdict.entry[]
---@return { moderation: table<string, sb.Moderation>, spread: specbench.intervals.spread? } found of `paired`: what
---  moderated the cells whose intervals are of a kind; how far starts differ
function verdict.judge(store, cells, index, options)
  local rule = options and options.rule
  local entries, baselines, groups = {}, lossless.baselines(cells), repeated.groups(cells)
  for _, i in ipairs(by_baseline(groups)) do
    local group = groups[i]
    repeated.pair(group, index, store)
    entries[i] = measure_entry(group, store, baselines)
    for _, one in ipairs(group.repeats) do entries[i].problem = entries[i].problem or one.problem end
    repeated.release(group)
  end
  local moderation, spread = fill_intervals(entries, rule)
  local plain = judge_grid(entries, "plain_interval")
  for i, judged in pairs(judge_grid(entries, "interval")) do
    local entry = entries[i]
    entry.verdict, entry.p, entry.adjusted_p = judged.verdict, judged.p, judged.adjusted_p
    entry.scope, entry.plain = entry.speedups.paired.kind, plain[i]
  end
  for _, entry in ipairs(entries) do
    if entry.repeats > 0 then entry.reason = reason_of(entry, rule) end
  end
  return entries, { moderation = rule and {} or moderation, spread = spread }
end

-- Two decimals, unless they would hide on which side of 1 it lies.
local function bound(value)
  local text = ("%.2f"):format(value)
  return text == "1.00" and ("%.3f"):format(value) or text
end

---"[1.33, 1.41]"
---@param bounds { low: number, high: number }
---@return string
function verdict.reach(bounds)
  return ("[%s, %s]"):format(bound(bounds.low), bound(bounds.high))
end

---"1.37 [1.33, 1.41]"; a within-run interval stands in round brackets.
---@param figure specbench.verdict.figure?
---@return string
function verdict.text(figure)
  if not figure then return "-" end
  if not figure.low then return ("%.2f"):format(figure.ratio) end
  local reach = verdict.reach(figure)
  if not figure.kind or figure.kind == verdict.WITHIN_RUN then reach = reach:gsub("%[", "("):gsub("%]", ")") end
  return ("%.2f %s"):format(figure.ratio, reach)
end

return verdict
