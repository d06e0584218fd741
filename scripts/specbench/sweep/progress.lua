--- Live progress of a sweep: one line redrawn in place on a terminal, plain lines elsewhere.
--
--   local sweep = progress.new {
--     now = clock.seconds, out = io.stderr, is_tty = true, costs = { 30, 30, 60 },
--   }
--   sweep:update { done = 0, current = "none polish 256 b=1", requests_done = 3,
--     requests_total = 96, cell_fraction = 3 / 96 }
--   sweep:update { done = 1, finished = "none polish 256 b=1: 91 token/s" }
--   sweep:finish()

local foreign = require "specbench.base.foreign"
local text_table = require "specbench.base.text_table"

local progress = {}
progress.__index = progress

local REDRAW_INTERVAL_S = 0.1
local BAR_WIDTH = 10

---@class specbench.progress.options
---@field now fun(): number monotonic time in seconds
---@field out {write: function, flush: function?} where to, as io.stderr
---@field is_tty? boolean whether `out` is a terminal
---@field quiet? boolean nothing is written
---@field brief? boolean off a terminal only failed cells have a line each
---@field total? integer number of cells; #costs unless told
---@field costs? number[] expected seconds of each cell, in the order of the run
---@field width? integer|fun(): integer columns of the terminal, 80 unless told

---@class specbench.progress.state
---@field done? integer cells finished in this run
---@field total? integer cells of this run
---@field current? string what is running
---@field cell_fraction? number 0 to 1, how much of the current cell is done
---@field requests_done? integer of the current cell
---@field requests_total? integer of the current cell
---@field eta_s? number seconds left; worked out from the costs unless told
---@field finished? string result of the cell that has just been finished; a permanent line
---@field failed? boolean the cell that has just been finished

--- Seconds as "0:42", "12:05" or "1:02:03".
---@param seconds number
---@return string
function progress.duration(seconds)
  local s = math.floor(math.max(0, seconds) + 0.5)
  if s >= 3600 then
    return ("%d:%02d:%02d"):format(s // 3600, s % 3600 // 60, s % 60)
  end
  return ("%d:%02d"):format(s // 60, s % 60)
end

---@param options specbench.progress.options
---@return specbench.progress
function progress.new(options)
  local costs, until_cell = options.costs or {}, { [0] = 0 }
  for i, cost in ipairs(costs) do
    until_cell[i] = until_cell[i - 1] + cost
  end
  return setmetatable({
    now = options.now, out = options.out,
    is_tty = options.is_tty, quiet = options.quiet, brief = options.brief,
    width = options.width or 80,
    until_cell = until_cell, cells_with_cost = #costs,
    started = options.now(), shown = false,
    state = { done = 0, total = options.total or #costs, cell_fraction = 0 },
  }, progress)
end

--- Expected seconds of what is done, and of the whole run; nil where no costs were given.
function progress:cost_behind()
  local n = self.cells_with_cost
  local all = self.until_cell[n]
  if all <= 0 then
    return nil
  end
  local done = math.min(self.state.done, n)
  local in_cell = (self.until_cell[done + 1] or all) - self.until_cell[done]
  return self.until_cell[done] + in_cell * self.state.cell_fraction, all
end

--- Seconds left by the expected costs, corrected by how this run compares with them so far. One
--- average cell that took exactly what was expected is counted in as well, so that the first
--- moments of the first cell, a server's start, do not swing the estimate.
---@return number|nil seconds nil where no costs were given
function progress:eta()
  if self.state.eta_s then
    return self.state.eta_s
  end
  local behind, all = self:cost_behind()
  if not behind then
    return nil
  end
  local average = all / self.cells_with_cost
  local ratio = (self.now() - self.started + average) / (behind + average)
  return (all - behind) * ratio
end

--- How much of the run is done, 0 to 1: by cost where costs were given, else by cells.
function progress:fraction()
  local behind, all = self:cost_behind()
  if behind then
    return behind / all
  end
  local state = self.state
  return state.total == 0 and 0 or math.min(1, (state.done + state.cell_fraction) / state.total)
end

function progress:time_text()
  local eta = self:eta()
  local text = progress.duration(self.now() - self.started)
  return eta and ("%s, %s left"):format(text, progress.duration(eta)) or text
end

function progress:status()
  local state, fraction = self.state, self:fraction()
  local filled = math.floor(BAR_WIDTH * fraction)
  local parts = {
    ("cell %d/%d"):format(math.min(state.done + 1, state.total), state.total),
    ("[%s%s] %3d%%"):format(
      ("#"):rep(filled), ("."):rep(BAR_WIDTH - filled), math.floor(100 * fraction)),
    self:time_text(),
  }
  if state.requests_total then
    parts[#parts + 1] = ("%d/%d requests"):format(state.requests_done or 0, state.requests_total)
  end
  parts[#parts + 1] = state.current
  return table.concat(parts, "  ")
end

function progress:write(text)
  self.out:write(text)
  if self.out.flush then
    self.out:flush()
  end
end

function progress:erase()
  if self.shown then
    self.shown = false
    return "\r\27[K"
  end
  return ""
end

function progress:redraw()
  local now = self.now()
  if self.drawn_at and now - self.drawn_at < REDRAW_INTERVAL_S then
    return
  end
  self.drawn_at = now
  local width = type(self.width) == "function" and self.width() or self.width
  -- A line that fills the last column makes some terminals wrap.
  local line = text_table.cut(foreign.clean(self:status()), width - 1)
  self:write(self:erase() .. line)
  self.shown = true
end

--- Tells what has changed; fields left out keep their values, but the request counts and the
--- fraction belong to a cell and start anew when `done` grows.
---@param change specbench.progress.state
function progress:update(change)
  local state = self.state
  local cell_ended = change.done ~= nil and change.done > state.done
  local ended = change.finished or state.current
  if cell_ended then
    state.cell_fraction, state.requests_done, state.requests_total = 0, nil, nil
    state.current, state.eta_s = nil, nil
  end
  for key, value in pairs(change) do
    if key ~= "finished" and key ~= "failed" then
      state[key] = value
    end
  end
  if self.quiet or self.ended then
    return
  end
  if self.is_tty then
    if change.finished then
      self:line(change.finished)
    end
    self:redraw()
  elseif cell_ended and (change.failed or not self.brief) then
    self:line(table.concat(
      { ("cell %d/%d"):format(state.done, state.total), self:time_text(), ended }, "  "))
  end
end

--- Writes a line that stays. The progress line comes back under it with the next update.
---@param text string
function progress:line(text)
  if not self.quiet then
    self:write(self:erase() .. foreign.clean(text) .. "\n")
  end
end

--- Takes the progress line away. Later updates write nothing.
function progress:finish()
  self.ended = true
  if self.shown then
    self:write(self:erase())
  end
end

return progress
