-- GPUs, and how many servers they hold at once.

local pool = {}

---GPUs for jobs that run at the same moment, from the pool in order; or nil and a reason.
---@param jobs specbench.job[]
---@param engine specbench.engine
---@param gpus integer[]? that there are
---@return integer[][]? shares of each job
---@return string? reason
function pool.share(jobs, engine, gpus)
  local wanted = 0
  for _, job in ipairs(jobs) do wanted = wanted + (job.server.tensor_parallel or 1) end
  if not gpus then
    if #jobs == 1 or not engine.uses_gpus then return {} end
    return nil, ("%d servers at once need %d GPUs: name them with --gpus 0,1"):format(#jobs, wanted)
  end
  if wanted > #gpus then
    return nil, ("%d GPUs are needed at once, but --gpus names %d"):format(wanted, #gpus)
  end
  local shares, next_gpu = {}, 1
  for i, job in ipairs(jobs) do
    local count = job.server.tensor_parallel or 1
    shares[i] = table.move(gpus, next_gpu, next_gpu + count - 1, 1, {})
    next_gpu = next_gpu + count
  end
  return shares
end

---What may be up at once, beside what is loaded at the same moment anyway, and who gets which GPUs.
---@param engine specbench.engine
---@param options { gpus: integer[]?, at_once: integer? }
---@return { fits: (fun(jobs: specbench.job[]): boolean), share: fun(jobs: specbench.job[]): integer[][] } see
---  schedule.sessions
function pool.new(engine, options)
  -- servers that wait take memory: only a pool, or a number, says that there is enough
  local known = engine.idle_is_free or not engine.capabilities.spawn or options.gpus or options.at_once
  local function fits(jobs)
    if #jobs == 1 then return true end
    if not known or #jobs > (options.at_once or math.huge) then return false end
    local urls = {}
    for _, job in ipairs(jobs) do
      -- a profiler's figures are no claims, and what it writes is kept when the server ends
      if job.server.profile then return false end
      local url = not engine.capabilities.spawn and job.server.model.url
      if url and urls[url] then return false end
      urls[url or ""] = true
    end
    return pool.share(jobs, engine, options.gpus) ~= nil
  end
  return { fits = fits, share = function(jobs) return assert(pool.share(jobs, engine, options.gpus)) end }
end

return pool
