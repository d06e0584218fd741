-- Measures what of a round is not measured yet, then reports.

local adaptive = require "specbench.sweep.adaptive"
local command = require "specbench.cli.command"
local dispatch = require "specbench.sweep.dispatch"
local duration = require "specbench.base.duration"
local find_k = require "specbench.sweep.find_k"
local find_rate = require "specbench.sweep.find_rate"
local finding = require "specbench.cli.finding"
local fs = require "sb.fs"
local gpus = require "specbench.experiment.gpus"
local http = require "specbench.http"
local option_groups = require "specbench.cli.option_groups"
local plan_text = require "specbench.experiment.plan_text"
local predictions = require "specbench.report.predictions"
local preflight = require "specbench.experiment.preflight"
local provenance = require "specbench.sweep.provenance"
local repeats = require "specbench.analysis.repeats"
local report = require "specbench.report"
local searched = require "specbench.analysis.searched"
local server = require "specbench.server"
local shared_run = require "specbench.cli.shared_run"
local store = require "specbench.results.store"
local stranger = require "specbench.sweep.stranger"
local sweep = require "specbench.sweep"
local tables = require "specbench.base.tables"
local watched = require "specbench.sweep.watched"
local words = require "specbench.answer.words"

local self = {
  name = "run",
  summary = "Run a round: start its servers, measure its cells, draw the verdict",
  description = "Cells that are done already are kept: an interrupted run goes on where it stopped. "
    .. "Exit status: 0 all well, 1 a script or data error, 2 usage, 3 finished with failed cells or with cells in "
    .. "quarantine, 130 interrupted.",
  positionals = {
    { name = "ROUND", declares = true, many = true, help = "round file, or the name of one that comes with specbench; "
      .. "several are run one after another, each into its own folder" },
  },
  options = option_groups.of {
    "grid", "engine", "data", "measure", "search", "share", "deadlines", "results",
  },
  examples = {
    { "specbench run round1 round2 round3 --virtual --no-records", "all published grids on the simulator, in no time" },
    { "specbench run rounds/round2.lua --quick", "a small version, on the simulator" },
    { "specbench run rounds/round2.lua --engine vllm --models my_models.lua --datasets data", "on GPUs" },
    { "specbench run rounds/round2.lua --out /shared/round2 --share", "on as many machines as there are, at once" },
    { "specbench run rounds/round2.lua --set concurrency=1,4 --only task=polish", "a part of the grid" },
    { "specbench run rounds/round1.lua --engine vllm --budget 3h", "what three hours of GPU can tell of the best k" },
    { "specbench run rounds/round1.lua --find rate --slo ttft=200,tpot=30", "how many requests a second each method "
      .. "holds" },
  },
}

local function summarise(outcome, the_store, options)
  local out = io.stderr
  if outcome.quarantined > 0 then
    out:write(("%s in quarantine, not tried: failed %d times or more, see %s/failed; --quarantine 0 tries again\n")
      :format(words.count(outcome.quarantined, "cell"), options.quarantine, the_store.folder))
  end
  if outcome.measured + outcome.failed + outcome.reruns == 0 then
    if outcome.quarantined > 0 then return end
    out:write(outcome.skipped < outcome.total and "nothing to do: the search asks for no further cell\n"
      or ("nothing to do: %s done already in %s (--fresh measures anew)\n"):format(outcome.total == 1
        and "the one cell is" or ("all %d cells are"):format(outcome.total), the_store.folder))
    return
  end
  -- virtual servers take no time of their own
  local own = not options.virtual and outcome.measured > 0 and outcome.server_seconds
    and outcome.wall_seconds - outcome.server_seconds
  out:write(("%s: %d measured, %d done before, %d failed; %.1f s%s\n"):format(words.count(outcome.total, "cell"),
    outcome.measured, outcome.skipped, outcome.failed, outcome.wall_seconds,
    own and (", %.1f s (%.1f %%) of it specbench's own"):format(own, 100 * own / outcome.wall_seconds) or ""))
  if outcome.reruns > 0 then
    out:write(("%d of them looked wrong and were measured once more: both results are kept, the second counts\n")
      :format(outcome.reruns))
  end
  if outcome.untried > 0 then
    out:write(("%d cells were not tried: their server was found not to be up; start it and give the same command\n")
      :format(outcome.untried))
  end
  if outcome.failed > 0 then
    out:write(("failed cells are in %s/failed with their causes; the same command tries them again\n")
      :format(the_store.folder))
  end
end

-- What is ahead, before the first server starts: a full grid may take days.
local function announce(the_plan, the_store, options)
  local pending, seconds = 0, 0
  for _, job in ipairs(the_plan.jobs) do
    if not the_store:has(job.id) then pending, seconds = pending + 1, seconds + job.cost end
  end
  if pending == 0 then return end
  command.warn { plan_text.same_prompts(the_plan) }
  command.warn(plan_text.of_prompts(the_plan))
  -- which cell is the baseline can be said later, but not measured later without another night
  if the_plan.round.baseline then
    command.warn(plan_text.baselines(the_plan, function() return the_store:cells() end))
  end
  io.stderr:write(("%d of %d cells to do (engine %s), roughly %s%s; results in %s\n"):format(pending, #the_plan.jobs,
    the_plan.engine.name, duration.rough(seconds), the_plan.virtual and " of virtual time" or "", the_store.folder))
  local ahead = sweep.cost(the_plan, seconds, function(job) return the_store:has(job.id) end, dispatch.cores())
  for _, line in ipairs(plan_text.course(the_plan, ahead, options, duration.rough)) do io.stderr:write(line, "\n") end
  local guess = plan_text.guess(the_plan)
  if guess then io.stderr:write("Note: ", guess, "\n") end
  for _, note in ipairs(preflight.notes(the_plan)) do io.stderr:write("Note: ", note, "\n") end
end

-- What another engine measured in the same place would hide, or be hidden.
local function warn_of_engines(the_store, the_plan)
  local planned, engine = {}, the_plan.engine.name
  for _, job in ipairs(the_plan.jobs) do planned[job.id] = true end -- an id says which engine measures its cell
  local others = the_store:engines(planned)
  others[engine] = nil
  if not next(others) then return end
  command.warn { ("%s holds cells of engine %s, this run uses %s: reports take the newest cell of each place, whatever "
    .. "measured it; another --out keeps them apart"):format(the_store.folder, table.concat(tables.keys(others), ", "),
      engine) }
end

-- The GPUs are free before the first server starts.
local function end_left(the_store)
  local ended, message = server.end_left(store.trees(the_store.folder))
  if not ended then command.fail(message) end
  if ended > 0 then
    io.stderr:write(("ended %d processes that an earlier run had left\n"):format(ended))
  end
  command.warn { message }
end

-- Where nothing is waited for, to look as often as usual through all that a plan and its cells hold, for the little
-- that the last ones left behind, is a tenth of the time.
local PATIENCE = 400 -- percent of what is in use, at which the collector begins anew

-- Measures what is missing, the way that is asked for; rates: what --find rate found.
local function measure(find, r, the_plan, the_store, options)
  if find ~= find_k then searched.forget(the_store) end
  if not options.rule then repeats.forget_rule(the_store) end
  if find == find_rate then
    options.no_rerun = true -- a server that falls behind is what is looked for
    return find_rate.run(r, the_store, options)
  elseif find == find_k then
    local outcome, schedule = find_k.run(the_plan, the_store, options)
    assert(fs.write(the_store:path "predictions.jsonl", predictions.lines(schedule.search:predictions())))
    return outcome
  elseif options.rule then
    return adaptive.run(r, the_store, options.rule, options)
  end
  return sweep.run(the_plan, the_store, options)
end

local function run_round(options, path)
  if options.virtual then collectgarbage("incremental", PATIENCE) end
  local find = finding.read(options)
  if options.share then
    if find then command.fail(finding.SHARED, 2) end
    return shared_run.run(options, path)
  end
  local r = command.load_round(path, options)
  local the_plan = finding.plan(find, r, options)
  local hidden = the_plan.engine.uses_gpus and gpus.flaw(os.getenv)
  if hidden then command.fail(hidden) end
  local folder = command.results_folder(r, options)
  local done -- read where a flaw makes it matter: a folder of many cells takes its time
  local function wanted(job)
    if done == nil then done = not options.fresh and store.open(folder) or false end
    return not (done and done:has(job.id))
  end
  local flaw = preflight.flaw(the_plan, wanted) or stranger.flaw(the_plan, wanted)
  if flaw then command.fail(flaw) end
  local the_store <close>, message = store.create(folder, command.about(the_plan, r, options))
  if not the_store then command.fail(message) end
  command.warn(the_store.warnings)
  if the_store.moved_to and not options.quiet then
    io.stderr:write("Anew: what was there is in ", the_store.moved_to, "\n")
  end
  end_left(the_store)
  warn_of_engines(the_store, the_plan)
  if options.json then options.events, options.quiet = watched.events(io.stdout), true end
  if not options.quiet then announce(the_plan, the_store, options) end
  if options.virtual then -- what takes seconds to make again is synced once, and nothing disturbs its figures
    fs.durable(false)
    options.no_rerun = true
  end
  local outcome, rates = measure(find, r, the_plan, the_store, options)
  local flawed = outcome.failed + outcome.quarantined > 0
  if flawed or not options.quiet then summarise(outcome, the_store, options) end
  local says_something = outcome.measured + outcome.reruns > 0 or flawed and not options.full
  if find == find_rate then
    if not options.quiet then io.stdout:write(find_rate.report(rates, r, the_store, options)) end
  elseif says_something or find or the_store.is_described_anew then
    report.write(the_store, { quiet = options.quiet, full = options.full, pictures = not options.no_pictures,
      baseline = options.baseline, across_hosts = options.across_hosts, price = options.price })
  end
  if options.virtual then assert(fs.sync(the_store.folder)) end
  local status = flawed and 3 or 0
  if options.events then
    options.events:emit("end", { status = status, measured = outcome.measured, failed = outcome.failed,
      done = outcome.skipped, cells = outcome.total, results = the_store.folder })
  end
  return status
end

-- Several rounds one after another, each into a folder of its own; the status is the worst of theirs.
function self.run(options, positionals)
  local _, flaw_of_key = http.authorization()
  if flaw_of_key then command.fail(flaw_of_key) end
  command.warn { http.key_warning() }
  provenance.begin()
  if #positionals > 1 and options.out then
    command.fail(("--out %s: %d rounds have a folder each: leave it out"):format(options.out, #positionals), 2)
  end
  for _, path in ipairs(positionals) do command.find_round(path) end -- before the first one takes its hours
  local status = 0
  for _, path in ipairs(positionals) do
    status = math.max(status, run_round(tables.merged(options), path)) -- each fills in what its round leaves open
  end
  return status
end

return self
