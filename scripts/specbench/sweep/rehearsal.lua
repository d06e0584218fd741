-- A plan's cells in virtual time, for how long each would take by the simulator: nothing of them is kept.

local cell = require "specbench.sweep.cell"
local plan = require "specbench.experiment.plan"
local virtual = require "specbench.virtual"

local rehearsal = {}

---Every job's cost becomes what the simulator takes for its load.
---@param the_plan specbench.plan of the simulator
---@param is_done fun(job: specbench.job): boolean? jobs that are left as they are
function rehearsal.time(the_plan, is_done)
  for _, session in ipairs(the_plan.sessions) do
    local up = {}
    for _, slot in ipairs(session.slots) do
      up[slot.key] = assert(virtual.start((plan.command(the_plan, slot.job, slot.gpus))))
      up[slot.key].model = the_plan.engine.served_name(slot.job.server)
    end
    for _, batch in ipairs(session) do
      for i, job in ipairs(batch) do
        if not is_done(job) then job.cost = cell.measure(job, up[batch.slots[i]]).metrics.duration end
      end
    end
    for _, server in pairs(up) do server:stop() end
  end
end

return rehearsal
