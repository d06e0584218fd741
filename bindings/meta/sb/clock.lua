---@meta sb.clock

--- Time in whole nanoseconds.
local clock = {}

--- Monotonic time: for durations, and what records carry.
---@return integer nanoseconds
function clock.now() end

--- Wall-clock time: for dates, never for durations.
---@return integer nanoseconds since 1970
function clock.wall() end

--- CPU time of this process, user and system.
---@return integer nanoseconds
function clock.cpu() end

--- What now() reads.
---@return "monotonic"|"virtual"
function clock.source() end

return clock
