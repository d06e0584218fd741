-- What a stream and a stored chunk take.

local clients = require "specbench.bench.clients"
local measure = require "sb.measure"
local process = require "specbench.bench.process"

local memory = {}

local FEW, MANY = 64, 512 -- streams, both with the same requests: what differs is the streams'
local RECORDED = { server = { "--step-ms", "10" }, streams = 512, requests = 512, tokens = 300 }
local MILLION = 1000000

local function peak_of(streams)
  local figures = clients.run(clients.find()[1],
    { server = { "--step-ms", "10" }, streams = streams, requests = MANY, tokens = 32 })
  return figures.memory_peak_mb
end

-- Holds so many copies of a run and looks at what this process grew by: over a million chunks together, or the
-- pages that happen to be free already would count.
local function growth_of(bytes, chunks)
  local copies = {}
  local wanted = MILLION // chunks + 1
  collectgarbage()
  collectgarbage()
  local before = process.memory "self"
  for i = 1, wanted do copies[i] = assert(measure.decode(bytes)) end
  local after = process.memory "self"
  return (after - before) * 2 ^ 20 / (#copies * chunks)
end

---@return table figures
function memory.run()
  local few, many = peak_of(FEW), peak_of(MANY)
  local _, run = clients.run(clients.find()[1], RECORDED)
  local bytes, chunks = run:encode(), run:chunks()
  local held = growth_of(bytes, chunks)
  local figures = {
    stream_bytes = (many - few) * 2 ^ 20 / (MANY - FEW), chunk_bytes_disk = #bytes / chunks,
    chunk_bytes_memory = held, million_chunks_mb = held * MILLION / 2 ^ 20, peak_mb = { few = few, many = many },
  }
  io.stdout:write(("Memory: %.1f kB a stream (peak %.1f MB with %d, %.1f MB with %d, of %d requests); a chunk of a "
    .. "stored timeline %.2f bytes in memory, %.2f on disk, records' own fields included (%d requests x %d chunks); "
    .. "1,000,000 chunks %.1f MB\n"):format(figures.stream_bytes / 1024, few, FEW, many, MANY, MANY, held,
      figures.chunk_bytes_disk, RECORDED.requests, RECORDED.tokens, figures.million_chunks_mb))
  return figures
end

return memory
