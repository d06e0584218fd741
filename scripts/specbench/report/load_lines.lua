-- Pictures of speed-up against load: one a target and method (a task, where tasks disagree), a line a setting.

local caveats = require "specbench.analysis.caveats"
local plot = require "specbench.report.plot"
local words = require "specbench.answer.words"

local load_lines = {}

-- One series a setting, and the cells that its points stand on.
local function series_of(judgement)
  local by_name, order, cells = {}, {}, {}
  for _, at in ipairs(judgement.loads) do
    for _, setting in ipairs(at.settings) do
      local name = setting.setting ~= "" and setting.setting or judgement.method
      if setting.ratio and not by_name[name] then
        by_name[name] = { name = name, points = {} }
        order[#order + 1] = by_name[name]
      end
      if setting.ratio then
        table.insert(by_name[name].points, { x = at.load, y = setting.ratio, low = setting.low, high = setting.high })
        for _, entry in ipairs(setting.entries) do table.move(entry.cells, 1, #entry.cells, #cells + 1, cells) end
      end
    end
  end
  return order, cells
end

---Draws those that have more than one load.
---@param store specbench.store
---@param answer specbench.answer
---@return string[] files
---@return string? complaint why some are missing
function load_lines.write(store, answer)
  local written = {}
  for _, judgement in ipairs(answer.judgements) do
    local series, cells = series_of(judgement)
    if #judgement.loads > 1 and #series > 0 then
      local name = words.name(judgement)
      local path = store:path(("pictures/%s_lines"):format((name:gsub("[^%w.-]", "_"))))
      local ok, message = plot.lines {
        title = ("%s, %s%s"):format(store.about.title or store.about.round, name, caveats.simulated(cells)),
        x_title = words.unit(judgement.load), y_title = words.figure(answer.figure), series = series,
        footer = caveats.footer(cells), png = path .. ".png", svg = path .. ".svg",
      }
      if not ok then return written, message end
      table.move({ path .. ".png", path .. ".svg" }, 1, 2, #written + 1, written)
    end
  end
  return written
end

return load_lines
