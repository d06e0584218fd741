-- What a client costs and how far its times are from the truth, load by load, beside the floor, plain libcurl and
-- aiohttp.

local clients = require "specbench.selfcheck.clients"
local text_table = require "specbench.base.text_table"

local figure, right = text_table.figure, text_table.right

local streams = {}

local paced = { "--step-ms", "10" }
local loads = {
  { name = "paced 10 ms", server = paced, streams = 64 },
  { name = "paced 10 ms", server = paced, streams = 128 },
  { name = "paced 10 ms", server = paced, streams = 512 },
  -- more than one core can write: what the server's share of a core proves
  { name = "paced 10 ms", server = paced, streams = 2048, requests = 4096, without = "aiohttp" },
  { name = "20 ms, 3 tokens", server = { "--step-ms", "20", "--tokens-per-chunk", "3" }, streams = 64 },
  { name = "20 ms, 3 tokens", server = { "--step-ms", "20", "--tokens-per-chunk", "3" }, streams = 128 },
  { name = "20 ms, 3 tokens", server = { "--step-ms", "20", "--tokens-per-chunk", "3" }, streams = 512 },
  { name = "10 ms, stalls", server = paced, streams = 64, stalls = true },
  { name = "flooded", server = { "--flood" }, streams = 64 },
  { name = "flooded", server = { "--flood" }, streams = 128 },
  { name = "flooded", server = { "--flood" }, streams = 512 },
}

local function pair(p, format)
  return p and figure(p.p50, format) .. " / " .. figure(p.p99, format) or "-"
end

local function ratio(mine, other)
  return other and figure(mine.cpu_us_per_chunk / other.cpu_us_per_chunk, "%.2f") or "-"
end

-- Wall beyond the server's own time for as many waves of requests; means nothing where nothing is paced.
local function beyond(load, f)
  if load.name == "flooded" then return nil end
  return f.wall_s - math.ceil(load.requests / load.streams) * f.truth.request_s
end

local function chosen(options)
  local list, seen = {}, {}
  for _, load in ipairs(loads) do
    local count = options.concurrency or load.streams
    local place = load.name .. count
    if not seen[place] then
      seen[place] = true
      list[#list + 1] = { name = load.name, server = load.server, stalls = load.stalls, streams = count,
        without = load.without, requests = options.requests or load.requests or 4 * count, tokens = options.tokens }
    end
  end
  return list
end

local function add_rows(costs, truths, load, results)
  for _, r in ipairs(results) do
    local f = r.figures
    costs[#costs + 1] = { load.name, load.streams, r.name, figure(f.cpu_us_per_chunk, "%.2f"),
      ratio(f, results.floor), ratio(f, results.libcurl), ratio(f, results.aiohttp),
      figure(f.chunks / f.duration_s / 1e3, "%.1f"),
      figure(f.beyond_s, "%.2f"), figure(f.memory_mb, "%.1f"), figure(100 * f.server_cpu_s / f.duration_s, "%.0f"),
      figure(100 * f.others, "%.0f") }
    truths[#truths + 1] = { load.name, load.streams, r.name, pair(f.itl_ms, "%.2f"), pair(f.truth.itl_ms, "%.2f"),
      pair(f.ttft_ms, "%.1f"), pair(f.truth.ttft_ms, "%.1f"), pair(f.truth.error_ms, "%.3f"),
      f.truth.lost or f.truth.chunks - f.chunks, load.requests - f.completed }
  end
end

---@param options { concurrency: integer?, requests: integer?, tokens: integer, io_threads: integer }
---@return table[] figures one a load and client
function streams.run(options)
  local found, missing = clients.find { "--io-threads", tostring(options.io_threads) }
  local costs, truths, all = {}, {}, {}
  for _, load in ipairs(chosen(options)) do
    local results = {}
    for _, client in ipairs(found) do
      if client.name ~= load.without then
        local f = clients.run(client, load)
        f.beyond_s = beyond(load, f)
        results[#results + 1] = { name = client.name, figures = f }
        results[client.name] = f
        all[#all + 1] = { load = load.name, streams = load.streams, client = client.name, figures = f }
      end
    end
    add_rows(costs, truths, load, results)
  end
  io.stdout:write("What the client costs (CPU: user and system of its whole process, connections included)\n",
    text_table.render {
      columns = { { title = "load" }, right "streams", { title = "client" }, right "CPU us/chunk", right "x floor",
        right "x libcurl", right "x aiohttp",
        right "k chunks/s", right "s beyond server", right "MB", right "server CPU %",
        right "others CPU %" },
      rows = costs,
    }, "\nWhat it reports, beside what the server wrote when (ms, p50 / p99)\n",
    text_table.render {
      columns = { { title = "load" }, right "streams", { title = "client" }, right "ITL", right "truth",
        right "TTFT", right "truth", right "arrival - written", right "lost", right "failed" },
      rows = truths,
    })
  for _, line in ipairs(missing) do io.stdout:write(line, "\n") end
  return all
end

return streams
