-- Metrics of your own: how long readers wait at the worst moment of an answer, and how many answers stopped by
-- themselves. They stand in each cell, beside the speed-ups, and on a map.
--
--   specbench run rounds/examples/own_metrics.lua --quick

local bench = require "specbench"

return bench.round {
  name = "own_metrics",
  axes = {
    { "method", { "none", "ngram" } },
    { "k", { 2, 4 }, when = function(c) return c.method == "ngram" end },
    { "concurrency", { 1, 8 } },
  },
  baseline = { method = "none" },
  quick = { prompts = 16 },
  server = function(c) return { model = "qwen2.5-7b", method = c.method, k = c.k } end,
  workload = function()
    return { prompts = { dataset = "spec_bench", subset = "qa", count = 80 }, limits = { max_tokens = 128 } }
  end,
  metrics = function(run)
    local stopped = 0
    for i = 1, #run do
      if run:request(i).finish_reason == "stop" then stopped = stopped + 1 end
    end
    return { longest_pause_ms = run:metrics()["itl_chunk_ms.max"], stopped_share = stopped / #run }
  end,
  report = { heatmap = { x = "k", y = "concurrency", per = { "method" }, value = "longest_pause_ms" } },
}
