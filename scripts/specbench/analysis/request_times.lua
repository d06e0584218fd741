-- What a request's chunks say of it alone.

local tables = require "specbench.base.tables"

local request_times = {}

-- How a server may tell tokens, chunk by chunk (sb_token_source_per_chunk).
local PER_CHUNK = tables.set_of { "continuous_usage", "token_ids", "timings", "event_per_token" }

---@class specbench.request_times in milliseconds of the server's clock, from the request's send
---@field ttft number? to its first chunk that brings a token
---@field e2el number? to the last one
---@field tpot number? between two of its tokens
---@field done number? to the end of the answer

---The first and the last chunk that bring a token: where their tokens are told, those that have some; else those with
---text. All latencies go by them (runtime/measure/request.h).
---@param request sb.Request
---@return sb.Chunk? first nil where no token came
---@return sb.Chunk? last
function request_times.span(request)
  local is_told, first, last = PER_CHUNK[request.token_source], nil, nil
  for _, chunk in ipairs(request.chunks) do
    local brings
    if is_told then brings = chunk.tokens > 0 else brings = chunk.has_text end
    if brings then first, last = first or chunk, chunk end
  end
  return first, last
end

---@param request sb.Request
---@param scale number the server's clock runs so many times as fast as ours
---@return { at: number, tokens: integer }[] points chunks that brought tokens or text; one that is not told counts as a
---  token
---@return specbench.request_times times
function request_times.of(request, scale)
  local function ms(t) return (t - request.t_send) / 1e6 * scale end
  local points, is_told = {}, PER_CHUNK[request.token_source]
  for _, chunk in ipairs(request.chunks) do
    if chunk.tokens > 0 or chunk.has_text then
      points[#points + 1] = { at = ms(chunk.t), tokens = is_told and chunk.tokens or 1 }
    end
  end
  local first, last = request_times.span(request)
  local tokens = request.tokens or 0
  return points, {
    ttft = first and ms(first.t), e2el = last and ms(last.t),
    tpot = first and tokens > 1 and (ms(last.t) - ms(first.t)) / (tokens - 1) or nil,
    done = request.t_done > 0 and ms(request.t_done) or last and ms(last.t),
  }
end

return request_times
