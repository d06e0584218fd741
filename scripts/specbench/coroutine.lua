-- A task waits by yielding. Inside a coroutine of the script's own that yield would end at the script's
-- resume; here resume and wrap pass it on to the task and come back with the wait's results.

local core = require "sb.task"

local waiting, enter, abandon = core.waiting, core.enter, core.abandon
local resume, yield, close, status = coroutine.resume, coroutine.yield, coroutine.close, coroutine.status
local isyieldable = coroutine.isyieldable

local held = setmetatable({}, { __mode = "k" }) -- coroutines in which a task waits: they are nobody else's meanwhile

local HELD = "cannot %s a coroutine in which a task waits"
local NO_PLACE = "cannot wait here: inside a callback of table.sort or string.gsub"

local function close_entered(co)
  enter(co)
  local ok, message = close(co)
  enter()
  return ok, message
end

-- Closes the inner coroutine where the task is cancelled while the wait lasts, so that its <close> run.
local pending = { __close = function(self)
  held[self.co] = nil
  if not self.over then close_entered(self.co) end
end }

local function pass_on(co, ok, first, ...)
  local interrupted = enter()
  if not ok or not (first == waiting or interrupted) then return ok, first, ... end
  if not isyieldable() then
    abandon()
    close_entered(co)
    return false, NO_PLACE
  end
  do
    local guard <close> = setmetatable({ co = co }, pending)
    held[co] = true
    yield(waiting)
    guard.over = true
  end
  enter(co)
  return pass_on(co, resume(co))
end

---@param co thread
---@return boolean ok, any ...
function coroutine.resume(co, ...)
  if held[co] then return false, HELD:format "resume" end
  enter(co)
  return pass_on(co, resume(co, ...))
end

---@param co thread
---@return boolean ok, any message
function coroutine.close(co)
  if held[co] then error(HELD:format "close", 2) end
  local state = status(co)
  if state ~= "suspended" and state ~= "dead" then return close(co) end -- which says why not
  return close_entered(co)
end

local function results(co, ok, ...)
  if ok then return ... end
  if not held[co] then close_entered(co) end
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
