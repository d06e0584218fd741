-- Lists the commands.

local cli = require "specbench.cli"
local command = require "specbench.cli.command"
local home = require("sb.environment").home

local self = {
  name = "help", summary = "List the commands, or explain one",
  positionals = { { name = "COMMAND", help = "what to explain", optional = true } }, options = {},
}

function self.run(_, positionals)
  local function load(name)
    local chunk = loadfile(("%s/scripts/cmd/%s.lua"):format(home, name))
    if not chunk then command.fail(command.unknown(name):gsub("^specbench: ", ""), 2) end
    return chunk()
  end
  if positionals[1] then
    io.stdout:write(cli.help(load(positionals[1])))
    return 0
  end
  local commands = {}
  for _, name in ipairs(command.names()) do commands[#commands + 1] = load(name) end
  io.stdout:write(cli.overview(commands, "measures what speculative decoding gains, and what it costs"))
  io.stdout:write "\nspecbench sim --help explains the simulated LLM server.\n"
  io.stdout:write "specbench FILE.lua [ARGUMENTS] runs any script with the primitives at hand.\n"
  return 0
end

return self
