-- specbench tests/proof/proof_certificate.lua [RUNS]
--
-- Whether the client's certificate tells runs whose chunk times are off from those whose are not, on a machine that is
-- made busy: processes that take every core, a client that is stopped, a disk that is written to, at real-time and at
-- ordinary priority, over several streams, steps and shapes of answers. Every run's chunk times are joined with the
-- simulator's truth log; a run is bad when their errors exceed the certificate's own bounds. RUNS (100) are spread over
-- all conditions in turn. Exit status 1: a bad run passed, or more than 2 % of the good ones were refused.

local certificate = require "specbench.sweep.certificate"
local client = require "specbench.client"
local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local measure = require "sb.measure"
local proc = require "sb.proc"
local process = require "specbench.selfcheck.process"
local rng = require "sb.rng"
local simulator = require "specbench.selfcheck.simulator"
local task = require "specbench.task"
local text_table = require "specbench.base.text_table"

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local truth_log = dofile(here .. "../lua/fixtures/truth_log.lua")

local REFUSED = 0.02 -- of the good runs, at most

-- streams, step in ms, tokens a chunk, tokens of an answer
local LOADS = {
  { 1, 10, 1, 128 }, { 1, 30, 4, 192 }, { 4, 10, 1, 96 }, { 16, 20, 1, 64 }, { 64, 10, 1, 96 }, { 8, 5, 1, 24 },
  { 2, 100, 1, 24 }, { 128, 30, 4, 160 },
}
local DISTURBANCES = { "none", "hogs", "stop", "disk", "hogs+stop", "none", "hogs+disk" }
local STOPS = { 0.015, 0.04, 0.12, 0.25 } -- seconds

-- This program again, as the client alone: so that it can be stopped without its judge.
if arg[1] == "--client" then
  local about = assert(json.decode(assert(fs.read(arg[2]))))
  local run, itself = client.load {
    server = about.url, requests = about.requests, concurrency = about.concurrency, id_prefix = "truth",
  }
  local verdict = certificate.judge(run, itself, run:metrics(), 1)
  assert(fs.write(arg[2] .. ".records", run:encode()))
  assert(fs.write(arg[2] .. ".verdict", json.encode(verdict)))
  return
end

local function bodies(count, tokens)
  local list = {}
  for i = 1, count do
    list[i] = { body = json.encode {
      messages = { { role = "user", content = "prompt " .. i } }, max_tokens = tokens, ignore_eos = true, stream = true,
      stream_options = { include_usage = true, continuous_usage_stats = true },
    } }
  end
  return list
end

local function start(argv)
  return assert(proc.start { argv = argv })
end

-- Processes that leave no core free.
local function hogs()
  local list = {}
  for i = 1, 3 do list[i] = start { "sh", "-c", "while :; do :; done" } end
  return list
end

local function disk(folder)
  local write = "while :; do dd if=/dev/zero of='%s/filler' bs=1M count=64 conv=fsync 2>/dev/null; done"
  return { start { "sh", "-c", write:format(folder) } }
end

-- Stops the client now and then, at moments and for times of the draw.
local function stopper(load, draw)
  return task.spawn(function()
    while true do
      task.sleep(0.1 + 0.5 * draw:uniform())
      local pid = load:pid()
      if pid == 0 or load:status() ~= "running" then return end -- 0 would be ourselves
      os.execute(("kill -STOP %d 2>/dev/null"):format(pid))
      task.sleep(STOPS[draw:int(1, #STOPS)])
      os.execute(("kill -CONT %d 2>/dev/null"):format(pid))
    end
  end)
end

-- Milliseconds by which each chunk's time lies behind its writing; what the log noted late is no error of ours.
local function errors_of(run, log)
  local recorded, written = truth_log.answers(run, log)
  local list = {}
  for i, chunks in ipairs(written) do
    assert(#chunks == #recorded[i], "chunks were lost")
    for k, chunk in ipairs(chunks) do list[#list + 1] = math.max(0, (recorded[i][k][1] - chunk[1]) / 1e6) end
  end
  table.sort(list)
  return list
end

local function measure_once(number, draw)
  local streams, step, chunk, tokens = table.unpack(LOADS[(number - 1) % #LOADS + 1])
  local disturbance = DISTURBANCES[(number - 1) % #DISTURBANCES + 1]
  local real_time = number % 2 == 0
  local folder <close> = process.scratch()
  local log, about = folder.path .. "/truth.jsonl", folder.path .. "/about.json"
  local sim <close> = simulator.start(log, { "--step-ms", tostring(step), "--tokens-per-chunk", tostring(chunk) })
  assert(fs.write(about, json.encode {
    url = sim.url, concurrency = streams, requests = bodies(2 * streams, tokens),
  }))
  local others = {}
  if disturbance:find "hogs" then others = hogs() end
  if disturbance:find "disk" then table.move(disk(folder.path), 1, 1, #others + 1, others) end
  local argv = { environment.executable, here .. "proof_certificate.lua", "--client", about }
  if not real_time then -- without the right to real-time priority
    argv = { "setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice", table.unpack(argv) }
  end
  local load = start(argv)
  local stops = disturbance:find "stop" and stopper(load, draw) or nil
  load:wait()
  if stops then stops:cancel() end
  for _, other in ipairs(others) do other:stop(0) end
  sim:stop()
  local run = assert(measure.decode(assert(fs.read(about .. ".records"))))
  local verdict = assert(json.decode(assert(fs.read(about .. ".verdict"))))
  local errors = errors_of(run, truth_log.read(log, "truth"))
  local gap = run:metrics()["itl_chunk_ms.p50"] or 0
  local p99, most = truth_log.percentile(errors, 99), errors[#errors]
  local bad = p99 > math.max(1, 0.05 * gap) or most > math.max(20, 2 * gap)
  return {
    streams = streams, step = step, disturbance = disturbance, real_time = verdict.lag and verdict.lag.real_time,
    bad = bad, ok = verdict.client_ok, p99 = p99, max = most, reads = verdict.reads, lag = verdict.lag,
    reasons = table.concat(verdict.reasons, "; "),
  }
end

local RUNS = math.tointeger(tonumber(arg[1] or "")) or 100
local draw = rng.new(tonumber(arg[2] or "") or 1, 1)
local counts, refused, passed = {}, {}, {}
for number = 1, RUNS do
  local r = measure_once(number, draw)
  local kind = r.disturbance .. (r.real_time and ", real-time" or ", ordinary")
  local c = counts[kind] or { good = 0, bad = 0, refused = 0, passed = 0 }
  counts[kind] = c
  c[r.bad and "bad" or "good"] = c[r.bad and "bad" or "good"] + 1
  local wrong = (r.bad and r.ok) and "PASSED" or (not r.bad and not r.ok) and "REFUSED" or ""
  local line = ("%3d %3d x %3d ms, %s: errors p99 %.3f max %.3f ms, %s; by the reads p99 %.3f max %.3f, lag max %.1f "
    .. "%s%s"):format(number, r.streams, r.step, kind, r.p99, r.max, r.bad and "bad" or "good",
    r.reads and r.reads.p99_ms or 0, r.reads and r.reads.max_ms or 0, r.lag and r.lag.max_ms or 0, wrong,
    r.ok and "" or " (" .. r.reasons .. ")")
  if wrong == "PASSED" then passed[#passed + 1], c.passed = line, c.passed + 1 end
  if wrong == "REFUSED" then refused[#refused + 1], c.refused = line, c.refused + 1 end
  io.stderr:write(line, "\n")
end

local rows, good = {}, 0
for kind, c in pairs(counts) do
  rows[#rows + 1] = { kind, c.good, c.refused, c.bad, c.passed }
  good = good + c.good
end
table.sort(rows, function(a, b) return a[1] < b[1] end)
local right = text_table.right
io.write(text_table.render {
  columns = { { title = "condition" }, right "good runs", right "refused", right "bad runs", right "passed" },
  rows = rows,
})
print(("%d runs: %d good, of which %d refused; %d bad, of which %d passed"):format(RUNS, good, #refused, RUNS - good,
  #passed))
os.exit(#passed == 0 and #refused <= REFUSED * good and 0 or 1)
