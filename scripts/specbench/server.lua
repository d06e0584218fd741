-- Server processes: started, waited for until they are ready, and ended with everything they started.

local proc = require "sb.proc"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local secrets = require "specbench.base.secrets"
local signal = require "sb.signal"
local clock = require "sb.clock"
local http = require "specbench.http"
local json = require "specbench.base.json"
local shape = require "specbench.base.shape"
local task = require "specbench.task"

local server = {}

---@class specbench.server
---@field url string "http://HOST:PORT"
---@field host string
---@field port integer
---@field argv string[] as started, {port} and {host} filled in
---@field log string path of its log file; one that the caller did not name goes with a server that ended well
---@field log_start integer bytes that earlier servers left in it
---@field ready_seconds number how long it took to become ready
local Server = {}
Server.__index = Server

local POLL_FIRST, POLL_LONGEST = 0.01, 0.5 -- seconds between two questions whether it is ready
local LOG_LINES = 15
local TREES_SECONDS = 60 -- that what earlier runs left may take to end
local FASTEST = 1e6 -- that a simulator's clock runs, in the world's seconds
local LAST_BREATH = 0.3 -- seconds: connections of a process that ends break before its exit is seen

local function fill(text, values)
  return (text:gsub("{(%w+)}", values))
end

-- The reason, and under it what this server said last.
local function with_log(self, reason)
  local tail = proc.tail(self.log, LOG_LINES, self.log_start)
  if not tail or tail == "" then return ("%s (it wrote nothing to its log %s)"):format(reason, self.log) end
  tail = foreign.clean(tail):gsub("[^\n]+", "    %0"):gsub("\n$", "")
  return ("%s; the last lines of %s:\n%s"):format(reason, self.log, tail)
end

-- Readiness as a function that answers true once it is reached.
local function probe_of(ready, self)
  if type(ready) == "function" then return function() return ready(self) end end
  if type(ready) == "table" and ready.log then
    return function() return self:said():find(ready.log) ~= nil end
  end
  local path = type(ready) == "table" and ready.path or ready or "/health"
  return function()
    return http.get(self.url .. path, { timeout = 5, authorized = true }) ~= nil
  end
end

-- Waits for the first of: ready, dead, out of time.
local function await_ready(self, ready, seconds)
  local probe, done, outcome, detail = probe_of(ready, self), signal.new(), nil, nil
  local function settle(what, why)
    if not outcome then
      outcome, detail = what, why
      done:notify()
    end
  end
  local _prober <close> = task.spawn(function()
    local pause = POLL_FIRST
    local ok, message = pcall(function()
      while not probe() do
        task.sleep(pause)
        pause = math.min(pause * 1.5, POLL_LONGEST)
      end
    end)
    settle(ok and "ready" or "error", message)
  end)
  local _death <close> = task.spawn(function()
    self.process:wait()
    settle "dead"
  end)
  local _deadline <close> = task.spawn(function()
    task.sleep(seconds)
    settle "late"
  end)
  if not outcome then done:wait() end
  if outcome == "ready" then return true end
  if outcome == "dead" then return nil, self:failure(), self.process:status() ~= "failed" end
  if outcome == "error" then return nil, ("readiness of %s: %s"):format(self.argv[1], detail) end
  return nil, with_log(self, ("server %s was not ready after %g s (--ready-timeout waits longer)"):format(self.argv[1],
    seconds))
end

-- Why what answers is not the server that was started; nil where it is, or where nobody can tell.
local function stranger(self)
  local who, pid = self.process:listener(self.host, self.port)
  if who ~= "stranger" then return nil end
  local name = (fs.read(("/proc/%d/comm"):format(pid)) or "?"):gsub("%c", "")
  return with_log(self, ("process %d (%s), which %s did not start, listens at %s: end it; a server that runs "
    .. "elsewhere, as in a container, is measured with --engine external"):format(pid, name, self.argv[1],
      self.url))
end

local function choose_port(options, host)
  if not options.port then return proc.free_port(host) end
  if proc.port_taken(host, options.port) then
    return nil, ("port %d on %s is taken: end what holds it, or give another port"):format(options.port, host)
  end
  return options.port
end

---What bench.server.start takes.
server.options = shape.record {
  "server.start", class = "specbench.server_options", doc = "A server to start: what `bench.server.start` takes.",
  fields = {
    { "argv", shape.list(shape.string(), { least = 1 }), "its command line; `{port}` and `{host}` are filled in, here "
      .. "and in `env`", needed = true },
    { "env", shape.environment(), "its environment beside ours" },
    { "cwd", shape.string(), "the folder that it starts in", otherwise = "ours" },
    { "trees", shape.string(), "a folder where it is noted while it lives, so that it can be ended once specbench and "
      .. "its supervisor were killed", otherwise = "nowhere" },
    { "log", shape.string(), "the file that its output is appended to", otherwise = "one that goes with it" },
    { "log_bytes", shape.integer { from = 1 }, "of the log beyond which it is moved to a file of its name with `.1` "
      .. "behind it, in place of an earlier one, and begun anew", unit = "bytes", otherwise = "64 MiB" },
    { "gpus", shape.list(shape.either(shape.integer { from = 0 }, shape.string { such_as = "GPU-5f1b" })),
      "the GPUs that it sees: numbers, UUIDs", otherwise = "all" },
    { "host", shape.string(), "the address that it listens on", default = "127.0.0.1" },
    { "port", shape.integer { from = 1, to = 65535 }, "its port", otherwise = "a free one" },
    { "ready", shape.either(shape.string { such_as = "/health" }, shape.record {
      "ready", class = "specbench.server_ready", doc = "When a server is ready: one of the two.",
      fields = {
        { "path", shape.string { such_as = "/health" }, "answered with 2xx" },
        { "log", shape.string(), "a pattern that its log has" },
      },
      flaw = function(value) return not value.path == not value.log and "path or log is needed, one of them" or nil end,
    }, shape.func("server", "boolean", "fun(server: specbench.server): boolean")),
      "a path that is answered with 2xx, `{ log = PATTERN }`, or a function that is asked again and again",
      otherwise = "`\"/health\"`" },
    { "timeout", shape.number { above = 0 }, "until it must be ready", unit = "s", default = 600 },
    { "grace", shape.number { from = 0, to = 365 * 86400 }, "from SIGTERM to SIGKILL", unit = "s", default = 10 },
  },
}

---Starts a server and waits until it is ready.
---@param options specbench.server_options
---@return specbench.server? server
---@return string? message with the log's last lines
---@return boolean? may_help it died as it started: another start may succeed
function server.start(options)
  options = server.options:read(options, 2)
  local host = options.host
  local port, message = choose_port(options, host)
  if not port then return nil, message end
  local values = { port = tostring(port), host = host }
  local argv, env = {}, {}
  for i, word in ipairs(options.argv) do argv[i] = fill(word, values) end
  -- a server has no use for the key with which this program asks servers
  env.OPENAI_API_KEY, env.SPECBENCH_API_KEY_FILE = false, false
  for name, value in pairs(options.env or {}) do env[name] = value and fill(tostring(value), values) end
  if options.gpus and #options.gpus > 0 then env.CUDA_VISIBLE_DEVICES = table.concat(options.gpus, ",") end
  local log = options.log or assert(fs.temporary())
  local found = fs.stat(log)
  local self = setmetatable({
    host = host, port = port, url = ("http://%s:%d"):format(host:find ":" and "[" .. host .. "]" or host, port),
    argv = argv, env = env, gpus = options.gpus, log = log, log_start = found and found.size or 0,
    grace = options.grace,
    health = type(options.ready) == "string" and options.ready or nil,
  }, Server)
  local begun = clock.now()
  self.process, message = proc.start {
    argv = argv, env = env, cwd = options.cwd, log = log, log_bytes = options.log_bytes, grace = self.grace,
    trees = options.trees,
  }
  if not self.process then return nil, message end
  -- also where the task that waits for it is cancelled
  local _unless_ready <close> = setmetatable({}, { __close = function()
    if not self.ready_seconds then self:__close() end
  end })
  local ready, may_help
  ready, message, may_help = await_ready(self, options.ready, options.timeout)
  message = ready and stranger(self) or message
  if not ready or message then return nil, message, may_help end
  self.ready_seconds = (clock.now() - begun) / 1e9
  self.passing_log = not options.log
  return self
end

---Ends the servers that earlier runs left, and waits until all they started is gone.
---@param folder string where they are noted
---@return integer? ended how many processes
---@return string? message
function server.end_left(folder)
  local ended, waited = 0, 0
  while true do
    local left, message = proc.end_trees(folder)
    if not left then return nil, message end
    ended = math.max(ended, left.ended) -- who has not quite gone yet is killed once more
    if left.running == 0 then
      return ended, left.elsewhere and ("servers of an earlier run may still be up on %s: there, `specbench cleanup` "
        .. "ends them"):format(left.elsewhere) or nil
    end
    if waited >= TREES_SECONDS then
      return nil, ("%d processes of an earlier run are still there after %g s, %d one of them: they hang, or their "
        .. "supervisor waits for them"):format(left.running, waited, left.pid)
    end
    task.sleep(POLL_FIRST)
    waited = waited + POLL_FIRST
  end
end

---A server that somebody else runs; closing it does nothing.
---@param url string "http://HOST:PORT", with or without a path behind it
---@return specbench.server
function server.external(url)
  local flaw = type(url) ~= "string" and "must be a URL, not a " .. type(url) or http.flaw(url)
  if flaw then error("server.external: " .. flaw, 2) end
  return setmetatable({ url = url:gsub("/+$", ""), argv = {}, external = true, ready_seconds = 0 }, Server)
end

---How many times as fast as the world's a server's clock runs. A simulator tells (`specbench sim --speed`); all else
---runs at the world's.
---@param of specbench.server|string a server, which is asked once, or the URL of one
---@return number
function server.clock_scale(of)
  local handle = type(of) == "table" and of or { url = of }
  if handle.virtual then return 1 end -- no clock runs at all
  if not handle.told_scale then
    local answer = http.get(handle.url:gsub("/+$", "") .. "/version", { timeout = 5 })
    local told = answer and json.decode(answer.body)
    local scale = type(told) == "table" and tonumber(told.clock_scale) or 1
    handle.told_scale = scale > 0 and scale <= FASTEST and scale or 1 -- anybody may answer there
  end
  return handle.told_scale
end

---What it wrote to its log.
---@param from integer? bytes that the log had before what is asked for; default: when it was started
---@return string text "" where it has no log
function Server:said(from)
  local file = self.log and io.open(self.log, "rb")
  if not file then return "" end
  local _ <close> = file
  from = from or self.log_start
  file:seek("set", file:seek "end" < from and 0 or from) -- shorter: it was begun anew since
  return file:read "a" or ""
end

---@return integer bytes of its log, for :said later
function Server:log_size()
  local found = self.log and fs.stat(self.log)
  return found and found.size or 0
end

---Why it is not running, with the log's last lines; nil while it runs.
---@return string? message
function Server:failure()
  if self.external then return nil end
  local state, how = self.process:status()
  if state == "running" or state == "starting" then return nil end
  if state == "failed" then return how end
  return with_log(self, ("server %s ended (%s)"):format(self.argv[1], how or state))
end

---Why no more can be asked of it after requests failed: it ended, or does not answer for its health any more.
---@return string? message
function Server:breakdown()
  if self.external then return nil end
  self.process:wait(LAST_BREATH)
  local reason = self:failure()
  if reason or not self.health then return reason end
  local healthy, message = http.get(self.url .. self.health, { authorized = true })
  return not healthy and with_log(self, ("server %s is not well: %s"):format(self.argv[1], message)) or nil
end

---Asks it to end, waits for the whole process tree.
---@param grace number? seconds from SIGTERM to SIGKILL
function Server:stop(grace)
  if self.external then return end
  if self.passing_log and not self:failure() then
    os.remove(self.log)
    os.remove(self.log .. ".1")
  end
  self.passing_log = nil
  self.process:stop(grace or self.grace)
  self.process:wait_end()
  secrets.scrub_file(self.log) -- servers print their command lines
  secrets.scrub_file(self.log .. ".1")
end

-- While a task is being cancelled nothing may wait: the supervisor ends the tree then, on its own.
function Server:__close()
  if self.external then return end
  if not pcall(self.stop, self) then self.process:close() end
end

return server
