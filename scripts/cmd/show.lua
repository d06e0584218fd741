-- Prints what a cell's binary records hold, as JSON lines.

local command = require "specbench.cli.command"
local fs = require "sb.fs"
local measure = require "sb.measure"

local self = {
  name = "show",
  summary = "Print a cell's requests as JSON lines, timelines included",
  positionals = { { name = "CELL", help = "a folder of RESULTS/cells, RESULTS/reruns or RESULTS/failed" } },
  options = {},
  examples = { { "specbench show results/round2/cells/ID | jq .ttft", "each request is one line" } },
}

function self.run(_, positionals)
  local bytes, message = fs.read(positionals[1] .. "/records.bin")
  if not bytes then command.fail(message) end
  local run
  run, message = measure.decode(bytes)
  if not run then command.fail(("%s/records.bin: %s"):format(positionals[1], message)) end
  io.stdout:write(run:jsonl())
  return 0
end

return self
