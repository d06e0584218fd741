-- What a request's chunks say of it alone.

local request_times = {}

---@class specbench.request_times in milliseconds of the server's clock, from the request's send
---@field ttft number? to its first token
---@field e2el number? to its last one
---@field tpot number? between two of its tokens
---@field done number? to the end of the answer

---@param request sb.Request
---@param scale number the server's clock runs so many times as fast as ours
---@return { at: number, tokens: integer }[] points chunks that brought tokens or text
---@return specbench.request_times times
function request_times.of(request, scale)
  local function ms(t) return (t - request.t_send) / 1e6 * scale end
  local points = {}
  for _, chunk in ipairs(request.chunks) do
    if chunk.tokens > 0 or chunk.has_text then
      points[#points + 1] = { at = ms(chunk.t), tokens = math.max(chunk.tokens, 1) }
    end
  end
  local first, last = points[1], points[#points]
  local of_answer = request.tokens
  return points, {
    ttft = first and first.at, e2el = last and last.at,
    tpot = first and of_answer and of_answer > 1 and (last.at - first.at) / (of_answer - 1) or nil,
    done = request.t_done > 0 and ms(request.t_done) or last and last.at,
  }
end

return request_times
