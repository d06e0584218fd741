-- Is one k good enough, or should the server choose it by its load? Fixed k beside a table of k by running requests
-- (vLLM's num_speculative_tokens_per_batch_size), which drafts less the fuller the batch is.
--
--   specbench run rounds/examples/k_by_load.lua --quick

local bench = require "specbench"

local TABLE = { { 1, 3, 5 }, { 4, 15, 2 }, { 16, 1024, 0 } } -- from, to, k

return bench.round {
  name = "k_by_load",
  title = "k chosen by load",
  axes = {
    { "k", { "none", "2", "5", "by load" } },
    { "concurrency", { 1, 8, 32 } },
  },
  baseline = { k = "none" },
  quick = { axes = { concurrency = { 1, 8 } } },
  server = function(c)
    if c.k == "none" then return { model = "qwen2.5-7b", method = "none" } end
    return {
      model = "qwen2.5-7b", draft = "qwen2.5-0.5b", method = "draft", k = tonumber(c.k) or 5,
      k_by_batch_size = c.k == "by load" and TABLE or nil,
    }
  end,
  workload = function(c)
    return {
      prompts = { dataset = "spec_bench", subset = "qa", count = 4 * c.concurrency },
      limits = { max_tokens = 96 },
    }
  end,
  report = { heatmap = { x = "k", y = "concurrency", per = {} } },
}
