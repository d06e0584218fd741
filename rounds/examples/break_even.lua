-- Up to how many requests at once does a draft model pay? Bisection over the concurrency instead of a grid: each step
-- loads both servers and halves what is left.
--
--   specbench rounds/examples/break_even.lua --k 3 --most 128

local bench = require "specbench"

local options = bench.options {
  summary = "Find the concurrency up to which speculation pays, by bisection, on the simulator",
  options = {
    { long = "k", arg = "N", type = "int", min = 1, max = 16, default = 5, help = "tokens a draft" },
    { long = "most", arg = "N", type = "int", min = 2, max = 1024, default = 64, help = "largest concurrency to try" },
    { long = "speed", arg = "N", type = "number", min = 1, default = 20, help = "how fast the simulator's clock runs" },
  },
}

local function start(k)
  return assert(bench.server.start { argv = {
    bench.executable, "sim", "--profile", "qwen2.5-7b", "--k", tostring(k), "--port", "{port}",
    "--speed", tostring(options.speed),
  } })
end

local function throughput(server, concurrency)
  local requests = {}
  for i = 1, 2 * concurrency do
    requests[i] = { body = {
      messages = { { role = "user", content = ("Story %d: tell me about a river and a stone."):format(i) } },
      max_tokens = 48, temperature = 0, stream = true,
      stream_options = { include_usage = true, continuous_usage_stats = true },
    } }
  end
  return bench.load { server = server, requests = requests, concurrency = concurrency }:metrics().output_throughput
end

bench.main(function()
  local plain <close> = start(0)
  local drafting <close> = start(options.k)
  local function pays(concurrency)
    local ratio = throughput(drafting, concurrency) / throughput(plain, concurrency)
    print(("concurrency %3d: %.2f"):format(concurrency, ratio))
    return ratio > 1
  end
  if not pays(1) then return print "it never pays" end
  local low, high = 1, options.most
  if pays(high) then return print(("it pays at %d still: raise --most"):format(high)) end
  while high - low > math.max(1, low // 8) do -- one run each: finer steps than that would be noise
    local middle = (low + high) // 2
    if pays(middle) then low = middle else high = middle end
  end
  print(("k = %d pays up to %d requests at once, no longer at %d"):format(options.k, low, high))
end)
