-- What this machine lacks for a plan's servers, so that every try to start one would fail: told before the first.

local plan = require "specbench.experiment.plan"
local profiler = require "specbench.engine.profiler"
local program = require "specbench.base.program"

local preflight = {}

local function flaw_of(the_plan, job)
  local engine, name = the_plan.engine, job.server.model.name
  local lacking = engine.lacks and engine.lacks(job.server)
  if lacking then return lacking end
  local argv, env = plan.command(the_plan, job)
  local words = profiler.words(job.server.profile)
  if words[1] and not program.is_there(words[1], env.PATH) then
    return ("the profiler cannot be started: there is no program '%s' (is it installed and on PATH?)")
      :format(words[1])
  end
  local own = argv[#words + 1]
  if not program.is_there(own, env.PATH) then
    return ("%s cannot be started for model '%s': there is no program '%s' (is it installed and on PATH?)")
      :format(engine.name, name, own)
  end
  if job.engine_version.absent then
    return ("%s cannot be started for model '%s': %s"):format(engine.name, name, job.engine_version.why)
  end
end

---@param the_plan specbench.plan
---@param wanted fun(job: specbench.job): boolean jobs whose servers will be needed; asked where there is a flaw
---@return string? flaw why no server of one of them can come up
function preflight.flaw(the_plan, wanted)
  if not the_plan.engine.capabilities.spawn then return nil end
  local flaws = {} -- by server; false: none
  for _, job in ipairs(the_plan.jobs) do
    local key = job.server_key
    if flaws[key] == nil then flaws[key] = flaw_of(the_plan, job) or false end
    if flaws[key] and wanted(job) then return flaws[key] end
  end
end

return preflight
