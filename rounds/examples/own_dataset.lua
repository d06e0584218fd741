-- Prompts of your own: a file with a line each, {"prompt": "..."}, and a map over two settings of the server.
--
--   specbench run rounds/examples/own_dataset.lua --quick
--   specbench run rounds/examples/own_dataset.lua --prompts-file my_prompts.jsonl --engine vllm --models my_models.lua

local bench = require "specbench"

local here = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$" or "."

local options = bench.options {
  options = {
    { long = "prompts-file", arg = "FILE", default = here .. "/own_dataset.jsonl", help = "a prompt a line, as JSON" },
    { long = "field", arg = "NAME", default = "prompt", help = "where in a line the prompt is" },
  },
}

return bench.round {
  name = "own_dataset",
  axes = {
    { "method", { "none", "ngram" } },
    { "k", { 2, 4 }, when = function(c) return c.method ~= "none" end },
    { "max_num_seqs", { 4, 16 } },
    { "concurrency", { 8 } },
  },
  baseline = { method = "none" },
  quick = { prompts = 16 },
  server = function(c)
    return { model = "qwen2.5-7b", method = c.method, k = c.k, max_num_seqs = c.max_num_seqs }
  end,
  workload = function()
    return {
      prompts = { dataset = "jsonl", path = options.prompts_file, field = options.field },
      limits = { max_tokens = 64 },
    }
  end,
  report = { heatmap = { x = "k", y = "max_num_seqs", per = { "method" } } },
}
