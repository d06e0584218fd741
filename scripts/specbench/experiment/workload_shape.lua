-- What a round's workload(c) returns: its fields, and what each may be.

local shape = require "specbench.base.shape"

local text = shape.string { empty = false }

local workload_shape = {}

---What workload's limits(prompt) returns.
workload_shape.limits = shape.record {
  "workload.limits", class = "specbench.limits", doc = "How long an answer may be.",
  fields = {
    { "max_tokens", shape.integer { from = 1, to = 10000000 }, "at most", needed = true },
    { "min_tokens", shape.integer { from = 0 }, "at least", otherwise = "0" },
    { "ignore_eos", shape.boolean(), "the answer goes on to `max_tokens`", otherwise = "`false`" },
  },
  flaw = function(limits)
    if limits.min_tokens and limits.min_tokens > limits.max_tokens then
      return ("min_tokens = %d is above max_tokens = %d"):format(limits.min_tokens, limits.max_tokens)
    end
  end,
}

workload_shape.workload = shape.record {
  "workload", class = "specbench.workload_fields", doc = "What a cell sends: what a round's `workload(c)` returns.",
  fields = {
    { "prompts", shape.custom {
      must = "{ dataset = ... }, { items = ... } or a set of data.prompts", page = "table",
      cats = "specbench.prompts_options|specbench.prompt_set", kinds = { table = true },
      test = function(value) return type(value.items) == "table" or value.dataset ~= nil end,
    }, "what is sent, [below](#prompts)", needed = true },
    { "limits", shape.either(workload_shape.limits, shape.func("prompt, c", "{ max_tokens, min_tokens?, ignore_eos? }",
        "fun(prompt: specbench.prompt, c: specbench.coordinates): specbench.limits")),
      "how long each answer may be. What an engine cannot be asked for is noted in the cell", needed = true },
    { "concurrency", shape.integer { from = 1, to = 100000 }, "closed loop: so many requests in flight",
      otherwise = "`c.concurrency`" },
    { "rate", shape.number { above = 0, finite = true }, "open loop: requests a second. One of the two is needed; 0 on "
      .. "an axis means none", otherwise = "`c.rate`" },
    { "arrivals", shape.choice { "poisson", "constant", "gamma" }, "of an open loop", default = "poisson" },
    { "burstiness", shape.number { above = 0 }, "shape of the gamma arrivals; under 1 is burstier than Poisson",
      default = 1.0 },
    { "temperature", shape.number { from = 0 }, "of the sampling", default = 0 },
    { "chat", shape.boolean(), "`/v1/chat/completions`, else `/v1/completions`", default = true },
    { "task", text, "the name under which the simulator looks up acceptance and answer lengths",
      otherwise = "the dataset's" },
    { "group", shape.func("prompt", "string", "fun(prompt: specbench.prompt): string"),
      "kinds of prompts (lengths, say) for which the cell keeps figures of their own", otherwise = "none" },
    { "body", shape.map(shape.any(), { must = "a table of names and values", page = "table" }),
      "fields put into every request as they are", otherwise = "none" },
  },
}

return workload_shape
