-- A real result without a GPU: does speculation pay for a small trained model on this machine's processor?
-- SmolLM2-135M-Instruct on llama.cpp, translations and arithmetic of Spec-Bench, one request at a time: lookup of
-- what followed the last three tokens before, three and eight drafted tokens. Here a processor verifies a token in
-- about half the time that it decodes one in, so much must be accepted.
--
--   sh scripts/real.sh         fetches what it takes, then runs it: about five minutes on two cores
--
-- By hand, with a models file that says where "smollm2-135m" is:
--   specbench run rounds/examples/cpu.lua --engine llamacpp --models my_models.lua --datasets cache --repeats 5
--   ... --draft                   where the models file has a draft model "smollm2-135m-draft" as well
--   ... --set concurrency=1,2     two requests at once, too

local bench = require "specbench"

local options = bench.options {
  options = {
    { long = "draft", type = "flag", help = "measure the draft model smollm2-135m-draft too" },
    { long = "prompts", arg = "N", type = "int", min = 1, default = 6, help = "prompts a cell" },
    { long = "tokens", arg = "N", type = "int", min = 1, default = 64, help = "tokens an answer at most" },
  },
}

return bench.round {
  name = "cpu",
  title = "SmolLM2-135M-Instruct on a CPU",

  axes = {
    { "method", { "none", "ngram", options.draft and "draft" or nil } },
    { "k", { 3, 8 }, when = function(c) return c.method ~= "none" end },
    { "task", { "translation", "math-reasoning" } },
    { "concurrency", { 1 } },
  },
  baseline = { method = "none" },
  quick = { axes = { k = { 3 } }, prompts = 4 },

  server = function(c)
    return {
      model = "smollm2-135m", method = c.method, k = c.k, prompt_lookup_max = c.method == "ngram" and 3 or nil,
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

  report = { heatmap = { x = "task", y = "k", per = { "method" } } },
}
