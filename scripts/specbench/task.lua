-- Tasks, and how they wait for each other.

local core = require "sb.task"
local signal = require "sb.signal"

-- A wake-up goes to all who wait, and each looks again: the one it is meant for may be cancelled before its turn.
local ALL = math.maxinteger

local task = { spawn = core.spawn, sleep = core.sleep, current = core.current }

---Runs f(...) as a task of its own for at most `seconds`; after that it is cancelled (its <close> run).
---@param seconds number
---@param f function
---@return any ... what f returned, or nil, message, code ("timeout" where the time ran out, "error")
function task.timeout(seconds, f, ...)
  local expired = false
  local worker <close> = core.spawn(f, ...)
  local watch <close> = core.spawn(function()
    core.sleep(seconds)
    expired = true
    worker:cancel()
  end)
  local results = table.pack(worker:join())
  watch:cancel()
  if expired and worker:status() == "cancelled" then
    return nil, ("not done after %g s"):format(seconds), "timeout"
  end
  return table.unpack(results, 1, results.n)
end

---@class specbench.semaphore
local semaphore = {}
semaphore.__index = semaphore

---At most `count` holders at once.
---@param count integer
---@return specbench.semaphore
function task.semaphore(count)
  return setmetatable({ free = count, turn = signal.new() }, semaphore)
end

---Runs f(i, list[i]) for each of the list side by side and waits for all; the first error ends the others and is
---raised here.
---@param list any[]
---@param f fun(i: integer, item: any)
function task.each(list, f)
  if #list == 1 then return f(1, list[1]) end
  local workers <close> = setmetatable({}, { __close = function(self)
    for _, worker in ipairs(self) do worker:cancel() end
  end })
  local left, failure, done = #list, nil, signal.new()
  for i, item in ipairs(list) do
    workers[i] = core.spawn(function()
      local ok, message = xpcall(f, function(e) return type(e) == "string" and debug.traceback(e, 2) or e end, i, item)
      left = left - 1
      if not ok and failure == nil then failure = message end
      done:notify()
    end)
  end
  while left > 0 and failure == nil do done:wait() end
  if failure ~= nil then error(failure, 0) end
end

---A place where `count` tasks wait for each other: the function returns to all of them once the last has called it.
---@param count integer
---@return fun()
function task.gate(count)
  local open, missing = signal.new(), count
  return function()
    missing = missing - 1
    if missing > 0 then open:wait() else open:notify(ALL) end
  end
end

local permit = { __close = function(self) self.of:release() end }

---Waits for a permit.
---@return table permit released by its <close>, or by semaphore:release()
function semaphore:acquire()
  while self.free == 0 do self.turn:wait() end
  self.free = self.free - 1
  return setmetatable({ of = self }, permit)
end

function semaphore:release()
  self.free = self.free + 1
  self.turn:notify(ALL)
end

---@class specbench.channel
local channel = {}
channel.__index = channel

---A queue between tasks; `capacity` values wait in it before send waits too.
---@param capacity integer? default 0: send returns once somebody has received
---@return specbench.channel
function task.channel(capacity)
  return setmetatable({
    capacity = capacity or 0, values = {}, first = 1, last = 0, sent = signal.new(), taken = signal.new(),
  }, channel)
end

---@param value any not nil
---@return boolean? ok, string? message nil and "closed" where nobody will receive it
function channel:send(value)
  if self.closed then return nil, "closed" end
  self.last = self.last + 1
  self.values[self.last] = value
  local mine = self.last
  self.sent:notify(ALL)
  while not self.closed and mine - self.first >= self.capacity do self.taken:wait() end
  return true
end

---@return any value the next one; nil once the channel is closed and empty
function channel:receive()
  while self.first > self.last do
    if self.closed then return nil end
    self.sent:wait()
  end
  local value = self.values[self.first]
  self.values[self.first] = nil
  self.first = self.first + 1
  self.taken:notify(ALL)
  return value
end

---Nothing more is sent; receivers get what is left.
function channel:close()
  self.closed = true
  self.sent:notify(ALL)
  self.taken:notify(ALL)
end

return task
