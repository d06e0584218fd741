-- A trace replayed: requests at the times at which they once came, as long as they were then.
--
--   specbench rounds/examples/trace.lua trace.jsonl                          on the simulator
--   specbench rounds/examples/trace.lua trace.jsonl --url http://127.0.0.1:8000 --model NAME
--
-- A line of the file: {"timestamp": 0.5, "input_length": 300, "output_length": 40}, and "prompt" where there is one;
-- else made-up text of that many tokens is sent. Mooncake's and similar traces have milliseconds: --milliseconds.

local bench = require "specbench"

local options, words = bench.options {
  summary = "Replay a trace",
  positionals = { { name = "FILE", help = "JSON lines with timestamp, input_length, output_length" } },
  options = {
    { long = "url", arg = "URL", help = "a server that is up (a simulator)" },
    { long = "model", arg = "NAME", default = "qwen2.5-7b", help = "to ask for" },
    { long = "milliseconds", type = "flag", help = "the file's times are in ms, not in s" },
    { long = "faster", arg = "N", type = "number", min = 0.001, max = 1000, default = 1, help = "than it was" },
  },
}

-- The trace's lines in the order of their times.
local function read(path)
  local list = {}
  for line in assert(io.lines(path)) do
    local one = bench.json.decode(line)
    if type(one) ~= "table" or not (one.timestamp and one.output_length and (one.prompt or one.input_length)) then
      error(("%s: line %d must have timestamp, output_length and input_length or prompt"):format(path, #list + 1), 0)
    end
    list[#list + 1] = { at = one.timestamp / (options.milliseconds and 1000 or 1) / options.faster, text = one.prompt,
      input = one.input_length, output = one.output_length }
  end
  table.sort(list, function(a, b) return a.at < b.at end)
  return list
end

local function text_of(one, i)
  if one.text then return one.text end
  return assert(bench.dataset.prompts { dataset = "random", tokens = one.input, count = 1, seed = i }).items[1].text
end

bench.main(function()
  local requests, times, first = {}, {}, nil
  for i, one in ipairs(read(words[1])) do
    first = first or one.at
    times[i] = one.at - first
    requests[i] = { max_tokens = one.output, body = {
      model = options.model, messages = { { role = "user", content = text_of(one, i) } }, max_tokens = one.output,
      temperature = 0, ignore_eos = true, stream = true, stream_options = { include_usage = true },
    } }
  end
  local own <close> = not options.url and assert(bench.server.start {
    argv = { bench.executable, "sim", "--profile", "qwen2.5-7b", "--port", "{port}", "--speed", "10" },
  }) or nil
  local run = bench.load { server = options.url or own, requests = requests, times = times }
  local m = run:metrics()
  print(("%d of %d requests, over %.1f s; %.0f tokens/s; at most %d at once"):format(m.completed, #run, times[#times],
    m.output_throughput or 0, m.max_concurrency))
  print(("TTFT p50 %.0f ms, p99 %.0f ms; TPOT p50 %.2f ms"):format(run:percentile("ttft_ms", 50) or 0,
    run:percentile("ttft_ms", 99) or 0, run:percentile("tpot_ms", 50) or 0))
end)
