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
local rng = require "sb.rng"
local workload_prompts = require "specbench.experiment.workload_prompts"

local self = {
  name = "measure",
  summary = "Measure one server that is up: a load or several, one table",
  description = "Requests go out as in a round's cell: warmed up, token-exact where the server tells tokens, with the "
    .. "client's certificate. --out keeps a results folder, for `show` and `compare`. Exit status: 0 all well, 1 the "
    .. "server cannot be measured, 2 usage, 3 requests failed.",
  options = {
    { long = "url", arg = "URL", help = "the server, such as http://127.0.0.1:8000" },
    { long = "prompts", arg = "FILE", help = 'JSON lines, each {"prompt": ...}; a folder of .txt files; or a ShareGPT '
      .. "file that ends in .json. Without it made-up text of --prompt-tokens" },
    { long = "field", arg = "NAME", default = "prompt", help = "where a line of --prompts has its prompt" },
    { long = "dataset", arg = "NAME", help = "prompts of a dataset: spec_bench, sharegpt, ...; of speed_bench your own "
      .. "copy's (specbench dataset list)" },
    { long = "subset", arg = "NAME", help = "of the dataset" },
    option_groups.datasets,
    { long = "prompt-tokens", arg = "T", default = "256", help = "tokens of made-up prompts; a range, each as likely: "
      .. "128-512" },
    { long = "concurrency", short = "c", arg = "STREAMS", help = "requests in flight (1, or with --rate as many as "
      .. "come); several loads one after another: 1,4,16" },
    { long = "requests", short = "n", arg = "N", type = "int", min = 1, max = 1000000,
      help = "requests in all (8 a stream, 64 where --rate has no -c), with --seconds at most; fewer prompts are "
        .. "repeated, each time under a new beginning" },
    { long = "seconds", arg = "S", type = "number", min = 0.1, max = 86400,
      help = "send requests for so long, however many they are, and let those in flight end" },
    { long = "rate", arg = "R", help = "requests a second; with -c that many of them in flight at most; several: "
      .. "1,2,4" },
    { long = "arrivals", arg = "PATTERN", type = "choice", choices = { "poisson", "constant", "gamma" },
      help = "of --rate (poisson)" },
    { long = "burstiness", arg = "N", type = "number", min = 0.001, max = 1000,
      help = "shape of gamma arrivals: under 1 is burstier than Poisson" },
    { long = "max-tokens", arg = "T", default = "128", help = "tokens of an answer at most; a range, drawn for each "
      .. "request: 32-128; or data: as the prompts' own say, ShareGPT's answers or a line's output_tokens" },
    { long = "ignore-eos", type = "flag", help = "answers go on to --max-tokens, where the engine can be told so" },
    { long = "temperature", arg = "N", type = "number", min = 0, help = "of every request (0)" },
    option_groups.body,
    option_groups.header,
    { long = "slo", arg = "TTFT=MS,TPOT=MS", help = "goodput counts requests within these: ttft, tpot, e2el, in ms" },
    { long = "percentiles", arg = "P,...", default = "50,90,99",
      help = "the table's, of one load; 50, 90, 95 and 99 are in --json anyway" },
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
    { long = "json", type = "flag", help = "the figures as JSON, a line a load, not as a table" },
    { long = "out", short = "o", arg = "DIR", help = "keep the results folder, every request's timeline in it" },
    { long = "quiet", short = "q", type = "flag", help = "no progress" },
  },
  examples = {
    "specbench measure --url http://127.0.0.1:8000 -c 8 -n 64",
    { "specbench measure --url http://127.0.0.1:8000 --engine vllm --prompts mine.jsonl --rate 4 --slo ttft=200",
      "an open loop with goodput, and acceptance by vLLM's counters" },
    { "specbench measure --url http://127.0.0.1:8000 -c 1,4,16,64 --out results/loads", "a row a load" },
    "specbench measure --url http://127.0.0.1:8000 -c 8 --percentiles 50,95,99.9 --body top_p=0.9 --out results/one",
  },
}

---@return table set
---@return string[] warnings for the figures' readers: those on the terminal have them already
local function prompts_of(options, count)
  local request = { count = count, seed = options.seed, subset = options.subset, folder = options.datasets }
  local path = options.prompts
  if options.dataset then
    request.dataset = options.dataset
    if options.dataset == "sonnet" then request.tokens = options.prompt_tokens[1] end
  elseif not path then
    request.dataset, request.tokens, request.tokens_to = "random", table.unpack(options.prompt_tokens)
  else
    local found = fs.stat(path)
    if not found then command.fail(("--prompts %s: no such file"):format(path), 1) end
    request.path = path
    request.dataset = found.type == "folder" and "folder" or path:find "%.json$" and "sharegpt" or "jsonl"
    if request.dataset == "jsonl" then request.field = options.field end
  end
  local drawn, message = data.prompts(request)
  if not drawn then command.fail(("--%s: %s"):format(options.dataset and "dataset" or "prompts", message)) end
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

-- Numbers between commas. `flaw` says what each must be.
local function read_numbers(option, text, is_right, must)
  local numbers = {}
  for word in (text .. ","):gmatch "([^,]*)," do
    local number = word:find "^%s*%d+%.?%d*%s*$" and tonumber(word)
    if not number or not is_right(number) then
      command.fail(("--%s %s: '%s' is no %s"):format(option, text, word, must), 2)
    end
    numbers[#numbers + 1] = number
  end
  return numbers
end

local MOST_TOKENS = 10000000
local TOLD = "data" -- as --max-tokens

-- "128" or "32-128".
local function read_tokens(option, text)
  local low, high = text:match "^(%d+)%-?(%d*)$"
  low, high = math.tointeger(tonumber(low)), high ~= "" and math.tointeger(tonumber(high)) or nil
  if not low or low < 1 or text:find "%-$" or (high or low) < low or (high or low) > MOST_TOKENS then
    command.fail(("--%s %s: must be a number of tokens from 1 to %d, or two such as 32-128"):format(option, text,
      MOST_TOKENS), 2)
  end
  return { low, high }
end

-- Datasets that other options stand for.
local OWN_OPTION = { random = "--prompt-tokens T", jsonl = "--prompts FILE", folder = "--prompts FOLDER" }

-- What a prompt's own data say of its answer's length.
local function told_tokens(prompt)
  local said = prompt.answer_tokens or prompt.row and prompt.row.output_tokens
  local tokens = math.type(said) and math.tointeger(said)
  return tokens and tokens >= 1 and tokens <= MOST_TOKENS and tokens or nil
end

-- Where prompts come from is said once.
local function check_prompts(options)
  options.prompt_tokens = read_tokens("prompt-tokens", options.prompt_tokens)
  if options.max_tokens ~= TOLD then options.max_tokens = read_tokens("max-tokens", options.max_tokens) end
  if options.dataset and options.prompts then command.fail("--dataset and --prompts contradict each other", 2) end
  local own = OWN_OPTION[options.dataset]
  if own then command.fail(("--dataset %s: give %s instead"):format(options.dataset, own), 2) end
  if options.subset and not options.dataset then command.fail("--subset needs --dataset NAME", 2) end
  options.datasets = command.datasets(options.dataset and options.datasets)
end

-- How long a request's answer may be.
local function limit_of(options)
  if options.max_tokens == TOLD then
    return function(prompt) return { max_tokens = told_tokens(prompt), ignore_eos = options.ignore_eos } end
  end
  local low, high = table.unpack(options.max_tokens)
  return function(prompt)
    local most = high and rng.new(("limits/%d/%d"):format(options.seed, prompt.id)):int(low, high) or low
    return { max_tokens = most, ignore_eos = options.ignore_eos }
  end
end

-- The loads, one after another.
local function read_loads(options)
  options.rate = options.rate and read_numbers("rate", options.rate, function(rate)
    return rate >= 0.001 and rate <= 1000000
  end, "number from 0.001 to 1000000")
  local streams = options.concurrency or not options.rate and "1" or nil
  options.concurrency = streams and read_numbers("concurrency", streams, function(number)
    return math.tointeger(number) and number >= 1 and number <= 100000
  end, "integer from 1 to 100000")
  for i, number in ipairs(options.concurrency or {}) do options.concurrency[i] = math.tointeger(number) end
  if not options.rate then
    local name = options.arrivals and "arrivals" or options.burstiness and "burstiness"
    if name then command.fail(("--%s needs --rate: a closed loop sends where an answer ends"):format(name), 2) end
  elseif options.burstiness and (options.arrivals or "gamma") ~= "gamma" then
    command.fail(("--burstiness is of gamma arrivals, not of --arrivals %s"):format(options.arrivals), 2)
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
  check_prompts(options)
  read_loads(options)
  options.percentiles = read_numbers("percentiles", options.percentiles, function(percent) return percent <= 100 end,
    "number from 0 to 100")
  options.body = command.read_body(options.body, options.temperature)
  options.headers = command.carry_headers(options.header)
  options.slo = command.read_slo(options.slo)
  command.trust(options.cacert)
end

local FIRST_TOKEN, TOKENS = 0.05, 1000 -- seconds, and tokens a second: a stream is hardly faster
local USUAL_TOKENS = 128 -- of an answer, where each prompt says its own
local MOST, MOST_PROMPT_TOKENS = 50000, 20000000 -- of a load whose time ends it: they are made before it begins

-- Requests of a load at most; where its time ends it, so many that they are not all sent before.
local function count_of(options, load)
  if options.requests then return options.requests end
  local streams, seconds = load.concurrency or 8, options.seconds
  if not seconds then return 8 * streams end
  local tokens = options.max_tokens == TOLD and USUAL_TOKENS or options.max_tokens[1]
  local rate = load.rate or streams / (FIRST_TOKEN + tokens / TOKENS)
  local expected = rate * seconds
  local spread = 6 * math.sqrt(expected / math.min(options.burstiness or 1, 1))
  local most = math.min(MOST, math.max(MOST_PROMPT_TOKENS // math.max(table.unpack(options.prompt_tokens)), streams))
  return math.min(most, math.ceil(expected + spread) + 8)
end

local function check_lengths(options, items)
  for i, item in ipairs(options.max_tokens == TOLD and items or {}) do
    if not told_tokens(item) then
      command.fail(("--max-tokens data: prompt %d does not say how long its answer is: output_tokens, from 1 to %d")
        :format(i, MOST_TOKENS))
    end
  end
end

-- Sets of prompts by how many requests a load sends; and what is to be known of them.
local function prompts_by_count(options)
  local sets, warnings = {}, {}
  for _, streams in ipairs(options.concurrency or { false }) do
    for _, rate in ipairs(options.rate or { false }) do
      local count = count_of(options, { concurrency = streams or nil, rate = rate or nil })
      if not sets[count] then
        sets[count], warnings[count] = prompts_of(options, count)
        check_lengths(options, sets[count].items)
      end
    end
  end
  local function of(list)
    return function(load) return list[count_of(options, load)] end
  end
  return of(sets), of(warnings)
end

---@return table[]? cells
---@return table<string, specbench.one_table.asked>|string percentiles by cell; or why there are no cells
local function measured(options, prompts)
  local percentiles = {}
  local cells, message = one.measure {
    url = options.url, engine = options.engine, model = options.model, prompts = prompts,
    concurrency = options.concurrency, rate = options.rate,
    arrivals = options.burstiness and "gamma" or options.arrivals, burstiness = options.burstiness,
    limits = limit_of(options), temperature = 0, body = options.body, headers = options.headers,
    chat = not options.completions, seed = options.seed, salt = options.salt, slo = options.slo,
    warmup = options.warmup, send_for = options.seconds, request_timeout = options.request_timeout,
    ready_timeout = options.ready_timeout,
    io_threads = options.io_threads, out = options.out, quiet = options.quiet or not fs.is_terminal(io.stderr),
    around = function(load, id)
      local run, itself = load()
      percentiles[id] = { percents = options.percentiles }
      one_table.look_up(percentiles[id], run)
      return run, itself
    end,
  }
  return cells, cells and percentiles or message
end

function self.run(options)
  check(options)
  local prompts, warnings = prompts_by_count(options)
  local cells, percentiles = measured(options, prompts)
  if not cells then command.fail(percentiles) end
  local status = 0
  for _, cell in ipairs(cells) do
    local asked = percentiles[cell.id] or { percents = options.percentiles }
    if cell.status ~= "ok" then status = 3 end
    if options.json then
      local figures = one_table.figures(cell, asked, warnings(cell.identity.workload))
      io.stdout:write(foreign.json(json.encode(figures)), "\n")
    elseif #cells == 1 then
      io.stdout:write(one_table.text(cell, asked))
    end
  end
  if options.json then return status end
  if #cells > 1 then io.stdout:write(one_table.several(cells)) end
  if options.out then io.stdout:write("Results: ", options.out, "\n") end
  return status
end

return self
