--- Live progress of a sweep: what is done, how long the rest will take, what the servers do. On a terminal it is the
--- live view (specbench.live.view), elsewhere plain lines, or events for machines.
--
--   local sweep = progress.new {
--     now = clock.seconds, out = io.stderr, screen = screen.new { ... }, costs = { 30, 30, 60 },
--   }
--   sweep:update { done = 0, current = "none polish 256 c=1" }
--   sweep:server("none", { name = "none", state = "measuring", cell = "polish 256 c=1", requests_total = 96 })
--   sweep:update { done = 1, finished = "none polish 256 c=1: 91 token/s" }
--   sweep:finish()

local foreign = require "specbench.base.foreign"
local view = require "specbench.live.view"

local progress = {}
progress.__index = progress

local REDRAW_INTERVAL_S = 0.1
local FEWEST = 3 -- cells from which on their spread says how far the time that is left may be off
local CONFIDENT = 1.96

---@class specbench.progress.options
---@field now fun(): number monotonic time in seconds
---@field out {write: function, flush: function?} where to, as io.stderr
---@field screen? specbench.live.screen a terminal's
---@field events? specbench.live.events instead of lines for people
---@field quiet? boolean nothing is written
---@field brief? boolean off a terminal only failed cells have a line each
---@field is_virtual? boolean costs are no seconds of ours
---@field total? integer number of cells; #costs unless told
---@field costs? number[] expected seconds of each cell, in the order of the run
---@field tally? specbench.live.tally what landed cells say
---@field about? { title: string, engine: string, folder: string, is_simulated: boolean } for the live view
---@field on_change? fun(progress: specbench.progress) where a cell or a server changes its state

---@class specbench.progress.state
---@field done? integer cells finished in this run
---@field total? integer cells of this run
---@field current? string what is running
---@field key? string of the cell that is running
---@field cell_fraction? number 0 to 1, how much of the current cell is done
---@field eta_s? number seconds left; worked out from the costs unless told
---@field finished? string result of the cell that has just been finished
---@field failed? boolean the cell that has just been finished

---@param options specbench.progress.options
---@return specbench.progress
function progress.new(options)
  local costs, until_cell = options.costs or {}, { [0] = 0 }
  for i, cost in ipairs(costs) do
    until_cell[i] = until_cell[i - 1] + cost
  end
  return setmetatable({
    now = options.now, out = options.out, screen = options.screen, events = options.events,
    quiet = options.quiet, brief = options.brief, is_virtual = options.is_virtual,
    tally = options.tally, about = options.about,
    on_change = options.on_change or function() end,
    until_cell = until_cell, cells_with_cost = #costs, ratios = {}, servers = {}, by_key = {},
    started = options.now(), counted = options.now(),
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
--- moments of the first cell, a server's start, do not swing the estimate; not in virtual time,
--- whose costs are no seconds of ours.
---@return number|nil seconds nil where no costs were given
function progress:eta()
  if self.state.eta_s then
    return self.state.eta_s
  end
  local behind, all = self:cost_behind()
  if not behind then
    return nil
  end
  local average = self.is_virtual and 0 or all / self.cells_with_cost
  if behind + average == 0 then
    return nil
  end
  local ratio = (self.now() - self.started + average) / (behind + average)
  return (all - behind) * ratio
end

--- How far the time that is left may be off, by how differently cells took longer or shorter than expected.
---@return number|nil seconds half of a 95 % interval; nil before there are enough cells to tell
function progress:eta_error()
  local behind, all = self:cost_behind()
  local n, left = #self.ratios, self.state.total - self.state.done
  if not behind or n < FEWEST or left < 1 or self.state.eta_s then return nil end
  local sum, squares = 0, 0
  for _, ratio in ipairs(self.ratios) do sum = sum + ratio end
  for _, ratio in ipairs(self.ratios) do squares = squares + (ratio - sum / n) ^ 2 end
  return CONFIDENT * math.sqrt(squares / (n - 1) * (1 / n + 1 / left)) * (all - behind)
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

--- "12:05, 31:20 left (± 6:10)"
function progress:time_text()
  return view.time { elapsed_s = self.now() - self.started, left_s = self:eta(), left_error_s = self:eta_error() }
end

--- Everything that the live view shows.
---@return specbench.live.state
function progress:shown()
  local now, tally, servers = self.now(), self.tally, {}
  for i, server in ipairs(self.servers) do
    servers[i] = { seconds = now - server.since }
    for key, value in pairs(server) do servers[i][key] = value end
    servers[i].cell = tally and server.key and tally:name(server.key) or server.cell
    local load = server.progress
    if load then
      servers[i].requests_done, servers[i].requests_total = load.done, load.total
      servers[i].running, servers[i].waiting = load.in_flight, load.total - load.sent
      local seconds = (now - server.since) * (server.clock_scale or 1)
      servers[i].tokens_s = load.tokens > 0 and seconds > 0 and load.tokens / seconds or nil
    end
  end
  local about = self.about or { title = "", engine = "", folder = "" }
  return {
    title = about.title, engine = about.engine, folder = about.folder, is_simulated = about.is_simulated,
    total = tally and tally.total or self.state.total, done = tally and tally.done or self.state.done,
    failed = tally and tally.failed or 0, fraction = self:fraction(), elapsed_s = now - self.started,
    left_s = self:eta(), left_error_s = self:eta_error(), servers = servers, last = tally and tally.last or {},
    map = tally and tally:map(self.state.key),
  }
end

function progress:write(text)
  self.out:write(text)
  if self.out.flush then
    self.out:flush()
  end
end

function progress:redraw(is_news)
  local now = self.now()
  if not self.screen or self.quiet or self.ended then return end
  if not is_news and self.drawn_at and now - self.drawn_at < REDRAW_INTERVAL_S then return end
  self.drawn_at = now
  self.screen:draw(function(width, rows)
    return view.lines(self:shown(), { width = width, rows = rows, colour = self.screen.colour })
  end)
end

-- What the cells that have just ended took, in units of what was expected.
local function count_time(self, before)
  local now, n = self.now(), self.cells_with_cost
  local cost = self.until_cell[math.min(self.state.done, n)] - self.until_cell[math.min(before, n)]
  local cells = self.state.done - before
  for _ = 1, cost > 0 and cells or 0 do self.ratios[#self.ratios + 1] = (now - self.counted) / cost end
  self.counted = now
end

--- Tells what has changed; fields left out keep their values, but the fraction belongs to a cell and starts anew when
--- `done` grows.
---@param change specbench.progress.state
function progress:update(change)
  local state, before = self.state, self.state.done
  local cell_ended = change.done ~= nil and change.done > before
  local ended = change.finished or state.current
  if cell_ended then
    state.cell_fraction, state.current, state.eta_s, state.key = 0, nil, nil, nil
  end
  for key, value in pairs(change) do
    if key ~= "finished" and key ~= "failed" then
      state[key] = value
    end
  end
  if cell_ended then count_time(self, before) end
  if cell_ended or change.key then self.on_change(self) end
  if self.quiet or self.ended then
    return
  end
  if self.events then
    self.events:progress(self, cell_ended)
  elseif self.screen then
    if change.finished and change.failed then self:line(change.finished) end
    self:redraw(cell_ended)
  elseif cell_ended and (change.failed or not self.brief) then
    self:line(table.concat(
      { ("cell %d/%d"):format(state.done, state.total), self:time_text(), ended }, "  "))
  end
end

--- What a server does from now on; nil: it is gone.
---@param key string of the server
---@param server { name: string, state: string, cell: string?, key: string?, requests_total: integer?,
---  clock_scale: number? }? key: of the cell
function progress:server(key, server)
  local known = self.by_key[key]
  if not (known or server) then return end
  if known and not server then
    self.by_key[key] = nil
    for i, one in ipairs(self.servers) do
      if one == known then table.remove(self.servers, i) end
    end
  elseif server then
    server.since = self.now()
    if known then
      server.name = server.name or known.name
      for i, one in ipairs(self.servers) do
        if one == known then self.servers[i] = server end
      end
    else
      self.servers[#self.servers + 1] = server
    end
    self.by_key[key] = server
  end
  if self.events then self.events:server(server or known, server and server.state or "ended") end
  self.on_change(self)
  self:redraw(true)
end

--- How far the load on a server is.
---@param key string of the server
---@param load sb.LoadProgress
function progress:loading(key, load)
  if self.by_key[key] then self.by_key[key].progress = load end
  self:redraw()
end

--- A cell that has been kept.
---@param cell table
function progress:landed(cell)
  if self.tally then self.tally:add(cell) end
  if self.events then self.events:cell(cell, self.tally) end
end

--- Writes a line that stays above the live view.
---@param text string
function progress:line(text)
  if self.quiet then return end
  text = foreign.clean(text)
  if self.events then return self.events:line(text) end
  if self.screen and not self.ended then
    self.screen:line(text)
    return self:redraw(true)
  end
  self:write(text .. "\n")
end

--- Takes the live view away. Later updates write nothing.
function progress:finish()
  self.ended = true
  if self.screen then self.screen:clear() end
end

return progress
