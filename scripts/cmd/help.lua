-- Lists the commands, explains one, an option or a word.

local cli = require "specbench.cli"
local command = require "specbench.cli.command"
local environment = require "sb.environment"
local glossary = require "specbench.cli.glossary"
local simulator = require "specbench.cli.simulator"
local text_table = require "specbench.base.text_table"
local unknown = require "specbench.base.unknown"

local self = {
  name = "help", summary = "List the commands; explain one, an option or a word",
  positionals = { { name = "WORD", many = true, optional = true, help = "a command, an option without its dashes, or a "
    .. "word of specbench's: place, paired, verdict, ..." } }, options = {},
  examples = { "specbench help run", "specbench help starts", "specbench help ramp-up" },
}

-- What the glossary says of a word; nil where it is not there.
local function of_glossary(word)
  for _, entry in ipairs(glossary) do
    if entry[1]:lower() == word:lower() then return ("%s: %s"):format(entry[1], (entry[2]:gsub("`", ""))) end
  end
end

-- An option's help, and the commands that have it; nil where none has.
local function of_options(word, load)
  local names, found = {}, nil
  for _, name in ipairs(command.names()) do
    local definition = load(name)
    for _, option in ipairs(definition.options or {}) do
      if option.long == word and not option.hidden then
        found = found or option
        if option.help == found.help then names[#names + 1] = name end
      end
    end
  end
  return found and ("--%s%s: %s (specbench %s)"):format(word, found.arg and " " .. found.arg or "", found.help,
    table.concat(names, ", "))
end

local function known_words()
  local list = command.names()
  for _, entry in ipairs(glossary) do list[#list + 1] = entry[1] end
  return list
end

function self.run(_, positionals)
  local function load(name)
    if name == "sim" then return simulator.command(simulator.help(environment.executable)) end
    local chunk = loadfile(("%s/scripts/cmd/%s.lua"):format(environment.home, name))
    return chunk and chunk()
  end
  local word = #positionals > 0 and table.concat(positionals, " ")
  if word == "sim" then
    io.stdout:write(simulator.help(environment.executable))
    return 0
  elseif word then
    local name, all = word:match "^([%w_]+) ?(.*)$"
    local definition = (all == "" or all == "all") and load(name)
    local texts = definition and {} or { of_glossary(word) }
    texts[#texts + 1] = not definition and of_options(word, load) or nil
    if not definition and #texts == 0 then
      command.fail(("no command, option or word '%s'%s: specbench help lists the commands, rounds/README.md the words")
        :format(word, unknown.hint(word, known_words())), 2)
    end
    io.stdout:write(definition and cli.help(definition, all == "all") or "")
    for _, text in ipairs(texts) do io.stdout:write(table.concat(text_table.wrap(text, cli.WIDTH), "\n"), "\n") end
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
