-- Programs that a bench runs, and what the kernel says of them and of the machine.

local clock = require "sb.clock"
local fs = require "sb.fs"
local proc = require "sb.proc"

local process = {}

local LOOK_EVERY = 0.05 -- seconds
local TICKS = 100 -- of /proc, a second

---Resident memory, now and at its peak.
---@param pid integer|"self"
---@return number? resident MB; nil: no such process
---@return number? peak MB
function process.memory(pid)
  local text = fs.read(("/proc/%s/status"):format(pid)) or ""
  local resident, peak = text:match "VmRSS:%s+(%d+)", text:match "VmHWM:%s+(%d+)"
  if resident then return resident / 1024, peak / 1024 end
end

---@param pid integer
---@return number? seconds of user and system time, exited threads included; nil: no such process
function process.cpu(pid)
  local user, system = (fs.read(("/proc/%d/stat"):format(pid)) or "")
    :match "%) %S %-?%d+ %-?%d+ %-?%d+ %-?%d+ %-?%d+ %d+ %d+ %d+ %d+ %d+ (%d+) (%d+)"
  return user and (user + system) / TICKS
end

---@return number seconds that all CPUs together were busy since the machine started
---@return integer cpus
function process.machine()
  local text = assert(fs.read "/proc/stat")
  local user, nice, system, irq, softirq = text:match "^cpu +(%d+) (%d+) (%d+) %d+ %d+ (%d+) (%d+)"
  local _, cpus = text:gsub("\ncpu%d", "")
  return (user + nice + system + irq + softirq) / TICKS, cpus
end

---Runs a program to its end.
---@param argv string[]
---@return { wall_s: number, cpu_s: number, peak_mb: number }? cost cpu_s and peak_mb to the last look before its end
---@return string? message why it failed, with its last lines
function process.run(argv)
  local log = assert(fs.temporary())
  local _remove <close> = setmetatable({}, { __close = function() os.remove(log) end })
  local cost = { cpu_s = 0, peak_mb = 0 }
  local begun = clock.now()
  local one <close> = assert(proc.start { argv = argv, log = log })
  while not one:wait(LOOK_EVERY) do
    local pid = one:pid()
    local _, peak = process.memory(pid)
    cost.peak_mb, cost.cpu_s = peak or cost.peak_mb, process.cpu(pid) or cost.cpu_s
  end
  cost.wall_s = (clock.now() - begun) / 1e9
  local state, how = one:status()
  one:wait_end()
  if state == "failed" or how ~= "exit code 0" then
    return nil, ("%s: %s\n%s"):format(argv[1], how or state, proc.tail(log) or "")
  end
  return cost
end

---A folder that goes when the block is left.
---@return { path: string } folder for a `<close>` variable
function process.scratch()
  local path = assert(fs.temporary())
  os.remove(path)
  assert(fs.mkdir(path))
  return setmetatable({ path = path }, { __close = function() fs.remove(path) end })
end

return process
