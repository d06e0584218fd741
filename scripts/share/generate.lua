--- Prints the man page or the bash completion of the commands whose files are given.
--
--   lua5.4 generate.lua man|completion [--version=TEXT] [--program=SPECBENCH] COMMAND.lua...
--
-- A command's file returns its table (see specbench.cli); nothing in it is run. The program tells what its `sim` takes.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/../?.lua;" .. here .. "/../?/init.lua;" .. package.path
local cli = require "specbench.cli"
local manual = require "specbench.cli.manual"
local simulator = require "specbench.cli.simulator"

-- Command files may require modules that are part of the specbench program and that plain Lua does
-- not have. Only their tables are read here, so something that can be called and indexed will do.
local absent = setmetatable({}, {
  __index = function(self, key) return type(key) == "string" and self or nil end,
  __call = function(self) return self end,
})
table.insert(package.searchers, function()
  return function() return absent end
end)

local function fail(message, code)
  io.stderr:write("generate.lua: ", message, "\n")
  os.exit(code)
end

local what, version, program, files = arg[1], nil, nil, {}
for i = 2, #arg do
  local name, given = arg[i]:match("^%-%-(%l+)=(.*)$")
  if name == "version" then
    version = given
  elseif name == "program" then
    program = given
  else
    files[#files + 1] = arg[i]
  end
end
if what ~= "man" and what ~= "completion" or #files == 0 then
  fail("usage: generate.lua man|completion [--version=TEXT] [--program=SPECBENCH] COMMAND.lua...", 2)
end

local commands = {}
for _, file in ipairs(files) do
  local loaded, command = pcall(dofile, file)
  if not loaded then
    fail(tostring(command), 1)
  end
  if type(command) ~= "table" or type(command.name) ~= "string" then
    fail(("%s: returns no command table (with name, summary, options)"):format(file), 1)
  end
  commands[#commands + 1] = command
end
if program then
  commands[#commands + 1] = simulator.command(simulator.help(program))
end
cli.by_use(commands)

if what == "man" then
  io.write(manual.man(commands, { version = version }))
else
  io.write(manual.completion(commands))
end
