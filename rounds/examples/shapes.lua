-- What must a drafter reach to pay at this load? The published rounds' models as shapes without weights: the engine's
-- work is real, what is drafted counts as accepted with a probability that the round sets (engines that can force it).
--
--   specbench plan rounds/examples/shapes.lua --engine vllm --models my_shapes.lua
--   specbench run rounds/examples/shapes.lua --engine vllm --models my_shapes.lua --only model=llama-3-8b
--   specbench run rounds/examples/shapes.lua --engine vllm --models my_shapes.lua --datasets cache \
--     --set task=news_0.5k,news_4k
--   specbench run rounds/examples/shapes.lua --engine vllm --models my_shapes.lua --only model=qwen2.5-7b \
--     --tensor-parallel 2                     each model over two GPUs
--
-- my_shapes.lua: folders with a config.json and a tokenizer, and `engine_args = { "--load-format", "dummy" }`.
--
-- Weights that are noise may write tokens without text, which cost vLLM's front end more than others: where the report
-- says that chunks of several steps were sent together, the ratio is that, too (rounds/results/README.md).

local bench = require "specbench"

local options = bench.options {
  options = {
    { long = "tensor-parallel", arg = "N", type = "int", min = 1, default = 1, help = "GPUs that each model is spread "
      .. "over" },
  },
}

-- by model: what drafts for it
local methods = { ["qwen2.5-7b"] = "draft", ["llama-3-8b"] = "eagle", ["vicuna-7b"] = "medusa" }
local drafts = { draft = "qwen2.5-0.5b", eagle = "llama-3-8b-eagle", medusa = "vicuna-7b-medusa" }

-- Each place of a draft is accepted as often as the first one, given that those before it were.
local function rates(first, k)
  local list = {}
  for i = 1, k do list[i] = first ^ i end
  return list
end

return bench.round {
  name = "shapes",
  title = "Shapes without weights",

  axes = { -- the outermost first; a server lives through all cells of one model, method, k and acceptance
    { "model", { "qwen2.5-7b", "llama-3-8b", "vicuna-7b" } },
    { "method", { "none", "draft", "eagle", "medusa" } },
    { "k", { 3 }, when = function(c) return c.method ~= "none" end },
    { "acceptance", { 0.2, 0.4, 0.6, 0.8 }, when = function(c) return c.method ~= "none" end },
    { "task", { "conversation" }, open = true }, -- news_0.5k, news_4k: News2HighLight
    { "concurrency", { 1, 32, 128 } },
  },
  where = function(c) return c.method == "none" or c.method == methods[c.model] end,

  baseline = { method = "none" },

  server = function(c)
    return {
      model = c.model, draft = drafts[c.method], method = c.method, k = c.k,
      acceptance = c.acceptance and rates(c.acceptance, c.k),
      dtype = "bfloat16", gpu_memory_utilization = 0.18, max_model_len = c.task:find "4k" and 8192 or 4096,
      max_num_seqs = 128, tensor_parallel = options.tensor_parallel > 1 and options.tensor_parallel or nil,
    }
  end,

  workload = function(c)
    local news = c.task:match "^news_(.+)$"
    local count = math.max(16, 2 * c.concurrency)
    return {
      prompts = news and { dataset = "cnn_dailymail_news", subset = news, count = count }
        or { dataset = "spec_bench", subset = c.task:gsub("_", "-"), count = math.min(count, 80) },
      -- the text is noise and has no end of its own: every answer is as long as the others
      limits = { max_tokens = 128, min_tokens = 128, ignore_eos = true },
    }
  end,

  report = {
    heatmap = { x = "acceptance", y = "concurrency", x_title = "first draft accepted", y_title = "max concurrency",
                per = { "model", "method", "task" } },
  },
}
