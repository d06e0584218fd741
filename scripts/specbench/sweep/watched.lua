-- How a sweep is followed: what it tells of itself goes to a terminal, to lines, to events, and to the note in the
-- results folder.

local caveats = require "specbench.analysis.caveats"
local clock = require "sb.clock"
local events = require "specbench.live.events"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local note = require "specbench.live.note"
local progress = require "specbench.sweep.progress"
local screen = require "specbench.live.screen"
local tally = require "specbench.live.tally"

local watched = {}

local PAIRED = 200 -- cells done before, up to which their records are read again for the map

local function seconds_now()
  return clock.now() / 1e9
end

-- A terminal that can move its cursor.
local function terminal()
  if not fs.is_terminal(io.stderr) or os.getenv "TERM" == "dumb" then return nil end
  local found = screen.new {
    out = io.stderr, size = function() return select(2, fs.is_terminal(io.stderr)) end,
  }
  local no_colour = os.getenv "NO_COLOR"
  found.colour = no_colour == nil or no_colour == ""
  return found
end

-- What the cells say that were done before.
local function tally_of(the_plan, the_store, cells)
  local planned, before = {}, {}
  for i, job in ipairs(the_plan.jobs) do
    planned[i] = job.key
    before[#before + 1] = cells[job.id]
  end
  local sums = tally.new(the_store, the_store.about, planned)
  sums.store = #before <= PAIRED and the_store or nil
  for _, cell in ipairs(before) do sums:add(cell) end
  sums.store, sums.last = the_store, {}
  return sums
end

local function keep_note(bar, folder)
  local shown, now, servers = bar:shown(), clock.wall() / 1e9, {}
  for i, server in ipairs(shown.servers) do
    servers[i] = {
      name = server.name, state = server.state, since = now - server.seconds, key = server.key,
      requests_total = server.requests_total,
    }
  end
  note.write(folder, {
    begun = now - shown.elapsed_s, left_s = shown.left_s, left_error_s = shown.left_error_s, key = bar.state.key,
    servers = json.array(servers),
  })
end

---@param the_plan specbench.plan
---@param the_store specbench.store
---@param options { quiet: boolean?, full: boolean?, events: specbench.live.events?, progress_out: table? } of sweep.run
---@param costs number[] expected seconds of the cells to be measured
---@param guard specbench.guard that knows the cells that are done
---@return specbench.progress
function watched.new(the_plan, the_store, options, costs, guard)
  local to = options.events
  local shown = not (options.quiet or to or options.progress_out) and terminal() or nil
  local sums = (shown or to) and tally_of(the_plan, the_store, guard:cells()) or nil
  if to then
    to:emit("start", {
      round = the_store.about.round, engine = the_plan.engine.name, results = the_store.folder, cells = sums.total,
      done = sums.done,
    })
  end
  return progress.new {
    now = seconds_now, out = options.progress_out or io.stderr, screen = shown, events = to,
    quiet = options.quiet and not to, costs = not options.schedule and costs or nil, total = #costs,
    brief = not shown and not options.full, is_virtual = the_plan.virtual,
    tally = sums,
    about = {
      title = the_store.about.title or the_store.about.round, engine = the_plan.engine.name, folder = the_store.folder,
      is_simulated = caveats.is_simulator(the_plan.engine.name),
    },
    on_change = not the_plan.virtual and function(bar) keep_note(bar, the_store.folder) end or nil,
  }
end

---@param bar specbench.progress
---@param the_store specbench.store
function watched.finish(bar, the_store)
  bar:finish()
  note.remove(the_store.folder)
end

---What a server is called: its model, method and k.
---@param job specbench.job
---@return string
function watched.server_name(job)
  local server = job.server
  return ("%s %s%s"):format(server.model.name, server.method or "none", server.k and " k=" .. server.k or "")
end

---@param out file*
---@return specbench.live.events
watched.events = events.new

return watched
