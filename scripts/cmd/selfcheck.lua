-- Measures specbench itself: what its client costs a chunk, how far its times are from the truth, and the rest of
-- what a user waits or pays for.

local command = require "specbench.cli.command"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local drive = require "specbench.selfcheck.drive"
local figure = require("specbench.base.text_table").figure
local option_groups = require "specbench.cli.option_groups"

local parts = { -- in the order of `all`
  { name = "client", module = "specbench.selfcheck.streams" },
  { name = "threads", module = "specbench.selfcheck.threads" },
  { name = "loop", module = "specbench.selfcheck.open_loop" },
  { name = "memory", module = "specbench.selfcheck.memory" },
  { name = "start", module = "specbench.selfcheck.start" },
  { name = "analysis", module = "specbench.selfcheck.analysis" },
}

local words = {}
for i, part in ipairs(parts) do words[i] = part.name end
words[#words + 1] = "all"

local self = {
  name = "selfcheck",
  summary = "Measure specbench itself: CPU a chunk, distance from the truth",
  description = "Everything runs against simulators of our own: client (CPU a chunk and distance from the truth, "
    .. "beside a bare epoll client, plain libcurl and aiohttp where they are there: tests/bench/README.md), threads "
    .. "(what more I/O threads bring), loop (how late an open loop sends), memory, start, analysis (speed of report), "
    .. "or all of it. A server of yours, and what the client cost on it: `specbench measure --url URL`.",
  positionals = { { name = "WHAT", optional = true, choices = words,
    help = "client, threads, loop, memory, start, analysis or all (default)" } },
  options = option_groups.of {
    { long = "concurrency", short = "c", arg = "STREAMS", type = "int", min = 1, max = 100000,
      help = "client: requests in flight (each load's own)" },
    { long = "requests", short = "n", arg = "N", type = "int", min = 1, max = 1000000,
      help = "client: requests in all (4 a stream)" },
    { long = "tokens", arg = "T", type = "int", min = 1, max = 10000000, default = 256,
      help = "client: tokens of an answer" },
    option_groups.io_threads,
    { long = "out", short = "o", arg = "FILE", help = "write the figures as JSON" },
    -- how the parts run themselves as a process, and how a rig that compares load generators runs this one: equal
    -- bodies for all of them, nothing sent but the load
    { long = "url", arg = "URL", hidden = true, help = "server to drive; default: simulators of our own" },
    { long = "records", arg = "FILE", hidden = true, help = "with --url: write the run's records" },
    { long = "long", type = "flag", help = "loop: for 30 s, not 5" },
  },
  examples = {
    "specbench selfcheck", "specbench selfcheck client -c 64 -n 256 --tokens 256",
  },
}

-- A file that nobody needs after this process's parent has read it: not synced.
local function write_records(path, run)
  local file, message = io.open(path, "wb")
  if not file then command.fail(message) end
  file:write(run:encode())
  file:close()
end

local function drive_url(options)
  local streams = options.concurrency or 64
  local cell, run, cost = drive.load {
    url = options.url:gsub("/+$", ""), concurrency = streams, requests = options.requests or 4 * streams,
    tokens = options.tokens, io_threads = options.io_threads,
  }
  if not cell then command.fail(run) end
  local m = cell.metrics
  print(("%d streams: %d of %d requests, %d chunks, %s us CPU a chunk, ITL p50/p99 %s/%s ms, "
    .. "TTFT p50/p99 %s/%s ms, %.0f MB"):format(streams, m.completed, m.requests, cost.chunks,
      figure(cost.chunks > 0 and cost.cpu_us / cost.chunks or nil, "%.2f"),
      figure(m["itl_chunk_ms.p50"], "%.2f"), figure(m["itl_chunk_ms.p99"], "%.2f"),
      figure(m["ttft_ms.p50"], "%.1f"), figure(m["ttft_ms.p99"], "%.1f"), cost.memory_mb))
  if options.out then
    local ok, message = drive.write(options.out, cell, cost)
    if not ok then command.fail(message) end
  end
  if options.records then write_records(options.records, run) end
  return m.failed == 0 and 0 or 3
end

-- What a reader must know beside the figures.
local function machine_line()
  local machine = require("specbench.sweep.provenance").machine()
  local load = (fs.read "/proc/loadavg" or ""):match "^%S+ %S+ %S+" or "?"
  return ("%s, %s CPUs, %s; load averages before: %s\n\n"):format(machine.cpu or "CPU", machine.cpus or "?",
    machine.kernel or "?", load)
end

local function choose(what)
  local chosen = {}
  for _, part in ipairs(parts) do
    if what == "all" or what == part.name then chosen[#chosen + 1] = part end
  end
  if #chosen == 0 then
    command.fail(("nothing called '%s' to measure: specbench selfcheck client, threads, loop, memory, start, analysis "
      .. "or all"):format(what), 2)
  end
  return chosen
end

function self.run(options, positionals)
  local what = positionals[1] or "all"
  local chosen = choose(what)
  if options.url then
    if what ~= "client" then command.fail("--url belongs to specbench selfcheck client", 2) end
    return drive_url(options)
  end
  io.stdout:write(machine_line())
  local figures = {}
  for i, part in ipairs(chosen) do
    if i > 1 then io.stdout:write "\n" end
    figures[part.name] = require(part.module).run(options)
    io.stdout:flush()
  end
  if options.out then
    local ok, message = fs.write(options.out, json.encode(figures) .. "\n")
    if not ok then command.fail(message) end
  end
  return 0
end

return self
