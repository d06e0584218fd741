-- An answer's sentences, the same on a screen, on a page and in a text that is pasted somewhere.

local duration = require "specbench.base.duration"
local text_table = require "specbench.base.text_table"
local verdict = require "specbench.analysis.verdict"

local words = {}

local NAMED = 3 -- cells

local FIGURES = {
  paired = "paired speed-up", total_throughput = "ratio of total token throughputs",
  output_throughput = "ratio of output token throughputs", decode = "ratio of decoding speeds",
}

---@param figure string one of specbench.answer's figures
---@return string
function words.figure(figure)
  return FIGURES[figure] or figure
end

local SPEEDUPS = {
  paired = "paired", total_throughput = "total token throughput", output_throughput = "output token throughput",
  decode = "decoding",
}

---The same beside a scale.
---@param figure string one of specbench.answer's figures
---@return string "speed-up (paired)"
function words.speedup(figure)
  return ("speed-up (%s)"):format(SPEEDUPS[figure] or figure)
end

---@param count integer
---@param noun string
---@param many string? "s" behind the noun unless told
---@return string "1 cell", "3 cells"
function words.count(count, noun, many)
  return ("%d %s"):format(count, count == 1 and noun or many or noun .. "s")
end

---@param range { least: number, most: number }?
---@return string "3" or "1-3"
function words.range(range)
  if not range then return "?" end
  if range.least == range.most then return ("%g"):format(range.least) end
  return ("%g-%g"):format(range.least, range.most)
end

local UNITS = { concurrency = "requests at once", rate = "requests a second" }

---@param kind "concurrency"|"rate"
---@param is_one boolean? there is but one request of it
---@return string "requests at once"
function words.unit(kind, is_one)
  return is_one and UNITS[kind]:gsub("^requests", "request") or UNITS[kind]
end

local function at_load(kind, load, with_unit)
  if kind == "concurrency" and load == 1 then return "alone" end
  return ("at %g%s"):format(load, with_unit and " " .. UNITS[kind] or "")
end

---@param setting { ratio: number? }
---@return string "1.31x"
function words.ratio(setting)
  return setting.ratio and ("%.2fx"):format(setting.ratio) or "no ratio"
end

local function with_reach(setting)
  if not setting.low then return words.ratio(setting) end
  return ("%s %s"):format(words.ratio(setting), verdict.reach(setting))
end

-- "1.31x alone, 1.08x at 8", with what lies between them; one load alone with its interval
local function ratios(judgement, last, between)
  local kind, alone = judgement.load, judgement.alone
  if not last or last == alone then return ("%s %s"):format(with_reach(alone), at_load(kind, alone.load, true)) end
  return ("%s %s%s, %s %s"):format(words.ratio(alone), at_load(kind, alone.load), between or "", words.ratio(last),
    at_load(kind, last.load))
end

local function at_loads(kind, loads)
  local list = {}
  for i, load in ipairs(loads) do list[i] = ("%g"):format(load) end
  return ("%s %s"):format(table.concat(list, ", "), UNITS[kind])
end

local function verdict_word(setting)
  if setting.ramp_up then return "mostly ramp-up" end
  return setting.verdict == "none" and "not judged" or setting.verdict
end

---Whose judgement it is.
---@param judgement specbench.answer.judgement
---@return string "qwen2.5-7b draft"
function words.name(judgement)
  local list = { judgement.target, judgement.method }
  if judgement.task then list[#list + 1] = judgement.task end
  if judgement.engine then list[#list + 1] = "(" .. judgement.engine .. ")" end
  return table.concat(list, " ")
end

-- ", break-even at about 24" where the ratio passes 1 between two loads
local function even(judgement)
  local form = judgement.load == "concurrency" and ", break-even at about %.0f" or ", break-even at about %.2g"
  return judgement.crossing and form:format(judgement.crossing) or ""
end

local sentences = {}

function sentences.yes(judgement, last)
  if #judgement.loads == 1 then return "yes: " .. ratios(judgement) end
  return ("yes, up to %s, the highest load measured: %s"):format(at_loads(judgement.load, { judgement.up_to }),
    ratios(judgement, last))
end

sentences["up to"] = function(judgement)
  local beyond, also = judgement.beyond, judgement.also
  local is_alone = judgement.load == "concurrency" and judgement.up_to == 1
  local reach = is_alone and "alone only" or "up to " .. at_loads(judgement.load, { judgement.up_to })
  return ("yes, %s: %s (%s %s: %s%s)"):format(reach, is_alone and with_reach(judgement.at)
    or ratios(judgement, judgement.at), verdict_word(beyond), at_load(judgement.load, beyond.load), with_reach(beyond),
    also and "; faster again at " .. at_loads(judgement.load, also) or "")
end

sentences["in part"] = function(judgement)
  local list = {}
  for _, at in ipairs(judgement.loads) do
    for _, load in ipairs(judgement.also) do
      if load == at.load then
        list[#list + 1] = ("%s %s"):format(words.ratio(at.best), at_load(judgement.load, load))
      end
    end
  end
  return ("only at %s: %s (%s %s: %s)"):format(at_loads(judgement.load, judgement.also), table.concat(list, ", "),
    verdict_word(judgement.alone), at_load(judgement.load, judgement.alone.load), with_reach(judgement.alone))
end

function sentences.no(judgement, last)
  return "no: " .. ratios(judgement, last)
end

function sentences.undecided(judgement, last)
  return "undecided: " .. ratios(judgement, last)
end

sentences["not judged"] = function(judgement, last)
  if not judgement.alone then return ("no speed-up: %s"):format(judgement.reason or "nobody knows why") end
  return "not judged: " .. ratios(judgement, last, even(judgement))
end

---Does it pay, and up to which load. Why nothing is judged stands with the counts of verdicts (words.counts).
---@param judgement specbench.answer.judgement
---@return string "yes, up to 8 requests at once: 1.31x alone, 1.08x at 8 (slower at 16: 0.93x [0.91, 0.95])"
function words.pays(judgement)
  local loads = judgement.loads
  local last = #loads > 1 and loads[#loads].best or nil
  return sentences[judgement.answer](judgement, last) .. (judgement.lossy and " (lossy)" or "")
end

---Which setting is best at which load: only what is faster by its verdict.
---@param judgement specbench.answer.judgement
---@return string? "best: k=5 at 1 to 4, k=3 at 8, none at 16"; nil where there is but one setting
function words.best(judgement)
  local several, runs = false, {}
  for _, at in ipairs(judgement.loads) do
    several = several or #at.settings > 1
    local best = at.best
    local is_faster = best.verdict == "faster" and not best.ramp_up
    local name = is_faster and best.setting or "none"
    if not runs[1] or name ~= runs[#runs].name then runs[#runs + 1] = { name = name, first = at.load } end
    runs[#runs].last = at.load
  end
  if not several or judgement.answer == "not judged" then return nil end
  if #runs == 1 then
    if runs[1].name == "none" then return nil end
    return ("best: %s%s"):format(runs[1].name, #judgement.loads > 1 and " at every load" or "")
  end
  local list = {}
  for i, run in ipairs(runs) do
    list[i] = ("%s %s"):format(run.name, run.first == run.last and at_load(judgement.load, run.first)
      or ("at %g to %g"):format(run.first, run.last))
  end
  return "best: " .. table.concat(list, ", ")
end

local function times(value)
  return ("%.2f times"):format(value)
end

---Why there is no paired speed-up, beside the one that is shown for it.
---@param reason string
---@return string "the requests' records are missing"
function words.lacking(reason)
  return (reason:gsub(": no paired speed%-up$", ""))
end

---Why: tokens a step against the step's time.
---@param judgement specbench.answer.judgement
---@return string? sentence nil where timelines and counters do not tell
function words.why(judgement)
  local first, most = (judgement.why or {}).alone, (judgement.why or {}).most
  if not first then return nil end
  local list = { ("a step brings %s the tokens and takes %s as long %s"):format(times(first.tokens), times(first.step),
    at_load(judgement.load, first.load)) }
  if most then
    list[#list + 1] = ("%s %s the tokens and %s as long"):format(at_load(judgement.load, most.load, true),
      times(most.tokens), times(most.step))
  end
  local text = table.concat(list, "; ")
  return first.rate and ("%s; %.0f %% of drafted tokens accepted"):format(text, 100 * first.rate) or text
end

-- "2026-11-30T00:29:04Z", or the reference's "20261130-002904", whose time zone nobody knows.
local function moment(text)
  local date, time = text:match "^(%d+%-%d+%-%d+)T(%d+:%d+)"
  if date then return ("%s %s UTC"):format(date, time) end
  return (text:gsub("^(%d%d%d%d)(%d%d)(%d%d)%-(%d%d)(%d%d)%d%d$", "%1-%2-%3 %4:%5"))
end

---What was measured.
---@param m specbench.answer.measured
---@return string
function words.measured(m)
  if m.cells == 0 then
    return m.failed > 0 and ("nothing: %s FAILED"):format(words.count(m.failed, "cell")) or "nothing yet"
  end
  local list = { words.count(m.cells, "cell") }
  if m.repeats.most > 1 then
    list[1] = ("%s (%s x %s repeats)"):format(list[1], words.count(m.places, "place"), words.range(m.repeats))
  else
    list[2] = "1 repeat each"
  end
  list[#list + 1] = m.failed == 0 and "none failed" or ("%d FAILED"):format(m.failed)
  if m.again > 0 then list[#list + 1] = ("%d measured again"):format(m.again) end
  if m.seconds then
    list[#list + 1] = ("%s %s"):format(duration.rough(m.seconds), m.virtual > 0 and "simulated" or "of load")
  end
  if m.first then list[#list + 1] = moment(m.first) end
  return table.concat(list, ", ")
end

---Whether a simulator was measured, said large.
---@param m specbench.answer.measured
---@return string? "SIMULATED", "SIMULATED IN VIRTUAL TIME", "3 of 9 cells SIMULATED"
function words.simulated(m)
  if m.simulated == 0 then return nil end
  local kind = m.virtual > 0 and "SIMULATED IN VIRTUAL TIME" or "SIMULATED"
  return m.simulated == m.cells and kind or ("%d of %d cells %s"):format(m.simulated, m.cells, kind)
end

---When it was measured, without the time of day.
---@param m specbench.answer.measured
---@return string? "2026-11-30", "2026-11-29 to 2026-11-30"
function words.days(m)
  if not m.first then return nil end
  local first, last = moment(m.first):match "^%S+", moment(m.last):match "^%S+"
  return first == last and first or ("%s to %s"):format(first, last)
end

---@param engine { name: string, version: string? }
---@return string "vllm 0.26.0"
function words.engine(engine)
  local version = engine.version
  -- a program that names itself in its version
  if version and not version:find(engine.name, 1, true) then version = engine.name .. " " .. version end
  return version or engine.name
end

---With what: engines, machines, prompts.
---@param m specbench.answer.measured
---@return string
function words.with(m)
  local list = {}
  for i, engine in ipairs(m.engines) do list[i] = words.engine(engine) end
  for _, machine in ipairs(m.machines) do list[#list + 1] = machine.name end
  if m.requests then
    list[#list + 1] = ("%s requests a cell%s"):format(words.range(m.requests),
      m.synthetic == 0 and #m.prompts > 0 and " of " .. m.prompts[1]
        .. (#m.prompts > 1 and " and " .. words.count(#m.prompts - 1, "other file") or "") or "")
  end
  return table.concat(list, ", ")
end

-- "6 faster (2 mostly ramp-up)": their mark on the map is ramp-up's, and no load counts as paying by them.
local function counted(counts, ramp_up_of, name)
  local count, ramp_up = counts[name], ramp_up_of[name]
  if not ramp_up then return ("%d %s"):format(count, name) end
  return ("%d %s (%smostly ramp-up)"):format(count, name, ramp_up < count and ("%d "):format(ramp_up) or "")
end

---Counts of verdicts, as measured.counts has them, without those that are none.
---@param counts table<string, integer>
---@param ramp_up_of table<string, integer>
---@return string[] "3 faster", "6 slower (2 mostly ramp-up)"
function words.verdicts(counts, ramp_up_of)
  local list = {}
  for _, name in ipairs { "faster", "slower", "tie", "undecided" } do
    if counts[name] then list[#list + 1] = counted(counts, ramp_up_of, name) end
  end
  return list
end

---Counts of verdicts.
---@param sure specbench.answer.sure
---@return string "3 faster, 1 undecided, 2 without a verdict"
function words.counts(sure)
  local list = words.verdicts(sure.counts, sure.ramp_up_of)
  local none = sure.counts.none
  if none then
    local reason = sure.reasons[1]
    list[#list + 1] = ("%d without a verdict%s"):format(none, reason and (" (%s%s)"):format(reason.reason,
      #sure.reasons > 1 and "; and others" or "") or "")
  end
  return table.concat(list, ", ")
end

---How sure: counts of verdicts, how wide intervals are, and what both speak of.
---@param sure specbench.answer.sure
---@return string[] sentences
function words.sure(sure)
  local list, judged = {}, { words.counts(sure) }
  if judged[1] == "" then judged[1] = nil end
  if sure.scope == "within one start" then judged[#judged + 1] = "within one start of the servers" end
  if #judged > 0 then list[1] = table.concat(judged, "; ") end
  if sure.widest then
    list[#list + 1] = ("95 %% intervals [ ] are typically +-%s, the widest is %.2f %s"):format(
      words.percent(sure.reach), sure.widest.ratio, verdict.reach(sure.widest))
  end
  if sure.too_many > 0 then
    list[#list + 1] = ("of the undecided, %s 1.00x: with so many verdicts at once each needs more evidence"):format(
      words.count(sure.too_many, "interval excludes", "intervals exclude"))
  end
  if sure.same_prompts > 0 then
    local which = sure.same_prompts < sure.places and ("in %d of %d places "):format(sure.same_prompts, sure.places)
    list[#list + 1] = (which or "") .. verdict.THESE_ONLY
  end
  return list
end

---How far the baseline moved while all was measured.
---@param drift specbench.drift.server?
---@return string? sentence
function words.drift(drift)
  if not drift then return nil end
  local percent = 100 * (drift.ratio - 1)
  if math.abs(percent) < 0.5 then return "the baseline was steady" end
  return ("the baseline %s by %.1f %% in %s"):format(percent < 0 and "slowed down" or "sped up", math.abs(percent),
    duration.rough(drift.seconds))
end

---Whether the client itself was on time.
---@param sure specbench.answer.sure
---@param cells integer
---@return string? sentence names the cells, the first few
function words.client(sure, cells)
  local late = sure.late
  if #late == 0 then return sure.certified > 0 and "the client was on time" or nil end
  if cells == 1 then return "the client was late" end -- whose name would tell nothing
  local names = {}
  for i, one in ipairs(late) do names[i] = one.name end
  return ("the client was late in %d of %d cells (%s)"):format(#late, cells, text_table.listed(names, NAMED))
end

-- What to do about cells that are flagged so.
local REMEDIES = {
  requests = "measure again on a server that nobody else uses (--fresh)",
  graphs = "let the engine capture graphs up to that size (engine_args in the models file); the ratio is the setting's",
  merged = "the server could not send as fast as it wrote, and the ratio is that too: give its front end more CPU",
  compilation = "measure again now that they are compiled (--fresh), or raise the round's warmup",
  tokens = "quote neither tokens nor what is divided by them",
  stall = "not to be quoted unless measured again (--fresh)",
  anomaly = "not to be quoted unless measured again (--fresh)",
  acceptance = "not to be quoted",
}

---Which cells must not be quoted as they are, why, and what to do about it: a sentence a kind.
---@param sure specbench.answer.sure
---@param cells integer
---@return string[]
function words.flagged(sure, cells)
  local list = {}
  for i, item in ipairs(sure.flagged) do
    local which = cells > 1 and item.cells == cells and ("all %d cells"):format(cells)
      or ("%s (%s)"):format(words.count(item.cells, "cell"), item.where)
    list[i] = ("%s: %s: %s"):format(which, item.reason, REMEDIES[item.flag])
  end
  return list
end

---@param share number?
---@return string "3.1 %"
function words.percent(share)
  return text_table.figure(share and 100 * share, "%.1f %%")
end

return words
