-- Whether a server holds a load that comes at a rate: it refused none of the requests, so many of them met
-- their objectives, and it did not fall behind, which a short load can hide from the objectives.

local sustained = {}

local PARTS = 3 -- of a load, by arrival: the first fills the server, the others must be alike
local RISING = 1.25 -- a queue that grows all the time has 1.67 times as much in the last part as in the one before

-- Requests that had arrived and were not done yet when each one came.
local function queues(list)
  local ends, counts, done = {}, {}, 0
  for i, one in ipairs(list) do ends[i] = one.t_done end
  table.sort(ends)
  for i, one in ipairs(list) do
    while done < #ends and ends[done + 1] <= one.t_intended do done = done + 1 end
    counts[i] = i - done
  end
  return counts
end

-- The mean over a part, from 1, of what f gives.
local function mean(list, part, f)
  local first, last = (part - 1) * #list // PARTS + 1, part * #list // PARTS
  local sum = 0
  for i = first, last do sum = sum + f(i) end
  return sum / math.max(last - first + 1, 1)
end

---Whether both queue and latency went on rising after the server had filled.
---@param requests { t_intended: integer, t_done: integer }[] ns, as run:request gives them
---@return boolean
function sustained.falls_behind(requests)
  if #requests < 2 * PARTS then return false end
  local list = table.move(requests, 1, #requests, 1, {})
  table.sort(list, function(a, b) return a.t_intended < b.t_intended end)
  local counts = queues(list)
  local function rises(f) return mean(list, PARTS, f) > RISING * mean(list, PARTS - 1, f) end
  return rises(function(i) return counts[i] end)
    and rises(function(i) return list[i].t_done - list[i].t_intended end)
end

---@param cell table measured with objectives
---@return number? share of the requests that met them
function sustained.share(cell)
  local m = cell.metrics
  return m.request_goodput and m.duration and m.request_goodput * m.duration / m.requests
end

---@param cell table
---@param run specbench.run its records
---@param share number of the requests that must meet the objectives
---@return boolean? holds nil where the server does not tell enough to judge
function sustained.holds(cell, run, share)
  if cell.refused then return false end
  local met = sustained.share(cell)
  if not met then return nil end
  if met < share - 1e-9 then return false end
  local requests = {}
  for i = 1, #run do requests[i] = run:request(i) end
  return not sustained.falls_behind(requests)
end

return sustained
