-- Redraws a results folder from its files.

local command = require "specbench.command"
local report = require "specbench.report"
local store = require "specbench.store"

local self = {
  name = "report",
  summary = "Redraw tables, heatmaps and pictures from a results folder",
  positionals = { { name = "DIR", help = "results folder" } },
  options = command.options {
    { long = "no-pictures", type = "flag", help = "no PNG and SVG files" },
    { long = "no-colour", type = "flag", help = "plain text, also on a terminal" },
  },
  examples = { "specbench report results/round2-quick" },
}

function self.run(options, positionals)
  local the_store, message = store.open(positionals[1])
  if not the_store then command.fail(message) end
  report.write(the_store, { pictures = not options.no_pictures, colour = not options.no_colour and "auto" })
  return 0
end

return self
