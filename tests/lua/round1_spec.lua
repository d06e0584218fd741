-- Round 1: the grid that it plans, prompts and their limits, warnings, baselines, salt and repeated prompts.

local fs = require "sb.fs"
local data = require "specbench.dataset"
local engines = require "specbench.engine"
local home = require("sb.environment").home
local json = require "specbench.base.json"
local plan_text = require "specbench.experiment.plan_text"
local grid = require "specbench.experiment.grid"
local round_file = require "specbench.experiment.round_file"
local plan = require "specbench.experiment.plan"
local report = require "specbench.report"
local round = require "specbench.experiment.round"
local store = require "specbench.results.store"
local sweep = require "specbench.sweep"
local request_list = require "specbench.experiment.request_list"

local function load_round(change)
  local r = assert(round_file.load(home .. "/rounds/round1.lua"))
  if change then change(r) end
  return r
end

local function plan_of(options, change)
  local all = { engine = "sim", no_text = true }
  for name, value in pairs(options or {}) do all[name] = value end
  return plan.new(load_round(change), all)
end

local function count(jobs, test)
  local n = 0
  for _, job in ipairs(jobs) do n = n + (test(job) and 1 or 0) end
  return n
end

local function job_at(the_plan, wanted)
  for _, job in ipairs(the_plan.jobs) do
    local fits = true
    for name, value in pairs(wanted) do fits = fits and job.coordinates[name] == value end
    if fits then return job end
  end
end

describe("round 1's grid", function()
  it("is the reference's 1,216 cells and a baseline for every target", function()
    local the_plan = plan_of()
    local by_method = {}
    for _, job in ipairs(the_plan.jobs) do
      local method = job.coordinates.method
      by_method[method] = (by_method[method] or 0) + 1
    end
    assert.same({ none = 3 * 64, draft = 320, ngram = 320, eagle = 320, medusa = 192 }, by_method)
    local extra = count(the_plan.jobs, function(job)
      return job.coordinates.method == "none" and job.coordinates.model ~= "qwen2.5-7b"
    end)
    assert.equal(1216, #the_plan.jobs - extra)
    assert.equal(21, the_plan.starts)
  end)

  it("is no more than those 1,216 with the published baseline", function()
    local the_plan = plan_of(nil, function(r) grid.compare_with(r, "as-published") end)
    assert.equal(1216, #the_plan.jobs)
    local keys = {}
    for _, job in ipairs(the_plan.jobs) do keys[job.key] = job end
    for _, job in ipairs(the_plan.jobs) do
      assert.equal("qwen2.5-7b", keys[job.baseline].server.model.name)
    end
  end)

  it("gives every cell a baseline of its own target, which is planned", function()
    local the_plan = plan_of()
    local keys = {}
    for _, job in ipairs(the_plan.jobs) do keys[job.key] = job end
    for _, job in ipairs(the_plan.jobs) do
      local base = keys[job.baseline]
      assert.equal(job.server.model.name, base.server.model.name)
      assert.equal("none", base.server.method)
      assert.equal(job.coordinates.concurrency, base.coordinates.concurrency)
    end
  end)

  it("keeps baselines whatever k is asked for", function()
    local the_plan = plan_of(nil, function(r) grid.only(r, { "k=3", "method=none,draft" }) end)
    assert.equal(64, count(the_plan.jobs, function(job) return job.coordinates.method == "draft" end))
    assert.equal(64, count(the_plan.jobs, function(job) return job.coordinates.method == "none" end))
  end)

  it("leaves out baselines that nothing is compared with, unless there is nothing else", function()
    local the_plan = plan_of(nil, function(r) grid.only(r, { "method=none,eagle", "concurrency=1" }) end)
    for _, job in ipairs(the_plan.jobs) do assert.equal("llama-3-8b", job.server.model.name) end
    assert.equal("a baseline that no cell of this plan is compared with", the_plan.refused[1].reason)
    the_plan = plan_of { engine = "sglang" } -- no Medusa there, so no Vicuna either
    for _, job in ipairs(the_plan.jobs) do assert.not_equal("vicuna-7b", job.server.model.name) end
    assert.equal(3 * 64, #plan_of(nil, function(r) grid.only(r, { "method=none" }) end).jobs)
  end)

  it("has a server live through all cells of one k", function()
    local the_plan = plan_of()
    local seen, last = {}, nil
    for _, job in ipairs(the_plan.jobs) do
      if job.server_key ~= last then
        assert.is_nil(seen[job.server_key], job.description)
        seen[job.server_key], last = true, job.server_key
      end
    end
  end)

  it("spells folders and tasks as published", function()
    local job = job_at(plan_of(), { method = "draft", k = 3, task = "math_reasoning", concurrency = 4 })
    assert.same({ method = "sps", folder = "SpecBench_math_reasoning", task = "specbench",
      subtask = "spec-bench-math_reasoning", num_spec_tokens = 3 }, job.export["spec-bench-vllm"])
    job = job_at(plan_of(), { method = "none", model = "qwen2.5-7b", task = "sharegpt", concurrency = 1 })
    assert.same({ method = "vanilla", folder = "ShareGPT", task = "sharegpt", subtask = "sharegpt_processed_1024",
      num_spec_tokens = -1 }, job.export["spec-bench-vllm"])
    job = job_at(plan_of(), { method = "none", model = "vicuna-7b", task = "all", concurrency = 1 })
    assert.equal("vanilla-vicuna-7b", job.export["spec-bench-vllm"].method)
    assert.equal("SpecBench_All", job.export["spec-bench-vllm"].folder)
  end)

  it("has n-gram's window as an axis of its own", function()
    local the_plan = plan_of(nil, function(r)
      grid.only(r, { "method=none,draft,ngram", "model=qwen2.5-7b", "task=qa", "concurrency=1", "k=3" })
      grid.set(r, { "lookup=0,2,4" })
    end)
    local windows = {}
    for _, job in ipairs(the_plan.jobs) do
      if job.coordinates.method == "ngram" then windows[#windows + 1] = job.server.prompt_lookup_max end
    end
    assert.same({ 3, 2, 4 }, windows)
    assert.equal(1 + 1 + 3, #the_plan.jobs)
  end)

  it("sweeps request rates instead of concurrencies", function()
    local the_plan = plan_of(nil, function(r)
      grid.only(r, { "method=none,draft", "model=qwen2.5-7b", "task=qa", "k=3" })
      grid.set(r, { "qps=1,2,4,8,12" })
    end)
    assert.equal(10, #the_plan.jobs)
    for _, job in ipairs(the_plan.jobs) do
      assert.equal(job.coordinates.qps, job.workload.rate)
      assert.is_nil(job.workload.concurrency)
    end
  end)
end)

describe("round 1's prompts", function()
  it("are as many as published, with the published limits", function()
    local the_plan = plan_of()
    local job = job_at(the_plan, { method = "draft", task = "sharegpt" })
    assert.equal(512, #job.workload.prompts.items)
    for i, prompt in ipairs(job.workload.prompts.items) do
      assert.equal(prompt.answer_tokens, job.workload.limit_list[i].max_tokens)
    end
    assert.equal(480, #job_at(the_plan, { task = "all" }).workload.prompts.items)
    job = job_at(the_plan, { task = "summarization" })
    assert.equal(80, #job.workload.prompts.items)
    local long = 0
    for i, prompt in ipairs(job.workload.prompts.items) do
      local wanted = 512
      if prompt.tokens > 1280 then
        wanted = 2048 - 256 - prompt.tokens
        long = long + 1
      end
      assert.equal(math.max(1, wanted), job.workload.limit_list[i].max_tokens)
    end
    assert.is_true(long > 0)
  end)

  it("draw a warning where there are fewer than 2 a stream, with the number that would do", function()
    local warning = plan_text.thin(plan_of())
    assert.truthy(warning:find("^252 cells of fewer than 2 prompts a stream"), warning)
    assert.truthy(warning:find("80 prompts cannot keep 128 streams busy, 512 would", 1, true), warning)
    assert.is_nil(plan_text.thin(plan_of { prompts_per_stream = 4 }))
  end)
end)

describe("repeated prompts", function()
  local the_plan

  setup(function()
    the_plan = plan_of({ prompts_per_stream = 4 }, function(r)
      grid.only(r, { "method=none,draft", "model=qwen2.5-7b", "task=qa", "k=3" })
    end)
  end)

  it("fill the streams and are the same for a cell and its baseline", function()
    local cell = job_at(the_plan, { method = "draft", concurrency = 64 })
    local base = job_at(the_plan, { method = "none", concurrency = 64 })
    assert.equal(256, #cell.workload.prompts.items)
    assert.equal(cell.identity.workload.prompts, base.identity.workload.prompts)
    assert.equal(80, #job_at(the_plan, { method = "draft", concurrency = 16 }).workload.prompts.items)
  end)

  it("begin like no other prompt, come in a fresh order and keep their limits", function()
    local items = job_at(the_plan, { method = "draft", concurrency = 128 }).workload.prompts.items
    assert.equal(512, #items)
    local beginnings, ids, same_order = {}, {}, true
    for i, item in ipairs(items) do
      if i > 80 then
        local beginning = item.text:match "^Request %d+%."
        assert.truthy(beginning)
        assert.is_nil(beginnings[beginning])
        beginnings[beginning] = true
        same_order = same_order and item.id % 1000000 == items[(i - 1) % 80 + 1].id
      end
      assert.is_nil(ids[item.id])
      ids[item.id] = true
    end
    assert.is_false(same_order)
    local original = items[1]
    for _, item in ipairs(items) do
      if item.id == original.id + 1000000 then
        assert.equal(original.text, item.text:match "^[^\n]*\n(.*)$")
        assert.equal(original.tokens + 12, item.tokens)
      end
    end
  end)
end)

describe("seeds", function()
  it("differ between the requests of a cell, and are its baseline's", function()
    local the_plan = plan_of({}, function(r)
      grid.only(r, { "method=none,draft", "model=qwen2.5-7b", "task=qa", "k=3", "concurrency=4" })
    end)
    local function seeds(wanted)
      local job, list = job_at(the_plan, wanted), {}
      for i, request in ipairs(request_list.of(job.workload, engines.load "sim", "m", job.seed)) do
        list[i] = math.tointeger(json.decode(request.body).seed)
      end
      return list
    end
    local of_draft, seen = seeds { method = "draft" }, {}
    for _, seed in ipairs(of_draft) do
      assert.is_nil(seen[seed])
      assert.is_true(seed >= 0 and seed < 1 << 31)
      seen[seed] = true
    end
    assert.same(of_draft, seeds { method = "none" })
  end)
end)

describe("salt", function()
  local function bodies(options, change)
    local the_plan = plan_of(options, function(r)
      grid.only(r, { "method=none,draft", "model=qwen2.5-7b", "task=qa", "k=3", "concurrency=1,4" })
      if change then change(r) end
    end)
    return function(wanted)
      local job = job_at(the_plan, wanted)
      return request_list.of(job.workload, engines.load "sim", "m", job.seed), job
    end
  end

  local function first(requests) return requests[1].body:match '"content": "(.-)"' end

  it("is not there where the engine caches nothing", function()
    local requests, job = bodies {} { method = "draft", concurrency = 1 }
    assert.is_nil(job.identity.workload.salt)
    assert.is_nil(first(requests):find "^Request %d")
  end)

  it("differs between cells, not between a cell and its baseline", function()
    local of = bodies { salt = "always" }
    local cell, job = of { method = "draft", concurrency = 1 }
    assert.is_true(job.identity.workload.salt)
    assert.truthy(first(cell):find "^Request %d+%.\\n")
    assert.equal(first(cell), first((of { method = "none", concurrency = 1 })))
    assert.not_equal(first(cell):sub(1, 18), first((of { method = "draft", concurrency = 4 })):sub(1, 18))
  end)

  it("is put where a cache cannot be ruled out: a server that already runs", function()
    local _, job = bodies { engine = "external:vllm", url = "http://127.0.0.1:9" } { method = "draft", concurrency = 1 }
    assert.is_true(job.workload.salt)
    _, job = bodies { engine = "external:vllm", url = "http://127.0.0.1:9", salt = "never" } { method = "draft" }
    assert.is_nil(job.workload.salt)
  end)

  it("follows the engine's ability to empty its cache", function()
    local function caching(r)
      local server = r.server
      r.server = function(c)
        local description = server(c)
        description.prefix_caching = true
        return description
      end
    end
    local _, job = bodies({ engine = "vllm" }, caching) { method = "draft" }
    assert.is_nil(job.workload.salt)
    _, job = bodies({ engine = "trtllm" }, caching) { method = "draft" }
    assert.is_true(job.workload.salt)
  end)
end)

describe("request rates", function()
  it("are kept in the simulated time, and have tables and maps of their own", function()
    local r = load_round(function(r)
      grid.only(r, { "method=none,draft", "model=qwen2.5-7b", "task=qa", "k=3" })
      grid.set(r, { "qps=8" })
      local inner = r.workload
      r.workload = function(c)
        local work = inner(c)
        work.prompts = assert(data.prompts { dataset = "spec_bench", subset = "qa", count = 6 })
        work.limits = function() return { max_tokens = 8 } end
        work.arrivals = "constant"
        return work
      end
    end)
    local folder = os.tmpname()
    os.remove(folder)
    local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
    local s <close> = assert(store.create(folder, round.about(r)))
    sweep.run(plan.new(r, { engine = "sim", speed = 20, no_text = true }), s, { quiet = true })
    local cells = s:cells()
    assert.equal(2, #cells)
    for _, cell in ipairs(cells) do
      local run = assert(s:run(cell.id))
      local gap = run:request(3).t_intended - run:request(2).t_intended
      assert.near(1e9 / (8 * 20), gap, 2)
    end
    local printed = assert(io.tmpfile())
    report.write(s, { full = true, pictures = true, out = printed })
    printed:close()
    local place = folder .. "/auto_test_results/online/sps/Task_SpecBench_qa/"
    local row = assert(fs.read(place .. "Table_QPS.jsonl"))
    assert.truthy(row:find('"request_rate": 8.0', 1, true), row)
    assert.truthy(row:find('"max_concurrency": null', 1, true), row)
    assert.is_nil(fs.stat(place .. "Table_MaxConcurrency.jsonl"))
    assert.truthy(fs.stat(folder .. "/pictures/draft_qa_at_request_rates_heatmap.svg"))
    assert.equal("", fs.read(folder .. "/auto_test_results/online/max_speedup.jsonl"))
  end)
end)

describe("a round's `reduce` and `baselines`", function()
  local function small(fields)
    local spec = {
      name = "small", axes = { { "method", { "none", "draft" } }, { "k", { 1, 2 } } },
      server = function() return {} end, workload = function() return {} end,
    }
    for name, value in pairs(fields) do spec[name] = value end
    return round.new(spec)
  end

  it("leave one cell of those that reduce makes alike", function()
    local r = small { reduce = function(c) return { k = c.method == "none" and 0 or nil } end }
    local cells = grid.expand(r, { seed = 1, repeats = 2 })
    assert.equal(6, #cells)
    assert.equal(0, cells[1].k)
  end)

  it("refuse what is no axis, and a baseline that nobody named", function()
    local ok, e = pcall(small, { baselines = { other = { nothing = 1 } } })
    assert.is_false(ok)
    assert.truthy(tostring(e):find("baselines.other: no axis 'nothing'", 1, true), tostring(e))
    ok, e = pcall(grid.compare_with, small { baselines = { theirs = { k = 1 } } }, "thers")
    assert.is_false(ok)
    assert.truthy(tostring(e):find("did you mean 'theirs'?", 1, true), tostring(e))
    local r = small { reduce = function() return { nothing = 1 } end }
    assert.is_false((pcall(grid.expand, r, { seed = 1, repeats = 1 })))
  end)
end)

describe("round1.lua", function()
  it("stays under 200 lines", function()
    local _, lines = assert(fs.read(home .. "/rounds/round1.lua")):gsub("\n", "")
    assert.is_true(lines < 200, lines)
  end)
end)
