-- What the simulator's profiles say of themselves: whether something published or measured stands behind an acceptance.

local base = require "specbench.engine.base"
local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local sim_profile = {}

local DEEPEST = 4 -- profiles that one extends, as the simulator takes them: one that extends itself is refused there

---The simulator's own folder of profiles.
---@return string
function sim_profile.folder()
  return os.getenv "SPECBENCH_SIM_PROFILES" or environment.home .. "/runtime/sim/profiles"
end

-- The profile and what it extends, the nearest first; nil where one of them cannot be read, which the simulator says.
local function chain_of(path)
  local chain = {}
  repeat
    local text = fs.read(path)
    local found = text and json.decode(text)
    if type(found) ~= "table" then return nil end
    chain[#chain + 1] = found
    path = found.extends and ("%s/%s.json"):format(path:match "^(.*)/[^/]*$" or ".", found.extends)
  until not path or #chain > DEEPEST
  return chain
end

-- A task's acceptance in the nearest profile that has one, by name, upper and lower case alike.
local function acceptance_of(chain, method, wanted)
  for _, found in ipairs(chain) do
    local of_method = found.methods and found.methods[method]
    for task, acceptance in pairs(of_method and of_method.acceptance or {}) do
      if task:lower() == wanted then return acceptance end
    end
  end
end

---@param path string of the profile
---@param server table resolved description
---@param task string? of the cell
---@return true? assumed nil where it does not speculate, too
function sim_profile.is_assumed(path, server, task)
  local chain = base.speculates(server) and chain_of(path)
  if not chain then return nil end
  for _, found in ipairs(chain) do
    if found.scaled ~= nil then
      if found.scaled then return true end
      break
    end
  end
  local acceptance = task and acceptance_of(chain, server.method, task:lower())
    or acceptance_of(chain, server.method, "default")
  return acceptance and acceptance.assumed or nil
end

return sim_profile
