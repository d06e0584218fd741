--- What an engine's file returns: its fields, checked when the file is loaded.

local description = require "specbench.engine.description"
local shape = require "specbench.base.shape"
local tables = require "specbench.base.tables"
local unknown = require "specbench.base.unknown"
local version = require "specbench.base.version"

local text, boolean, texts = shape.string { empty = false }, shape.boolean(), shape.list(shape.string())
local path = shape.string { such_as = "/health" }
local RELEASE = "a version such as \"0.26.0\", or \"b10601\" of llama.cpp"

local release = shape.custom {
  must = RELEASE, many = "versions", page = "string", cats = "string", kinds = { string = true },
  test = function(value) return version.numbers(value) ~= nil end,
}

-- Names that are to be keys of a server's description.
local function foreign_key(map)
  for _, key in ipairs(tables.keys(map)) do
    if not description.shape.by_name[key] then return unknown.message("key", key, description.shape.names) end
  end
end

local function foreign_method(map)
  for _, name in ipairs(tables.keys(map)) do
    if not description.methods[name] then
      return unknown.message("method", name, tables.keys(description.methods))
    end
  end
end

local capabilities = shape.record {
  "capabilities", class = "specbench.engine.capabilities", doc = "What was seen in the engine's code or answers.",
  fields = {
    { "prefix_cache_reset", boolean, "its prefix cache can be emptied", needed = true },
    { "chunk_is_step", boolean, "a chunk is what one engine step brought", needed = true },
    { "event_per_token", boolean, "a chunk with text is one token, half UTF-8 characters aside", needed = true },
    { "spawn", boolean, "specbench starts it", needed = true },
  },
}

local ready = shape.record {
  "ready", class = "specbench.engine.ready", doc = "When its server can be loaded.",
  fields = {
    { "path", path, "answered with 200 once it is", needed = true },
    { "timeout_s", shape.number { above = 0 }, "how long that may take, where specbench starts it", unit = "s" },
  },
}

local version_shape = shape.record {
  "version", class = "specbench.engine.version", doc = "How its version is told.",
  fields = {
    { "probe", shape.func("server", "list of strings", "fun(server: table): string[]"),
      "argv of a program that tells the version before the server is started" },
    { "read", shape.func("output", "string or nil", "fun(output: string): string?"), "the version in what it printed" },
    { "paths", shape.list(path), "of the server that is up; the first one that is there answers. None: it does not "
      .. "tell", needed = true },
    { "field", text, "of its answer", needed = true },
  },
  flaw = function(value)
    if value.probe and not value.read then return "probe needs read, which finds the version in what it printed" end
  end,
}

local tokenize = shape.record {
  "tokenize", class = "specbench.engine.tokenize", doc = "How its server counts a text's tokens.",
  fields = {
    { "path", path, "to POST to", needed = true },
    { "body", shape.func("text, model", "table", "fun(text: string, model: string): table"), "what is sent",
      needed = true },
    { "count", shape.func("answer", "integer", "fun(answer: table): integer"), "the tokens in its answer",
      needed = true },
  },
}

local metrics = shape.record {
  "metrics", class = "specbench.engine.metrics", doc = "Its counters.",
  fields = {
    { "path", path, "a page in Prometheus' format", needed = true },
    { "names", texts, "counters whose differences `acceptance` gets", needed = true },
    { "requests", text, "the counter of requests that were answered: a cell compares it with its own, to find those "
      .. "of others" },
    { "output_tokens", text, "the same of the tokens that it wrote, for engines that do not count requests" },
  },
}

local since = shape.record {
  "since", class = "specbench.engine.since", doc = "The first version that has a method or honours a key.",
  fields = {
    { "methods", shape.map(release), "by method", flaw = foreign_method },
    { "keys", shape.map(release), "by key of the description", flaw = foreign_key },
  },
}

local gone = shape.record {
  "gone", class = "specbench.engine.gone", doc = "The first version that no longer has a method.",
  fields = {
    { "methods", shape.map(release), "by method", flaw = foreign_method },
  },
}

local served = shape.record {
  "served", class = "specbench.engine.served", doc = "The versions whose command lines this file writes.",
  fields = {
    { "from", release, "the first one" },
    { "before", release, "the first one that is too new" },
    { "instead", text, "the engine for those beyond", needed = true },
  },
}

local older_profiler = shape.record {
  "older", class = "specbench.engine.older_profiler", doc = "What lets older versions be asked for it.",
  fields = {
    { "before", release, "the first version that it is not for", needed = true },
    { "args", texts }, { "env", shape.environment() },
  },
}

local profiler = shape.record {
  "profiler", class = "specbench.engine.profiler", doc = "Its own profiler; `{output}` stands for its folder.",
  fields = {
    { "args", texts, "that let it be asked for" },
    { "env", shape.environment(), "that lets it be asked for" },
    { "older", older_profiler, "the same of older versions" },
    { "start", path, "to POST to", needed = true },
    { "stop", path, "to POST to", needed = true },
  },
}

local reset = shape.record {
  "prefix_cache_reset", class = "specbench.engine.prefix_cache_reset",
  fields = { { "path", path, "to POST to", needed = true } },
}

local SERVER = "fun(server: table): "

local effective = shape.record {
  "effective", class = "specbench.engine.asks_effective",
  doc = "How a server that is up really runs: by its log, or by what it answers at a path.",
  fields = {
    { "log", shape.func("text", "table", "fun(text: string): specbench.engine.effective"), "from the log so far" },
    { "path", path, "of a JSON answer" },
    { "info", shape.func("answer", "table", "fun(answer: table): specbench.engine.effective"), "from that answer" },
  },
  flaw = function(value)
    if value.path and not value.info then return "path needs info, which reads what is answered there" end
  end,
}

local fit = shape.record {
  "fit", class = "specbench.engine.fit", doc = "What it asks of checkpoints of Hugging Face's kind.",
  fields = {
    { "draft_tensor_parallel", shape.func("server", "integer, or nil and why", "fun(server: table): integer?, string?"),
      "over how many GPUs a draft is spread, or why it cannot be", needed = true },
    { "equal_vocabularies", boolean, "a draft model's vocabulary must be the target's" },
    { "heterogeneous", text, "what of `speculative` lifts that" },
    { "head", shape.func("server, draft", "string or nil",
        "fun(server: table, draft: specbench.checkpoint): string?"), "what is wrong with a head" },
  },
}

return shape.record {
  "engine", class = "specbench.engine",
  doc = "An engine: what its command line, requests and counters look like. What its file returns.",
  fields = {
    { "name", text, "letters, digits, `.`, `_` and `-`; names results folders", needed = true, flaw = function(value)
      if not value:find "^[%w][%w._-]*$" then return "must have letters, digits, . _ - alone" end
    end },
    { "description", text, "one line", needed = true },
    { "capabilities", capabilities, "`prefix_cache_reset`, `chunk_is_step`, `event_per_token`, `spawn`: only what was "
      .. "seen in the engine's code or answers; a wrong `chunk_is_step` spoils every ITL", needed = true },
    { "methods", shape.either(shape.list(shape.string()), shape.map(boolean)), "names of those that it has",
      needed = true, flaw = function(value) return foreign_method(tables.set_of(value)) end },
    { "command", shape.func("server", "{ argv, env, config } or { url }", SERVER .. "specbench.engine.command"),
      "argv and environment from the description: its models resolved to `{ name, path, python, binary, env, "
      .. "engine_args, served_name }`, plus `host`, `port`, `gpus`, `engine_version`. The same description must give "
      .. "the same argv. `config`: a file's text; `{config}` in argv stands for its path", needed = true },
    { "served_name", shape.func("server", "string", SERVER .. "string"), "the `model` of a request's body",
      needed = true },
    { "request", shape.func("body, limits", "body, headers, note",
        "fun(body: table, limits: table?): table, table<string, string>, string?"),
      "the body in the engine's dialect, headers, and a note on what could not be asked for. It comes as OpenAI's, "
      .. "streamed, with `include_usage`; ask for tokens chunk by chunk where the server can tell them "
      .. "(`continuous_usage_stats`): without them no speed-up is paired, and none is judged", needed = true },
    { "acceptance", shape.func("delta, server", "table, or nil and why",
        "fun(delta: table<string, number>, server: table?): table?, string?"),
      "from the differences of the counters named in `metrics.names`: `rate` (accepted / drafted tokens) and "
      .. "`mean_length` (1 + accepted tokens / drafts), and where they are known `drafts`, `draft_tokens`, "
      .. "`accepted_tokens`, `per_position` (a list), `note`", needed = true },
    { "ready", ready, "`path`, answered with 200 once the server is ready, and `timeout_s`", needed = true },
    { "version", version_shape, "how its program (`probe`, `read`) and its server (`paths`, `field`) tell it; "
      .. "`paths = {}` where it does not", needed = true },
    { "metrics", metrics, "`path` of its page of counters, the `names` to read, and the one that counts "
      .. "`requests`, or else `output_tokens`", needed = true },
    { "without", shape.map(text), "key of the description that it cannot honour -> why not, what instead",
      otherwise = "none", flaw = foreign_key },
    { "ignores", shape.map(text), "key without counterpart that changes no figure -> why", otherwise = "none",
      flaw = foreign_key },
    { "own_unsupported", shape.func("server", "string or nil", SERVER .. "string?"),
      "reasons against a description that `without` cannot tell" },
    { "lacks", shape.func("server", "string or nil", SERVER .. "string?"),
      "where it needs more than a program: what this machine lacks of it, told before anything starts" },
    { "twin", shape.func("server", "table or nil", SERVER .. "table?"), "how a plain server must be started to run as "
      .. "this one does where the engine decides: `pinned` of a description; nil: as it is" },
    { "lossy", shape.func("server", "string or nil", SERVER .. "string?"), "which setting of a description may change "
      .. "what the answers say" },
    { "assumed", shape.func("server, task", "true or nil", "fun(server: table, task: string?): true?"),
      "whether nothing published or measured stands behind the acceptance that it plays" },
    { "fit", fit, "what it asks of checkpoints: `draft_tensor_parallel(server)`, `equal_vocabularies`, "
      .. "`heterogeneous`, `head(server, draft)`" },
    { "effective", effective, "how a server that is up really runs: `log(text)`, or `path` and `info(answer)`" },
    { "compilations", shape.func("text", "integer", "fun(text: string): integer"),
      "how many kernels were compiled late, from what was added to the log meanwhile" },
    { "warms_up", boolean, "it compiles or loads kernels when a batch size or a prompt length first occurs",
      otherwise = "no" },
    { "running_usage", boolean, "a server is asked, before its first cell, whether it tells usage as it goes; where it "
      .. "does, `limits.running_usage` says so to `request`", otherwise = "no" },
    { "learns", shape.map(boolean), "methods that keep what answers said for later requests, until they are told to "
      .. "forget at `prefix_cache_reset.path`", otherwise = "none" },
    { "since", since, "`methods`, `keys`: the first version that has them" },
    { "gone", gone, "`methods`: the first version that no longer has them" },
    { "served", served, "`from`, `before`: versions whose command lines it writes; `instead`: the engine for others" },
    { "tokenize", tokenize, "`path`, `body(text, model)`, `count(answer)`: how its server counts tokens" },
    { "prefix_cache_reset", reset, "`path` to POST to" },
    { "profiler", profiler, "its own: `args`, `env` that let it be asked for (`{output}`: its folder), `start` and "
      .. "`stop`, paths to POST to; `older`: the same of versions `before` one" },
    { "log_pattern", text, "in lines of its log that tell totals better than the counters do" },
    { "acceptance_from_log", shape.func("before, after", "table, or nil and why",
        "fun(before: string?, after: string): table?, string?"), "from two of these lines" },
    { "uses_gpus", boolean, "its servers need GPUs: two at once need a pool to share", otherwise = "no" },
    { "idle_is_free", boolean, "an idle server needs no GPU and hardly any memory", otherwise = "no" },
  },
  flaw = function(engine)
    if engine.capabilities.spawn and not engine.ready.timeout_s then
      return "capabilities.spawn needs ready.timeout_s, how long a start may take"
    end
    if engine.capabilities.prefix_cache_reset and not engine.prefix_cache_reset then
      return "capabilities.prefix_cache_reset needs prefix_cache_reset, which says how"
    end
    if engine.log_pattern and not engine.acceptance_from_log then
      return "log_pattern needs acceptance_from_log, which reads such lines"
    end
  end,
}
