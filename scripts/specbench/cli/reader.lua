--- Reads command lines by a command's table. Use it through specbench.cli, which says what such a
--- table holds.

local definition = require "specbench.cli.definition"
local unknown = require "specbench.base.unknown"

local reader = {}

local KEY_NAMES = { ["api-key"] = true, apikey = true, ["api-token"] = true, token = true }

--- Key of an option in the table that reader.parse returns: "api-key-file" is `api_key_file`.
---@param option specbench.cli.option
---@return string
function reader.key(option)
  return (option.long:gsub("-", "_"))
end

--- How the option is written by the user: "--no-resume" for a flag that is on by default.
---@param option specbench.cli.option
---@return string
function reader.spelling(option)
  return (option.type == "flag" and option.default == true and "--no-" or "--") .. option.long
end

--- The command as the user typed it.
---@param command specbench.cli.command
---@return string
function reader.title(command)
  return "specbench " .. command.name
end

-- What Lua makes of an option's values.
local KINDS = { -- their type, and how it is said
  string = { "string", "a string" }, choice = { "string", "a string" }, int = { "integer", "a whole number" },
  number = { "number", "a number" }, flag = { "boolean", "true or false" },
}

local function kind_of(option) return KINDS[option.type or "string"] end

local function fits(option)
  local wanted = kind_of(option)[1]
  return (wanted == "integer" and math.type or type)(option.default) == wanted
end

--- Raises on a command table that contradicts itself; such a table is a mistake in a script.
---@param command specbench.cli.command
---@return table<string, specbench.cli.option> by_long, table<string, specbench.cli.option> by_short
function reader.check(command)
  local flaw = definition:flaws(command, command.name and reader.title(command))[1]
  if flaw then error(flaw, 0) end
  local by_long, by_short = {}, {}
  for _, option in ipairs(command.options or {}) do
    local long = option.long
    local function misuse(what)
      error(("%s: option --%s %s"):format(reader.title(command), tostring(long), what), 0)
    end
    if not long:match("^%w[%w-]*$") then
      misuse("needs a long name of letters, digits and dashes")
    elseif by_long[long] or long == "help" then
      misuse("is declared twice")
    elseif KEY_NAMES[long:lower()] then
      misuse("would put a secret on the command line; declare --" .. long .. "-file")
    elseif option.type == "choice" and not option.choices then
      misuse("needs choices")
    elseif option.default ~= nil and not option.repeated and not fits(option) then
      misuse(("needs a default that is %s, as its values are"):format(kind_of(option)[2]))
    elseif option.short and not option.short:match("^%a$") then
      misuse("needs a short name of one letter")
    elseif by_short[option.short] or option.short == "h" then
      misuse("has a short name that is taken")
    end
    by_long[long] = option
    if option.short then
      by_short[option.short] = option
    end
  end
  return by_long, by_short
end

local function number_of(option, text)
  local number = tonumber(text)
  local kind = option.type == "int" and "a whole number" or "a number"
  if option.type == "int" then
    number = math.tointeger(number)
  end
  if not number or number ~= number or math.abs(number) == math.huge then
    return nil, ("needs %s, not '%s'"):format(kind, text)
  end
  if option.min and number < option.min or option.max and number > option.max then
    local bounds = option.min and option.max and ("from %s to %s"):format(option.min, option.max)
      or option.min and ("of at least %s"):format(option.min)
      or ("of at most %s"):format(option.max)
    return nil, ("needs %s %s, not %s"):format(kind, bounds, text)
  end
  return number
end

--- Value of an option from its text.
---@return any value, string|nil what is wrong
local function convert(option, text)
  local kind = option.type or "string"
  if kind == "int" or kind == "number" then
    return number_of(option, text)
  elseif kind == "choice" then
    for _, choice in ipairs(option.choices) do
      if choice == text then
        return text
      end
    end
    return nil, ("does not take '%s'%s: choose from %s"):format(text, unknown.hint(text, option.choices),
      table.concat(option.choices, ", "))
  end
  if text == "" then return nil, ("needs %s, not an empty text"):format(option.arg or "a value") end
  return text
end

---@class specbench.cli.parser
local parser = {}
parser.__index = parser

function parser:fail(what)
  if not self.lenient then
    self.failure = self.failure or ("%s: %s"):format(reader.title(self.command), what)
  end
end

function parser:see_help()
  return ("see %s --help"):format(reader.title(self.command))
end

function parser:store(option, spelled, text)
  local value, wrong = convert(option, text)
  if wrong then
    return self:fail(("%s %s"):format(spelled, wrong))
  end
  local key = reader.key(option)
  if not option.repeated then
    self.options[key] = value
  else
    self.given[key] = self.given[key] or {}
    table.insert(self.given[key], value)
    self.options[key] = self.given[key]
  end
end

--- The option of a long name; the second result is true for the --no- form of a flag.
function parser:named(name)
  local option = self.by_long[name]
  if option or not name or name:sub(1, 3) ~= "no-" then
    return option, false
  end
  local flag = self.by_long[name:sub(4)]
  if flag and flag.type == "flag" and flag.default == true then
    return flag, true
  end
end

--- Takes the next word as the value, unless it is plainly another option of this command.
function parser:value_after(option, spelled)
  local word = self.argv[self.at + 1]
  local long, short = (word or ""):match("^%-%-([^=]+)"), (word or ""):match("^%-(%a)$")
  if not word or word == "--" or long == "help" or self:named(long) or self.by_short[short] then
    local missing = ("%s needs a value: %s %s"):format(spelled, spelled, option.arg or "VALUE")
    local follows = word and (", but %s follows"):format(word:match("^[^=]+")) or ""
    return self:fail(missing .. follows)
  end
  self.at = self.at + 1
  self:store(option, spelled, word)
end

function parser:unknown(name)
  local bare = name:gsub("^no%-", ""):lower()
  if KEY_NAMES[bare] then
    local file = self.by_long["api-key-file"] and "use --api-key-file" or "use the environment"
    return self:fail(("--%s is not accepted, because other users can read command lines: %s")
      :format(name, file))
  end
  local names = { "--help" }
  for _, option in ipairs(self.command.options or {}) do
    if not option.hidden then
      names[#names + 1] = "--" .. option.long
      names[#names + 1] = reader.spelling(option)
    end
  end
  self:fail(("unknown option --%s%s: %s"):format(name, unknown.hint("--" .. name, names), self:see_help()))
end

function parser:long(word)
  local name, text = word:match("^%-%-([^=]*)=?(.*)$")
  local has_text = word:find("=", 1, true) ~= nil
  local option, off = self:named(name)
  if name == "help" then
    self.options.help = true
  elseif not option then
    self:unknown(name)
  elseif option.type == "flag" then
    if has_text then
      return self:fail(("--%s takes no value"):format(name))
    end
    self.options[reader.key(option)] = not off
  elseif has_text then
    self:store(option, "--" .. name, text)
  else
    self:value_after(option, "--" .. name)
  end
end

--- -v, -vq (flags), -k3 and -k 3.
function parser:short(word)
  local at = 2
  while at <= #word do
    local letter = word:sub(at, at)
    local option = self.by_short[letter]
    if letter == "h" then
      self.options.help = true
    elseif not option then
      return self:fail(("unknown option -%s: %s"):format(letter, self:see_help()))
    elseif option.type == "flag" then
      self.options[reader.key(option)] = true
    elseif at < #word then
      return self:store(option, "-" .. letter, word:sub(at + 1))
    else
      return self:value_after(option, "-" .. letter)
    end
    at = at + 1
  end
end

function parser:words()
  local plain, only_plain = {}, false
  while self.at < #self.argv and not self.failure do
    self.at = self.at + 1
    local word = self.argv[self.at]
    if only_plain or word:sub(1, 1) ~= "-" or word == "-" then
      plain[#plain + 1] = word
    elseif word == "--" then
      only_plain = true
    elseif word:sub(1, 2) == "--" then
      self:long(word)
    else
      self:short(word)
    end
  end
  return plain
end

function parser:defaults(getenv)
  for _, option in ipairs(self.command.options or {}) do
    local key = reader.key(option)
    local text = self.options[key] == nil and option.env and getenv(option.env)
    if text and text ~= "" then
      self:store(option, "$" .. option.env, text)
    end
    if self.options[key] == nil then
      if option.default ~= nil then
        self.options[key] = option.default
      elseif option.repeated then
        self.options[key] = {}
      elseif option.type == "flag" then
        self.options[key] = false
      end
    end
  end
end

function parser:positionals(plain)
  local declared = self.command.positionals or {}
  local last = declared[#declared]
  if #plain > #declared and not (last and last.many) then
    self:fail(("unexpected argument '%s': %s"):format(plain[#declared + 1], self:see_help()))
  end
  for i, positional in ipairs(declared) do
    if not plain[i] and not positional.optional then
      local what = positional.help and (" (%s)"):format(positional.help) or ""
      self:fail(("%s is missing%s: %s"):format(positional.name, what, self:see_help()))
    end
  end
end

local function new_parser(command, argv, lenient)
  local by_long, by_short = reader.check(command)
  return setmetatable({
    command = command, argv = argv, at = 0, lenient = lenient,
    by_long = by_long, by_short = by_short, options = {}, given = {},
  }, parser)
end

--- The first positional of a command line that may hold options which are not known yet: a
--- script's name, needed to learn which options the script declares. Mistakes are passed over. A
--- script's option that stands before the name must be written --LONG=VALUE.
---@param command specbench.cli.command
---@param argv string[]
---@return string|nil
function reader.first_positional(command, argv)
  return new_parser(command, argv, true):words()[1]
end

--- Reads a command line.
---@param command specbench.cli.command
---@param argv string[] the words after the command's name
---@param getenv? fun(name: string): string|nil os.getenv unless told
---@return table|nil options by reader.key; nil after a mistake of the user. Where `help` is set,
---  nothing else is required
---@return string[]|string positionals in the order given; or the mistake, in one line
---@return integer|nil exit_code 2 after a mistake
function reader.parse(command, argv, getenv)
  local self = new_parser(command, argv, false)
  local plain = self:words()
  if self.failure == nil and not self.options.help then
    self:defaults(getenv or os.getenv)
    self:positionals(plain)
  end
  if self.failure then
    return nil, self.failure, 2
  end
  return self.options, plain
end

return reader
