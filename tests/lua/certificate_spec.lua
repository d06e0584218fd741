-- The client's certificate: false whenever the client itself was late, whatever the server did.

local bench = require "specbench"
local certificate = require "specbench.sweep.certificate"
local clock = require "sb.clock"
local environment = require "sb.environment"
local task = require "sb.task"

local function run_of_chunks(count)
  return { chunks = function() return count end }
end

local function lag(changes)
  local all = { samples = 1000, p50_ms = 0.05, p99_ms = 0.4, max_ms = 3, cpu_share = 0.3 }
  for name, value in pairs(changes) do all[name] = value end
  return { lag = all, bytes = 1000 }
end

-- Chunks with the kernel's time.
local function stamped(changes, lag_changes)
  local itself = lag(lag_changes or {})
  itself.reads = { chunks = 1000, merged = 20, unstamped = 0, p99_ms = 0.3, max_ms = 2, by_kernel = true }
  for name, value in pairs(changes) do itself.reads[name] = value end
  return itself
end

local metrics = { ["itl_chunk_ms.p50"] = 10 }

describe("the certificate", function()
  it("holds for a client that was never late", function()
    local c = certificate.judge(run_of_chunks(10), lag {}, metrics, 1)
    assert.is_true(c.client_ok)
    assert.same({}, { table.unpack(c.reasons) })
  end)

  it("falls with a p99 lag beyond 1 ms and beyond 5 % of the gap", function()
    assert.is_false(certificate.judge(run_of_chunks(1), lag { p99_ms = 1.1 }, metrics, 1).client_ok)
    local slow = { ["itl_chunk_ms.p50"] = 40 }
    assert.is_true(certificate.judge(run_of_chunks(1), lag { p99_ms = 1.9 }, slow, 1).client_ok)
    assert.is_false(certificate.judge(run_of_chunks(1), lag { p99_ms = 2.1 }, slow, 1).client_ok)
  end)

  it("falls with a single long lag, and with a full core", function()
    assert.is_false(certificate.judge(run_of_chunks(1), lag { max_ms = 21 }, metrics, 1).client_ok)
    local c = certificate.judge(run_of_chunks(1), lag { cpu_share = 0.81 }, metrics, 1)
    assert.is_false(c.client_ok)
    assert.truthy(c.reasons[1]:find("busiest I/O thread used 81 %% of a core .*%-%-io%-threads"))
  end)

  it("holds, with the kernel's times, for a client that read late but one chunk at a time", function()
    assert.is_true(certificate.judge(run_of_chunks(1), stamped({}, { p99_ms = 9, max_ms = 60 }), metrics, 1).client_ok)
    assert.is_false(certificate.judge(run_of_chunks(1), stamped({}, { max_ms = 101 }), metrics, 1).client_ok)
    assert.is_false(certificate.judge(run_of_chunks(1), stamped({}, { busy_max_ms = 21 }), metrics, 1).client_ok)
    -- the same times of the loop's own are what they always were
    assert.is_false(certificate.judge(run_of_chunks(1), stamped({ by_kernel = false }, { p99_ms = 9 }), metrics, 1)
      .client_ok)
  end)

  it("falls where chunks that were read together may have come long before", function()
    assert.is_false(certificate.judge(run_of_chunks(1), stamped { p99_ms = 1.1 }, metrics, 1).client_ok)
    local c = certificate.judge(run_of_chunks(1), stamped { max_ms = 21 }, metrics, 1)
    assert.is_false(c.client_ok)
    assert.truthy(c.reasons[1]:find("stood still", 1, true))
    assert.equal(20, c.reads.merged)
  end)

  it("judges scaled runs in wall time", function()
    local slow = { ["itl_chunk_ms.p50"] = 400 } -- 20 ms of wall time at x20: 5 % of it is the 1 ms of the rule
    assert.is_false(certificate.judge(run_of_chunks(1), lag { p99_ms = 1.1 }, slow, 20).client_ok)
  end)

  it("says nothing where nothing was measured", function()
    assert.is_nil(certificate.judge(run_of_chunks(1), { bytes = 0 }, metrics, 1).client_ok)
  end)

  it("falls when the client's loop stands still for 50 ms", function()
    local sim <close> = assert(bench.server.start {
      argv = { environment.executable, "sim", "--profile", "qwen2.5-7b", "--port", "{port}", "--step-ms", "10" },
    })
    local body = bench.json.encode {
      messages = { { role = "user", content = "hello" } }, max_tokens = 40, ignore_eos = true, stream = true,
    }
    local stall <close> = task.spawn(function()
      task.sleep(0.15)
      local from = clock.now()
      while clock.now() - from < 50e6 do end
    end)
    local run, itself = bench.load { server = sim, requests = { { body = body }, { body = body } }, concurrency = 2 }
    stall:join()
    local c = certificate.judge(run, itself, run:metrics(), 1)
    assert.is_false(c.client_ok)
    assert.is_true(c.lag.max_ms > 40)
    assert.is_true(c.reads.by_kernel)
    assert.truthy(table.concat(c.reasons, "; "):find("stood still", 1, true))
  end)
end)
