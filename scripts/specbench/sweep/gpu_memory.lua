-- GPU memory, watched until it is free before the next server starts: a driver may take its time to give back what an
-- ended process had, and a server that starts meanwhile finds too little, or takes a smaller KV cache than its
-- neighbours.

local fs = require "sb.fs"
local nvidia_smi = require "specbench.base.nvidia_smi"
local proc = require "sb.proc"
local task = require "specbench.task"

local gpu_memory = {}

local PATIENCE, LOOK_EVERY = 60, 0.5 -- seconds
local FIELDS = { "index", "memory.used", "memory.total" }
local ANSWER = 20 -- seconds that nvidia-smi may take
local SLACK = 256 -- MiB that may come and go: a context of somebody's, a display
local FOREIGN = 0.1 -- of the memory, in use before our first server: worth a word

---@class specbench.gpu_memory
---@field floor table<integer, integer>? MiB in use while no server of ours is up; nil: not looked at yet
local Watch = {}
Watch.__index = Watch

-- { [index] = { used, total } } in MiB; nil where nobody tells.
local function look(self)
  local log = assert(fs.temporary())
  local _ <close> = setmetatable({}, { __close = function() os.remove(log) end })
  local asked <close> = proc.start { argv = nvidia_smi.argv(FIELDS, { name = self.asked }), log = log }
  if not asked or not asked:wait(ANSWER) then return nil end
  local found = {}
  for _, row in ipairs(nvidia_smi.rows(fs.read(log) or "", FIELDS)) do
    local index, used, total = tonumber(row.index), tonumber(row["memory.used"]), tonumber(row["memory.total"])
    if index and used and total then found[index] = { used = used, total = total } end
  end
  return next(found) and found
end

---@param warn fun(line: string)
---@param patience number? seconds to wait for memory at most
---@param asked string? what stands in for nvidia-smi
---@return specbench.gpu_memory? watch nil on a machine without it
function gpu_memory.new(warn, patience, asked)
  if not nvidia_smi.is_there(asked) then return nil end
  return setmetatable({ warn = warn, patience = patience or PATIENCE, asked = asked }, Watch)
end

-- GPUs, sorted, of those asked for that hold more than they did while nothing of ours was up.
local function held(self, found, gpus)
  local list = {}
  for index, memory in pairs(found) do
    if not gpus or gpus[index] then
      local floor = self.floor[index] or memory.used
      self.floor[index] = math.min(floor, memory.used)
      if memory.used > floor + SLACK then list[#list + 1] = index end
    end
  end
  table.sort(list)
  return list
end

local function tell_foreign(self, found)
  for index, memory in pairs(found) do
    if memory.used > FOREIGN * memory.total then
      self.warn(("GPU %d has %d of %d MiB in use before the first server starts: whatever uses them is measured too")
        :format(index, memory.used, memory.total))
    end
  end
end

---Waits until GPUs hold no more than they did before this run's first server. Where they go on holding it, that is
---said once and taken for what they hold from now on.
---@param gpus table<integer, boolean>? nil: all
function Watch:await(gpus)
  local waited = 0
  while true do
    local found = look(self)
    if not found then return end
    if not self.floor then
      self.floor = {}
      tell_foreign(self, found)
    end
    local list = held(self, found, gpus)
    if #list == 0 then return end
    if waited >= self.patience then
      for _, index in ipairs(list) do
        self.warn(("GPU %d still holds %d MiB more than before the first server, %g s after the last one ended: who "
          .. "has them? (nvidia-smi)"):format(index, found[index].used - self.floor[index], waited))
        self.floor[index] = found[index].used
      end
      return
    end
    task.sleep(LOOK_EVERY)
    waited = waited + LOOK_EVERY
  end
end

return gpu_memory
