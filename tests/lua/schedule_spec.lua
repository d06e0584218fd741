-- In which order repeats are measured, and on which servers.

local bench = require "specbench"
local data = require "specbench.dataset"
local plan_text = require "specbench.experiment.plan_text"
local plan = require "specbench.experiment.plan"

-- k: one baseline (k = 0) for all of them; gpus: those that a method's server needs, by its k
local function grid(ks, gpus)
  return bench.round {
    name = "grid",
    axes = { { "method", { "none", "draft" } }, { "k", ks or { 3 } }, { "concurrency", { 1, 2 } } },
    reduce = function(c) return { k = c.method == "none" and 0 or nil } end,
    baseline = { method = "none", k = 0 },
    server = function(c)
      local speculates = c.method == "draft"
      return { model = "qwen2.5-7b", method = c.method, k = speculates and c.k or nil,
        draft = speculates and "qwen2.5-0.5b" or nil, tensor_parallel = gpus and gpus[c.k] }
    end,
    workload = function(c)
      return {
        prompts = assert(data.prompts { dataset = "random", tokens = 20, count = 4, seed = c.seed }),
        limits = function() return { max_tokens = 8 } end,
      }
    end,
  }
end

-- "k3/2/1": the server (A: the baseline), the concurrency, the repeat
local function word(job)
  local at = job.coordinates
  local name = at.method == "none" and "A" or "k" .. at.k
  return ("%s/%d/%d"):format(name, at.concurrency, job.repetition)
end

local function sessions_of(options, ks, gpus)
  local all = { engine = "sim", repeats = 3, starts = 1 }
  for name, value in pairs(options or {}) do all[name] = value end
  if all.starts == "auto" then all.starts = nil end
  local the_plan, list = plan.new(grid(ks, gpus), all), {}
  for i, session in ipairs(the_plan.sessions) do
    local words = {}
    for j, batch in ipairs(session) do words[j] = word(batch[1]) end
    list[i] = { order = session.order, cells = table.concat(words, " "), servers = #session.slots,
      slots = session.slots }
  end
  return list, the_plan
end

local function ids(options)
  local list, _, the_plan = {}, sessions_of(options)
  for i, job in ipairs(the_plan.jobs) do list[i] = job.id end
  table.sort(list)
  return list
end

describe("a single repeat", function()
  it("starts one server after another on GPUs that hold one each", function()
    local list = sessions_of { engine = "vllm", repeats = 1, gpus = { 0, 1 } }
    assert.equal(2, #list)
    assert.equal("A/1/1 A/2/1", list[1].cells)
  end)

  it("starts all at once that stand on one GPU, so that none waits for another's start", function()
    local list, the_plan = sessions_of({ engine = "vllm", repeats = 1, gpus = { 0, 0, 0 } }, { 1, 2 })
    assert.equal(1, #list)
    assert.equal(3, list[1].servers)
    assert.equal("A/1/1 k1/1/1 k2/1/1 A/2/1 k1/2/1 k2/2/1", list[1].cells)
    for _, slot in ipairs(list[1].slots) do assert.same({ 0 }, slot.gpus) end
    assert.same({ "Servers: up to 3 at once, started together; cells of baseline and methods in turn" },
      plan_text.order_lines(the_plan))
    assert.equal(3, #sessions_of({ engine = "vllm", repeats = 1, gpus = { 0, 0 } }, { 1, 2 }))
  end)
end)

describe("repeats of a baseline and its method", function()
  it("alternate A B, B A, A B on servers kept up, place by place", function()
    local list = sessions_of()
    assert.equal(1, #list)
    assert.equal("interleaved", list[1].order)
    assert.equal(2, list[1].servers)
    assert.equal("A/1/1 k3/1/1 A/2/1 k3/2/1 k3/1/2 A/1/2 k3/2/2 A/2/2 A/1/3 k3/1/3 A/2/3 k3/2/3", list[1].cells)
  end)

  it("share one baseline among all methods, measured once a repeat", function()
    local list = sessions_of({ repeats = 2 }, { 1, 2 })
    assert.equal(1, #list)
    assert.equal(3, list[1].servers)
    assert.equal("A/1/1 k1/1/1 k2/1/1 A/2/1 k1/2/1 k2/2/1 k2/1/2 k1/1/2 A/1/2 k2/2/2 k1/2/2 A/2/2", list[1].cells)
  end)

  it("go server by server where they do not fit at once, the baseline's odd ones before, the even ones after",
    function()
      local list = sessions_of({ at_once = 1 }, { 1, 2 })
      local cells = {}
      for i, session in ipairs(list) do
        assert.equal("before and after", session.order)
        assert.equal(1, session.servers)
        cells[i] = session.cells
      end
      assert.same({
        "A/1/1 A/2/1 A/1/3 A/2/3",
        "k1/1/1 k1/2/1 k1/1/3 k1/2/3 k1/1/2 k1/2/2",
        "k2/1/1 k2/2/1 k2/1/3 k2/2/3 k2/1/2 k2/2/2",
        "A/1/2 A/2/2",
      }, cells)
    end)

  it("have the baseline beside the first and the last methods where all do not fit", function()
    local list = sessions_of({ at_once = 2, repeats = 2 }, { 1, 2 })
    assert.same({ 2, 2 }, { list[1].servers, list[2].servers })
    assert.equal("before and after", list[1].order)
    assert.equal("A/1/1 k1/1/1 A/2/1 k1/2/1 k1/1/2 k1/2/2", list[1].cells)
    assert.equal("k2/1/1 k2/2/1 k2/1/2 A/1/2 k2/2/2 A/2/2", list[2].cells)
  end)

  it("have it only beside those that fit beside it", function()
    local function cells_of(gpus)
      local list, cells = sessions_of({ engine = "vllm", gpus = { 0, 1, 2 }, at_once = 3, repeats = 2 },
        { 1, 2 }, gpus), {}
      for i, session in ipairs(list) do cells[i] = session.cells end
      return cells
    end
    assert.same({
      "A/1/1 k1/1/1 A/2/1 k1/2/1 k1/1/2 k1/2/2",
      "k2/1/1 k2/2/1 k2/1/2 k2/2/2",
      "A/1/2 A/2/2",
    }, cells_of { [2] = 3 })
    assert.same({
      "A/1/1 A/2/1",
      "k1/1/1 k1/2/1 k1/1/2 k1/2/2",
      "k2/1/1 k2/2/1 k2/1/2 A/1/2 k2/2/2 A/2/2",
    }, cells_of { [1] = 3 })
  end)

  it("alternate on a GPU that holds both, or on two where that is asked for, and only there", function()
    local list = sessions_of { engine = "vllm", gpus = { 4, 5 }, at_once = 2 }
    assert.equal("interleaved", list[1].order)
    assert.same({ { 4 }, { 5 } }, { list[1].slots[1].gpus, list[1].slots[2].gpus })
    list = sessions_of { engine = "vllm", gpus = { "GPU-4", "GPU-4" } }
    assert.equal("interleaved", list[1].order)
    assert.same({ { "GPU-4" }, { "GPU-4" } }, { list[1].slots[1].gpus, list[1].slots[2].gpus })
    -- a pair on one GPU counts for more than taking turns
    for _, session in ipairs((sessions_of { engine = "vllm", gpus = { 4, 5 } })) do
      assert.equal("before and after", session.order)
      assert.same({ 4 }, session.slots[1].gpus)
    end
    for _, options in ipairs { { engine = "vllm" }, { engine = "vllm", gpus = { 4 } }, { engine = "llamacpp" } } do
      assert.equal("before and after", sessions_of(options)[1].order)
    end
    assert.equal("interleaved", sessions_of({ engine = "llamacpp", at_once = 2 })[1].order)
  end)

  it("keep the cells' identities, whatever the order", function()
    assert.same(ids {}, ids { at_once = 1 })
    assert.equal(12, #ids {})
  end)

  it("of one are measured server by server, each started once", function()
    local list, the_plan = sessions_of({ repeats = 1 }, { 1, 2 })
    assert.same({ "A/1/1 A/2/1", "k1/1/1 k1/2/1", "k2/1/1 k2/2/1" }, { list[1].cells, list[2].cells, list[3].cells })
    assert.equal(3, the_plan.starts)
    assert.same({}, plan_text.order_lines(the_plan))
  end)

  it("say in a plan which order they have and what it costs", function()
    local _, the_plan = sessions_of()
    assert.same({ "Repeats: cells of baseline and methods in turn, A B, B A, A B ..., on 2 servers kept up at once" },
      plan_text.order_lines(the_plan))
    _, the_plan = sessions_of { at_once = 1 }
    assert.truthy(plan_text.order_lines(the_plan)[1]:find("1 server start more than servers", 1, true))
    _, the_plan = sessions_of { at_once = 1, starts = 3 }
    assert.truthy(plan_text.order_lines(the_plan)[1]:find("the baseline first in odd starts and last in even ones", 1,
      true))
  end)

  -- the starts of each session's cells, and what they are
  local function by_start(options, ks, gpus)
    local list, the_plan = sessions_of(options, ks, gpus)
    local cells = {}
    for i, session in ipairs(the_plan.sessions) do
      local start = session[1][1].start
      for _, batch in ipairs(session) do assert.equal(start, batch[1].start) end -- no server outlives a start
      cells[i] = ("%d: %s"):format(start, list[i].cells)
    end
    return cells, the_plan
  end

  it("are spread over several starts of the servers, each in sessions of its own", function()
    assert.same({
      "1: A/1/1 k3/1/1 A/2/1 k3/2/1 k3/1/2 A/1/2 k3/2/2 A/2/2",
      "2: A/1/3 k3/1/3 A/2/3 k3/2/3 k3/1/4 A/1/4 k3/2/4 A/2/4",
      "3: A/1/5 k3/1/5 A/2/5 k3/2/5",
    }, (by_start { repeats = 5, starts = 3 }))
    local cells, the_plan = by_start { repeats = 3, starts = 3, at_once = 1 }
    assert.same({
      "1: A/1/1 A/2/1", "1: k3/1/1 k3/2/1", "2: k3/1/2 k3/2/2", "2: A/1/2 A/2/2", "3: A/1/3 A/2/3",
      "3: k3/1/3 k3/2/3",
    }, cells)
    assert.equal(6, the_plan.starts)
    assert.same({
      "1: A/1/1 k1/1/1 A/2/1 k1/2/1", "1: k2/1/1 k2/2/1", "2: k2/1/2 k2/2/2", "2: k1/1/2 A/1/2 k1/2/2 A/2/2",
    }, (by_start({ repeats = 2, starts = 2, at_once = 2 }, { 1, 2 })))
  end)

  it("know their start by their number alone", function()
    local schedule = require "specbench.experiment.schedule"
    local function starts(repeats, count)
      local list = {}
      for r = 1, repeats do list[r] = schedule.start_of(r, repeats, count) end
      return list
    end
    assert.same({ 1, 2, 3 }, starts(3, 3))
    assert.same({ 1, 1, 2, 2, 3 }, starts(5, 3))
    assert.same({ 1, 1, 1, 2, 2, 3, 3 }, starts(7, 3))
    assert.same({ 1, 1, 1 }, starts(3, 1))
  end)

  it("are no part of a cell's identity by their start", function()
    assert.same(ids { starts = 1 }, ids { starts = 3 })
  end)

  it("have three starts where these cost little, else one, and a plan says what they cost", function()
    local function told(options)
      local _, the_plan = sessions_of(options)
      return plan_text.starts_line(the_plan, function(seconds) return ("%.1f s"):format(seconds) end), the_plan
    end
    -- minutes a cell against a tenth of a second a start
    local line, the_plan = told { speed = 0.05, starts = "auto" }
    assert.equal(3, the_plan.starts_each)
    assert.truthy(line:find("repeats are spread over 3 starts of every server, which adds 0.2 s (0 %)", 1, true), line)
    -- a few seconds a cell against 90 a start
    line, the_plan = told { engine = "vllm", gpus = { 0, 1 }, at_once = 2, starts = "auto" }
    assert.equal(1, the_plan.starts_each)
    assert.truthy(line:find("3 would add 180.0 s (", 1, true), line)
    assert.truthy(line:find("--starts 3", 1, true))
    assert.equal(3, select(2, told { engine = "vllm", gpus = { 0, 1 }, at_once = 2, starts = 3 }).starts_each)
    assert.equal(1, select(2, told { speed = 0.05, repeats = 2, starts = "auto" }).starts_each)
    assert.is_nil((told { speed = 0.05, repeats = 1, starts = "auto" }))
    -- a rule does not know how many repeats there will be: a start each
    local ruled = select(2, told { speed = 0.05, rule = { tie = 0.02, cap = 10 }, starts = "auto" })
    for _, job in ipairs(ruled.jobs) do assert.equal(job.repetition, job.start) end
  end)

  it("have the baseline first in every repeat where methods need what it answered", function()
    local list, the_plan = sessions_of { repeats = 2, lengths = "replay" }
    assert.equal("A/1/1 k3/1/1 A/2/1 k3/2/1 A/1/2 k3/1/2 A/2/2 k3/2/2", list[1].cells)
    assert.truthy(plan_text.order_lines(the_plan)[1]:find("A B, A B (whose answers take over A's lengths)", 1, true))
    assert.same({
      "1: A/1/1 A/2/1 A/1/2 A/2/2", "1: k3/1/1 k3/2/1 k3/1/2 k3/2/2",
    }, (by_start { repeats = 2, lengths = "replay", at_once = 1 }))
    assert.same({
      "1: A/1/1 A/2/1", "1: k3/1/1 k3/2/1", "2: A/1/2 A/2/2", "2: k3/1/2 k3/2/2",
    }, (by_start { repeats = 2, starts = 2, lengths = "replay", at_once = 1 }))
  end)

  it("are other cells where lengths are replayed or fixed, but not by which lengths", function()
    assert.same(ids {}, ids { lengths = "free" })
    assert.not_same(ids {}, ids { lengths = "fixed" })
    assert.not_same(ids {}, ids { lengths = "replay" })
  end)

  it("refuse starts that they cannot have", function()
    local function refusal(options)
      local ok, e = pcall(sessions_of, options)
      assert.is_false(ok)
      assert.equal(2, e.exit)
      return e.message
    end
    assert.truthy(refusal({ starts = 4 }):find("there are only 3: --repeats 4", 1, true))
    assert.truthy(refusal({ repeats = 1, starts = 2 }):find("there is one: --repeats 2", 1, true))
    assert.truthy(refusal({ engine = "external", url = "http://127.0.0.1:1", starts = 2 })
      :find("uses servers that are up already", 1, true))
  end)

  it("come in the order of what a further one is worth", function()
    local function worth(job)
      return job.coordinates.concurrency == 2 and job.coordinates.method ~= "none" and 1 or 0
    end
    local list = sessions_of { repeats = 2, worth = worth }
    assert.equal("A/2/1 k3/2/1 A/1/1 k3/1/1 k3/2/2 A/2/2 k3/1/2 A/1/2", list[1].cells)
  end)
end)
