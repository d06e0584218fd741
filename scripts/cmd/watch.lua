-- Follows a sweep from its results folder.

local command = require "specbench.cli.command"
local folder = require "specbench.live.folder"
local fs = require "sb.fs"
local live_page = require "specbench.live.page"
local screen = require "specbench.live.screen"
local task = require "specbench.task"
local view = require "specbench.live.view"

local self = {
  name = "watch",
  summary = "Follow a sweep from its results folder, beside it or after it",
  description = "Reads files only, so it disturbs nothing but the disk, and works from any machine that sees the "
    .. "folder. On a terminal it draws until the sweep ends; elsewhere, and where nothing is running, it prints once. "
    .. "With --html it follows the sweep also off a terminal.",
  positionals = { { name = "DIR", help = "results folder" } },
  options = {
    { long = "once", type = "flag", help = "print how far it is, and end" },
    { long = "every", arg = "SECONDS", type = "number", min = 0.1, max = 3600, default = 1,
      help = "time between looks" },
    { long = "html", type = "flag", help = "write report.html as cells land; a browser that shows it reads it again by "
      .. "itself until the sweep has ended" },
  },
  examples = { "specbench watch results/round2",
    { "nice specbench watch results/round2 --html", "a page to keep open; nice leaves the processor to the load" } },
}

-- Colours are for terminals whose user wants them.
local function colour(is_terminal)
  local unwanted = os.getenv "NO_COLOR"
  return is_terminal and os.getenv "TERM" ~= "dumb" and (unwanted == nil or unwanted == "")
end

local function print_once(seen, is_terminal, width)
  local lines = view.lines(seen:state(), { width = is_terminal and width - 1 or 100, rows = 200,
    colour = colour(is_terminal) })
  print(table.concat(lines, "\n"))
end

-- Draws until the sweep ends, writes the page meanwhile, or both.
local function follow(seen, every, shown, page)
  local _ <close> = setmetatable({}, { __close = function() if shown then shown:clear() end end })
  while seen.running do
    if shown then
      shown:draw(function(columns, rows)
        return view.lines(seen:state(), { width = columns, rows = rows, colour = colour(true) })
      end)
    end
    task.sleep(every)
    local is_new = seen:look()
    if page then page:update(seen, is_new) end
  end
end

function self.run(options, positionals)
  local seen, message = folder.open(positionals[1])
  if not seen then command.fail(message) end
  command.warn(seen.warnings)
  seen:look()
  local is_terminal, width = fs.is_terminal(io.stdout)
  local page = options.html and live_page.new(positionals[1], options.every)
  if page then
    print("Page: " .. page:update(seen, true))
    io.stdout:flush()
  end
  local shown = is_terminal and os.getenv "TERM" ~= "dumb"
    and screen.new { out = io.stdout, size = function() return select(2, fs.is_terminal(io.stdout)) end } or nil
  if not options.once and (shown or page) then follow(seen, options.every, shown, page) end
  print_once(seen, is_terminal, width)
  return 0
end

return self
