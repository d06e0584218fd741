-- A round names models; where they are on this machine is the user's to say: a models file, --model NAME=PATH,
-- or the name itself as an id that the engine can load.

local fs = require "sb.fs"

local models = {}

-- What an entry of a models file may hold.
local known = {
  path = "string", python = "string", binary = "string", env = "table", engine_args = "table", url = "string",
  served_name = "string",
}

local function check_entry(file, name, entry)
  if type(entry) == "string" then entry = { path = entry } end
  if type(entry) ~= "table" then
    return nil, ("%s: '%s' must be a path or a table, not a %s"):format(file, name, type(entry))
  end
  for field, value in pairs(entry) do
    if type(value) ~= known[field] then
      local names = {}
      for k in pairs(known) do names[#names + 1] = k end
      table.sort(names)
      return nil, ("%s: '%s' has %s '%s'; known fields: %s"):format(file, name,
        known[field] and "a wrong type for" or "an unknown field", tostring(field), table.concat(names, ", "))
    end
  end
  return entry
end

-- Files that a path plainly means, but that are not there, are found before any server starts.
local function check_path(name, entry)
  local path = entry.path
  if path and path:find "^[./~]" and not fs.stat(path) then
    return nil, ("model '%s': there is no %s (give its place with --model %s=PATH or in the models file)")
      :format(name, path, name)
  end
  return true
end

---@class specbench.models
---@field entries table<string, table>
local Models = {}
Models.__index = Models

---@param options { models: string?, model: string[]? } a models file (else $SPECBENCH_MODELS), NAME=PATH settings
---@return specbench.models? models
---@return string? message
function models.load(options)
  local self = setmetatable({ entries = {} }, Models)
  local file = options.models or os.getenv "SPECBENCH_MODELS"
  if file then
    local chunk, message = loadfile(file, "t", {})
    if not chunk then return nil, "models file: " .. message end
    local ok, entries = pcall(chunk)
    if not ok or type(entries) ~= "table" then
      return nil, ("models file %s: %s"):format(file, ok and "must return a table { [\"NAME\"] = PATH or {...} }" or entries)
    end
    for name, entry in pairs(entries) do
      local checked, why = check_entry(file, name, entry)
      if not checked then return nil, "models file " .. why end
      self.entries[name] = checked
    end
  end
  for _, setting in ipairs(options.model or {}) do
    local name, path = setting:match "^([^=]+)=(.+)$"
    if not name then return nil, ("--model '%s' is not NAME=PATH"):format(setting) end
    self.entries[name] = self.entries[name] or {}
    self.entries[name].path = path
  end
  for name, entry in pairs(self.entries) do
    local ok, message = check_path(name, entry)
    if not ok then return nil, message end
  end
  return self
end

---@param name string? as the round says it
---@return { name: string, path: string, python: string?, binary: string?, env: table?, engine_args: string[]?,
---  url: string?, served_name: string? }? resolved nil where name is nil
function Models:resolve(name)
  if not name then return nil end
  local resolved = { name = name, path = name }
  for field, value in pairs(self.entries[name] or {}) do resolved[field] = value end
  return resolved
end

return models
