--- vLLM's HTTP dialect, the same in V0 and V1, which the simulator speaks too.

local vllm_http = {
  -- Files that an earlier server left in that folder would be added to this one's counters.
  environment = { PROMETHEUS_MULTIPROC_DIR = false },
  ready = { path = "/health", timeout_s = 900 },
  version = { paths = { "/version" }, field = "version" },
  requests_counter = "vllm:request_success_total",
  tokenize = {
    path = "/tokenize",
    ---V0 insists on the model.
    body = function(text, served_name)
      return { model = served_name, prompt = text, add_special_tokens = false }
    end,
    count = function(answer)
      return answer.count
    end,
  },
}

---@param server table
---@return string
function vllm_http.served_name(server)
  return server.model.served_name or server.model.path
end

---Puts the limits into an OpenAI body and, where it streams, asks for usage on every chunk.
---@param body table changed in place
---@param limits { max_tokens: integer?, min_tokens: integer?, ignore_eos: boolean? }|nil
---@return table body
---@return table<string, string> headers none
function vllm_http.request(body, limits)
  limits = limits or {}
  body.max_tokens = limits.max_tokens or body.max_tokens
  body.min_tokens = limits.min_tokens or body.min_tokens
  if limits.ignore_eos ~= nil then body.ignore_eos = limits.ignore_eos end
  if body.stream then
    body.stream_options = { include_usage = true, continuous_usage_stats = true }
  end
  return body, {}
end

return vllm_http
