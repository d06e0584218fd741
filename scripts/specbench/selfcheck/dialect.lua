-- How a bench asks: every client that it puts side by side sends the very same bodies, and the simulator's chunk is a
-- token.

local base = require "specbench.engine.base"
local external = require "specbench.engine.external"

local dialect = base.copy(external)

dialect.name, dialect.description = "equal", "a server that is loaded by clients to be compared"
dialect.capabilities.event_per_token = true
dialect.running_usage = nil -- nothing is sent but the load

function dialect.request(body, limits)
  body.seed, body.ignore_eos = nil, limits.ignore_eos
  return body, {}
end

return dialect
