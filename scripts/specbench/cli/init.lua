--- Command lines: one table describes a command; parsing, --help, the man page and the shell
--- completion all come from it.
--
--   local command = {
--     name = "run", summary = "Run a round",
--     positionals = { { name = "ROUND", help = "round file" } },
--     options = {
--       { long = "set", arg = "AXIS=V1,V2", repeated = true, help = "values of an axis" },
--       { long = "port", short = "p", arg = "PORT", type = "int", min = 1, default = 8000 },
--       { long = "resume", type = "flag", default = true, help = "keep the cells that are done" },
--     },
--   }
--   local options, positionals = cli.parse(command, arg)   -- options.set, options.port, ...
--
-- An API key is never an option's value, because command lines are visible to every user of the
-- machine: declare `--api-key-file` or read the environment.

local reader = require "specbench.cli.reader"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"

local cli = {
  check = reader.check,
  first_positional = reader.first_positional,
  key = reader.key,
  parse = reader.parse,
  spelling = reader.spelling,
  WIDTH = 80, -- of help
}

-- Commands in the order in which one needs them; others follow by their names.
local BY_USE = {
  "run", "watch", "new", "plan", "check", "report", "compare", "predict", "fit", "show", "measure", "dataset",
  "export", "slurm", "merge", "cleanup", "sim", "selfcheck", "help",
}

local DEEPEST_HELP_COLUMN = 30
local SHORT_EXAMPLES = 3 -- that a short help has

--- A copy of `command` that also takes the options that a script declares for itself.
---@param command specbench.cli.command
---@param options specbench.cli.option[]
---@param group? string their heading in --help
---@return specbench.cli.command
function cli.extend(command, options, group)
  local copy, all = {}, {}
  for key, value in pairs(command) do
    copy[key] = value
  end
  for i, option in ipairs(command.options or {}) do
    all[i] = option
  end
  for _, option in ipairs(options) do
    local own = { group = group }
    for key, value in pairs(option) do
      own[key] = value
    end
    all[#all + 1] = own
  end
  copy.options = all
  return copy
end

local function option_label(option)
  local value = option.type ~= "flag" and " " .. (option.arg or "VALUE") or ""
  return (option.short and "-" .. option.short .. ", " or "    ") .. cli.spelling(option) .. value
end

--- What an option does, with its choices, default and environment variable.
---@param option specbench.cli.option
---@return string
function cli.explanation(option)
  local facts = {}
  if option.choices then
    facts[#facts + 1] = "one of " .. table.concat(option.choices, ", ")
  end
  local default = option.default
  if type(default) == "string" or type(default) == "number" then
    facts[#facts + 1] = "default " .. default
  end
  if option.repeated then
    facts[#facts + 1] = "may be repeated"
  end
  if option.env then
    facts[#facts + 1] = "else $" .. option.env
  end
  local help = option.help or ""
  if #facts == 0 then
    return help
  end
  return ("%s%s(%s)"):format(help, help ~= "" and " " or "", table.concat(facts, "; "))
end

--- What follows the command's name: "[OPTION]... ROUND".
---@param command specbench.cli.command
---@return string
function cli.usage(command)
  if command.usage then
    return command.usage
  end
  local words = { "[OPTION]..." }
  for _, positional in ipairs(command.positionals or {}) do
    local word = positional.name .. (positional.many and "..." or "")
    words[#words + 1] = positional.optional and "[" .. word .. "]" or word
  end
  return table.concat(words, " ")
end

--- Two columns: labels, and texts wrapped beside them (or below a label that is too long).
local function list(lines, entries)
  local column = 0
  for _, entry in ipairs(entries) do
    local width = text_table.width(entry[1]) + 4
    if width <= DEEPEST_HELP_COLUMN then
      column = math.max(column, width)
    end
  end
  column = column == 0 and DEEPEST_HELP_COLUMN or column
  for _, entry in ipairs(entries) do
    local wrapped = text_table.wrap(entry[2] or "", cli.WIDTH - column)
    local label, first = "  " .. entry[1], 1
    if text_table.width(label) + 2 <= column then
      label, first = text_table.pad(label, column) .. wrapped[1], 2
    end
    lines[#lines + 1] = label:gsub(" +$", "")
    for i = first, #wrapped do
      lines[#lines + 1] = ((" "):rep(column) .. wrapped[i]):gsub(" +$", "")
    end
  end
end

local function paragraphs(lines, text)
  for paragraph in (text .. "\n\n"):gmatch("(.-)\n%s*\n") do
    lines[#lines + 1] = ""
    for _, line in ipairs(text_table.wrap(paragraph, cli.WIDTH)) do
      lines[#lines + 1] = line
    end
  end
end

--- Sorts commands into the order of use, in place.
---@param commands specbench.cli.command[]
---@return specbench.cli.command[] commands
function cli.by_use(commands)
  local rank = {}
  for i, name in ipairs(BY_USE) do rank[name] = i end
  table.sort(commands, function(a, b)
    local x, y = rank[a.name] or math.huge, rank[b.name] or math.huge
    if x ~= y then return x < y end
    return a.name < b.name
  end)
  return commands
end

--- Headings of the options in the order of their first appearance, and the options under each.
---@param command specbench.cli.command
---@return { name: string, items: specbench.cli.option[] }[]
function cli.groups(command)
  return tables.grouped(command.options or {}, function(option)
    return not option.hidden and (option.group or "Options") or nil
  end)
end

-- The short help of a command that has options which are seldom needed: the others of their headings together, with the
-- first clause of what they do; then the headings that have none such; and by heading the names of the rest.
local function in_short(command)
  local daily, groups, rest = {}, {}, {}
  for _, group in ipairs(cli.groups(command)) do
    local often, names = {}, {}
    for _, option in ipairs(group.items) do
      if option.seldom then
        names[#names + 1] = cli.spelling(option)
      else
        local clause = (option.help or ""):match "^(.-) *[;(]" or option.help
        often[#often + 1] = setmetatable({ help = clause }, { __index = option })
      end
    end
    if #names > 0 then
      table.move(often, 1, #often, #daily + 1, daily)
      rest[#rest + 1] = { group.name, table.concat(names, ", ") }
    else
      groups[#groups + 1] = group
    end
  end
  if #rest == 0 then return nil end
  table.insert(groups, 1, { name = "Options", items = daily })
  return { groups = groups, rest = rest }
end

--- The text of --help, 80 columns wide, ended by a newline.
---@param command specbench.cli.command
---@param all boolean? options that are seldom needed are explained too
---@return string
function cli.help(command, all)
  local lines = { ("Usage: %s %s"):format(reader.title(command), cli.usage(command)), "" }
  if command.summary:find "\n" then -- a script's own comment, which has its lines
    lines[#lines + 1] = command.summary
  else
    for _, line in ipairs(text_table.wrap(command.summary, cli.WIDTH)) do lines[#lines + 1] = line end
  end
  if command.description then
    paragraphs(lines, command.description)
  end

  local arguments = {}
  for i, positional in ipairs(command.positionals or {}) do
    arguments[i] = { positional.name, positional.help }
  end
  if #arguments > 0 then
    lines[#lines + 1] = "\nArguments:"
    list(lines, arguments)
  end

  local short = not all and in_short(command) or nil
  local groups = short and short.groups or cli.groups(command)
  groups[1] = groups[1] or { name = "Options", items = {} }
  for i, group in ipairs(groups) do
    lines[#lines + 1] = "\n" .. group.name .. ":"
    local entries = {}
    for j, option in ipairs(group.items) do
      entries[j] = { option_label(option), cli.explanation(option) }
    end
    if i == 1 then
      entries[#entries + 1] = { "-h, --help", "show this help" }
    end
    list(lines, entries)
  end
  if short then
    lines[#lines + 1] = ("\nMore ('%s --help all' explains them, 'specbench help NAME' one):"):format(
      reader.title(command))
    list(lines, short.rest)
  end

  if command.examples and #command.examples > 0 then
    lines[#lines + 1] = "\nExamples:"
    for i, example in ipairs(command.examples) do
      if short and i > SHORT_EXAMPLES then break end
      if type(example) == "table" then
        lines[#lines + 1] = "  # " .. example[2]
        example = example[1]
      end
      lines[#lines + 1] = "  " .. example
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

--- The text of `specbench --help`: the commands with their summaries, ended by a newline.
---@param commands specbench.cli.command[] in the order to show
---@param summary string what the program is, one line
---@return string
function cli.overview(commands, summary)
  local lines = { "Usage: specbench COMMAND [OPTION]... [ARGUMENT]...", "", summary }
  lines[#lines + 1] = "\nCommands:"
  local entries, aside = {}, {}
  for _, command in ipairs(commands) do
    if command.aside then
      aside[#aside + 1] = command.name
    elseif not command.hidden then
      entries[#entries + 1] = { command.name, command.summary }
    end
  end
  list(lines, entries)
  if #aside > 0 then
    lines[#lines + 1] = "\nSeldom needed: " .. table.concat(aside, ", ")
  end
  lines[#lines + 1] = "\n'specbench COMMAND --help' explains a command."
  return table.concat(lines, "\n") .. "\n"
end

return cli
