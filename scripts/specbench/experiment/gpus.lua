-- Which GPUs servers may use, by the names that CUDA_VISIBLE_DEVICES takes: numbers, UUIDs of GPUs and of slices (MIG).

local nvidia_smi = require "specbench.base.nvidia_smi"
local tables = require "specbench.base.tables"

local gpus = {}

-- What other makers' GPUs are named in; where one of these is set, nothing can be said of CUDA's.
local OTHERS = { "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK" }

-- Variables by which a program knows that it runs as a job of one of these.
local JOBS = { { "SLURM_JOB_ID", "Slurm" }, { "PBS_JOBID", "PBS" }, { "LSB_JOBID", "LSF" },
  { "HQ_JOB_ID", "HyperQueue" }, { "KUBERNETES_SERVICE_HOST", "Kubernetes" } }

local MOST = 1024 -- a range longer than this is a slip of the finger

local function words_of(text)
  local words = {}
  for word in (text .. ","):gmatch "([^,]*)," do words[#words + 1] = word:match "^%s*(.-)%s*$" end
  return words
end

-- A number, a UUID, or nil.
local function id_of(word)
  local number = word:match "^%d+$" and math.tointeger(tonumber(word))
  if number then return number end
  return word:match "^GPU%-[%w-]+$" or word:match "^MIG%-[%w/-]+$"
end

---@param text string "0-7", "0,1", "GPU-5f1b...,GPU-77aa..."; a GPU that is named twice holds two servers at once
---@return (integer|string)[]? ids
---@return string? message
function gpus.read(text)
  local list = {}
  for _, word in ipairs(words_of(text)) do
    local first, last = word:match "^(%d+)%-(%d+)$"
    first, last = math.tointeger(tonumber(first)), math.tointeger(tonumber(last))
    local id = id_of(word)
    if first and last and first <= last and last - first < MOST then
      for number = first, last do list[#list + 1] = number end
    elseif id then
      list[#list + 1] = id
    else
      return nil, ("%s: must be numbers, ranges or UUIDs with commas, such as 0,1 or 0-7 or GPU-5f1b..."):format(text)
    end
  end
  return list
end

---The GPUs that this process may use.
---@param getenv fun(name: string): string?
---@return (integer|string)[]? ids nil: not known
---@return string? why where there is none: what hides them
function gpus.visible(getenv)
  local told = getenv "CUDA_VISIBLE_DEVICES"
  if told then
    local list = {}
    for _, word in ipairs(words_of(told)) do
      local id = id_of(word)
      if not id then break end -- CUDA takes what stands before a name that it does not know
      list[#list + 1] = id
    end
    return list, #list == 0 and ("CUDA_VISIBLE_DEVICES is '%s'"):format(told) or nil
  end
  for _, name in ipairs(OTHERS) do
    if getenv(name) then return nil end
  end
  if not nvidia_smi.is_there(nil, getenv "PATH") then return nil end
  local pipe <close> = assert(nvidia_smi.ask { "index" })
  local list = {}
  for _, row in ipairs(nvidia_smi.rows(pipe:read "a", { "index" })) do
    list[#list + 1] = math.tointeger(tonumber(row.index))
  end
  return list, #list == 0 and "nvidia-smi lists none" or nil
end

---@param getenv fun(name: string): string?
---@return string? name "Slurm job 17": what this process runs as; nil: nothing that is known
function gpus.job(getenv)
  for _, known in ipairs(JOBS) do
    local id = getenv(known[1])
    if id then return known[2] == "Kubernetes" and "a pod of Kubernetes" or ("%s job %s"):format(known[2], id) end
  end
end

---Which of its job's processes this is, and how often the job was begun again, where the manager of jobs tells.
---@param getenv fun(name: string): string?
---@return string? rank
---@return integer? restart
function gpus.place_in_job(getenv)
  if not getenv "SLURM_JOB_ID" then return nil end
  return getenv "SLURM_PROCID", math.tointeger(tonumber(getenv "SLURM_RESTART_COUNT")) or 0
end

---What --gpus names, or else what is visible; nothing that is hidden from this process is ever given to a server.
---@param named (integer|string)[]? of --gpus
---@param getenv fun(name: string): string?
---@return (integer|string)[]? ids nil: not known
---@return string? flaw
function gpus.choose(named, getenv)
  if not named then return (gpus.visible(getenv)) end
  if not getenv "CUDA_VISIBLE_DEVICES" then return named end
  local visible = gpus.visible(getenv)
  for _, id in ipairs(named) do
    if not tables.contains(visible, id) then
      return nil, ("%s is not among those that CUDA_VISIBLE_DEVICES shows (%s): name some of them, or unset it"):format(
        id, getenv "CUDA_VISIBLE_DEVICES")
    end
  end
  return named
end

---Why servers that need GPUs cannot be started here.
---@param getenv fun(name: string): string?
---@return string? flaw
function gpus.flaw(getenv)
  local visible, why = gpus.visible(getenv)
  local job = gpus.job(getenv)
  if visible and #visible == 0 then
    return ("no GPU is visible%s (%s), and the engine's servers need one"):format(job and " in " .. job or "", why)
  end
  for _, name in ipairs(OTHERS) do
    if getenv(name) then return nil end
  end
  if not visible and job then
    return ("no GPU is visible in %s (there is no nvidia-smi and CUDA_VISIBLE_DEVICES is not set), and the engine's "
      .. "servers need one: ask the job for GPUs, or set CUDA_VISIBLE_DEVICES"):format(job)
  end
end

return gpus
