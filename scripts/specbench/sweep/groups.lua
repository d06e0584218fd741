-- Figures of the prompts of one kind within a cell, such as those of one length.

local json = require "specbench.base.json"
local request_times = require "specbench.analysis.request_times"

local groups = {}

-- Adds a request's times (nanoseconds) and counts to its kind's.
local function add(kind, request)
  if request.outcome ~= "ok" then return end
  kind.tokens_known = kind.tokens_known and request.tokens ~= nil
  local prompt_tokens = request.data_prompt_tokens or request.prompt_tokens
  kind.prompts_known = kind.prompts_known and prompt_tokens ~= nil
  local first, last = request_times.span(request)
  if not first then return end
  kind.requests = kind.requests + 1
  kind.prompt_tokens = kind.prompt_tokens + (prompt_tokens or 0)
  kind.ttft = kind.ttft + first.t - request.t_send
  kind.latency = kind.latency + last.t - request.t_send
  kind.tokens = kind.tokens + (request.tokens or 0)
  if (request.tokens or 0) > 1 then
    kind.decode, kind.gaps = kind.decode + last.t - first.t, kind.gaps + request.tokens - 1
  end
  kind.from = math.min(kind.from, request.t_send)
  kind.to = math.max(kind.to, last.t)
  if request.draft_tokens and request.accepted_tokens then
    kind.drafted = (kind.drafted or 0) + request.draft_tokens
    kind.accepted = (kind.accepted or 0) + request.accepted_tokens
  end
end

local function figures(kind, scale)
  local ms, n = scale / 1e6, kind.requests
  local span = n > 0 and (kind.to - kind.from) * scale / 1e9 or 0
  local tokens = kind.tokens_known and kind.tokens or nil
  return {
    name = kind.name, requests = n, output_tokens = tokens,
    prompt_tokens = kind.prompts_known and kind.prompt_tokens or nil,
    span = span, output_throughput = tokens and span > 0 and tokens / span or nil,
    ttft_ms = n > 0 and kind.ttft * ms / n or nil,
    tpot_ms = tokens and kind.gaps > 0 and kind.decode * ms / kind.gaps or nil,
    latency_per_token_ms = tokens and tokens > 0 and kind.latency * ms / tokens or nil,
    acceptance = kind.drafted and kind.drafted > 0 and kind.accepted / kind.drafted or nil,
  }
end

---Per kind, in the order of first appearance: `requests` that ended well, their `output_tokens`, `prompt_tokens`,
---mean `ttft_ms`, `tpot_ms` weighted by tokens, `latency_per_token_ms` (sum of latencies / sum of tokens), `span` s
---from the first one sent to the last one's end, `output_throughput` over it (other kinds may run beside them), and
---`acceptance` (accepted / draft tokens) where the server tells it request by request. Where the tokens of one are
---not known, figures that rest on them are absent.
---@param run specbench.run
---@param work specbench.workload
---@param scale number? of the server's clock
---@return table[]? list nil where the workload has no kinds
function groups.figures(run, work, scale)
  if not work.group then return nil end
  local list, by_name = json.array {}, {}
  for i, prompt in ipairs(work.prompts.items) do
    local name = work.group(prompt)
    if not by_name[name] then
      by_name[name] = { name = name, requests = 0, tokens = 0, prompt_tokens = 0, latency = 0, ttft = 0, decode = 0,
        gaps = 0, from = math.maxinteger, to = math.mininteger, tokens_known = true, prompts_known = true }
      list[#list + 1] = by_name[name]
    end
    add(by_name[name], run:request(i))
  end
  for i, kind in ipairs(list) do list[i] = figures(kind, scale or 1) end
  return list
end

return groups
