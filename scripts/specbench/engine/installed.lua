-- Which version of an engine will serve: said by the user, or asked of the program that is to be started. Answers are
-- kept, so that each program is asked once.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local proc = require "sb.proc"
local version = require "specbench.base.version"

local installed = {}

-- A package that is used from its source tree has no metadata.
local ASK = [[
import importlib.metadata as m, importlib.util as u, sys
try:
    print(m.version("%s"))
except m.PackageNotFoundError:
    sys.exit("%s has no metadata" if u.find_spec("%s") else "no module named %s")
]]

---What asks a Python package's metadata, which loads nothing of it.
---@param python string|nil
---@param package string
---@return string[] argv
function installed.of_package(python, package)
  return { python or "python3", "-c", (ASK:gsub("%%s", package)) }
end

---Whether what that printed says that there is no such package.
---@param output string
---@return boolean
function installed.is_absent(output)
  return output:find "no module named %S+%s*$" ~= nil
end

---The version that is alone on an output's last line: warnings may stand before it.
---@param output string
---@return string|nil
function installed.last_line(output)
  local line = output:match "([^\n]+)%s*$"
  return line and line:match "^%s*(%d[%w.+]*)%s*$"
end

local PATIENCE = 120 -- seconds: some programs load their whole engine before they tell

local answers = {}

local function ask(argv, env, read)
  local log = assert(fs.temporary())
  local _ <close> = setmetatable({}, { __close = function() os.remove(log) end })
  local process <close> = assert(proc.start { argv = argv, env = env, log = log })
  if not process:wait(PATIENCE) then return { why = ("%s did not answer in %d s"):format(argv[1], PATIENCE) } end
  local output = fs.read(log) or ""
  local found = read(output)
  if version.numbers(found) then return { version = found } end
  local state, how = process:status()
  local last = output:match "([^\n]+)%s*$"
  local absent = state == "failed" or installed.is_absent(output)
  local why = last and ("%s says '%s'"):format(argv[1], last) or ("%s: %s"):format(argv[1], how or state)
  return { why = why, absent = absent }
end

---@param engine specbench.engine
---@param server table resolved description
---@param env table<string, string> what the program is started with
---@param said string|nil what the user says it is
---@return string|nil version nil where it is not known: command lines are then those of the newest
---@return string|nil why it is not known
---@return boolean|nil absent whether that is because it is not there at all
function installed.version(engine, server, env, said)
  local probe = engine.capabilities.spawn and engine.version.probe
  if not probe then return nil end
  if said then return said end
  local argv = probe(server)
  local key = json.encode { argv, env }
  answers[key] = answers[key] or ask(argv, env, engine.version.read)
  return answers[key].version, answers[key].why, answers[key].absent
end

return installed
