-- Sends a load and brings back its run: the face of the C driver.

local core = require "sb.load"
local json = require "specbench.base.json"
local http = require "specbench.http"
local clock = require "sb.clock"

local client = {}

local PROGRESS_EVERY = 0.1 -- seconds

local function check_server(server)
  local url = type(server) == "table" and server.url or server
  if type(url) ~= "string" then error("load: 'server' must be a server or a URL", 3) end
  return (url:gsub("/+$", ""))
end

---Sends the requests and waits for all of them.
---@param options { server: specbench.server|string, requests: table[], concurrency: integer?, rate: number?,
---  arrivals: "constant"|"poisson"|"gamma"?, burstiness: number?, seed: integer?, path: string?, timeout: number?,
---  first_token_timeout: number?, chunk_timeout: number?, cell_timeout: number?, headers: string[]?,
---  event_per_token: boolean?, keep_text: boolean?, whole: boolean?, id_prefix: string?, clock_scale: number?,
---  on_progress: fun(progress: table)?, api_key_file: string?, io_threads: integer? }
---  requests: { body = table or JSON string, prompt_id?, headers?, max_tokens? }, max_tokens being what the body asks
---  for, beside which answers' counts are held; rate: requests a second (open loop);
---  timeouts in seconds: timeout of a request and cell_timeout of all of them together (default none), chunk_timeout
---  without a chunk that brings text or tokens (default 300), first_token_timeout before the first (default the same);
---  io_threads: loops that share the streams (default 1)
---@return specbench.run run userdata, see bindings/meta/sb/measure.lua
---@return { lag: sb.LoadLag?, bytes: integer, io_threads: integer, given_up: string? } client what the client says of
---  itself, for specbench.certificate; given_up: why not all was sent
function client.load(options)
  local url = check_server(options.server) .. (options.path or "/v1/chat/completions")
  local headers = { "Content-Type: application/json" }
  for _, header in ipairs(options.headers or {}) do headers[#headers + 1] = header end
  local authorization, message = http.authorization(options)
  if message then error(message, 0) end
  headers[#headers + 1] = authorization
  local requests = {}
  for i, request in ipairs(options.requests) do
    local body = request.body
    requests[i] = {
      body = type(body) == "table" and json.encode(body) or body,
      prompt_id = request.prompt_id, headers = request.headers, max_tokens = request.max_tokens,
    }
  end
  local arrivals
  if options.rate and options.rate < math.huge then
    arrivals = {
      kind = options.arrivals or "poisson", rate = options.rate, burstiness = options.burstiness,
      seed = options.seed or 0,
    }
  end
  local chunk_timeout = options.chunk_timeout or 300
  local load <close> = assert(core.start {
    url = url, headers = headers, requests = requests, arrivals = arrivals,
    concurrency = options.concurrency or (not arrivals and #requests or nil),
    timeout = options.timeout, chunk_timeout = chunk_timeout, cell_timeout = options.cell_timeout,
    first_token_timeout = options.first_token_timeout or chunk_timeout,
    event_per_token = options.event_per_token, keep_text = options.keep_text, whole = options.whole,
    id_prefix = options.id_prefix or ("sb-%x"):format(clock.now()), io_threads = options.io_threads,
  })
  if options.on_progress then
    while not load:wait(PROGRESS_EVERY) do options.on_progress(load:progress()) end
  else
    load:wait()
  end
  local run = load:run()
  if options.clock_scale then run:set_clock_scale(options.clock_scale) end
  return run, {
    lag = load:lag(), bytes = load:progress().bytes, io_threads = load:io_threads(), given_up = load:given_up(),
  }
end

return client
