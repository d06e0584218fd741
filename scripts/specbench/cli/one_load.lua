-- One load of one server, as a command line has it: how much is asked at a time and for how long, with which prompts,
-- and how long their answers may be.

local command = require "specbench.cli.command"
local data = require "specbench.dataset"
local fs = require "sb.fs"
local option_groups = require "specbench.cli.option_groups"
local rng = require "sb.rng"
local workload_prompts = require "specbench.experiment.workload_prompts"

local one_load = {}

one_load.load_options = option_groups.under("Load", {
  { long = "concurrency", short = "c", arg = "STREAMS", help = "requests in flight (1, or with --rate as many as "
    .. "come); several loads one after another: 1,4,16" },
  { long = "requests", short = "n", arg = "N", type = "int", min = 1, max = 1000000,
    help = "requests in all (8 a stream, 64 where --rate has no -c), with --seconds at most; fewer prompts are "
      .. "repeated, each time under a new beginning" },
  { long = "seconds", arg = "S", type = "number", min = 0.1, max = 86400,
    help = "send requests for so long, however many they are, and let those in flight end" },
  { long = "rate", arg = "R", help = "requests a second; -c limits those in flight; several one after another: "
    .. "1,2,4" },
  { long = "arrivals", arg = "PATTERN", type = "choice", choices = { "poisson", "constant", "gamma" },
    help = "of --rate (poisson)" },
  { long = "burstiness", arg = "N", type = "number", min = 0.001, max = 1000,
    help = "shape of gamma arrivals: under 1 is burstier than Poisson" },
  { long = "warmup", arg = "N", type = "int", min = 0, max = 10000, default = 1,
    help = "requests before the load, not counted" },
  { long = "seed", arg = "N", type = "int", default = 12345, help = "of the choice of prompts, and of sampling" },
})

one_load.prompt_options = option_groups.under("Prompts and answers", {
  { long = "prompts", arg = "FILE", help = 'JSON lines, each {"prompt": ...}; a folder of .txt files; or a ShareGPT '
    .. "file that ends in .json. Without it made-up text of --prompt-tokens" },
  { long = "field", arg = "NAME", default = "prompt", help = "where a line of --prompts has its prompt" },
  { long = "dataset", arg = "NAME", help = "prompts of a dataset: spec_bench, sharegpt, ...; of speed_bench your own "
    .. "copy's (specbench dataset list)" },
  { long = "subset", arg = "NAME", help = "of the dataset" },
  option_groups.datasets,
  { long = "prompt-tokens", arg = "T", default = "256", help = "tokens of made-up prompts; a range, each as likely: "
    .. "128-512" },
  { long = "salt", arg = "WHEN", type = "choice", choices = { "auto", "always", "never" }, default = "auto",
    help = "begin every prompt with a number of its own, so that no prefix cache serves it" },
  { long = "max-tokens", arg = "T", default = "128", help = "tokens of an answer at most; a range, drawn for each "
    .. "request: 32-128; or data: as the prompts' own say, ShareGPT's answers or a line's output_tokens" },
  { long = "ignore-eos", type = "flag", help = "answers go on to --max-tokens, where the engine can be told so" },
})

-- A load's prompts, and what is to be known of them.
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
  if not drawn then
    local option = options.dataset and "dataset" or path and "prompts" or "prompt-tokens"
    command.fail(("--%s: %s"):format(option, message))
  end
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

---Numbers between commas.
---@param option string without its dashes
---@param text string
---@param is_right fun(number: number): boolean
---@param must string what each must be
---@return number[]
function one_load.read_numbers(option, text, is_right, must)
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

---How long answers may be.
---@param options table that was checked
---@return fun(prompt: table): table as a workload's `limits`
function one_load.limits(options)
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
  options.rate = options.rate and one_load.read_numbers("rate", options.rate, function(rate)
    return rate >= 0.001 and rate <= 1000000
  end, "number from 0.001 to 1000000")
  local streams = options.concurrency or not options.rate and "1" or nil
  options.concurrency = streams and one_load.read_numbers("concurrency", streams, function(number)
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

---The prompts of each load, by how many requests it sends.
---@param options table that was checked
---@return fun(load: { concurrency: integer?, rate: number? }): table set as data.prompts gives them
---@return fun(load: table): string[] warnings for the figures' readers: those on the terminal have them already
function one_load.prompts(options)
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

---Reads what the options say, in place; ends the command where they make no sense.
---@param options table
function one_load.check(options)
  check_prompts(options)
  read_loads(options)
end

return one_load
