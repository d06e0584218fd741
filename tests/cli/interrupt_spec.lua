local fs = require "sb.fs"
local json = require "specbench.base.json"

local w

-- The first cell is measured; the second, requests 6 to 10 of the server, hangs for good.
local function start_until_second_cell(options)
  w:faults { "silence@7" }
  w:start("run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --out results", options)
  w:eventually("a finished cell", function() return w:count "cells" == 1 end)
end

local function processes()
  local server = w:servers()[1]
  local supervisor = w.parent_of(server)
  assert.is_true(w.is_running(server))
  assert.equal(w.background, w.parent_of(supervisor))
  return { server, supervisor }
end

-- The run goes on from what is there: nothing lost, nothing measured twice.
local function go_on()
  local before = w:cells "cells"
  w:faults {}
  local result = w:run_grid ""
  assert.equal(0, result.status, result.err)
  assert.truthy(result.err:find("4 cells: 3 measured, 1 done before, 0 failed", 1, true), result.err)
  local after = w:cells "cells"
  for id, text in pairs(before) do assert.equal(text, after[id]) end
  assert.equal(4, w:count "cells")
  assert.same({}, fs.list(w.folder .. "/results/unfinished") or {})
  local keys = {}
  for _, text in pairs(after) do keys[json.decode(text).key] = true end
  local distinct = 0
  for _ in pairs(keys) do distinct = distinct + 1 end
  assert.equal(4, distinct)
end

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", w.round())
end)
after_each(function() w:remove() end)

for _, signal in ipairs { "INT", "TERM" } do
  describe("SIG" .. signal, function()
    it("in a cell ends the servers and keeps what is finished", function()
      start_until_second_cell()
      local pids = processes()
      w:signal(signal)
      local result = w:finish()
      assert.equal(130, result.status)
      local farewell = "\nstopped: 1 of 4 cells are kept in results; the same command goes on from there\n$"
      assert.truthy(result.err:find(farewell), result.err)
      w:wait_gone(pids)
      assert.equal(0, w:count "failed")
      go_on()
    end)
  end)
end

describe("an interrupt", function()
  it("while a server starts ends it", function()
    w:faults { "never-ready" }
    w:start "run grid.lua --models models.lua --out results"
    w:eventually("a server", function() return w:servers()[1] end)
    local pids = processes()
    w:signal "INT"
    assert.equal(130, w:finish().status)
    w:wait_gone(pids)
    assert.equal(0, w:count "failed")
  end)

  it("of a script ends its servers", function()
    w:write("script.lua", ([[
      local bench = require "specbench"
      local server <close> = assert(bench.server.start {
        argv = { %q, "sim", "--profile", "qwen2.5-7b", "--port", "{port}" },
      })
      bench.task.sleep(3600)]]):format(w.server))
    w:start "script.lua"
    w:eventually("a server", function() return w:servers()[1] end)
    local pids = processes()
    w:signal "INT"
    assert.equal(130, w:finish().status)
    w:wait_gone(pids)
  end)

  it("of what a script loads says nothing of it", function()
    w:write("script.lua", "require 'endless'\n")
    w:write("endless.lua", "io.stdout:write 'begun'\nio.stdout:flush()\nwhile true do end\n")
    w:start "script.lua"
    w:eventually("the script to begin", function() return w:read "stdout" == "begun" end)
    w:signal "INT"
    local result = w:finish()
    assert.equal(130, result.status)
    assert.equal("", result.err)
  end)

  it("on a terminal leaves nothing of the live view", function()
    start_until_second_cell { terminal = true }
    w:eventually("the live view", function() return w:read("stdout"):find("1 of 4 cells", 1, true) end)
    w:signal "INT"
    local result = w:finish()
    assert.equal(130, result.status)
    assert.truthy(result.out:find("\27[Jstopped: 1 of 4 cells are kept", 1, true), result.out)
    w:wait_gone(w:servers())
  end)
end)

describe("kill -9", function()
  it("in mid-sweep leaves no process and loses only the cell in flight", function()
    start_until_second_cell()
    local pids = processes()
    w:signal "KILL"
    assert.equal(137, w:finish().status)
    w:wait_gone(pids)
    assert.equal(0, w:count "failed")
    go_on()
  end)

  it("of the supervisor takes the server along, and the run goes on", function()
    start_until_second_cell()
    local pids = processes()
    w:faults {} -- of the servers that follow
    assert(os.execute("kill -KILL " .. pids[2]))
    w:wait_gone(pids)
    local result = w:finish()
    assert.equal(3, result.status, result.err)
    assert.truthy(result.err:find("4 cells: 3 measured, 0 done before, 1 failed", 1, true), result.err)
  end)

  it("of the server fails its cell, and the run goes on", function()
    start_until_second_cell()
    w:faults {} -- of the servers that follow
    assert(os.execute("kill -KILL " .. w:servers()[1]))
    local result = w:finish()
    assert.equal(3, result.status, result.err)
    assert.truthy(result.err:find("killed by signal 9", 1, true), result.err)
    assert.truthy(result.err:find("4 cells: 3 measured, 0 done before, 1 failed", 1, true), result.err)
  end)
end)
