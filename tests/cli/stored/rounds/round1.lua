-- Round 1: which way to speculate pays, with how many draft tokens, up to which load?
-- Four ways (draft model, n-gram lookup, EAGLE, Medusa) on their 7B and 8B targets, k = 1 to 5 draft tokens a
-- step, ShareGPT and Spec-Bench's tasks, 1 to 128 requests at once.
--
--   specbench run rounds/round1.lua --quick                      a small version on the simulator
--   specbench plan rounds/round1.lua --engine vllm               servers, hours, warnings
--   specbench run rounds/round1.lua --engine vllm --models my_models.lua --datasets DIR --prompts-per-stream 4
--   specbench run rounds/round1.lua --set qps=1,2,4,8,12         at request rates instead of concurrencies
--   specbench run rounds/round1.lua --baseline as-published      every method against Qwen2.5-7B, as the reference did

local bench = require "specbench"
local data = require "specbench.dataset"

-- folder: the name in the results; k: the values that were published
local methods = {
  none   = { folder = "vanilla" },
  draft  = { folder = "sps", target = "qwen2.5-7b", draft = "qwen2.5-0.5b", k = { 1, 2, 3, 4, 5 } },
  ngram  = { folder = "pld", target = "qwen2.5-7b", k = { 1, 2, 3, 4, 5 } },
  eagle  = { folder = "eagle", target = "llama-3-8b", draft = "llama-3-8b-eagle", k = { 1, 2, 3, 4, 5 } },
  medusa = { folder = "medusa", target = "vicuna-7b", draft = "vicuna-7b-medusa", k = { 3, 4, 5 } },
}

-- the subset of Spec-Bench, and how the reference's tables spell the task
local tasks = {
  sharegpt       = { folder = "ShareGPT", subtask = "sharegpt_processed_1024", prompts = 512 },
  conversation   = { subset = "conversation" },
  math_reasoning = { subset = "math-reasoning" },
  qa             = { subset = "qa" },
  summarization  = { subset = "summarization" },
  rag            = { subset = "rag" },
  translation    = { subset = "translation" },
  all            = { folder = "SpecBench_All", subset = "all", prompts = 480 },
}
for name, task in pairs(tasks) do
  task.folder = task.folder or "SpecBench_" .. name
  task.subtask = task.subtask or "spec-bench-" .. name
end

local function has(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

-- An answer as long as ShareGPT's own; Spec-Bench: 512 tokens, less where the prompt fills a context of 2048.
local function limits(prompt)
  if prompt.answer_tokens then return { max_tokens = prompt.answer_tokens } end
  local tokens = prompt.tokens or 0
  return { max_tokens = tokens > 1280 and math.max(1, 2048 - 256 - tokens) or 512 }
end

return bench.round {
  name = "round1",
  title = "Round 1",

  axes = { -- the outermost first; a server lives through all cells of one method, model, k and lookup
    { "method", { "none", "draft", "ngram", "eagle", "medusa" } },
    { "model", { "qwen2.5-7b", "llama-3-8b", "vicuna-7b" } },
    { "k", { 1, 2, 3, 4, 5 } },
    { "lookup", { 0 } }, -- n-gram: how many tokens must match at most; 0: k of them, as published
    { "task", { "sharegpt", "conversation", "math_reasoning", "qa", "summarization", "rag", "translation", "all" } },
    { "concurrency", { 1, 4, 8, 12, 16, 32, 64, 128 } },
    { "qps", { 0 } }, -- requests a second; 0: as many at once as `concurrency` says
  },

  -- axes that mean nothing to a cell are 0 there
  reduce = function(c)
    return {
      k = c.method == "none" and 0 or nil,
      lookup = c.method ~= "ngram" and 0 or nil,
      concurrency = c.qps > 0 and 0 or nil,
    }
  end,
  where = function(c)
    local method = methods[c.method]
    if c.method ~= "none" then return c.model == method.target and has(method.k, c.k) end
    return c.model == "qwen2.5-7b" or c.baseline ~= "as-published"
  end,

  -- each cell is compared with its own target without speculation
  baseline = { method = "none", k = 0, lookup = 0 },
  baselines = { ["as-published"] = { method = "none", k = 0, lookup = 0, model = "qwen2.5-7b" } },

  quick = {
    axes = { k = { 1, 3 }, task = { "sharegpt", "qa", "translation" }, concurrency = { 1, 4, 8 } },
    prompts = 16,
  },

  server = function(c)
    local method = methods[c.method]
    local speculates = c.method ~= "none"
    return {
      model = c.model, draft = method.draft, method = c.method, k = speculates and c.k or nil,
      prompt_lookup_max = c.method == "ngram" and (c.lookup > 0 and c.lookup or c.k) or nil,
      dtype = "bfloat16", gpu_memory_utilization = 0.9,
      async_scheduling = false, -- a draft model forces it on vLLM: the baseline must not differ in it
    }
  end,

  workload = function(c)
    local task = tasks[c.task]
    return {
      task = task.folder, -- the simulator's profiles know these names
      prompts = assert(data.prompts {
        dataset = task.subset and "spec_bench" or "sharegpt", subset = task.subset, seed = c.seed,
        count = c.prompts or task.prompts or 80,
      }),
      limits = limits, rate = c.qps > 0 and c.qps or nil,
    }
  end,

  -- where a cell's row goes in the reference system's folders, and how it spells things
  reference = function(c)
    local task, method = tasks[c.task], methods[c.method].folder
    if c.method == "none" and c.model ~= "qwen2.5-7b" then method = method .. "-" .. c.model end
    if c.lookup > 0 then method = ("%s-lookup-%d"):format(method, c.lookup) end
    return {
      method = method, folder = task.folder, task = task.subset and "specbench" or "sharegpt", subtask = task.subtask,
      num_spec_tokens = c.method == "none" and -1 or c.k,
    }
  end,

  report = {
    heatmap = { x = "k", y = "concurrency", x_title = "k", y_title = "max concurrency",
                per = { "method", "task" } },
  },
}
