-- The rounds that were measured on a real GPU: which servers they ask of vLLM, and that what they force is forced.

local environment = require "sb.environment"
local grid = require "specbench.experiment.grid"
local plan = require "specbench.experiment.plan"
local round_file = require "specbench.experiment.round_file"

local function load(name)
  return assert(round_file.load(("%s/rounds/examples/%s.lua"):format(environment.home, name)))
end

-- "method k" -> how many cells
local function count(the_plan)
  local counts = {}
  for _, job in ipairs(the_plan.jobs) do
    local c = job.coordinates
    local name = c.k and ("%s %d"):format(c.method, c.k) or c.method
    counts[name] = (counts[name] or 0) + 1
  end
  return counts
end

describe("the round of the small trained model", function()
  it("has five methods at k = 3, and EAGLE at three", function()
    local r = load "smol"
    grid.set(r, { "task=conversation,qa,sharegpt" })
    local the_plan = plan.new(r, { engine = "vllm", engine_version = "0.26.0" })
    assert.same({ none = 15, ["draft 3"] = 15, ["ngram_gpu 3"] = 15, ["eagle 1"] = 15, ["eagle 3"] = 15,
      ["eagle 5"] = 15, ["medusa 3"] = 15 }, count(the_plan))
    for _, job in ipairs(the_plan.jobs) do
      local prompts, c = #job.workload.prompts.items, job.coordinates
      assert.equal(c.task == "sharegpt" and math.min(320, math.max(32, 8 * c.concurrency))
        or math.min(80, math.max(8, 2 * c.concurrency)), prompts)
      assert.equal(c.method ~= "none" and c.method ~= "ngram_gpu" and "smollm2-135m-" .. c.method or nil,
        job.server.draft and job.server.draft.name)
    end
  end)
end)

describe("the round of shapes", function()
  it("forces an acceptance on every server that drafts, and the same length on every answer", function()
    local the_plan = plan.new(load "shapes", { engine = "vllm", engine_version = "0.26.0" })
    assert.same({ none = 9, ["draft 3"] = 12, ["eagle 3"] = 12, ["medusa 3"] = 12 }, count(the_plan))
    local seen = {}
    for _, batch in ipairs(the_plan.batches) do
      local job = batch[1]
      local line = table.concat(plan.command(the_plan, job), " ")
      local first = job.coordinates.acceptance
      assert.equal(first ~= nil, line:find("synthetic_acceptance_rates", 1, true) ~= nil)
      if first == 0.4 then seen[line:match '"synthetic_acceptance_rates":(%b[])'] = true end
      local limits = job.workload.limit_list[1]
      assert.same({ max_tokens = 128, min_tokens = 128, ignore_eos = true }, limits)
    end
    local rates = next(seen)
    assert.is_nil(next(seen, rates))
    local list = {}
    for number in rates:gmatch "[%d.e-]+" do list[#list + 1] = tonumber(number) end
    assert.equal(3, #list)
    for i, rate in ipairs(list) do assert.near(0.4 ^ i, rate, 1e-9) end
  end)

  it("takes News2HighLight at a length, with room for it", function()
    local r = load "shapes"
    grid.set(r, { "task=news_0.5k,news_4k" })
    grid.only(r, { "model=qwen2.5-7b" })
    local rooms = {}
    for _, job in ipairs(plan.new(r, { engine = "vllm", engine_version = "0.26.0" }).jobs) do
      rooms[job.coordinates.task] = job.server.max_model_len
    end
    assert.same({ ["news_0.5k"] = 4096, ["news_4k"] = 8192 }, rooms)
  end)
end)
