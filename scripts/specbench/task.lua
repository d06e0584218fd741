-- Tasks, and how they wait for each other.

local core = require "sb.task"
local signal = require "sb.signal"

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
  self.turn:notify()
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
  self.sent:notify()
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
  self.taken:notify(math.maxinteger)
  return value
end

---Nothing more is sent; receivers get what is left.
function channel:close()
  self.closed = true
  self.sent:notify(math.maxinteger)
  self.taken:notify(math.maxinteger)
end

return task
