-- A round names models; where they are on this machine is the user's to say: a models file, --model NAME=PATH,
-- or the name itself as an id that the engine can load.

local fs = require "sb.fs"
local http = require "specbench.http"
local nearest = require "specbench.base.nearest"
local tables = require "specbench.base.tables"
local versions = require "specbench.engine.version"

local models = {}

-- What an entry of a models file may hold.
local known = {
  path = "string", python = "string", binary = "string", env = "table", engine_args = "table", url = "string",
  served_name = "string", version = "string",
}

local function is_word(value)
  return type(value) == "string" or type(value) == "number"
end

-- What is wrong with a field of the right type; nil where nothing is.
local function flaw(field, value)
  if field == "engine_args" then
    local count = 0
    for _, word in pairs(value) do
      count = count + 1
      if not is_word(word) then return "engine_args must hold strings and numbers, not a " .. type(word) end
    end
    if count ~= #value then return "engine_args must be a list: { \"--option\", \"value\" }" end
  elseif field == "env" then
    for variable, setting in pairs(value) do
      if type(variable) ~= "string" or setting ~= false and not is_word(setting) then
        return "env must map names to strings, or to false to unset one"
      end
    end
  elseif field == "url" then
    return http.flaw(value)
  elseif field == "version" and not versions.numbers(value) then
    return ("version '%s' must be one such as 0.26.0, or b10601 of llama.cpp"):format(value)
  end
end

local function check_entry(file, name, entry)
  if type(entry) == "string" then entry = { path = entry } end
  if type(entry) ~= "table" then
    return nil, ("%s: '%s' must be a path or a table, not a %s"):format(file, name, type(entry))
  end
  for field, value in pairs(entry) do
    if type(value) ~= known[field] then
      return nil, ("%s: '%s' has %s '%s'; known fields: %s"):format(file, name,
        known[field] and "a wrong type for" or "an unknown field", tostring(field),
        table.concat(tables.keys(known), ", "))
    end
    local wrong = flaw(field, value)
    if wrong then return nil, ("%s: '%s': %s"):format(file, name, wrong) end
  end
  return entry
end

-- A shell expands "~" on its command line, not in a file.
local function expand_home(entry)
  local home = os.getenv "HOME"
  for _, field in ipairs { "path", "binary", "python" } do
    local value = entry[field]
    if home and value and value:sub(1, 2) == "~/" then entry[field] = home .. value:sub(2) end
  end
end

-- Files that a path plainly means, but that are not there, are found before any server starts.
local function check_files(name, entry)
  expand_home(entry)
  local path = entry.path
  if path and path:find "^[./~]" and not fs.stat(path) then
    error(("model '%s': there is no %s (give its place with --model %s=PATH or in the models file)")
      :format(name, path, name), 0)
  end
  for _, field in ipairs { "binary", "python" } do
    local program = entry[field]
    if program and program:find("/", 1, true) and not fs.is_executable(program) then
      error(("model '%s': %s %s is no program that can be run (correct it in the models file)")
        :format(name, field, program), 0)
    end
  end
end

---@class specbench.models
---@field entries table<string, table>
---@field file string? the models file
---@field in_file string[] the names that it has
---@field set string[] names that settings of the command line have
local Models = {}
Models.__index = Models

---@param options { models: string?, model: string[]? } a models file (else $SPECBENCH_MODELS), NAME=PATH settings
---@return specbench.models? models
---@return string? message
---@return string? code "usage" where a setting of the command line is malformed
function models.load(options)
  local self = setmetatable({ entries = {}, in_file = {}, set = {} }, Models)
  local file = options.models or os.getenv "SPECBENCH_MODELS"
  self.file = file
  if file then
    local chunk, message = loadfile(file, "t", {})
    if not chunk then return nil, "models file: " .. message end
    local ok, entries = pcall(chunk)
    if not ok or type(entries) ~= "table" then
      local what = ok and file .. ": must return a table { [\"NAME\"] = PATH or {...} }" or tostring(entries)
      return nil, "models file: " .. what
    end
    for name, entry in pairs(entries) do
      if type(name) ~= "string" then
        return nil, ("models file: %s: entry %s has no name: write [\"NAME\"] = PATH"):format(file, tostring(name))
      end
      local checked, why = check_entry(file, name, entry)
      if not checked then return nil, "models file: " .. why end
      self.entries[name] = checked
    end
    self.in_file = tables.keys(entries)
  end
  for _, setting in ipairs(options.model or {}) do
    local name, path = setting:match "^([^=]+)=(.+)$"
    if not name then return nil, ("--model '%s' is not NAME=PATH"):format(setting), "usage" end
    self.entries[name] = self.entries[name] or {}
    self.entries[name].path = path
    table.insert(self.set, name)
  end
  return self
end

local function meant(name, names)
  local word = nearest(name, names)
  return word and (" (did you mean '%s'?)"):format(word) or ""
end

---Names that a round does not have are slips that would have no effect. A models file may say more than one round
---needs, so only one that says nothing to this round is refused.
---@param names table<string, any> the round's models
---@return string? flaw
function Models:flaw(names)
  local has = tables.keys(names)
  local list = table.concat(has, ", ")
  for _, name in ipairs(self.set) do
    if names[name] == nil then
      return ("--model %s: the round has no such model%s; it has %s"):format(name, meant(name, has), list)
    end
  end
  for _, name in ipairs(self.in_file) do
    if names[name] ~= nil then return nil end
  end
  if #self.in_file == 0 then return nil end
  local hint = ""
  for _, name in ipairs(self.in_file) do hint = hint ~= "" and hint or meant(name, has) end
  return ("models file %s: names %s, none of which the round has%s; it has %s"):format(self.file,
    table.concat(self.in_file, ", "), hint, list)
end

---Raises one line where what the entry names is not there.
---@param name string? as the round says it
---@param engine specbench.engine that is to serve it
---@return { name: string, path: string, python: string?, binary: string?, env: table?, engine_args: string[]?,
---  url: string?, served_name: string? }? resolved nil where name is nil
function Models:resolve(name, engine)
  if not name then return nil end
  local resolved, entry = { name = name, path = name }, self.entries[name] or {}
  check_files(name, entry)
  for field, value in pairs(entry) do resolved[field] = value end
  resolved.version = nil -- of the engine: no part of what a model is
  if engine.capabilities.spawn then resolved.url = nil end -- nothing of such a server
  return resolved
end

---@param name string
---@return string? version of the engine that serves it, where the models file says so
function Models:engine_version(name)
  return self.entries[name] and self.entries[name].version
end

return models
