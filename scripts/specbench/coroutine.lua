-- A task waits by yielding. Inside a coroutine of the script's own that yield would end at the script's
-- resume; here resume and wrap pass it on to the task and come back with the wait's results.

local core = require "sb.task"

local waiting, enter = core.waiting, core.enter
local resume, yield, close = coroutine.resume, coroutine.yield, coroutine.close

-- Closes the inner coroutine where the task is cancelled while the wait lasts, so that its <close> run.
local pending = { __close = function(self) if self.co then close(self.co) end end }

local function pass_on(co, ok, first, ...)
  local interrupted = enter()
  if not ok or not (first == waiting or interrupted) then return ok, first, ... end
  do
    local guard <close> = setmetatable({ co = co }, pending)
    yield(waiting)
    guard.co = nil
  end
  enter(co)
  return pass_on(co, resume(co))
end

---@param co thread
---@return boolean ok, any ...
function coroutine.resume(co, ...)
  enter(co)
  return pass_on(co, resume(co, ...))
end

---@param co thread
---@return boolean ok, any message
function coroutine.close(co)
  enter(co)
  local ok, message = close(co)
  enter()
  return ok, message
end

local function results(co, ok, ...)
  if ok then return ... end
  close(co)
  local message = ...
  error(message, 0)
end

---@param f function
---@return fun(...): ...
function coroutine.wrap(f)
  local co = coroutine.create(f)
  return function(...) return results(co, coroutine.resume(co, ...)) end
end

return coroutine
