-- Repeats where they are needed: every cell gets what the rule's first look takes, then only those go on whose
-- interval does not suffice yet, look by look. A look takes several repeats, so servers start a few times only.

local plan = require "specbench.experiment.plan"
local repeats = require "specbench.analysis.repeats"
local sweep = require "specbench.sweep"

local adaptive = {}

local FIRST = { decided = 3, width = 5 } -- repeats at the rule's first look

local function plan_of(r, options, count, wanted)
  local changed = setmetatable({ repeats = count }, { __index = options })
  local the_plan = plan.new(r, changed)
  if not wanted then return the_plan end
  return plan.keep(the_plan, function(job) return job.repetition <= (wanted[repeats.place(job.key)] or 0) end)
end

---Measures a round until the rule is content with every cell.
---@param r specbench.round
---@param the_store specbench.store
---@param rule sb.Stopping
---@param options table as sweep.run takes them
---@return specbench.sweep.outcome outcome of all looks together
function adaptive.run(r, the_store, rule, options)
  local all = { total = 0, skipped = 0, measured = 0, failed = 0, wall_seconds = 0, server_seconds = 0 }
  local count, wanted = math.min(rule.cap, rule.width and FIRST.width or FIRST.decided), nil
  repeats.keep_rule(the_store, rule)
  repeat
    local outcome = sweep.run(plan_of(r, options, count, wanted), the_store, options)
    for _, name in ipairs { "measured", "failed", "wall_seconds", "server_seconds" } do
      all[name] = all[name] + outcome[name]
    end
    if not wanted then all.total, all.skipped = outcome.total, outcome.skipped end
    if wanted then all.total = all.total + outcome.measured + outcome.failed end
    wanted, count = repeats.wanted(the_store, rule), 0
    for _, number in pairs(wanted) do count = math.max(count, number) end
    -- a cell that fails would be wanted for ever
  until count == 0 or outcome.measured == 0
  return all
end

return adaptive
