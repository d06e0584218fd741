-- What a round or a script of the user's starts from: local bench = require "specbench"

local own = require "specbench.cli.own"
local round = require "specbench.experiment.round"
local round_file = require "specbench.experiment.round_file"
local server = require "specbench.server"
local tables = require "specbench.base.tables"
local task = require "specbench.task"
local unknown = require "specbench.base.unknown"

local bench = {
  round = function(spec)
    own.explain "specbench run"
    return round.new(spec)
  end,
  options = own.read,
  server = setmetatable({ start = round_file.not_while_loading(server.start) }, { __index = server }),
  load = round_file.not_while_loading(require("specbench.client").load),
  http = require "specbench.http",
  task = task,
  rng = require "sb.rng",
  json = require "specbench.base.json",
  clock = require "sb.clock",
  dataset = require "specbench.dataset",
  results = require("specbench.reading").open,
  executable = require("sb.environment").executable,
}

---Runs f as the script's body and waits for it; errors end the script with their line.
---@param f function
bench.main = round_file.not_while_loading(function(f)
  own.explain "specbench"
  return f(table.unpack(arg or {}))
end)

return setmetatable(bench, { __index = function(_, name)
  local known = tables.keys(bench)
  error(("bench has no '%s'%s; it has: %s"):format(tostring(name), unknown.hint(name, known),
    table.concat(known, ", ")), 2)
end })
