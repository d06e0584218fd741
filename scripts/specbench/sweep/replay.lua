-- Lengths of answers that a method's cell takes over from its baseline's, prompt by prompt (--lengths replay): answers
-- of other lengths change the batches of the others, and with them the speed of the same engine.

local fs = require "sb.fs"
local json = require "specbench.base.json"

local replay = {}

---@class specbench.replay
---@field list integer[] tokens of each answer, in the requests' order
---@field sha256 string of the list: what makes two cells comparable

---@param run specbench.run
---@return specbench.replay? lengths nil where a request's tokens are not known
---@return string? message
function replay.of_run(run)
  local list = json.array {}
  for i = 1, #run do
    local tokens = run:request(i).tokens
    if not tokens then return nil, ("the server does not tell how many tokens answer %d has"):format(i) end
    list[i] = math.max(tokens, 1)
  end
  return { list = list, sha256 = fs.sha256(json.encode(list)) }
end

-- The newest cell at this place that was asked the same.
local function find(job, key, cells)
  local wanted, best = json.canonical(job.identity.workload), nil
  for _, cell in pairs(cells) do
    if cell.key == key and json.canonical(cell.identity.workload) == wanted
      and (not best or (cell.started_unix or 0) > (best.started_unix or 0)) then
      best = cell
    end
  end
  return best
end

---The lengths that a job's answers must have.
---@param job specbench.job
---@param guard specbench.guard that knows the cells measured so far
---@param store specbench.store
---@return specbench.replay? lengths nil: as they come, which are those of a baseline that is measured first
---@return string? message why there are none, though there should be
function replay.of(job, guard, store)
  if job.workload.lengths ~= "replay" then return nil end
  local is_baseline, cells = job.baseline == job.key, guard:cells()
  -- a baseline that is measured once more keeps the lengths that its methods may have taken over
  local base = is_baseline and cells[job.id] or not is_baseline and find(job, job.baseline, cells)
  if not base then
    return nil, not is_baseline and "its baseline has no answers whose lengths could be replayed" or nil
  end
  local run, message = store:run(base.id)
  if not run then return nil, message end
  return replay.of_run(run)
end

return replay
