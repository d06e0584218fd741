-- The server of every bench: our own simulator, writing down what it really sent when.

local environment = require "sb.environment"
local server = require "specbench.server"

local simulator = { model = "qwen2.5-7b" }

---@param truth string file for its log
---@param arguments string[] how it is paced
---@return specbench.server
function simulator.start(truth, arguments)
  local argv = { environment.executable, "sim", "--profile", simulator.model, "--port", "{port}", "--truth", truth,
    "--max-num-seqs", "8192", "--kv-tokens", "100000000" } -- no request waits for another
  table.move(arguments, 1, #arguments, #argv + 1, argv)
  return assert(server.start { argv = argv })
end

return simulator
