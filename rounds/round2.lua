-- Round 2: does speculative decoding hold up with long contexts, larger targets and quantised ones?
-- Six sizes of Qwen2.5-Instruct, each alone and with a 0.5B draft (k = 3); three tasks: long in and short
-- out (news2highlight), short in and long out (highlight2news), as long out as in (polish).
--
--   specbench run rounds/round2.lua --quick                        a small version on the simulator
--   specbench run rounds/round2.lua --engine vllm --models my_models.lua --datasets DIR
--   specbench run rounds/round2.lua --set concurrency=1,4 --only task=polish
--
-- my_models.lua says where the models are: return { ["qwen2.5-7b"] = "/models/Qwen2.5-7B-Instruct", ... }

local bench = require "specbench"
local length = require("specbench.dataset").length_label -- "0.5k" -> 512

-- folder: the name in the results; gpus: tensor parallelism. 72B takes 2 GPUs of 141 GB: its 64 heads do not divide by
-- 3, and the draft's 14 not by 4 (on four smaller ones, another draft: qwen2.5-1.5b has 12). The int4 checkpoints are
-- AWQ's, on vLLM's fast kernel; `quantization` in a models file takes others (gptq_marlin, or "auto").
local models = {
  ["qwen2.5-7b"]       = { folder = "7B" },
  ["qwen2.5-7b-int4"]  = { folder = "7B-int4", quantization = "awq_marlin" },
  ["qwen2.5-14b"]      = { folder = "14B" },
  ["qwen2.5-14b-int4"] = { folder = "14B-int4", quantization = "awq_marlin" },
  ["qwen2.5-72b"]      = { folder = "72B", gpus = 2 },
  ["qwen2.5-72b-int4"] = { folder = "72B-int4", quantization = "awq_marlin" },
}

-- What the reference counts for two of its Chinese files when it polishes; everywhere else these are 256 and 512.
local published = { ["0.25k"] = 250, ["0.5k"] = 500 }

-- without: the context that the dataset does not have; limits: how long an answer may get
local tasks = {
  news2highlight = {
    folder = "News2HighLight", dataset = "cnn_dailymail_news", file = "cnn_dailymail_", without = "0.125k",
    limits = function(_, c)
      local longest = { ["0.25k"] = 64, ["0.5k"] = 64, ["1k"] = 128, ["2k"] = 128, ["4k"] = 256, ["8k"] = 512 }
      return { max_tokens = longest[c.context] }
    end,
  },
  highlight2news = {
    folder = "HighLight2News", dataset = "cnn_dailymail_highlights", file = "cnn_dailymail_highlights_",
    without = "0.125k",
    -- prompt and answer together fill the context
    limits = function(prompt, c)
      local shortest = math.max(1, length(c.context) - prompt.tokens)
      return { min_tokens = shortest, max_tokens = shortest + 50 }
    end,
  },
  polish = {
    folder = "THUCNews", dataset = "thucnews", file = "thucnews_", without = "8k",
    -- the answer is as long as the text, so the context it reaches is twice the file's length
    limits = function(prompt, c)
      local tokens = c.limits == "as-published" and published[c.context] or length(c.context)
      return { min_tokens = 10, max_tokens = math.max(10, 2 * tokens - prompt.tokens + 100) }
    end,
    label = { ["0.125k"] = "0.25k", ["0.25k"] = "0.5k", ["0.5k"] = "1k", ["1k"] = "2k", ["2k"] = "4k", ["4k"] = "8k" },
  },
}

return bench.round {
  name = "round2",
  title = "Round 2",

  axes = { -- the outermost first: it changes slowest
    { "model", { "qwen2.5-7b", "qwen2.5-7b-int4", "qwen2.5-14b", "qwen2.5-14b-int4", "qwen2.5-72b",
                 "qwen2.5-72b-int4" } },
    { "method", { "none", "draft" } },
    { "task", { "news2highlight", "highlight2news", "polish" } },
    { "context", { "0.125k", "0.25k", "0.5k", "1k", "2k", "4k", "8k" } },
    { "concurrency", { 1, 4, 8, 12 } },
  },
  where = function(c) return c.context ~= tasks[c.task].without end,

  limits = { "as-published" }, -- --limits as-published: polish counts 250 and 500 tokens for 0.25k and 0.5k

  -- each cell is compared with the same cell without speculation
  baseline = { method = "none" },

  quick = {
    axes = { model = { "qwen2.5-7b" }, task = { "news2highlight", "polish" }, context = { "0.25k", "1k" },
             concurrency = { 1, 4, 8 } },
    prompts = 32, -- 4 a stream: fewer would mostly measure ramp-up and drain
  },

  server = function(c)
    local model = models[c.model]
    return {
      model = c.model,
      draft = c.method == "draft" and "qwen2.5-0.5b" or nil,
      method = c.method,
      k = c.method == "draft" and 3 or nil,
      dtype = model.quantization and "float16" or "bfloat16",
      quantization = model.quantization,
      tensor_parallel = model.gpus or 1,
      gpu_memory_utilization = 0.9,
    }
  end,

  workload = function(c)
    local task = tasks[c.task]
    return {
      prompts = { dataset = task.dataset, subset = c.context, count = length(c.context) >= 4000 and 48 or 96 },
      limits = task.limits,
    }
  end,

  -- where a cell's row goes in the reference system's folders, and how it spells things
  export = { "spec-bench-vllm", function(c)
    local task = tasks[c.task]
    local label = task.label and task.label[c.context] or c.context
    return {
      method = models[c.model].folder .. (c.method == "none" and "-nospec" or ""),
      folder = task.folder, task = task.dataset == "thucnews" and "THUCNews" or task.dataset,
      subtask = task.file .. c.context,
      num_spec_tokens = c.method == "draft" and 3 or -1,
      context = c.context, labels = { context = label },
    }
  end },

  report = {
    heatmap = { x = "context", y = "concurrency", x_title = "context length (tokens)",
                y_title = "max concurrency", per = { "model", "task" }, label_title = "prompt + answer" },
  },
}
