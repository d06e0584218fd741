-- Modern: what do today's ways to speculate bring on today's models, from one stream to 128?
-- Two dense targets and a mixture of experts; EAGLE 3 heads, draft models, lookup, suffix trees, heads of the target's
-- own and block drafts, as far as the engine and the model have them; Spec-Bench's tasks, and SPEED-Bench where your
-- own copy of it is there.
--
--   specbench run rounds/modern.lua --quick                                  on the simulator: assumed throughout
--   specbench plan rounds/modern.lua --engine vllm --models my_models.lua
--   specbench run rounds/modern.lua --engine vllm --models my_models.lua --datasets cache --set k=3
--   specbench run rounds/modern.lua --engine sglang --match pinned --set model=my-model --models my_models.lua
--
-- A target NAME drafts with NAME-eagle3, NAME-draft and NAME-dflash of the models file.

local bench = require "specbench"
local data = require "specbench.dataset"

-- what has been published for each; any other model is taken to have everything
local drafters = {
  ["llama-3.1-8b"]  = { eagle3 = true, draft = true },
  ["qwen3-8b"]      = { eagle3 = true, draft = true, dflash = true },
  ["qwen3-30b-a3b"] = { eagle3 = true, draft = true },
}

local has_weights = { eagle3 = true, draft = true, dflash = true } -- of its own

local of_the_model = { eagle3 = true, draft = true, dflash = true, mtp = true } -- what a model may lack

return bench.round {
  name = "modern",
  title = "Modern",

  axes = { -- the outermost first; a server lives through all cells of one model, method and k
    { "model", { "llama-3.1-8b", "qwen3-8b", "qwen3-30b-a3b" }, open = true }, -- --set model= takes any name
    { "method", { "none", "eagle3", "draft", "ngram", "suffix", "mtp", "dflash" } },
    { "k", { 1, 3, 5, 7 }, when = function(c) return c.method ~= "none" end },
    { "task", { "conversation", "math_reasoning", "qa", "rag", "summarization", "translation", "speed_bench" } },
    { "concurrency", { 1, 2, 4, 8, 16, 32, 64, 128 } },
  },
  where = function(c)
    local known = drafters[c.model]
    if known and of_the_model[c.method] and not known[c.method] then return false end
    return c.task ~= "speed_bench" or data.is_there "speed_bench"
  end,

  baseline = { method = "none" },

  quick = { axes = { k = { 3 }, task = { "conversation", "qa" }, concurrency = { 1, 8 } }, prompts = 16 },

  server = function(c)
    return {
      model = c.model, method = c.method, k = c.k,
      draft = has_weights[c.method] and ("%s-%s"):format(c.model, c.method) or nil,
      dtype = "bfloat16", gpu_memory_utilization = 0.9, max_model_len = 8192,
    }
  end,

  workload = function(c)
    local is_own = c.task == "speed_bench"
    return {
      task = "SpecBench_" .. c.task, -- the simulator's profiles know these names
      prompts = is_own and { dataset = "speed_bench" }
        or { dataset = "spec_bench", subset = c.task:gsub("_", "-"), count = 80 },
      limits = { max_tokens = 512 },
      group = is_own and function(prompt) return prompt.category end or nil,
      -- what thinks first measures thinking: --body says otherwise
      body = c.model:find "^qwen3" and { chat_template_kwargs = { enable_thinking = false } } or nil,
    }
  end,

  report = {
    heatmap = { x = "k", y = "concurrency", x_title = "k", y_title = "max concurrency",
                per = { "model", "method", "task" } },
  },
}
