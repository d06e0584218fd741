---@meta sb.signal

--- A place where tasks wait for each other. Semaphores and channels are Lua on top of it.
local signal = {}

---@class sb.Signal
local Signal = {}

---@return sb.Signal
function signal.new() end

--- Waits until a notify reaches this task. A notify that came before is not remembered.
function Signal:wait() end

--- Wakes those that have waited longest.
---@param n? integer how many at most; default 1
---@return integer woken
function Signal:notify(n) end

return signal
