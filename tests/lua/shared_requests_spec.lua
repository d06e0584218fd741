-- What cells of a grid have in common is read and encoded once, and no cell gets what is another's.

local data = require "specbench.dataset"
local engines = require "specbench.engine"
local grid = require "specbench.experiment.grid"
local plan = require "specbench.experiment.plan"
local round = require "specbench.experiment.round"
local request_list = require "specbench.experiment.request_list"
local workload = require "specbench.experiment.workload"

local sim = engines.load "sim"

-- The workload of each cell of a round with these limits, as a plan makes it; how often `limits` was called.
local function works(limits, changes)
  local asked = 0
  local r = round.new {
    name = "shared", axes = { { "method", { "none", "draft" } }, { "size", { 8, 16 } }, { "concurrency", { 1, 2 } } },
    server = function(c) return { model = "m", method = c.method } end,
    workload = function()
      local spec = { prompts = { dataset = "random", tokens = 40, count = 5 } }
      for name, value in pairs(changes or {}) do spec[name] = value end
      return spec
    end,
  }
  local function counted(prompt, c)
    asked = asked + 1
    return limits(prompt, c)
  end
  local list = {}
  for i, cell in ipairs(grid.expand(r, { seed = 7, repeats = 1 })) do
    local spec = grid.ask(r, "workload", cell)
    spec.limits = counted
    local seen, looked_at = grid.seen(r, cell, "limits")
    list[i] = { cell = cell, work = workload.new(spec, cell, { seen = seen, looked_at = looked_at }) }
  end
  return list, asked
end

describe("cells of a grid", function()
  it("share the limits of their prompts as far as `limits` looks at the same of them", function()
    local list, asked = works(function(_, c) return { max_tokens = c.size } end)
    assert.equal(2 * 2 * 5, asked) -- two sizes, asked twice for each of five prompts
    for _, it in ipairs(list) do assert.equal(it.cell.size, it.work.limit_list[3].max_tokens) end
    local _, everything = works(function(_, c)
      local sum = 0
      for _, value in pairs(c) do sum = sum + (math.type(value) and value or 0) end
      return { max_tokens = sum }
    end)
    assert.equal(8 * 2 * 5, everything)
    local branching = works(function(_, c) return { max_tokens = c.method == "none" and 4 or c.size } end)
    for _, it in ipairs(branching) do
      assert.equal(it.cell.method == "none" and 4 or it.cell.size, it.work.limit_list[1].max_tokens)
    end
  end)

  it("are asked for their workload once where it looks at the same of them, also when it does so late", function()
    local asked, known = 0, {}
    for _, prompt in ipairs(assert(data.prompts { dataset = "random", tokens = 40, count = 5, seed = 7 }).items) do
      known[prompt.text] = true
    end
    local r = round.new {
      name = "late", axes = { { "method", { "none", "draft" } }, { "size", { 8, 16 } }, { "concurrency", { 1, 2 } } },
      server = function(c)
        return { model = "m", method = c.method, k = c.method == "draft" and 3 or nil, draft = "d" }
      end,
      workload = function(c)
        asked = asked + 1
        local function limits(prompt) return { max_tokens = known[prompt.text] and 4 or c.size } end
        return { prompts = { dataset = "random", tokens = 40, count = 5 }, limits = limits }
      end,
    }
    local jobs = plan.new(r, { engine = "sim", seed = 7, repeats = 2 }).jobs
    assert.equal(16, #jobs)
    for _, job in ipairs(jobs) do
      assert.equal(job.repetition == 1 and 4 or job.coordinates.size, job.workload.limit_list[5].max_tokens)
    end
    assert.is_true(asked < 16, asked)
  end)

  it("share the requests that they send, and only those", function()
    local list = works(function(_, c) return { max_tokens = c.size } end)
    local by_size, first = {}, nil
    for _, it in ipairs(list) do
      local requests = request_list.of(it.work, sim, "m", 7)
      by_size[it.cell.size] = by_size[it.cell.size] or requests
      assert.equal(by_size[it.cell.size], requests)
      first = first or requests
    end
    assert.not_equal(by_size[8], by_size[16])
    local work = list[1].work
    for name, other in pairs {
      model = request_list.of(work, sim, "another", 7), seed = request_list.of(work, sim, "m", 8),
      lengths = request_list.of(work, sim, "m", 7, nil, nil, { 1, 2, 3, 4, 5 }),
      usage = request_list.of(setmetatable({ running_usage = true }, { __index = work }), sim, "m", 7),
      own_engine = request_list.of(work, setmetatable({ file = {} }, { __index = sim }), "m", 7),
    } do
      assert.is_false(first == other, name)
    end
    local warm = works(function(_, c) return { max_tokens = c.size } end, { temperature = 0.5 })[1].work
    assert.not_equal(first[1].body, request_list.of(warm, sim, "m", 7)[1].body)
  end)

  it("know what all their prompts and answers have of tokens", function()
    local list = works(function(prompt, c) return { max_tokens = c.size + prompt.id % 2 } end)
    local set = assert(data.prompts { dataset = "random", tokens = 40, count = 5, seed = 7 })
    for _, it in ipairs(list) do
      local input, output, longest = 0, 0, 0
      for i, prompt in ipairs(set.items) do
        local limit = it.work.limit_list[i].max_tokens
        input, output, longest = input + prompt.tokens, output + limit, math.max(longest, prompt.tokens + limit)
      end
      assert.same({ input, output }, { workload.tokens(it.work) })
      assert.equal(longest, workload.longest(it.work))
    end
  end)
end)
