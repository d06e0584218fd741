-- Several workers on one results folder: every cell once, whatever becomes of them.

local fs = require "sb.fs"
local home = require("sb.environment").home
local json = require "specbench.base.json"
local quoted = require("specbench.base.shell").quoted
local task = require "sb.task"

local w

before_each(function()
  w = dofile(home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("axes =", 'baseline = { method = "none" }, axes =')))
  w:write("wide.lua", (w.round { name = "wide" }:gsub("axes =", 'baseline = { method = "none" }, axes =')
    :gsub("{ 1, 2 }", "{ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }")))
end)

local started = {} -- pids of workers

after_each(function()
  for _, pid in ipairs(started) do os.execute(("kill -9 %d 2>/dev/null"):format(pid)) end
  started = {}
  w:wait_gone(w:servers())
  w:remove()
end)

-- Starts a worker, whose output goes to the files NAME.out and NAME.err, its status to NAME.status.
-- inside: a shell command that goes before it and ends with `exec "$@"`.
local function start(name, arguments, inside)
  fs.remove(w.folder .. "/" .. name .. ".pid")
  fs.remove(w.folder .. "/" .. name .. ".status")
  local line = ("echo $$ > %s.pid.part; mv %s.pid.part %s.pid; exec %s env SPECBENCH_HOME=%s %s run %s --share "
    .. "--stale 1 --no-pictures --no-rerun --out results"):format(name, name, name, inside or "", quoted(home),
    quoted(require("sb.environment").executable), arguments)
  os.execute(("cd %s && { sh -c %s > %s.out 2> %s.err < /dev/null; echo $? > %s.status.part; "
    .. "mv %s.status.part %s.status; } &"):format(quoted(w.folder), quoted(line), name, name, name, name, name))
  local pid = w:eventually(name .. " to start", function() return tonumber(w:read(name .. ".pid")) end)
  pid = math.tointeger(pid)
  table.insert(started, pid)
  return pid
end

local function status_of(name)
  return w:eventually(name .. " to end: " .. (w:read(name .. ".err") or ""), function()
    return tonumber(w:read(name .. ".status"))
  end)
end

local function signal(pid, what)
  assert(os.execute(("kill -%s %d"):format(what, pid)))
end

-- A folder's speed-ups, but for how long lay between the earlier and the later repeats.
local function speedups(folder)
  return (w:read(folder .. "/speedups.jsonl"):gsub('"seconds": [%d.e+-]+', ""))
end

-- The same round by one run that shares with nobody.
local function undisturbed(arguments)
  local result = w:run(("run %s --no-pictures --no-rerun --out alone"):format(arguments))
  assert.equal(0, result.status, result.err)
  return speedups "alone"
end

local function report()
  local result = w:run "report results --no-pictures"
  assert.equal(0, result.status, result.err)
  return speedups "results"
end

local function nothing_left()
  assert.same({}, fs.list(w.folder .. "/results/share/claims"))
  assert.same({}, fs.list(w.folder .. "/results/share/workers"))
end

describe("workers of one folder", function()
  it("measure every cell once, and a report is that of one run alone", function()
    local arguments = "wide.lua --virtual --repeats 2"
    for i = 1, 3 do start("w" .. i, arguments .. " --unit-time 1s") end
    for i = 1, 3 do assert.equal(0, status_of("w" .. i), w:read("w" .. i .. ".err")) end
    assert.equal(48, w:count "cells")
    nothing_left()
    assert.same({}, fs.list(w.folder .. "/results/share/tries"))
    local measured, busy = 0, 0
    for i = 1, 3 do
      local count = tonumber(w:read("w" .. i .. ".err"):match "(%d+) cells? measured, %d+ failed; results in")
      measured, busy = measured + count, busy + (count > 0 and 1 or 0)
    end
    assert.equal(48, measured)
    assert.truthy(busy > 1)
    -- each repeat was a start of its own
    assert.equal(undisturbed(arguments .. " --starts 2"), report())
  end)

  it("end with all of it whatever was killed on the way", function()
    local arguments, seed = "wide.lua --virtual --repeats 2", 7
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n + 1
    end
    local pids = {}
    for i = 1, 3 do pids[i] = start("w" .. i, arguments .. " --unit-time 1s") end
    for _ = 1, 6 do
      task.sleep(0.05 * random(8))
      local i = random(3)
      os.execute(("kill -9 %d 2>/dev/null"):format(pids[i]))
      status_of("w" .. i)
      pids[i] = start("w" .. i, arguments .. " --unit-time 1s")
    end
    for i = 1, 3 do assert.equal(0, status_of("w" .. i), w:read("w" .. i .. ".err")) end
    assert.equal(48, w:count "cells")
    assert.equal(undisturbed(arguments .. " --starts 2"), report())
  end)

  -- a worker in its second cell, which does not end
  local function held_worker()
    w:faults { "silence@7" } -- of each server: in its second cell
    local pid = start("held", "grid.lua --models models.lua --speed 200")
    w:eventually("a finished cell", function()
      for _, name in ipairs(fs.list(w.folder .. "/results/share/tries") or {}) do
        if #(fs.list(("%s/results/share/tries/%s/cells"):format(w.folder, name)) or {}) > 0 then return true end
      end
    end)
    w:faults {}
    return pid, w:servers()
  end

  it("take over from one that was killed, and keep what it had measured on this machine", function()
    local pid, servers = held_worker()
    signal(pid, "KILL")
    w:wait_gone(servers)
    local result = w:run "cleanup results"
    assert.truthy(result.err:find("1 workers that share results gave a sign of life lately", 1, true), result.err)
    start("next", "grid.lua --models models.lua --speed 200")
    assert.equal(0, status_of "next", w:read "next.err")
    assert.truthy(w:read("next.err"):find("gave no sign for long and is taken for dead", 1, true), w:read "next.err")
    assert.truthy(w:read("next.err"):find("where an earlier worker of this machine left it", 1, true))
    assert.truthy(w:read("next.err"):find("3 cells measured, 0 failed", 1, true), w:read "next.err")
    assert.equal(4, w:count "cells")
    assert.same(w.places(undisturbed "grid.lua --models models.lua --speed 200"), w.places(report()))
  end)

  it("double nothing when one that stood still for long comes back", function()
    local pid, servers = held_worker()
    signal(pid, "STOP")
    start("next", "grid.lua --models models.lua --speed 200")
    assert.equal(0, status_of "next", w:read "next.err")
    assert.equal(4, w:count "cells")
    local before = w:cells "cells"
    signal(pid, "CONT")
    assert.equal(0, status_of "held", w:read "held.err")
    assert.truthy(w:read("held.err"):find("was taken over by another worker: this try at it ends", 1, true),
      w:read "held.err")
    assert.same(before, w:cells "cells")
    assert.equal(0, w:count "failed")
    nothing_left()
    w:wait_gone(servers)
    w:wait_gone(w:servers())
  end)

  it("give back at once what they had when they are asked to end, and end their servers", function()
    local pid, servers = held_worker()
    signal(pid, "TERM")
    assert.equal(130, status_of "held")
    w:wait_gone(servers)
    nothing_left()
    start("next", "grid.lua --models models.lua --speed 200")
    assert.equal(0, status_of "next", w:read "next.err")
    assert.truthy(w:read("next.err"):find("3 cells measured, 0 failed", 1, true), w:read "next.err")
    assert.equal(4, w:count "cells")
  end)

  it("of another machine measure a unit anew, so that no pair is torn", function()
    -- a machine is known by its boot id: one of another value is another machine
    w:write("boot_id", "another-machine\n")
    w:write("elsewhere", 'mount --bind boot_id /proc/sys/kernel/random/boot_id && hostname elsewhere && exec "$@"\n')
    local inside = "unshare --mount --uts sh elsewhere"
    if not os.execute(("cd %s && %s true 2>/dev/null"):format(quoted(w.folder), inside)) then
      return pending "needs root, to play another machine"
    end
    local pid, servers = held_worker()
    signal(pid, "KILL")
    w:wait_gone(servers)
    start("next", "grid.lua --models models.lua --speed 200", inside)
    assert.equal(0, status_of "next", w:read "next.err")
    assert.truthy(w:read("next.err"):find("4 cells measured, 0 failed", 1, true), w:read "next.err")
    assert.equal(4, w:count "cells")
    for _, text in pairs(w:cells "cells") do assert.equal("elsewhere", json.decode(text).machine.host) end
    assert.same(w.places(undisturbed "grid.lua --models models.lua --speed 200"), w.places(report()))
  end)

  it("try failed cells twice, then leave them and say so; the same command tries them again", function()
    w:faults { "http500@3" } -- of each server: in whatever cell is its first
    start("w1", "grid.lua --models models.lua --speed 200")
    assert.equal(3, status_of "w1", w:read "w1.err")
    assert.truthy(w:read("w1.err"):find("is left for another try", 1, true), w:read "w1.err")
    assert.equal(2, w:count "cells")
    assert.equal(4, w:count "failed")
    w:faults {}
    start("w2", "grid.lua --models models.lua --speed 200")
    assert.equal(0, status_of "w2", w:read "w2.err")
    assert.truthy(w:read("w2.err"):find("2 cells measured, 0 failed", 1, true), w:read "w2.err")
    assert.equal(4, w:count "cells")
  end)

  it("leave the report to one of those that end at once", function()
    assert(fs.mkdir(w.folder .. "/results/share/claims/report"))
    w:write("results/share/claims/report/another", "{}\n")
    local result = w:run "run grid.lua --virtual --share --stale 60 --out results"
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("the report is being written by another worker", 1, true), result.err)
    assert.equal(4, w:count "cells")
    assert.is_nil(fs.stat(w.folder .. "/results/speedups.jsonl"))
  end)

  it("are followed by watch, plan and report while they work", function()
    local pid, servers = held_worker()
    local usual = "grid.lua --models models.lua --speed 200 --out results"
    local function run(arguments)
      local result = w:run(arguments)
      assert.equal(0, result.status, result.err)
      assert.equal("", result.err)
      return result.out
    end
    local shown = w:eventually("a server that measures", function()
      local text = run "watch results --once"
      return text:find("requests", 1, true) and text
    end)
    assert.truthy(shown:find("0 of 4 cells  0:%d%d"), shown)
    assert.truthy(shown:find(("servers %s: qwen2.5-7b none"):format(fs.hostname()), 1, true), shown)
    local unit = json.decode(run("plan " .. usual .. " --json")).units[1]
    assert.equal("running", unit.state)
    assert.equal(fs.hostname(), unit.host)
    assert.truthy(run("plan " .. usual):find("4 cells on 2 servers (engine sim), 4 to do", 1, true))
    run "report results --no-pictures"
    signal(pid, "TERM")
    assert.equal(130, status_of "held")
    assert.truthy(run "watch results":find("0 of 4 cells  not running, 4 to do", 1, true))
    start("next", "grid.lua --models models.lua --speed 200")
    assert.equal(0, status_of "next", w:read "next.err")
    assert.truthy(run "watch results":find("4 of 4 cells  complete", 1, true))
    assert.equal("done", json.decode(run("plan " .. usual .. " --json")).units[1].state)
    assert.same(w.places(undisturbed "grid.lua --models models.lua --speed 200"), w.places(report()))
    w:wait_gone(servers)
  end)

  it("refuse what would disturb them", function()
    local pid, servers = held_worker()
    local function refused(arguments, status, message)
      local result = w:run(arguments)
      assert.equal(status, result.status, result.err)
      assert.truthy(result.err:find(message, 1, true), result.err)
    end
    local usual = "run grid.lua --models models.lua --speed 200 --no-pictures --out results "
    refused(usual, 1, "results is shared by 1 workers that gave a sign of life")
    refused(usual .. "--share --stale 1 --only concurrency=1", 1, "results is shared by workers with other cells")
    refused(usual .. "--share --fresh", 2, "--share and --fresh do not go together")
    refused(usual .. "--share --until decided", 2, "--share and --until do not go together")
    refused(usual .. "--share --unit-time soon", 2, "--unit-time soon: must be a time such as 1h")
    refused("run wide.lua --models models.lua --share --stale 1 --out results", 1, "holds results of grid, not of wide")
    -- whoever reads sees what has been handed in
    assert.equal(0, w:run("report results --no-pictures").status)
    assert.equal(0, w:run("plan grid.lua --models models.lua --speed 200 --out results").status)
    signal(pid, "TERM")
    status_of "held"
    w:wait_gone(servers)
  end)
end)
