-- What a results folder answers, from speed-ups that are set by hand.

local absolute_table = require "specbench.report.absolute_table"
local answer = require "specbench.answer"
local caveats = require "specbench.analysis.caveats"
local flags = require "specbench.analysis.flags"
local marks = require "specbench.answer.marks"
local screen = require "specbench.report.screen"
local words = require "specbench.answer.words"

local ALL = { "faster", "slower", "tie", "undecided" }

local function cell_of(at, method, k, r, more)
  local cell = {
    id = "x", key = table.concat({ method, at.task or "", at.load, k or 0, r }, "\31"), repetition = r,
    started = "2026-11-30T00:00:0" .. r .. "Z", status = "ok", load_seconds = 2,
    engine = { name = "vllm", version = "1" },
    coordinates = { method = method, task = at.task, concurrency = at.load, k = k },
    identity = { server = { model = { name = at.target or "big" }, method = method, k = k },
      workload = { concurrency = not at.rate and at.load or nil, rate = at.rate and at.load or nil, task = at.task } },
    machine = { cpu = "CPU", cpus = 2 }, certificate = { client_ok = true, reasons = {} },
    metrics = { requests = 96, completed = 96, failed = 0, duration = 1, total_output_tokens = 10,
      output_throughput = 10 * r, drain = at.drain or false, steady_share = 0.3, ["ttft_ms.p50"] = 5 },
  }
  for name, value in pairs(more or {}) do cell[name] = value end
  cell.baseline = table.concat({ "none", at.task or "", at.load, 0, r }, "\31")
  return cell
end

-- at: load, task?, k?, ratios (one a repeat), repetitions? (their numbers), starts? (of the servers, one a repeat),
-- verdict, drain?, rate?, figure?
local function entry_of(at, cells)
  local logs, sum, all = {}, 0, {}
  for r, ratio in ipairs(at.ratios) do
    logs[r] = math.log(ratio)
    sum = sum + logs[r]
    local number = at.repetitions and at.repetitions[r] or r
    all[r] = { cell = cell_of(at, at.method or "draft", at.k, number, at.cell),
      base = cell_of(at, "none", nil, number) }
    all[r].cell.schedule = at.starts and { start = at.starts[r] }
    all[r].base.schedule = all[r].cell.schedule
    cells[#cells + 1], cells[#cells + 2] = all[r].base, all[r].cell
  end
  local ratio = #logs > 0 and math.exp(sum / #logs)
  local figure = at.figure or "paired"
  return {
    cell = all[1] and all[1].cell or cell_of(at, at.method or "draft", at.k, 1), all = all, repeats = #logs,
    coordinates = { method = at.method or "draft", task = at.task, concurrency = at.load, k = at.k },
    speedups = { [figure] = ratio and { ratio = ratio, low = ratio * 0.98, high = ratio / 0.98, kind = "starts" } },
    logs = { [figure] = logs }, verdict = at.verdict, scope = at.verdict and "starts" or nil, reason = at.reason,
    p = at.p, problem = at.problem,
    decomposition = at.why and { tokens = at.why[1], step = at.why[2], rest = 1 } or nil,
    acceptance = at.why and { rate = 0.6, counters = { mean_length = 2.2 } } or nil,
  }
end

local function study_of(list, more)
  local cells, entries, seen, once = {}, {}, {}, {}
  for i, at in ipairs(list) do entries[i] = entry_of(at, cells) end
  for _, cell in ipairs(cells) do
    if not seen[cell.key] then once[#once + 1] = cell end
    seen[cell.key] = true
  end
  for _, cell in ipairs(once) do
    if cell.identity.server.method == "none" then cell.baseline = cell.key end
  end
  local found = {
    about = { round = "r", title = "R", baseline = { method = "none" }, axes = {
      { name = "method", values = { "none", "draft" } }, { name = "task", values = { "qa", "code" } },
      { name = "k", values = { 5, 1, 3 } }, { name = "concurrency", values = { 1, 8, 4 } },
    } },
    cells = once, before = {}, entries = entries, judged = {}, drifted = {}, failed = {}, unlike = {},
  }
  found.flagged = flags.of(once)
  for name, value in pairs(more or {}) do found[name] = value end
  return found
end

local function answer_of(list, more, options)
  return answer.of(study_of(list, more), options)
end

describe("the answer to whether speculation pays", function()
  it("is yes up to the last load before one that is not faster, with both ratios", function()
    local a = answer_of {
      { load = 8, ratios = { 0.9, 0.9, 0.9 }, verdict = "slower" },
      { load = 1, ratios = { 1.3, 1.3, 1.3 }, verdict = "faster" },
      { load = 4, ratios = { 1.1, 1.1, 1.1 }, verdict = "faster" },
    }
    assert.equal(1, #a.judgements)
    local j = a.judgements[1]
    assert.same({ "up to", 4, 1, 8 }, { j.answer, j.up_to, j.alone.load, j.beyond.load })
    assert.equal("yes, up to 4 requests at once: 1.30x alone, 1.10x at 4 (slower at 8: 0.90x [0.88, 0.92])",
      words.pays(j))
    assert.truthy(j.crossing > 4 and j.crossing < 8)
  end)

  it("is yes alone only where two at once are one too many", function()
    local a = answer_of { { load = 1, ratios = { 1.3, 1.3, 1.3 }, verdict = "faster" },
      { load = 2, ratios = { 0.9, 0.9, 0.9 }, verdict = "slower" } }
    assert.equal("yes, alone only: 1.30x [1.27, 1.33] (slower at 2: 0.90x [0.88, 0.92])", words.pays(a.judgements[1]))
  end)

  it("needs a verdict: a ratio alone is not judged, and the counts say why", function()
    local a = answer_of { { load = 1, ratios = { 1.4 }, reason = "1 repeat: no verdict below 3 (--repeats)" } }
    local j = a.judgements[1]
    assert.equal("not judged", j.answer)
    assert.equal("not judged: 1.40x [1.37, 1.43] alone", words.pays(j))
    assert.equal("1 without a verdict (1 repeat: no verdict below 3 (--repeats))", words.counts(a.sure))
    assert.equal(1, a.sure.counts.none)
    assert.equal("repeats", a.try[1].what)
    assert.is_nil(words.best(j))
  end)

  it("says where it is even between two loads, also without a verdict", function()
    local a = answer_of { { load = 1, ratios = { 1.5 } }, { load = 16, ratios = { 1.2 } },
      { load = 64, ratios = { 0.8 } } }
    assert.equal("not judged: 1.50x alone, break-even at about 30, 0.80x at 64", words.pays(a.judgements[1]))
  end)

  it("is no where every load is slower or a tie", function()
    local a = answer_of {
      { load = 1, ratios = { 0.8, 0.8, 0.8 }, verdict = "slower", why = { 1.2, 0.5 } },
      { load = 4, ratios = { 1, 1, 1 }, verdict = "tie", why = { 1.2, 0.4 } },
    }
    assert.equal("no: 0.80x alone, 1.00x at 4", words.pays(a.judgements[1]))
    assert.equal("a step brings 1.20 times the tokens and takes 2.00 times as long alone; at 4 requests at once 1.20 "
      .. "times the tokens and 2.50 times as long; 60 % of drafted tokens accepted", words.why(a.judgements[1]))
  end)

  it("is open where a verdict is", function()
    local a = answer_of {
      { load = 1, ratios = { 1, 1.2, 1.1 }, verdict = "undecided", p = 0.04,
        reason = "not significant among so many cells" },
      { load = 4, ratios = { 0.8, 0.8, 0.8 }, verdict = "slower" },
    }
    assert.equal("undecided", a.judgements[1].answer)
    assert.equal("not significant among so many cells", a.judgements[1].reason)
    assert.equal("of the undecided, 1 interval excludes 1.00x: with so many verdicts at once each needs more evidence",
      words.sure(a.sure)[3])
  end)

  it("does not take a load for paying that was mostly ramp-up and drain", function()
    local a = answer_of {
      { load = 1, ratios = { 1.3, 1.3, 1.3 }, verdict = "faster" },
      { load = 8, ratios = { 1.2, 1.2, 1.2 }, verdict = "faster", drain = true },
    }
    assert.same({ "up to", 1 }, { a.judgements[1].answer, a.judgements[1].up_to })
    assert.truthy(words.pays(a.judgements[1]):find("(mostly ramp-up at 8: 1.20x", 1, true))
    assert.equal(1, a.sure.ramp_up)
    assert.equal("prompts", a.try[1].what)
  end)

  it("chooses k by load among those that are faster only", function()
    local a = answer_of {
      { load = 1, k = 1, ratios = { 1.2, 1.2, 1.2 }, verdict = "faster" },
      { load = 1, k = 5, ratios = { 1.5, 1.5, 1.5 }, verdict = "faster" },
      { load = 4, k = 1, ratios = { 1.1, 1.1, 1.1 }, verdict = "faster" },
      { load = 4, k = 5, ratios = { 1.2, 1.19, 1.21 }, verdict = "undecided" },
      { load = 8, k = 1, ratios = { 0.9, 0.9, 0.9 }, verdict = "slower" },
      { load = 8, k = 5, ratios = { 0.7, 0.7, 0.7 }, verdict = "slower" },
    }
    local j = a.judgements[1]
    assert.equal("best: k=5 alone, k=1 at 4, none at 8", words.best(j))
    local pays = require "specbench.answer.pays"
    local schedule = {}
    for i, at in ipairs(pays.schedule(j)) do schedule[i] = { at.load, at.k } end
    assert.same({ { 1, 5 }, { 4, 1 }, { 8 } }, schedule)
    assert.same({ "repeats", "k" }, { a.try[1].what, a.try[2].what }) -- 5 is the largest that was measured
  end)

  it("says of one k that is best everywhere that it is, and to which loads another belongs", function()
    local list = {}
    for _, load in ipairs { 1, 4, 8 } do
      list[#list + 1] = { load = load, k = 4, ratios = { 1.5, 1.5, 1.5 }, verdict = "faster" }
      list[#list + 1] = { load = load, k = 2, ratios = { 1.2, 1.2, 1.2 }, verdict = "faster" }
    end
    assert.equal("best: k=4 at every load", words.best(answer_of(list).judgements[1]))
    list[6].ratios = { 1.6, 1.6, 1.6 }
    assert.equal("best: k=4 at 1 to 4, k=2 at 8", words.best(answer_of(list).judgements[1]))
    assert.equal("best: k=4", words.best(answer_of({ list[1], list[2] }).judgements[1]))
  end)

  it("takes tasks together, and apart where they disagree", function()
    local together = answer_of {
      { load = 1, task = "qa", ratios = { 1.3, 1.31, 1.29 }, verdict = "faster" },
      { load = 1, task = "code", ratios = { 1.2, 1.21, 1.19 }, verdict = "undecided" },
    }
    assert.equal(1, #together.judgements)
    assert.equal("yes", together.judgements[1].answer) -- their mean has an interval of its own
    assert.same({ 2, 1, 1 }, { together.judgements[1].alone.places, together.judgements[1].alone.counts.faster,
      together.judgements[1].alone.counts.undecided })
    local apart = answer_of {
      { load = 1, task = "qa", ratios = { 1.3, 1.3, 1.3 }, verdict = "faster" },
      { load = 1, task = "code", ratios = { 0.8, 0.8, 0.8 }, verdict = "slower" },
    }
    assert.same({ "big draft qa", "big draft code" },
      { words.name(apart.judgements[1]), words.name(apart.judgements[2]) })
    assert.same({ "yes", "no" }, { apart.judgements[1].answer, apart.judgements[2].answer })
  end)

  it("names the task that is decided where all together are not", function()
    local a = answer_of { { load = 1, task = "qa", ratios = { 0.8, 0.81, 0.8 }, verdict = "slower" },
      { load = 1, task = "code", ratios = { 1.2, 0.9, 1.3 }, verdict = "undecided" } }
    local list = {}
    for i, judgement in ipairs(a.judgements) do list[i] = { judgement.task, judgement.answer } end
    assert.same({ { "qa", "no" }, { "code", "undecided" } }, list)
  end)

  it("has an interval over tasks only where all have the same repeats", function()
    local function best_of(repetitions)
      return answer_of({
        { load = 1, task = "qa", ratios = { 1.30, 1.32, 1.31 }, verdict = "faster" },
        { load = 1, task = "code", ratios = { 1.20, 1.22, 1.21 }, repetitions = repetitions, verdict = "faster" },
      }).judgements[1].loads[1].best
    end
    assert.truthy(best_of { 1, 2, 3 }.low)
    local other = best_of { 1, 3, 4 }
    assert.is_nil(other.low) -- the second repeat of one is not the third of the other
    assert.equals("faster", other.verdict)
  end)

  it("takes repeats together in which any of several tasks shared a start", function()
    local function best_of(starts_of_qa)
      return answer_of({
        { load = 1, task = "qa", ratios = { 1.30, 1.32, 1.34, 1.40 }, starts = starts_of_qa, verdict = "faster" },
        { load = 1, task = "code", ratios = { 1.30, 1.32, 1.34, 1.40 }, starts = { 1, 1, 3, 3 }, verdict = "faster" },
      }).judgements[1].loads[1].best
    end
    local alike, apart = best_of { 1, 1, 3, 3 }, best_of { 1, 2, 3, 4 }
    assert.near(alike.high / alike.low, apart.high / apart.low, 1e-12)
  end)

  it("keeps request rates and requests at once apart", function()
    local a = answer_of {
      { load = 1, ratios = { 1.3, 1.3, 1.3 }, verdict = "faster" },
      { load = 2, rate = true, ratios = { 1.1, 1.1, 1.1 }, verdict = "faster" },
    }
    assert.equal("yes: 1.10x [1.08, 1.12] at 2 requests a second", words.pays(a.judgements[2]))
  end)

  it("falls back to total throughput where there are no records, without a verdict", function()
    local a = answer_of({ { load = 1, ratios = { 1.3 }, figure = "total_throughput",
      problem = "the requests' records are missing: no paired speed-up" } })
    assert.same({ "total_throughput", "the requests' records are missing: no paired speed-up" },
      { a.figure, a.fallback })
    assert.equal("not judged", a.judgements[1].answer)
    local shown = answer_of({ { load = 1, ratios = { 1.3, 1.3, 1.3 }, verdict = "faster" } })
    assert.same({ "paired", nil }, { shown.figure, shown.fallback })
  end)
end)

describe("an answer's map", function()
  it("has loads across and k side by side, both by value, and a mark each", function()
    local list = {}
    for i, verdict in ipairs(ALL) do
      list[i] = { load = ({ 8, 1, 4, 4 })[i], k = ({ 5, 3, 3, 1 })[i], ratios = { 1, 1, 1 }, verdict = verdict }
    end
    local map = answer_of(list).map
    assert.same({ 1, 4, 8 }, map.loads.concurrency)
    assert.same({ { name = "k", values = { 1, 3, 5 } } }, map.beside)
    local row = map.rows[1]
    assert.same({ "slower", "undecided", "tie", "faster" },
      { row.fields[1][1].mark, row.fields[2][1].mark, row.fields[2][2].mark, row.fields[3][1].mark })
  end)
end)

describe("an answer", function()
  it("marks a place also where the client was late in its baseline, of which its ratio is as much", function()
    local study = study_of { { load = 1, ratios = { 1.3, 1.3, 1.3 }, verdict = "faster" } }
    local entry = study.entries[1]
    entry.cells = { entry.cell }
    assert.is_nil(marks.of(entry).late)
    entry.all[2].base.certificate = { client_ok = false, reasons = { "busy" } }
    assert.is_true(marks.of(entry).late)
  end)

  it("names the cells in which the client was late", function()
    local a = answer_of({ { load = 4, ratios = { 1.1, 1.1, 1.1 }, verdict = "faster",
      cell = { certificate = { client_ok = false, reasons = { "the client stood still" } } } } })
    assert.equal(3, #a.sure.late)
    assert.equal("the client was late in 3 of 6 cells (method=draft concurrency=4; "
      .. "method=draft concurrency=4 repeat 2; method=draft concurrency=4 repeat 3)",
      words.client(a.sure, a.measured.cells))
    local found = study_of { { load = 4, ratios = { 1.1 }, cell = { certificate = { client_ok = false } } } }
    assert.truthy(table.concat(caveats.lines(found.cells, found.about), "\n"):find("in 1 of 2 cells the client itself "
      .. "was late (certificate.reasons in cell.json), do not quote them: method=draft concurrency=4", 1, true))
    assert.equal("client", a.try[1].what)
  end)

  it("says how sure it is: what is mostly ramp-up, how wide intervals are, and that prompts were the same", function()
    local found = study_of {
      { load = 1, ratios = { 1.3, 1.3, 1.3 }, verdict = "faster" },
      { load = 8, ratios = { 1.2, 1.2, 1.2 }, verdict = "faster", drain = true },
    }
    local first, width = "2 faster (1 mostly ramp-up)",
      "95 % intervals [ ] are typically +-2.0 %, the widest is 1.30 [1.27, 1.33]"
    assert.same({ first, width }, words.sure(answer.of(found).sure))
    found.entries[1].prompts = { scope = "these only", count = 8, variance = 0.1 }
    local same = "every repeat sent the same prompts: intervals and verdicts speak of these only"
    assert.same({ first, width, "in 1 of 2 places " .. same }, words.sure(answer.of(found).sure))
    found.entries[2].prompts = found.entries[1].prompts
    local a = answer.of(found)
    assert.same({ first, width, same }, words.sure(a.sure))
    local text = screen.text(a, { about = found.about, next = {}, width = 200 })
    assert.truthy(text:find(("\nhow sure  %s\n          %s\n          %s\n"):format(first, width, same), 1, true), text)
  end)

  it("names the cells that must not be quoted, and says why and what to do, the gravest first", function()
    local found = study_of { { load = 4, ratios = { 1.1, 1.1, 1.1, 1.1 }, verdict = "faster",
      cell = { compilations = 2, requests_counted = 120 } } }
    local a = answer.of(found)
    assert.same({
      "4 cells (method=draft concurrency=4): the engine counted 120 requests, the cell sent 96: others used the "
        .. "server: measure again on a server that nobody else uses (--fresh)",
      "4 cells (method=draft concurrency=4): the server compiled 2 kernels during it, by its log: its first answers "
        .. "came late: measure again now that they are compiled (--fresh), or raise the round's warmup",
    }, words.flagged(a.sure, a.measured.cells))
    assert.truthy(words.flagged(a.sure, 4)[1]:find("^all 4 cells: the engine counted"))
    local text = screen.text(a, { about = found.about, next = {} })
    assert.truthy(text:find("\nlook at   4 cells (method=draft concurrency=4): ", 1, true), text)
  end)

  it("says where flagged cells are in few words: a block of the grid, else the first few places", function()
    local function where(list)
      for _, item in ipairs(list) do
        item.ratios, item.verdict, item.cell = { 1.1, 1.1, 1.1 }, "faster", { compilations = 2 }
      end
      return answer_of(list).sure.flagged[1].where
    end
    assert.equal("method=draft k=1,3 concurrency=4,8", where { { load = 4, k = 1 }, { load = 4, k = 3 },
      { load = 8, k = 1 }, { load = 8, k = 3 } })
    assert.equal("method=draft k=1 concurrency=4; method=draft k=3 concurrency=4; method=draft k=5 concurrency=4; "
      .. "1 more", where { { load = 4, k = 1 }, { load = 4, k = 3 }, { load = 4, k = 5 }, { load = 8, k = 3 } })
  end)

  it("shows each kind of mark once where many places share a field, the most frequent first", function()
    local list = {}
    for k = 1, 14 do
      list[#list + 1] = { load = 1, k = k, ratios = { 1.3, 1.3, 1.3 }, verdict = "faster" }
      list[#list + 1] = { load = 8, k = k, ratios = { 1, 1, 1 }, verdict = k > 4 and "slower" or "undecided" }
    end
    local found = study_of(list)
    local text = screen.text(answer.of(found), { about = found.about, next = {} })
    local map = "\nwhere                1  8 requests at once\n          big draft  +  -?\n"
    assert.truthy(text:find(map, 1, true), text)
    assert.truthy(text:find("; of several marks the most frequent is first, over k\n", 1, true), text)
  end)

  it("asks for the requests' records where they were left out", function()
    local a = answer_of { { load = 4, ratios = { 1.1 }, figure = "total_throughput", cell = { records = false },
      problem = "the requests' records were left out: no paired speed-up" } }
    assert.equal("a verdict needs the requests' records: leave out --no-records, and --repeats 3", a.try[1].text)
  end)

  it("has each place's figures beside its baseline's", function()
    local a = answer_of { { load = 4, ratios = { 1.1, 1.1, 1.1 }, verdict = "faster" } }
    assert.equal(2, #a.absolute)
    local plain, method = a.absolute[1], a.absolute[2]
    assert.same({ true, false, 20, 20 }, { plain.is_baseline, method.is_baseline, method.figures.output_throughput,
      method.baseline.figures.output_throughput })
    assert.is_nil(plain.baseline)
    assert.is_nil(method.figures.tpot_p50_ms) -- not told is not 0
    assert.is_true(method.thin)
  end)

  it("has them in a table in which each baseline stands above what is compared with it", function()
    local found = study_of { { load = 8, k = 3, ratios = { 1.1 } }, { load = 4, k = 1, ratios = { 1.1 } },
      { load = 4, k = 3, ratios = { 1.1 }, cell = { certificate = { client_ok = false } } } }
    local rows = answer.of(found).absolute
    assert.equal([[
concurrency  method  k  tok/s  TTFT ms
-----------  ------  -  -----  -------  -----------
8            none    -   10.0      5/-
8            draft   3   10.0      5/-
4            none    -   10.0      5/-
4            draft   1   10.0      5/-
4            draft   3   10.0      5/-  client late
p50/p99, means of the repeats' own; ITL by token (a chunk's gap / its tokens)
]], absolute_table.text(rows, found.about))
    assert.truthy(absolute_table.text(rows, found.about, 3, "--csv"):find("\n2 more rows: --csv\n", 1, true))
    assert.truthy(absolute_table.text(rows, found.about, 4, "--csv"):find("\n1 more row: --csv\n", 1, true))
  end)

  it("says what was measured, and what to note", function()
    local a = answer_of({ { load = 4, ratios = { 1.1, 1.1, 1.1 }, verdict = "faster",
      cell = { engine = { name = "sim" }, quick = true, dataset = { kind = "synthetic" } } } },
      { failed = { { cause = "no", count = 2 } } })
    assert.equal("6 cells (2 places x 3 repeats), 2 FAILED, 12 s of load, 2026-11-30 00:00 UTC",
      words.measured(a.measured))
    local what = {}
    for i, point in ipairs(a.notes) do what[i] = point.what end
    assert.same({ "simulated", "synthetic", "quick" }, what)
    assert.equal("3 of 6 cells: simulated: what a profile says, not what a GPU did", a.notes[1].text)
    a = answer_of { { load = 4, ratios = { 1.1, 1.1, 1.1 }, cell = { engine = { name = "sim" }, assumed = true } } }
    assert.equal("3 of 6 cells: simulated: what a profile says, not what a GPU did; the acceptance of 3 cells is "
      .. "assumed", a.notes[1].text)
    a = answer_of { { load = 4, ratios = { 1.1, 1.1, 1.1 }, cell = { acceptance_unknown = "no counters",
      own_trouble = "metrics: x must be a number" } } }
    assert.equal("the acceptance of 3 cells is not known: no counters", a.notes[1].text)
    assert.equal("what the round's own metrics say of 3 cells is not known: metrics: x must be a number",
      a.notes[2].text)
  end)

  it("says what is missing where nothing can be compared yet", function()
    local at = { load = 4, ratios = { 1.1 } }
    local whole = study_of { at }
    local function tries(more)
      local found = study_of({ at }, more)
      local list = {}
      for i, point in ipairs(answer.of(found).try) do list[i] = point.what end
      return list
    end
    assert.same({ "methods" }, tries { entries = {}, cells = { whole.cells[1] } })
    local about = {}
    for name, value in pairs(whole.about) do about[name] = value end
    about.baseline = false
    assert.same({ "baseline" }, tries { entries = {}, about = about })
    about.baseline, about.baselines = whole.about.baseline, { ["as-published"] = {} }
    local entry = study_of({ { load = 4, ratios = {}, reason = "the baseline is another model" } }).entries[1]
    assert.equal("baseline", tries({ about = about, entries = { entry } })[1])
    assert.not_equal("baseline", tries({ about = about, entries = { entry }, searched = {} })[1]) -- left out on purpose
  end)

  it("explains what stands side by side only where something does", function()
    local function screen_of(list)
      local found = study_of(list)
      return screen.text(answer.of(found), { about = found.about, next = { "a command    # what for" } })
    end
    local one, two = { load = 4, k = 1, ratios = { 1.1 } }, { load = 4, k = 3, ratios = { 1.1 } }
    assert.is_nil(screen_of({ one, { load = 8, k = 3, ratios = { 1.1 } } }):find("the marks of one load", 1, true))
    local alone = { load = 1, k = 1, ratios = { 1.1 } }
    assert.truthy(screen_of({ alone }):find "\nwhere +1 request at once\n")
    local text = screen_of { one, two }
    assert.truthy(text:find "\nwhere +4 requests at once\n", text)
    assert.truthy(text:find("the marks of one load stand for k 1, 3\n", 1, true), text)
    assert.truthy(text:find "\nnext      a command    # what for\n$", text)
  end)

  it("of a folder in which everything failed has causes and nothing else", function()
    local a = answer_of({}, { failed = { { cause = "no such model", count = 4 } } })
    assert.equal("nothing: 4 cells FAILED", words.measured(a.measured))
    assert.same({ 0, 4, 0 }, { a.measured.cells, a.measured.failed, #a.judgements })
    assert.equal("failed", a.try[1].what)
  end)

  it("has what a server wrote last under a cause, unless that would be the screen", function()
    local function told(lines)
      local cause = "it ended; the last lines of logs/a.log:\n" .. ("    Trouble\n"):rep(lines)
      local a = answer_of({}, { failed = { { cause = cause, count = 2 } } })
      return screen.text(a, { about = { name = "r" }, next = {} }):match "\nfailed +(.-)\n+%l"
    end
    local short, long = told(2), told(15)
    assert.equal(2, select(2, short:gsub("Trouble", "")))
    assert.equal("2 cells: it ended; see logs/a.log", long)
  end)

  it("says that repeats are too noisy to be averaged away", function()
    local a = answer_of { { load = 1, ratios = { 1, 1.3, 1.15 }, verdict = "undecided" } }
    assert.equal("noise", a.try[1].what)
    assert.truthy(a.sure.noise > 0.1)
  end)
end)
