-- Speed-ups, intervals and verdicts from cells whose ratios are set exactly: one recorded load, read again and
-- again with another clock scale.

local bench = require "specbench"
local divergence = require "specbench.analysis.divergence"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local measure = require "sb.measure"
local repeats = require "specbench.analysis.repeats"
local speedup = require "specbench.analysis.speedup"
local speedup_table = require "specbench.report.speedup_table"
local stats = require "sb.stats"
local verdict = require "specbench.analysis.verdict"
local virtual = require "specbench.virtual"

-- The records of eight answers, as bytes; in virtual time, so that a busy machine stalls no stream.
local function recorded()
  local argv = { bench.executable, "sim", "--profile", "qwen2.5-7b", "--k", "2", "--port", "{port}" }
  local sim <close> = assert(virtual.start(argv))
  local requests = {}
  for i = 1, 8 do
    requests[i] = { prompt_id = 100 - i, body = {
      messages = { { role = "user", content = "Question " .. i } }, max_tokens = 24, min_tokens = 24,
      temperature = 0, stream = true, stream_options = { include_usage = true, continuous_usage_stats = true },
    } }
  end
  return bench.load { server = sim, requests = requests, concurrency = 2 }:encode()
end

local bytes

local function scaled_run(scale)
  local run = assert(measure.decode(bytes))
  run:set_clock_scale(scale)
  return run
end

local function cell_of(method, concurrency, repetition, time)
  local key = ("%s\31%d\31%d"):format(method, concurrency, repetition)
  local m = scaled_run(time):metrics()
  return {
    id = ("%s-%d-%d"):format(method, concurrency, repetition), key = key, repetition = repetition,
    baseline = ("none\31%d\31%d"):format(concurrency, repetition), started = "2024", clock_scale = 1,
    coordinates = { method = method, concurrency = concurrency }, engine = { name = "sim" }, input_tokens = 0,
    acceptance = method ~= "none" and { mean_length = m.tokens_per_chunk } or nil, metrics = m,
    identity = {
      engine = "sim", server = { model = { name = "m" }, method = method },
      workload = { prompts = "p", temperature = 0, concurrency = concurrency },
    },
  }
end

-- grid: concurrency -> the method's times, one a repeat, where the baseline takes 1.
local function world(grid)
  local cells, runs = {}, {}
  local function add(cell, time)
    cells[#cells + 1], runs[cell.id] = cell, time
  end
  for concurrency, times in pairs(grid) do
    for r, time in ipairs(times) do
      add(cell_of("none", concurrency, r, 1), 1)
      add(cell_of("draft", concurrency, r, time), time)
    end
  end
  local store = { folder = tostring(cells), about = {}, cells = function() return cells end }
  function store.run(_, id) return scaled_run(runs[id]) end
  function store.output_path(_, id) return "no such folder/" .. id end
  return store, cells, speedup.index(cells)
end

local function judge(grid, options)
  local store, cells, index = world(grid)
  local entries = {}
  for _, entry in ipairs(verdict.judge(store, cells, index, options)) do
    entries[entry.coordinates.concurrency] = entry
  end
  return entries
end

local function near(expected, value, tolerance)
  assert.is_true(value and math.abs(value - expected) <= (tolerance or 1e-6),
    ("%s where %s is expected"):format(tostring(value), expected))
end

describe("verdict", function()
  setup(function() bytes = recorded() end)

  it("pairs repeat with repeat and gives Student's interval over them", function()
    local entry = judge { [1] = { 0.70, 0.72, 0.74 } }[1]
    assert.equal(3, entry.repeats)
    assert.equal("faster", entry.verdict)
    local expected = stats.interval { -math.log(0.70), -math.log(0.72), -math.log(0.74) }
    for _, name in ipairs(verdict.names) do
      local figure = entry.speedups[name]
      near(math.exp(expected.mean), figure.ratio)
      near(math.exp(expected.low), figure.low)
      near(math.exp(expected.high), figure.high)
    end
    assert.equal("1.39 [1.30, 1.49]", verdict.text(entry.speedups.paired))
  end)

  it("takes the records of the second result where a cell was measured once more meanwhile", function()
    local store, cells, index = world { [1] = { 0.5 } }
    local group = repeats.groups(cells)[1]
    repeats.pair(group, index, store)
    near(2, group.repeats[1].ratios.paired)
    local cell, first_run = group.cells[1], store.run
    cell.rerun = { flag = "stall", reason = "it stood still" }
    function store.run(_, id) return id == cell.id and scaled_run(0.8) or first_run(nil, id) end
    repeats.pair(group, index, store)
    near(1.25, group.repeats[1].ratios.paired)
  end)

  it("tells slower, tie and undecided apart", function()
    local entries = judge {
      [1] = { 1.30, 1.31, 1.32 }, [2] = { 1.001, 1.0, 0.999 }, [3] = { 0.8, 1.0, 1.1 }, [4] = { 0.5, 0.51, 0.49 },
    }
    assert.equal("slower", entries[1].verdict)
    assert.equal("tie", entries[2].verdict)
    assert.equal("undecided", entries[3].verdict)
    assert.equal("faster", entries[4].verdict)
  end)

  it("withholds verdicts that the number of cells explains", function()
    local doubtful = { 0.94, 0.97, 0.95 } -- p = 0.03
    assert.equal("faster", judge { [1] = doubtful }[1].verdict)
    local grid = { [1] = doubtful }
    for i = 2, 5 do grid[i] = { 0.9, 1.0 + i / 50, 1.1 } end -- too few to borrow from each other
    local entry = judge(grid)[1]
    assert.equal("undecided", entry.verdict)
    assert.equal("not significant among so many cells", entry.reason)
    assert.is_true(entry.p < 0.05 and entry.adjusted_p > 0.05)
  end)

  it("gives one or two repeats an interval within the run, and no verdict", function()
    for _, times in ipairs { { 0.8 }, { 0.8, 0.8 } } do
      local entry = judge { [1] = times }[1]
      assert.is_nil(entry.verdict)
      assert.equal("within-run only", entry.speedups.paired.kind)
      near(1.25, entry.speedups.paired.ratio)
      assert.truthy(entry.reason:find "no verdict below 3")
      assert.truthy(verdict.text(entry.speedups.paired):find "^1.25 %(")
    end
  end)

  it("explains the measured ratio by its factors", function()
    -- both sides hold the same chunks, so all but the step's time is the same
    local why = judge { [1] = { 0.8, 0.8, 0.8 } }[1].decomposition
    near(scaled_run(1):metrics().tokens_per_chunk, why.tokens)
    near(1.25, why.step)
    near(1, why.rest)
    near(1.25, why.measured)
    near(1 / why.tokens, why.unexplained)
  end)

  it("knows that several steps on one plan come in one chunk", function()
    local store, cells, index = world { [1] = { 0.8, 0.8, 0.8 } }
    local chunk = scaled_run(1):metrics().tokens_per_chunk
    for _, cell in ipairs(cells) do
      if cell.coordinates.method == "none" then cell.identity.server.multi_step = 8 end
    end
    local why = verdict.judge(store, cells, index)[1].decomposition
    assert.is_true(why.step > 1.1 / chunk and why.step < 1.4 / chunk, why.step)
  end)

  it("takes tokens a step from what the server accepted of each request, where it says so", function()
    local store, cells, index = world { [1] = { 0.8, 0.8, 0.8 } }
    for _, cell in ipairs(cells) do cell.metrics.tokens_per_step = 1.5 end
    near(1.5, verdict.judge(store, cells, index)[1].decomposition.tokens)
  end)

  it("says why there is no speed-up", function()
    local store, cells, index = world { [1] = { 0.8 } }
    cells[2].identity.server.max_num_seqs = 8
    local entry = verdict.judge(store, cells, index)[1]
    assert.equal("the baseline's server had another max_num_seqs", entry.reason)
    assert.same({}, entry.speedups)
    cells[2].identity.server = { model = { name = "other" } }
    assert.equal("the baseline is another model (m)", verdict.judge(store, cells, index)[1].reason)
    store.run = function() return nil, "gone" end
    cells[2].identity.server = cells[1].identity.server
    store.folder = "another"
    entry = verdict.judge(store, cells, index)[1]
    assert.equal("the requests' records are missing: no paired speed-up", entry.reason)
    near(1.25, entry.speedups.output_throughput.ratio)
  end)

  it("says why total throughput is not among the ratios also of a repeat whose baseline was not measured", function()
    local _, cells = world { [1] = { 0.5 } }
    local draft = cells[2]
    assert.is_nil(speedup.untold_ratio({ by_key = {} }, draft))
    draft.metrics.total_output_tokens = nil
    assert.truthy(speedup.untold_ratio({ by_key = {} }, draft):find("did not tell the tokens", 1, true))
    assert.truthy(speedup.untold_ratio(speedup.index(cells), draft):find("did not tell the tokens", 1, true))
  end)

  it("widens intervals of repeats that a rule stopped", function()
    local times = { [1] = { 0.70, 0.72, 0.74 } }
    local plain, looked = judge(times)[1], judge(times, { rule = { tie = 0.02, cap = 10 } })[1]
    assert.is_true(looked.speedups.paired.low < plain.speedups.paired.low)
    near(plain.speedups.paired.ratio, looked.speedups.paired.ratio)
  end)

  it("says what a rule's cap left open", function()
    local times = { [1] = { 0.9, 1.0, 1.1 }, [2] = { 0.700, 0.701, 0.702 } }
    local entries = judge(times, { rule = { tie = 0.02, cap = 3 } })
    assert.equal("undecided at the cap of 3 repeats", entries[1].reason)
    assert.is_nil((entries[2].reason or ""):find("cap", 1, true))
    entries = judge(times, { rule = { width = 0.03, cap = 3 } })
    assert.equal("the cap of 3 repeats came before ci=3%", entries[1].reason)
    assert.is_nil((entries[2].reason or ""):find("cap", 1, true))
  end)

  -- starts: of the servers, one a repeat
  local function judge_starts(grid, starts)
    local store, cells, index = world(grid)
    for _, cell in ipairs(cells) do
      cell.schedule = { start = starts[cell.repetition] }
    end
    return verdict.judge(store, cells, index)
  end

  it("takes starts, not their repeats, as what is independent", function()
    local times = { [1] = { 0.70, 0.71, 0.80, 0.81, 0.75, 0.75 } }
    local function log(i) return -math.log(times[1][i]) end
    local entry = judge_starts(times, { 1, 1, 2, 2, 3, 3 })[1]
    local expected = stats.interval { (log(1) + log(2)) / 2, (log(3) + log(4)) / 2, (log(5) + log(6)) / 2 }
    assert.equal(3, entry.starts)
    assert.equal("starts", entry.speedups.paired.kind)
    assert.equal("starts", entry.scope)
    near(math.exp(expected.low), entry.speedups.paired.low)
    near(math.exp(expected.mean), entry.speedups.paired.ratio)
    near(expected.p, entry.p)
    -- the same repeats as if they were six starts are far surer of themselves
    assert.is_true(judge_starts(times, { 1, 1, 1, 1, 1, 1 })[1].p < entry.p / 10)
  end)

  it("weighs starts alike, however many repeats each has", function()
    local entry = judge_starts({ [1] = { 0.5, 1, 1 } }, { 1, 2, 2 })[1]
    assert.equal(2, entry.starts)
    near(math.sqrt(2), entry.speedups.paired.ratio)
    near(1, stats.interval({ math.log(2), 0 }, nil, 2).dof)
    near(math.exp(stats.interval({ math.log(2), 0 }, nil, 2).high), entry.speedups.paired.high, 1e-3)
  end)

  it("says that repeats of the same prompts speak of these only, and gives the population's interval", function()
    local times = { [1] = { 0.70, 0.72, 0.74 } }
    local entry = judge(times)[1] -- the world's cells all have the same prompts
    local paired = entry.speedups.paired
    assert.equal("these only", entry.prompts.scope)
    assert.equal(8, entry.prompts.count)
    near(0, entry.prompts.variance) -- and a ratio that is the same for each of them
    near(paired.low, paired.population.low)
    local store, cells, index = world(times)
    for _, cell in ipairs(cells) do
      cell.identity.workload.prompts = "p" .. cell.repetition
      cell.dataset = { kind = "synthetic" }
    end
    entry = verdict.judge(store, cells, index)[1]
    assert.is_nil(entry.prompts) -- other texts under the same numbers
    assert.is_nil(entry.speedups.paired.population)
    for _, cell in ipairs(cells) do cell.dataset = { kind = "file" } end
    entry = verdict.judge(store, cells, index)[1]
    assert.equal("these only", entry.prompts.scope) -- the same numbers of a file are the same prompts in another order
    local text = speedup_table.text({ entry }, { axes = {} })
    assert.truthy(text:find("any such prompts", 1, true), text)
    assert.truthy(text:find("intervals and verdicts speak of these only", 1, true), text)
  end)

  it("widens a rule's interval for any such prompts, never narrows it", function()
    local times = { [1] = { 0.70, 0.72, 0.74 } }
    local paired = judge(times, { rule = { tie = 0.02, cap = 10 } })[1].speedups.paired
    near(paired.low, paired.population.low) -- these prompts do not differ at all
    near(paired.high, paired.population.high)
  end)

  it("withholds a verdict on answers of another length, and gives the ratio that theirs would have", function()
    local store, cells, index = world { [1] = { 0.8, 0.8, 0.8 }, [4] = { 0.8, 0.8, 0.8 }, [8] = { 0.8, 0.8, 0.8 } }
    for _, cell in ipairs(cells) do
      local at = cell.coordinates
      local shorter = at.method == "none" and 1 or at.concurrency == 8 and 0.96 or 0.9
      cell.metrics.total_output_tokens = 1000 * shorter
    end
    local by_concurrency = {}
    for _, entry in ipairs(verdict.judge(store, cells, index)) do
      by_concurrency[entry.coordinates.concurrency] = entry
    end
    local apart = by_concurrency[4]
    near(0.9, apart.lengths.ratio)
    assert.is_nil(apart.verdict)
    assert.is_nil(apart.adjusted_p)
    assert.truthy(apart.reason:find("answers are 0.90 times as long: no verdict (--lengths replay), standardised", 1,
      true), apart.reason)
    -- less prefill of others would have been in the way of longer answers
    assert.is_true(apart.lengths.standardised >= apart.speedups.paired.ratio)
    assert.equal("faster", by_concurrency[1].verdict) -- a stream that is alone stalls nobody
    assert.equal("faster", by_concurrency[8].verdict) -- near enough
  end)

  it("compares no cell with a baseline whose answers' lengths were not those replayed", function()
    local store, cells, index = world { [1] = { 0.8 } }
    for _, cell in ipairs(cells) do cell.lengths = { mode = "replay", sha256 = "a" } end
    assert.is_nil(verdict.judge(store, cells, index)[1].reason:find("lengths", 1, true))
    cells[2].lengths = { mode = "replay", sha256 = "b" }
    assert.equal("the baseline's answers had other lengths than those that were replayed",
      verdict.judge(store, cells, index)[1].reason)
  end)

  it("says `within one start` where all repeats had one, on either side", function()
    local store, cells, index = world { [1] = { 0.70, 0.72, 0.74 } }
    for _, cell in ipairs(cells) do
      cell.schedule = { start = cell.coordinates.method == "none" and 1 or cell.repetition }
    end
    local entry = verdict.judge(store, cells, index)[1]
    assert.equal("faster", entry.verdict) -- a verdict it is
    assert.equal("within one start", entry.scope)
    assert.equal("within one start", entry.speedups.paired.kind)
    assert.equal(1, entry.starts)
    local text = speedup_table.text({ entry }, { axes = {} })
    assert.truthy(text:find("verdict within one start", 1, true), text)
    local many = {}
    for i = 1, 121 do many[i] = entry end
    text = speedup_table.text(many, { axes = {} })
    assert.truthy(text:find("121 rows: see speedups.jsonl", 1, true), text)
    assert.truthy(text:find("^[^\n]+%(simulated%): 121 faster\n"), text)
    for _, one in ipairs(entry.all) do one.cell.metrics.drain = true end -- none of it was at its load
    text = speedup_table.text({ entry }, { axes = {} })
    assert.truthy(text:find("^[^\n]+%(simulated%): 1 faster %(mostly ramp%-up%)\n"), text)
    assert.truthy(text:find("within one start: all repeats shared", 1, true), text)
    for _, cell in ipairs(cells) do cell.schedule = nil end -- results of before starts were told apart
    assert.equal("within one start", verdict.judge(store, cells, index)[1].scope)
  end)

  it("takes repeats together that share a start on either side", function()
    local store, cells, index = world { [1] = { 0.70, 0.72, 0.74, 0.76 } }
    local starts = { none = { 1, 1, 2, 3 }, draft = { 1, 2, 2, 3 } }
    for _, cell in ipairs(cells) do
      cell.schedule = { start = starts[cell.coordinates.method][cell.repetition] }
    end
    assert.equal(2, verdict.judge(store, cells, index)[1].starts) -- repeats 1, 2, 3 hang together; 4
  end)

  it("lets the variances of a grid borrow from each other, and gives the plain t beside", function()
    local grid, starts = {}, { 1, 2, 3 }
    for i = 1, 8 do
      local reach = 0.002 + 0.004 * (i % 3)
      grid[i] = { 0.9 - reach, 0.9 + (i % 2) * reach, 0.9 + reach }
    end
    local entries = judge_starts(grid, starts)
    local narrower = 0
    for _, entry in ipairs(entries) do
      local figure, logs = entry.speedups.paired, {}
      for i, time in ipairs(grid[entry.coordinates.concurrency]) do logs[i] = -math.log(time) end
      local plain = stats.interval(logs)
      near(math.exp(plain.low), figure.plain.low)
      near(plain.p, entry.plain.p)
      near(math.exp(plain.mean), figure.ratio)
      narrower = narrower + (figure.high - figure.low < figure.plain.high - figure.plain.low and 1 or 0)
      assert.equal("faster", entry.verdict)
    end
    assert.is_true(narrower >= 5, narrower)
    local few = {}
    for i = 1, 5 do few[i] = grid[i] end
    for _, entry in ipairs(judge_starts(few, starts)) do
      near(entry.speedups.paired.plain.low, entry.speedups.paired.low)
    end
  end)

  it("tells how far starts differ, and their repeats", function()
    local grid = {}
    for i = 1, 8 do
      local own = 0.002 * (i % 4)
      grid[i] = { 0.8 + own, 0.81 + own, 0.9 - own, 0.91 - own, 0.85, 0.86 }
    end
    local store, cells, index = world(grid)
    for _, cell in ipairs(cells) do cell.schedule = { start = (cell.repetition + 1) // 2 } end
    local entries, found = verdict.judge(store, cells, index)
    local spread = found.spread
    assert.equal(8, spread.cells)
    assert.is_true(spread.between > 0.04 and spread.between < 0.07, spread.between)
    assert.is_true(spread.within > 0.005 and spread.within < 0.012, spread.within)
    assert.is_true(spread.shared > 0.8 * spread.between, spread.shared) -- all cells went up and down together
    local text = speedup_table.text(entries, { axes = {} }, found)
    assert.truthy(text:find "between starts %d%.%d %%, between repeats of one start %d%.%d %%, common to all cells",
      text)
    assert.is_nil(select(2, verdict.judge(world { [1] = { 0.8, 0.8, 0.8 } })).spread)
  end)

  it("holds out the even repeats for the maximum", function()
    local halves = judge { [1] = { 0.5, 1.0, 0.5, 1.0 } }[1].halves.paired
    near(2, halves.odd)
    near(1, halves.even)
  end)

  it("is written as a table and as JSON lines", function()
    local store, cells, index = world { [1] = { 0.70, 0.72, 0.74 }, [2] = { 0.9, 1.0, 1.1 } }
    local entries = verdict.judge(store, cells, index)
    local about = { round = "r", axes = { { name = "method" }, { name = "concurrency" } } }
    local text = speedup_table.text(entries, about)
    assert.truthy(text:find("1 faster, 1 undecided", 1, true))
    assert.truthy(text:find("1.39 [1.30, 1.49]", 1, true))
    assert.is_nil(text:find("method", 1, true)) -- the same everywhere
    local count = 0
    for line in speedup_table.lines(entries, about):gmatch "[^\n]+" do
      local row = assert(json.decode(line))
      count = count + 1
      assert.equal(row.coordinates.concurrency == 1 and "faster" or "undecided", row.verdict)
    end
    assert.equal(2, count)
  end)
end)

-- What the rule `decided` says of a method that takes these times where its baseline takes 1.
local function repeats_interval(times)
  local logs = {}
  for i, time in ipairs(times) do logs[i] = -math.log(time) end
  return stats.judge({ tie = 0.02, cap = 10 }, logs).interval
end

describe("repeats", function()
  it("reads --until", function()
    assert.same({ tie = 0.02, cap = 10 }, repeats.rule "decided")
    assert.same({ width = 0.03, cap = 8 }, repeats.rule("ci=3%", 8))
    assert.same({ width = 0.05, cap = 10 }, repeats.rule "ci=0.05")
    for _, text in ipairs { "ci=", "ci=0%", "ci=200%", "soon" } do
      local rule, message = repeats.rule(text)
      assert.is_nil(rule)
      assert.truthy(message:find(text, 1, true))
    end
  end)

  it("wants more only where the rule does, of method and baseline alike", function()
    bytes = bytes or recorded()
    local store = world { [1] = { 0.70, 0.701, 0.702 }, [2] = { 0.9, 1.0, 1.1 } }
    local wanted, reach = repeats.wanted(store, { tie = 0.02, cap = 10 })
    assert.same({ ["none\0312"] = 5, ["draft\0312"] = 5 }, wanted)
    assert.is_nil(reach["draft\0311"])
    local interval = repeats_interval { 0.9, 1.0, 1.1 }
    near((interval.high - interval.low) / 2, reach["draft\0312"])
  end)

  it("go on where a verdict stands alone, but not among so many cells", function()
    bytes = bytes or recorded()
    local rule, doubtful = { tie = 0.02, cap = 10 }, { 0.93, 0.95, 0.94 }
    local wanted = repeats.wanted((world { [1] = doubtful }), rule)
    assert.same({}, wanted)
    local grid = { [1] = doubtful, [9] = { 0.60, 0.601, 0.602 } }
    for i = 2, 6 do grid[i] = { 0.9, 1.0, 1.1 } end
    wanted = repeats.wanted((world(grid)), rule)
    assert.equal(5, wanted["draft\0311"])
    assert.equal(5, wanted["none\0311"])
    assert.is_nil(wanted["draft\0319"]) -- beyond doubt among any
    rule.cap = 3
    assert.same({}, (repeats.wanted((world(grid)), rule)))
  end)

  it("are not those that were measured before the round changed, as in the report", function()
    bytes = bytes or recorded()
    local noisy = { 0.9, 1.0, 1.1, 0.95, 1.05, 0.9, 1.0, 1.1, 0.95, 1.05 }
    local store, cells = world { [2] = noisy }
    store.about = { engine = "sim", planned = {} }
    for i = 1, #cells do
      local cell = cells[i]
      if cell.repetition <= 3 then
        local identity = setmetatable({ server = { model = { name = "m" }, method = cell.identity.server.method,
          max_num_seqs = 8 } }, { __index = cell.identity })
        cells[#cells + 1] = setmetatable({ started = "2025", identity = identity, id = cell.id .. "-new" },
          { __index = cell })
        store.about.planned[cell.key] = cell.id .. "-new"
      end
    end
    local run = store.run
    function store.run(self, id) return run(self, (id:gsub("%-new$", ""))) end
    assert.same({ ["none\0312"] = 5, ["draft\0312"] = 5 }, (repeats.wanted(store, { tie = 0.02, cap = 10 })))
  end)

  it("are counted once a place, however many cells lie there", function()
    bytes = bytes or recorded()
    local store, cells = world { [2] = { 0.9, 1.0, 1.1 } }
    local older = {}
    for i, cell in ipairs(cells) do older[i] = setmetatable({ started = "2023" }, { __index = cell }) end
    table.move(older, 1, #older, #cells + 1, cells)
    assert.same({ ["none\0312"] = 5, ["draft\0312"] = 5 }, (repeats.wanted(store, { tie = 0.02, cap = 10 })))
  end)
end)

describe("divergence", function()
  it("counts the characters that two answers share", function()
    assert.is_nil(divergence.position("same", "same"))
    assert.equal(3, divergence.position("sameness", "samurai"))
    assert.equal(4, divergence.position("same", "same again"))
    assert.equal(0, divergence.position("", "x"))
    assert.equal(1, divergence.position("ä1", "ä2"))
    assert.equal(1, divergence.position("xä", "xö")) -- the first byte of both is the same
    assert.equal(3, divergence.position([[a\n\"b]], [[a\n\"c]]))
    assert.equal(1, divergence.position([[a\u0001]], [[a\u0002]]))
    assert.equal(1, divergence.position([[a\n]], [[a\t]]))
    assert.equal(7, divergence.position([[\\ubeef b]], [[\\ubeef c]])) -- a backslash and letters, no code point
  end)

  it("finds the answers that differ, prompt by prompt", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(fs.mkdir(folder))
    local function keep(name, texts)
      local lines = {}
      for i, text in ipairs(texts) do
        lines[i] = json.encode({ id = i - 1, prompt_id = i * 7, text = text }, { "id", "prompt_id", "text" })
      end
      local path = folder .. "/" .. name
      assert(fs.write(path, fs.gzip(table.concat(lines, "\n") .. "\n")))
      return path
    end
    local a = keep("a", { "one", "twofold", 'say "three"' })
    local b = keep("b", { "one", "twice", 'say "threw"' })
    assert.same({ 2, 9 }, divergence.between(a, b))
    assert.is_nil(divergence.between(a, folder .. "/none"))
    fs.remove(folder)
  end)
end)
