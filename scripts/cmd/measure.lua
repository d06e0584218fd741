-- One server that is up, one load, one table.

local command = require "specbench.cli.command"
local data = require "specbench.dataset"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local http = require "specbench.http"
local json = require "specbench.base.json"
local one = require "specbench.sweep.one"
local one_table = require "specbench.report.one_table"
local option_groups = require "specbench.cli.option_groups"
local workload_prompts = require "specbench.experiment.workload_prompts"

local self = {
  name = "measure",
  summary = "Measure one server that is up: one load, one table",
  description = "Requests go out as in a round's cell: warmed up, token-exact where the server tells tokens, with the "
    .. "client's certificate. --out keeps a results folder, for `show` and `compare`. Exit status: 0 all well, 1 the "
    .. "server cannot be measured, 2 usage, 3 requests failed.",
  options = {
    { long = "url", arg = "URL", help = "the server, such as http://127.0.0.1:8000" },
    { long = "prompts", arg = "FILE", help = 'JSON lines, each {"prompt": ...}; a folder of .txt files; or a ShareGPT '
      .. "file that ends in .json. Without it made-up text of --prompt-tokens" },
    { long = "field", arg = "NAME", default = "prompt", help = "where a line of --prompts has its prompt" },
    { long = "prompt-tokens", arg = "T", type = "int", min = 1, max = 10000000, default = 256,
      help = "tokens of made-up prompts" },
    { long = "concurrency", short = "c", arg = "STREAMS", type = "int", min = 1, max = 100000,
      help = "requests in flight (1, or with --rate as many as come)" },
    { long = "requests", short = "n", arg = "N", type = "int", min = 1, max = 1000000,
      help = "requests in all (8 a stream, 64 where --rate has no -c); fewer prompts are repeated, each time under "
        .. "a new beginning" },
    { long = "rate", arg = "R", type = "number", min = 0.001, max = 1000000,
      help = "requests a second, Poisson arrivals" },
    { long = "max-tokens", arg = "T", type = "int", min = 1, max = 10000000, default = 128,
      help = "tokens of an answer at most" },
    { long = "ignore-eos", type = "flag", help = "answers go on to --max-tokens, where the engine can be told so" },
    { long = "temperature", arg = "N", type = "number", min = 0, default = 0, help = "of every request" },
    { long = "slo", arg = "TTFT=MS,TPOT=MS", help = "goodput counts requests within these: ttft, tpot, e2el, in ms" },
    { long = "engine", arg = "NAME", help = "its dialect, whose counters tell acceptance: vllm, sglang, llamacpp, sim, "
      .. "... (plain OpenAI)" },
    { long = "model", arg = "NAME", help = "the model to ask for (the first that /v1/models names)" },
    { long = "completions", type = "flag", help = "/v1/completions, not the chat endpoint" },
    { long = "salt", arg = "WHEN", type = "choice", choices = { "auto", "always", "never" }, default = "auto",
      help = "begin every prompt with a number of its own, so that no prefix cache serves it" },
    { long = "seed", arg = "N", type = "int", default = 12345, help = "of the choice of prompts, and of sampling" },
    option_groups.io_threads,
    { long = "json", type = "flag", help = "the figures as JSON, not as a table" },
    { long = "out", short = "o", arg = "DIR", help = "keep the results folder, every request's timeline in it" },
    { long = "quiet", short = "q", type = "flag", help = "no progress" },
  },
  examples = {
    "specbench measure --url http://127.0.0.1:8000 -c 8 -n 64",
    { "specbench measure --url http://127.0.0.1:8000 --engine vllm --prompts mine.jsonl --rate 4 --slo ttft=200",
      "an open loop with goodput, and acceptance by vLLM's counters" },
  },
}

---@return table set
---@return string[] warnings for the figures' readers: those on the terminal have them already
local function prompts_of(options, count)
  local request = { count = count, seed = options.seed }
  local path = options.prompts
  if not path then
    request.dataset, request.tokens = "random", options.prompt_tokens
  else
    local found = fs.stat(path)
    if not found then command.fail(("--prompts %s: no such file"):format(path), 1) end
    request.path = path
    request.dataset = found.type == "folder" and "folder" or path:find "%.json$" and "sharegpt" or "jsonl"
    if request.dataset == "jsonl" then request.field = options.field end
  end
  local drawn, message = data.prompts(request)
  if not drawn then command.fail("--prompts: " .. message) end
  if #drawn.items >= count then
    command.warn { drawn.warning }
    return drawn, { drawn.warning }
  end
  request.count = nil
  drawn = assert(data.prompts(request))
  command.warn { drawn.warning } -- of the texts themselves; that there are fewer is said better here
  local fewer = ("%d texts, %d requests: texts are repeated, each time behind a number of its own, so that no prefix "
    .. "cache serves them"):format(#drawn.items, count)
  io.stderr:write("Note: ", fewer, "\n")
  return workload_prompts.repeated(drawn, count, options.seed), { fewer, drawn.warning }
end

function self.run(options)
  if not options.url then command.fail("--url is missing: the server to measure, such as http://127.0.0.1:8000", 2) end
  local flaw = http.flaw(options.url)
  if flaw then command.fail("--url: " .. flaw, 2) end
  local _, flaw_of_key = http.authorization()
  if flaw_of_key then command.fail(flaw_of_key) end
  command.warn { http.key_warning() }
  local streams = options.concurrency or not options.rate and 1 or nil
  local prompts, warnings = prompts_of(options, options.requests or 8 * (streams or 8))
  local cell, why = one.measure {
    url = options.url, engine = options.engine, model = options.model, prompts = prompts, concurrency = streams,
    rate = options.rate, max_tokens = options.max_tokens, ignore_eos = options.ignore_eos,
    temperature = options.temperature, chat = not options.completions, seed = options.seed, salt = options.salt,
    slo = command.read_slo(options.slo), io_threads = options.io_threads, out = options.out,
    quiet = options.quiet or not fs.is_terminal(io.stderr),
  }
  if not cell then command.fail(why) end
  if options.json then
    io.stdout:write(foreign.json(json.encode(one_table.figures(cell, warnings))), "\n")
  else
    io.stdout:write(one_table.text(cell))
    if options.out then io.stdout:write("Results: ", options.out, "\n") end
  end
  return cell.status == "ok" and 0 or 3
end

return self
