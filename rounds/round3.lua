-- Round 3: which settings of the server decide whether speculation pays, at which prompt length?
-- Two servers of Qwen2.5-14B at once, each on a GPU of its own, one plain and one with a 0.5B draft (k = 3). Both
-- get the same plan at the same moment: 120 news texts of six lengths in the file's order, 8 at once. One setting
-- after the other leaves its default.
--
--   specbench run rounds/round3.lua --quick                                     on the simulator
--   specbench run rounds/round3.lua --engine vllm_v0 --gpus 4,5 --models my_models.lua --datasets DIR
--   specbench run rounds/round3.lua --quick --limits as-published               128 tokens for every prompt
--   specbench run rounds/round3.lua --engine vllm_v0 --gpus 4,5 --profile nsys --set concurrency=8,32
--   specbench run rounds/round3.lua --engine vllm --gpus 0,1 --models my_shapes.lua --accepted 0.6
--                                                              models without weights: what is accepted is set
--
-- `specbench plan` says which settings an engine does not have, and what it has instead.

local bench = require "specbench"
local data = require "specbench.dataset"

local options = bench.options {
  options = {
    { long = "accepted", arg = "SHARE", type = "number", min = 0, max = 1, help = "let this share of first drafts be "
      .. "accepted, and of later ones as much, given that those before were: for models without weights, on engines "
      .. "that can force it" },
  },
}

local K = 3
local LARGEST_BATCH = 512

-- each knob and its value where nothing is set
local knobs = {
  { "disable_by_batch_size", 0 }, -- vLLM V0: no speculation from so many running requests on
  { "k_by_batch_size", 0 }, -- vLLM V1: the same by a table of k
  { "speculative_max_model_len", 0 }, -- no speculation on longer sequences
  { "chunked_prefill", "default" },
  { "scheduler_delay_factor", 0 },
  { "multi_step", 1 }, -- steps scheduled at once; without speculation only
}

-- Tokens of an answer by the prompt's length, as round 2's summaries. The reference took one limit for all prompts,
-- that of its shuffled file's first.
local AS_PUBLISHED = 128
local limits = { ["0.25k"] = 64, ["0.5k"] = 64, ["1k"] = 128, ["2k"] = 128, ["4k"] = 256, ["8k"] = 512 }

local length_of = {} -- tokens -> label
for label in pairs(limits) do length_of[data.length_label(label)] = label end

local function label(prompt)
  return length_of[prompt.context]
end

-- of each place of a draft, or nil: the models' own
local function acceptance(share)
  if not share then return nil end
  local rates = {}
  for i = 1, K do rates[i] = share ^ i end
  return rates
end

-- What is at its default stays out of the description: the engine decides.
local function set(value)
  return value ~= 0 and value or nil
end

return bench.round {
  name = "round3",
  title = "Round 3",

  axes = {
    { "disable_by_batch_size", { 0, 8 } },
    { "k_by_batch_size", { 0, 8 } },
    { "speculative_max_model_len", { 0, 1280 } },
    { "chunked_prefill", { "default", "on", "off" } },
    { "scheduler_delay_factor", { 0, 0.5 } },
    { "multi_step", { 1, 8 } },
    { "concurrency", { 8 } },
    { "method", { "none", "draft" } },
  },
  -- one setting at a time; without this line, all their combinations
  where = function(c)
    local changed = 0
    for _, knob in ipairs(knobs) do changed = changed + (c[knob[1]] ~= knob[2] and 1 or 0) end
    return changed <= 1
  end,

  limits = { "as-published" }, -- --limits as-published: 128 tokens for all prompts
  together = "method", -- both servers are up, and loaded at the same moment
  baseline = { method = "none" },

  quick = { axes = { chunked_prefill = { "default", "on" } }, prompts = 30 },

  server = function(c)
    local server = {
      model = "qwen2.5-14b", method = c.method, dtype = "bfloat16", gpu_memory_utilization = 0.9,
      scheduler_delay_factor = set(c.scheduler_delay_factor),
    }
    if c.chunked_prefill ~= "default" then server.chunked_prefill = c.chunked_prefill == "on" end
    if c.method == "none" then
      server.multi_step = c.multi_step > 1 and c.multi_step or nil
      return server
    end
    server.draft, server.k, server.acceptance = "qwen2.5-0.5b", K, acceptance(options.accepted)
    server.disable_by_batch_size = set(c.disable_by_batch_size)
    server.speculative_max_model_len = set(c.speculative_max_model_len)
    if c.k_by_batch_size > 1 then
      server.k_by_batch_size = { { 1, c.k_by_batch_size - 1, K }, { c.k_by_batch_size, LARGEST_BATCH, 0 } }
    end
    return server
  end,

  workload = function(c)
    return {
      prompts = { dataset = "cnn_merged" }, group = label, -- figures are kept for each length
      limits = function(prompt)
        return { max_tokens = c.limits == "as-published" and AS_PUBLISHED or limits[label(prompt)] }
      end,
    }
  end,

  report = { settings = { knobs = knobs, groups_title = "prompt length" } },
}
