---@meta sb.virtual

--- The simulator's engine driven in no time: a server and the load against it in one, without sockets and without
--- waiting. Its clock jumps from event to event; the same load on the same server gives the same records.
local virtual = {}

---@class sb.Virtual
local Virtual = {}

---@param options { argv: string[], profiles: string? } argv: of `specbench sim`, the subcommand first; profiles: the
---  folder in which a profile is found by its name
---@return sb.Virtual? server
---@return string? message where the options are wrong or mean nothing in virtual time (a truth log, a speed), or where
---  it would never be ready
---@return string? code
function virtual.start(options) end

---Runs a load from its first request to its last answer.
---@param options sb.LoadOptions url (its path), requests, concurrency, arrivals and keep_text count, and of a server
---  with faults the deadlines, but for cell_timeout
---@return sb.Run? run
---@return string? message
---@return string? code
function Virtual:load(options) end

---@return string text of GET /metrics
function Virtual:metrics() end

---@return integer? status with which a fault ended it; nil while it runs
function Virtual:exit_status() end

---@return string? reason why the last load ended before all was sent; nil where it did not
function Virtual:given_up() end

---Frees it; other calls raise from then on.
function Virtual:close() end

return virtual
