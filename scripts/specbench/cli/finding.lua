-- What --find and --budget ask of a run, and of a plan that tries its command line.

local command = require "specbench.cli.command"
local find_k = require "specbench.sweep.find_k"
local find_rate = require "specbench.sweep.find_rate"
local plan = require "specbench.experiment.plan"

local finding = {
  SHARED = "--find and --budget do not go with --share: a search asks for one cell at a time, from what all before it "
    .. "showed; leave out --share (specbench slurm takes a search as one job)",
}

---Reads them: options.find becomes "rate" or "k", options.tolerance and options.budget numbers.
---@param options table of the command line; changed
---@return table? find what searches, specbench.sweep.find_k or find_rate; nil where nothing does
function finding.read(options)
  if options.budget then
    options.budget = command.read_time("--budget", options.budget)
    options.find = options.find or "k"
  end
  if not options.find or options.find == "rate" then
    if options.budget then command.fail("--budget goes with --find k, not with --find rate", 2) end
    return options.find and find_rate
  end
  options.tolerance = find_k.tolerance(options.find)
  if not options.tolerance then
    command.fail(("--find %s: must be rate, k, or k=P%% with P above 0 and below 50, such as k=2%%")
      :format(options.find), 2)
  end
  options.find = "k"
  return find_k
end

---The plan of a round, or of what a search begins with; where there is nothing to look for, the command ends.
---@param find table? as finding.read gives it
---@param r specbench.round
---@param options table of the command line
---@return specbench.plan
function finding.plan(find, r, options)
  local flaw = find and find.flaw(options)
  if flaw then command.fail(flaw, 2) end
  local the_plan = plan.new(find == find_rate and find_rate.begin(r) or r, options)
  flaw = find == find_k and find_k.refusal(the_plan)
  if flaw then command.fail(flaw, 2) end
  return the_plan
end

return finding
