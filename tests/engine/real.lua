--- What the checks of real engines share: what a run left behind, and whether its chunks sum to its usage.
---
---   local real = dofile(require("sb.environment").home .. "/tests/engine/real.lua")

local bench = require "specbench"
local data = require "specbench.dataset"
local fs = require "sb.fs"
local request_list = require "specbench.experiment.request_list"
local workload = require "specbench.experiment.workload"

local real = {}

-- Of the GPU that is measured on: the first, or the first that is named.
function real.gpu_memory_mib()
  local gpu = (os.getenv "CUDA_VISIBLE_DEVICES" or "0"):match "^[%w-]+"
  local pipe = assert(io.popen("nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits --id=" .. gpu))
  local text = pipe:read "a"
  pipe:close()
  return tonumber(text:match "%d+") or -1
end

---Processes of a server that are still there: by the names that only its own command lines carry.
---@param ... string patterns
---@return integer
function real.left_behind(...)
  local count = 0
  for _, name in ipairs(fs.list "/proc") do
    local line = name:match "^%d+$" and fs.read(("/proc/%s/cmdline"):format(name)) or ""
    for _, pattern in ipairs { ... } do
      if line:find(pattern) then
        count = count + 1
        break
      end
    end
  end
  return count
end

---@param engine specbench.engine
---@param server table resolved description
---@param options { tokens: integer, count: integer, concurrency: integer, body: table? }
---@return table[] requests of exactly so many tokens
function real.requests(engine, server, options)
  local work = workload.new({
    prompts = assert(data.prompts { dataset = "random", tokens = 200, count = options.count, seed = 7 }), chat = false,
    limits = function() return { max_tokens = options.tokens, ignore_eos = true } end,
    concurrency = options.concurrency, body = options.body,
  }, {})
  return request_list.of(work, engine, engine.served_name(server), 12345)
end

---@param run specbench.run
---@param tokens integer of each answer
---@return integer wrong answers whose chunks do not sum to usage and to that
---@return number per_chunk tokens
---@return string source of the counts
function real.compare_usage(run, tokens)
  local wrong, chunks, all, sources = 0, 0, 0, {}
  for i = 1, #run do
    local request = run:request(i)
    local sum = 0
    for _, chunk in ipairs(request.chunks) do sum = sum + chunk.tokens end
    if sum ~= request.completion_tokens or sum ~= tokens then wrong = wrong + 1 end
    chunks, all = chunks + #request.chunks, all + sum
    sources[request.token_source] = true
  end
  return wrong, all / chunks, next(sources)
end

---The bytes of one short streamed answer and the counters of that name, as recordings for the parsers' tests.
---@param s specbench.server
---@param request table
---@param path string of both, without its ending
---@param ... string what a counter's line must have one of
function real.record(s, request, path, ...)
  local stream <close> = assert(bench.http.stream {
    url = s.url .. "/v1/completions", body = request.body, headers = { "Content-Type: application/json" }, timeout = 60,
  })
  local pieces, lines = {}, {}
  for piece in function() return stream:read() end do pieces[#pieces + 1] = piece end
  assert(fs.write(path .. ".txt", table.concat(pieces)))
  for line in assert(bench.http.get(s.url .. "/metrics")).body:gmatch "[^\n]+" do
    for _, word in ipairs { ... } do
      if line:find(word, 1, true) then
        lines[#lines + 1] = line
        break
      end
    end
  end
  assert(fs.write(path .. "_metrics.txt", table.concat(lines, "\n") .. "\n"))
end

return real
