-- Pictures of speed-up against load: one a target and method (a task, where tasks disagree), a line a setting.

local caption = require "specbench.report.caption"
local caveats = require "specbench.analysis.caveats"
local keys = require "specbench.results.keys"
local marks = require "specbench.answer.marks"
local plot = require "specbench.report.plot"
local words = require "specbench.answer.words"

local load_lines = {}

local function is_open(setting)
  return setting.ramp_up or setting.verdict == "none" or setting.verdict == "undecided"
end

-- One series a setting, by its value, the speed-ups that the points stand on, and what the picture has: bands, rings.
local function series_of(judgement, figure)
  local by_name, list, entries, has = {}, {}, {}, {}
  for _, at in ipairs(judgement.loads) do
    for _, setting in ipairs(at.settings) do
      local name = setting.setting ~= "" and setting.setting or judgement.method
      if setting.ratio and not by_name[name] then
        by_name[name] = { name = name, points = {} }
        list[#list + 1] = by_name[name]
      end
      if setting.ratio then
        local open = figure == "paired" and is_open(setting)
        table.insert(by_name[name].points, { x = at.load, y = setting.ratio, low = setting.low, high = setting.high,
          hollow = open })
        table.move(setting.entries, 1, #setting.entries, #entries + 1, entries)
        has.rings, has.bands = has.rings or open, has.bands or setting.low ~= nil
      end
    end
  end
  return keys.by_number(list, "name"), entries, has
end

local function footer_of(answer, about, entries, has)
  local cells, seen = {}, {}
  for _, entry in ipairs(entries) do
    table.move(entry.cells, 1, #entry.cells, #cells + 1, cells)
    local names = marks.of(entry)
    seen.lossy, seen.late = seen.lossy or names.lossy, seen.late or names.late
  end
  local list = caption.of { cells = cells, entries = entries, about = about, seen = seen, fallback = answer.fallback }
  if has.bands then list[#list + 1] = "bands: 95 % intervals" end
  if has.rings then list[#list + 1] = "rings: undecided, not judged or mostly ramp-up" end
  return list, cells
end

---Draws those that have more than one load.
---@param store specbench.store
---@param answer specbench.answer
---@return string[] files
---@return string? complaint why some are missing
function load_lines.write(store, answer)
  local written = {}
  for _, judgement in ipairs(answer.judgements) do
    local series, entries, has = series_of(judgement, answer.figure)
    if #judgement.loads > 1 and #series > 0 then
      local name = words.name(judgement)
      local footer, cells = footer_of(answer, store.about, entries, has)
      local path = store:path(("pictures/%s_lines"):format((name:gsub("[^%w.-]", "_"))))
      local ok, message = plot.lines {
        title = ("%s, %s%s"):format(store.about.title or store.about.round, name, caveats.simulated(cells)),
        x_title = words.unit(judgement.load), y_title = words.figure(answer.figure), series = series,
        footer = footer, png = path .. ".png", svg = path .. ".svg",
      }
      if not ok then return written, message end
      table.move({ path .. ".png", path .. ".svg" }, 1, 2, #written + 1, written)
    end
  end
  return written
end

return load_lines
