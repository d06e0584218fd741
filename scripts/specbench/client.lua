-- Sends a load and brings back its run: the face of the C driver.

local clock = require "sb.clock"
local core = require "sb.load"
local http = require "specbench.http"
local json = require "specbench.base.json"
local secrets = require "specbench.base.secrets"
local servers = require "specbench.server"
local shape = require "specbench.base.shape"

local client = {}

local PROGRESS_EVERY = 0.1 -- seconds

local text, boolean, lines = shape.string(), shape.boolean(), shape.list(shape.string())
local seconds = shape.number { from = 0, to = 365 * 86400 }

local request_shape = shape.record {
  "request", class = "specbench.request", doc = "One request of a load.",
  fields = {
    { "body", shape.either(text, shape.custom {
      must = "a table", many = "tables", cats = "table", kinds = { table = true },
    }), "a table, or JSON", needed = true },
    { "prompt_id", shape.integer { from = 0 }, "of the prompt", otherwise = "its position, from 0" },
    { "headers", lines, '`"Name: value"`, beside the load\'s' },
    { "max_tokens", shape.integer { from = 1 }, "what the body asks for: an answer that counts more is marked" },
    { "prompt_tokens", shape.integer { from = 0 }, "as the prompt's data tell them", otherwise = "the server's count" },
  },
}

---What bench.load takes.
client.options = shape.record {
  "load", class = "specbench.load_options", doc = "A load: what `bench.load` takes.",
  fields = {
    { "server", shape.custom {
      must = "a server or a URL", page = "server or URL", cats = "specbench.server|string",
      kinds = { string = true, table = true },
      test = function(value) return type(value) == "string" or type(value.url) == "string" end,
    }, "who is asked", needed = true, flaw = function(value)
      return type(value) == "string" and http.flaw(value) or nil
    end },
    { "requests", shape.list(request_shape), "sent in this order; each `{ body, prompt_id?, headers?, max_tokens?, "
      .. "prompt_tokens? }`", needed = true },
    { "concurrency", shape.integer { from = 1 }, "requests in flight at most",
      otherwise = "in a closed loop all of them" },
    { "rate", shape.number { above = 0 }, "an open loop: requests a second of the server's clock",
      otherwise = "a closed loop" },
    { "arrivals", shape.choice { "poisson", "constant", "gamma" }, "of an open loop", default = "poisson" },
    { "burstiness", shape.number { above = 0 }, "shape of gamma arrivals; under 1 is burstier than Poisson",
      otherwise = "1" },
    { "seed", shape.integer(), "of the arrivals", default = 0 },
    { "times", shape.list(shape.number { from = 0, to = 365 * 86400 }), "an open loop without a rate: when each "
      .. "request is to be sent, from the load's start, in order, by the server's clock", unit = "s",
      otherwise = "as `rate` says" },
    { "path", shape.string { such_as = "/v1/completions" }, "of the endpoint", default = "/v1/chat/completions" },
    { "headers", lines, '`"Name: value"`, of every request' },
    { "api_key_file", text, "holds the key", otherwise = "`$SPECBENCH_API_KEY_FILE`, else `$OPENAI_API_KEY`" },
    { "api_key_env", text, "the variable that holds it", otherwise = "`OPENAI_API_KEY`" },
    { "timeout", seconds, "for a whole request; 0: no limit", unit = "s", otherwise = "no limit" },
    { "chunk_timeout", seconds, "without a chunk that brings text or tokens; 0: no limit", unit = "s", default = 300 },
    { "first_token_timeout", seconds, "before the first such chunk", unit = "s", otherwise = "`chunk_timeout`" },
    { "cell_timeout", seconds, "for all requests together: what is left is not sent; 0: no limit", unit = "s",
      otherwise = "no limit" },
    { "send_for", seconds, "in which requests are sent, of the server's clock: the rest is no part of the run; 0: all "
      .. "are sent", unit = "s", otherwise = "all are sent" },
    { "clock_scale", shape.number { above = 0 }, "how many times faster than ours the server's clock runs",
      otherwise = "what the server says: only a simulator's differs" },
    { "event_per_token", boolean, "the engine sends one event a token", default = false },
    { "keep_text", boolean, "records keep the answers' texts", default = false },
    { "whole", boolean, "requests ask for one JSON answer, not for a stream", default = false },
    { "id_prefix", text, "every request carries `X-Request-Id: PREFIX-INDEX`", otherwise = "one of its own" },
    { "io_threads", shape.integer { from = 1, to = 64 }, "event loops, each a thread, that share the streams",
      default = 1 },
    { "own_thread", boolean, "also one event loop is a thread of its own: other loads run beside this one",
      default = false },
    { "on_progress", shape.func("progress", nil, "fun(progress: sb.LoadProgress)"), "called ten times a second" },
  },
}

-- The requests with their bodies as text.
local function with_text(requests)
  local list = {}
  for i, request in ipairs(requests) do
    local body = request.body
    list[i] = {
      body = type(body) == "table" and json.encode(body) or body,
      prompt_id = request.prompt_id, headers = request.headers, max_tokens = request.max_tokens,
      prompt_tokens = request.prompt_tokens,
    }
  end
  return list
end

-- A load against the simulator in no time: no client whose lateness could matter.
local function load_virtually(server, options)
  local run = assert(server.virtual:load(options))
  return run, { bytes = 0, io_threads = 1, given_up = server.virtual:given_up() }
end

---@class specbench.client.itself
---@field lag sb.LoadLag?
---@field reads sb.LoadReads?
---@field bytes integer
---@field io_threads integer
---@field given_up string? why not all was sent

---Sends the requests and waits for all of them.
---@param options specbench.load_options
---@param is_own boolean? the library made them, with bodies as text: looking at each of the requests again would take
---  longer than a simulator in virtual time takes to answer them
---@return specbench.run run userdata, see bindings/meta/sb/measure.lua
---@return specbench.client.itself itself what the client says of itself, for specbench.certificate
function client.load(options, is_own)
  options = is_own and client.options:filled(options) or client.options:read(options, 2)
  local server = options.server
  local url = (type(server) == "table" and server.url or server):gsub("/+$", "") .. options.path
  local headers = { "Content-Type: application/json" }
  for _, header in ipairs(options.headers or {}) do headers[#headers + 1] = header end
  local own, message = http.own_headers(options)
  if not own then error(message, 0) end
  table.move(own, 1, #own, #headers + 1, headers)
  local clock_scale = options.clock_scale or servers.clock_scale(options.server)
  local requests = is_own and options.requests or with_text(options.requests)
  local arrivals
  if options.times then
    if options.rate then error("load: times and rate contradict each other", 2) end
    arrivals = { times = {} }
    for i, time in ipairs(options.times) do arrivals.times[i] = time / clock_scale end
  elseif options.rate and options.rate < math.huge then
    arrivals = {
      kind = options.arrivals, rate = options.rate * clock_scale, burstiness = options.burstiness, seed = options.seed,
    }
  end
  local concurrency = options.concurrency or (not arrivals and #requests or nil)
  if type(server) == "table" and server.virtual then
    if (options.send_for or 0) > 0 then error("send_for: virtual time sends all requests", 2) end
    return load_virtually(server, {
      url = url, requests = requests, arrivals = arrivals, concurrency = concurrency, keep_text = options.keep_text,
      timeout = options.timeout, chunk_timeout = options.chunk_timeout,
      first_token_timeout = options.first_token_timeout or options.chunk_timeout,
    })
  end
  local load <close> = assert(core.start {
    url = url, headers = headers, requests = requests, arrivals = arrivals,
    concurrency = concurrency,
    timeout = options.timeout, chunk_timeout = options.chunk_timeout, cell_timeout = options.cell_timeout,
    first_token_timeout = options.first_token_timeout or options.chunk_timeout,
    send_for = options.send_for and options.send_for / clock_scale,
    event_per_token = options.event_per_token, keep_text = options.keep_text, whole = options.whole,
    id_prefix = options.id_prefix or ("sb-%x"):format(clock.now()), io_threads = options.io_threads,
    own_thread = options.own_thread,
  })
  if options.on_progress then
    while not load:wait(PROGRESS_EVERY) do options.on_progress(load:progress()) end
  else
    load:wait()
  end
  local run = load:run()
  run:redact(secrets.known())
  if clock_scale ~= 1 then run:set_clock_scale(clock_scale) end
  return run, {
    lag = load:lag(), reads = load:reads(), bytes = load:progress().bytes, io_threads = load:io_threads(),
    given_up = load:given_up(),
  }
end

return client
