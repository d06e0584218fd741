-- One request to a server that is up, chunk by chunk: when each piece of the answer came and how many tokens it
-- brought. Without --url a simulated server is started for it.
--
--   specbench rounds/examples/one_request.lua --url http://127.0.0.1:8000 --model NAME "Why is the sky blue?"

local bench = require "specbench"

local options, words = bench.options {
  summary = "Send one request and show its answer chunk by chunk",
  options = {
    { long = "url", arg = "URL", help = "a server that is up; else the simulator answers, four tokens at most a step" },
    { long = "model", arg = "NAME", default = "qwen2.5-7b", help = "the model to ask for" },
    { long = "tokens", arg = "N", type = "int", min = 1, default = 24, help = "tokens of the answer at most" },
  },
  positionals = { { name = "PROMPT", optional = true, many = true } },
}

local function server()
  if options.url then return bench.server.external(options.url) end
  return assert(bench.server.start {
    argv = { bench.executable, "sim", "--profile", "qwen2.5-7b", "--k", "3", "--port", "{port}" },
  })
end

bench.main(function()
  local s <close> = server()
  local prompt = words[1] and table.concat(words, " ") or "Tell me about a river and a stone."
  local run = bench.load { server = s, keep_text = true, requests = { { body = {
    model = options.model, messages = { { role = "user", content = prompt } }, max_tokens = options.tokens,
    stream = true, stream_options = { include_usage = true, continuous_usage_stats = true },
  } } } }
  local request = run:request(1)
  if request.outcome ~= "ok" then error({ exit = 1, message = request.error or request.outcome }) end
  for i, chunk in ipairs(request.chunks) do
    print(("%3d  %8.1f ms  %d tokens"):format(i, (chunk.t - request.t_send) / 1e6, chunk.tokens))
  end
  print(("%d tokens in %.1f ms: %s"):format(request.completion_tokens, (request.t_done - request.t_send) / 1e6,
    run:text(1)))
end)
