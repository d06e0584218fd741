-- What a plan says to those who wait for it or doubt it.

local keys = require "specbench.results.keys"
local money = require "specbench.base.money"
local prompts = require "specbench.experiment.workload_prompts"
local workload = require "specbench.experiment.workload"

local plan_text = {}

local STEADY = 4 -- prompts a stream with which most of a cell's time has all its streams at work

---Cells with so few prompts that they mostly measure how the load ramps down.
---@param self specbench.plan
---@return string? warning
function plan_text.thin(self)
  local cells, worst, thinnest = 0, math.huge, nil
  for _, job in ipairs(self.jobs) do
    local per_stream = workload.per_stream(job.workload)
    if per_stream and per_stream < 2 then
      cells = cells + 1
      if per_stream < worst then worst, thinnest = per_stream, job.workload end
    end
  end
  if cells == 0 then return nil end
  local streams = thinnest.concurrency
  return ("%d cell%s of fewer than 2 prompts a stream mostly measure%s ramp-down: %d prompts cannot keep %d streams "
    .. "busy, %d would; --prompts-per-stream %d repeats prompts"):format(cells, cells == 1 and "" or "s",
    cells == 1 and "s" or "", #thinnest.prompts.items, streams, STEADY * streams, STEADY)
end

local function is_repeated(self)
  for _, job in ipairs(self.jobs) do
    if job.repetition > 1 then return true end
  end
  return false
end

---How cells of baseline and method follow each other, for those who wait for it.
---@param self specbench.plan
---@return string[] lines
function plan_text.order_lines(self)
  local sessions, most, servers, starts = {}, {}, {}, 0
  for _, session in ipairs(self.sessions) do
    sessions[session.order] = (sessions[session.order] or 0) + 1
    most[session.order] = math.max(most[session.order] or 0, #session.slots)
    starts = starts + #session.slots
    for _, slot in ipairs(session.slots) do servers[slot.key] = true end
  end
  local count = 0
  for _ in pairs(servers) do count = count + 1 end
  local lines = {}
  if sessions.interleaved and not is_repeated(self) then
    lines[1] = ("Servers: up to %d at once, started together; cells of baseline and methods in turn"):format(
      most.interleaved)
  elseif sessions.interleaved then
    lines[1] = ("Repeats: cells of baseline and methods in turn, %s ..., on %d servers kept up at once"):format(
      self.base_first and "A B, A B (whose answers take over A's lengths)" or "A B, B A, A B", most.interleaved)
  end
  if sessions["before and after"] and self.base_first then
    lines[#lines + 1] = "Repeats: not all servers fit at once: the baseline's cells before its methods', whose answers "
      .. "take over their lengths (--at-once, or a GPU named twice in --gpus: let them alternate)"
  elseif sessions["before and after"] and self.starts_each > 1 then
    lines[#lines + 1] = "Repeats: not all servers fit at once: in every start one after another, the baseline first in "
      .. "odd starts and last in even ones (--at-once, or a GPU named twice in --gpus: let them alternate)"
  elseif sessions["before and after"] then
    lines[#lines + 1] = ("Repeats: not all servers fit at once: the baseline's odd repeats before its methods' cells, "
      .. "its even ones after them; %d server start%s more than servers (--at-once, or a GPU named twice in --gpus: "
      .. "let them alternate)")
      :format(starts - count, starts - count == 1 and "" or "s")
  end
  return lines
end

---How long work takes that is spread over GPUs.
---@param self specbench.plan
---@param list specbench.unit[]? what is measured side by side; nil: nothing is
---@param most integer units at once at most
---@param makespan number? expected seconds
---@param duration fun(seconds: number): string
---@return string? line
function plan_text.pool_line(self, list, most, makespan, duration)
  if not list then return nil end
  local starts, alone, gpus = 0, 0, #self.pool.gpus
  for _, unit in ipairs(list) do
    for _, session in ipairs(unit.sessions) do starts = starts + #session.slots end
  end
  for _, session in ipairs(self.sessions) do alone = alone + #session.slots end
  return ("GPUs: %d units of a baseline and its methods side by side on %d GPUs%s: about %s from the first to the "
    .. "last, server starts included (%d of them, %d on one GPU)"):format(#list, gpus, most < gpus
      and (", at most %d at once, for each client needs a core of its own"):format(most) or "", duration(makespan),
      starts, alone)
end

---What the plan costs in GPU time and money, by its estimate.
---@param self specbench.plan
---@param list specbench.unit[]? what is measured side by side; nil: nothing is
---@param makespan number? expected seconds, where there is a list
---@param gpu_seconds number of one GPU, servers' starts included
---@param price number of a GPU hour
---@return string "1295 GPU hours, server starts included: 2590 at 2 a GPU hour"
function plan_text.money(self, list, makespan, gpu_seconds, price)
  local used = ("%s, server starts included: %s at %g a GPU hour"):format(money.hours(gpu_seconds),
    money.cost(gpu_seconds, price), price)
  if not list then return used end
  local held = #self.pool.gpus * makespan
  return ("%s; %d GPUs held from the first to the last, %s: %s"):format(used, #self.pool.gpus, money.hours(held),
    money.cost(held, price))
end

---@class specbench.plan_text.cost
---@field seconds number of one server after another, without their starts
---@field list specbench.unit[]? what is measured side by side; nil: nothing is
---@field most integer units at once at most
---@field makespan number? seconds of that
---@field gpu_seconds number of one GPU, servers' starts included

-- What --find k costs at most: the budget, or the whole grid.
local function search_line(self, cost, options, time)
  local is_cut = options.budget and options.budget < cost.seconds
  local gpu_seconds, widest = cost.gpu_seconds, 1
  for _, session in ipairs(self.sessions) do
    for _, slot in ipairs(session.slots) do widest = math.max(widest, #(slot.gpus or {})) end
  end
  if options.budget then gpu_seconds = math.min(gpu_seconds, options.budget * widest) end
  local gpus = #(self.pool.gpus or {})
  local idle = gpus > widest and (" (%d of %d GPUs at a time)"):format(widest, gpus) or ""
  return ("Search: only the cells that it takes to know the best k within %g %%, one server after another%s: at most "
    .. "%s%s")
    :format(100 * options.tolerance, idle, is_cut and time(options.budget) .. " (--budget)"
      or ("the whole grid, %s"):format(time(cost.seconds)), options.price
      and "; " .. plan_text.money(self, nil, nil, gpu_seconds, options.price) or "")
end

---How --until goes on after its first look, and what it costs at most.
---@param self specbench.plan
---@param ahead specbench.plan_text.cost of what the first look still measures
---@param whole specbench.plan_text.cost of the first look
---@param options table of the command line
---@param time fun(seconds: number): string
---@return string line
function plan_text.until_line(self, ahead, whole, options, time)
  local more = (options.rule.cap - options.repeats) / options.repeats -- of the first look
  local function most(field) return ahead[field] and ahead[field] + more * (whole[field] or 0) end
  return ("Repeats: %d of every cell at first, then more of those that --until %s asks for, up to %d: at most %s%s")
    :format(options.repeats, options["until"], options.rule.cap, time(most "makespan" or most "seconds"), options.price
      and "; " .. plan_text.money(self, ahead.list, most "makespan", most "gpu_seconds", options.price) or "")
end

---Over how many starts of the servers the repeats are spread, and what that costs.
---@param self specbench.plan
---@param duration fun(seconds: number): string
---@return string? line nil where there is no choice
function plan_text.starts_line(self, duration)
  local cost = self.starts_cost
  if not cost then return nil end
  local added = ("%s (%.0f %%)"):format(duration(cost.added), 100 * cost.added / cost.total)
  if self.starts_each > 1 then
    return ("Starts: repeats are spread over %s of every server, which adds %s; intervals stand on them"):format(
      self.rule and "starts, one a repeat," or self.starts_each .. " starts", added)
  end
  return ("Starts: one of every server for all repeats, so intervals and verdicts speak of that start alone; %s would "
    .. "add %s: --starts 3"):format(self.rule and "one a repeat" or "3", added)
end

---How the plan is gone through, and what that costs.
---@param self specbench.plan
---@param cost specbench.plan_text.cost of what is ahead
---@param options table of the command line
---@param time fun(seconds: number): string
---@return string[] lines
function plan_text.course(self, cost, options, time)
  if options.find == "k" then return { search_line(self, cost, options, time) } end
  local lines = plan_text.order_lines(self)
  lines[#lines + 1] = plan_text.starts_line(self, time)
  lines[#lines + 1] = plan_text.pool_line(self, cost.list, cost.most, cost.makespan, time)
  if options.price and cost.seconds > 0 then
    lines[#lines + 1] = "Money: " .. plan_text.money(self, cost.list, cost.makespan, cost.gpu_seconds, options.price)
  end
  if options.find == "rate" then
    lines[#lines + 1] = "Search: these are the first rates; which follow, and what they cost, hangs on what is measured"
  end
  return lines
end

-- "method=draft concurrency=1", of the axes that a baseline has to agree on.
local function like(r, job)
  local words = {}
  for _, axis in ipairs(r.axes) do
    local value = job.coordinates[axis.name]
    if value ~= nil and r.baseline[axis.name] == nil then
      words[#words + 1] = ("%s=%s"):format(axis.name, tostring(value))
    end
  end
  return table.concat(words, " ")
end

local function named(r)
  local words = {}
  for _, axis in ipairs(r.axes) do
    local value = r.baseline[axis.name]
    if value ~= nil then words[#words + 1] = ("%s=%s"):format(axis.name, tostring(value)) end
  end
  return table.concat(words, " ")
end

-- Those of the jobs whose baseline the results folder does not have either.
local function still_alone(r, jobs, held)
  local cells = table.move(held, 1, #held, 1, {})
  for _, job in ipairs(jobs) do
    cells[#cells + 1] = { coordinates = job.coordinates, repetition = job.repetition, key = job.key, job = job }
  end
  local list = {}
  for _, cell in ipairs(keys.find_baselines(r, cells)) do list[#list + 1] = cell.job end
  return list
end

---Cells that will have no speed-up for want of a baseline.
---@param self specbench.plan
---@param held (fun(): table[])? cells that the results folder has; asked where it matters
---@return string[] warnings
function plan_text.baselines(self, held)
  local r, alone = self.round, self.alone
  if not r.baseline then
    return { 'the round names no baseline, so no cell gets a speed-up: baseline = { method = "none" } names one' }
  end
  local lines = {}
  local function say(jobs, format)
    if #jobs == 0 then return end
    lines[#lines + 1] = format:format(#jobs, #jobs == 1 and "" or "s", named(r), like(r, jobs[1]))
  end
  say(alone.missing, "%d cell%s will have no baseline and no speed-up: the grid has no cell with %s that agrees with "
    .. "%s on every axis that it has")
  say(alone.refused, "%d cell%s will have no baseline and no speed-up: the engine cannot serve %s, as for %s")
  local left_out = #alone.left_out > 0 and still_alone(r, alone.left_out, held and held() or {}) or {}
  say(left_out, "%d cell%s will have no baseline and no speed-up: --only, --set or --quick leaves out %s, as for %s")
  return lines
end

---Repeats that send the same prompts: data.prompts drew them with one seed for all, or a file has no others.
---@param self specbench.plan
---@return string? warning
function plan_text.same_prompts(self)
  local first, places, count, one = {}, {}, 0, nil
  for _, job in ipairs(self.jobs) do
    local place = keys.place(job.key)
    local hash = prompts.hash(prompts.once(job.workload.prompts))
    first[place] = first[place] or { job = job, hash = hash }
    if first[place].job ~= job and first[place].hash == hash and not places[place] then
      places[place], count, one = true, count + 1, one or job
    end
  end
  if count == 0 then return nil end
  local set = prompts.once(one.workload.prompts)
  local is_drawn_once = set.seed and set.seed ~= one.seed
  return ("every repeat of %d cell%s sends the same %s, so intervals say nothing of other prompts; %s"):format(
    count, count == 1 and "" or "s",
    is_drawn_once and ("prompts, drawn with seed %d"):format(set.seed) or ("%d prompts"):format(#set.items),
    is_drawn_once and "prompts = { dataset = ... } is drawn anew for each repeat"
      or "with `count` below the rows of the file each repeat draws its own")
end

---Cells that send their texts several times over.
---@param self specbench.plan
---@return string? warning
function plan_text.repeated(self)
  local cells, one = 0, nil
  for _, job in ipairs(self.jobs) do
    local set = job.workload.prompts
    if prompts.once(set) ~= set then
      cells = cells + 1
      if not one or #set.items > #one.items then one = set end
    end
  end
  if cells == 0 then return nil end
  return ("%d cell%s their texts several times over: up to %d requests of %d texts"):format(cells,
    cells == 1 and " sends" or "s send", #one.items, #prompts.once(one).items)
end

---What the command lines are written for, where that is a guess.
---@param self specbench.plan
---@return string? note
function plan_text.guess(self)
  for _, job in ipairs(self.jobs) do
    local why = job.engine_version.why
    if why then
      return ("the version of %s is not known (%s): command lines are those of the newest (--engine-version tells it)")
        :format(self.engine.name, why)
    end
  end
end

---What would make figures worth less, or cells missing.
---@param self specbench.plan
---@return string[] warnings
function plan_text.warnings(self)
  local lines = { plan_text.same_prompts(self) }
  lines[#lines + 1] = plan_text.repeated(self)
  lines[#lines + 1] = plan_text.thin(self)
  local of_prompts = plan_text.of_prompts(self)
  return table.move(of_prompts, 1, #of_prompts, #lines + 1, lines)
end

---What is wrong with the prompts that cells were given: fewer than were asked for, say.
---@param self specbench.plan
---@return string[] warnings
function plan_text.of_prompts(self)
  local lines, seen = {}, {}
  for _, job in ipairs(self.jobs) do
    local warning = job.workload.prompts.warning
    if warning and not seen[warning] then
      seen[warning] = true
      lines[#lines + 1] = warning
    end
  end
  return lines
end

return plan_text
