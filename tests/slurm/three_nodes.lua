-- specbench tests/slurm/three_nodes.lua [OPTION]...: a round on three nodes that share a folder, one of which crashes
-- and comes back; then the same round on one node that nothing disturbs, and what the two folders have in common. The
-- options are run's (rounds/round1.lua --virtual). Nodes are namespaces of this machine (root), each with a host name,
-- a boot id and processes of its own. Exit status 1 where a cell is missing, doubled or torn from its baseline, where a
-- report differs, or where a process is left.

local bench = require "specbench"
local clock = require "sb.clock"
local environment = require "sb.environment"
local fs = require "sb.fs"
local quoted = require("specbench.base.shell").quoted
local task = require "sb.task"

local judge = dofile(environment.home .. "/tests/slurm/judge.lua")

local STALE_S = 4
local words = { ... }
local ROUND = #words > 0 and table.concat(words, " ") or environment.home .. "/rounds/round1.lua --virtual"

-- A node's first process ends with `unshare`, and all of the node's with it.
local NODE = [[
mount --bind "$2" /proc/sys/kernel/random/boot_id && hostname "$1" && shift 2 && exec "$@"
]]

local folder

local function read(name)
  return fs.read(("%s/%s"):format(folder, name)) or ""
end

local function specbench(arguments)
  return ("env SPECBENCH_HOME=%s %s %s"):format(quoted(environment.home), quoted(environment.executable), arguments)
end

local boots = 0

-- Starts a node that joins in the work; returns the process that it hangs from.
local function start(name)
  boots = boots + 1
  assert(fs.write(("%s/boot-%d"):format(folder, boots), ("boot-%d\n"):format(boots)))
  fs.remove(("%s/%s.status"):format(folder, name))
  local line = ("cd %s && { unshare --uts --pid --mount-proc --fork --kill-child sh ./node %s boot-%d %s >> %s.txt "
    .. "2>&1 < /dev/null & echo $! > %s.pid; wait $!; echo $? > %s.status; } &"):format(quoted(folder), name, boots,
    specbench(("run %s --share --stale %d --no-pictures --no-rerun --out shared"):format(ROUND, STALE_S)), name, name,
    name)
  fs.remove(("%s/%s.pid"):format(folder, name))
  assert(os.execute(line))
  while not tonumber(read(name .. ".pid")) do task.sleep(0.05) end
  return tonumber(read(name .. ".pid"))
end

-- The unit that a node is at, with a cell in it that is finished.
local function unit_of(name)
  for _, try in ipairs(fs.list(folder .. "/shared/share/tries") or {}) do
    local unit, node = try:match "^([^.]+)%.(.-)%-%d+%-%x+$"
    local cells = fs.list(("%s/shared/share/tries/%s/cells"):format(folder, try)) or {}
    if node == name and #cells > 0 then return unit, #cells end
  end
end

-- Processes that are at work in our folder.
local function processes()
  local count = 0
  for _, pid in ipairs(fs.list "/proc") do
    local place = pid:find "^%d+$" and fs.realpath(("/proc/%s/cwd"):format(pid))
    if place and place:sub(1, #folder) == folder then count = count + 1 end
  end
  return count
end

local function seconds_since(begun)
  return (clock.now() - begun) / 1e9
end

bench.main(function()
  folder = assert(fs.temporary())
  assert(fs.remove(folder) and fs.mkdir(folder))
  local pids = {}
  local _ <close> = setmetatable({}, { __close = function()
    for _, pid in pairs(pids) do os.execute(("kill -9 %d 2> /dev/null"):format(pid)) end
    fs.remove(folder)
  end })
  assert(fs.write(folder .. "/node", NODE))
  local begun = clock.now()
  for i = 1, 3 do pids[i] = start("node" .. i) end
  local unit, lost
  repeat
    task.sleep(0.05)
    unit, lost = unit_of "node2"
  until unit or fs.stat(folder .. "/node2.status")
  assert(unit, read "node2.txt")
  os.execute(("kill -9 %d"):format(pids[2]))
  print(("node2 crashed after %.1f s, in unit %s with %d cells"):format(seconds_since(begun), unit, lost))
  task.sleep(2 * STALE_S)
  pids[2] = start "node2"
  for i = 1, 3 do
    while not fs.stat(("%s/node%d.status"):format(folder, i)) do task.sleep(0.2) end
  end
  local wall = seconds_since(begun)
  begun = clock.now()
  assert(os.execute(("cd %s && %s > alone.txt 2>&1"):format(quoted(folder),
    specbench(("run %s --no-pictures --no-rerun --out alone"):format(ROUND)))), read "alone.txt")
  local alone_wall = seconds_since(begun)
  assert(os.execute(("cd %s && %s > shared.txt 2>&1"):format(quoted(folder), specbench "report shared --no-pictures")),
    read "shared.txt")

  judge.check("every node ended well", read "node1.status" .. read "node2.status" .. read "node3.status" == "0\n0\n0\n")
  local own = judge.folders(folder)
  judge.check("no process is left", processes() == 0)
  for i = 1, 3 do
    local units, all, measured = read(("node%d.txt"):format(i)):match "(%d+) of (%d+) units done here: (%d+) cells?"
    print(("node%d: %s of %s units, %s cells measured; %d cells in the folder are its own"):format(i, units, all,
      measured, own["node" .. i] or 0))
  end
  print(("three nodes took %.1f s on this machine, one node %.1f s"):format(wall, alone_wall))
  return judge.failures == 0 and 0 or 1
end)
