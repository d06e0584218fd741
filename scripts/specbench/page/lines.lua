-- Speed-up against load, k as lines, with intervals as bands; and every interval for itself, as a forest plot.

local forest = require "specbench.page.forest"
local heatmaps = require "specbench.page.heatmaps"
local html = require "specbench.page.html"
local keys = require "specbench.results.keys"
local marks = require "specbench.answer.marks"
local model = require "specbench.page.model"
local place = require "specbench.answer.place"
local palette = require "specbench.page.palette"
local svg = require "specbench.page.svg"
local tables = require "specbench.base.tables"
local verdict = require "specbench.analysis.verdict"

local el = html.el

local lines = {}

local WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 400, 230, 42, 12, 8, 36

local function has_ratio(one)
  return one.entry ~= nil and next(one.entry.speedups) ~= nil
end

local function series_name(self, one, with_method)
  local setting = model.setting(self, one)
  if setting == "" then return one.row.method end
  return with_method and ("%s %s"):format(one.row.method, setting) or setting
end

-- One series a setting, its places by load. Places that differ in more than the setting are series of their own.
local function series_of(self, places, with_method)
  local list = tables.grouped(places, function(one) return series_name(self, one, with_method) end)
  for _, series in ipairs(list) do
    table.sort(series.items, function(a, b) return a.row.load.value < b.row.load.value end)
  end
  return keys.by_number(list, "name")
end

local function joined(...)
  local words = {}
  for i = 1, select("#", ...) do words[#words + 1] = (select(i, ...)) end
  return table.concat(words, ", ")
end

-- One picture a target and task with all methods; one a method as well, where colours would not suffice.
local function pictures_of(self)
  local together = model.groups(self, function(one)
    local rate = one.row.load.kind == "rate" and "at request rates" or nil
    return has_ratio(one) and joined(one.row.target, one.row.task, rate) or nil
  end)
  local list = {}
  for _, group in ipairs(together) do
    local methods, series = tables.grouped(group.items, function(one) return one.row.method end), {}
    for _, part in ipairs(methods) do
      local own = series_of(self, part.items, true)
      table.move(own, 1, #own, #series + 1, series)
    end
    if #methods > 1 and #series <= palette.LINES then
      group.series = series
      list[#list + 1] = group
    else
      for _, part in ipairs(methods) do
        part.name, part.series = joined(group.name, part.name), series_of(self, part.items)
        list[#list + 1] = part
      end
    end
  end
  return list
end

local function loads_of(places)
  local list, seen = {}, {}
  for _, one in ipairs(places) do
    local value = one.row.load.value
    if not seen[value] then
      seen[value] = true
      list[#list + 1] = value
    end
  end
  table.sort(list)
  return list
end

-- The range of all figures, so that a switch moves no axis.
local function range_of(self, places)
  local low, high = 1, 1
  for _, one in ipairs(places) do
    for _, figure in ipairs(self.figures) do
      local found = one.entry.speedups[figure.name]
      if found then
        low, high = math.min(low, found.ratio, found.low or found.ratio), math.max(high, found.ratio,
          found.high or found.ratio)
      end
    end
  end
  return math.max(low * 0.97, 0), math.min(high * 1.03, 8)
end

local function draw_series(series, class, name, x, y)
  local points, above, below, parts = {}, {}, {}, {}
  for _, one in ipairs(series.items) do
    local figure = one.entry.speedups[name]
    if figure then
      local at = x:at(one.row.load.value)
      points[#points + 1] = { at, y:at(figure.ratio) }
      if figure.low then
        above[#above + 1] = { at, y:at(figure.high) }
        table.insert(below, 1, { at, y:at(figure.low) })
      end
      local dot = { cx = svg.number(at), cy = svg.number(y:at(figure.ratio)), r = 3.4, ["data-n"] = one.number,
        class = marks.is_pale(one.entry) and "dot hollow" or "dot" }
      parts[#parts + 1] = el("circle", dot, el("title", nil, verdict.text(figure)))
    end
  end
  if #points == 0 then return nil end
  local band
  if #above > 1 then band = svg.path(table.move(below, 1, #below, #above + 1, above), "band", true) end
  return el("g", { class = class }, band, svg.path(points, "line"), parts)
end

local function chart(self, group)
  local loads = loads_of(group.items)
  local low, high = range_of(self, group.items)
  local x = svg.scale(loads[1], loads[#loads], LEFT, WIDTH - RIGHT, loads[1] > 0)
  local y = svg.scale(low, high, HEIGHT - BOTTOM, TOP)
  local key, drawn = {}, {}
  local all = group.series
  for i, series in ipairs(all) do
    key[i] = el("span", { class = palette.line(i) }, series.name)
  end
  for _, figure in ipairs(self.figures) do
    local list = {}
    for i, series in ipairs(all) do list[i] = draw_series(series, palette.line(i), figure.name, x, y) end
    drawn[#drawn + 1] = el("g", { class = "d-" .. figure.name }, list)
  end
  return el("figure", { class = "map fits" }, el("figcaption", nil, group.name),
    svg.frame(WIDTH, HEIGHT, "speed-up against load: " .. group.name, svg.y_axis(y, LEFT, WIDTH - RIGHT),
      svg.x_axis(x, HEIGHT - BOTTOM, nil, loads), svg.line(LEFT, y:at(1), WIDTH - RIGHT, y:at(1), "one"), drawn,
      svg.text((LEFT + WIDTH) / 2, HEIGHT - 4, group.items[1].row.load.kind == "rate" and "requests a second"
        or "requests at once", "m faint")),
    el("div", { class = "key" }, key))
end

---@param self specbench.page.model
---@return specbench.page.markup?
function lines.section(self)
  local list = {}
  for _, group in ipairs(pictures_of(self)) do
    if #loads_of(group.items) > 1 then list[#list + 1] = chart(self, group) end
  end
  if #list == 0 then return nil end
  return html.join(el("p", { class = "legend" }, "One line per setting; bands are 95 % intervals, the dashed line is "
    .. "the baseline; a ring has no verdict that could be quoted. A point opens its cell."),
    el("div", { class = "maps" }, list))
end

local CLASSES = { faster = "s3", slower = "s2" }

local function forest_rows(self, group)
  local rows, axes = {}, model.differing(self, group.items)
  for i, one in ipairs(group.items) do
    local figure = one.entry.speedups.paired
    rows[i] = { name = place.on(one.cells[1], axes), ratio = figure.ratio, low = figure.low, high = figure.high,
      number = one.number, class = CLASSES[one.entry.verdict] or "s8",
      mark = heatmaps.mark(one), hint = heatmaps.hint(one, { { name = "paired" } }) }
  end
  return rows
end

local function with_interval(one)
  local figure = one.entry and one.entry.speedups.paired
  return figure and figure.low and ("%s, %s"):format(one.row.target, one.row.method) or nil
end

---Every interval of `paired`, on which verdicts rest.
---@param self specbench.page.model
---@return specbench.page.markup?
function lines.forest(self)
  local list = {}
  local groups = model.groups(self, with_interval)
  for i, group in ipairs(groups) do
    local summary = el("summary", nil, group.name, el("span", { class = "faint" },
      (" %d intervals"):format(#group.items)))
    list[i] = el("details", { open = #groups == 1 and #group.items <= 40 }, summary,
      forest.draw(group.name, forest_rows(self, group)))
  end
  if #list == 0 then return nil end
  return html.join(el("p", { class = "legend" }, "The paired speed-up with its 95 % interval: green faster, orange "
    .. "slower, grey neither. A row leads to its cell."), list)
end

return lines
