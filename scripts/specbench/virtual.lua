-- The simulator in no time: what stands in for a server, and for the load that a client drives against it. Requests go
-- to the simulator's engine in this process, and time jumps to its next event; no socket, no waiting, and the same
-- bytes for the same seed.

local core = require "sb.virtual"
local environment = require "sb.environment"
local http = require "specbench.http"

local virtual = {}

---@class specbench.virtual.server: specbench.server what the library asks of a server
---@field virtual sb.Virtual
local Server = {}
Server.__index = Server

local started = 0 -- they need names that differ

-- The command line of `specbench sim`, less the program; there is no address to bind.
local function argv_of(command)
  local argv, places = {}, { port = "0", host = "127.0.0.1" }
  for i = 2, #command do argv[#argv + 1] = (command[i]:gsub("{(%w+)}", places)) end
  return argv
end

---@param argv string[] of the simulator's program, as for a process
---@return specbench.virtual.server? server
---@return string? message
function virtual.start(argv)
  local own, message = core.start { argv = argv_of(argv), profiles = environment.home .. "/runtime/sim/profiles" }
  if not own then return nil, "specbench sim: " .. message end
  started = started + 1
  local self = setmetatable({
    virtual = own, argv = argv, url = ("virtual://%d"):format(started), ready_seconds = 0,
  }, Server)
  http.answer_here(self.url, {
    ["/metrics"] = function() return not own:exit_status() and own:metrics() or nil end,
    ["/version"] = function() return ('{"version":"specbench-sim %s"}'):format(environment.version) end,
  })
  return self
end

---Nothing to wait for, nothing to end.
function Server:stop()
  http.answer_here(self.url, nil)
  self.virtual:close()
end
Server.__close = Server.stop

---Why it is not running: a fault has ended it.
---@return string? message
function Server:failure()
  local status = self.virtual:exit_status()
  return status and ("server %s ended (exit code %d)"):format(self.argv[1], status) or nil
end
Server.breakdown = Server.failure

return virtual
