local bench = require "specbench"
local task = require "sb.task"

-- A variable that notes when it is closed.
local function noting(log, name)
  return setmetatable({}, { __close = function() log[#log + 1] = name end })
end

-- Runs `f` in a task and returns the error it ends with.
local function failure(f, ...)
  local ok, message, code = task.spawn(f, ...):join()
  assert.is_nil(ok)
  assert.equal("error", code)
  return message
end

describe("a task", function()
  it("runs in the loop's next turn, with its arguments", function()
    local seen
    local t = task.spawn(function(...) seen = table.pack(...) end, 1, nil, "x")
    assert.is_nil(seen)
    assert.equal("ready", t:status())
    t:join()
    assert.same({ 1, nil, "x", n = 3 }, seen)
    assert.equal("finished", t:status())
  end)

  it("gives its results to everyone who joins, as often as they ask", function()
    local t = task.spawn(function() task.sleep(0.01) return 1, nil, 3 end)
    local others = {}
    for i = 1, 3 do others[i] = task.spawn(function() return select("#", t:join()) end) end
    assert.same({ 1, nil, 3, n = 3 }, table.pack(t:join()))
    assert.same({ 1, nil, 3, n = 3 }, table.pack(t:join()))
    for i = 1, 3 do assert.equal(3, (others[i]:join())) end
  end)

  it("runs beside others while they wait", function()
    local order = {}
    local slow = task.spawn(function() task.sleep(0.05) order[#order + 1] = "slow" end)
    local quick = task.spawn(function() task.sleep(0.001) order[#order + 1] = "quick" end)
    slow:join()
    quick:join()
    assert.same({ "quick", "slow" }, order)
  end)

  it("fails with a traceback of where the error was raised", function()
    local function deep() error("boom") end
    local message = failure(function() task.sleep(0) deep() end)
    assert.truthy(message:find("tasks_spec.lua:%d+: boom\n"))
    assert.truthy(message:find("in upvalue 'deep'", 1, true) or message:find("in local 'deep'", 1, true))
  end)

  it("fails with the object it raised", function()
    local object = {}
    assert.equal(object, failure(error, object))
  end)

  it("may raise in many at once", function()
    local tasks = {}
    for i = 1, 1000 do tasks[i] = task.spawn(function() error("e" .. i, 0) end) end
    for i = 1, 1000 do
      local _, message = tasks[i]:join()
      assert.equal("e" .. i, message:match("^[^\n]*"))
    end
  end)

  it("knows which one it is", function()
    local inside
    local t = task.spawn(function() inside = task.current() end)
    t:join()
    assert.equal(t, inside)
    assert.truthy(tostring(t):find("^task: "))
  end)

  it("cannot join or cancel itself", function()
    assert.truthy(failure(function() task.current():join() end):find("cannot join itself"))
    assert.truthy(failure(function() task.current():cancel() end):find("cannot cancel itself"))
  end)

  it("must not yield but by waiting", function()
    assert.truthy(failure(function() coroutine.yield(1) end):find("yields only by waiting"))
  end)

  it("sleeps at least as long as asked", function()
    local clock = require "sb.clock"
    local before = clock.now()
    task.sleep(0.02)
    assert.is_true(clock.now() - before >= 20000000)
    for _ = 1, 10 do -- begun at a millisecond's end, which libuv takes for its beginning
      repeat before = clock.now() until before % 1000000 > 900000
      task.sleep(0.001)
      assert.is_true(clock.now() - before >= 1000000)
    end
    assert.has_error(function() task.sleep(-1) end)
    assert.has_error(function() task.sleep(0 / 0) end)
  end)
end)

describe("cancelling a task", function()
  it("closes its variables, the last one first, and gives nil, cancelled", function()
    local log = {}
    local t = task.spawn(function()
      local _ <close> = noting(log, "a")
      local _ <close> = noting(log, "b")
      task.sleep(100)
    end)
    task.sleep(0)
    t:cancel()
    assert.same({ "b", "a" }, log)
    local ok, message, code = t:join()
    assert.is_nil(ok)
    assert.equal("cancelled", message)
    assert.equal("cancelled", code)
    assert.equal("cancelled", t:status())
  end)

  it("works before it ran, while it waits for another, and after it ended", function()
    local ran = false
    local never = task.spawn(function() ran = true end)
    never:cancel()
    task.sleep(0.001)
    assert.is_false(ran)
    local long = task.spawn(task.sleep, 100)
    local joining = task.spawn(function() long:join() end)
    task.sleep(0.001)
    joining:cancel()
    assert.equal("waiting", long:status())
    long:cancel()
    long:cancel()
    local done = task.spawn(function() return 7 end)
    done:join()
    done:cancel()
    assert.equal(7, (done:join()))
  end)

  it("reaches a task whose wait ended in this very turn", function()
    local victims, ran = {}, 0
    local killer = task.spawn(function()
      task.sleep(0.01)
      for _, victim in ipairs(victims) do victim:cancel() end
    end)
    for i = 1, 5 do
      victims[i] = task.spawn(function() task.sleep(0.01) ran = ran + 1 end)
    end
    local joiner = task.spawn(function() victims[1]:join() end)
    killer:join()
    joiner:join()
    for _, victim in ipairs(victims) do
      assert.is_true(victim:status() == "cancelled" or victim:status() == "finished")
    end
    assert.is_true(ran <= 5)
  end)

  it("passes pcall and does not let it go on", function()
    local after = false
    local t = task.spawn(function()
      pcall(task.sleep, 100)
      after = true
    end)
    task.sleep(0.001)
    t:cancel()
    task.sleep(0.001)
    assert.is_false(after)
  end)

  it("happens at the end of the block that holds it", function()
    local t
    do
      local held <close> = task.spawn(task.sleep, 100)
      t = held
      task.sleep(0)
    end
    assert.equal("cancelled", t:status())
  end)

  it("does not wait in what it closes, and cannot be repeated from there", function()
    local wait, again
    local t
    t = task.spawn(function()
      local _ <close> = setmetatable({}, { __close = function()
        wait = select(2, pcall(task.sleep, 0))
        again = select(2, pcall(t.cancel, t))
      end })
      task.sleep(100)
    end)
    task.sleep(0.001)
    t:cancel()
    assert.truthy(wait:find("not inside a task", 1, true))
    assert.truthy(again:find("cannot cancel itself", 1, true))
    assert.equal("cancelled", t:status())
  end)
end)

describe("a wait", function()
  it("works inside pcall and xpcall", function()
    local ok, result = pcall(function() task.sleep(0.001) return 5 end)
    assert.is_true(ok)
    assert.equal(5, result)
    local _, message = xpcall(function() task.sleep(0.001) error("late", 0) end, function(m) return m .. "!" end)
    assert.equal("late!", message)
  end)

  it("works inside coroutines of the script", function()
    local generate = coroutine.wrap(function()
      for i = 1, 3 do
        task.sleep(0.001)
        coroutine.yield(i)
      end
    end)
    assert.same({ 1, 2, 3 }, { generate(), generate(), generate() })
    local co = coroutine.create(function() task.sleep(0.001) error("inside", 0) end)
    assert.same({ false, "inside" }, { coroutine.resume(co) })
    assert.equal("dead", coroutine.status(co))
  end)

  it("works inside coroutines inside coroutines", function()
    local outer = coroutine.wrap(function()
      local inner = coroutine.wrap(function() task.sleep(0.001) coroutine.yield("in") end)
      coroutine.yield(inner())
    end)
    assert.equal("in", outer())
  end)

  it("closes the script's coroutines where the task is cancelled", function()
    local log = {}
    local t = task.spawn(function()
      coroutine.wrap(function()
        local _ <close> = noting(log, "inner")
        task.sleep(100)
      end)()
    end)
    task.sleep(0.001)
    t:cancel()
    assert.same({ "inner" }, log)
  end)

  it("works in iterators and metamethods, but not in table.sort or string.gsub", function()
    local object = setmetatable({}, { __index = function(_, key) task.sleep(0.001) return key end })
    assert.equal("x", object.x)
    for value in function(_, last) task.sleep(0.001) if not last then return 1 end end do
      assert.equal(1, value)
    end
    local message = failure(function()
      table.sort({ 3, 1, 2 }, function(a, b) task.sleep(0) return a < b end)
    end)
    assert.truthy(message:find("cannot wait here: inside a callback of table.sort", 1, true))
    message = failure(function() string.gsub("x", "x", function() task.sleep(0) end) end)
    assert.truthy(message:find("cannot wait here", 1, true))
  end)
end)

-- Text of what a script prints when specbench runs it, its exit status behind.
local function run(script, prefix)
  local path = os.tmpname() .. ".lua"
  local file <close> = assert(io.open(path, "w"))
  file:write(script)
  file:flush()
  local pipe = assert(io.popen(("%s %q %q 2>&1; echo rc $?"):format(prefix or "",
    require("sb.environment").executable, path)))
  local output = pipe:read("a")
  pipe:close()
  os.remove(path)
  return output
end

describe("a coroutine in which a task waits", function()
  local co, waiter, gate
  before_each(function()
    gate = require("sb.signal").new()
    co = coroutine.create(function() gate:wait() return 1 end)
    waiter = task.spawn(function() return coroutine.resume(co) end)
    task.sleep(0)
  end)

  it("is not resumed by another one", function()
    assert.same({ false, "cannot resume a coroutine in which a task waits" }, { coroutine.resume(co) })
    gate:notify()
    assert.same({ true, 1 }, { waiter:join() })
  end)

  it("is not closed by another one", function()
    local ok, message = pcall(coroutine.close, co)
    assert.is_false(ok)
    assert.truthy(message:find("cannot close a coroutine in which a task waits", 1, true))
    gate:notify()
    assert.same({ true, 1 }, { waiter:join() })
    assert.is_true(coroutine.close(co))
  end)

  it("is free once its task is cancelled", function()
    waiter:cancel()
    assert.equal("dead", coroutine.status(co))
    assert.is_true(coroutine.close(co))
  end)

  it("is not closed by the wrapped function that another task calls", function()
    local f = coroutine.wrap(function() gate:wait() return 2 end)
    local first = task.spawn(f)
    task.sleep(0)
    assert.truthy(failure(f):find("a coroutine in which a task waits", 1, true))
    gate:notify(2)
    assert.equal(2, (first:join()))
  end)

  it("cannot wait below a callback of table.sort, and its wait is given up", function()
    local closed = {}
    local message = failure(function()
      table.sort({ 3, 1, 2 }, function()
        coroutine.wrap(function()
          local _ <close> = noting(closed, "inner")
          task.sleep(0.01)
        end)()
      end)
    end)
    assert.truthy(message:find("cannot wait here", 1, true), message)
    assert.same({ "inner" }, closed)
    task.sleep(0.02) -- when the sleep would have ended
  end)
end)

describe("the program", function()
  it("says in one line what an error object without end says of itself", function()
    for _, body in ipairs { "return tostring(t)", "error(t)", "return t.x" } do
      local output = run(([[
        local t = setmetatable({}, {})
        local mt = getmetatable(t)
        mt.__index = function(t, k) return t[k] end
        mt.__tostring = function(t) %s end
        local task = require "sb.task"
        task.spawn(function() error(t) end)
        local cancelled <close> = task.spawn(function()
          local _ <close> = setmetatable({}, { __close = function() error(t) end })
          task.sleep(9)
        end)
        task.sleep(0)
        error(t)]]):format(body))
      assert.truthy(output:find("specbench: [^\n]*\nrc 1\n$"), output)
      assert.is_nil(output:find("PANIC", 1, true), output)
    end
  end)

  it("starts nothing more in finalizers at its end", function()
    local seen = os.tmpname()
    local output = run(([[
      local started = {
        function() return require("sb.proc").start { argv = { "sleep", "3" } } end,
        function() return require("sb.load").start { url = "http://127.0.0.1:1/", requests = { { body = "x" } } } end,
        function() return require("sb.http").stream { url = "http://127.0.0.1:1/" } end,
        function() return require("sb.task").spawn(print, 1) end,
      }
      for i, start in ipairs(started) do
        setmetatable({}, { __gc = function()
          local ok, message = pcall(start)
          assert(io.open(%q, "a")):write(i, " ", tostring(ok), " ", tostring(message), "\n")
        end })
      end]]):format(seen))
    assert.equal("rc 0\n", output)
    local count = 0
    for line in io.lines(seen) do
      count = count + 1
      assert.truthy(line:find("^%d false .*nothing can be started while the program ends"), line)
    end
    assert.equal(4, count)
    os.remove(seen)
  end)

  it("takes more arguments than Lua's stack has at first", function()
    local words = {}
    for i = 1, 300 do words[i] = "'print(select(\"#\", ...))' " end
    local path = os.tmpname() .. ".lua"
    assert(io.open(path, "w")):write("print(#arg, select('#', ...))"):close()
    local pipe = assert(io.popen(("%q %q %s"):format(require("sb.environment").executable, path, table.concat(words))))
    assert.equal("300\t300\n", pipe:read "a")
    pipe:close()
    os.remove(path)
  end)

  it("finds its modules whatever another Lua's variables say, and those that they name", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(require("sb.fs").mkdir(folder))
    assert(io.open(folder .. "/mine.lua", "w")):write("return 'found'"):close()
    for _, name in ipairs { "LUA_PATH", "LUA_PATH_5_4" } do
      local output = run("require 'cjson' print((require 'mine'))",
        ("LUA_INIT='error(1)' LUA_CPATH=/nowhere %s=%s/?.lua"):format(name, folder))
      assert.equal("found\nrc 0\n", output)
    end
    require("sb.fs").remove(folder)
  end)
end)

describe("a failure that nobody joins", function()
  it("is logged", function()
    local output = run [[
      local task = require "sb.task"
      task.spawn(function() error("lost", 0) end)
      task.sleep(0.01)]]
    assert.truthy(output:find("specbench: error: a task failed and nobody joined it: lost\n", 1, true), output)
  end)

  it("is not logged where it was joined", function()
    local output = run [[
      local task = require "sb.task"
      task.spawn(function() error("seen", 0) end):join()
      task.spawn(task.sleep, 9):cancel()
      return 3]]
    assert.equal("rc 3\n", output)
  end)

  it("is no success where its exit status has no place in eight bits", function()
    for _, status in ipairs { 256, -1, 1 << 32 } do
      assert.equal("rc 1\n", run(("return %d"):format(status)))
      assert.equal("rc 1\n", run(("error { exit = %d }"):format(status)))
    end
    assert.equal("rc 255\n", run "return 255")
  end)

  it("of the script itself is printed and gives exit status 1", function()
    local output = run [[error("top")]]
    assert.truthy(output:find("specbench: .*lua:1: top\n"), output)
    assert.is_nil(output:find("traceback", 1, true), output)
    assert.truthy(output:find("rc 1\n$"), output)
  end)
end)

describe("tasks side by side", function()
  it("wait for each other at a gate", function()
    local order, gate = {}, bench.task.gate(2)
    bench.task.each({ 0.02, 0 }, function(i, pause)
      bench.task.sleep(pause)
      order[#order + 1] = "before " .. i
      gate()
      order[#order + 1] = "after"
    end)
    assert.same({ "before 2", "before 1" }, { order[1], order[2] })
    assert.equal(4, #order)
  end)

  it("end with the first error, which is raised", function()
    local ended = false
    local ok, message = pcall(bench.task.each, { 1, 2 }, function(i)
      if i == 1 then error("broken on purpose", 0) end
      local _ <close> = setmetatable({}, { __close = function() ended = true end })
      bench.task.sleep(100)
    end)
    assert.is_false(ok)
    assert.truthy(message:find("broken on purpose", 1, true))
    assert.is_true(ended)
  end)

  it("hold no more permits of a semaphore than it has, first come, first served", function()
    local semaphore, order, held, most = bench.task.semaphore(2), {}, 0, 0
    bench.task.each({ 1, 2, 3, 4, 5 }, function(i)
      local _permit <close> = semaphore:acquire()
      held = held + 1
      most = math.max(most, held)
      order[#order + 1] = i
      bench.task.sleep(0.002)
      held = held - 1
    end)
    assert.equal(2, most)
    assert.same({ 1, 2, 3, 4, 5 }, order)
  end)

  it("send and receive through a channel, in order, until it is closed", function()
    local channel, got = bench.task.channel(1), {}
    local receiver <close> = task.spawn(function()
      for value in function() return channel:receive() end do got[#got + 1] = value end
    end)
    for i = 1, 4 do assert.is_true(channel:send(i)) end
    channel:close()
    receiver:join()
    assert.same({ 1, 2, 3, 4 }, got)
    assert.same({ n = 2, nil, "closed" }, table.pack(channel:send(5)))
  end)

  it("lose neither permit nor value where the one woken for it is cancelled", function()
    local semaphore, channel, seen = bench.task.semaphore(1), bench.task.channel(1), {}
    semaphore:acquire()
    local function hold()
      semaphore:acquire()
      seen.permit = true
    end
    local function receive() seen.value = channel:receive() end
    local woken = { task.spawn(hold), task.spawn(receive) }
    local _holder <close> = task.spawn(hold)
    local _receiver <close> = task.spawn(receive)
    task.sleep(0)
    semaphore:release()
    channel:send "value"
    for _, first in ipairs(woken) do first:cancel() end
    task.sleep(0.01)
    assert.same({ permit = true, value = "value" }, seen)
  end)
end)
