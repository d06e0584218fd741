-- What a plan says to those who wait for it or doubt it.

local workload = require "specbench.experiment.workload"

local plan_text = {}

local STEADY = 4 -- prompts a stream with which most of a cell's time has all its streams at work

---Cells with so few prompts that they measure how the load runs out.
---@param self specbench.plan
---@return string? warning
function plan_text.thin(self)
  local cells, streams, worst = 0, 0, math.huge
  for _, job in ipairs(self.jobs) do
    local per_stream = workload.per_stream(job.workload)
    if per_stream and per_stream < 2 then
      cells = cells + 1
      worst, streams = math.min(worst, per_stream), math.max(streams, job.workload.concurrency)
    end
  end
  if cells == 0 then return nil end
  return ("%d cells have fewer than 2 prompts a stream (down to %.1f at concurrency %d) and measure how the load runs "
    .. "out: %d prompts would hold %d streams; --prompts-per-stream %d repeats prompts")
    :format(cells, worst, streams, STEADY * streams, streams, STEADY)
end

---How repeats of baseline and method follow each other, for those who wait for it.
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
  if sessions.interleaved then
    lines[1] = ("Repeats: cells of baseline and methods in turn, %s ..., on %d servers kept up at once"):format(
      self.base_first and "A B, A B (whose answers take over A's lengths)" or "A B, B A, A B", most.interleaved)
  end
  if sessions["before and after"] and self.base_first then
    lines[#lines + 1] = "Repeats: not all servers fit at once: the baseline's cells before its methods', whose answers "
      .. "take over their lengths (--gpus, --at-once: let them alternate)"
  elseif sessions["before and after"] and self.starts_each > 1 then
    lines[#lines + 1] = "Repeats: not all servers fit at once: in every start one after another, the baseline first in "
      .. "odd starts and last in even ones (--gpus, --at-once: let them alternate)"
  elseif sessions["before and after"] then
    lines[#lines + 1] = ("Repeats: not all servers fit at once: the baseline's odd repeats before its methods' cells, "
      .. "its even ones after them; %d server start%s more than servers (--gpus, --at-once: let them alternate)")
      :format(starts - count, starts - count == 1 and "" or "s")
  end
  return lines
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
  local lines, seen = { plan_text.thin(self) }, {}
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
