-- Options that a script or a round declares for itself, read from the command line that it is run with:
-- `specbench FILE.lua --depth 3` for a script, `specbench run FILE.lua --depth 3` for a round.

local cli = require "specbench.cli"
local definition = require "specbench.cli.definition"
local fs = require "sb.fs"
local round_file = require "specbench.experiment.round_file"
local tables = require "specbench.base.tables"
local unknown = require "specbench.base.unknown"

local own = {}

-- The values as their author reads them: an option that was not declared would be nil, and quietly.
local function guarded(values, command)
  local names, has = {}, {}
  for i, option in ipairs(command.options) do names[i] = cli.key(option) end
  for _, name in ipairs(names) do has[name] = true end
  return setmetatable(tables.merged(values), { __index = function(_, name)
    if has[name] then return nil end
    error(("bench.options has no '%s'%s; it has: %s"):format(tostring(name), unknown.hint(name, names),
      table.concat(names, ", ")), 2)
  end })
end

-- The values of a round's options: what the command line says, where it is one that knows them, else their defaults.
local function of_round(command, reading)
  if command.positionals and #command.positionals > 0 then
    error("bench.options: positionals: a round takes no words of its own, only options", 3)
  end
  local values = assert(cli.parse(command, {}))
  for _, option in ipairs(command.options) do
    local given = (reading.options or {})[cli.key(option)]
    if given ~= nil then values[cli.key(option)] = given end
  end
  reading.own = values
  return guarded(values, command), {}
end

-- What a file says of itself: the comment that it begins with.
local function comment_of(path)
  local lines = {}
  for line in ((fs.read(path) or "") .. "\n"):gmatch "([^\n]*)\n" do
    local text = line:match "^%-%-+ ?(.*)$"
    if not text and not line:find "^#!" then break end
    lines[#lines + 1] = text
  end
  return table.concat(lines, "\n")
end

local function show(text)
  io.stdout:write(text)
  error({ exit = 0 }, 0)
end

-- A round that is run as if it were a script describes itself too.
local function help(command, path)
  local result = round_file.read(path)
  local is_round = type(result) == "table" and result.is_round
  local shown = setmetatable({ name = is_round and "run " .. path or path }, { __index = command })
  if not command.summary then shown.summary = comment_of(path) end
  return cli.help(shown) .. (is_round and "\n'specbench run --help' has the options that every round takes.\n" or "")
end

---Ends a script whose only argument is --help, though it declares no options, with what its file says of itself. Not
---while it is read as a round.
---@param usage string what to write to run it, before its path
function own.explain(usage)
  local is_asked = arg and #arg == 1 and (arg[1] == "--help" or arg[1] == "-h")
  if not is_asked or round_file.reading() then return end
  show(("Usage: %s %s\n\n%s\n"):format(usage, arg[0], comment_of(arg[0])))
end

---Declares the command line of this script or round, and reads it. --help shows what is declared.
---@param spec specbench.own_options
---@return table options by their names, dashes as underscores
---@return string[] words that are no options
function own.read(spec)
  definition.own:check(spec, 2)
  local reading = round_file.reading()
  local path = reading and reading.path or arg[0]
  local command = { name = path, options = {} }
  for key, value in pairs(spec) do command[key] = value end
  if reading and reading.declares then error({ declared = command }, 0) end
  cli.check(command)
  if reading then return of_round(command, reading) end
  local options, words, status = cli.parse(command, arg)
  if not options then
    local message = words:sub(#("specbench " .. path .. ": ") + 1) -- whose place is told by who prints it
    error({ exit = status, message = message }, 0)
  end
  if options.help then show(help(command, path)) end
  return guarded(options, command), words
end

---A command that takes a file, with the options that the named file declares.
---@param command specbench.cli.command
---@param argv string[] the words after the command's name
---@param find fun(word: string): string? the file that a word names
---@return specbench.cli.command? command the given one where nothing is declared
---@return string? message what is wrong with the declaration
function own.extend(command, argv, find)
  local first = (command.positionals or {})[1]
  local word = first and first.declares and cli.first_positional(command, argv)
  local path = word and find(word)
  local declared = path and round_file.declared(path)
  if not declared then return command end
  local taken = { ["--help"] = true, ["-h"] = true }
  for _, option in ipairs(command.options or {}) do
    taken["--" .. option.long] = true
    if option.short then taken["-" .. option.short] = true end
  end
  for _, option in ipairs(declared.options) do
    for _, name in ipairs { "--" .. option.long, option.short and "-" .. option.short } do
      if taken[name] then
        return nil, ("%s: bench.options: %s is an option of specbench %s already: take another name"):format(path, name,
          command.name)
      end
    end
  end
  local extended = cli.extend(command, declared.options, "Options of " .. path)
  local ok, message = pcall(cli.check, extended)
  if not ok then return nil, ("%s: bench.options: %s"):format(path, message) end
  return extended
end

return own
