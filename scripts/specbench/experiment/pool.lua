-- GPUs, and which servers may be up on them at once.
--
-- A baseline and what is compared with it run on the same GPUs, one after another where these do not hold both: that
-- a pair has one GPU counts for more than that its cells take turns. A GPU that is named twice holds two servers, and
-- --at-once lets servers be up on different ones.

local pool = {}

---@param list (integer|string)[]
---@return (integer|string)[] distinct in order
---@return integer room how often each is named at least: so many servers it holds
function pool.distinct(list)
  local counts, distinct, room = {}, {}, math.maxinteger
  for _, gpu in ipairs(list) do
    if not counts[gpu] then distinct[#distinct + 1] = gpu end
    counts[gpu] = (counts[gpu] or 0) + 1
  end
  for _, count in pairs(counts) do room = math.min(room, count) end
  return distinct, room
end

local function wanted_by(job)
  return job.server.tensor_parallel or 1
end

-- Gives each job the first GPUs with room left; nil where they do not hold all.
local function deal(jobs, gpus, room)
  local held, shares = {}, {}
  for i, job in ipairs(jobs) do
    local share = {}
    for _, gpu in ipairs(gpus) do
      if #share < wanted_by(job) and (held[gpu] or 0) < room then
        share[#share + 1] = gpu
        held[gpu] = (held[gpu] or 0) + 1
      end
    end
    if #share < wanted_by(job) then return nil end
    shares[i] = share
  end
  return shares
end

---Why jobs that are loaded at the same moment cannot be.
---@param jobs specbench.job[]
---@param engine specbench.engine
---@param gpus (integer|string)[]? that there are
---@return string? reason
function pool.refusal(jobs, engine, gpus)
  local wanted = 0
  for _, job in ipairs(jobs) do wanted = wanted + wanted_by(job) end
  if not gpus then
    if #jobs == 1 or not engine.uses_gpus then return nil end
    return ("%d servers at once need %d GPUs: name them with --gpus 0,1"):format(#jobs, wanted)
  end
  local distinct, room = pool.distinct(gpus)
  if not deal(jobs, distinct, room) then
    return ("%d GPUs are needed at once, but --gpus names %d"):format(wanted, #gpus)
  end
end

---@class specbench.pool
---@field gpus (integer|string)[]? each once; nil: not known
---@field room integer? servers that each of them holds; nil: not known
---@field fits fun(jobs: specbench.job[]): boolean whether these jobs' servers may be up at once
---@field share fun(jobs: specbench.job[], loaded: boolean?): (integer|string)[][] the GPUs of each; loaded: all at the
---  same moment, not one while the others wait

---@param engine specbench.engine
---@param options { gpus: (integer|string)[]?, at_once: integer? }
---@return specbench.pool
function pool.new(engine, options)
  -- servers that wait take memory: only a pool, or a number, says that there is enough
  local known = engine.idle_is_free or not engine.capabilities.spawn or options.gpus or options.at_once
  local gpus, room
  if options.gpus then gpus, room = pool.distinct(options.gpus) end

  local function fits(jobs)
    if #jobs == 1 then return true end
    if not known or #jobs > (options.at_once or math.huge) then return false end
    local urls, most = {}, 0
    for _, job in ipairs(jobs) do
      -- a profiler's figures are no claims, and what it writes is kept when the server ends
      if job.server.profile then return false end
      local url = not engine.capabilities.spawn and job.server.model.url
      if url and urls[url] then return false end
      urls[url or ""] = true
      most = math.max(most, wanted_by(job))
    end
    if not gpus then return not engine.uses_gpus end
    if engine.idle_is_free then return true end
    return deal(jobs, options.at_once and gpus or table.move(gpus, 1, most, 1, {}), room) ~= nil
  end

  local function share(jobs, loaded)
    if not gpus then return {} end
    return assert(deal(jobs, gpus, engine.idle_is_free and not loaded and math.huge or room))
  end

  return { gpus = gpus, room = room, fits = fits, share = share }
end

return pool
