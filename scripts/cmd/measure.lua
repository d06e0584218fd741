-- One server that is up, one load, one table.

local clock = require "sb.clock"
local command = require "specbench.cli.command"
local data = require "specbench.dataset"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local http = require "specbench.http"
local json = require "specbench.base.json"
local one = require "specbench.sweep.one"
local one_table = require "specbench.report.one_table"
local option_groups = require "specbench.cli.option_groups"
local task = require "specbench.task"
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
      help = "requests a second; with -c so many of them in flight at most" },
    { long = "arrivals", arg = "PATTERN", type = "choice", choices = { "poisson", "constant", "gamma" },
      help = "of --rate (poisson)" },
    { long = "burstiness", arg = "N", type = "number", min = 0.001, max = 1000,
      help = "shape of gamma arrivals: under 1 is burstier than Poisson" },
    { long = "max-tokens", arg = "T", type = "int", min = 1, max = 10000000, default = 128,
      help = "tokens of an answer at most" },
    { long = "ignore-eos", type = "flag", help = "answers go on to --max-tokens, where the engine can be told so" },
    { long = "temperature", arg = "N", type = "number", min = 0, help = "of every request (0)" },
    option_groups.body,
    { long = "slo", arg = "TTFT=MS,TPOT=MS", help = "goodput counts requests within these: ttft, tpot, e2el, in ms" },
    { long = "percentiles", arg = "P,...", default = "50,90,99",
      help = "the table's; 50, 90, 95 and 99 are in --json anyway" },
    { long = "engine", arg = "NAME", help = "its dialect, whose counters tell acceptance: vllm, sglang, llamacpp, sim, "
      .. "... (plain OpenAI)" },
    { long = "model", arg = "NAME", help = "the model to ask for, or a LoRA adapter (the first that /v1/models "
      .. "names)" },
    { long = "completions", type = "flag", help = "/v1/completions, not the chat endpoint" },
    { long = "salt", arg = "WHEN", type = "choice", choices = { "auto", "always", "never" }, default = "auto",
      help = "begin every prompt with a number of its own, so that no prefix cache serves it" },
    { long = "seed", arg = "N", type = "int", default = 12345, help = "of the choice of prompts, and of sampling" },
    { long = "warmup", arg = "N", type = "int", min = 0, max = 10000, default = 1,
      help = "requests before the load, not counted" },
    { long = "ready-timeout", arg = "SECONDS", type = "number", min = 0, max = 86400, default = 0,
      help = "how long to wait for a server that is not up yet" },
    { long = "request-timeout", arg = "SECONDS", type = "number", min = 0.1, max = 365 * 86400,
      help = "how long a whole request may take (from the estimate)" },
    option_groups.cacert,
    option_groups.io_threads,
    { long = "json", type = "flag", help = "the figures as JSON, not as a table" },
    { long = "out", short = "o", arg = "DIR", help = "keep the results folder, every request's timeline in it" },
    { long = "quiet", short = "q", type = "flag", help = "no progress" },
  },
  examples = {
    "specbench measure --url http://127.0.0.1:8000 -c 8 -n 64",
    { "specbench measure --url http://127.0.0.1:8000 --engine vllm --prompts mine.jsonl --rate 4 --slo ttft=200",
      "an open loop with goodput, and acceptance by vLLM's counters" },
    "specbench measure --url http://127.0.0.1:8000 -c 8 --percentiles 50,95,99.9 --body top_p=0.9 --out results/one",
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

-- "50,95,99.9" as numbers.
local function read_percents(text)
  local percents = {}
  for word in (text .. ","):gmatch "([^,]*)," do
    local percent = word:find "^%s*%d+%.?%d*%s*$" and tonumber(word)
    if not percent or percent > 100 then
      command.fail(("--percentiles %s: '%s' is no number from 0 to 100"):format(text, word), 2)
    end
    percents[#percents + 1] = percent
  end
  return percents
end

local function check_load(options)
  if not options.rate then
    local name = options.arrivals and "arrivals" or options.burstiness and "burstiness"
    if name then command.fail(("--%s needs --rate: a closed loop sends where an answer ends"):format(name), 2) end
  elseif options.burstiness and (options.arrivals or "gamma") ~= "gamma" then
    command.fail(("--burstiness is of gamma arrivals, not of --arrivals %s"):format(options.arrivals), 2)
  end
end

local POLL = 1 -- seconds

-- Until it tells its models, or refuses to; one that never comes is told of where it is measured.
local function wait_until_up(url, seconds)
  local deadline = clock.now() + seconds * 1e9
  while clock.now() < deadline do
    local response = http.request { url = url .. "/v1/models", timeout = 10, authorized = true }
    if response and response.status < 500 then return end
    task.sleep(POLL)
  end
end

-- What the command line says wrongly is told before the server is asked anything.
local function check(options)
  if not options.url then command.fail("--url is missing: the server to measure, such as http://127.0.0.1:8000", 2) end
  local flaw = http.flaw(options.url)
  if flaw then command.fail("--url: " .. flaw, 2) end
  local _, flaw_of_key = http.authorization()
  if flaw_of_key then command.fail(flaw_of_key) end
  command.warn { http.key_warning() }
  check_load(options)
  options.body = command.read_body(options.body, options.temperature)
  options.slo = command.read_slo(options.slo)
  command.trust(options.cacert)
end

---@return table? cell
---@return string? message why there is none
local function measured(options, prompts, streams, asked)
  return one.measure {
    url = options.url, engine = options.engine, model = options.model, prompts = prompts, concurrency = streams,
    rate = options.rate, arrivals = options.burstiness and "gamma" or options.arrivals,
    burstiness = options.burstiness, max_tokens = options.max_tokens, ignore_eos = options.ignore_eos,
    temperature = 0, body = options.body, chat = not options.completions, seed = options.seed, salt = options.salt,
    slo = options.slo, warmup = options.warmup, request_timeout = options.request_timeout,
    io_threads = options.io_threads, out = options.out, quiet = options.quiet or not fs.is_terminal(io.stderr),
    around = function(load)
      local run, itself = load()
      one_table.look_up(asked, run)
      return run, itself
    end,
  }
end

function self.run(options)
  check(options)
  local asked = { percents = read_percents(options.percentiles) }
  wait_until_up(http.root(options.url), options.ready_timeout)
  local streams = options.concurrency or not options.rate and 1 or nil
  local prompts, warnings = prompts_of(options, options.requests or 8 * (streams or 8))
  local cell, why = measured(options, prompts, streams, asked)
  if not cell then command.fail(why) end
  if options.json then
    io.stdout:write(foreign.json(json.encode(one_table.figures(cell, asked, warnings))), "\n")
  else
    io.stdout:write(one_table.text(cell, asked))
    if options.out then io.stdout:write("Results: ", options.out, "\n") end
  end
  return cell.status == "ok" and 0 or 3
end

return self
