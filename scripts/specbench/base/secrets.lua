-- Keeps what authenticates out of everything that is written or shown. By name: a value that is given to a telling
-- option, variable, header or field is hidden where command lines and environments are kept or printed. By value:
-- such values and this program's own keys are remembered, and their bytes are taken out of whatever text comes in
-- from a server, wherever it quotes them.

local fs = require "sb.fs"

local secrets = {}

local HIDDEN = "(redacted)"
local SHORTEST = 6 -- bytes; a shorter value would be found in text that has nothing to do with it

local function set(words)
  local found = {}
  for word in words:gmatch "%S+" do found[word] = true end
  return found
end

-- Names whose value is a secret by their last word: --api-key, HF_TOKEN, DB_PASS; but not --max-tokens.
local last_words = set [[key apikey token secret password passwd pass pwd passphrase passcode credential credentials
  authorization auth bearer cookie cookies pat signature sig sas]]
-- Or by any word, unless the last says that the value only leads there: --api-key-file, SECRET_KEY_BASE.
local any_words = set "secret password passwd passphrase credential credentials authorization apikey bearer cookie"
local leading = set "file path dir directory folder env name type mode provider"
-- Names that would be taken for one.
local harmless = set "pwd oldpwd"
-- Options whose value is a header, or a user and a password.
local header_options = set "-H --header --headers --proxy-header"
local user_options = set "-u --user --proxy-user -U"

---Whether a value of this name is a secret.
---@param name string of an option, a variable, a header or a field
---@return boolean
function secrets.hides(name)
  if harmless[name:lower()] then return false end
  -- apiKey is two words, APIKEY is one
  local words = {}
  for word in name:gsub("(%l)(%u)", "%1_%2"):lower():gmatch "%a+" do words[#words + 1] = word end
  local last = words[#words]
  if not last or leading[last] then return false end
  if last_words[last] then return true end
  for _, word in ipairs(words) do
    if any_words[word] then return true end
  end
  return false
end

local known, order = {}, {}

---Remembers a secret, whose bytes no text may hold from now on.
---@param value any what is no string, or too short, is left alone
function secrets.learn(value)
  if type(value) ~= "string" or #value < SHORTEST or value == HIDDEN or known[value] then return end
  known[value] = true
  order[#order + 1] = value
  table.sort(order, function(a, b) return #a > #b end) -- one may contain another
end

local environment_is_known = false

-- The secrets of this program's own environment.
local function learn_environment()
  environment_is_known = true
  for entry in (fs.read "/proc/self/environ" or ""):gmatch "[^%z]+" do
    local name, value = entry:match "^([^=]+)=(.*)$"
    if name and secrets.hides(name) then secrets.learn(value) end
  end
end

---@return string[] values the secrets that are known
function secrets.known()
  if not environment_is_known then learn_environment() end
  return order
end

---@param text string
---@return string text without the bytes of any secret that is known
function secrets.scrub(text)
  for _, value in ipairs(secrets.known()) do
    if text:find(value, 1, true) then text = text:gsub((value:gsub("%p", "%%%0")), HIDDEN) end
  end
  return text
end

---Takes them out of a file that nobody writes to any more, such as a server's log. Does nothing where there is none.
---@param path string
function secrets.scrub_file(path)
  local found = #secrets.known() > 0 and fs.stat(path)
  if not found or found.type ~= "file" then return end
  local text = fs.read(path)
  local clean = text and secrets.scrub(text)
  if clean ~= text then fs.write(path, clean) end
end

local function hide(value)
  secrets.learn(value)
  return HIDDEN
end

---@param url string
---@return string url without a user's name and password, nor what its query says for a telling name
function secrets.url(url)
  -- "://" is looked for and not the scheme before it: a pattern that begins anywhere in a long word takes for ever
  url = url:gsub("(://)([^/%s\"']*)@", function(mark, user)
    secrets.learn(user:match ":(.*)$" or user)
    return mark .. HIDDEN .. "@"
  end)
  return (url:gsub("([?&]([%w_.-]+)=)([^&#%s\"']+)", function(before, name, value)
    return secrets.hides(name) and before .. hide(value) or nil
  end))
end

-- "Authorization: Bearer abc" -> "Authorization: (redacted)"
local function header(text)
  local name, value = text:match "^%s*([^:%s]+)%s*:%s*(.-)%s*$"
  if not name or not secrets.hides(name) then return text end
  secrets.learn(value:match "^%a+%s+(.+)$" or value)
  return ("%s: %s"):format(name, hide(value))
end

-- What hides within a word: NAME=VALUE, a URL's password, fields of JSON.
local function word_within(word)
  local name, value = word:match "^([%a_][%w_.-]*)=(.*)$"
  if name and secrets.hides(name) and value ~= "" then return ("%s=%s"):format(name, hide(value)) end
  word = secrets.url(word)
  return (word:gsub('("([%w_.-]+)"%s*:%s*")([^"]*)"', function(before, field, text)
    return secrets.hides(field) and ('%s%s"'):format(before, hide(text)) or nil
  end))
end

---A command line with secrets hidden: the values of telling options, "--api-key X Y" (every word up to the next
---option) and "--api-key=X"; headers; users' passwords; NAME=VALUE of telling names; passwords in URLs; fields of
---JSON.
---@param argv string[]
---@return string[] copy
function secrets.argv(argv)
  local copy, hiding, previous = {}, false, nil
  for i, word in ipairs(argv) do
    local text = tostring(word)
    local name, value = text:match "^(%-%-?[%w_.-]+)=?(.*)$"
    if name then
      local has_value = text:find("=", 1, true) ~= nil
      hiding = secrets.hides(name) and not has_value
      if not has_value then
        copy[i] = word
      elseif secrets.hides(name) then
        copy[i] = ("%s=%s"):format(name, hide(value))
      else
        copy[i] = ("%s=%s"):format(name, header_options[name] and header(value) or word_within(value))
      end
      previous = not has_value and name or nil
    else
      if hiding then
        copy[i] = hide(text)
      elseif header_options[previous] then
        copy[i] = header(text)
      elseif user_options[previous] and text:find(":", 1, true) then
        secrets.learn(text:match ":(.*)$")
        copy[i] = HIDDEN
      else
        local within = word_within(text)
        copy[i] = within ~= text and within or word
      end
      previous = nil
    end
  end
  return setmetatable(copy, getmetatable(argv))
end

---Environment variables with the values of telling names hidden.
---@param env table<string, string|number|false>
---@return table copy
function secrets.env(env)
  local copy = {}
  for name, value in pairs(env) do
    if value and secrets.hides(tostring(name)) then
      copy[name] = hide(value)
    else
      copy[name] = type(value) == "string" and secrets.url(value) or value
    end
  end
  return copy
end

---A request's fields with the values of telling names hidden.
---@param body table
---@return table copy
function secrets.body(body)
  local copy = setmetatable({}, getmetatable(body))
  for name, value in pairs(body) do
    if type(value) == "table" then
      copy[name] = secrets.body(value)
    elseif type(value) == "string" and secrets.hides(tostring(name)) then
      copy[name] = hide(value)
    else
      copy[name] = value
    end
  end
  return copy
end

---A server's description, as a cell's identity holds it.
---@param server table resolved description
---@return table copy
function secrets.server(server)
  local copy = {}
  for name, value in pairs(server) do copy[name] = value end
  if type(copy.profile) == "table" then copy.profile = secrets.argv(copy.profile) end
  if type(copy.profile) == "string" then
    local words = {}
    for word in copy.profile:gmatch "%S+" do words[#words + 1] = word end
    copy.profile = table.concat(secrets.argv(words), " ")
  end
  if copy.extra_args then copy.extra_args = secrets.argv(copy.extra_args) end
  if copy.env then copy.env = secrets.env(copy.env) end
  for _, part in ipairs { "model", "draft" } do
    local model = server[part]
    if type(model) == "table" then
      copy[part] = {}
      for name, value in pairs(model) do copy[part][name] = value end
      if model.engine_args then copy[part].engine_args = secrets.argv(model.engine_args) end
      if model.env then copy[part].env = secrets.env(model.env) end
      if model.url then copy[part].url = secrets.url(model.url) end
    end
  end
  return copy
end

return secrets
