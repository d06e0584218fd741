-- specbench tests/proof/proof_truth.lua
--
-- How far the client's times are from what the simulator wrote when, and whether the client's certificate tells a
-- client that was late. In wall time: the figures are worth something on a quiet machine only. Exit status 1: a
-- figure is out of its bounds.

local certificate = require "specbench.sweep.certificate"
local clock = require "sb.clock"
local fs = require "sb.fs"
local task = require "sb.task"
local text_table = require "specbench.report.text_table"

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local truth_log = dofile(here .. "../lua/fixtures/truth_log.lua")

local P50_MS, P99_MS = 0.2, 0.5 -- arrival less writing
local JUDGED_STREAMS = 64       -- with more, only the bare epoll client says what can be had: specbench bench client
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

local function compare(streams, tokens_per_chunk)
  local run, log = truth_log.load {
    server = { "--step-ms", "10", "--tokens-per-chunk", tostring(tokens_per_chunk) },
    count = 2 * streams, tokens = TOKENS * tokens_per_chunk, concurrency = streams,
  }
  local recorded, written = truth_log.answers(run, log)
  local errors, lost = join(recorded, written)
  local p50, p99 = truth_log.percentile(errors, 50), truth_log.percentile(errors, 99)
  local worst = convention_errors(run, written)
  local expected, total = 0, 0
  for i = 1, #run do
    expected, total = expected + log[i].output_tokens, total + (run:request(i).completion_tokens or 0)
  end
  local place = ("%d streams, %d tokens a chunk"):format(streams, tokens_per_chunk)
  judge(lost == 0, "%s: %d chunks are not the log's", place, lost)
  judge(total == expected and run:metrics().total_output_tokens == expected, "%s: %d tokens, the log has %d", place,
    total, expected)
  if streams <= JUDGED_STREAMS then
    judge(math.abs(p50) <= P50_MS, "%s: arrival - written p50 %.3f ms (bound %g)", place, p50, P50_MS)
    judge(p99 <= P99_MS, "%s: arrival - written p99 %.3f ms (bound %g)", place, p99, P99_MS)
    judge(math.abs(worst.mean) <= P50_MS, "%s: a mean ITL is off by %.3f ms (bound %g)", place, worst.mean, P50_MS)
    judge(math.abs(worst.p50) <= P50_MS, "%s: an ITL's p50 is off by %.3f ms (bound %g)", place, worst.p50, P50_MS)
    judge(math.abs(worst.p99) <= P99_MS, "%s: an ITL's p99 is off by %.3f ms (bound %g)", place, worst.p99, P99_MS)
  end
  return { streams, tokens_per_chunk, #errors, lost, ms(errors[1]), ms(p50), ms(p99), ms(errors[#errors]),
    ms(worst.mean), ms(worst.p50), ms(worst.p99) }
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
  ("arrival - written (ms; within %g at p50, %g at p99 up to %d streams), and the worst of the three ITL "
    .. "conventions less the truth's (ms)\n"):format(P50_MS, P99_MS, JUDGED_STREAMS),
  text_table.render {
    columns = { right "streams", right "tokens/chunk", right "chunks", right "lost", right "earliest", right "p50",
      right "p99", right "latest", right "ITL mean", right "ITL p50", right "ITL p99" },
    rows = distances,
  }, "\nthe client's certificate\n",
  text_table.render {
    columns = { right "streams", right "stall", { title = "client_ok" }, right "lag p50 ms", right "p99",
      right "max", right "CPU %" },
    rows = certificates,
  })
for _, line in ipairs(complaints) do io.stdout:write("OUT OF BOUNDS: ", line, "\n") end
return #complaints == 0 and 0 or 1
