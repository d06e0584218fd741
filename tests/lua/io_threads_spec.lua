-- One load over several I/O threads: what is sent and counted does not depend on how many there are.

local bench = require "specbench"
local certificate = require "specbench.sweep.certificate"
local environment = require "sb.environment"
local load = require "sb.load"
local task = require "sb.task"

local REQUESTS, STREAMS = 60, 12

local function simulator(...)
  return assert(bench.server.start {
    argv = { environment.executable, "sim", "--profile", "qwen2.5-7b", "--port", "{port}", "--k", "3", ... },
  })
end

local function requests(count, tokens)
  local list = {}
  for i = 1, count do
    list[i] = { prompt_id = 10 * i, body = bench.json.encode {
      messages = { { role = "user", content = "request " .. i } }, max_tokens = tokens + i % 5, ignore_eos = true,
      stream = true, temperature = 0, stream_options = { include_usage = true, continuous_usage_stats = true },
    } }
  end
  return list
end

-- All that is told of the answers, but for times.
local function answers(run)
  local list = {}
  for i = 1, #run do
    local r = run:request(i)
    local tokens = 0
    for _, chunk in ipairs(r.chunks) do tokens = tokens + chunk.tokens end
    list[i] = { r.id, r.prompt_id, r.outcome, r.token_source, r.tokens, tokens, r.prompt_tokens, r.completion_tokens,
      r.text }
  end
  return list
end

describe("several I/O threads", function()
  it("send the same requests and count the same tokens as one", function()
    local sim <close> = simulator "--flood"
    local one = bench.load { server = sim, requests = requests(REQUESTS, 30), concurrency = STREAMS, keep_text = true }
    assert.same({}, one:failures())
    for _, count in ipairs { 2, 4, 5 } do
      local run, itself = bench.load { server = sim, requests = requests(REQUESTS, 30), concurrency = STREAMS,
        keep_text = true, io_threads = count }
      assert.same(answers(one), answers(run))
      assert.equal(count, itself.io_threads)
      assert.equal(one:metrics().total_output_tokens, run:metrics().total_output_tokens)
    end
  end)

  it("keep the plan of an open loop", function()
    local sim <close> = simulator "--flood"
    local function planned(io_threads)
      local run = bench.load { server = sim, requests = requests(40, 3), rate = 400, seed = 5, io_threads = io_threads }
      local offsets, origin = {}, run:request(1).t_intended
      for i = 1, #run do
        local r = run:request(i)
        assert.is_true(r.t_send >= r.t_intended)
        offsets[i] = r.t_intended - origin
      end
      return offsets
    end
    assert.same(planned(1), planned(4))
  end)

  it("each tell how late they were, and the worst is what counts", function()
    local sim <close> = simulator("--step-ms", "5")
    local run, itself = bench.load { server = sim, requests = requests(16, 20), concurrency = 8, io_threads = 4 }
    local samples, max, share = 0, 0, 0
    for _, lag in ipairs(itself.lag.threads) do
      samples = samples + lag.samples
      max, share = math.max(max, lag.max_ms or 0), math.max(share, lag.cpu_share)
    end
    assert.equal(4, #itself.lag.threads)
    assert.same({ samples, max, share }, { itself.lag.samples, itself.lag.max_ms, itself.lag.cpu_share })
    local c = certificate.judge(run, itself, run:metrics(), 1)
    assert.equal(4, c.io_threads)
    local alone = select(2, bench.load { server = sim, requests = requests(4, 20), concurrency = 2 })
    assert.is_nil(alone.lag.threads)
    assert.equal(1, alone.io_threads)
  end)

  it("are no more than there are streams, and 1 to 64", function()
    local sim <close> = simulator "--flood"
    local _, itself = bench.load { server = sim, requests = requests(9, 3), concurrency = 3, io_threads = 64 }
    assert.equal(3, itself.io_threads)
    for _, count in ipairs { 0, 65, 1.5, -1 } do
      local ok, message = pcall(bench.load, { server = sim, requests = requests(9, 3), concurrency = 3,
        io_threads = count })
      assert.is_false(ok)
      assert.truthy(message:find("io_threads = .*: must be a whole number from 1 to 64"), message)
    end
  end)

  it("end with the task that waits for them", function()
    local sim <close> = simulator("--step-ms", "50")
    local told
    local t = task.spawn(bench.load, { server = sim, requests = requests(40, 500), concurrency = 8, io_threads = 4,
      on_progress = function(progress) told = progress end })
    for _ = 1, 500 do
      if told then break end
      task.sleep(0.01)
    end
    assert.equal(8, told.in_flight)
    t:cancel()
    assert.same({}, bench.load({ server = sim, requests = requests(4, 1), concurrency = 2 }):failures())
  end)

  it("keep what was recorded when they are cancelled", function()
    local sim <close> = simulator("--step-ms", "5")
    local l <close> = assert(load.start { url = sim.url .. "/v1/chat/completions", requests = requests(200, 10),
      concurrency = 8, io_threads = 4 })
    while l:progress().done < 20 do l:wait(0.01) end
    l:cancel()
    local progress, run = l:progress(), l:run()
    local done, sent = 0, 0
    for i = 1, #run do
      local r = run:request(i)
      if r.outcome == "ok" then done = done + 1 else assert.equal("canceled", r.outcome) end
      if r.t_send > 0 then sent = sent + 1 end
    end
    assert.same({ progress.done, progress.sent, 0 }, { done, sent, progress.in_flight })
    assert.is_true(sent - done <= 8)
  end)
end)
