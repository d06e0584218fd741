-- The speed-ups of a grid as a reader sees them: a table for the terminal, JSON lines for programs.

local json = require "specbench.json"
local text_table = require "specbench.report.text_table"
local verdict = require "specbench.analysis.verdict"

local speedup_table = {}

local SHOWN = 120 -- rows; a longer table is summed up, and whole in the file

-- Axes on which the entries differ, in the round's order.
local function varying(entries, about)
  local names = {}
  for _, axis in ipairs(about.axes) do
    local seen, different = nil, false
    for _, entry in ipairs(entries) do
      local value = tostring(entry.coordinates[axis.name])
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

local function same_answers(entry)
  local audit = entry.lossless
  if not audit or audit.compared == 0 then return "" end
  return ("%.0f %%"):format(math.floor(100 * audit.identical / audit.compared))
end

local function row_of(entry, axes)
  local row = {}
  for i, name in ipairs(axes) do row[i] = tostring(entry.coordinates[name]) end
  for _, cell in ipairs {
    verdict.text(entry.speedups.paired), verdict.text(entry.speedups.total_throughput), factors(entry),
    same_answers(entry), entry.verdict or "-", entry.reason or "",
  } do row[#row + 1] = cell end
  return row
end

local function counts(entries)
  local by_verdict, words = {}, {}
  for _, entry in ipairs(entries) do
    local name = entry.verdict or "no verdict"
    by_verdict[name] = (by_verdict[name] or 0) + 1
  end
  for _, name in ipairs { "faster", "slower", "tie", "undecided", "no verdict" } do
    if by_verdict[name] then words[#words + 1] = ("%d %s"):format(by_verdict[name], name) end
  end
  return table.concat(words, ", ")
end

local function legend(entries, rule)
  local lines, seen = {}, {}
  for _, entry in ipairs(entries) do
    local figure = entry.speedups.paired or entry.speedups.total_throughput
    if figure and figure.kind then seen[figure.kind] = true end
    seen.factors = seen.factors or entry.decomposition
  end
  if seen.repeats then
    local form = "[ ]: 95 %% interval over repeats%s; verdicts on `paired`, tie within %g %%, "
      .. "false discovery rate %g %%"
    lines[#lines + 1] = form:format(rule and ", wider for what --until looked at" or "",
      100 * verdict.TIE, 100 * verdict.FALSE_DISCOVERY_RATE)
  end
  if seen["within-run only"] then
    lines[#lines + 1] = "( ): 95 % interval within-run only (too narrow: prompts of one run share its drift)"
  end
  if seen.factors then
    lines[#lines + 1] = "factors of the output throughput's ratio: tokens a step x step time x time outside decoding"
  end
  return table.concat(lines, "\n") .. "\n"
end

---@param entries specbench.verdict.entry[]
---@param about table the store's round.json
---@param rule sb.Stopping? what ended the repeats
---@return string
function speedup_table.text(entries, about, rule)
  local head = ("Speed-ups against the baseline: %s\n"):format(counts(entries))
  if #entries > SHOWN then
    return head .. ("(%d rows: see speedups.jsonl)\n"):format(#entries)
  end
  local axes = varying(entries, about)
  local columns, rows = {}, {}
  for i, name in ipairs(axes) do columns[i] = { title = name } end
  for _, title in ipairs { "paired", "total throughput", "factors", "same answers", "verdict", "" } do
    columns[#columns + 1] = { title = title }
  end
  for i, entry in ipairs(entries) do rows[i] = row_of(entry, axes) end
  return head .. text_table.render { columns = columns, rows = rows } .. legend(entries, rule)
end

local keys = {
  "round", "coordinates", "repeats", "verdict", "reason", "p", "adjusted_p", "speedups", "factors", "lossless",
  "drift", "acceptance",
}

---@param entries specbench.verdict.entry[]
---@param about table
---@return string JSON lines, one a cell that has a baseline
function speedup_table.lines(entries, about)
  local lines = {}
  for i, entry in ipairs(entries) do
    lines[i] = json.encode({
      round = about.round, coordinates = entry.coordinates, repeats = entry.repeats, verdict = entry.verdict,
      reason = entry.reason, p = entry.p, adjusted_p = entry.adjusted_p, speedups = entry.speedups,
      factors = entry.decomposition, lossless = entry.lossless, drift = entry.drift,
      acceptance = entry.acceptance,
    }, keys)
  end
  return table.concat(lines, "\n") .. "\n"
end

return speedup_table
