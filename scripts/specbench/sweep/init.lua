-- Runs a plan: one server after another, each with its cells; what is done stays done.

local clock = require "sb.clock"
local fs = require "sb.fs"
local cell = require "specbench.sweep.cell"
local http = require "specbench.http"
local json = require "specbench.json"
local plan = require "specbench.experiment.plan"
local profile = require "specbench.sweep.profile"
local progress = require "specbench.sweep.progress"
local server = require "specbench.server"
local task = require "specbench.task"

local sweep = {}

local RESTARTS = 2 -- a server that dies in its cells is started again so often before its cells are given up

local function seconds_now()
  return clock.now() / 1e9
end

local function ask_version(engine, s)
  local about = engine.version
  if not about then return nil end
  local response = http.get(s.url .. about.path)
  local answer = response and json.decode(response.body)
  return type(answer) == "table" and answer[about.field] or nil
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

-- Starts the job's server, or takes the one that is up.
local function start_server(self, job, number, gpus)
  local argv, env, url, config = plan.command(self.plan, job, gpus)
  local folder = complete(self, job, number, argv, env, config)
  local s, message
  if not self.plan.engine.capabilities.spawn then
    s = server.external(url)
    local ready = self.plan.engine.ready
    local up
    up, message = http.get(s.url .. ready.path)
    if not up then return nil, "the server is not up: " .. message end
  else
    local ready = self.plan.engine.ready
    s, message = server.start {
      argv = argv, env = env, log = self.store:log("server-" .. number), gpus = gpus, ready = ready.path,
      timeout = self.options.ready_timeout or ready.timeout_s, grace = self.options.grace,
      host = self.options.host, port = self.options.port,
    }
    if not s then return nil, message end
  end
  s.model = self.plan.engine.served_name(job.server)
  s.version = ask_version(self.plan.engine, s)
  s.profile_folder = folder
  return s
end

local function finish_cell(self, result, run, outputs)
  local folder, message = self.store:write(result, run, outputs)
  if not folder then error("cannot keep a cell: " .. message, 0) end
  self.done = self.done + 1
  if result.status == "ok" then
    self.measured = self.measured + 1
  else
    self.failed = self.failed + 1
  end
end

local function line_of(job, result)
  if result.status ~= "ok" then
    return ("FAILED %s: %s"):format(job.description, result.error)
  end
  local m = result.metrics
  return ("%s: %.1f tokens/s, TTFT %.0f ms, TPOT %.2f ms%s"):format(job.description, m.output_throughput,
    m["ttft_ms.mean"] or 0, m["tpot_ms.mean"] or 0,
    result.acceptance and result.acceptance.rate and (", acceptance %.2f"):format(result.acceptance.rate) or "")
end

-- What servers that cannot be had leave undone, told in one line.
local function fail_group(self, batches, from, message)
  local count = 0
  for i = from, #batches do
    for _, job in ipairs(batches[i]) do
      finish_cell(self, cell.refuse(job, message))
      count = count + 1
    end
  end
  self.bar:update { done = self.done, finished = ("FAILED %s%s: %s"):format(batches[from][1].description,
    count > 1 and (" and %d more cells of its server"):format(count - 1) or "", message) }
end

-- Servers of one batch; closing it ends all of them.
local fleet = {}
function fleet:__close()
  for _, s in ipairs(self) do s:__close() end
end

-- All at once, for loading takes minutes; nil and the first complaint where one does not come up.
local function start_fleet(self, batch, number)
  local servers, complaint = setmetatable({}, fleet), nil
  local started = {}
  task.each(batch, function(i, job)
    local suffix = #batch > 1 and ("-%d"):format(i) or ""
    local message
    started[i], message = start_server(self, job, ("%03d%s"):format(number, suffix), batch.gpus[i])
    complaint = complaint or message
  end)
  for i = 1, #batch do servers[#servers + 1] = started[i] end
  if not complaint then return servers end
  fleet.__close(servers)
  return nil, complaint
end
local function stop_fleet(self, servers)
  task.each(servers, function(_, s) s:stop(self.options.grace) end)
end

-- Loads a batch's cells at the same moment. A cell of it that was done before runs beside the others, but is not
-- kept again.
local function measure_batch(self, servers, batch)
  local results, broken = {}, false
  local at_load = #batch > 1 and task.gate(#batch) or nil
  local begun = clock.now()
  local load_seconds = 0
  task.each(batch, function(i, job)
    local result, more = cell.measure(job, servers[i], i == 1 and function(p)
      self.bar:update { done = self.done, cell_fraction = p.done / p.total, requests_done = p.done,
        requests_total = p.total }
    end or nil, at_load)
    results[i] = { job = job, cell = result, more = more }
    load_seconds = math.max(load_seconds, more.load_seconds)
    broken = broken or more.breakdown ~= nil or servers[i]:failure() ~= nil
  end)
  self.server_seconds = self.server_seconds + (#batch > 1 and (clock.now() - begun) / 1e9 or load_seconds)
  return results, broken
end

local function keep(self, results)
  for _, r in ipairs(results) do
    if not self.store:has(r.job.id) then
      finish_cell(self, r.cell, r.more.run, r.more.outputs)
      self.bar:update { done = self.done, finished = line_of(r.job, r.cell) }
    end
  end
end

-- What a profiler wrote is known once its server has ended; cells under one wait for that.
local function keep_profiled(self, held, servers)
  for _, results in ipairs(held) do
    for i, r in ipairs(results) do
      local folder = servers[i].profile_folder
      if folder then
        r.cell.profile = { files = json.array(profile.files(self.store.folder, folder)) }
      end
    end
    keep(self, results)
  end
end

-- Measures batches from `first` on; returns the next one to do when a server died. `held`: results that wait.
local function measure_on(self, servers, batches, first, held)
  for i = first, #batches do
    local batch = batches[i]
    self.bar:update { done = self.done, current = batch[1].description, cell_fraction = 0,
      requests_done = 0, requests_total = #batch[1].workload.prompts.items }
    local results, broken = measure_batch(self, servers, batch)
    if batch.profiled then held[#held + 1] = results else keep(self, results) end
    if broken then return i + 1 end
  end
end

-- The servers of one group, with the batches that still need them.
local function run_group(self, batches, number)
  local next_batch, restarts = 1, 0
  while next_batch and next_batch <= #batches do
    self.bar:update { done = self.done, current = "starting " .. self.plan.engine.name .. " for "
      .. batches[next_batch][1].description, cell_fraction = 0 }
    local begun, held = clock.now(), {}
    local servers <close>, message = start_fleet(self, batches[next_batch], number)
    self.server_seconds = self.server_seconds + (clock.now() - begun) / 1e9
    if not servers then
      fail_group(self, batches, next_batch, message)
      return
    end
    next_batch = measure_on(self, servers, batches, next_batch, held)
    local stopping = clock.now()
    stop_fleet(self, servers)
    self.server_seconds = self.server_seconds + (clock.now() - stopping) / 1e9
    keep_profiled(self, held, servers)
    restarts = restarts + 1
    if next_batch and next_batch <= #batches and restarts > RESTARTS then
      fail_group(self, batches, next_batch, ("its server broke down %d times: see %s"):format(restarts,
        servers[1].log))
      return
    end
  end
end

-- Consecutive batches of the same servers that have a cell to do.
local function pending_groups(self)
  local groups, skipped = {}, 0
  for _, batch in ipairs(self.plan.batches) do
    local missing = 0
    for _, job in ipairs(batch) do
      if not self.store:has(job.id) then missing = missing + 1 end
      batch.profiled = batch.profiled or job.server.profile ~= nil
    end
    skipped = skipped + #batch - missing
    if missing > 0 then
      local last = groups[#groups]
      if not last or last.key ~= batch.servers_key then
        last = { key = batch.servers_key }
        groups[#groups + 1] = last
      end
      last[#last + 1] = batch
    end
  end
  return groups, skipped
end

---@class specbench.sweep.outcome
---@field total integer cells of the plan
---@field skipped integer were done before
---@field measured integer
---@field failed integer
---@field wall_seconds number
---@field server_seconds number of them: servers starting, stopping, warming up and answering

---Runs what is not done yet. Cells are kept as they finish; an interrupt loses at most the one in flight.
---@param the_plan specbench.plan
---@param the_store specbench.store
---@param options { quiet: boolean?, ready_timeout: number?, grace: number?, host: string?, port: integer? }
---@return specbench.sweep.outcome
function sweep.run(the_plan, the_store, options)
  local self = {
    plan = the_plan, store = the_store, options = options, done = 0, measured = 0, failed = 0, server_seconds = 0,
  }
  local begun = clock.now()
  local groups, skipped = pending_groups(self)
  local costs = {}
  for _, group in ipairs(groups) do
    for _, batch in ipairs(group) do
      local missing = 0
      for _, job in ipairs(batch) do missing = missing + (self.store:has(job.id) and 0 or 1) end
      for _ = 1, missing do costs[#costs + 1] = plan.cost(batch) / missing end
    end
  end
  local is_tty = fs.is_terminal(io.stderr)
  self.bar = progress.new {
    now = seconds_now, out = io.stderr, is_tty = is_tty, quiet = options.quiet, costs = costs,
    width = function() return select(2, fs.is_terminal(io.stderr)) end,
  }
  local _farewell <close> = setmetatable({}, { __close = function()
    self.bar:finish()
    if not self.complete and not options.quiet then
      io.stderr:write(("stopped: %d of %d cells are kept in %s; the same command goes on from there\n")
        :format(skipped + self.measured, #the_plan.jobs, the_store.folder))
    end
  end })
  for number, group in ipairs(groups) do run_group(self, group, number) end
  self.complete = true
  return {
    total = #the_plan.jobs, skipped = skipped, measured = self.measured, failed = self.failed,
    wall_seconds = (clock.now() - begun) / 1e9, server_seconds = self.server_seconds,
  }
end

return sweep
