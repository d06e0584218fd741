-- Rounds 1 and 3, cut down, on real llama.cpp servers with the reference's real data files.

local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local llamacpp = dofile(environment.home .. "/tests/engine/llamacpp.lua")

-- Round 3 with the shorter texts only: a CPU takes minutes over the others.
local SHORT_ROUND3 = [[
local data = require "specbench.dataset"
local r = dofile "%s/rounds/round3.lua"
local workload = r.workload
r.workload = function(c)
  local whole = workload(c)
  local asked, prompts, items = { seed = c.seed }, {}, {}
  for name, value in pairs(whole.prompts) do asked[name] = value end
  local drawn = assert(data.prompts(asked))
  for name, value in pairs(drawn) do prompts[name] = value end
  for _, prompt in ipairs(drawn.items) do
    if prompt.context <= 512 and prompt.id %% 4 == 0 then items[#items + 1] = prompt end
  end
  prompts.items = items
  whole.prompts = prompts
  return whole
end
return r
]]

local function run_round(folder, round, settings)
  local how, output = llamacpp.run_round(folder, round, settings)
  assert.equal("exit code 0", how, output)
end

local function in_folder(f)
  local folder = llamacpp.folder()
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  f(folder)
end

describe("round 1 on a real llama.cpp server", function()
  it("measures none, draft and n-gram at k = 1 to 3, with acceptance", function()
    llamacpp.wanted(pending)
    in_folder(function(folder)
      run_round(folder, environment.home .. "/rounds/round1.lua", {
        "--quick", "--only", "method=none,draft,ngram", "--only", "model=qwen2.5-7b", "--set", "k=1,2,3",
        "--set", "lookup=1", "--set", "task=qa", "--set", "concurrency=4",
      })
      local cells, drafting = llamacpp.cells(folder), 0
      assert.equal(1 + 3 + 3, #cells)
      for _, cell in ipairs(cells) do
        assert.equal(16, cell.metrics.completed)
        if cell.coordinates.method ~= "none" then
          drafting = drafting + 1
          assert.is_true(cell.acceptance.rate > 0.2, cell.id)
          assert.is_true(cell.acceptance.mean_length <= 1 + cell.coordinates.k)
        end
      end
      assert.equal(6, drafting)
      local maxima = assert(fs.read(folder .. "/results/auto_test_results/online/max_speedup.jsonl"))
      assert.truthy(maxima:find('"method": "sps", "task": "SpecBench_qa"', 1, true), maxima)
    end)
  end)
end)

describe("round 3 on two real llama.cpp servers", function()
  it("loads them at the same moment and tells acceptance by length", function()
    llamacpp.wanted(pending)
    in_folder(function(folder)
      assert(fs.write(folder .. "/round3.lua", SHORT_ROUND3:format(environment.home)))
      run_round(folder, folder .. "/round3.lua", { "--set", "disable_by_batch_size=0", "--set", "k_by_batch_size=0",
        "--set", "speculative_max_model_len=0", "--set", "chunked_prefill=default", "--set",
        "scheduler_delay_factor=0", "--set", "multi_step=1" })
      local cells = llamacpp.cells(folder)
      assert.equal(2, #cells)
      local spans = {}
      for i, cell in ipairs(cells) do
        spans[i] = { cell.run:request(1).t_send, 0 }
        for k = 1, #cell.run do spans[i][2] = math.max(spans[i][2], cell.run:request(k).t_done) end
      end
      assert.is_true(spans[1][1] < spans[2][2] and spans[2][1] < spans[1][2], "the loads do not overlap")
      local kinds = {}
      for line in assert(fs.read(folder .. "/results/settings.jsonl")):gmatch "[^\n]+" do
        local row = json.decode(line)
        kinds[row.kind] = row
      end
      for _, kind in ipairs { "all", "0.25k", "0.5k" } do
        assert.is_true(kinds[kind].acceptance > 0.2 and kinds[kind].speedup > 0, kind)
      end
    end)
  end)
end)

describe("rounds/examples/cpu.lua, which scripts/real.sh runs with a trained model", function()
  it("measures none, ngram and a draft model, and reports a speed-up of each", function()
    llamacpp.wanted(pending)
    in_folder(function(folder)
      local models = llamacpp.models():gsub('%["qwen2.5%-7b"%] = target, %["qwen2.5%-14b"%]', '["smollm2-135m"]')
        :gsub("qwen2.5%-0.5b", "smollm2-135m-draft")
      assert(fs.write(folder .. "/models.lua", models))
      run_round(folder, environment.home .. "/rounds/examples/cpu.lua", {
        "--quick", "--draft", "--tokens", "24", "--only", "task=translation",
      })
      assert.equal(3, #llamacpp.cells(folder))
      local rows = 0
      for line in assert(fs.read(folder .. "/results/speedups.jsonl")):gmatch "[^\n]+" do
        local row = json.decode(line)
        assert.is_true(row.speedups.paired.ratio > 0, line)
        rows = rows + 1
      end
      assert.equal(2, rows)
    end)
  end)
end)
