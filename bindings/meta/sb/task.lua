---@meta sb.task

--- Tasks: functions that run side by side and wait without stopping each other. A script is a task itself. A
--- task runs until it waits (join, sleep, an HTTP request, a load, a process, a signal); nothing interrupts it
--- in between, so plain variables need no locks.
---
--- Waiting works inside pcall, iterators, metamethods and coroutines, but not inside the callbacks of table.sort
--- and string.gsub, and not in what is closed while a task is being cancelled: there it raises.
local task = {}

---@class sb.Task
local Task = {}

--- Makes a task that begins in the loop's next turn. It lives until it ends, whether or not anyone holds it. A
--- failure that nobody joins is logged. As a `<close>` variable it is cancelled at the end of the block.
---@param f fun(...): ...
---@param ... any the function's arguments
---@return sb.Task
function task.spawn(f, ...) end

--- Waits.
---@param seconds number from 0 on; kept to the millisecond, never shorter
function task.sleep(seconds) end

--- The task that is running; nil while a cancelled one is being closed.
---@return sb.Task?
function task.current() end

--- What a waiting coroutine yields: for libraries that resume coroutines themselves. coroutine.resume and
--- coroutine.wrap know it already.
---@type lightuserdata
task.waiting = nil

--- Says whose code runs from here on, so that Ctrl-C reaches it even where it runs for ever: for libraries that
--- resume coroutines themselves. coroutine.resume and coroutine.wrap do it already.
---@param co thread? nil: the caller's own, again
---@return boolean interrupted whether the program is being ended: a coroutine that gave way then goes on no more
function task.enter(co) end

--- Gives up what a coroutine has begun to wait for: for libraries that resume coroutines themselves, where one
--- yields task.waiting and its resumer cannot yield. coroutine.resume and coroutine.wrap do it already.
function task.abandon() end

--- Waits until the task has ended. Any number of tasks may join one, as often as they like.
---@return any ... what its function returned; or nil, the error (a string carries a traceback), "error"; or nil,
---"cancelled", "cancelled"
function Task:join() end

--- Ends a task: what it waits for is given up, its `<close>` variables are closed before this returns. Nothing
--- happens where it has ended. A task cannot cancel itself.
function Task:cancel() end

---@return "ready"|"running"|"waiting"|"finished"|"failed"|"cancelled"
function Task:status() end

return task
