-- specbench COMMAND ...: finds the command's file, reads its command line, runs it.

local cli = require "specbench.cli"
local command = require "specbench.cli.command"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local own = require "specbench.cli.own"
local home = require("sb.environment").home

-- A round's function that ended the program would leave a sweep unfinished that looks like a success.
rawset(os, "exit", function()
  local caller = debug.getinfo(2, "Sl")
  error({ exit = 1, message = ("%s:%d: os.exit would end the run in the middle: return from the function, or raise an "
    .. "error"):format(caller.short_src, caller.currentline) }, 0)
end)

local BEFORE = { bench = "selfcheck" } -- names that scripts of users and of other projects' benchmarks still call

local name = BEFORE[arg[1]] or arg[1]
if name == "-h" or name == "--help" then name = "help" end
local path = ("%s/scripts/cmd/%s.lua"):format(home, name)
if not name:match "^[%w_-]+$" or not fs.stat(path) then
  io.stderr:write(foreign.line(command.unknown(name)), "\n")
  return 2
end

local words = table.move(arg, 2, #arg, 1, {})
local definition, flaw = own.extend(assert(loadfile(path))(), words, command.locate_round)
if not definition then
  io.stderr:write("specbench: ", foreign.clean(flaw), "\n")
  return 1
end
local options, positionals, code = cli.parse(definition, words)
if not options then
  io.stderr:write(foreign.line(positionals), "\n")
  return code
end
if options.help then
  io.stdout:write(cli.help(definition, positionals[#positionals] == "all"))
  return 0
end
return command.run(definition, options, positionals)
