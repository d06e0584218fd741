-- Pictures of a script's own, as the reports' are drawn: local plot = require "specbench.plot"

local drawing = require "specbench.report.plot"
local shapes = require "specbench.report.plot_shape"

local plot = {}

for _, name in ipairs { "lines", "heatmap", "overview" } do
  plot[name] = function(what)
    return drawing[name](shapes[name]:check(what, 2))
  end
end

function plot.heatmaps(list)
  if type(list) ~= "table" then error("plot.heatmaps: must be a list of maps, not a " .. type(list), 2) end
  for _, map in ipairs(list) do shapes.heatmap:check(map, 2) end
  return drawing.heatmaps(list)
end

return plot
