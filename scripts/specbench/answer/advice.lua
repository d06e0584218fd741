-- What to try next, and what to note about a result: each point with a word for programs and a sentence for readers.

local caveats = require "specbench.analysis.caveats"
local tables = require "specbench.base.tables"

local advice = {}

---@class specbench.answer.point
---@field what string a word for programs
---@field text string a sentence without its full stop

local NOISY = 0.04 -- repeats that differ by more cannot be averaged away in an evening

local function list_of()
  local list = {}
  return list, function(what, text, ...) list[#list + 1] = { what = what, text = text:format(...) } end
end

-- Whether a judgement's best k, at a load where it pays, is the largest one that was measured.
local function at_largest_k(judgement)
  local most, chosen
  for _, at in ipairs(judgement.loads) do
    for _, setting in ipairs(at.settings) do most = setting.k and math.max(most or 0, setting.k) or most end
    if at.best.verdict == "faster" and at.best.k then chosen = math.max(chosen or 0, at.best.k) end
  end
  return most and chosen == most and #judgement.loads[1].settings > 1 and most or nil
end

-- Methods that still pay at the largest load, by that load.
local function add_larger_loads(judgements, add)
  local names, order = {}, {}
  for _, judgement in ipairs(judgements) do
    local most = judgement.loads[#judgement.loads]
    if judgement.answer == "yes" and judgement.load == "concurrency" then
      if not names[most.load] then
        names[most.load] = {}
        order[#order + 1] = most.load
      end
      if not tables.contains(names[most.load], judgement.method) then
        table.insert(names[most.load], judgement.method)
      end
    end
  end
  for _, load in ipairs(order) do
    add("load", "%s still pay%s at %g, the highest load measured: add --set concurrency=%g,%g",
      table.concat(names[load], ", "), #names[load] == 1 and "s" or "", load, 2 * load, 4 * load)
  end
end

local function tries_of_judgements(judgements, add)
  local said = {}
  local function once(what, text, ...)
    local line = text:format(...)
    if not said[line] then add(what, "%s", line) end
    said[line] = true
  end
  for _, judgement in ipairs(judgements) do
    local k = judgement.up_to and at_largest_k(judgement)
    if k then once("k", "k = %d is the largest measured and the best: add --set k=%d,%d", k, k, 2 * k) end
    local why = (judgement.why or {}).most or (judgement.why or {}).alone
    if judgement.answer == "no" and why and why.mean_length and why.mean_length < 1.5 then
      once("draft", "%s accepts little (%.2f tokens a step): another draft, or fewer drafted tokens", judgement.method,
        why.mean_length)
    elseif judgement.answer == "no" and why and why.step > why.tokens then
      once("step", "a step of %s costs %.2f times the plain one's time: a smaller draft, or fewer drafted tokens",
        judgement.method, why.step)
    end
  end
end

-- What specbench measure keeps has no other axis than its load.
local function is_one_load(about)
  return #about.axes == 1 and (about.axes[1].name == "concurrency" or about.axes[1].name == "rate")
    and #about.axes[1].values == 1
end

-- Whether somebody else starts the servers, or some of them.
local function any_external(m)
  return tables.count(m.engines, function(engine) return engine.external end) > 0
end

---@param found specbench.study
---@param answer specbench.answer
---@return specbench.answer.point[] the most urgent first
function advice.tries(found, answer)
  local list, add = list_of()
  local m, sure = answer.measured, answer.sure
  if m.failed > 0 then
    add("failed", "%d cell%s failed: mend the cause, then the same command tries %s again", m.failed,
      m.failed == 1 and "" or "s", m.failed == 1 and "it" or "them")
  end
  if m.cells == 0 then return list end
  if sure.places == 0 then
    if m.published > 0 then return list end
    if is_one_load(found.about) then
      add("compare", "one load of one server: specbench compare A B puts two such folders side by side")
    elseif not found.about.baseline then
      add("baseline", 'no baseline: write baseline = { method = "none" } into the round, then report --round FILE')
    elseif m.baselines > 0 then
      add("methods", "only the baseline was measured: now the methods%s, into the same folder",
        any_external(m) and ", the server restarted with one each time" or "")
    end
    return list
  end
  local unpaired = tables.count(found.entries, function(entry) return entry.repeats == 0 end)
  -- a search leaves baselines out on purpose: another one would not be there either
  if unpaired > 0 and not found.searched and (found.about.baselines or {})["as-published"] and not found.baseline then
    add("baseline", "%d places have no speed-up: --baseline as-published compares as the published figures do",
      unpaired)
  end
  if sure.ramp_up > 0 and m.published == 0 then
    add("prompts", "%d place%s mostly measured ramp-up and drain: more prompts (--prompts-per-stream 4)", sure.ramp_up,
      sure.ramp_up == 1 and "" or "s")
  end
  if #sure.late > 0 then
    add("client", "the client was late in %d cell%s: do not quote %s; --io-threads, or a machine of its own",
      #sure.late, #sure.late == 1 and "" or "s", #sure.late == 1 and "it" or "them")
  end
  if tables.count(found.cells, function(cell) return cell.records == false end) > 0 then
    add("records", "a verdict needs the requests' records: leave out --no-records, and --repeats 3")
  elseif m.published == 0 and m.repeats.most < 3 then
    add("repeats", found.searched
      and "a search judges nothing: --repeats 3 --only k=... in place of --find and --budget"
      or "no verdict below 3 repeats: add --repeats 3")
  elseif (sure.counts.undecided or 0) > 0 and sure.noise then
    if sure.noise > NOISY then
      add("noise", "repeats differ by %.1f %%: a quieter machine, longer cells or --starts, before more repeats",
        100 * sure.noise)
    else
      add("repeats", "%d undecided: --until decided, or --repeats %d", sure.counts.undecided,
        math.max(sure.repeats_wanted, m.repeats.most + 2))
    end
  end
  if sure.scope == "within one start" then
    add("starts", "verdicts know one start of the servers: --starts 3")
  end
  add_larger_loads(answer.judgements, add)
  tries_of_judgements(answer.judgements, add)
  if m.simulated == m.cells then
    add("engine", "the same grid on a real server: --engine vllm --models FILE")
  elseif m.synthetic > 0 then
    add("datasets", "real prompts: --datasets DIR")
  end
  return list
end

---@param found specbench.study
---@param answer specbench.answer
---@return specbench.answer.point[]
function advice.notes(found, answer)
  local list, add = list_of()
  local m = answer.measured
  local function part(number) return number == m.cells and "" or ("%d of %d cells: "):format(number, m.cells) end
  for _, line in ipairs(caveats.untold(found.cells)) do add("untold", "%s", line) end
  if m.simulated > 0 then
    add("simulated", "%ssimulated%s: what a profile says, not what a GPU did%s", part(m.simulated),
      m.virtual > 0 and " in virtual time" or "", m.assumed == 0 and "" or
      ("; the acceptance of %d cell%s is assumed"):format(m.assumed, m.assumed == 1 and "" or "s"))
  end
  if m.published > 0 then
    add("published", "%spublished rows: no requests, so no paired speed-up, no verdict, no certificate",
      part(m.published))
  end
  if m.synthetic > 0 then
    add("synthetic", "%smade-up prompts of the right lengths: acceptance is not your text's", part(m.synthetic))
  end
  if m.quick > 0 then add("quick", "%sa quick round: fewer cells and prompts than the whole", part(m.quick)) end
  local lossy = {}
  for _, cell in ipairs(found.cells) do
    if cell.lossy then lossy[#lossy + 1] = cell.lossy end
  end
  if #lossy > 0 then add("lossy", "%slossy, answers may not be the target's: %s", part(#lossy), lossy[1]) end
  for _, engine in ipairs(m.engines) do
    if engine.external then
      add("external", "%s was started by somebody else: what it was started with is its word, and two servers may "
        .. "differ in more than the method", engine.name)
      break
    end
  end
  if #found.unlike > 0 then
    local methods = {}
    for i, item in ipairs(found.unlike) do methods[i] = item.method end
    add("unlike", "%s did not run as the baseline did (%s); --match pinned compares like with like",
      table.concat(methods, ", "), found.unlike[1].difference)
  end
  if m.before > 0 then
    add("before", "%d cell%s measured with other settings than the last run's: not counted here", m.before,
      m.before == 1 and "" or "s")
  end
  if found.baseline then
    add("baseline", "compared with the baseline '%s', also where that is another model: no gain by speculation alone",
      found.baseline)
  end
  if m.limits then add("limits", "answers as long as the limits '%s' say", m.limits) end
  return list
end

return advice
