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
  local all = { engine = "sim", repeats = 3 }
  for name, value in pairs(options or {}) do all[name] = value end
  local the_plan, list = plan.new(grid(ks, gpus), all), {}
  for i, session in ipairs(the_plan.sessions) do
    local words = {}
    for j, batch in ipairs(session) do words[j] = word(batch[1]) end
    list[i] = { order = session.order, cells = table.concat(words, " "), servers = #session.slots,
      slots = session.slots }
  end
  return list, the_plan
end

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
      local list, cells = sessions_of({ engine = "vllm", gpus = { 0, 1, 2 }, repeats = 2 }, { 1, 2 }, gpus), {}
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

  it("alternate on GPUs of a pool that holds both, and only there", function()
    local list = sessions_of { engine = "vllm", gpus = { 4, 5 } }
    assert.equal("interleaved", list[1].order)
    assert.same({ { 4 }, { 5 } }, { list[1].slots[1].gpus, list[1].slots[2].gpus })
    for _, options in ipairs { { engine = "vllm" }, { engine = "vllm", gpus = { 4 } }, { engine = "llamacpp" } } do
      assert.equal("before and after", sessions_of(options)[1].order)
    end
    assert.equal("interleaved", sessions_of({ engine = "llamacpp", at_once = 2 })[1].order)
  end)

  it("keep the cells' identities, whatever the order", function()
    local function ids(options)
      local list, _, the_plan = {}, sessions_of(options)
      for i, job in ipairs(the_plan.jobs) do list[i] = job.id end
      table.sort(list)
      return list
    end
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
  end)

  it("come in the order of what a further one is worth", function()
    local function worth(job)
      return job.coordinates.concurrency == 2 and job.coordinates.method ~= "none" and 1 or 0
    end
    local list = sessions_of { repeats = 2, worth = worth }
    assert.equal("A/2/1 k3/2/1 A/1/1 k3/1/1 k3/2/2 A/2/2 k3/1/2 A/1/2", list[1].cells)
  end)
end)
