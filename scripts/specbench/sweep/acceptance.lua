-- Draft acceptance of a cell: the engine's own counters before and after, read by the engine's file; or its log, where
-- that is the better witness; and what the answers' timelines show of it.

local base = require "specbench.engine.base"
local cell_shape = require "specbench.results.cell_shape"
local counters_page = require "specbench.sweep.counters_page"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local prom = require "sb.prom"

local acceptance = {}

local COUNTED = { "requests", "output_tokens" } -- what a cell knows of its own
local STARTED = "process_start_time_seconds" -- as Prometheus' own libraries tell it; not every engine does

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

-- The last of the lines in which a server's log tells its totals.
local function log_line(engine, server)
  local found
  for line in (engine.log_pattern and server.log and fs.read(server.log) or ""):gmatch "[^\n]+" do
    if line:find(engine.log_pattern, 1, true) then found = line end
  end
  return found
end

---@class specbench.acceptance.reading
---@field counters table<string, number>
---@field log_line string?

---Counters as they stand now.
---@param engine table an engine's module
---@param server specbench.server
---@return specbench.acceptance.reading? reading nil where the engine does not answer
---@return string? message
function acceptance.read(engine, server)
  local response, message = counters_page.read(server, engine.metrics.path)
  if not response then return nil, message end
  local names = { [STARTED] = true }
  for _, name in ipairs(engine.metrics.names) do names[name] = true end
  for _, what in ipairs(COUNTED) do
    if engine.metrics[what] then names[engine.metrics[what]] = true end
  end
  return { counters = select(prom.parse(response.body), names), log_line = log_line(engine, server) }
end

-- What an engine's file made of the counters, which may be anybody's: as a cell can hold it, or nil and why not.
local function told(found, message)
  if not found then return nil, message end
  local flaw = cell_shape.acceptance_flaw(json.decode(json.encode(found)))
  if flaw then return nil, "its engine's file told what no cell can hold: " .. flaw end
  return found
end

---@param engine table
---@param before specbench.acceptance.reading?
---@param after specbench.acceptance.reading?
---@param description table the server's
---@return table? acceptance { drafts, draft_tokens, accepted_tokens, rate, mean_length, per_position, source, note }
---@return string? message why there is none
function acceptance.between(engine, before, after, description)
  if not before or not after then return nil, "the server did not tell its counters" end
  if after.log_line and after.log_line ~= before.log_line then
    return told(engine.acceptance_from_log(before.log_line, after.log_line))
  end
  if before.counters[STARTED] ~= after.counters[STARTED] then
    return nil, "the server was started anew between the two readings of its counters"
  end
  local delta = {}
  for key, value in pairs(after.counters) do delta[key] = value - (before.counters[key] or 0) end
  return told(engine.acceptance(delta, description))
end

---How many requests the engine answered between the two readings, or tokens it wrote, whoever asked.
---@param engine table
---@param what "requests"|"output_tokens"
---@param before specbench.acceptance.reading?
---@param after specbench.acceptance.reading?
---@return integer? count nil where it does not tell
function acceptance.counted(engine, what, before, after)
  local name = engine.metrics[what]
  local last = name and before and after and after.counters[name]
  return last and math.tointeger(last - (before.counters[name] or 0)) or nil
end

---What the answers themselves show, where the engine's chunks are its steps.
---@param engine table
---@param run specbench.run
---@param description table the server's
---@return sb.Acceptance?
function acceptance.seen(engine, run, description)
  if not (base.speculates(description) and description.k and engine.capabilities.chunk_is_step) then
    return nil
  end
  return run:acceptance(description.k)
end

return acceptance
