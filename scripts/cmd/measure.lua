-- One server that is up, under a load or several: one table.

local command = require "specbench.cli.command"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local http = require "specbench.http"
local json = require "specbench.base.json"
local one = require "specbench.sweep.one"
local one_load = require "specbench.cli.one_load"
local one_table = require "specbench.report.one_table"
local option_groups = require "specbench.cli.option_groups"

local self = {
  name = "measure",
  summary = "Measure one server that is up: a load or several, one table",
  description = "Requests go out as in a round's cell: warmed up, token-exact where the server tells tokens, with the "
    .. "client's certificate. --out keeps a results folder, for `show` and `compare`. Exit status: 0 all well, 1 the "
    .. "server cannot be measured, 2 usage, 3 requests failed.",
  options = option_groups.of {
    { long = "url", arg = "URL", help = "the server, such as http://127.0.0.1:8000" },
    { long = "engine", arg = "NAME", help = "its dialect, whose counters tell acceptance: vllm, sglang, llamacpp, sim, "
      .. "... (plain OpenAI)" },
    { long = "model", arg = "NAME", help = "the model to ask for, or a LoRA adapter (the first that /v1/models "
      .. "names)" },
    { long = "ready-timeout", arg = "SECONDS", type = "number", min = 0, max = 86400, default = 0,
      help = "how long to wait for a server that is not up yet" },
    option_groups.cacert,
    one_load.load_options, one_load.prompt_options,
    option_groups.under("Requests", {
      { long = "completions", type = "flag", help = "/v1/completions, not the chat endpoint" },
      { long = "temperature", arg = "N", type = "number", min = 0, help = "of every request (0)" },
      option_groups.body,
      option_groups.header,
      { long = "request-timeout", arg = "SECONDS", type = "number", min = 0.1, max = 365 * 86400,
        help = "how long a whole request may take (from the estimate)" },
      option_groups.io_threads,
    }),
    option_groups.under("Figures", {
      { long = "slo", arg = "TTFT=MS,TPOT=MS", help = "goodput counts requests within these: ttft, tpot, e2el, in ms" },
      { long = "percentiles", arg = "P,...", default = "50,90,99",
        help = "the table's, of one load; 50, 90, 95 and 99 are in --json anyway" },
      { long = "json", type = "flag", help = "the figures as JSON, a line a load, not as a table" },
      { long = "out", short = "o", arg = "DIR", help = "keep the results folder, every request's timeline in it" },
      { long = "quiet", short = "q", type = "flag", help = "no progress" },
    }),
  },
  examples = {
    "specbench measure --url http://127.0.0.1:8000 -c 8 -n 64",
    { "specbench measure --url http://127.0.0.1:8000 --engine vllm --prompts mine.jsonl --rate 4 --slo ttft=200",
      "an open loop with goodput, and acceptance by vLLM's counters" },
    { "specbench measure --url http://127.0.0.1:8000 -c 1,4,16,64 --out results/loads", "a row a load" },
    "specbench measure --url http://127.0.0.1:8000 -c 8 --percentiles 50,95,99.9 --body top_p=0.9 --out results/one",
  },
}

-- What the command line says wrongly is told before the server is asked anything.
local function check(options)
  if not options.url then command.fail("--url is missing: the server to measure, such as http://127.0.0.1:8000", 2) end
  local flaw = http.flaw(options.url)
  if flaw then command.fail("--url: " .. flaw, 2) end
  local _, flaw_of_key = http.authorization()
  if flaw_of_key then command.fail(flaw_of_key) end
  command.warn { http.key_warning() }
  one_load.check(options)
  options.percentiles = one_load.read_numbers("percentiles", options.percentiles, function(percent)
    return percent <= 100
  end, "number from 0 to 100")
  options.body = command.read_body(options.body, options.temperature)
  options.headers = command.carry_headers(options.header)
  options.slo = command.read_slo(options.slo)
  command.trust(options.cacert)
end

---@return table[]? cells
---@return table<string, specbench.one_table.asked>|string percentiles by cell; or why there are no cells
local function measured(options, prompts)
  local percentiles = {}
  local cells, message = one.measure {
    url = options.url, engine = options.engine, model = options.model, prompts = prompts,
    concurrency = options.concurrency, rate = options.rate,
    arrivals = options.burstiness and "gamma" or options.arrivals, burstiness = options.burstiness,
    limits = one_load.limits(options), temperature = 0, body = options.body, headers = options.headers,
    chat = not options.completions, seed = options.seed, salt = options.salt, slo = options.slo,
    warmup = options.warmup, send_for = options.seconds, request_timeout = options.request_timeout,
    ready_timeout = options.ready_timeout,
    io_threads = options.io_threads, out = options.out, quiet = options.quiet or not fs.is_terminal(io.stderr),
    around = function(load, id)
      local run, itself = load()
      percentiles[id] = one_table.look_up(options.percentiles, run)
      return run, itself
    end,
  }
  return cells, cells and percentiles or message
end

function self.run(options)
  check(options)
  local prompts, warnings = one_load.prompts(options)
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
