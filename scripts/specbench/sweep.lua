-- Runs a plan: one server after another, each with its cells; what is done stays done.

local clock = require "sb.clock"
local fs = require "sb.fs"
local cell = require "specbench.cell"
local http = require "specbench.http"
local json = require "specbench.json"
local plan = require "specbench.plan"
local progress = require "specbench.progress"
local server = require "specbench.server"

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

-- Starts the job's server, or takes the one that is up.
local function start_server(self, job, number)
  local argv, env, url = plan.command(self.plan, job)
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
      argv = argv, env = env, log = self.store:log(("server-%03d"):format(number)), ready = ready.path,
      timeout = self.options.ready_timeout or ready.timeout_s, grace = self.options.grace,
      host = self.options.host, port = self.options.port,
    }
    if not s then return nil, message end
  end
  s.model = self.plan.engine.served_name(job.server)
  s.version = ask_version(self.plan.engine, s)
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

-- What a server that cannot be had leaves undone, told in one line.
local function fail_group(self, jobs, from, message)
  for i = from, #jobs do finish_cell(self, cell.refuse(jobs[i], message)) end
  local more = #jobs - from
  self.bar:update { done = self.done, finished = ("FAILED %s%s: %s"):format(jobs[from].description,
    more > 0 and (" and %d more cells of its server"):format(more) or "", message) }
end

-- Measures jobs from `first` on; returns the next one to do when the server died.
local function measure_on(self, s, jobs, first)
  for i = first, #jobs do
    local job = jobs[i]
    self.bar:update { done = self.done, current = job.description, cell_fraction = 0,
      requests_done = 0, requests_total = #job.workload.prompts.items }
    local result, more = cell.measure(job, s, function(p)
      self.bar:update { done = self.done, cell_fraction = p.done / p.total, requests_done = p.done,
        requests_total = p.total }
    end)
    self.server_seconds = self.server_seconds + more.load_seconds
    finish_cell(self, result, more.run, more.outputs)
    self.bar:update { done = self.done, finished = line_of(job, result) }
    if more.breakdown or s:failure() then return i + 1 end
  end
end

-- One server configuration with the cells that still need it.
local function run_group(self, jobs, number)
  local next_job, restarts = 1, 0
  while next_job and next_job <= #jobs do
    self.bar:update { done = self.done, current = "starting " .. self.plan.engine.name .. " for "
      .. jobs[next_job].description, cell_fraction = 0 }
    local begun = clock.now()
    local s <close>, message = start_server(self, jobs[next_job], number)
    self.server_seconds = self.server_seconds + (clock.now() - begun) / 1e9
    if not s then
      fail_group(self, jobs, next_job, message)
      return
    end
    next_job = measure_on(self, s, jobs, next_job)
    local stopping = clock.now()
    s:stop(self.options.grace)
    self.server_seconds = self.server_seconds + (clock.now() - stopping) / 1e9
    restarts = restarts + 1
    if next_job and next_job <= #jobs and restarts > RESTARTS then
      fail_group(self, jobs, next_job, ("its server broke down %d times: see %s"):format(restarts, s.log))
      return
    end
  end
end

local function pending_groups(self)
  local groups, skipped = {}, 0
  for _, job in ipairs(self.plan.jobs) do
    if self.store:has(job.id) then
      skipped = skipped + 1
    else
      local last = groups[#groups]
      if not last or last.key ~= job.server_key then
        last = { key = job.server_key }
        groups[#groups + 1] = last
      end
      last[#last + 1] = job
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
  local costs, total = {}, 0
  for _, group in ipairs(groups) do
    for _, job in ipairs(group) do
      total = total + 1
      costs[total] = job.cost
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
