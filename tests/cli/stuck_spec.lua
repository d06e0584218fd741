-- Ctrl-C and SIGTERM while something holds the loop; a program without its standard descriptors; os.exit in a round.

local fs = require "sb.fs"
local task = require "sb.task"

local w

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
end)
after_each(function() w:remove() end)

-- A script that starts a server, says so, and then runs `body`.
local function script_with_server(body)
  w:write("script.lua", ([[
    local bench = require "specbench"
    local fs = require "sb.fs"
    local server <close> = assert(bench.server.start {
      argv = { %q, "sim", "--profile", "qwen2.5-7b", "--port", "{port}" },
    })
    local closed <close> = setmetatable({}, { __close = function() fs.write("closed", "") end })
    assert(fs.write("begun", ""))
    %s]]):format(w.server, body))
end

local function begun()
  w:eventually("the script to begin", function() return w:read "begun" end)
  task.sleep(0.1) -- into what holds the loop
end

-- One signal ends it in good order: its variables are closed, its server is gone.
local function ends_at_once(signal)
  begun()
  w:signal(signal)
  local result = w:finish()
  assert.equal(130, result.status, result.err)
  assert.truthy(w:read "closed", "its <close> variables were not closed")
  w:wait_gone(w:servers())
  return result
end

local HOLDERS = {
  ["an endless loop"] = "while true do end",
  ["an endless loop that catches errors"] = "while true do pcall(function() while true do end end) end",
  ["an endless loop in a coroutine"] = "coroutine.wrap(function() while true do end end)()",
  ["a loop around a coroutine"] =
    "local f = coroutine.wrap(function() while true do coroutine.yield() end end) while true do f() end",
  ["an endless comparison of table.sort"] =
    "while true do pcall(table.sort, { 1, 2 }, function() while true do end end) end",
  ["an endless metamethod"] = "local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
  ["another task"] = "require('sb.task').spawn(function() while true do end end):join()",
  ["a wait in a coroutine"] = "coroutine.wrap(function() bench.task.sleep(3600) end)()",
}

describe("an interrupt", function()
  for name, body in pairs(HOLDERS) do
    it("ends " .. name, function()
      script_with_server(body)
      w:start "script.lua"
      ends_at_once(name == "another task" and "TERM" or "INT")
    end)
  end

  it("closes the variables of the coroutine that it stops", function()
    script_with_server [[
      coroutine.wrap(function()
        local _ <close> = setmetatable({}, { __close = function() fs.write("inner", "") end })
        while true do end
      end)()]]
    w:start "script.lua"
    ends_at_once "INT"
    assert.truthy(w:read "inner")
  end)

  it("ends a write to a pipe that nobody reads", function()
    for _, stream in ipairs { "stdout", "stderr" } do
      fs.remove(w.folder .. "/begun")
      script_with_server(("while true do io.%s:write(('x'):rep(65536)) end"):format(stream))
      w:write("unread.sh", ([[
        mkfifo unread-%s
        sleep 3600 <unread-%s & echo $! >holder
        exec "$@" %s>unread-%s]]):format(stream, stream, stream == "stderr" and "2" or "", stream))
      local program = ("sh unread.sh '%s'"):format(require("sb.environment").executable)
      w:start("script.lua", { program = program })
      ends_at_once "TERM"
      os.execute("kill " .. w:read "holder")
    end
  end)

  it("reaches C code of Lua's when it is repeated, and the servers end as well", function()
    script_with_server [[string.find(("a"):rep(300), (".-"):rep(60) .. "b")]]
    w:start "script.lua"
    begun()
    w:signal "INT"
    task.sleep(0.3)
    assert.is_nil(w:read "status")
    w:signal "INT"
    assert.equal(130, w:finish().status)
    w:wait_gone(w:servers())
  end)

  it("ends a round whose callback never returns, and what is finished is kept", function()
    w:write("grid.lua", (w.round():gsub("limits = function%(%) return", [[limits = function()
        if c.concurrency == 2 and c.method == "draft" then
          assert(require("sb.fs").write("begun", ""))
          while true do end
        end
        return]])))
    w:start "run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --out results"
    begun()
    w:signal "INT"
    local result = w:finish()
    assert.equal(130, result.status, result.err)
    w:wait_gone(w:servers())
  end)
end)

describe("os.exit in a function of a round", function()
  it("ends the run with one line and is no success", function()
    for _, code in ipairs { "", "0", "true" } do
      w:write("grid.lua", (w.round():gsub("prompts = ",
        ("prompts = c.concurrency == 2 and os.exit(%s) or "):format(code))))
      local result = w:run_grid ""
      assert.equal(1, result.status)
      local line = result.err:match "specbench: [^\n]*\n$"
      assert.truthy(line and line:find("grid.lua:%d+: os.exit would end the run in the middle"), result.err)
    end
  end)
end)

describe("without a standard descriptor", function()
  it("it runs as with it", function()
    w:write("grid.lua", w.round())
    for _, closed in ipairs { "0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-" } do
      w:write("closed.sh", ([[exec "$@" %s]]):format(closed))
      local program = ("sh closed.sh '%s'"):format(require("sb.environment").executable)
      fs.remove(w.folder .. "/results")
      local result = w:run("run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --out results",
        { program = program })
      assert.equal(0, result.status, closed .. ": " .. result.err)
      assert.equal(4, w:count "cells")
      w:wait_gone(w:servers())
      assert.equal(2, w:run("sim --no-such-option", { program = program }).status)
      assert.equal(2, w:run("supervise", { program = program }).status)
    end
  end)
end)

describe("precompiled Lua", function()
  it("is refused", function()
    w:write("script.lua", string.dump(function() return 0 end))
    local result = w:run "script.lua"
    assert.equal(1, result.status)
    assert.truthy(result.err:find("specbench: attempt to load a binary chunk (mode is 't')\n", 1, true)
      or result.err:find("attempt to load a binary chunk", 1, true), result.err)
  end)
end)
