-- Round 1's shape on a small trained target with drafters of its own: SmolLM2-135M-Instruct, for one GPU and an hour.
-- What it measured on one is in rounds/results, with the recipe.
--
--   specbench plan rounds/examples/smol.lua --engine vllm --models my_models.lua
--   specbench run rounds/examples/smol.lua --engine vllm --models my_models.lua --datasets cache \
--     --prompts-per-stream 2 --repeats 3 --starts 2 --gpus 0,0,0,0,0,0,0
--
-- --gpus names a GPU once for each server that is to stand on it: seven of so small a model fit on one.

local bench = require "specbench"

return bench.round {
  name = "smol",
  title = "SmolLM2-135M-Instruct",

  axes = { -- the outermost first; a server lives through all cells of one method and k
    { "method", { "none", "draft", "ngram_gpu", "eagle", "medusa" } },
    { "k", { 1, 3, 5 }, when = function(c) return c.method ~= "none" end },
    { "task", { "conversation", "math_reasoning", "qa", "rag", "summarization", "translation", "sharegpt" } },
    { "concurrency", { 1, 8, 32, 64, 128 } },
  },
  -- every k of the head that comes near to paying; one of the others
  where = function(c) return c.method == "none" or c.method == "eagle" or c.k == 3 end,

  baseline = { method = "none" },

  quick = { axes = { k = { 3 }, task = { "conversation", "qa" }, concurrency = { 1, 8 } }, prompts = 16 },

  server = function(c)
    return {
      model = "smollm2-135m", method = c.method, k = c.k,
      draft = (c.method == "draft" or c.method == "eagle" or c.method == "medusa") and "smollm2-135m-" .. c.method
        or nil,
      dtype = "bfloat16", gpu_memory_utilization = 0.12, max_model_len = 4096, max_num_seqs = 128,
    }
  end,

  workload = function(c)
    -- alone a prompt takes a fifth of a second or, with a slow drafter, two: a task's 80 from 64 on
    local count = math.min(80, math.max(8, 2 * c.concurrency))
    local prompts = { dataset = "spec_bench", subset = c.task:gsub("_", "-"), count = count }
    if c.task == "sharegpt" then prompts = { dataset = "sharegpt", count = 4 * count } end
    return { prompts = prompts, limits = { max_tokens = 96 }, task = c.task ~= "sharegpt" and "SpecBench_" .. c.task
      or nil }
  end,

  report = {
    heatmap = { x = "k", y = "concurrency", x_title = "k", y_title = "max concurrency", per = { "method", "task" } },
  },
}
