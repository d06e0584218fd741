-- A sweep as events for machines: a JSON object a line. Each has `event` and `time` (unix seconds):
--
--   start      round, engine, results, cells, done
--   server     server, state: starting, up, measuring (cell), lost, ended
--   progress   done, cells, failed, elapsed_s, left_s, left_error_s; once a second at most, and where a cell ends
--   cell       id, coordinates, repetition, status, error; the main figures; speedup where its baseline is there
--   line       text: what a person would read, warnings among it
--   end        status: that of the program

local clock = require "sb.clock"
local foreign = require "specbench.base.foreign"
local json = require "specbench.base.json"

local events = {}
events.__index = events

local EVERY_S = 1

-- Of a cell's metrics.
local FIGURES = {
  "output_throughput", "request_throughput", "ttft_ms.mean", "ttft_ms.p99", "tpot_ms.mean", "e2el_ms.mean",
  "request_goodput", "completed",
}

---@class specbench.live.events

---@param out {write: function, flush: function?}
---@return specbench.live.events
function events.new(out)
  return setmetatable({ out = out }, events)
end

---@param name string
---@param fields table
function events:emit(name, fields)
  fields.event, fields.time = name, clock.wall() / 1e9
  self.out:write(foreign.json(json.encode(fields)), "\n")
  if self.out.flush then self.out:flush() end
end

function events:line(text)
  self:emit("line", { text = text })
end

function events:server(server, state)
  self:emit("server", { server = server.name, state = state, cell = server.cell })
end

---@param bar specbench.progress
---@param is_news boolean
function events:progress(bar, is_news)
  local now = bar.now()
  if not is_news and self.told and now - self.told < EVERY_S then return end
  self.told = now
  local shown = bar:shown()
  self:emit("progress", {
    done = shown.done, cells = shown.total, failed = shown.failed, elapsed_s = shown.elapsed_s, left_s = shown.left_s,
    left_error_s = shown.left_error_s,
  })
end

---@param cell table
---@param tally specbench.live.tally?
function events:cell(cell, tally)
  local figures = {}
  for _, name in ipairs(FIGURES) do figures[name] = cell.metrics and cell.metrics[name] end
  self:emit("cell", {
    id = cell.id, coordinates = cell.coordinates, repetition = cell.repetition, status = cell.status,
    error = cell.error, metrics = figures, acceptance = cell.acceptance and cell.acceptance.rate,
    speedup = tally and tally.ratios[cell.key],
  })
end

return events
