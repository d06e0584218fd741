-- Ends the servers that a killed run left.

local command = require "specbench.cli.command"
local fs = require "sb.fs"
local server = require "specbench.server"
local sharing = require "specbench.results.sharing"
local store = require "specbench.results.store"

local self = {
  name = "cleanup",
  summary = "End the servers that a killed run left",
  description = "A run that is killed takes its servers along. Where its supervisors are killed with it, they stay: "
    .. "this ends them, as the next run in the folder does before it starts a server of its own.",
  positionals = { { name = "RESULTS", help = "folder of a run" } },
  options = {},
  examples = { { "specbench cleanup results/round2", "after kill -9 of everything called specbench" } },
}

function self.run(_, positionals)
  local folder = positionals[1] -- not opened as a store: what else is wrong with it does not matter here
  if not fs.stat(folder .. "/lock") then command.fail(("%s is not a results folder"):format(folder)) end
  local lock <close>, trouble = fs.lock(folder .. "/lock")
  if not lock then command.fail(trouble) end
  local workers = sharing.count(folder)
  if workers > 0 then
    command.fail(("%d workers that share %s gave a sign of life lately: end them first"):format(workers, folder))
  end
  local all = 0
  for _, place in ipairs(sharing.folders(folder)) do
    local ended, message = server.end_left(store.trees(place))
    if not ended then command.fail(message) end
    all = all + ended
    command.warn { message }
  end
  io.stdout:write(("%d processes ended\n"):format(all))
  return 0
end

return self
