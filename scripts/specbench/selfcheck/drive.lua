-- A load of equal requests on one server, as `specbench measure` drives one, and what it cost this process.

local clock = require "sb.clock"
local environment = require "sb.environment"
local fs = require "sb.fs"
local http = require "specbench.http"
local json = require "specbench.base.json"
local one = require "specbench.sweep.one"
local process = require "specbench.selfcheck.process"

local drive = {}

local PROMPT = "Tell me a short story about a river and a stone."

local function equal_prompts(count)
  local items = {}
  for i = 1, count do items[i] = { text = PROMPT, id = i - 1 } end
  return { items = items }
end

---@class specbench.selfcheck.cost of the load alone, connections included
---@field cpu_us number
---@field wall_s number
---@field chunks integer
---@field memory_mb number before any figure was computed
---@field memory_peak_mb number
---@field io_threads integer
---@field lag sb.LoadLag?

---@param what { url: string, concurrency: integer?, rate: number?, requests: integer, tokens: integer,
---  io_threads: integer? } tokens: of an answer
---@return table? cell what cell.json would hold; nil where there was no load
---@return specbench.run|string run or why there is none
---@return specbench.selfcheck.cost? cost
function drive.load(what)
  local run, cost
  local function around(load)
    local itself
    local cpu, wall = clock.cpu(), clock.now()
    run, itself = load()
    cpu, wall = clock.cpu() - cpu, clock.now() - wall
    local resident, peak = process.memory "self"
    cost = { cpu_us = cpu / 1e3, wall_s = wall / 1e9, chunks = run:chunks(), memory_mb = resident,
      memory_peak_mb = peak, io_threads = itself.io_threads, lag = itself.lag }
    return run, itself
  end
  local prompts = equal_prompts(what.requests)
  local cells, message = one.measure {
    url = what.url, engine = environment.home .. "/scripts/specbench/selfcheck/dialect.lua",
    model = (http.first_model(what.url) or { id = "model" }).id,
    prompts = function() return prompts end,
    concurrency = what.concurrency and { what.concurrency }, rate = what.rate and { what.rate },
    limits = function() return { max_tokens = what.tokens, ignore_eos = true } end,
    temperature = 0, chat = true, seed = 1, salt = "never",
    io_threads = what.io_threads or 1, quiet = true, warmup = 0, no_text = true,
    clock_scale = 1, -- what the client costs is wall time, whatever it drives
    around = around,
  }
  if not run then return nil, cells and cells[1].error or message end
  return cells[1], run, cost
end

local function pair(m, name)
  return m[name .. ".p50"] and { p50 = m[name .. ".p50"], p99 = m[name .. ".p99"] } or nil
end

---Writes the figures as JSON.
---@param path string
---@param cell table
---@param cost specbench.selfcheck.cost
---@return true? ok
---@return string? message
function drive.write(path, cell, cost)
  local m = cell.metrics
  return fs.write(path, json.encode {
    ttft_ms = pair(m, "ttft_ms"), itl_ms = pair(m, "itl_chunk_ms"), tpot_ms = pair(m, "tpot_ms"),
    itl_token_ms = pair(m, "itl_token_ms"), duration_s = m.duration, completed = m.completed,
    chunks = cost.chunks, cpu_us_per_chunk = cost.cpu_us / cost.chunks, memory_mb = cost.memory_mb,
    memory_peak_mb = cost.memory_peak_mb, io_threads = cost.io_threads, lag = cost.lag,
    id_prefix = ("%s-%d"):format(cell.id, cell.repetition), -- of the requests' ids
  } .. "\n")
end

return drive
