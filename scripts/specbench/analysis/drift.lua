-- How far the machine moved while a grid was measured, as its baselines tell: the speed of decoding in the later
-- half of a baseline's repeats against that in the earlier half. Decoding, because repeats have other prompts and
-- throughputs follow their lengths.

local duration = require "specbench.base.duration"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local speedup = require "specbench.analysis.speedup"
local tables = require "specbench.base.tables"

local drift = {}

---@class specbench.drift
---@field ratio number speed of the later repeats / that of the earlier ones
---@field seconds number wall time between the middles of the two halves

---@class specbench.drift.server
---@field name string of the model and what it runs with
---@field order string? how the repeats were measured, see specbench.session
---@field ratio number geometric mean over its cells
---@field least number of a cell
---@field most number
---@field cells integer
---@field seconds number the mean

-- Means of the logarithm of the speed and of the time over some repeats.
local function middle(cells, first, last)
  local speed, time = 0, 0
  for i = first, last do
    speed = speed + math.log(speedup.decoding(cells[i]))
    time = time + cells[i].started_unix
  end
  local count = last - first + 1
  return speed / count, time / count
end

local function drift_of(cells)
  for _, cell in ipairs(cells) do
    if not cell.started_unix or not speedup.decoding(cell) then return nil end
  end
  table.sort(cells, function(a, b) return a.started_unix < b.started_unix end)
  local half = #cells // 2 -- the middle one of an odd number is of neither half
  local before, began = middle(cells, 1, half)
  local after, ended = middle(cells, #cells - half + 1, #cells)
  return { ratio = math.exp(after - before), seconds = ended - began }
end

local function server_name(cell)
  local server = cell.identity.server
  return ("%s, %s"):format(server.model.name, server.method or "none")
end

---@param cells table[] one a place of the grid and repeat
---@return table<string, specbench.drift> places by place of a baseline (its key without the repeat)
---@return specbench.drift.server[] servers those of baselines, in the cells' order
function drift.of(cells)
  local places, by_server, servers = {}, {}, {}
  local function place_of(cell) return cell.baseline == cell.key and keys.place(cell.key) or nil end
  for _, group in ipairs(tables.grouped(cells, place_of)) do
    local repeats = group.items
    local found = #repeats > 1 and drift_of(repeats) or nil
    places[group.name] = found
    if found then
      local key = json.encode(repeats[1].identity.server)
      local server = by_server[key]
      if not server then
        server = { name = server_name(repeats[1]), logs = 0, least = math.huge, most = 0, cells = 0, seconds = 0 }
        by_server[key] = server
        servers[#servers + 1] = server
      end
      server.order = server.order or repeats[#repeats].schedule and repeats[#repeats].schedule.order
      server.logs, server.cells = server.logs + math.log(found.ratio), server.cells + 1
      server.seconds = server.seconds + found.seconds
      server.least, server.most = math.min(server.least, found.ratio), math.max(server.most, found.ratio)
    end
  end
  for _, server in ipairs(servers) do
    server.ratio, server.seconds = math.exp(server.logs / server.cells), server.seconds / server.cells
    server.logs = nil
  end
  return places, servers
end

---@param servers specbench.drift.server[]
---@return string text a line a server
function drift.text(servers)
  local lines = {}
  for i, s in ipairs(servers) do
    lines[i] = ("Drift: %s: the baseline decodes at %.3f of its speed %s earlier (%d cell%s, %.3f to %.3f; %s)\n")
      :format(s.name, s.ratio, duration.rough(s.seconds), s.cells, s.cells == 1 and "" or "s", s.least, s.most,
        s.order or "order not recorded")
  end
  return table.concat(lines)
end

return drift
