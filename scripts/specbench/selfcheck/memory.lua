-- What a stream and a stored chunk take.

local clients = require "specbench.selfcheck.clients"
local environment = require "sb.environment"
local fs = require "sb.fs"
local process = require "specbench.selfcheck.process"

local memory = {}

local FEW, MANY = 64, 512 -- streams, both with the same requests: what differs is the streams'
local RECORDED = { server = { "--step-ms", "10" }, streams = 512, requests = 512, tokens = 300 }
local MILLION = 1000000

local function peak_of(streams)
  local figures = clients.run(clients.own(),
    { server = { "--step-ms", "10" }, streams = streams, requests = MANY, tokens = 32 })
  return figures.memory_peak_mb
end

-- Bytes that a million chunks of such records take in memory.
local function million_of(records)
  local folder <close> = process.scratch()
  local path = folder.path .. "/records.bin"
  assert(fs.write(path, records))
  local pipe = assert(io.popen(("'%s' '%s/scripts/specbench/selfcheck/growth.lua' '%s'"):format(environment.executable,
    environment.home, path)))
  local bytes = assert(pipe:read "n", "growth.lua printed no number")
  pipe:close()
  return bytes
end

---@return table figures
function memory.run()
  local few, many = peak_of(FEW), peak_of(MANY)
  local _, run = clients.run(clients.own(), RECORDED)
  local bytes, chunks = run:encode(), run:chunks()
  local million = million_of(bytes)
  local figures = {
    stream_bytes = (many - few) * 2 ^ 20 / (MANY - FEW), chunk_bytes_disk = #bytes / chunks,
    chunk_bytes_memory = million / MILLION, million_chunks_mb = million / 2 ^ 20, peak_mb = { few = few, many = many },
  }
  io.stdout:write(("Memory: %.1f kB a stream (peak %.1f MB with %d, %.1f MB with %d, of %d requests)\n")
    :format(figures.stream_bytes / 1024, few, FEW, many, MANY, MANY),
    ("A chunk of a stored timeline: %.2f bytes in memory, %.2f on disk, records' own fields included (%d requests x "
    .. "%d chunks); 1,000,000 chunks %.1f MB\n"):format(figures.chunk_bytes_memory, figures.chunk_bytes_disk,
      RECORDED.requests, RECORDED.tokens, figures.million_chunks_mb))
  return figures
end

return memory
