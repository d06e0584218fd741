---@meta sb.virtual

--- The simulator's engine driven in no time: a server and the load against it in one, without sockets and without
--- waiting. Its clock jumps from event to event; the same load on the same server gives the same records.
local virtual = {}

---@class sb.Virtual
local Virtual = {}

---@param options { argv: string[], profiles: string? } argv: of `specbench sim`, the subcommand first; profiles: the
---  folder in which a profile is found by its name
---@return sb.Virtual? server
---@return string? message where the options are wrong or mean nothing in virtual time (faults, a truth log, a speed)
---@return string? code
function virtual.start(options) end

---Runs a load from its first request to its last answer.
---@param options sb.LoadOptions url (its path), requests, concurrency, arrivals and keep_text count
---@return specbench.run? run
---@return string? message
---@return string? code
function Virtual:load(options) end

---@return string text of GET /metrics
function Virtual:metrics() end

function Virtual:close() end

return virtual
