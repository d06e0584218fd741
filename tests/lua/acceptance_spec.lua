-- Acceptance told by the engine's counters and by the answers, and what is said where the two cannot both be true.

local acceptance = require "specbench.analysis.acceptance"
local bench = require "specbench"
local flags = require "specbench.analysis.flags"
local seen_by = require("specbench.sweep.acceptance").seen

local K = 3

local function load()
  local sim <close> = assert(bench.server.start {
    argv = { bench.executable, "sim", "--profile", "qwen2.5-7b", "--k", tostring(K), "--port", "{port}",
      "--speed", "50" },
  })
  local requests = {}
  for i = 1, 12 do
    requests[i] = { body = {
      messages = { { role = "user", content = "Question " .. i } }, max_tokens = 90, min_tokens = 90,
      stream = true, stream_options = { include_usage = true, continuous_usage_stats = true },
    } }
  end
  local sweep, sim_engine = require "specbench.sweep.acceptance", require("specbench.engine").load "sim"
  local before = sweep.read(sim_engine, sim)
  local run = bench.load { server = sim, requests = requests, concurrency = 3 }
  return run, sweep.between(sim_engine, before, sweep.read(sim_engine, sim), { k = K })
end

-- A cell of ten answers of 101 tokens each: with k = 3, ends can hide 40 tokens.
local function cell(counted, seen)
  return {
    acceptance = counted, acceptance_seen = seen, coordinates = { k = K }, repetition = 1,
    identity = { server = { method = "draft", k = K }, workload = {} },
    metrics = { completed = 10, requests = 10, total_output_tokens = 1010, duration = 1 }, input_tokens = 0,
  }
end

describe("acceptance", function()
  it("of the simulator's counters is that of its answers, but for their ends", function()
    local run, counted = load()
    local engine = require("specbench.engine").load "sim"
    local seen = seen_by(engine, run, { method = "draft", k = K })
    assert.equal(counted.drafts, seen.steps)
    assert.is_true(counted.accepted_tokens >= seen.accepted_tokens)
    assert.is_true(counted.accepted_tokens <= seen.accepted_tokens + K * #run)
    assert.equal(K, #seen.per_position)
    local one = cell(counted, seen)
    one.metrics = run:metrics()
    assert.is_nil(acceptance.disagreement(one))
    one.acceptance_seen = nil
    assert.is_nil(acceptance.disagreement(one))
  end)

  it("is not read off chunks that are not steps, nor where nothing was drafted", function()
    local run = { acceptance = function() error "asked" end }
    local engines = require "specbench.engine"
    assert.is_nil(seen_by(engines.load "vllm", run, { method = "draft", k = K }))
    assert.is_nil(seen_by(engines.load "sim", run, { method = "none" }))
  end)

  it("may differ by what answers' ends hide, and is pointed out beyond", function()
    local seen = { steps = 400, accepted_tokens = 600 }
    for accepted, fine in pairs { [640] = true, [641] = false, [560] = true, [559] = false } do
      local reason = acceptance.disagreement(cell({ drafts = 400, accepted_tokens = accepted }, seen))
      assert.equal(fine, reason == nil)
      if not fine then
        assert.equal(("the engine counted %d accepted tokens, the answers show 600"):format(accepted), reason)
      end
    end
    assert.is_nil(acceptance.disagreement(cell({ drafts = 410, accepted_tokens = 600 }, seen)))
    assert.equal("the engine counted 411 drafts, the answers have 400 steps",
      acceptance.disagreement(cell({ drafts = 411, accepted_tokens = 600 }, seen)))
  end)

  it("cannot have brought more tokens than there are, whatever the chunks are", function()
    assert.is_nil(acceptance.disagreement(cell { drafts = 400, accepted_tokens = 640 }))
    assert.equal("the engine counted 1041 tokens from steps with a draft, the answers have 1010",
      acceptance.disagreement(cell { drafts = 400, accepted_tokens = 641 }))
    assert.is_nil(acceptance.disagreement(cell()))
    assert.is_nil(acceptance.disagreement(cell { drafts = 900, accepted_tokens = 1641, source = "log" }))
  end)

  it("beyond k is another server's than the round's", function()
    local one = cell { drafts = 400, accepted_tokens = 640, mean_length = 2.6, per_position = { 0.7, 0.5, 0.4, 0 } }
    assert.is_nil(acceptance.disagreement(one))
    one.acceptance.per_position[4] = 0.1
    assert.equal("the engine accepted a draft's token 4, k is 3: it runs with another k", acceptance.disagreement(one))
    one.acceptance.per_position, one.acceptance.mean_length = nil, 4.2
    assert.equal("the engine counted 4.20 tokens a step, k = 3 brings at most 4: it runs with another k",
      acceptance.disagreement(one))
    one.identity.server.k_by_batch_size = { { 1, 8, 5 } }
    assert.is_nil(acceptance.disagreement(one))
  end)

  it("whose drafts are worked out from their tokens need not be whole", function()
    local one = cell { drafts = 1233 / 3, draft_tokens = 1233, accepted_tokens = 641 }
    one.acceptance.drafts = one.acceptance.drafts + 1 / 3
    assert.equal("the engine counted 1052 tokens from steps with a draft, the answers have 1010",
      acceptance.disagreement(one))
    one.acceptance_seen = { steps = 400, accepted_tokens = 640 }
    assert.equal("the engine counted 411 drafts, the answers have 400 steps", acceptance.disagreement(one))
    one.acceptance_seen.steps, one.identity.server.method = 542, "eagle"
    assert.equal("the engine counted 411 drafts, the answers have 542 steps", acceptance.disagreement(one))
  end)

  it("is kept in a way that every reader of a cell takes, whatever an engine's file makes of its counters", function()
    local sweep = require "specbench.sweep.acceptance"
    local reading = { counters = {} }
    local function told(found)
      return sweep.between({ acceptance = function() return found end }, reading, reading, {})
    end
    assert.equal(700 / 3, told({ drafts = 700 / 3, draft_tokens = 700.0, accepted_tokens = 300 }).drafts)
    local found, message = told { drafts = "many" }
    assert.is_nil(found)
    assert.equal("its engine's file told what no cell can hold: acceptance.drafts must be a number from 0 on, not many",
      message)
    assert.is_nil((told { draft_tokens = -1 }))
    assert.is_nil((told "60 %"))
  end)

  it("is flagged in the report where the two disagree", function()
    local one = cell({ drafts = 900, accepted_tokens = 1300 }, { steps = 400, accepted_tokens = 600 })
    local list = flags.of { one }
    assert.equal(1, #list)
    assert.equal("acceptance", list[1].flag)
    local about = { round = "r", axes = { { name = "k", values = { 1, K } } } }
    assert.truthy(flags.text(list, about)
      :find("Acceptance: k=3: the engine counted 1300 accepted tokens, the answers show 600", 1, true))
    assert.truthy(flags.lines(list, about):find('"flag": "acceptance"', 1, true))
  end)

  it("of a counter that began anew in the cell is too low where every step drafts", function()
    local one = cell({ drafts = 178, accepted_tokens = 590 }, { steps = 542, accepted_tokens = 600 })
    one.identity.server.method = "draft"
    assert.truthy(acceptance.disagreement(one):find("178 drafts, the answers have 542 steps", 1, true))
    one.identity.server.method = "ngram" -- which drafts where it finds something
    assert.is_nil(acceptance.disagreement(one))
    local unseen = cell { drafts = 178, accepted_tokens = 300 }
    unseen.identity.server.method = "eagle"
    assert.truthy(acceptance.disagreement(unseen):find("478 tokens from steps with a draft", 1, true))
    unseen.acceptance.drafts = 700
    assert.is_nil(acceptance.disagreement(unseen))
  end)

  it("is of all who asked: the engine's requests are held against the cell's own", function()
    local one = cell()
    for counted, reason in pairs {
      [9] = "the engine counted 9 requests, 10 were answered: its counters began anew, or are another server's",
      [11] = "the engine counted 11 requests, the cell sent 10: others used the server", [10] = false,
    } do
      one.requests_counted = counted
      local list = flags.of { one }
      assert.equal(reason and 1 or 0, #list)
      if reason then assert.same({ "requests", reason }, { list[1].flag, list[1].reason }) end
    end
    one.requests_counted, one.resent = 11, 1 -- which may have been answered twice
    assert.equal(0, #flags.of { one })
    one.resent = nil
    one.requests_counted, one.metrics.completed, one.metrics.requests = 11, 10, 12 -- of two that failed one was counted
    assert.equal(0, #flags.of { one })
  end)

  it("is held against the answers' tokens where the engine counts these", function()
    local one = cell()
    one.metrics.failed = 0
    for counted, reason in pairs {
      [999] = "the engine wrote 999 tokens, the answers have 1000: its counters began anew, or are another server's",
      [1001] = "the engine wrote 1001 tokens, the answers have 1000: others used the server", [1000] = false,
    } do
      one.output_tokens_counted, one.metrics.total_output_tokens = counted, 1000
      local list = flags.of { one }
      assert.equal(reason and 1 or 0, #list)
      if reason then assert.same({ "requests", reason }, { list[1].flag, list[1].reason }) end
    end
    one.output_tokens_counted, one.metrics.failed = 1001, 1 -- some may be the failed one's
    assert.equal(0, #flags.of { one })
    one.metrics.failed, one.resent = 0, 1
    assert.equal(0, #flags.of { one })
    one.resent, one.metrics.total_output_tokens = nil, nil
    assert.equal(0, #flags.of { one })
  end)

  it("of requests is read from the counter that the engine's file names", function()
    local sweep, engines = require "specbench.sweep.acceptance", require "specbench.engine"
    local function counted(engine, before, after)
      return sweep.counted(engines.load(engine), "requests", before and { counters = before },
        after and { counters = after })
    end
    for engine, name in pairs {
      vllm = "vllm:request_success_total", vllm_v0 = "vllm:request_success_total",
      sim = "vllm:request_success_total", sglang = "sglang:num_requests_total",
      trtllm = "trtllm_request_success_total",
    } do
      assert.equal(30, counted(engine, { [name] = 12.0 }, { [name] = 42.0 }), engine)
      assert.equal(42, counted(engine, {}, { [name] = 42.0 }), engine) -- some appear with their first request
      assert.is_nil(counted(engine, {}, {}))
      assert.is_nil(counted(engine, nil, { [name] = 42.0 }))
    end
    assert.is_nil(counted("llamacpp", {}, {}))
    local wrote = "llamacpp:tokens_predicted_total"
    local before, after = { counters = { [wrote] = 12.0 } }, { counters = { [wrote] = 42.0 } }
    assert.equal(30, sweep.counted(engines.load "llamacpp", "output_tokens", before, after))
  end)

  it("is not told where the server was started anew between the two readings", function()
    local sweep, sim = require "specbench.sweep.acceptance", require("specbench.engine").load "sim"
    local function reading(started) return { counters = { process_start_time_seconds = started } } end
    local _, message = sweep.between(sim, reading(1), reading(2), { k = K })
    assert.truthy(message:find("started anew", 1, true))
    _, message = sweep.between(sim, reading(1), reading(1), { k = K })
    assert.is_nil(message:find("started anew", 1, true))
  end)

  it("is not the only count that can be wrong: answers whose own counts disagree are flagged too", function()
    local one = cell()
    one.metrics.token_mismatches = 2
    local list = flags.of { one }
    assert.equal(1, #list)
    assert.equal("tokens", list[1].flag)
    assert.truthy(flags.text(list, { round = "r", axes = { { name = "k", values = { 1, K } } } })
      :find("Token counts: k=3: in 2 of 10 answers", 1, true))
    one.metrics.token_mismatches = 0
    assert.equal(0, #flags.of { one })
  end)

  it("of repeats is that of all their drafts together", function()
    local both = acceptance.of {
      cell({ drafts = 100, draft_tokens = 300, accepted_tokens = 100, mean_length = 2, per_position = { 0.6, 0.4 } },
        { steps = 50, mean_length = 1.5, per_position = { 0.5 } }),
      cell({ drafts = 300, draft_tokens = 900, accepted_tokens = 500, mean_length = 3, per_position = { 0.8, 0.4 } },
        { steps = 150, mean_length = 2.5, per_position = { 0.7 } }),
    }
    assert.equal(0.5, both.rate)
    assert.equal(2.75, both.counters.mean_length)
    assert.is_true(math.abs(both.counters.per_position[1] - 0.75) < 1e-12)
    assert.equal(2.25, both.timelines.mean_length)
    assert.is_true(math.abs(both.timelines.per_position[1] - 0.65) < 1e-12)
    assert.is_nil(acceptance.of { cell() })
  end)

  it("of repeats is not lost for one in which nothing was found to draft from", function()
    local list = {}
    for i, told in ipairs {
      { drafts = 100, draft_tokens = 300, accepted_tokens = 150, mean_length = 2.5 },
      { drafts = 0, draft_tokens = 0, accepted_tokens = 0 },
    } do list[i] = cell(told) end
    local found = acceptance.of(list)
    assert.equal(0.5, found.rate)
    assert.equal(2.5, found.counters.mean_length)
    assert.is_nil(acceptance.of({ list[2] }).counters)
  end)

  it("by position is that of the repeats that tell positions", function()
    local both = acceptance.of {
      cell { drafts = 100, draft_tokens = 300, accepted_tokens = 100, mean_length = 2, per_position = { 0.6, 0.4 } },
      cell { drafts = 300, draft_tokens = 900, accepted_tokens = 500, mean_length = 3, per_position = {} },
      cell { drafts = 100, draft_tokens = 300, accepted_tokens = 100, mean_length = 2, per_position = { 0.4 } },
    }
    assert.is_true(math.abs(both.counters.per_position[1] - 0.5) < 1e-12)
    assert.is_true(math.abs(both.counters.per_position[2] - 0.2) < 1e-12) -- where the third accepted none
  end)
end)
