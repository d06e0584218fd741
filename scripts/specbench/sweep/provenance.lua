-- Where and with what a cell was measured: looked up once a run, written into every cell.

local fs = require "sb.fs"
local clock = require "sb.clock"
local environment = require "sb.environment"
local nvidia_smi = require "specbench.base.nvidia_smi"

local provenance = {}

local function ask(line)
  return io.popen("exec " .. line .. " 2>/dev/null")
end

local function answer(pipe)
  if not pipe then return nil end
  local text = pipe:read "a"
  pipe:close()
  text = text and text:match "^%s*(.-)%s*$"
  return text ~= "" and text or nil
end

local function first_match(path, pattern)
  local text = fs.read(path)
  return text and text:match(pattern)
end

local function cpu_count()
  local text = fs.read "/proc/cpuinfo"
  return text and select(2, ("\n" .. text):gsub("\nprocessor%s", ""))
end

local FIELDS = { "index", "uuid", "name", "driver_version", "memory.total", "clocks.current.sm",
  "clocks.current.memory", "power.limit" }

local asked -- programs that are answering

---Asks the programs that know, which then answer while the caller goes on. Need not be called.
function provenance.begin()
  asked = asked or {
    commit = fs.stat(environment.home .. "/.git") and ask(("git -C '%s' rev-parse HEAD"):format(environment.home)),
    gpus = nvidia_smi.is_there() and nvidia_smi.ask(FIELDS),
  }
end

-- GPUs as nvidia-smi tells them.
local function gpus(text)
  if not text then return nil end
  local list = {}
  for _, row in ipairs(nvidia_smi.rows(text, FIELDS)) do
    local function number(field) return tonumber(row[field]) end
    if number "index" then
      list[#list + 1] = {
        index = number "index", uuid = row.uuid, name = row.name, driver = row.driver_version,
        memory_mib = number "memory.total", sm_clock_mhz = number "clocks.current.sm",
        memory_clock_mhz = number "clocks.current.memory", power_limit_w = number "power.limit",
      }
    end
  end
  return #list > 0 and list or nil
end

local found

---@return table facts about this machine and this build, the same table all run long
function provenance.machine()
  if found then return found end
  provenance.begin()
  found = {
    host = fs.hostname(), boot_id = first_match("/proc/sys/kernel/random/boot_id", "%S+"),
    visible_gpus = os.getenv "CUDA_VISIBLE_DEVICES", clock = clock.source(), specbench = environment.version,
    os = first_match("/etc/os-release", 'PRETTY_NAME="([^"]+)"'),
    kernel = first_match("/proc/sys/kernel/osrelease", "%S+"),
    cpu = first_match("/proc/cpuinfo", "model name%s*:%s*([^\n]+)"), cpus = cpu_count(),
    memory_kib = math.tointeger(tonumber(first_match("/proc/meminfo", "MemTotal:%s*(%d+)") or "")),
    git_commit = answer(asked.commit), gpus = gpus(answer(asked.gpus)),
  }
  return found
end

return provenance
