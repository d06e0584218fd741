-- specbench, its supervisor, or both are killed again and again, at random moments and right after operations that
-- change the disk: each cell is measured once and stays as it is, and no process is left.
--
--   SPECBENCH_TEST_KILLS=200 ctest -R cli.kill_drill      200 kills instead of a few; _SEED: others

local fs = require "sb.fs"
local json = require "specbench.base.json"
local rng = require "sb.rng"
local task = require "sb.task"

local KILLS = math.tointeger(tonumber(os.getenv "SPECBENCH_TEST_KILLS" or "9"))
local SEED = math.tointeger(tonumber(os.getenv "SPECBENCH_TEST_SEED" or "1"))
local PRELOAD = os.getenv "SPECBENCH_TEST_KILL_AFTER" -- nil in builds with sanitizers: random moments only

local RUN = "run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --out results"

local w, random, operations, seconds, kept

-- The server has an ordinary child, which nobody ends but us.
local function note_children()
  w:write("server", (w:read("server"):gsub("#!/bin/sh\n", ("%%0sleep 3600 & echo $! >>%q\n"):format(w.folder
    .. "/started"), 1)))
  assert(os.execute("chmod +x " .. w.server))
end

local function kill(pids)
  if #pids > 0 then os.execute("kill -KILL " .. table.concat(pids, " ") .. " 2>/dev/null") end
end

local function supervisors()
  local list = {}
  for _, pid in ipairs(w:servers()) do
    local parent = w.is_running(pid) and w.parent_of(pid)
    if parent and w.parent_of(parent) == w.background then list[#list + 1] = parent end
  end
  return list
end

-- Each cell of before is there as it was, and none is there twice.
local function check_cells(when)
  local keys, now = {}, w:cells "cells"
  for id, text in pairs(kept) do assert.equal(text, now[id], when) end
  for _, text in pairs(now) do
    local key = json.decode(text).key
    assert.is_nil(keys[key], when)
    keys[key] = true
  end
  kept = now
end

-- A run that is killed, unless it comes to its end before.
local function kill_once(i)
  local victim = ({ "specbench", "supervisor", "both" })[i % 3 + 1]
  local env
  if PRELOAD and victim ~= "supervisor" and i % 2 == 0 then
    env = { LD_PRELOAD = PRELOAD, KILL_AT = tostring(random:int(1, operations)),
      KILL_CHILDREN = victim == "both" and "1" or "0" }
  end
  w:start(RUN, { env = env })
  if not env then
    task.sleep(random:uniform() * seconds)
    local pids = victim ~= "specbench" and supervisors() or {}
    if victim ~= "supervisor" then pids[#pids + 1] = w.background end
    kill(pids)
  end
  local result = w:finish()
  check_cells(("kill %d of %s (seed %d), status %d: %s"):format(i, victim, SEED, result.status, result.err))
end

local function run_whole()
  local result = w:run(RUN, PRELOAD and { env = { LD_PRELOAD = PRELOAD, KILL_REPORT = w.folder .. "/operations" } })
  assert.equal(0, result.status, result.err)
  check_cells(result.err)
  assert.equal(4, w:count "cells")
  assert.same({}, fs.list(w.folder .. "/results/unfinished") or {})
  assert.same({}, fs.list(w.folder .. "/results/servers"))
  for _, pid in ipairs(w:servers()) do assert.is_false(w.is_running(pid)) end
end

local function forget()
  fs.remove(w.folder .. "/results")
  w:write("started", "")
  kept = {}
end

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", w.round())
  note_children()
end)
after_each(function() w:remove() end)

local function measure_a_run()
  local clock = require "sb.clock"
  forget()
  local begun = clock.now()
  run_whole()
  seconds = (clock.now() - begun) / 1e9
  operations = tonumber(w:read "operations")
end

describe("a run that is killed again and again", function()
  for round = 1, (KILLS + 2) // 3 do
    it(("measures every cell once and leaves no process (kills %d to %d)"):format(3 * round - 2, 3 * round), function()
      random = rng.new(SEED, round)
      if not seconds then measure_a_run() end
      forget()
      for i = 3 * round - 2, 3 * round do kill_once(i) end
      run_whole()
    end)
  end
end)
