--- What vLLM's own log says of a server that is up: how it really runs, and kernels that it compiled too late.
--- Spellings of 0.26.0: v1/engine/core.py, config/vllm.py, config/compilation.py, v1/worker/gpu_worker.py,
--- platforms/cuda.py, v1/core/kv_cache_utils.py, utils/jit_monitor.py.

local vllm_log = {}

-- The last match: what a later line overrides.
local function last(text, pattern)
  local found
  for word in text:gmatch(pattern) do found = word end
  return found
end

local function number(text)
  return text and math.tointeger(tonumber((text:gsub(",", ""))))
end

---@param text string the log of a server that is up
---@return specbench.engine.effective effective without what the log does not say
function vllm_log.effective(text)
  local config = text:match "Initializing a V1 LLM engine [^\n]*"
  if not config then return {} end
  local async = text:match "Asynchronous scheduling is (%l+)%."
  local is_v2 = text:find("Using V2 Model Runner", 1, true) ~= nil
  local effective = {
    runner = is_v2 and "V2" or "V1",
    attention = text:match "Using ([%w_]+) attention backend out of" or text:match "Using ([%w ]-) backend on V1",
    graphs = last(text, "setting cudagraph_mode=([%u_]+)")
      or text:match "Overriding cudagraph_mode from [%u_]+ to ([%u_]+)" or config:match "CUDAGraphMode%.([%u_]+)",
    graph_tokens = number(config:match "'max_cudagraph_capture_size': (%d+)"),
    compilation = config:match "CompilationMode%.([%u_]+)",
    kv_cache_tokens = number(text:match "GPU KV cache size: ([%d,]+) tokens"),
    kv_cache_dtype = config:match "kv_cache_dtype=([%w_]+)",
    quantization = config:match "[ ,(]quantization=([%w_]+)",
  }
  if async then effective.async_scheduling = async == "enabled" end
  return effective
end

---@param text string what the log got while something ran
---@return integer count kernels that were compiled meanwhile
function vllm_log.compilations(text)
  return select(2, text:gsub("JIT compilation during inference", ""))
end

return vllm_log
