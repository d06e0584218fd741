-- The first round: one simulated server, two concurrencies. Run it: specbench rounds/examples/first.lua
local bench = require "specbench"

bench.main(function()
  local sim <close> = assert(bench.server.start {
    argv = { bench.executable, "sim", "--profile", "qwen2.5-7b", "--k", "3", "--port", "{port}", "--speed", "10" },
  })
  local requests = {}
  for i = 1, 24 do
    requests[i] = { body = {
      messages = { { role = "user", content = ("Story %d: tell me about a river and a stone."):format(i) } },
      max_tokens = 128, temperature = 0, stream = true,
      stream_options = { include_usage = true, continuous_usage_stats = true },
    } }
  end
  for _, concurrency in ipairs { 1, 8 } do
    local run = bench.load { server = sim, requests = requests, concurrency = concurrency }
    local m = run:metrics()
    print(("concurrency %d: %.0f tokens/s, TTFT %.0f ms, ITL p99 %.1f ms"):format(concurrency,
      m.output_throughput, m["ttft_ms.mean"], run:percentile("itl_token_ms", 99)))
  end
end)
