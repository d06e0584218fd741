-- Options that several commands have, declared once, in the groups under which --help lists them.

local deadlines = require "specbench.experiment.deadlines"
local match = require "specbench.experiment.match"
local tables = require "specbench.base.tables"

local option_groups = {}

-- Of every command that loads a server. How a load is driven is no part of what a cell is, so cells' identities do
-- not have it; each one's certificate says how many there were.
option_groups.io_threads = { long = "io-threads", arg = "N", type = "int", min = 1, max = 64, default = 1,
  help = "threads that share the client's streams, where one core is not enough" }

-- Of every command that asks a server of somebody else's.
option_groups.cacert = { long = "cacert", arg = "FILE", help = "certificates (PEM) by which an https:// server is "
  .. "trusted, in place of the system's; else $SSL_CERT_FILE" }

-- Of every command that draws prompts.
option_groups.datasets = { long = "datasets", arg = "DIR", env = "SPECBENCH_DATASETS",
  help = "folder of the real data files, or `cache` for what `specbench dataset fetch` brought; "
    .. "without it synthetic prompts of the same lengths" }

-- Of every command that sends requests.
option_groups.body = { long = "body", arg = "KEY=VALUE", repeated = true, help = "a field of every request, VALUE as "
  .. "JSON or text: top_p=0.9, 'chat_template_kwargs={\"enable_thinking\":false}'" }

option_groups.header = { long = "header", arg = "NAME:VALUE", repeated = true, help = "a header of every request; "
  .. "what authenticates from a file: 'X-Api-Key: @FILE'" }

-- Of every command that compares cells.
option_groups.across_hosts = { long = "across-hosts", type = "flag",
  help = "a baseline that was measured on another host counts too, where GPU model and driver are the same" }

-- Of every command that says what a sweep costs.
option_groups.price = { group = "Results", long = "price", arg = "N", type = "number", min = 0,
  help = "of a GPU hour, in any currency: what the sweep costs or saved is told in money too, and by reports what a "
    .. "million output tokens cost" }

local groups = {
  deadlines = deadlines.options(),
  grid = {
    { long = "set", arg = "AXIS=V1,V2", repeated = true, help = "the axis takes these values: numbers may be new, "
      .. "words must be among the round's" },
    { long = "only", arg = "AXIS=V1,V2", repeated = true, help = "only these of the axis' values" },
    { long = "quick", type = "flag", help = "the small version that the round declares" },
    { long = "repeats", arg = "N", type = "int", min = 1, max = 1000, default = 1,
      help = "measure every cell N times" },
    { long = "starts", arg = "S", type = "int", min = 1, max = 1000, help = "spread the repeats over S starts of every "
      .. "server, which intervals then stand on (with --until 2 or more means one per repeat); default 3 where they "
      .. "add less than a tenth of the time, else 1" },
    { long = "baseline", arg = "NAME", help = "compare with the round's baseline of this name (round1: as-published)" },
    { long = "limits", arg = "NAME", help = "limit answers as the round's limits of this name do (round3: "
      .. "as-published)" },
    { long = "seed", arg = "N", type = "int", default = 12345,
      help = "seed of prompts and sampling; repeat r uses N + r - 1" },
  },
  engine = {
    { long = "engine", arg = "NAME", default = "sim",
      help = "what serves: sim, llamacpp, vllm, vllm_v0, sglang, trtllm, external, or a file of your own: ./mine.lua" },
    { long = "engine-version", arg = "VERSION",
      help = "version of the engine that is started, whose command lines differ; else its program is asked" },
    { long = "models", arg = "FILE", env = "SPECBENCH_MODELS",
      help = "Lua file: model name -> path, or {path, python, binary, version, env, engine_args, url}" },
    { long = "model", arg = "NAME=PATH", repeated = true,
      help = "where one of the round's models is; with a running server, the name to ask it for" },
    { long = "url", arg = "URL", help = "address of the running server (engine external)" },
    option_groups.cacert,
    { long = "restarted", type = "flag",
      help = "the server at --url was restarted for this method, though nothing that it tells shows it" },
    { long = "gpus", arg = "0-7", help = "GPUs to use, numbers or UUIDs (those visible): families of servers, each a "
      .. "baseline with its methods, are measured side by side on them; one named twice holds two servers at once" },
    { long = "at-once", arg = "N", type = "int", min = 1, help = "servers of a family up at once at most, on GPUs of "
      .. "their own, so that repeats of baseline and method alternate (1: one after another)" },
    { long = "start-tries", arg = "N", type = "int", min = 1, max = 100, default = 3,
      help = "starts of a server that dies before it is ready, until it is given up" },
    { long = "start-pause", arg = "SECONDS", type = "number", min = 0, max = 86400, default = 2,
      help = "before a server is started once more; four times as long before each further start" },
    { long = "match", arg = "MODE", type = "choice", choices = match.modes, default = "deployed",
      help = "what is compared: deployed, each side at the engine's own defaults; or pinned, each method with a plain "
        .. "server started to run the way the method does" },
    { long = "profile", arg = "COMMAND",
      help = "run servers under a profiler: nsys, any command ({output}: its file), or the server's own: server" },
    { long = "virtual", type = "flag", help = "the simulator alone, in virtual time: no waiting, no sockets, the same "
      .. "bytes for a seed (results/ROUND[-quick]-virtual)" },
    { long = "speed", arg = "N", type = "number", min = 0.001, max = 1000,
      help = "the simulator's clock runs N times faster (20 with --quick, else 1)" },
  },
  data = {
    option_groups.datasets,
    { long = "tokenizer", arg = "URL",
      help = "a server of --engine that is up: its /tokenize counts prompts whose length no file states" },
    { long = "prompts-per-stream", arg = "N", type = "int", min = 1, max = 1000000,
      help = "repeat prompts, each time with a new beginning, until a cell has this many per stream" },
    { long = "temperature", arg = "N", type = "number", min = 0, help = "of every request, instead of the round's" },
    option_groups.body,
    option_groups.header,
    { long = "salt", arg = "WHEN", type = "choice", choices = { "auto", "always", "never" }, default = "auto",
      help = "begin every prompt with a number of its cell: auto where a prefix cache cannot be emptied or ruled out" },
  },
  search = {
    { long = "find", arg = "WHAT", help = "k=2%: measure only the cells that it takes to know the "
      .. "best k of each method, task and load within 2 %, and predict the rest, or rate: look for the highest request "
      .. "rate at which --slo is met, instead of measuring the grid's loads (results/ROUND...-rate, rates.jsonl)" },
    { long = "budget", arg = "TIME", help = "stop --find k (which this implies) after this long, "
      .. "all its runs in the folder together: 3h, 45m; the cells that tell most come first" },
    { long = "slo-share", arg = "N", type = "number", min = 0.5, max = 1, default = 0.99,
      help = "with --find rate: the share of the requests that must meet --slo" },
    option_groups.price,
  },
  results = {
    { long = "out", short = "o", arg = "DIR", help = "results folder (results/ROUND[-quick]; with an engine other than "
      .. "the simulator results/ROUND[-quick]-ENGINE; --match pinned and --limits NAME are appended)" },
  },
  share = {
    { long = "share", type = "flag", help = "be one of several workers, on any machines, that share the results "
      .. "folder: give each the same command" },
    { long = "unit-time", arg = "TIME", default = "1h", help = "with --share: how long the pieces of work are, of a "
      .. "baseline and its methods each (45m, 600s); every one starts its servers anew" },
    { long = "no-wait", type = "flag", help = "with --share: end when others are at what is left, instead of waiting "
      .. "whether they finish it" },
    { long = "unit", arg = "ID", repeated = true, help = "with --share: of the pieces only these (specbench plan ROUND "
      .. "--json lists them)" },
    { long = "stale", arg = "SECONDS", type = "number", min = 0.5, max = 365 * 86400, default = 180,
      help = "with --share: a worker without a sign of life for so long is dead, and another takes its piece over "
        .. "(the same for all)" },
  },
  measure = {
    { long = "slo", arg = "TTFT=MS,TPOT=MS", help = "goodput counts requests within these: ttft, tpot, e2el, in ms" },
    { long = "lengths", arg = "MODE", type = "choice", choices = { "free", "fixed", "replay" }, default = "free",
      help = "how long answers get: free, as the model ends them; fixed, each as long as its limit (ignore_eos); "
        .. "replay, methods' as long as the baseline's own, which goes first" },
    { long = "until", arg = "RULE", help = "repeat each cell until its interval suffices: ci=3% (half width), or "
      .. "decided; intervals are widened for every look" },
    { long = "cap", arg = "N", type = "int", min = 3, max = 20, help = "with --until: repeats at most (10)" },
    { long = "no-rerun", type = "flag", help = "do not measure once more what leaves the trend of its neighbours or "
      .. "stood still (both results are kept, the second counts)" },
    { long = "quarantine", arg = "N", type = "int", min = 0, default = 3, help = "a cell that failed N times, in this "
      .. "folder, is not tried again, nor a server that did not come up N times in this run (0: always)" },
    { long = "fresh", type = "flag",
      help = "measure everything anew, with --only that alone; what was there is moved aside, not deleted" },
    option_groups.across_hosts,
    { group = "Results", long = "no-pictures", type = "flag", help = "no PNG and SVG files" },
    { group = "Results", long = "no-text", type = "flag", help = "do not keep the answers' texts, only their hashes" },
    { group = "Results", long = "no-records", type = "flag",
      help = "do not keep the requests' timelines, only the cells' figures: no "
        .. "paired speed-ups, nothing for `specbench show`" },
    option_groups.io_threads,
    { group = "Results", long = "full", type = "flag",
      help = "every map, table and note at the end, not the answer on one screen; off a "
        .. "terminal one line per cell" },
    { group = "Results", long = "json", type = "flag",
      help = "what happens as events for programs: one JSON object per line on standard "
        .. "output, and no report there; of a plan: the pieces of work of run --share, with GPUs, cells, seconds, "
        .. "state" },
    { group = "Results", long = "quiet", short = "q", type = "flag", help = "no progress, no answer" },
  },
}

-- What stands over each group in --help and in the man page.
local headings = {
  grid = "Cells", share = "Many machines", engine = "Engine and servers", data = "Prompts", measure = "Measuring",
  search = "Searching", results = "Results", deadlines = "Deadlines",
}
-- What people ask for every day; the others' names stand in --help alone.
local daily = tables.set_of {
  "set", "only", "quick", "repeats", "engine", "models", "url", "gpus", "virtual", "datasets", "fresh", "find", "out",
  "full",
}

---Options under a heading of --help, but for those that name another.
---@param heading string
---@param list specbench.cli.option[]
---@return specbench.cli.option[]
function option_groups.under(heading, list)
  local options = {}
  for i, option in ipairs(list) do
    options[i] = { group = heading }
    for key, value in pairs(option) do options[i][key] = value end
  end
  return options
end

for name, options in pairs(groups) do
  groups[name] = option_groups.under(headings[name], options)
  for _, option in ipairs(groups[name]) do option.seldom = not daily[option.long] or nil end
end

---Options of the named groups, lists of options and single ones, in this order.
---@param list (string|specbench.cli.option|specbench.cli.option[])[]
---@return specbench.cli.option[]
function option_groups.of(list)
  local options = {}
  for _, item in ipairs(list) do
    local found = type(item) == "string" and groups[item] or item[1] and item
    if found then
      table.move(found, 1, #found, #options + 1, options)
    else
      options[#options + 1] = item
    end
  end
  return options
end

return option_groups
