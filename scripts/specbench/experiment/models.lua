-- A round names models; where they are on this machine is the user's to say: a models file, --model NAME=PATH,
-- or the name itself as an id that the engine can load.

local description = require "specbench.engine.description"
local fs = require "sb.fs"
local http = require "specbench.http"
local shape = require "specbench.base.shape"
local source = require "specbench.base.source"
local tables = require "specbench.base.tables"
local unknown = require "specbench.base.unknown"
local versions = require "specbench.base.version"

local models = {}

local text = shape.string { empty = false }

---An entry of a models file that is a table.
models.entry = shape.record {
  "model", class = "specbench.model_entry", doc = "Where a model is on this machine, and what serves it.",
  fields = {
    { "path", text, "what the engine loads. One that begins with `/`, `.` or `~` must exist",
      otherwise = "the model's name" },
    { "python", text, "the Python that has the engine" },
    { "binary", text, "the engine's program (`llama-server`)" },
    { "version", text, "the engine's version, for which command lines are written; else the program is asked",
      flaw = function(value)
        if versions.numbers(value) then return nil end
        return ("'%s' must be one such as 0.26.0, or b10601 of llama.cpp"):format(value)
      end },
    { "env", shape.environment(), "environment of the server" },
    { "engine_args", shape.list(shape.either(shape.string(), shape.number())), "flags of this model's servers, before "
      .. "the round's `extra_args`" },
    { "url", text, "where a running server is (engine `external`)", flaw = http.flaw },
    { "served_name", text, "the name that requests give", otherwise = "the round's name of the model" },
    { "quantization", text, "instead of the round's; `\"auto\"`: the checkpoint's own" },
    { "speculative", shape.map(description.own_word), "what the engine must be told where this model drafts, beside "
      .. "the round's own `speculative`" },
    { "body", shape.map(description.own_word), "fields put into every request to this model, beside the round's: "
      .. "`temperature`, `chat_template_kwargs`, ..." },
  },
}

-- A path alone stands for { path = PATH }.
local function check_entry(file, name, entry)
  if type(entry) == "string" then entry = { path = entry } end
  local place = ("%s: '%s'"):format(file, name)
  if type(entry) ~= "table" then return nil, ("%s must be a path or a table, not a %s"):format(place, type(entry)) end
  local flaw = models.entry:flaws(entry, place)[1]
  if flaw then return nil, flaw end
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
      error(("model '%s': %s %s is not a program that can be run (correct it in the models file)")
        :format(name, field, program), 0)
    end
  end
end

---@class specbench.models
---@field entries table<string, table>
---@field file string? the models file
---@field in_file string[] the names that it has
---@field set string[] names that settings of the command line have
---@field set_path table<string, string> what they say
local Models = {}
Models.__index = Models

---@param options { models: string?, model: string[]? } a models file (else $SPECBENCH_MODELS), NAME=PATH settings
---@return specbench.models? models
---@return string? message
---@return string? code "usage" where a setting of the command line is malformed
function models.load(options)
  local self = setmetatable({ entries = {}, in_file = {}, set = {}, set_path = {} }, Models)
  local file = options.models or os.getenv "SPECBENCH_MODELS"
  self.file = file
  if file then
    if not fs.stat(file) then
      local told = file ~= os.getenv "SPECBENCH_MODELS"
      return nil, ("%s: no such file: %s"):format(told and "--models " .. file
        or "$SPECBENCH_MODELS = " .. file, told and "name a models file, which returns { [\"NAME\"] = PATH or {...} }"
        or "correct it, unset it, or name a models file with --models")
    end
    local chunk, message = source.load(file, {})
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
    self.set_path[name] = path
    table.insert(self.set, name)
  end
  return self
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
      return ("--model %s: the round has no such model%s; it has %s"):format(name, unknown.hint(name, has), list)
    end
  end
  for _, name in ipairs(self.in_file) do
    if names[name] ~= nil then return nil end
  end
  if #self.in_file == 0 then return nil end
  local hint = ""
  for _, name in ipairs(self.in_file) do hint = hint ~= "" and hint or unknown.hint(name, has) end
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
  -- what they say is part of the server's description and of the requests
  resolved.quantization, resolved.speculative, resolved.body = nil, nil, nil
  if engine.capabilities.spawn then
    resolved.url = nil -- nothing of such a server
    return resolved
  end
  resolved.url = resolved.url and http.root(resolved.url)
  resolved.served_name = self.set_path[name] or resolved.served_name -- what is to be asked for
  return resolved
end

---What the models file says of a model beside where it is.
---@param name string?
---@param field "quantization"|"speculative"|"body"
---@return any
function Models:said(name, field)
  return name and self.entries[name] and self.entries[name][field]
end

---@param name string
---@return string? version of the engine that serves it, where the models file says so
function Models:engine_version(name)
  return self.entries[name] and self.entries[name].version
end

return models
