-- A real result without a GPU: does speculation pay for a small trained model on this machine's processor?
-- SmolLM2-135M-Instruct on llama.cpp, questions and translations of Spec-Bench, alone and two at once.
--
--   sh scripts/real.sh         fetches what it takes, then runs it: about five minutes on two cores
--
-- By hand, with a models file that says where "smollm2-135m" is:
--   specbench run rounds/examples/cpu.lua --engine llamacpp --models my_models.lua --datasets cache --repeats 3
--   ... --draft      where the models file has a draft model "smollm2-135m-draft" as well

local bench = require "specbench"

local options = bench.options {
  options = {
    { long = "draft", type = "flag", help = "measure the draft model smollm2-135m-draft too" },
    { long = "prompts", arg = "N", type = "int", min = 1, default = 8, help = "prompts a cell" },
    { long = "tokens", arg = "N", type = "int", min = 1, default = 64, help = "tokens an answer at most" },
  },
}

return bench.round {
  name = "cpu",
  title = "SmolLM2-135M-Instruct on a CPU",

  axes = {
    { "method", { "none", "ngram", options.draft and "draft" or nil } },
    { "k", { 3 }, when = function(c) return c.method ~= "none" end },
    { "task", { "qa", "translation" } },
    { "concurrency", { 1, 2 } },
  },
  baseline = { method = "none" },
  quick = { axes = { concurrency = { 1 } }, prompts = 4 },

  server = function(c)
    return {
      model = "smollm2-135m", method = c.method, k = c.k,
      draft = c.method == "draft" and "smollm2-135m-draft" or nil,
    }
  end,

  workload = function(c)
    return {
      prompts = { dataset = "spec_bench", subset = c.task, count = options.prompts },
      limits = { max_tokens = options.tokens },
      task = "SpecBench_" .. c.task,
    }
  end,

  report = { heatmap = { x = "task", y = "concurrency", per = { "method" } } },
}
