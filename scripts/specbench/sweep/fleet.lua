-- The servers of one session: started when a cell needs them, kept up, started again when they die, given up when
-- that happens too often. What becomes of one does not touch the others.

local cell_shape = require "specbench.results.cell_shape"
local clock = require "sb.clock"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local http = require "specbench.http"
local json = require "specbench.base.json"
local plan = require "specbench.experiment.plan"
local server = require "specbench.server"
local store = require "specbench.results.store"
local stranger = require "specbench.sweep.stranger"
local task = require "specbench.task"
local secrets = require "specbench.base.secrets"
local versions = require "specbench.base.version"
local virtual = require "specbench.virtual"
local watched = require "specbench.sweep.watched"
local workload = require "specbench.experiment.workload"

local fleet = {}

local TRIES, PAUSE = 3, 2 -- to start a server; seconds before the second one, four times as many before each further
local RESTARTS = 2 -- a server that dies in its cells is started again so often before its cells are given up

---@class specbench.fleet
---@field up table<string, specbench.server> by slot
---@field lost table<string, string> slot -> why it is given up
---@field seconds number servers took to start and to stop
local Fleet = {}
Fleet.__index = Fleet

-- A server's own word for its version.
local function ask_version(engine, s)
  for _, path in ipairs(engine.version.paths) do
    local response = http.get(s.url .. path, { authorized = true })
    local answer = response and json.decode(response.body)
    local told = type(answer) == "table" and answer[engine.version.field]
    if type(told) == "string" then return foreign.printable(told) end
  end
end

-- How the server really runs, as far as it or its log tells in a way that a cell can hold.
local function ask_effective(self, engine, s)
  local ways = engine.effective
  if not ways then return nil end
  local found
  if ways.path then
    local response = http.get(s.url .. ways.path)
    local answer = response and json.decode(response.body)
    found = type(answer) == "table" and ways.info(answer)
  elseif s.log then
    found = ways.log(s:said())
  end
  local flaw = found and cell_shape.effective_flaw(found)
  if flaw then self.warn("left out what the server says of how it runs: " .. flaw) end
  return found and not flaw and next(found) and foreign.tree(found) or nil
end

-- A server that is another version than its command line was written for may have understood it otherwise.
local function check_version(self, job, s)
  s.written_for = job.engine_version.known
  if versions.same(s.version, s.written_for) ~= false then return end
  s.version_trouble = ("the command line was written for %s %s, but the server says it is %s"):format(
    self.plan.engine.name, s.written_for, s.version)
  self.warn(s.version_trouble)
end

-- Where a profiler of this server leaves its files: a folder of the results and, in it, a name to begin with.
local function profile_place(self, job, number)
  if not job.server.profile then return nil, nil end
  local name = "profiles/server-" .. number
  return name, self.store:path(name .. "/profile")
end

-- The command with the places of its files in this results folder; the profiler's folder, where there is one.
local function complete(self, job, number, argv, env, config)
  local folder, output = profile_place(self, job, number)
  local values = { output = output }
  if config then
    values.config = self.store:log("server-" .. number):gsub("%.log$", ".yaml")
    assert(fs.write(values.config, config))
  end
  for i, word in ipairs(argv) do argv[i] = word:gsub("{(%w+)}", values) end
  for name, value in pairs(env) do env[name] = value and value:gsub("{(%w+)}", values) end
  return folder
end

-- The slot's server, started or taken as it is; or nil and why it is not to be had.
local function bring_up(self, slot, argv, env, url)
  local engine, options = self.plan.engine, self.options
  if self.plan.virtual then return virtual.start(argv) end
  if engine.capabilities.spawn then
    return server.start {
      argv = argv, env = env, log = self.store:log("server-" .. slot.number), gpus = slot.gpus,
      trees = store.trees(self.store.folder),
      ready = engine.ready.path, timeout = slot.job.deadlines.start, grace = slot.job.deadlines.stop,
      host = options.host, port = options.port,
    }
  end
  local s = server.external(url)
  local models, message = stranger.await(s.url, engine, slot.job.deadlines.start)
  self.down[url] = not models or nil
  s.models = models
  return models and s, message
end

-- A server that dies as it starts is started again, for memory that is not free yet, a port, a file system may be why;
-- the wait grows.
local function bring_up_at_last(self, slot, ...)
  local tries, pause = self.options.start_tries or TRIES, self.options.start_pause or PAUSE
  local s, message, may_help
  for try = 1, tries do
    s, message, may_help = bring_up(self, slot, ...)
    if s or not may_help then break end
    if try < tries then
      self.warn(("start %d of %d failed, the next is in %g s: %s"):format(try, tries, pause,
        (message:gsub("; the last lines of .*", ""))))
      task.sleep(pause)
      pause = 4 * pause
      self:await_memory { slot }
    elseif try > 1 then
      message = ("%d starts failed; the last: %s"):format(try, message)
    end
  end
  return s, message
end

-- What is to be known of somebody else's server before its first cell; returns why it cannot be measured.
local function meet(self, job, s)
  local engine = self.plan.engine
  local model, word = stranger.model(s.url, s.models, engine.served_name(job.server))
  if not model then return word end
  if word then self.warn(word) end
  s.model = model
  s.snapshot = function() return stranger.snapshot(s, engine.metrics.path) end
  local objection = not self.options.restarted
    and stranger.objection(self.store:cells(), s.url, job.server, s.snapshot())
  if objection then return objection end
  if engine.running_usage then
    s.tells_usage = stranger.tells_usage(s.url, workload.path(job.workload), model)
    if not s.tells_usage then
      self.warn(("the server at %s tells usage at an answer's end only: times between tokens are those between chunks")
        :format(secrets.url(s.url)))
    end
  end
end

-- From the moment it is up a server is the fleet's, so that it ends with it whatever fails here.
local function start(self, key)
  local slot, engine = self.slots[key], self.plan.engine
  self.lost[key] = self.quarantine:refusal(key)
  if self.lost[key] then return end
  local argv, env, url, config = plan.command(self.plan, slot.job, slot.gpus)
  local folder = complete(self, slot.job, slot.number, argv, env, config)
  local name = watched.server_name(slot.job)
  self.tell(key, { name = name, state = "starting" })
  local s, message = bring_up_at_last(self, slot, argv, env, url)
  if not s then self.quarantine:note(key, message) end
  if s and not engine.capabilities.spawn then
    s.version = ask_version(engine, s)
    message = meet(self, slot.job, s)
    if message then s = nil end
  end
  self.up[key], self.lost[key] = s, message
  self.tell(key, { name = name, state = s and "up" or "lost" })
  if not s then return end
  s.model = s.model or engine.served_name(slot.job.server)
  s.profile_folder = folder
  s.version = s.version or ask_version(engine, s)
  check_version(self, slot.job, s)
  s.effective = ask_effective(self, engine, s)
end

---@param session specbench.session
---@param number integer of the session in this run: names the servers' logs
---@param about { plan: specbench.plan, store: specbench.store, options: table, warn: fun(line: string),
---  down: table<string, boolean>, quarantine: specbench.quarantine, gpu_memory: specbench.gpu_memory?,
---  bar: specbench.progress } down: URLs of servers that somebody else runs and that were not to be had
---@return specbench.fleet to be closed; nothing is started yet
function fleet.new(session, number, about)
  local self = setmetatable({
    plan = about.plan, store = about.store, options = about.options, warn = about.warn, down = about.down,
    quarantine = about.quarantine, gpu_memory = about.gpu_memory,
    tell = function(key, what) about.bar:server(key, what) end,
    slots = {}, up = {}, lost = {}, deaths = {}, seconds = 0,
  }, Fleet)
  for i, slot in ipairs(session.slots) do
    local suffix = #session.slots > 1 and ("-%d"):format(i) or ""
    self.slots[slot.key] = { job = slot.job, gpus = slot.gpus, number = ("%03d%s"):format(number, suffix) }
  end
  return self
end

-- Waits until the GPUs that are about to be used are free, but for those on which a server of ours is up.
function Fleet:await_memory(slots)
  local engine = self.plan.engine
  if not self.gpu_memory or not engine.capabilities.spawn then return end
  local wanted, all = {}, false
  for _, slot in ipairs(slots) do
    for _, gpu in ipairs(slot.gpus or {}) do wanted[gpu] = true end
    all = all or not slot.gpus and engine.uses_gpus
  end
  for key in pairs(self.up) do
    if not self.slots[key].gpus then return end -- it may have any of them
    for _, gpu in ipairs(self.slots[key].gpus) do wanted[gpu] = nil end
  end
  if all or next(wanted) then self.gpu_memory:await(not all and wanted or nil) end
end

---Starts those of the slots that are not up, or no more, all at once, for loading takes minutes. One that does not come
---up is lost.
---@param keys string[]
---@param on_start fun()? called where there is one to start
function Fleet:need(keys, on_start)
  local missing = {}
  task.sleep(0) -- what became of servers while we were busy is heard of
  for _, key in ipairs(keys) do
    if self.up[key] and self.up[key]:failure() then self:bury(key) end -- it ended between two cells: neither's fault
    if not self.up[key] and not self.lost[key] then missing[#missing + 1] = key end
  end
  if #missing == 0 then return end
  if on_start then on_start() end
  local begun = clock.now()
  local slots = {}
  for i, key in ipairs(missing) do slots[i] = self.slots[key] end
  self:await_memory(slots)
  task.each(missing, function(_, key) start(self, key) end)
  self.seconds = self.seconds + (clock.now() - begun) / 1e9
end

---@param keys string[]
---@return string? key of one that is lost
---@return string? message
function Fleet:first_lost(keys)
  for _, key in ipairs(keys) do
    if self.lost[key] then return key, self.lost[key] end
  end
end

---Ends a server that broke down; it is started again when it is needed, or lost.
---@param key string
function Fleet:bury(key)
  local s, begun = self.up[key], clock.now()
  self.up[key] = nil
  self.tell(key, nil)
  self.deaths[key] = (self.deaths[key] or 0) + 1
  s:stop()
  self.seconds = self.seconds + (clock.now() - begun) / 1e9
  if self.deaths[key] > RESTARTS then
    self.lost[key] = ("its server broke down %d times: see %s"):format(self.deaths[key], s.log or s.url)
  end
end

---Ends all servers, waiting for them.
function Fleet:stop()
  local list, begun = {}, clock.now()
  for _, s in pairs(self.up) do list[#list + 1] = s end
  task.each(list, function(_, s) s:stop() end)
  for key in pairs(self.slots) do self.tell(key, nil) end
  self.up = {}
  self.seconds = self.seconds + (clock.now() - begun) / 1e9
end

function Fleet:__close()
  for _, s in pairs(self.up) do s:__close() end
end

return fleet
