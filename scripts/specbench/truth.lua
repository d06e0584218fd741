-- The simulator's log of what it really wrote, joined with what the client recorded, chunk by chunk.

local fs = require "sb.fs"
local json = require "specbench.json"

local truth = {}

---@class specbench.truth.request
---@field chunks { [1]: integer, [2]: integer, [3]: integer }[] due_ns, written_ns, tokens

---@param path string
---@return table<string, specbench.truth.request> by request id, as the client sent it in X-Request-Id
function truth.read(path)
  local by_id = {}
  local text = assert(fs.read(path))
  for line in text:gmatch "[^\n]+" do
    local request = assert(json.decode(line))
    by_id[request.id or request.request_id] = request
  end
  return by_id
end

-- Exact percentile by linear interpolation; the samples are sorted in place.
local function percentile(samples, percent)
  if #samples == 0 then return nil end
  table.sort(samples)
  local h = (#samples - 1) * percent / 100
  local low = math.floor(h)
  local a, b = samples[low + 1], samples[math.min(low + 2, #samples)]
  return a + (b - a) * (h - low)
end

---How far the client's record is from the truth.
---@param run specbench.run
---@param by_id table<string, specbench.truth.request>
---@param prefix string of the run's request ids
---@return { error_p50_ms: number?, error_p99_ms: number?, itl_p50_ms: number?, itl_p99_ms: number?,
---  lost: integer, chunks: integer } error: arrival less written; lost: chunks written but not recorded
function truth.compare(run, by_id, prefix)
  local errors, gaps, lost, chunks = {}, {}, 0, 0
  for i = 1, #run do
    local request = run:request(i)
    local real = by_id[("%s-%d"):format(prefix, request.id)]
    local written = real and real.chunks or {}
    lost = lost + math.abs(#written - #request.chunks)
    chunks = chunks + #written
    for k = 1, math.min(#written, #request.chunks) do
      errors[#errors + 1] = (request.chunks[k].t - written[k][2]) / 1e6
      if k > 1 then gaps[#gaps + 1] = (written[k][2] - written[k - 1][2]) / 1e6 end
    end
  end
  return {
    error_p50_ms = percentile(errors, 50), error_p99_ms = percentile(errors, 99), itl_p50_ms = percentile(gaps, 50),
    itl_p99_ms = percentile(gaps, 99), lost = lost, chunks = chunks,
  }
end

return truth
