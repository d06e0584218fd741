-- What the repeats of each cell and of its baseline say together: four speed-ups with intervals, a verdict on
-- `paired`, why it is so, and whether the answers were the same.

local acceptance = require "specbench.analysis.acceptance"
local divergence = require "specbench.analysis.divergence"
local engines = require "specbench.engine"
local goodput = require "specbench.analysis.goodput"
local repeated = require "specbench.analysis.repeats"
local stats = require "sb.stats"

local verdict = {
  names = { "total_throughput", "output_throughput", "decode", "paired" },
  TIE = 0.02, -- half width of the band of ratios that count as equal
  FALSE_DISCOVERY_RATE = 0.05,
}

local UNEXPLAINED = 0.05 -- a product further from the measured ratio is pointed out
local BOOTSTRAP_SEED = 20240511
local MIN_REPEATS = 3

---@class specbench.verdict.figure
---@field ratio number
---@field low number?
---@field high number?
---@field kind "repeats"|"within-run only"|nil what the interval stands on

---@class specbench.verdict.entry
---@field cell table the first repeat's
---@field coordinates table
---@field repeats integer
---@field speedups table<string, specbench.verdict.figure>
---@field verdict "faster"|"slower"|"tie"|"undecided"|nil
---@field p number?
---@field adjusted_p number?
---@field problem string? why a repeat has no `paired`
---@field reason string? why there is no speed-up, or no verdict
---@field halves { odd: number, even: number }? total_throughput's ratio by odd and even repeats
---@field lossless { compared: integer, identical: integer, first: integer?, median: integer? }?
---@field decomposition table?
---@field drift specbench.drift? of its baseline
---@field goodput specbench.goodput? where objectives were set
---@field acceptance { rate: number?, counters: table?, timelines: table? }?

local function means_of(logs)
  local sum = 0
  for _, value in ipairs(logs) do sum = sum + value end
  return math.exp(sum / #logs)
end

-- Of all steps, where the server says what it accepted request by request; else by the engine's counters, which
-- leave out steps without a draft. One without speculation.
local function tokens_per_step(cell)
  if (cell.identity.server.method or "none") == "none" then return 1 end
  return cell.metrics.tokens_per_step or cell.acceptance and cell.acceptance.mean_length
end

-- Several steps on one plan come in one chunk. Cells of earlier versions do not say what their engine does.
local function chunk_is_step(cell)
  local told = cell.engine.chunk_is_step
  if told == nil then told = engines.load(cell.engine.name).capabilities.chunk_is_step end
  return told and (cell.identity.server.multi_step or 1) == 1
end

-- The three factors, each the geometric mean over repeats.
local function decompose(repeats)
  local logs = { tokens = {}, step = {}, rest = {}, product = {}, measured = {} }
  for _, one in ipairs(repeats) do
    local tokens, base_tokens = tokens_per_step(one.cell), tokens_per_step(one.base)
    local measured = one.ratios.output_throughput
    if not (tokens and base_tokens and measured and one.runs) then return nil end
    local before = stats.decode_side(one.runs[1], base_tokens, chunk_is_step(one.base))
    local after = stats.decode_side(one.runs[2], tokens, chunk_is_step(one.cell))
    if not before or not after then return nil end
    local factors = stats.decompose(before, after, measured)
    for name, list in pairs(logs) do list[#list + 1] = math.log(factors[name]) end
  end
  local result = {}
  for name, list in pairs(logs) do result[name] = means_of(list) end
  result.unexplained = result.measured / result.product
  return result
end

-- The share of identical answers; where they differ, after how many characters.
local function audit(repeats, store)
  local compared, identical, positions = 0, 0, {}
  for _, one in ipairs(repeats) do
    if not one.pairs or one.cell.identity.workload.temperature ~= 0 then return nil end
    compared, identical = compared + one.pairs.count, identical + one.pairs.identical
    if one.pairs.identical < one.pairs.count then
      local found = divergence.between(store:output_path(one.base.id), store:output_path(one.cell.id))
      table.move(found or {}, 1, #(found or {}), #positions + 1, positions)
    end
  end
  table.sort(positions)
  return { compared = compared, identical = identical, first = positions[1],
    median = positions[(#positions + 1) // 2] }
end

local function logs_of(repeats, name)
  local logs = {}
  for _, one in ipairs(repeats) do
    local ratio = one.ratios[name]
    if ratio and ratio > 0 then logs[#logs + 1] = math.log(ratio) end
  end
  return logs
end

-- Fixed repeats: Student's t. Repeats that a rule stopped: the rule's own interval.
local function interval_of(logs, rule)
  return rule and stats.judge(rule, logs).interval or stats.interval(logs)
end

local function fill_speedups(entry, repeats, rule)
  local runs = {}
  for _, one in ipairs(repeats) do runs[#runs + 1] = one.runs end
  local within = #repeats < MIN_REPEATS and #runs == #repeats and stats.within_run(runs, BOOTSTRAP_SEED) or nil
  for _, name in ipairs(verdict.names) do
    local logs = logs_of(repeats, name)
    if #logs == #repeats then
      local interval = interval_of(logs, rule)
      -- one repeat's ratio as it is, to the last digit
      local figure = { ratio = #repeats == 1 and repeats[1].ratios[name] or means_of(logs) }
      local bounds = within and within[name]
      if interval.low then
        figure.low, figure.high, figure.kind = math.exp(interval.low), math.exp(interval.high), "repeats"
      elseif bounds and bounds.low then
        -- the bootstrap's figure is not the cell's to the last digit: its reach is put around the cell's
        figure.low = figure.ratio * math.exp(bounds.low - bounds.value)
        figure.high = figure.ratio * math.exp(bounds.high - bounds.value)
        figure.kind = "within-run only"
      end
      entry.speedups[name] = figure
      if name == "paired" then entry.interval, entry.p = interval, interval.p end
    end
  end
end

-- The odd repeats' and the even ones' mean of the figure that maxima are chosen by.
local function halves_of(repeats)
  local halves = { {}, {} }
  for i, one in ipairs(repeats) do
    local ratio = one.ratios.total_throughput
    if ratio then table.insert(halves[2 - i % 2], math.log(ratio)) end
  end
  if #halves[2] == 0 then return nil end
  return { odd = means_of(halves[1]), even = means_of(halves[2]) }
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

local function reason_of(entry, rule)
  if not entry.speedups.paired then return entry.problem end
  if entry.repeats < MIN_REPEATS then
    return ("%d repeat%s: no verdict below %d (--repeats)"):format(entry.repeats, entry.repeats == 1 and "" or "s",
      MIN_REPEATS)
  end
  if not entry.verdict then return "the stopping rule's first look is not due yet" end
  if entry.verdict == "undecided" and entry.p and entry.p <= verdict.FALSE_DISCOVERY_RATE then
    return "not significant among so many cells"
  end
  local cap = capped(entry, rule)
  if cap then return cap end
  local why = entry.decomposition
  if why and math.abs(math.log(why.unexplained)) > UNEXPLAINED then
    return ("%+.0f %% unexplained by its factors"):format(100 * (why.unexplained - 1))
  end
end

local function judge_entry(group, store, rule)
  local entry = {
    cell = group.cells[1], coordinates = group.cells[1].coordinates, repeats = #group.repeats, speedups = {},
  }
  if #group.repeats == 0 then
    entry.reason = group.reason
    return entry
  end
  fill_speedups(entry, group.repeats, rule)
  entry.halves = halves_of(group.repeats)
  entry.decomposition = decompose(group.repeats)
  entry.lossless = audit(group.repeats, store)
  entry.acceptance = acceptance.of(group.cells)
  entry.goodput = goodput.of(group.repeats)
  return entry
end

---Judges every cell that has a baseline, over the whole grid together.
---@param store specbench.store
---@param cells table[] in the order wanted
---@param index specbench.speedup.index
---@param options { rule: sb.Stopping? }? rule: what stopped the repeats; nil: their number was fixed
---@return specbench.verdict.entry[]
function verdict.judge(store, cells, index, options)
  local rule = options and options.rule
  local entries, p = {}, {}
  for i, group in ipairs(repeated.groups(cells)) do
    repeated.pair(group, index, store)
    entries[i] = judge_entry(group, store, rule)
    for _, one in ipairs(group.repeats) do entries[i].problem = entries[i].problem or one.problem end
    p[i] = entries[i].p or false
    repeated.release(group)
  end
  for i, adjusted in ipairs(stats.adjust(p)) do
    local entry = entries[i]
    if entry.interval and entry.interval.low then
      entry.adjusted_p = adjusted or nil
      entry.verdict = stats.verdict(entry.interval, entry.adjusted_p, verdict.TIE, verdict.FALSE_DISCOVERY_RATE)
    end
    if entry.repeats > 0 then entry.reason = reason_of(entry, rule) end
  end
  return entries
end

-- Two decimals, unless they would hide on which side of 1 it lies.
local function bound(value)
  local text = ("%.2f"):format(value)
  return text == "1.00" and ("%.3f"):format(value) or text
end

---"1.37 [1.33, 1.41]"; a within-run interval stands in round brackets.
---@param figure specbench.verdict.figure?
---@return string
function verdict.text(figure)
  if not figure then return "-" end
  if not figure.low then return ("%.2f"):format(figure.ratio) end
  local form = figure.kind == "repeats" and "%.2f [%s, %s]" or "%.2f (%s, %s)"
  return form:format(figure.ratio, bound(figure.low), bound(figure.high))
end

return verdict
