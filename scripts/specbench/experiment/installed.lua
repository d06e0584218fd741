-- Which version of an engine will serve: said by the user, or asked of the program that is to be started. Answers are
-- kept, so that each program is asked once.

local base = require "specbench.engine.base"
local fs = require "sb.fs"
local json = require "specbench.json"
local proc = require "sb.proc"
local versions = require "specbench.engine.version"

local installed = {}

local PATIENCE = 120 -- seconds: some programs load their whole engine before they tell

local answers = {}

local function ask(argv, env, read)
  local log = os.tmpname()
  local _ <close> = setmetatable({}, { __close = function() os.remove(log) end })
  local process <close> = assert(proc.start { argv = argv, env = env, log = log })
  if not process:wait(PATIENCE) then return { why = ("%s did not answer in %d s"):format(argv[1], PATIENCE) } end
  local output = fs.read(log) or ""
  local version = read(output)
  if versions.numbers(version) then return { version = version } end
  local state, how = process:status()
  local last = output:match "([^\n]+)%s*$"
  local absent = state == "failed" or versions.is_absent(output)
  local why = last and ("%s says '%s'"):format(argv[1], last) or ("%s: %s"):format(argv[1], how or state)
  return { why = why, absent = absent }
end

---@param engine specbench.engine
---@param server table resolved description
---@param said string|nil what the user says it is
---@return string|nil version nil where it is not known: command lines are then those of the newest
---@return string|nil why it is not known
---@return boolean|nil absent whether that is because it is not there at all
function installed.version(engine, server, said)
  local probe = engine.capabilities.spawn and engine.version.probe
  if not probe then return nil end
  if said then return said end
  local argv, env = probe(server), base.environment(server)
  local key = json.encode { argv, env }
  answers[key] = answers[key] or ask(argv, env, engine.version.read)
  return answers[key].version, answers[key].why, answers[key].absent
end

return installed
