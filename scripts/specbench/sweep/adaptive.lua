-- Repeats where they are needed: every cell gets what the rule's first look takes, then only those go on whose
-- interval does not suffice yet, look by look, the widest interval first. A look takes several repeats, so servers
-- start a few times only.

local plan = require "specbench.experiment.plan"
local repeats = require "specbench.analysis.repeats"
local keys = require "specbench.results.keys"
local stats = require "sb.stats"
local sweep = require "specbench.sweep"

local adaptive = {}

---@param rule sb.Stopping
---@return integer count repeats that every cell gets
function adaptive.first(rule)
  return stats.judge(rule, {}).wanted
end

-- The plan of a look: count repeats of every cell, or what is wanted of each place.
local function plan_of(r, options, count, wanted, reach)
  local changed = setmetatable({ repeats = count }, { __index = options })
  if not wanted then return plan.new(r, changed) end
  changed.worth = function(job) return reach[keys.place(job.key)] or 0 end
  return plan.keep(plan.new(r, changed), function(job)
    return job.repetition <= (wanted[keys.place(job.key)] or 0)
  end)
end

local function missing_of(the_plan, the_store)
  local cells, places = 0, {}
  for _, job in ipairs(the_plan.jobs) do
    if not the_store:has(job.id) then
      cells = cells + 1
      if job.baseline ~= job.key then places[keys.place(job.key)] = true end
    end
  end
  local count = 0
  for _ in pairs(places) do count = count + 1 end
  return cells, count
end

---Measures a round until the rule is content with every cell.
---@param r specbench.round
---@param the_store specbench.store
---@param rule sb.Stopping
---@param given table options as sweep.run takes them
---@return specbench.sweep.outcome outcome of all looks together
function adaptive.run(r, the_store, rule, given)
  local all = {
    total = 0, skipped = 0, measured = 0, failed = 0, reruns = 0, untried = 0, quarantined = 0, wall_seconds = 0,
    server_seconds = 0,
  }
  local count, wanted, reach = adaptive.first(rule), nil, nil
  local options = setmetatable({ rule = rule }, { __index = given })
  repeats.keep_rule(the_store, rule)
  repeat
    local the_plan = plan_of(r, options, count, wanted, reach)
    options.starts = the_plan.starts_each -- settled by the first look, whatever a later one would cost
    local cells, places = missing_of(the_plan, the_store)
    if wanted and cells > 0 and not options.quiet then
      io.stderr:write(("%d place%s of the grid need%s more repeats: %d cells more\n"):format(places,
        places == 1 and "" or "s", places == 1 and "s" or "", cells))
    end
    local outcome = sweep.run(the_plan, the_store, options)
    for _, name in ipairs { "measured", "failed", "reruns", "untried", "wall_seconds", "server_seconds" } do
      all[name] = all[name] and outcome[name] and all[name] + outcome[name]
    end
    if not wanted then all.total, all.skipped = outcome.total, outcome.skipped end
    all.quarantined = math.max(all.quarantined, outcome.quarantined)
    if wanted then all.total = all.total + outcome.measured + outcome.failed end
    wanted, reach = repeats.wanted(the_store, rule, options.across_hosts)
    count = 0
    for _, number in pairs(wanted) do count = math.max(count, number) end
    -- a cell that fails would be wanted for ever
  until count == 0 or outcome.measured == 0
  return all
end

return adaptive
