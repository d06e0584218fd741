-- An open loop of short answers: how late requests go out against the plan.

local drive = require "specbench.selfcheck.drive"
local process = require "specbench.selfcheck.process"
local simulator = require "specbench.selfcheck.simulator"

local open_loop = {}

local RATE = 5000 -- requests a second
local SECONDS, SECONDS_LONG = 5, 30

---@param options { long: boolean? }
---@return table figures
function open_loop.run(options)
  local seconds = options.long and SECONDS_LONG or SECONDS
  local folder <close> = process.scratch()
  local sim <close> = simulator.start(folder.path .. "/truth.jsonl", { "--flood" })
  local cell, run, cost = drive.load { url = sim.url, rate = RATE, requests = RATE * seconds, tokens = 1 }
  if not cell then error(run, 0) end
  local late, first, last = {}, math.huge, 0
  for i = 1, #run do
    local request = run:request(i)
    late[i] = (request.t_send - request.t_intended) / 1e6
    first, last = math.min(first, request.t_send), math.max(last, request.t_send)
  end
  table.sort(late)
  local m = cell.metrics
  local figures = {
    rate = RATE, seconds = seconds, sent_per_second = (#run - 1) / ((last - first) / 1e9), failed = m.failed,
    late_ms = { p50 = late[#late // 2], p99 = late[#late * 99 // 100], max = late[#late] },
    cpu_us_per_request = cost.cpu_us / #run,
  }
  io.stdout:write(("Open loop, %d requests/s of 1 token for %d s (Poisson): sent %.0f/s, late by p50 %.3f, p99 %.3f, "
    .. "max %.3f ms; %d failed; %.1f us CPU a request\n"):format(RATE, seconds, figures.sent_per_second,
      figures.late_ms.p50, figures.late_ms.p99, figures.late_ms.max, m.failed, figures.cpu_us_per_request))
  return figures
end

return open_loop
