-- Soak: hundreds of streams for as long as asked, one request in a hundred going wrong, server after server. At its end
-- nothing is lost (as many records as requests, of each kind of failure as many as were played), nothing is wrong
-- (every other answer has all its tokens and the same text as before), and neither memory nor descriptors have grown.
--
--   specbench tests/soak/soak.lua [MINUTES [STREAMS]]      default 30 and 256; nice it on a machine in use

local bench = require "specbench"
local clock = require "sb.clock"
local environment = require "sb.environment"
local fs = require "sb.fs"
local rng = require "sb.rng"

local MINUTES, STREAMS = tonumber(arg[1]) or 30, math.tointeger(tonumber(arg[2])) or 256
local PER_STREAM, TOKENS, FAULTY = 6, 16, 0.01 -- a server plays 16 faults at most
local SILENCE = MINUTES < 0.1 and 2 or 20 -- seconds: the chunk timeout, beyond a pause of a busy machine

-- What the simulator plays, and the outcome that the client must see.
local KINDS = {
  { "http500", "http" }, { "http429", "http" }, { "http404", "http" }, { "not-sse", "body" },
  { "truncate", "truncated" }, { "error-event", "event" }, { "silence", "silence" },
}

local random = rng.new(20261130)

-- Faults of a server that gets so many requests: command line, and how many there are of each outcome.
local function faults_of(count)
  local argv, expected, taken = {}, {}, {}
  for _ = 1, math.max(1, math.floor(count * FAULTY)) do
    local kind, at = KINDS[random:int(1, #KINDS)], random:int(1, count)
    while taken[at] do at = random:int(1, count) end
    taken[at] = true
    argv[#argv + 1], argv[#argv + 2] = "--fault", ("%s@%d"):format(kind[1], at)
    expected[kind[2]] = (expected[kind[2]] or 0) + 1
  end
  return argv, expected
end

local function memory_kib()
  collectgarbage()
  return tonumber(fs.read("/proc/self/status"):match "VmRSS:%s*(%d+)")
end

local function median(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  return sorted[(#sorted + 1) // 2]
end

local function part(list, from, to)
  return table.move(list, math.max(1, math.ceil(#list * from)), math.ceil(#list * to), 1, {})
end

local total = { requests = 0, faults = 0, lost = 0, wrong = 0 }
local hashes = {} -- of the answer to each prompt: the simulator's depend on the seed alone

local function wrong(format, ...)
  total.wrong = total.wrong + 1
  if total.wrong <= 20 then io.stderr:write("wrong: ", format:format(...), "\n") end
end

local function check(run, count, expected, given_up)
  total.requests, total.lost = total.requests + count, total.lost + count - #run
  local found = {}
  for i = 1, #run do
    local request = run:request(i)
    if request.outcome ~= "ok" then
      found[request.outcome] = (found[request.outcome] or 0) + 1
    else
      if request.tokens ~= TOKENS then wrong("request %d has %s tokens", i, request.tokens) end
      hashes[i] = hashes[i] or request.text_hash
      if hashes[i] ~= request.text_hash then wrong("request %d has another text than before", i) end
    end
  end
  -- silent ones alone at a server's end are taken for its end: what was still waiting then is cancelled
  if given_up and found.canceled then
    found.silence, found.canceled = (found.silence or 0) + found.canceled, nil
  end
  for outcome, number in pairs(expected) do
    total.faults = total.faults + number
    if found[outcome] ~= number then wrong("%d %s instead of %d", found[outcome] or 0, outcome, number) end
    found[outcome] = nil
  end
  for outcome, number in pairs(found) do wrong("%d %s, which nobody played", number, outcome) end
end

return bench.main(function()
  local count = STREAMS * PER_STREAM
  local requests = {}
  for i = 1, count do
    requests[i] = { body = { model = "m", prompt = "soak " .. i, max_tokens = TOKENS, ignore_eos = true, seed = i,
      stream = true, stream_options = { include_usage = true, continuous_usage_stats = true } } }
  end
  local memory, descriptors = {}, {}
  local begun = clock.now()
  repeat
    local faults, expected = faults_of(count)
    local argv = { environment.executable, "sim", "--profile", "qwen2.5-7b", "--model", "m", "--port", "{port}",
      "--step-ms", "50", "--max-num-seqs", tostring(STREAMS) }
    table.move(faults, 1, #faults, #argv + 1, argv)
    local server <close> = assert(bench.server.start { argv = argv, timeout = 60 })
    local run, itself = bench.load { server = server, requests = requests, concurrency = STREAMS,
      path = "/v1/completions",
      chunk_timeout = SILENCE, clock_scale = 1 }
    server:stop()
    check(run, count, expected, itself.given_up)
    run = nil -- luacheck: ignore 311
    memory[#memory + 1], descriptors[#descriptors + 1] = memory_kib(), #fs.list "/proc/self/fd"
  until (clock.now() - begun) / 60e9 >= MINUTES
  local early, late = median(part(memory, 0.1, 0.4)), median(part(memory, 0.7, 1))
  local flat = late <= 1.05 * early + 2048 and median(part(descriptors, 0.7, 1)) <= descriptors[1] + 2
  print(("%.1f minutes, %d streams, %d servers: %d requests, %d faults, lost %d, wrong %d; memory %.1f MB early, %.1f "
    .. "MB late (most %.1f), descriptors %d, %d"):format((clock.now() - begun) / 60e9, STREAMS, #memory, total.requests,
      total.faults, total.lost, total.wrong, early / 1024, late / 1024, math.max(table.unpack(memory)) / 1024,
      descriptors[1], descriptors[#descriptors]))
  if not flat then io.stderr:write "memory or descriptors have grown\n" end
  return total.lost == 0 and total.wrong == 0 and flat and 0 or 1
end)
