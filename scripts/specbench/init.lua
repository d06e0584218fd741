-- What a round or a script of the user's starts from: local bench = require "specbench"

local task = require "specbench.task"

local bench = {
  round = require("specbench.experiment.round").new,
  server = require "specbench.server",
  load = require("specbench.client").load,
  http = require "specbench.http",
  task = task,
  rng = require "sb.rng",
  json = require "specbench.json",
  clock = require "sb.clock",
  dataset = require "specbench.dataset",
  executable = require("sb.environment").executable,
}

---Runs f as the script's body and waits for it; errors end the script with their traceback.
---@param f function
function bench.main(f)
  return f(table.unpack(arg or {}))
end

return bench
