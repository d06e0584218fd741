-- An engine of your own: "lab-server", which speaks OpenAI's API and has vLLM's counters.
--   specbench run round2 --engine rounds/examples/own_engine.lua --models my_models.lua
local base = require "specbench.engine.base"
local counters = require "specbench.engine.counters"

local COUNTERS = "vllm:spec_decode_num_" -- how the names of its counters begin

return base.engine {
  name = "lab-server",
  description = "the laboratory's own server",
  capabilities = { spawn = true, chunk_is_step = false, event_per_token = false, prefix_cache_reset = false },
  methods = { "none", "draft" },
  without = base.all_but({ "max_num_seqs", "dtype", "seed" }, "lab-server has no such option"),
  ignores = { dtype = "the checkpoint decides", seed = "each request carries its own" },
  command = function(server)
    local argv = { server.model.binary or "lab-server", "serve", server.model.path }
    base.option(argv, "--port", server.port)
    base.option(argv, "--batch", server.max_num_seqs)
    if base.speculates(server) then
      base.option(argv, "--draft", server.draft.path)
      base.option(argv, "--draft-tokens", server.k)
    end
    return { argv = base.extra(argv, server), env = base.environment(server) }
  end,
  served_name = function(server) return server.model.served_name or server.model.name end,
  request = function(body, limits)
    body.max_tokens = limits.max_tokens
    body.stream_options.continuous_usage_stats = true -- tokens chunk by chunk: what verdicts rest on
    local note = limits.min_tokens and "lab-server has no min_tokens" or nil
    return body, {}, note
  end,
  acceptance = function(delta) return counters.acceptance(delta, COUNTERS) end,
  ready = { path = "/health", timeout_s = 600 },
  version = { paths = { "/version" }, field = "version" },
  metrics = { path = "/metrics", names = counters.names(COUNTERS) },
}
