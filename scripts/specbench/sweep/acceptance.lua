-- Draft acceptance of a cell: the engine's own counters before and after, read by the engine's file.

local prom = require "sb.prom"
local http = require "specbench.http"

local acceptance = {}

-- Names that an engine asks for may stand with labels; the sums over them are kept under the bare name too.
local function select(samples, names)
  local found = {}
  for key, value in pairs(samples) do
    local name = key:match "^[^{]+"
    if names[name] then
      found[key] = value
      if key ~= name then found[name] = (found[name] or 0) + value end
    end
  end
  return found
end

---Counters as they stand now.
---@param engine table an engine's module
---@param server specbench.server
---@return table<string, number>? counters nil where the engine has none or does not answer
---@return string? message
function acceptance.read(engine, server)
  if not engine.metrics then return nil end
  local response, message = http.get(server.url .. engine.metrics.path)
  if not response then return nil, message end
  local names = {}
  for _, name in ipairs(engine.metrics.names) do names[name] = true end
  return select(prom.parse(response.body), names)
end

---@param engine table
---@param before table<string, number>?
---@param after table<string, number>?
---@param description table the server's
---@return table? acceptance { drafts, draft_tokens, accepted_tokens, rate, mean_length, per_position, source, note }
function acceptance.between(engine, before, after, description)
  if not before or not after or not engine.acceptance then return nil end
  local delta = {}
  for key, value in pairs(after) do delta[key] = value - (before[key] or 0) end
  return engine.acceptance(delta, description)
end

return acceptance
