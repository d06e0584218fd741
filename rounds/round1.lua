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

local options = bench.options {
  options = { { long = "mqa", type = "flag", help = "vLLM V0: let its MQA scorer run, which needs --enforce-eager "
    .. "where it speculates" } },
}

-- folder: the name in the results; least: the smallest k that was published
local methods = {
  none   = { folder = "vanilla" },
  draft  = { folder = "sps", target = "qwen2.5-7b", draft = "qwen2.5-0.5b", least = 1 },
  ngram  = { folder = "pld", target = "qwen2.5-7b", least = 1 },
  eagle  = { folder = "eagle", target = "llama-3-8b", draft = "llama-3-8b-eagle", least = 1 },
  medusa = { folder = "medusa", target = "vicuna-7b", draft = "vicuna-7b-medusa", least = 3 },
}

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
    { "k", { 1, 2, 3, 4, 5 }, when = function(c) return c.method ~= "none" end },
    -- n-gram: how many tokens must match at most; 0: k of them, as published
    { "lookup", { 0 }, when = function(c) return c.method == "ngram" end },
    { "task", { "sharegpt", "conversation", "math_reasoning", "qa", "summarization", "rag", "translation", "all" } },
    { "concurrency", { 1, 4, 8, 12, 16, 32, 64, 128 }, when = function(c) return c.qps == 0 end },
    { "qps", { 0 } }, -- requests a second; 0: as many at once as `concurrency` says
  },
  where = function(c)
    local method = methods[c.method]
    if c.method ~= "none" then return c.model == method.target and c.k >= method.least end
    return c.model == "qwen2.5-7b" or c.baseline ~= "as-published"
  end,

  -- each cell is compared with its own target without speculation
  baseline = { method = "none" },
  baselines = { ["as-published"] = { method = "none", model = "qwen2.5-7b" } },

  quick = {
    axes = { k = { 1, 3 }, task = { "sharegpt", "qa", "translation" }, concurrency = { 1, 4, 8 } },
    prompts = 16,
  },

  server = function(c)
    return {
      model = c.model, draft = methods[c.method].draft, method = c.method, k = c.k,
      prompt_lookup_max = c.lookup and (c.lookup > 0 and c.lookup or c.k),
      speculative = options.mqa and c.method ~= "none" and { enforce_eager = true } or nil,
      dtype = "bfloat16", gpu_memory_utilization = 0.9,
    }
  end,

  workload = function(c)
    local prompts = { dataset = "spec_bench", subset = c.task:gsub("_", "-"), count = c.task == "all" and 480 or 80 }
    if c.task == "sharegpt" then prompts = { dataset = "sharegpt", count = 512 } end
    return { prompts = prompts, limits = limits, rate = c.qps > 0 and c.qps or nil }
  end,

  -- where a cell's row goes in the reference system's folders, and how it spells things
  export = { "spec-bench-vllm", function(c)
    local method, is_sharegpt = methods[c.method].folder, c.task == "sharegpt"
    if c.method == "none" and c.model ~= "qwen2.5-7b" then method = method .. "-" .. c.model end
    if (c.lookup or 0) > 0 then method = ("%s-lookup-%d"):format(method, c.lookup) end
    return {
      method = method, folder = is_sharegpt and "ShareGPT" or "SpecBench_" .. c.task:gsub("^all$", "All"),
      task = is_sharegpt and "sharegpt" or "specbench",
      subtask = is_sharegpt and "sharegpt_processed_1024" or "spec-bench-" .. c.task,
      num_spec_tokens = c.k or -1,
    }
  end },

  report = {
    heatmap = { x = "k", y = "concurrency", x_title = "k", y_title = "max concurrency",
                per = { "method", "task" } },
  },
}
