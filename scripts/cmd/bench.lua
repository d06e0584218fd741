-- Measures specbench itself: what its client costs a chunk, and how far its times are from the truth.

local clock = require "sb.clock"
local environment = require "sb.environment"
local bench = require "specbench"
local command = require "specbench.command"
local fs = require "sb.fs"
local json = require "specbench.json"
local text_table = require "specbench.text_table"
local truth = require "specbench.truth"

local self = {
  name = "bench",
  summary = "Measure specbench itself: CPU a chunk, distance from the truth",
  description = "`specbench bench client --url URL` drives any server and prints what the client cost; with --out "
    .. "it writes the figures as JSON. Without --url it measures itself against its own simulator, flooded and "
    .. "paced, beside the simulator's own log of what it wrote when.",
  positionals = { { name = "WHAT", help = "client" } },
  options = command.options {
    { long = "url", arg = "URL", help = "server to drive; default: simulators of our own" },
    { long = "concurrency", short = "c", arg = "STREAMS", type = "int", min = 1, help = "requests in flight" },
    { long = "requests", short = "n", arg = "N", type = "int", min = 1, help = "requests in all (4 a stream)" },
    { long = "tokens", arg = "T", type = "int", min = 1, default = 256, help = "tokens of an answer" },
    { long = "out", short = "o", arg = "FILE", help = "write the figures as JSON" },
  },
  examples = {
    "specbench bench client", "specbench bench client --url http://127.0.0.1:8000 -c 64 -n 256 --tokens 256",
  },
}

local PROMPT = "Tell me a short story about a river and a stone."

local function requests_of(count, tokens, model)
  local body = json.encode {
    model = model, messages = { { role = "user", content = PROMPT } }, temperature = 0, max_tokens = tokens,
    stream = true, ignore_eos = true, stream_options = { include_usage = true },
  }
  local requests = {}
  for i = 1, count do requests[i] = { body = body, prompt_id = 0 } end
  return requests
end

-- Whatever the server calls its model.
local function model_of(url)
  local response = bench.http.get(url .. "/v1/models")
  local answer = response and json.decode(response.body)
  return answer and answer.data and answer.data[1] and answer.data[1].id or "model"
end

-- Resident memory of this process, MB.
local function memory_mb()
  local file = io.open "/proc/self/status"
  local text = file and file:read "a" or ""
  if file then file:close() end
  return (tonumber(text:match "VmRSS:%s+(%d+)") or 0) / 1024
end

local function drive(url, concurrency, count, tokens)
  local requests = requests_of(count, tokens, model_of(url))
  local cpu, wall = clock.cpu(), clock.now()
  local run = bench.load { server = url, requests = requests, concurrency = concurrency, event_per_token = true,
    id_prefix = "bench" }
  cpu, wall = clock.cpu() - cpu, clock.now() - wall
  local cost = { cpu_us = cpu / 1e3, wall_s = wall / 1e9, memory_mb = memory_mb(), chunks = run:chunks() }
  return run, run:metrics(), cost
end

local function pair(m, name)
  return m[name .. ".p50"] and { p50 = m[name .. ".p50"], p99 = m[name .. ".p99"] } or nil
end

local function write_result(path, m, cost)
  local ok, message = fs.write(path, json.encode {
    ttft_ms = pair(m, "ttft_ms"), itl_ms = pair(m, "itl_chunk_ms"), tpot_ms = pair(m, "tpot_ms"),
    itl_token_ms = pair(m, "itl_token_ms"), duration_s = m.duration, completed = m.completed,
    chunks = cost.chunks, cpu_us_per_chunk = cost.cpu_us / cost.chunks, memory_mb = cost.memory_mb,
  } .. "\n")
  if not ok then command.fail(message) end
end

-- flooded: everything at once, the client's bare cost; paced: a chunk every 10 ms a stream, as an engine steps
local cases = {
  { name = "flooded", streams = 64, arguments = { "--flood" } },
  { name = "flooded", streams = 512, arguments = { "--flood" } },
  { name = "paced 10 ms", streams = 64, arguments = { "--step-ms", "10" } },
  { name = "paced 10 ms", streams = 128, arguments = { "--step-ms", "10" } },
  { name = "paced 10 ms", streams = 512, arguments = { "--step-ms", "10" } },
  { name = "paced 20 ms, 3 tokens", streams = 128, arguments = { "--step-ms", "20", "--tokens-per-chunk", "3" } },
}

local function format(value, digits)
  return value and ("%%.%df"):format(digits):format(value) or "-"
end

local function run_case(case, options)
  local log = os.tmpname()
  local _remove <close> = setmetatable({}, { __close = function() os.remove(log) end })
  local argv = { environment.executable, "sim", "--profile", "qwen2.5-7b", "--port", "{port}", "--truth", log }
  table.move(case.arguments, 1, #case.arguments, #argv + 1, argv)
  local streams = options.concurrency or case.streams
  local sim <close> = assert(bench.server.start { argv = argv })
  local run, m, cost = drive(sim.url, streams, options.requests or 4 * streams, options.tokens)
  sim:stop()
  local real = truth.compare(run, truth.read(log), "bench")
  return { case.name, streams, cost.chunks, ("%.2f"):format(cost.cpu_us / cost.chunks),
    ("%.0f k"):format(cost.chunks / cost.wall_s / 1e3),
    format(m["itl_chunk_ms.p50"], 2) .. " / " .. format(m["itl_chunk_ms.p99"], 2),
    format(real.itl_p50_ms, 2) .. " / " .. format(real.itl_p99_ms, 2),
    format(real.error_p50_ms, 3) .. " / " .. format(real.error_p99_ms, 3), real.lost, m.failed,
    ("%.0f"):format(cost.memory_mb) }
end

function self.run(options, positionals)
  if positionals[1] ~= "client" then
    command.fail(("nothing called '%s' to measure: specbench bench client"):format(positionals[1]), 2)
  end
  if options.url then
    local streams = options.concurrency or 64
    local _, m, cost = drive(options.url:gsub("/+$", ""), streams, options.requests or 4 * streams, options.tokens)
    print(("%d streams: %d of %d requests, %d chunks, %.2f us CPU a chunk, ITL p50/p99 %s/%s ms, "
      .. "TTFT p50/p99 %s/%s ms, %.0f MB"):format(streams, m.completed, m.requests, cost.chunks,
        cost.cpu_us / cost.chunks, format(m["itl_chunk_ms.p50"], 2), format(m["itl_chunk_ms.p99"], 2),
        format(m["ttft_ms.p50"], 1), format(m["ttft_ms.p99"], 1), cost.memory_mb))
    if options.out then write_result(options.out, m, cost) end
    return m.failed == 0 and 0 or 3
  end
  local rows = {}
  for i, case in ipairs(cases) do rows[i] = run_case(case, options) end
  local right = function(title) return { title = title, align = "right" } end
  io.stdout:write(text_table.render {
    columns = { { title = "load" }, right "streams", right "chunks", right "CPU us/chunk", right "chunks/s",
      right "ITL p50/p99 ms", right "truth p50/p99", right "arrival - written p50/p99",
      right "lost", right "failed", right "MB" },
    rows = rows,
  })
  return 0
end

return self
