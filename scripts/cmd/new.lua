-- Writes a round to start from.

local command = require "specbench.cli.command"
local environment = require "sb.environment"
local fs = require "sb.fs"

local self = {
  name = "new",
  summary = "Write a round to start from: commented, and it runs at once on the simulator",
  positionals = { { name = "NAME", help = "of the round; its file is NAME.lua. It may begin with a folder" } },
  options = {},
  examples = { "specbench new my_round" },
}

function self.run(_, positionals)
  local path = positionals[1]:gsub("%.lua$", "") .. ".lua"
  local name = path:match "([^/]*)%.lua$"
  if not name:match "^[%w_][%w_.-]*$" then
    command.fail(("new %s: a name of letters, digits, dots, dashes and underscores: it names the results' folder too")
      :format(positionals[1]), 2)
  end
  if fs.stat(path) then command.fail(("%s is there already: give another name"):format(path)) end
  local text = assert(fs.read(environment.home .. "/rounds/examples/template.lua"))
  text = text:gsub("My round:", name .. ":"):gsub("my_round%.lua", path):gsub("my_round", name)
  local ok, message = fs.write(path, text)
  if not ok then command.fail(message) end
  print(([[
%s is written. It says what each part of it is for.
  specbench run %s --quick --repeats 3     measures it on the simulator, in seconds
  specbench check %s                       says what is wrong with it, after you have changed it]]):format(path,
    path, path))
  return 0
end

return self
