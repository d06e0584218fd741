-- Measures units side by side, each on GPUs of its own: the next begins as soon as there is room for it, while others
-- load their models or are measured.

local fs = require "sb.fs"
local signal = require "sb.signal"
local task = require "specbench.task"

local dispatch = {}

---CPUs that this process may use, which bound how many clients run side by side: one that shares a core is late.
---@return integer
function dispatch.cores()
  local allowed, count = (fs.read "/proc/self/status" or ""):match "Cpus_allowed_list:%s*([%d,-]+)", 0
  for first, last in (allowed or ""):gmatch "(%d+)%-?(%d*)" do
    count = count + (tonumber(last) or tonumber(first)) - tonumber(first) + 1
  end
  return math.max(math.tointeger(count), 1)
end

-- The first so many of what is free, which they then are no more.
local function take(free, count)
  local lot = table.move(free, 1, count, 1, {})
  table.move(free, count + 1, #free + count, 1)
  return lot
end

---@class specbench.dispatch what is measured side by side
---@field gpus (integer|string)[] that there are
---@field most integer units at once; dispatch.ease makes it less
---@field running integer? units that are being measured
---@field take fun(free: integer): specbench.unit?, number? the next unit that so many GPUs hold, or nil and, where
---  others may leave something to do, the seconds after which to ask again
---@field run fun(unit: specbench.unit, lot: (integer|string)[]) measures it on this lot

---A client was late while others ran: one unit less at once than there are now, from the end of one of these on.
---@param about specbench.dispatch
---@return integer? most nil where there is no less
function dispatch.ease(about)
  local running = about.running or 0
  if running < 2 or about.most < running then return nil end
  about.most = running - 1
  return about.most
end

---Runs units until there is none left and all have ended; the first error ends the others and is raised here.
---@param about specbench.dispatch
function dispatch.run(about)
  local free, failure, changed = table.move(about.gpus, 1, #about.gpus, 1, {}), nil, signal.new()
  about.running = 0
  local workers <close> = setmetatable({}, { __close = function(self)
    for _, worker in ipairs(self) do worker:cancel() end
  end })
  local rank = {}
  for i, gpu in ipairs(about.gpus) do rank[gpu] = i end
  local function start(unit)
    local lot = take(free, unit.gpus)
    about.running = about.running + 1
    workers[#workers + 1] = task.spawn(function()
      local ok, message = xpcall(about.run, function(e)
        return type(e) == "string" and debug.traceback(e, 2) or e
      end, unit, lot)
      if not ok and failure == nil then failure = message end
      about.running = about.running - 1
      table.move(lot, 1, #lot, #free + 1, free)
      table.sort(free, function(a, b) return rank[a] < rank[b] end)
      changed:notify()
    end)
  end
  while failure == nil do
    local unit, pause
    if about.running < about.most then unit, pause = about.take(#free) end
    if unit then
      start(unit)
    elseif pause then
      local alarm <close> = task.spawn(function()
        task.sleep(pause)
        changed:notify()
      end)
      changed:wait()
      alarm:cancel()
    elseif about.running > 0 then
      changed:wait()
    else
      return
    end
  end
  error(failure, 0)
end

return dispatch
