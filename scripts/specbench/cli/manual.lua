--- The man page and the bash completion, made from the same tables as --help.

local cli = require "specbench.cli"
local shell = require "specbench.base.shell"

local manual = {}

--- Text for roff: backslashes, dashes (typed as such by users) and control characters at the start
--- of a line.
local function roff(text)
  local escaped = text:gsub("\\", "\\e"):gsub("%-", "\\-")
  return (escaped:gsub("^([.'])", "\\&%1"):gsub("\n([.'])", "\n\\&%1"))
end

local function visible(list)
  local shown = {}
  for _, item in ipairs(list or {}) do
    if not item.hidden then
      shown[#shown + 1] = item
    end
  end
  return shown
end

local function roff_paragraphs(lines, text)
  for paragraph in (text .. "\n\n"):gmatch("(.-)\n%s*\n") do
    lines[#lines + 1] = ".PP"
    lines[#lines + 1] = roff((paragraph:gsub("%s+", " "):gsub("^ ", "")))
  end
end

local function roff_option(lines, option)
  local spelled = "\\fB" .. roff(cli.spelling(option)) .. "\\fR"
  if option.short then
    spelled = "\\fB\\-" .. option.short .. "\\fR, " .. spelled
  end
  if option.type ~= "flag" then
    spelled = spelled .. " \\fI" .. roff(option.arg or "VALUE") .. "\\fR"
  end
  lines[#lines + 1] = ".TP"
  lines[#lines + 1] = spelled
  lines[#lines + 1] = roff(cli.explanation(option))
end

local function roff_command(lines, command)
  local name = roff(command.name)
  lines[#lines + 1] = (".SS \"specbench %s\""):format(name)
  lines[#lines + 1] = ("\\fBspecbench %s\\fR %s"):format(name, roff(cli.usage(command)))
  roff_paragraphs(lines, command.summary .. (command.summary:match("%.$") and "" or "."))
  if command.description then
    roff_paragraphs(lines, command.description)
  end
  for _, positional in ipairs(command.positionals or {}) do
    lines[#lines + 1] = ".TP"
    lines[#lines + 1] = "\\fI" .. roff(positional.name) .. "\\fR"
    lines[#lines + 1] = roff(positional.help or "")
  end
  local groups = cli.groups(command)
  for i, group in ipairs(groups) do
    if i > 1 then
      lines[#lines + 1] = ".PP"
      lines[#lines + 1] = roff(group.name) .. ":"
    end
    for _, option in ipairs(group.items) do
      roff_option(lines, option)
    end
  end
  for i, example in ipairs(command.examples or {}) do
    local line, why = example, nil
    if type(example) == "table" then
      line, why = example[1], example[2]
    end
    lines[#lines + 1] = ".PP"
    if why or i == 1 then
      lines[#lines + 1] = why and roff(why:sub(1, 1):upper() .. why:sub(2)) .. ":" or "Example:"
    end
    lines[#lines + 1] = ".RS 4\n.nf\n" .. roff(line) .. "\n.fi\n.RE"
  end
end

local EXIT_STATUS = {
  { "0", "All went well." },
  { "1", "A script or its data is wrong." },
  { "2", "The command line is wrong." },
  { "3", "The run finished, but some cells failed." },
  { "130", "Interrupted. Cells that are done are kept; the same command goes on from there." },
}

--- Environment variables that options name, each with the options that they stand in for.
local function environment(commands)
  local names, users = {}, {}
  for _, command in ipairs(commands) do
    for _, option in ipairs(visible(command.options)) do
      if option.env then
        if not users[option.env] then
          names[#names + 1], users[option.env] = option.env, {}
        end
        local user = ("--%s of %s"):format(option.long, command.name)
        table.insert(users[option.env], user)
      end
    end
  end
  table.sort(names)
  return names, users
end

---@class specbench.manual.about
---@field summary? string one line
---@field description? string paragraphs, separated by empty lines
---@field version? string
---@field date? string YYYY-MM-DD; left out, the page carries none and stays reproducible

--- The man page specbench(1), in roff.
---@param commands specbench.cli.command[] in the order to show
---@param about? specbench.manual.about
---@return string
function manual.man(commands, about)
  about = about or {}
  commands = visible(commands)
  local summary = about.summary or "measure what speculative decoding gains on real LLM servers"
  local lines = {
    (".TH SPECBENCH 1 \"%s\" \"%s\" \"User Commands\""):format(
      roff(about.date or ""), roff("specbench" .. (about.version and " " .. about.version or ""))),
    ".SH NAME",
    "specbench \\- " .. roff(summary),
    ".SH SYNOPSIS",
    "\\fBspecbench\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...",
  }
  if about.description then
    lines[#lines + 1] = ".SH DESCRIPTION"
    roff_paragraphs(lines, about.description)
  end
  lines[#lines + 1] = ".SH COMMANDS"
  lines[#lines + 1] = "Every command takes \\fB\\-h\\fR, \\fB\\-\\-help\\fR."
  for _, command in ipairs(commands) do
    roff_command(lines, command)
  end
  lines[#lines + 1] = ".SH EXIT STATUS"
  for _, status in ipairs(EXIT_STATUS) do
    lines[#lines + 1] = (".TP\n\\fB%s\\fR\n%s"):format(status[1], roff(status[2]))
  end
  local names, users = environment(commands)
  if #names > 0 then
    lines[#lines + 1] = ".SH ENVIRONMENT"
    for _, name in ipairs(names) do
      lines[#lines + 1] = (".TP\n\\fB%s\\fR\nStands in for %s."):format(
        roff(name), roff(table.concat(users[name], ", ")))
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Option words of a command, and a case branch for each option whose value is one of a few.
local function completion_of(command)
  local words, choices, values = { "--help" }, {}, {}
  for _, option in ipairs(visible(command.options)) do
    words[#words + 1] = cli.spelling(option)
    if option.type ~= "flag" then
      local patterns = "--" .. option.long .. (option.short and "|-" .. option.short or "")
      if option.choices then
        choices[#choices + 1] = ("        %s) choices=%s ;;"):format(
          patterns, shell.quoted(table.concat(option.choices, " ")))
      else
        values[#values + 1] = patterns
      end
    end
  end
  local branches = table.concat(choices, "\n")
  if #values > 0 then
    branches = branches .. (#choices > 0 and "\n" or "")
      .. ("        %s) return ;;"):format(table.concat(values, "|"))
  end
  return table.concat(words, " "), branches
end

--- The bash completion. What it does not know (values, script names) is left to bash, which
--- completes file names.
---@param commands specbench.cli.command[]
---@return string
function manual.completion(commands)
  local names, cases = {}, {}
  for _, command in ipairs(visible(commands)) do
    names[#names + 1] = command.name
    local words, branches = completion_of(command)
    local case = { ("    %s)"):format(command.name) }
    if branches ~= "" then
      case[#case + 1] = "      case $previous in\n" .. branches .. "\n      esac"
    end
    local first = (command.positionals or {})[1]
    if first and first.choices then
      case[#case + 1] = ("      [ \"$COMP_CWORD\" -ne 2 ] || [ \"${current#-}\" != \"$current\" ] || choices=%s")
        :format(shell.quoted(table.concat(first.choices, " ")))
    end
    case[#case + 1] = ("      words=%s\n      ;;"):format(shell.quoted(words))
    cases[#cases + 1] = table.concat(case, "\n")
  end
  return ([[
# bash completion of specbench, made from the tables of its commands

_specbench() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local words= choices=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '%s --help --version' -- "$current"))
    return
  fi
  # bash splits --option=value at the equals sign
  if [ "$current" = = ]; then
    current=
  elif [ "$previous" = = ]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  case ${COMP_WORDS[1]} in
%s
  esac
  if [ -n "$choices" ]; then
    COMPREPLY=($(compgen -W "$choices" -- "$current"))
  elif [ "${current#-}" != "$current" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}

complete -o default -F _specbench specbench
]]):format(table.concat(names, " "), table.concat(cases, "\n"))
end

return manual
