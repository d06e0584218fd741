-- The simulator's log of what it really wrote, beside what a client recorded: chunk by chunk where there are
-- records of the run, else by the log's own figures.

local json = require "specbench.base.json"
local tables = require "specbench.base.tables"

local truth = {}

-- Counts by whole microsecond: exact percentiles to that unit, however many samples.
local function add(samples, ns)
  local us = ns // 1000
  samples.by_us[us] = (samples.by_us[us] or 0) + 1
  samples.count = samples.count + 1
end

local function new_samples()
  return { by_us = {}, count = 0 }
end

-- The value at 0-based position `rank` of the sorted samples.
local function at_rank(keys, by_us, rank)
  local seen = 0
  for _, us in ipairs(keys) do
    seen = seen + by_us[us]
    if seen > rank then return us end
  end
end

-- Linear between order statistics, milliseconds.
local function pair(samples)
  if samples.count == 0 then return nil end
  local keys = tables.keys(samples.by_us)
  local function percentile(percent)
    local h = (samples.count - 1) * percent / 100
    local low = math.floor(h)
    local a = at_rank(keys, samples.by_us, low)
    local b = at_rank(keys, samples.by_us, math.min(low + 1, samples.count - 1))
    return (a + (b - a) * (h - low)) / 1e3
  end
  return { p50 = percentile(50), p99 = percentile(99) }
end

-- A chunk with the time 0 never left the server: the client had gone.
local function written_chunks(request)
  local list = {}
  for _, chunk in ipairs(request.chunks) do
    if chunk[2] > 0 then list[#list + 1] = chunk end
  end
  return list
end

-- The request's position in the run, from 1; nil where it was another's.
local function position_of(request, prefix, run)
  local id = request.request_id
  local digits = id:sub(1, #prefix + 1) == prefix .. "-" and id:match("^%d+$", #prefix + 2)
  local position = digits and math.tointeger(tonumber(digits)) + 1
  return position and position <= #run and position or nil
end

---@alias specbench.truth.pair { p50: number, p99: number } milliseconds

---@class specbench.truth.figures
---@field itl_ms specbench.truth.pair? gaps between a request's chunks as written
---@field ttft_ms specbench.truth.pair? from a request's arrival at the server to its first chunk
---@field error_ms specbench.truth.pair? chunks' arrival less their writing; only with a run
---@field lost integer? chunks written and not recorded, or recorded and not written; only with a run
---@field chunks integer
---@field request_s number? mean time from a request's arrival to its last chunk
---@field last_arrival_ns integer? when the first `opening` requests had all arrived

---@param path string the simulator's log
---@param run specbench.run? what the client recorded
---@param prefix string? of the run's request ids
---@param opening integer? how many requests were sent at the start
---@return specbench.truth.figures
function truth.figures(path, run, prefix, opening)
  local errors, gaps, first, arrivals = new_samples(), new_samples(), new_samples(), {}
  local lost, joined, chunks, busy_ns, answered = 0, 0, 0, 0, 0
  for line in io.lines(path) do
    local request = assert(json.decode(line))
    local written = written_chunks(request)
    chunks = chunks + #written
    arrivals[#arrivals + 1] = request.t_recv_ns
    if #written > 0 then
      add(first, written[1][2] - request.t_recv_ns)
      busy_ns, answered = busy_ns + written[#written][2] - request.t_recv_ns, answered + 1
    end
    for k = 2, #written do add(gaps, written[k][2] - written[k - 1][2]) end
    local position = run and position_of(request, prefix, run)
    if position then
      local recorded = run:request(position).chunks
      lost, joined = lost + math.abs(#written - #recorded), joined + #recorded
      for k = 1, math.min(#written, #recorded) do add(errors, recorded[k].t - written[k][2]) end
    elseif run then
      lost = lost + #written
    end
  end
  table.sort(arrivals)
  return {
    itl_ms = pair(gaps), ttft_ms = pair(first), error_ms = pair(errors), chunks = chunks,
    lost = run and lost + run:chunks() - joined or nil, request_s = answered > 0 and busy_ns / answered / 1e9 or nil,
    last_arrival_ns = arrivals[opening or 0],
  }
end

return truth
