-- My round: does guessing ahead by prompt lookup pay here, and up to how many requests at once?
--
--   specbench check my_round.lua                       what is wrong with it; starts nothing
--   specbench run my_round.lua --quick --repeats 3     a small version on the simulator: seconds, and no GPU
--   specbench run my_round.lua --engine vllm --models my_models.lua --datasets cache --repeats 3     on real servers
--   specbench run my_round.lua --help                  its own options stand last
--
-- Every field is in rounds/README.md.

local bench = require "specbench"

-- Options of this round's own, for what changes often: --tokens 64. Delete them where none is needed.
local options = bench.options {
  options = {
    { long = "tokens", arg = "N", type = "int", min = 1, default = 128, help = "most tokens of an answer" },
  },
}

return bench.round {
  name = "my_round", -- of the results' folder: results/my_round

  -- The grid, the outermost axis first. `when`: for which cells an axis means something.
  axes = {
    { "method", { "none", "ngram" } },
    { "k", { 2, 4 }, when = function(c) return c.method ~= "none" end },
    { "concurrency", { 1, 4, 16 } },
  },

  -- Each cell is compared with the one that agrees with it on everything else.
  baseline = { method = "none" },

  -- What --quick means: fewer values, fewer prompts.
  quick = { axes = { concurrency = { 1, 4 } }, prompts = 16 },

  -- The server of a cell, in words that every engine understands. The models file says where "qwen2.5-7b" is.
  server = function(c)
    return { model = "qwen2.5-7b", method = c.method, k = c.k }
  end,

  -- What is sent: prompts of a dataset, drawn anew for each repeat (without --datasets, text of the same lengths).
  -- Your own: prompts = { dataset = "jsonl", path = "my_prompts.jsonl" }, a line each: {"prompt": "..."}
  workload = function()
    return {
      prompts = { dataset = "spec_bench", subset = "summarization", count = 80 },
      limits = { max_tokens = options.tokens },
    }
  end,

  -- What is drawn: k across, concurrency upwards, a map for each method.
  report = { heatmap = { x = "k", y = "concurrency", per = { "method" } } },
}
