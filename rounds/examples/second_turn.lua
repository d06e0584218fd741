-- The second turn of MT-Bench's conversations (Spec-Bench's `conversation`): the model answers the first question
-- itself, once, before anything is measured; then every cell continues from these answers.
--
--   specbench run rounds/examples/second_turn.lua --datasets DATA --quick

local bench = require "specbench"
local data = require "specbench.dataset"

return bench.round {
  name = "second_turn",
  axes = { { "method", { "none", "draft" } }, { "k", { 1, 3, 5 } }, { "concurrency", { 1, 4 } } },
  reduce = function(c) return { k = c.method == "none" and 0 or nil } end,
  baseline = { method = "none", k = 0 },
  quick = { axes = { k = { 3 } }, prompts = 8 },
  server = function(c)
    return { model = "qwen2.5-7b", draft = "qwen2.5-0.5b", method = c.method, k = c.k > 0 and c.k or nil }
  end,
  workload = function(c)
    return {
      prompts = assert(data.prompts {
        dataset = "spec_bench", subset = "conversation", turn = 2, seed = c.seed, count = c.prompts or 80,
      }),
      limits = function() return { max_tokens = 512 } end,
      task = "SpecBench_conversation",
    }
  end,
  report = { heatmap = { x = "k", y = "concurrency", per = { "method" } } },
}
