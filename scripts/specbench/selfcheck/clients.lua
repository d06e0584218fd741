-- The clients that a bench puts side by side: ours, the floor, plain libcurl, aiohttp. All take the same options and
-- leave the same file of figures.

local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local measure = require "sb.measure"
local process = require "specbench.selfcheck.process"
local simulator = require "specbench.selfcheck.simulator"
local task = require "specbench.task"
local truth = require "specbench.selfcheck.truth"

local clients = {}

---@class specbench.selfcheck.client
---@field name "specbench"|"floor"|"libcurl"|"aiohttp"
---@field argv string[] what stands before its options
---@field options string[] that it alone takes

---A program of tests/bench: beside this program, or in any build folder of the checkout.
---@param tool string
---@return string? path
function clients.find_tool(tool)
  local candidates = { ("%s/tests/bench/%s"):format(environment.executable:match "^(.*)/", tool) }
  for _, name in ipairs(fs.list(environment.home .. "/build") or {}) do
    candidates[#candidates + 1] = ("%s/build/%s/tests/bench/%s"):format(environment.home, name, tool)
  end
  for _, path in ipairs(candidates) do
    if fs.is_executable(path) then return path end
  end
end

---Our own client.
---@param options string[]? that it alone takes
---@return specbench.selfcheck.client
function clients.own(options)
  return { name = "specbench", argv = { environment.executable, "selfcheck", "client" }, options = options or {} }
end

---@param options string[]? that ours alone takes
---@return specbench.selfcheck.client[] clients ours first
---@return string[] missing a line for each of the others that is not there
function clients.find(options)
  local list, missing = { clients.own(options) }, {}
  for _, peer in ipairs { { name = "floor", tool = "floor" }, { name = "libcurl", tool = "curl_multi" } } do
    local path = clients.find_tool(peer.tool)
    if path then
      list[#list + 1] = { name = peer.name, argv = { path }, options = { "--model", simulator.model } }
    else
      missing[#missing + 1] = ("no %s client (build it: cmake --build --preset release --target bench_tools)"):format(
        peer.name)
    end
  end
  local python, script = environment.home .. "/build/bench-venv/bin/python",
    environment.home .. "/tests/bench/aiohttp_client.py"
  if fs.is_executable(python) and fs.stat(script) then
    list[#list + 1] = { name = "aiohttp", argv = { python, script }, options = { "--model", simulator.model } }
  else
    missing[#missing + 1] = "no aiohttp client (sh tests/bench/venv.sh makes its environment)"
  end
  return list, missing
end

---The argv of a client that shall have what ours has while it loads: real-time priority, where the machine allows it.
---@param argv string[]
---@return string[]
function clients.at_our_priority(argv)
  local script = 'chrt --fifo 1 true 2>/dev/null && exec chrt --fifo 1 "$0" "$@"; exec "$0" "$@"'
  return table.move(argv, 1, #argv, 4, { "sh", "-c", script })
end

-- CPU time that neither the bench's processes nor this one used, of all CPUs' time.
local function share_of_others(busy, cpus, server_cpu, cost)
  return math.max(0, (busy - server_cpu - cost.cpu_s) / (cost.wall_s * cpus))
end

local STALL_EVERY, STALL = 0.4, 0.1 -- seconds

-- Stops the whole server for a moment again and again, as a preemption or a long prefill would.
local function stall(pid)
  return task.spawn(function()
    while true do
      task.sleep(STALL_EVERY)
      os.execute("kill -STOP " .. pid)
      local _go <close> = setmetatable({}, { __close = function() os.execute("kill -CONT " .. pid) end })
      task.sleep(STALL)
    end
  end)
end

---@class specbench.selfcheck.load
---@field server string[] the simulator's pacing
---@field start (fun(): specbench.server)? another server in the simulator's place; nothing is known of its truth
---@field stalls boolean? the server stands still now and then
---@field streams integer
---@field requests integer
---@field tokens integer of an answer

---Lets one client drive one load on a simulator of its own.
---@param client specbench.selfcheck.client
---@param load specbench.selfcheck.load
---@return table figures what the client wrote, and: truth, wall_s, peak_mb, server_cpu_s, others, first_send_ns,
---  sending_s (from the first to the last send of the requests that start together)
---@return specbench.run? run of ours
function clients.run(client, load)
  local folder <close> = process.scratch()
  local log, out, records = folder.path .. "/truth.jsonl", folder.path .. "/result.json", folder.path .. "/records.bin"
  local sim <close> = load.start and load.start() or simulator.start(log, load.server)
  local argv = table.move(client.argv, 1, #client.argv, 1, {})
  table.move(client.options, 1, #client.options, #argv + 1, argv)
  local own = client.name == "specbench"
  for _, word in ipairs { "--url", sim.url, "--concurrency", load.streams, "--requests", load.requests, "--tokens",
    load.tokens, "--out", out, own and "--records" or nil, own and records or nil } do
    argv[#argv + 1] = tostring(word)
  end
  local busy, server_cpu = process.machine(), process.cpu(sim.process:pid())
  local staller <close> = load.stalls and stall(sim.process:pid()) or nil
  local cost, message = process.run(own and argv or clients.at_our_priority(argv))
  if staller then staller:cancel() end
  if not cost then error(message, 0) end
  server_cpu = process.cpu(sim.process:pid()) - server_cpu
  local busy_after, cpus = process.machine()
  sim:stop()
  local figures = assert(json.decode(assert(fs.read(out))))
  local run = own and assert(measure.decode(assert(fs.read(records)))) or nil
  local opening = math.min(load.streams, load.requests)
  figures.truth = load.start and {} or truth.figures(log, run, figures.id_prefix, opening)
  figures.wall_s, figures.peak_mb, figures.server_cpu_s = cost.wall_s, cost.peak_mb, server_cpu
  figures.others = share_of_others(busy_after - busy, cpus, server_cpu, cost)
  if run then
    local sends = {}
    for i = 1, opening do sends[i] = run:request(i).t_send end
    table.sort(sends)
    figures.first_send_ns, figures.sending_s = sends[1], (sends[#sends] - sends[1]) / 1e9
  end
  return figures, run
end

return clients
