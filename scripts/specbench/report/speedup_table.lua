-- The speed-ups of a grid as a reader sees them: a table for the terminal, JSON lines for programs.

local caveats = require "specbench.analysis.caveats"
local energy = require "specbench.analysis.energy"
local goodput = require "specbench.analysis.goodput"
local intervals = require "specbench.analysis.intervals"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local measured = require "specbench.answer.measured"
local own_metrics = require "specbench.analysis.own_metrics"
local text_table = require "specbench.base.text_table"
local verdict = require "specbench.analysis.verdict"
local words = require "specbench.answer.words"

local speedup_table = {}

local SHOWN = 120 -- rows; a longer table is summed up, and whole in the file

---Axes on which the entries differ, in the round's order.
---@param entries specbench.verdict.entry[]
---@param about table the store's round.json
---@return string[]
function speedup_table.varying(entries, about)
  local names = {}
  for _, axis in ipairs(about.axes) do
    local seen, different = nil, false
    for _, entry in ipairs(entries) do
      local value = keys.spelled(entry.coordinates[axis.name])
      different = different or seen ~= nil and seen ~= value
      seen = value
    end
    if different then names[#names + 1] = axis.name end
  end
  return names
end

local function factors(entry)
  local why = entry.decomposition
  if not why then return "" end
  return ("%.2f x %.2f x %.2f"):format(why.tokens, why.step, why.rest)
end

-- "20 % @37": so many are identical; half of the others have parted after 37 characters.
local function share(of)
  local text = ("%.0f %%"):format(math.floor(100 * of.identical / of.compared))
  return of.median and ("%s @%d"):format(text, of.median) or text
end

local function same_answers(entry)
  local audit = entry.lossless
  if not audit or audit.compared == 0 then return "" end
  return audit.plain and ("%s (plain %s)"):format(share(audit), share(audit.plain)) or share(audit)
end

-- What all verdicts speak of, where that is one thing.
local function common_scope(entries)
  local scope
  for _, entry in ipairs(entries) do
    if entry.scope and scope and entry.scope ~= scope then return nil end
    scope = scope or entry.scope
  end
  return scope
end

local function verdict_of(entry, extras)
  if not entry.verdict then return "-" end
  if entry.scope == intervals.WITHIN and extras.scope ~= entry.scope then
    return ("%s, %s"):format(entry.verdict, entry.scope)
  end
  return entry.verdict
end

-- What a table has beside the axes: columns that would be empty are left out.
local function extras_of(entries, price)
  local extras = { price = price, scope = common_scope(entries), own = own_metrics.names(entries) }
  for _, entry in ipairs(entries) do
    extras.goodput = extras.goodput or entry.goodput ~= nil
    extras.energy = extras.energy or entry.energy ~= nil
    extras.population = extras.population or (entry.speedups.paired or {}).population ~= nil
    extras.engine = extras.engine or entry.cell.engine.name ~= entries[1].cell.engine.name
  end
  return extras
end

local function row_of(entry, axes, extras)
  local row = {}
  for i, name in ipairs(axes) do row[i] = keys.spelled(entry.coordinates[name]) end
  if extras.engine then row[#row + 1] = caveats.engine(entry.cell) end
  local paired = entry.speedups.paired
  row[#row + 1] = verdict.text(paired)
  if extras.population then row[#row + 1] = paired and paired.population and verdict.reach(paired.population) or "" end
  row[#row + 1] = verdict.text(entry.speedups.total_throughput)
  if extras.goodput then row[#row + 1] = goodput.text(entry.goodput) end
  if extras.energy then row[#row + 1] = energy.text(entry.energy) end
  if extras.price then row[#row + 1] = energy.price_text(entry.gpu_time, extras.price) end
  for _, name in ipairs(extras.own) do row[#row + 1] = own_metrics.text(entry.own and entry.own[name]) end
  local judged = caveats.marked(entry.cell, verdict_of(entry, extras))
  for _, cell in ipairs { factors(entry), same_answers(entry), judged, entry.reason or "" } do
    row[#row + 1] = cell
  end
  return row
end

local function counts(entries)
  local by_verdict, ramp_up_of = measured.counts(entries, "paired")
  local list = words.verdicts(by_verdict, ramp_up_of)
  if by_verdict.none then list[#list + 1] = ("%d no verdict"):format(by_verdict.none) end
  return table.concat(list, ", ")
end

local function percent(value)
  return ("%.1f %%"):format(100 * (math.exp(value) - 1))
end

-- How far starts differ, and what of it moves a server's cells all together.
local function spread_line(spread)
  if not spread then return nil end
  local parts = { ("Spread of the ratio (standard deviation, pooled over %d cells): between starts %s"):format(
    spread.cells, percent(spread.between)) }
  if spread.within then parts[#parts + 1] = ("between repeats of one start %s"):format(percent(spread.within)) end
  if spread.shared then
    parts[#parts + 1] = spread.shared == 0 and "no more of it common to a server's cells than chance shows"
      or ("common to all cells of a server %s"):format(percent(spread.shared))
  end
  return table.concat(parts, ", ")
end

local function moderation_line(moderation)
  for _, kind in ipairs { intervals.STARTS, intervals.WITHIN } do
    local found = moderation[kind]
    if found and found.cells > 0 then
      return ("their variances borrow from each other (moderated t over %d cells); each cell's plain t stands in "
        .. "speedups.jsonl"):format(found.cells)
    end
  end
end

-- What stands in the entries that a reader may not know.
local function seen_in(entries)
  local seen = {}
  for _, entry in ipairs(entries) do
    local figure = entry.speedups.paired or entry.speedups.total_throughput
    if figure and figure.kind then seen[figure.kind] = true end
    seen.factors = seen.factors or entry.decomposition
    seen.verdict = seen.verdict or entry.verdict
    local audit = entry.lossless
    seen.parted = seen.parted or audit and audit.identical < audit.compared
    seen.plain = seen.plain or audit and audit.plain_of
  end
  return seen
end

-- What intervals and verdicts stand on, and what they speak of: also where no row is shown.
local function basis(seen, extras, options)
  local lines = {}
  if seen[intervals.STARTS] or seen[intervals.WITHIN] then
    local form = "[ ]: 95 %% interval over %s%s; verdicts on `paired`, tie within %g %%, false discovery rate %g %%"
    lines[#lines + 1] = form:format(seen[intervals.STARTS] and "starts of the servers" or "repeats",
      options.rule and ", wider for what --until looked at" or "", 100 * verdict.TIE,
      100 * verdict.FALSE_DISCOVERY_RATE)
    lines[#lines + 1] = moderation_line(options.moderation or {})
  end
  if seen[intervals.WITHIN] then
    lines[#lines + 1] = "within one start: all repeats shared one start of their servers, so neither interval nor "
      .. "verdict knows what another start would change (--starts)"
  end
  if extras.population then
    lines[#lines + 1] = verdict.THESE_ONLY .. "; `any such "
      .. "prompts` is `paired`'s interval with the differences between prompts in it"
  end
  lines[#lines + 1] = spread_line(options.spread)
  return lines
end

local function legend(entries, extras, options)
  local seen = seen_in(entries)
  local lines = basis(seen, extras, options)
  if seen[verdict.WITHIN_RUN] then
    lines[#lines + 1] = "( ): 95 % interval within-run only (too narrow: prompts of one run share its drift)"
  end
  if seen.verdict and options.mapped == "total_throughput" then
    lines[#lines + 1] = "maps show total throughput, which ramp-up and drain enter; the verdict rests on `paired`, so "
      .. "the two may differ"
  end
  if extras.goodput then
    lines[#lines + 1] = "goodput: ratio (requests a second within --slo, plain -> method)"
  end
  if extras.energy then
    lines[#lines + 1] = "J/token: ratio of the energy of an output token; above 1 the method burns more (plain -> "
      .. "method)"
  end
  if extras.price then
    lines[#lines + 1] = ("money / M tokens: a million output tokens at %g a GPU hour, of the method (of the baseline)")
      :format(extras.price)
  end
  if seen.parted then
    lines[#lines + 1] = "same answers: share that is the baseline's to the letter; @: characters after which half of "
      .. "the others have parted" .. (seen.plain and "; plain: the baseline against its own " .. seen.plain
      .. ", and only what exceeds that is the method's" or "")
  end
  if #extras.own > 0 then
    lines[#lines + 1] = ("%s: the round's own, of the method (of the baseline)"):format(table.concat(extras.own, ", "))
  end
  if seen.factors then
    lines[#lines + 1] = "factors of the output throughput's ratio: tokens a step x step time x time outside decoding"
  end
  return table.concat(lines, "\n") .. "\n"
end

---@param entries specbench.verdict.entry[]
---@param about table the store's round.json
---@param options { rule: sb.Stopping?, mapped: string?, moderation: table<string, sb.Moderation>?,
---  spread: specbench.intervals.spread?, price: number? }? rule: what ended the repeats; mapped: the speed-up that maps
---  above it show; price: of a GPU hour; the rest as verdict.judge returns it
---@return string
function speedup_table.text(entries, about, options)
  options = options or {}
  local cells = {}
  for i, entry in ipairs(entries) do cells[i] = entry.cell end
  local head = ("Speed-ups against the baseline%s: %s\n"):format(caveats.simulated(cells), counts(entries))
  local axes, extras = speedup_table.varying(entries, about), extras_of(entries, options.price)
  if #entries > SHOWN then
    local lines = basis(seen_in(entries), extras, options)
    table.insert(lines, 1, ("(%d rows: see speedups.jsonl)"):format(#entries))
    return head .. table.concat(lines, "\n") .. "\n"
  end
  local columns, rows = {}, {}
  for i, name in ipairs(axes) do columns[i] = { title = name } end
  local function add(title) columns[#columns + 1] = { title = title } end
  if extras.engine then add "engine" end
  add "paired"
  if extras.population then add "any such prompts" end
  add "total throughput"
  if extras.goodput then add "goodput" end
  if extras.energy then add "J/token" end
  if extras.price then add "money / M tokens" end
  for _, name in ipairs(extras.own) do add(name) end
  local title = extras.scope == intervals.WITHIN and "verdict " .. extras.scope or "verdict"
  for _, name in ipairs { "factors", "same answers", title, "" } do add(name) end
  for i, entry in ipairs(entries) do rows[i] = row_of(entry, axes, extras) end
  return head .. text_table.render { columns = columns, rows = rows } .. legend(entries, extras, options)
end

local line_keys = {
  "round", "coordinates", "repeats", "starts", "verdict", "scope", "reason", "p", "adjusted_p", "plain", "prompts",
  "speedups", "factors", "lossless", "lengths", "drift", "acceptance", "goodput",
  "energy", "lossy", "own",
}

---@param entries specbench.verdict.entry[]
---@param about table
---@return string JSON lines, one a cell that has a baseline
function speedup_table.lines(entries, about)
  local lines = {}
  for i, entry in ipairs(entries) do
    lines[i] = json.encode({
      round = about.round, coordinates = entry.coordinates, repeats = entry.repeats, starts = entry.starts,
      verdict = entry.verdict, scope = entry.scope, reason = entry.reason, p = entry.p,
      adjusted_p = entry.adjusted_p, plain = entry.plain, prompts = entry.prompts,
      speedups = entry.speedups,
      factors = entry.decomposition, lossless = entry.lossless, lengths = entry.lengths, drift = entry.drift,
      acceptance = entry.acceptance, goodput = entry.goodput, energy = entry.energy,
      lossy = entry.cell.lossy, own = entry.own,
    }, line_keys)
  end
  return table.concat(lines, "\n") .. "\n"
end

return speedup_table
