-- `specbench selfcheck client --url URL`: one load against any server, and what it cost this process.

local clock = require "sb.clock"
local client = require "specbench.client"
local fs = require "sb.fs"
local http = require "specbench.http"
local json = require "specbench.base.json"
local process = require "specbench.selfcheck.process"

local drive = { ID_PREFIX = "bench" }

local PROMPT = "Tell me a short story about a river and a stone."

---So many equal requests.
---@param count integer
---@param tokens integer of an answer
---@param model string
---@return table[] requests for specbench.client
function drive.requests(count, tokens, model)
  local body = json.encode {
    model = model, messages = { { role = "user", content = PROMPT } }, temperature = 0, max_tokens = tokens,
    stream = true, ignore_eos = true, stream_options = { include_usage = true },
  }
  local requests = {}
  for i = 1, count do requests[i] = { body = body, prompt_id = 0 } end
  return requests
end

---@param url string
---@param concurrency integer
---@param count integer requests
---@param tokens integer of an answer
---@param io_threads integer
---@return specbench.run run
---@return table metrics
---@return { cpu_us: number, wall_s: number, chunks: integer, memory_mb: number, memory_peak_mb: number,
---  io_threads: integer, lag: sb.LoadLag? } cost of the load alone, connections included; memory before any figure was
---  computed
function drive.load(url, concurrency, count, tokens, io_threads)
  local requests = drive.requests(count, tokens, (http.first_model(url) or { id = "model" }).id)
  local cpu, wall = clock.cpu(), clock.now()
  local run, itself = client.load { server = url, requests = requests, concurrency = concurrency,
    event_per_token = true, id_prefix = drive.ID_PREFIX, io_threads = io_threads,
    clock_scale = 1 } -- what the client costs is wall time, whatever it drives
  cpu, wall = clock.cpu() - cpu, clock.now() - wall
  local resident, peak = process.memory "self"
  local cost = { cpu_us = cpu / 1e3, wall_s = wall / 1e9, chunks = run:chunks(), memory_mb = resident,
    memory_peak_mb = peak, io_threads = itself.io_threads, lag = itself.lag }
  return run, run:metrics(), cost
end

local function pair(m, name)
  return m[name .. ".p50"] and { p50 = m[name .. ".p50"], p99 = m[name .. ".p99"] } or nil
end

---Writes the figures as JSON.
---@return true? ok
---@return string? message
function drive.write(path, m, cost)
  return fs.write(path, json.encode {
    ttft_ms = pair(m, "ttft_ms"), itl_ms = pair(m, "itl_chunk_ms"), tpot_ms = pair(m, "tpot_ms"),
    itl_token_ms = pair(m, "itl_token_ms"), duration_s = m.duration, completed = m.completed,
    chunks = cost.chunks, cpu_us_per_chunk = cost.cpu_us / cost.chunks, memory_mb = cost.memory_mb,
    memory_peak_mb = cost.memory_peak_mb, io_threads = cost.io_threads, lag = cost.lag,
  } .. "\n")
end

return drive
