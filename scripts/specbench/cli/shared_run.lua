-- specbench run --share: one worker of several on one results folder.

local command = require "specbench.cli.command"
local duration = require "specbench.base.duration"
local engines = require "specbench.engine"
local folder_check = require "specbench.results.folder_check"
local fs = require "sb.fs"
local gpus = require "specbench.experiment.gpus"
local plan = require "specbench.experiment.plan"
local pool = require "specbench.experiment.pool"
local preflight = require "specbench.experiment.preflight"
local report = require "specbench.report"
local sharing = require "specbench.results.sharing"
local store = require "specbench.results.store"
local task = require "specbench.task"
local units = require "specbench.experiment.units"
local worker = require "specbench.sweep.worker"

local shared_run = {}

local PLENTY = 64 -- GPUs that a plan may name: which ones a worker has is no part of how the work is cut
local REPORT = "report" -- is claimed as a unit is
local PATIENCE, PAUSE = 50, 0.1 -- looks at the lock, seconds between two

local function refuse(options, the_plan)
  if options.share and options.json then
    command.fail("--share and --json do not go together: specbench plan ROUND --json tells what is done", 2)
  end
  for name, why in pairs {
    ["until"] = "it decides by what all have measured", fresh = "it would move away what others measure",
    profile = "its files belong to one run",
  } do
    if options[name] then command.fail(("--share and --%s do not go together: %s"):format(name, why), 2) end
  end
  if the_plan and not the_plan.engine.capabilities.spawn then
    command.fail(("--share: engine %s uses servers that are up already, which others would load at the same time")
      :format(the_plan.engine.name), 2)
  end
end

---A plan as every worker makes it, and whoever asks what they will do, whatever GPUs there are; and its units.
---@param options table of the command line; changed
---@param path string of the round
---@return specbench.plan
---@return specbench.unit[]
---@return specbench.round
---@return (integer|string)[]? gpus of this process, each once
function shared_run.plan(options, path)
  refuse(options)
  local r, seconds = command.load_round(path, options), command.read_time("--unit-time", options.unit_time)
  local own, room = nil, 1
  if options.gpus then own, room = pool.distinct(options.gpus) end
  if own or engines.load(options.engine).uses_gpus then
    options.gpus = {}
    for i = 1, PLENTY do
      for _ = 1, room do table.insert(options.gpus, i) end
    end
  end
  -- a unit starts its servers for itself, so repeats cost nothing more as starts of their own
  if options.repeats > 1 then options.starts = options.starts or options.repeats end
  local the_plan = plan.new(r, options)
  refuse(options, the_plan)
  return the_plan, units.cut(the_plan, seconds), r, own
end

-- A run that does not share would be disturbed. Others that start at this moment hold the lock as shortly.
local function check_lock(folder)
  for i = 1, PATIENCE do
    local lock, message, code = fs.lock(folder .. "/lock")
    if lock then return lock:close() end
    if code ~= "state" then return end -- not every file system has locks
    if i == PATIENCE then command.fail(message) end
    task.sleep(PAUSE)
  end
end

local function names_of(list)
  local ids = {}
  for i, unit in ipairs(list) do ids[i] = unit.id end
  table.sort(ids)
  return table.concat(ids, "\n") .. "\n"
end

-- The units that --unit names; all without it.
local function chosen(list, ids)
  if #ids == 0 then return list end
  local by_id, found = {}, {}
  for _, unit in ipairs(list) do by_id[unit.id] = unit end
  for i, id in ipairs(ids) do
    found[i] = by_id[id]
      or command.fail(("--unit %s: no such unit: specbench plan ROUND --json lists them"):format(id), 2)
  end
  return found
end

-- The worker that ends last has the whole to report; of several that end at once, one draws the pictures.
local function write_report(the_store, the_sharing, options)
  if not the_sharing:claim(REPORT) then
    if not options.quiet then io.stderr:write "the report is being written by another worker\n" end
    return
  end
  report.write(the_store, { quiet = options.quiet, pictures = not options.no_pictures, baseline = options.baseline,
    across_hosts = options.across_hosts, price = options.price })
  the_sharing:release(REPORT)
end

local function summarise(outcome, list, folder)
  local out = io.stderr
  out:write(("%d of %d units done here: %d cell%s measured, %d failed; results in %s\n"):format(outcome.units, #list,
    outcome.measured, outcome.measured == 1 and "" or "s", outcome.failed, folder))
  if outcome.lame then
    out:write "nothing could be measured here in several units: this worker ends, others may go on\n"
  elseif outcome.left > 0 then
    out:write(("%d units are left: others are at them, or they need more GPUs than this worker has; the same command "
      .. "goes on from there\n"):format(outcome.left))
  end
end

---@param options table of the command line
---@param path string of the round
---@return integer status
function shared_run.run(options, path)
  local the_plan, list, r, own = shared_run.plan(options, path)
  local hidden = the_plan.engine.uses_gpus and gpus.flaw(os.getenv)
  if hidden then command.fail(hidden) end
  local flaw = preflight.flaw(the_plan, function() return true end)
  if flaw then command.fail(flaw) end
  local mine = chosen(list, options.unit)
  local folder, about = command.results_folder(r, options), command.about(the_plan, r, options)
  local ok, message = folder_check.may_hold(folder)
  if not ok then command.fail(message) end
  local rank, restart = gpus.place_in_job(os.getenv)
  local the_sharing <close>, trouble = sharing.join(folder, { job = gpus.job(os.getenv), rank = rank, restart = restart,
    stale = options.stale })
  if not the_sharing then command.fail(trouble) end
  check_lock(folder)
  local alone = #the_sharing:others() == 0
  local the_store
  the_store, message = store.share(folder, about, alone)
  if not the_store then command.fail(message) end
  if not the_sharing:agree(names_of(list), alone) then
    command.fail(folder .. " is shared by workers with other cells or another --unit-time: give the same command as "
      .. "they were given, or another folder with --out")
  end
  command.warn(the_store.warnings)
  if options.virtual then
    fs.durable(false)
    options.no_rerun = true
  end
  if not options.quiet then
    local seconds = 0
    for _, unit in ipairs(list) do seconds = seconds + unit.seconds end
    io.stderr:write(("worker %s: %d cells in %d units of about %s; results in %s\n"):format(the_sharing.me,
      #the_plan.jobs, #list, duration.rough(seconds / #list), folder))
  end
  local outcome = worker.run(the_plan, the_store, the_sharing, {
    units = mine, about = about, gpus = own, alone = alone, options = options,
  })
  if outcome.all_done and outcome.units > 0 and #mine == #list then
    write_report(the_store, the_sharing, options)
  end
  if not options.quiet or outcome.failed > 0 or outcome.lame then summarise(outcome, list, folder) end
  return (outcome.failed > 0 or outcome.lame) and 3 or 0
end

return shared_run
