-- specbench tests/proof/proof_truth.lua
--
-- How far the client's times are from what the simulator wrote when, and whether the client's certificate tells a
-- client that was late. In wall time: the figures are worth something on a quiet machine only. Exit status 1: a
-- figure is out of its bounds.

local certificate = require "specbench.sweep.certificate"
local clients = require "specbench.selfcheck.clients"
local clock = require "sb.clock"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local process = require "specbench.selfcheck.process"
local simulator = require "specbench.selfcheck.simulator"
local task = require "sb.task"
local text_table = require "specbench.base.text_table"

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local truth_log = dofile(here .. "../lua/fixtures/truth_log.lua")

local P50_MS, P99_MS = 0.2, 0.5 -- arrival less writing
local JUDGED_STREAMS = 64       -- with more, what the bare epoll client reaches in the same load says what can be had
local FLOOR_ROOM_MS = 0.3       -- and we may be so much worse
local TOKENS = 256
local CONVENTIONS = { "itl_chunk_ms", "itl_token_ms", "itl_burst_ms" }

local complaints = {}

local function judge(holds, format, ...)
  if not holds then complaints[#complaints + 1] = format:format(...) end
end

local function right(title)
  return { title = title, align = "right" }
end

-- Chunks of either side that the other has not, or has with other tokens.
local function join(recorded, written)
  local errors, lost = {}, 0
  for i, chunks in ipairs(written) do
    for k = 1, math.max(#chunks, #recorded[i]) do
      local mine, theirs = recorded[i][k], chunks[k]
      if mine and theirs and mine[2] == theirs[2] then
        errors[#errors + 1] = (mine[1] - theirs[1]) / 1e6
      else
        lost = lost + 1
      end
    end
  end
  return errors, lost
end

-- The client's figure less the truth's, the largest difference of the three conventions.
local function convention_errors(run, written)
  local m, samples = run:metrics(), truth_log.gaps(written)
  local worst = { mean = 0, p50 = 0, p99 = 0 }
  for _, name in ipairs(CONVENTIONS) do
    local truth = { mean = truth_log.mean(samples[name]), p50 = truth_log.percentile(samples[name], 50),
      p99 = truth_log.percentile(samples[name], 99) }
    for figure, value in pairs(truth) do
      local apart = m[name .. "." .. figure] - value / 1e6
      if math.abs(apart) > math.abs(worst[figure]) then worst[figure] = apart end
    end
  end
  return worst
end

local function ms(value)
  return ("%.3f"):format(value)
end

local function percentiles(errors)
  return { p50 = truth_log.percentile(errors, 50), p99 = truth_log.percentile(errors, 99) }
end

local floor
for _, client in ipairs(clients.find()) do
  if client.name == "floor" then floor = client end
end

-- Arrival less writing of the bare epoll client (tests/bench/floor.c) under the same load.
local function floor_errors(load)
  local folder <close> = process.scratch()
  local log, out, times = folder.path .. "/truth.jsonl", folder.path .. "/result.json", folder.path .. "/times.jsonl"
  local sim <close> = simulator.start(log, load.server)
  assert(process.run(clients.at_our_priority { floor.argv[1], "--url", sim.url, "--model", simulator.model,
    "--concurrency", tostring(load.concurrency), "--requests", tostring(load.count), "--tokens", tostring(load.tokens),
    "--out", out, "--times", times }))
  sim:stop()
  local written, errors = truth_log.read(log, "floor"), {}
  for line in assert(fs.read(times)):gmatch "[^\n]+" do
    local request = assert(json.decode(line))
    local chunks = written[request.id + 1].chunks
    assert(#chunks == #request.chunks, "the floor lost chunks")
    for k, at in ipairs(request.chunks) do errors[#errors + 1] = (at - chunks[k][2]) / 1e6 end
  end
  return percentiles(errors)
end

-- What arrival less writing may be at most.
local function bounds_of(load)
  if load.concurrency <= JUDGED_STREAMS then return { p50 = P50_MS, p99 = P99_MS } end
  if not floor then
    judge(false, "%d streams: the bare epoll client is not built (target bench_tools)", load.concurrency)
    return { p50 = 0, p99 = 0 }
  end
  local bare = floor_errors(load)
  return { p50 = bare.p50 + FLOOR_ROOM_MS, p99 = bare.p99 + FLOOR_ROOM_MS, bare = bare }
end

local function compare(streams, tokens_per_chunk)
  local load = {
    server = { "--step-ms", "10", "--tokens-per-chunk", tostring(tokens_per_chunk) },
    count = 2 * streams, tokens = TOKENS * tokens_per_chunk, concurrency = streams,
  }
  local bounds = bounds_of(load)
  local run, log = truth_log.load(load)
  local recorded, written = truth_log.answers(run, log)
  local errors, lost = join(recorded, written)
  local found = percentiles(errors)
  local worst = convention_errors(run, written)
  local expected, total = 0, 0
  for i = 1, #run do
    expected, total = expected + log[i].output_tokens, total + (run:request(i).completion_tokens or 0)
  end
  local place = ("%d streams, %d tokens a chunk"):format(streams, tokens_per_chunk)
  judge(lost == 0, "%s: %d chunks are not the log's", place, lost)
  judge(total == expected and run:metrics().total_output_tokens == expected, "%s: %d tokens, the log has %d", place,
    total, expected)
  judge(math.abs(found.p50) <= bounds.p50, "%s: arrival - written p50 %.3f ms (bound %.3f)", place, found.p50,
    bounds.p50)
  judge(found.p99 <= bounds.p99, "%s: arrival - written p99 %.3f ms (bound %.3f)", place, found.p99, bounds.p99)
  for figure, bound in pairs { mean = bounds.p50, p50 = bounds.p50, p99 = bounds.p99 } do
    judge(math.abs(worst[figure]) <= bound, "%s: an ITL's %s is off by %.3f ms (bound %.3f)", place, figure,
      worst[figure], bound)
  end
  local bare = bounds.bare
  return { streams, tokens_per_chunk, #errors, lost, ms(errors[1]), ms(found.p50), ms(found.p99), ms(errors[#errors]),
    bare and ms(bare.p50) or "", bare and ms(bare.p99) or "", ms(worst.mean), ms(worst.p50), ms(worst.p99) }
end

-- A task that keeps the loop for itself for a while, once.
local function stall(after, milliseconds)
  return task.spawn(function()
    task.sleep(after)
    local until_ns = clock.now() + milliseconds * 1000000
    while clock.now() < until_ns do end
  end)
end

local function certify(streams, stall_ms)
  local _stall <close> = stall_ms and stall(1.5, stall_ms)
  local run, _, itself = truth_log.load {
    server = { "--step-ms", "10" }, count = streams, tokens = TOKENS, concurrency = streams,
  }
  local c = certificate.judge(run, itself, run:metrics(), 1)
  local reasons = table.concat(c.reasons, "; ")
  local place = ("%d streams, %s"):format(streams, stall_ms and stall_ms .. " ms stall" or "undisturbed")
  if stall_ms then
    judge(c.client_ok == false and reasons:find("stood still", 1, true), "%s: the certificate does not tell (%s)",
      place, reasons)
  else
    judge(c.client_ok == true, "%s: client_ok is %s (%s)", place, tostring(c.client_ok), reasons)
  end
  local lag = c.lag
  return { streams, stall_ms and stall_ms .. " ms" or "none", tostring(c.client_ok), lag and ms(lag.p50_ms) or "-",
    lag and ms(lag.p99_ms) or "-", lag and ms(lag.max_ms) or "-",
    lag and ("%.0f"):format(100 * lag.cpu_share) or "-" }
end

local function load_average()
  return (fs.read "/proc/loadavg" or ""):match "^%S+ %S+ %S+" or "?"
end

local before = load_average()
local distances, certificates = {}, {}
for _, streams in ipairs { 1, 64, 256 } do
  for _, tokens_per_chunk in ipairs { 1, 4 } do
    distances[#distances + 1] = compare(streams, tokens_per_chunk)
  end
end
for _, stall_ms in ipairs { false, 50 } do
  for _, streams in ipairs { 64, 512 } do
    certificates[#certificates + 1] = certify(streams, stall_ms)
  end
end

io.stdout:write(("steps of 10 ms; load averages %s before, %s after\n\n"):format(before, load_average()),
  ("arrival - written, and the worst of the three ITL conventions less the truth's (ms; up to %d streams within %g at "
    .. "p50 and %g at p99, else within the bare epoll client's plus %g)\n"):format(JUDGED_STREAMS, P50_MS, P99_MS,
    FLOOR_ROOM_MS),
  text_table.render {
    columns = { right "streams", right "tokens/chunk", right "chunks", right "lost", right "earliest", right "p50",
      right "p99", right "latest", right "bare p50",
      right "bare p99", right "ITL mean", right "ITL p50", right "ITL p99" },
    rows = distances,
  }, "\nthe client's certificate\n",
  text_table.render {
    columns = { right "streams", right "stall", { title = "client_ok" }, right "lag p50 ms", right "p99",
      right "max", right "CPU %" },
    rows = certificates,
  })
for _, line in ipairs(complaints) do io.stdout:write("OUT OF BOUNDS: ", line, "\n") end
return #complaints == 0 and 0 or 1
