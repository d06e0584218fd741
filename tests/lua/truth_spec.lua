-- The client's records against what the simulator says that it wrote. Only what holds on any machine, however busy,
-- is asked here; how close the times are is for tests/proof/proof_truth.lua on a quiet one.

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local truth_log = dofile(here .. "fixtures/truth_log.lua")

local function near(expected, actual)
  assert.is_true(math.abs(expected - actual) <= 1e-9 * math.abs(expected),
    ("expected %.12g, got %.12g"):format(expected, actual))
end

local function assert_joined(run, log)
  assert.equal(#run, #log)
  for i = 1, #run do
    local request, written = run:request(i), log[i]
    assert.equal("ok", request.outcome)
    local recorded, sent, tokens = {}, {}, 0
    for k, chunk in ipairs(request.chunks) do
      recorded[k], tokens = chunk.tokens, tokens + chunk.tokens
    end
    for k, chunk in ipairs(written.chunks) do sent[k] = chunk[3] end
    assert.same(sent, recorded)
    assert.equal("continuous_usage", request.token_source)
    assert.same({ tokens, tokens, tokens },
      { written.output_tokens, request.tokens, request.completion_tokens })
  end
end

-- The simulator notes `written` after the kernel took the bytes, when the client may have them already: what no
-- client can be ahead of is the step's end, `due`. All that one wait for the network reports carries the time read
-- at its first; a stream reported with chunk k - 1 may hold chunk k too by the time that it is read. So a chunk's
-- time is due or later, or else that of the chunk before it, which was reported with it.
local function assert_in_order(run, log)
  for i = 1, #run do
    local request = run:request(i)
    assert.is_true(request.t_send <= log[i].t_recv_ns)
    local before
    for k, chunk in ipairs(request.chunks) do
      assert.is_true(chunk.t >= log[i].chunks[k][1] or chunk.t == before)
      assert.is_true(chunk.t >= (before or request.t_first_byte))
      before = chunk.t
    end
    assert.is_true(request.t_done >= before)
  end
end

local function assert_conventions(run, clock_scale)
  local m = run:metrics()
  local recorded = {}
  for i = 1, #run do
    recorded[i] = {}
    for k, chunk in ipairs(run:request(i).chunks) do recorded[i][k] = { chunk.t, chunk.tokens } end
  end
  for name, samples in pairs(truth_log.gaps(recorded)) do
    assert.equal(#samples, m[name .. ".count"])
    near(truth_log.mean(samples) / 1e6 * clock_scale, m[name .. ".mean"])
    near(truth_log.percentile(samples, 50) / 1e6 * clock_scale, m[name .. ".p50"])
    near(truth_log.percentile(samples, 99) / 1e6 * clock_scale, m[name .. ".p99"])
  end
  return m
end

describe("the client, beside the simulator's truth log,", function()
  for _, streams in ipairs { 1, 16, 64 } do
    for _, tokens in ipairs { 1, 4 } do
      it(("has every chunk of %d streams of %d tokens a chunk"):format(streams, tokens), function()
        local run, log = truth_log.load {
          server = { "--step-ms", "10", "--tokens-per-chunk", tostring(tokens) }, count = 2 * streams,
          tokens = 37, concurrency = streams,
        }
        assert_joined(run, log)
        assert_in_order(run, log)
        local m = assert_conventions(run, 1)
        assert.equal(0, m.token_mismatches)
        local total = 0
        for i = 1, #run do total = total + 37 + i % 5 end
        assert.equal(total, m.total_output_tokens)
      end)
    end
  end

  it("holds the simulator's time where that runs four times as fast", function()
    local run, log = truth_log.load {
      server = { "--speed", "4", "--step-ms", "10", "--tokens-per-chunk", "4" }, count = 16, tokens = 37,
      concurrency = 8, clock_scale = 4,
    }
    assert_joined(run, log)
    assert_in_order(run, log)
    local m = assert_conventions(run, 4)
    local from, to, waits, tokens = math.huge, 0, {}, 0
    for i = 1, #run do
      local request, written = run:request(i), log[i].chunks
      local chunks = request.chunks
      for k = 2, #written do -- whole steps of 10 ms in the simulator's time; times are whole ns of the wall's
        local gap = 4 * (written[k][1] - written[k - 1][1])
        local steps = math.max(1, (gap + 5e6) // 10e6) -- more than one where the server was late: it makes none up
        assert.is_true(math.abs(gap - steps * 10e6) <= 8, ("a step of %d ns"):format(gap))
      end
      from, to = math.min(from, request.t_send), math.max(to, chunks[#chunks].t)
      waits[i], tokens = chunks[1].t - request.t_send, tokens + request.tokens
    end
    near(4 * (to - from) / 1e9, m.duration)
    near(tokens / (4 * (to - from) / 1e9), m.output_throughput)
    near(4 * truth_log.mean(waits) / 1e6, m["ttft_ms.mean"])
    local p99 = run:percentile("ttft_ms", 99)
    run:set_clock_scale(1)
    near(p99 / 4, run:percentile("ttft_ms", 99))
    near(m["ttft_ms.p99"] / 4, run:metrics()["ttft_ms.p99"])
    near(m.output_throughput * 4, run:metrics().output_throughput)
  end)
end)

local FREEZE, AT = 2, 10 -- seconds; the request that brings it about
local RATE, COUNT = 40, 100
local GAP = 1 / RATE

-- Loads a server that stands still; `from` when on, and `to` when at least, the log tells.
local function load_freezing(options)
  local run, log = truth_log.load {
    server = { "--step-ms", "2", "--tokens-per-chunk", "4", "--fault", ("freeze@%d:%g"):format(AT, FREEZE) },
    count = COUNT, tokens = 4, rate = options.rate, concurrency = options.concurrency,
  }
  assert_joined(run, log)
  local arrivals = {}
  for i, written in ipairs(log) do arrivals[i] = written.t_recv_ns end
  table.sort(arrivals)
  return { run = run, log = log, from = arrivals[AT], to = arrivals[AT] + FREEZE * 1000000000 }
end

-- How many requests were between `field` and their first token while the server stood still; each of them must show
-- the rest of that time in full.
local function waiting(freezing, field)
  local count = 0
  for i = 1, #freezing.run do
    local request = freezing.run:request(i)
    if request[field] < freezing.to and freezing.log[i].chunks[1][2] >= freezing.from then
      count = count + 1
      assert.is_true(request.chunks[1].t >= freezing.to)
    end
  end
  return count
end

describe("a server that freezes", function()
  -- When the server reads its AT-th request and freezes, AT requests were wanted already, and the next is a gap
  -- later at most: of 100 latencies two are at least the freeze less a gap, and the 99th percentile is no smaller
  -- than the second.
  local P99 = 1000 * (FREEZE - GAP)
  local MANY = RATE * FREEZE - 1

  it("shows in the latencies of an open loop", function()
    local freezing = load_freezing { rate = RATE }
    assert.is_true(freezing.run:metrics()["ttft_intended_ms.p99"] >= P99)
    assert.is_true(waiting(freezing, "t_intended") >= MANY)
  end)

  -- The others wait in the client, so times from the send hardly know of it.
  it("shows in an open loop's latencies from the intended time where the client may not send", function()
    local freezing = load_freezing { rate = RATE, concurrency = 1 }
    assert.is_true(freezing.run:metrics()["ttft_intended_ms.p99"] >= P99)
    assert.is_true(waiting(freezing, "t_intended") >= MANY)
    assert.equal(1, waiting(freezing, "t_send"))
  end)

  -- Coordinated omission: a client that waits asks nothing meanwhile. A closed loop has no plan to be held to.
  it("shows in one request a stream of a closed loop", function()
    local freezing = load_freezing { concurrency = 1 }
    assert.equal(1, waiting(freezing, "t_send"))
    assert.equal(1, waiting(freezing, "t_intended"))
    assert.is_true(freezing.run:metrics()["ttft_ms.max"] >= 1000 * FREEZE)
  end)
end)
