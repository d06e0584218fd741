-- The round of today's models: what it asks for, of which model, and SPEED-Bench from the user's own copy.

local data = require "specbench.dataset"
local environment = require "sb.environment"
local fs = require "sb.fs"
local grid = require "specbench.experiment.grid"
local json = require "specbench.base.json"
local plan = require "specbench.experiment.plan"
local round_file = require "specbench.experiment.round_file"

local folder

before_each(function()
  folder = os.tmpname()
  os.remove(folder)
  assert(fs.mkdir(folder))
end)
after_each(function()
  data.use {}
  fs.remove(folder)
end)

local function load()
  return assert(round_file.load(environment.home .. "/rounds/modern.lua"))
end

local function count_by(the_plan, name)
  local counts = {}
  for _, job in ipairs(the_plan.jobs) do
    local value = job.coordinates[name]
    counts[value] = (counts[value] or 0) + 1
  end
  return counts
end

local function speed_bench(rows)
  local lines = {}
  for i, row in ipairs(rows) do lines[i] = json.encode(row) .. "\n" end
  assert(fs.mkdir(folder .. "/speed-bench"))
  assert(fs.write(folder .. "/speed-bench/speed_bench.jsonl", table.concat(lines)))
end

local ROWS = {
  { question_id = "1", category = "coding", turns = { "Sort a list." } },
  { question_id = "2", category = "rag", turns = { { role = "user", content = "What does it say?" }, "And then?" } },
}

describe("the modern round", function()
  it("has every published drafter of its models on vLLM", function()
    local r = load()
    grid.set(r, { "task=qa", "concurrency=1,128", "k=3" })
    local the_plan = plan.new(r, { engine = "vllm", engine_version = "0.26.0" })
    local methods = {}
    for _, job in ipairs(the_plan.jobs) do
      local name = job.coordinates.model
      methods[name] = methods[name] or {}
      methods[name][job.coordinates.method] = job.server.draft and job.server.draft.name or true
    end
    assert.same({
      ["llama-3.1-8b"] = { none = true, eagle3 = "llama-3.1-8b-eagle3", draft = "llama-3.1-8b-draft", ngram = true,
        suffix = true },
      ["qwen3-8b"] = { none = true, eagle3 = "qwen3-8b-eagle3", draft = "qwen3-8b-draft", dflash = "qwen3-8b-dflash",
        ngram = true, suffix = true },
      ["qwen3-30b-a3b"] = { none = true, eagle3 = "qwen3-30b-a3b-eagle3", draft = "qwen3-30b-a3b-draft", ngram = true,
        suffix = true },
    }, methods)
  end)

  it("takes any model that is mapped, with drafters of its name", function()
    local r = load()
    grid.set(r, { "model=mine", "task=qa", "concurrency=1", "k=3" })
    local names = {}
    for _, job in ipairs(plan.new(r, { engine = "vllm", engine_version = "0.26.0" }).jobs) do
      names[job.coordinates.method] = job.server.draft and job.server.draft.name or ""
    end
    assert.same({ none = "", eagle3 = "mine-eagle3", draft = "mine-draft", dflash = "mine-dflash", ngram = "",
      suffix = "", mtp = "" }, names)
    local ok, e = pcall(grid.set, r, { "method=mine" })
    assert.is_false(ok)
    assert.truthy(tostring(e):find("axis 'method' has no value 'mine'", 1, true))
  end)

  it("runs on the simulator as far as it can, and switches Qwen3's thinking off", function()
    local r = load()
    grid.quicken(r)
    local the_plan = plan.new(r, { engine = "sim" })
    assert.same({ none = 12, eagle3 = 12, draft = 12, ngram = 12 }, count_by(the_plan, "method"))
    for _, job in ipairs(the_plan.jobs) do
      local thinking = job.workload.body.chat_template_kwargs
      assert.equal(job.coordinates.model:find "^qwen3" ~= nil, thinking ~= nil and thinking.enable_thinking == false)
    end
  end)

  it("has SPEED-Bench where the user's copy is", function()
    local function tasks()
      local r = load()
      grid.set(r, { "model=qwen3-8b", "concurrency=1" })
      grid.only(r, { "method=none" })
      return count_by(plan.new(r, { engine = "vllm", engine_version = "0.26.0" }), "task")
    end
    assert.is_nil(tasks().speed_bench)
    speed_bench(ROWS)
    -- Spec-Bench's files are not there: this round's other tasks are not asked for
    data.use { folder = folder }
    local r = load()
    grid.set(r, { "model=qwen3-8b", "concurrency=1", "task=speed_bench" })
    grid.only(r, { "method=none" })
    local the_plan = plan.new(r, { engine = "vllm", engine_version = "0.26.0" })
    assert.equal(1, #the_plan.jobs)
    local work = the_plan.jobs[1].workload
    assert.equal(2, #work.prompts.items)
    assert.equal("coding", work.group(work.prompts.items[1]))
  end)
end)

describe("SPEED-Bench", function()
  it("keeps its categories, by which it can be asked for", function()
    speed_bench(ROWS)
    local set = assert(data.prompts { dataset = "speed_bench", folder = folder, seed = 1 })
    assert.equal("Sort a list.", set.items[1].text)
    assert.equal("What does it say?", set.items[2].text)
    assert.equal("rag", set.items[2].category)
    assert.equal(1, #assert(data.prompts { dataset = "speed_bench", folder = folder, subset = "rag", seed = 2 }).items)
    local _, message = data.prompts { dataset = "speed_bench", folder = folder, subset = "raq", seed = 3 }
    assert.truthy(message:find("no category 'raq'; it has coding, rag", 1, true))
  end)

  it("is taken over from a file, once it is whole", function()
    local import = require("specbench.dataset.batch").import
    local copy = folder .. "/mine.jsonl"
    assert(fs.write(copy, json.encode(ROWS[1]) .. "\n"))
    assert.is_true(import({ files = {} }, copy, folder .. "/cache"))
    assert.equal(fs.read(copy), fs.read(folder .. "/cache/speed-bench/speed_bench.jsonl"))
    assert(fs.write(copy, '{"category":"qa"}\n'))
    local _, message = import({ files = {} }, copy, folder .. "/cache")
    assert.truthy(message:find("turns", 1, true), message)
  end)

  it("is refused with placeholders, or where there is no copy", function()
    speed_bench { ROWS[1], { category = "rag", turns = { "FULL BENCHMARK DATA SHOULD BE FETCHED FROM THE SOURCE USING "
      .. "SPECDEC_BENCH" } } }
    local _, message = data.prompts { dataset = "speed_bench", folder = folder, seed = 4 }
    assert.truthy(message:find("1 of 2 rows are placeholders", 1, true))
    _, message = data.prompts { dataset = "speed_bench", seed = 5 }
    assert.truthy(message:find("specbench dataset import FILE.jsonl", 1, true))
    speed_bench { { category = "rag", turns = { 7 } } }
    _, message = data.prompts { dataset = "speed_bench", folder = folder, seed = 6 }
    assert.truthy(message:find("row 1: turn 1 has no text", 1, true))
  end)
end)
