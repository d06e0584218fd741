--- The engine-neutral server description that a round's `server(c)` returns: its keys, what each may be, and what
--- must fit together.

local shape = require "specbench.base.shape"
local tables = require "specbench.base.tables"

local description = {}

-- Every method that some engine has; an unknown one is a slip of the pen, not a missing capability.
local METHODS = {
  "none", "draft", "ngram", "ngram_gpu", "suffix", "eagle", "eagle3", "medusa", "mlp_speculator",
  "mtp", "dflash", "dspark", "ngram_map_k", "ngram_map_k4v", "ngram_mod", "ngram_cache",
}
description.methods = tables.set_of(METHODS)

-- Methods that propose with weights of their own.
description.needs_draft = tables.set_of {
  "draft", "eagle", "eagle3", "medusa", "mlp_speculator", "dflash", "dspark",
}

-- ... or may, where the target's own checkpoint has none.
description.may_have_draft = tables.set_of {
  "draft", "eagle", "eagle3", "medusa", "mlp_speculator", "dflash", "dspark", "mtp",
}

local text, boolean = shape.string { empty = false }, shape.boolean()
local size, rate = shape.integer { from = 1 }, shape.number { from = 0, to = 1 }
local gpus = shape.integer { from = 1, to = 1024 }

local LONGEST_NAME = 4096 -- bytes: as long as a path may be

-- A plan has put the model's entry of the models file in the place of its name.
local model = shape.custom {
  must = ("a model's name of at most %d bytes"):format(LONGEST_NAME), page = "string", cats = "string",
  kinds = { string = true, table = true },
  test = function(value)
    local name = type(value) == "table" and value.name or value
    return type(name) == "string" and name ~= "" and #name <= LONGEST_NAME
  end,
}

local batch_range = shape.record {
  "batch_range", class = "specbench.batch_range", doc = "From `first` to `last` requests in a batch, k draft tokens.",
  must = "{first, last, k}", many = "{first, last, k}",
  fields = {
    { 1, size, "first", needed = true },
    { 2, size, "last", needed = true },
    { 3, shape.integer { from = 0 }, "k", needed = true },
  },
  flaw = function(value) return value[1] > value[2] and "first is above last" or nil end,
}

-- A name and what stands behind it in the engine's own command line or file.
description.own_word = shape.custom {
  must = "a string, a number, a boolean or a table", many = "the engine's own values", page = "the engine's own value",
  cats = "string|number|boolean|table",
  kinds = { string = true, number = true, boolean = true, table = true }, test = function() return true end,
}

-- What match.lua starts a plain server with.
local pinned = shape.custom {
  must = "{ runner = \"V1\", async_scheduling = false } or one of them", page = "table", cats = "table",
  kinds = { table = true },
  test = function(value)
    for name, setting in pairs(value) do
      if not (name == "runner" and setting == "V1" or name == "async_scheduling" and setting == false) then
        return false
      end
    end
    return true
  end,
}

local function acceptance_flaw(wanted, k)
  if type(wanted) == "number" then
    return wanted > k + 1
      and ("acceptance = %s: a step brings at most k + 1 = %d tokens"):format(wanted, k + 1) or nil
  end
  if #wanted ~= k then return ("acceptance has %d rates: must be k = %d of them, one a position"):format(#wanted, k) end
  for i = 2, k do
    if wanted[i] > wanted[i - 1] then
      return ("acceptance: rate %d is above rate %d: unconditional rates never grow"):format(i, i - 1)
    end
  end
end

-- What does not fit together.
local function mismatch(server)
  local method = server.method or "none"
  if method == "none" then return nil end
  if not server.k then return ("method '%s' needs k = N, the draft tokens per step"):format(method) end
  if description.needs_draft[method] and not server.draft then
    return ("method '%s' needs draft = MODEL, which proposes tokens"):format(method)
  end
  local low, high = server.prompt_lookup_min, server.prompt_lookup_max
  if low and high and low > high then
    return ("prompt_lookup_min = %d is above prompt_lookup_max = %d"):format(low, high)
  end
  return server.acceptance and acceptance_flaw(server.acceptance, server.k)
end

description.shape = shape.record {
  "server", class = "specbench.server_description",
  doc = "A server in words that every engine understands: what a round's `server(c)` returns.",
  fields = {
    { "model", model, "a name that the models file knows, or an id that the engine can load", needed = true },
    { "draft", model, "the model that proposes, named likewise" },
    { "method", shape.choice(METHODS, { page = "string" }), "how drafts are made: `none`, `draft`, `ngram`, `eagle`, "
      .. "... Where it is `none`, all that belongs to drafts is passed over", otherwise = "`none`" },
    { "k", size, "draft tokens a step; needed by every method but `none`" },
    { "prompt_lookup_max", size, "the longest n-gram that is looked up", otherwise = "`k`" },
    { "prompt_lookup_min", size, "the shortest one", otherwise = "1" },
    { "draft_tensor_parallel", gpus, "GPUs that the draft model is spread over" },
    { "speculative_max_model_len", size, "no speculation for longer sequences" },
    { "disable_by_batch_size", shape.integer { from = 2 }, "no speculation from so many requests in a batch on" },
    { "k_by_batch_size", shape.list(batch_range), "k for each range of batch sizes" },
    { "speculative", shape.map(description.own_word), "further settings of speculation in the engine's own words: "
      .. "vLLM's keys of --speculative-config, SGLang's flags without `--speculative-`, TensorRT-LLM's keys of "
      .. "speculative_config, "
      .. "llama.cpp's flags without `--spec-`, vLLM 0.6's flags without `--`; `_` stands for `-`. A setting "
      .. "that another key of this table makes is replaced, and left out where it is `false`" },
    { "acceptance", shape.either(shape.number { from = 1 }, shape.list(rate, { least = 1 })),
      "forced: k unconditional rates that never grow, or a mean length from 1 to k + 1. The text is then noise" },
    { "dtype", shape.string { such_as = "bfloat16" }, "of weights and activations" },
    { "quantization", shape.string { such_as = "awq" }, "of the target's weights" },
    { "tensor_parallel", gpus, "GPUs that the target is spread over", otherwise = "1" },
    { "gpu_memory_utilization", shape.number { above = 0, to = 1 }, "share of a GPU's memory that it may take" },
    { "max_model_len", size, "tokens of a prompt and its answer together" },
    { "max_num_seqs", size, "requests in a batch at most" },
    { "seed", shape.integer { from = 0 }, "of the server" },
    { "chunked_prefill", boolean, "whether prefills share steps with decoding" },
    { "prefix_caching", boolean, "whether beginnings of prompts are kept", otherwise = "off" },
    { "async_scheduling", boolean, "whether the next step is scheduled while one runs" },
    { "scheduler_delay_factor", shape.number { from = 0 }, "waits so many times the last prefill before the next one" },
    { "multi_step", size, "steps that are planned at once; without speculation" },
    { "profile", shape.either(text, shape.list(shape.string())), "`\"nsys\"` (with the options of the reference's "
      .. "third round), any other command or a list of its words, put before the server's; `\"server\"`: the server's "
      .. "own profiler, begun and ended with the load. `{output}` is a file in the results, `{gpus}` its GPUs" },
    { "pinned", pinned, "what `--match pinned` starts a plain server with: `{ runner = \"V1\", async_scheduling = "
      .. "false }` or one of them. Not for rounds to say" },
    { "extra_args", shape.list(shape.string()), "the engine's own flags, last on the command line" },
    { "env", shape.environment(), "environment of the server" },
  },
  flaw = mismatch,
}

---Raises one line where the description is malformed.
---@param server table
function description.check(server)
  description.shape:check(server)
end

return description
