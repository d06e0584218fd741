-- Workers as jobs of a real Slurm of three nodes on this machine (mini.sh): whatever becomes of nodes and jobs, every
-- cell is there once, every pair is of one host, and the report is that of one run alone.

local fs = require "sb.fs"
local environment = require "sb.environment"
local home = environment.home
local json = require "specbench.base.json"
local quoted = require("specbench.base.shell").quoted
local task = require "sb.task"

local ALL = os.getenv "SPECBENCH_TEST_SLURM" == "all" -- else those that CI has time for
local PATIENCE_S = 60

local ENGINE = [[
local sim = require "specbench.engine.sim"
return setmetatable({ name = "gpu-server", uses_gpus = true, idle_is_free = false }, { __index = sim })
]]

-- What a run of ours and all it starts carry in their environment.
local MARK = ("SPECBENCH_TEST_RUN=%d"):format(os.time())

local w, slurm

-- What a command writes; nil where it fails.
local function answer(line)
  local pipe = assert(io.popen(("%s 2>/dev/null"):format(line)))
  local text = pipe:read "a"
  return pipe:close() and text or nil
end

local function mini(verb, ...)
  local words = { "sh", quoted(home .. "/tests/slurm/mini.sh"), verb, quoted(slurm) }
  for _, word in ipairs { ... } do words[#words + 1] = word end
  local line = table.concat(words, " ")
  assert(os.execute(("%s > %s/mini.txt 2>&1"):format(line, quoted(slurm))), fs.read(slurm .. "/mini.txt"))
end

-- A command of Slurm's, with the configuration of ours.
local function ask(line)
  return answer(("SLURM_CONF=%s/slurm.conf %s"):format(quoted(slurm), line))
end

local function eventually(what, look)
  for _ = 1, PATIENCE_S * 5 do
    local found = look()
    if found then return found end
    task.sleep(0.2)
  end
  error(("waited in vain for %s\n%s\n%s"):format(what, ask "squeue -r -o '%i %T %N %r'" or "",
    answer(("tail -n 20 %s/results/share/slurm/*.txt"):format(quoted(w.folder))) or ""), 0)
end

setup(function()
  slurm = os.tmpname()
  os.remove(slurm)
  assert(fs.mkdir(slurm))
  mini("start", 3, 2)
end)

teardown(function()
  mini "stop"
  fs.remove(slurm)
end)

before_each(function()
  w = dofile(home .. "/tests/cli/world.lua").new()
  w:write("gpu.lua", ENGINE)
  w:write("grid.lua", (w.round():gsub("axes =", 'baseline = { method = "none" }, axes =')
    :gsub("{ 1, 2 }", "{ 1, 2, 3, 4, 5, 6 }")))
  w:write("models.lua", ("return { ['qwen2.5-7b'] = { binary = %q } }\n"):format(environment.executable))
end)

-- Processes of this test's jobs, on all nodes.
local function processes()
  local list = {}
  for _, pid in ipairs(fs.list "/proc") do
    if pid:match "^%d+$" and (fs.read(("/proc/%s/environ"):format(pid)) or ""):find(MARK, 1, true)
      and w.is_running(tonumber(pid)) then
      list[#list + 1] = pid .. " " .. (fs.read(("/proc/%s/cmdline"):format(pid)) or ""):gsub("%z", " ")
    end
  end
  return list
end

after_each(function()
  ask "scancel -u root"
  eventually("the queue to be empty", function() return ask "squeue -h" == "" end)
  w:remove()
end)

local COMMON = "grid.lua --engine ./gpu.lua --models models.lua --speed 1 --no-rerun --no-pictures "

-- Submits the round; returns the id of the workers' array, and of the report.
local function submit()
  local result = w:run("slurm " .. COMMON .. "--unit-time 1s --workers 3 --out results",
    { env = { SLURM_CONF = slurm .. "/slurm.conf", [MARK:match "^[^=]+"] = MARK:match "=(.*)$" } })
  assert.equal(0, result.status, result.err)
  local id, report = result.out:match "(%d+): 3 workers of 1 GPU, .-\n(%d+): the report"
  assert.truthy(id, result.out)
  return id, report
end

-- A node that has measured a cell of a unit, while there is more to do.
local function busy_node()
  assert.truthy(w:count "cells" < 12)
  return eventually("a worker at work", function()
    for _, name in ipairs(fs.list(w.folder .. "/results/share/tries") or {}) do
      local try = w:read(("results/share/tries/%s/try.json"):format(name))
      local cells = fs.list(("%s/results/share/tries/%s/cells"):format(w.folder, name)) or {}
      if try and #cells > 0 then return json.decode(try).host end
    end
  end)
end

-- An answer of the node that was under way brings it back once more, so it is told until it stays so.
local function tell_down(node)
  eventually("Slurm to know", function()
    ask(("scontrol update nodename=%s state=down reason=test"):format(node))
    task.sleep(0.5)
    return (ask(("sinfo -h -N -n %s -o %%t"):format(node)) or ""):find "down"
  end)
end

-- Waits for the end of jobs. One that was put back into the queue would wait two minutes there.
local function finish(...)
  local ids = table.concat({ ... }, ",")
  eventually("the jobs to end", function()
    local left = ask(("squeue -r -h -j %s -o '%%i %%t'"):format(ids)) or ""
    for id in left:gmatch "(%S+) PD" do
      if not id:find "%[" then ask(("scontrol update jobid=%s starttime=now"):format(id)) end
    end
    return left == ""
  end)
end

-- All of it is there, once, as one run alone would have it, and nothing runs on.
local function check()
  local by_key, count = {}, 0
  for _, text in pairs(w:cells "cells") do
    local cell = json.decode(text)
    by_key[cell.key], count = cell, count + 1
  end
  assert.equal(12, count)
  for _, cell in pairs(by_key) do
    local base = by_key[cell.key:gsub("^draft", "none")]
    assert.equal(base.machine.host, cell.machine.host)
    assert.equal(base.machine.boot_id, cell.machine.boot_id)
  end
  assert.equal(0, w:count "failed")
  eventually("all processes to be gone: " .. table.concat(processes(), "; "), function()
    return #processes() == 0
  end)
  local shown = w:read "results/share/slurm/report.txt"
  assert.truthy(shown and shown:find("12 cells, 1 repeat each, none failed", 1, true), shown)
  local alone = w:run("run " .. COMMON:gsub("--speed 1", "--speed 50") .. "--out alone")
  assert.equal(0, alone.status, alone.err)
  assert.same(w.places(w:read "alone/speedups.jsonl"), w.places(w:read "results/speedups.jsonl"))
  for _, row in ipairs(w.places(w:read "results/speedups.jsonl")) do assert.truthy(row:find("true", 1, true), row) end
end

describe("a round on Slurm ends whole", function()
  it("when a node crashes", function()
    local id, report = submit()
    local node = busy_node()
    mini("crash", node)
    tell_down(node)
    mini("node", node)
    finish(id, report)
    check()
  end)

  it("when a node is cut off, works on and comes back", function()
    local id, report = submit()
    local node = busy_node()
    mini("cut", node)
    tell_down(node)
    finish(id)
    mini("node", node)
    finish(id, report)
    check()
  end)

  it("when a worker has to make room for a job that is more urgent", function()
    local id, report = submit()
    local node = busy_node()
    local urgent = assert(ask(("sbatch --parsable -p urgent -w %s --gres=gpu:2 -o /dev/null --wrap 'sleep 1'")
      :format(node)))
    finish(urgent:match "%d+", id, report)
    check()
  end)

  it("when all workers are ended and the same command is given again", function()
    if not ALL then return pending "only with --slurm" end
    local id, report = submit()
    busy_node()
    ask(("scancel %s %s"):format(id, report))
    finish(id, report)
    eventually("the workers to be gone", function() return #processes() == 0 end)
    finish(submit())
    check()
  end)

  it("when a worker is put back into the queue", function()
    if not ALL then return pending "only with --slurm" end
    local id, report = submit()
    busy_node()
    ask(("scontrol requeue %s_1"):format(id))
    finish(id, report)
    check()
  end)
end)
