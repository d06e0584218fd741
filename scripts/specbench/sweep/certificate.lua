-- The client's own innocence: how late it was itself while a cell was measured, and whether that can have moved the
-- cell's figures (runtime/measure/README.md explains it).

local json = require "specbench.base.json"

local certificate = {}

local LAG_P99_MS, LAG_P99_SHARE = 1, 0.05  -- 99 % of our own lags stay under 1 ms or 5 % of the usual gap
local LAG_MAX_MS, LAG_MAX_GAPS = 20, 2     -- and none is longer than 20 ms or two gaps
local CPU_SHARE = 0.8                      -- of a core: beyond it a loop queues
local STOP_MS = 100                        -- where chunks' times are the kernel's, a shorter stop moves none of them

---@class specbench.certificate
---@field client_ok boolean? nil where the load was too short to tell
---@field reasons string[] why it is not
---@field lag sb.LoadLag? the worst of all I/O threads; `threads` has each one's where there are several
---@field io_threads integer? how many there were
---@field send_late_ms { p50: number, p99: number }? open loop: sends against the plan
---@field bytes integer of answers read
---@field chunks integer
---@field reads sb.LoadReads? how far the chunks' times may be off, and whose times they are

---@param run specbench.run
---@param itself specbench.client.itself
---@param metrics table<string, number> of the run, in the scaled clock's time; the certificate is judged in wall time
---@param clock_scale number
---@return specbench.certificate
function certificate.judge(run, itself, metrics, clock_scale)
  local lag, reads = itself.lag, itself.reads
  local result = {
    lag = lag, reads = reads, io_threads = itself.io_threads, chunks = run:chunks(), bytes = itself.bytes,
    reasons = json.array {},
  }
  if metrics["send_late_ms.p50"] then
    result.send_late_ms = {
      p50 = metrics["send_late_ms.p50"] / clock_scale, p99 = metrics["send_late_ms.p99"] / clock_scale,
    }
  end
  if not lag then return result end
  local gap = (metrics["itl_chunk_ms.p50"] or 0) / clock_scale
  local p99_bound = math.max(LAG_P99_MS, LAG_P99_SHARE * gap)
  local max_bound = math.max(LAG_MAX_MS, LAG_MAX_GAPS * gap)
  local function object(holds, format, ...)
    if holds then table.insert(result.reasons, format:format(...)) end
  end
  if reads and reads.by_kernel then
    -- a chunk that was read alone has the kernel's time, however late that was
    object(reads.p99_ms > p99_bound, "1 %% of the chunks, read with others, may have come %.2f ms before their time "
      .. "(bound %.2f)", reads.p99_ms, p99_bound)
    object(reads.max_ms > max_bound, "the client stood still: a chunk may have come %.1f ms before its time "
      .. "(bound %.1f)", reads.max_ms, max_bound)
    object((lag.busy_max_ms or 0) > max_bound, "the client stood still for %.1f ms, at work of its own (bound %.1f)",
      lag.busy_max_ms, max_bound)
    object(lag.max_ms > math.max(STOP_MS, max_bound), "the client stood still for %.1f ms (bound %.1f)", lag.max_ms,
      math.max(STOP_MS, max_bound))
  else
    object(lag.p99_ms > p99_bound, "the client's own lag had p99 %.2f ms (bound %.2f)", lag.p99_ms, p99_bound)
    object(lag.max_ms > max_bound, "the client stood still for %.1f ms (bound %.1f)", lag.max_ms, max_bound)
  end
  object(lag.cpu_share > CPU_SHARE, "the client's busiest I/O thread used %.0f %% of a core (bound %.0f); "
    .. "--io-threads spreads the streams over more", 100 * lag.cpu_share, 100 * CPU_SHARE)
  result.client_ok = #result.reasons == 0
  return result
end

return certificate
