-- Two servers at the same moment: one plain, one that drafts three tokens a step, each under the same load.
--
--   specbench rounds/examples/two_servers.lua

local bench = require "specbench"

local function start(k)
  return assert(bench.server.start {
    argv = { bench.executable, "sim", "--profile", "qwen2.5-7b", "--k", tostring(k), "--port", "{port}",
      "--speed", "10" },
  })
end

local function requests()
  local list = {}
  for i = 1, 16 do
    list[i] = { body = {
      messages = { { role = "user", content = ("Story %d: tell me about a river and a stone."):format(i) } },
      max_tokens = 64, temperature = 0, stream = true,
      stream_options = { include_usage = true, continuous_usage_stats = true },
    } }
  end
  return list
end

bench.main(function()
  local plain <close> = start(0)
  local drafting <close> = start(3)
  local runs, ready = {}, bench.task.gate(2) -- so that neither load begins before the other can
  bench.task.each({ plain, drafting }, function(i, server)
    ready()
    runs[i] = bench.load { server = server, requests = requests(), concurrency = 4 }
  end)
  local speeds = {}
  for i, name in ipairs { "plain", "k = 3" } do
    local m = runs[i]:metrics()
    speeds[i] = m.output_throughput
    print(("%-6s %5.0f tokens/s, TPOT %.1f ms"):format(name, m.output_throughput, m["tpot_ms.mean"]))
  end
  print(("speed-up %.2f"):format(speeds[2] / speeds[1]))
end)
