-- What more I/O threads bring: the same load over 1, 2, 4 of them, and more where the machine has the cores.

local clients = require "specbench.selfcheck.clients"
local process = require "specbench.selfcheck.process"
local server = require "specbench.server"
local text_table = require "specbench.base.text_table"

local figure, right = text_table.figure, text_table.right

local threads = {}

local TIMES = 3 -- of which the one of median throughput is shown: a flood lasts a second or two
local NEAR_LIMIT = 90 -- percent of the core of a server with one thread

-- A server on all cores where it is built; the simulator has one thread, and is the limit before our client is.
local function flooded()
  local flood = clients.find_tool "flood"
  local function start()
    return assert(server.start { argv = { flood, "--port", "{port}" }, ready = "/" })
  end
  return { name = flood and "flooded" or "flooded by the simulator", server = { "--flood" }, start = flood and start,
    streams = 64, requests = 1024, tokens = flood and 4096 or 256 }
end

-- 1, 2, 4, and on while half of the cores are left to the server.
local function counts(cpus)
  local list = { 1, 2, 4 }
  while 2 * list[#list] <= cpus // 2 do list[#list + 1] = 2 * list[#list] end
  return list
end

local function median_run(load, count)
  local runs = {}
  for i = 1, TIMES do
    runs[i] = clients.run(clients.own { "--io-threads", tostring(count) }, load)
    runs[i].k_chunks_s = runs[i].chunks / runs[i].duration_s / 1e3
  end
  table.sort(runs, function(a, b) return a.k_chunks_s < b.k_chunks_s end)
  local median = runs[(TIMES + 1) // 2]
  median.range = { runs[1].k_chunks_s, runs[TIMES].k_chunks_s }
  return median
end

local function row(load, count, f, one)
  local itl, true_itl = f.itl_ms, f.truth.itl_ms
  return { load.name, load.streams, count, figure(f.k_chunks_s, "%.0f"),
    ("%.0f - %.0f"):format(f.range[1], f.range[2]), figure(f.k_chunks_s / one.k_chunks_s, "%.2f"),
    figure(f.cpu_us_per_chunk, "%.2f"), figure(f.lag and 100 * f.lag.cpu_share, "%.0f"),
    figure(f.lag and f.lag.p99_ms, "%.2f"), figure(100 * f.server_cpu_s / f.duration_s, "%.0f"),
    figure(100 * f.others, "%.0f"), figure(itl and itl.p99, "%.2f"), figure(true_itl and true_itl.p99, "%.2f"),
    load.requests - f.completed }
end

-- What the figures cannot show on this machine, or against this server.
local function caveats(all, cpus)
  local lines, most = {}, all[#all].io_threads
  if cpus < 2 * most then
    lines[#lines + 1] = ("server and client share %d CPUs: that many cannot show how %d I/O threads scale.")
      :format(cpus, most)
  end
  for _, item in ipairs(all) do
    if item.truth.chunks and 100 * item.server_cpu_s / item.duration_s > NEAR_LIMIT then
      lines[#lines + 1] = ("%s over %d: the simulator's one thread was the limit."):format(item.load,
        item.io_threads)
    end
  end
  return lines
end

---@return table[] figures one a load and number of threads
function threads.run()
  local loads = { flooded(), { name = "paced 10 ms", server = { "--step-ms", "10" }, streams = 2048, requests = 4096,
    tokens = 256 } }
  local rows, all = {}, {}
  local _, cpus = process.machine()
  for _, load in ipairs(loads) do
    local one
    for _, count in ipairs(counts(cpus)) do
      local f = median_run(load, count)
      f.load, one = load.name, one or f
      rows[#rows + 1] = row(load, count, f, one)
      all[#all + 1] = f
    end
  end
  io.stdout:write(("One load over several I/O threads (%d CPUs)\n"):format(cpus), text_table.render {
    columns = { { title = "load" }, right "streams", right "I/O threads", right "k chunks/s", right "range",
      right "x 1 thread",
      right "CPU us/chunk", right "busiest thread CPU %", right "lag p99 ms", right "server CPU %",
      right "others CPU %", right "ITL p99 ms", right "truth", right "failed" },
    rows = rows,
  })
  for _, line in ipairs(caveats(all, cpus)) do io.stdout:write(line, "\n") end
  return all
end

return threads
