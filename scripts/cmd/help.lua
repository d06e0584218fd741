-- Lists the commands.

local cli = require "specbench.cli"
local command = require "specbench.cli.command"
local environment = require "sb.environment"
local simulator = require "specbench.cli.simulator"

local self = {
  name = "help", summary = "List the commands, or explain one",
  positionals = { { name = "COMMAND", help = "what to explain", optional = true } }, options = {},
}

function self.run(_, positionals)
  local function load(name)
    if name == "sim" then return simulator.command(simulator.help(environment.executable)) end
    local chunk = loadfile(("%s/scripts/cmd/%s.lua"):format(environment.home, name))
    if not chunk then command.fail(command.unknown(name):gsub("^specbench: ", ""), 2) end
    return chunk()
  end
  if positionals[1] == "sim" then
    io.stdout:write(simulator.help(environment.executable))
    return 0
  elseif positionals[1] then
    io.stdout:write(cli.help(load(positionals[1])))
    return 0
  end
  local commands = {}
  for _, name in ipairs(command.names()) do commands[#commands + 1] = load(name) end
  io.stdout:write(cli.overview(cli.by_use(commands), "measures what speculative decoding gains, and what it costs"))
  io.stdout:write("\nspecbench FILE.lua [ARGUMENTS] runs any script with the primitives at hand;\n"
    .. "specbench -e CODE [ARGUMENTS] a script on the command line.\n")
  return 0
end

return self
