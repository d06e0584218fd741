-- The second turn of MT-Bench's conversations (Spec-Bench's `conversation`): the model answers the first question
-- itself, once, before anything is measured; then every cell continues from these answers.
--
--   specbench run rounds/examples/second_turn.lua --datasets DATA --quick

local bench = require "specbench"

return bench.round {
  name = "second_turn",
  axes = {
    { "method", { "none", "draft" } },
    { "k", { 1, 3, 5 }, when = function(c) return c.method == "draft" end },
    { "concurrency", { 1, 4 } },
  },
  baseline = { method = "none" },
  quick = { axes = { k = { 3 } }, prompts = 8 },
  server = function(c)
    return { model = "qwen2.5-7b", draft = "qwen2.5-0.5b", method = c.method, k = c.k }
  end,
  workload = function()
    return {
      prompts = { dataset = "spec_bench", subset = "conversation", turn = 2, count = 80 },
      limits = { max_tokens = 512 },
    }
  end,
  report = { heatmap = { x = "k", y = "concurrency", per = { "method" } } },
}
