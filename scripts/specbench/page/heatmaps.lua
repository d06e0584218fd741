-- Maps of speed-ups: a coloured field a place, with its interval and its marks, and the line where the ratio crosses 1.

local html = require "specbench.page.html"
local marks = require "specbench.answer.marks"
local model = require "specbench.page.model"
local palette = require "specbench.page.palette"
local svg = require "specbench.page.svg"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"
local verdict = require "specbench.analysis.verdict"
local words = require "specbench.answer.words"

local el = html.el

local heatmaps = {}

local LEAST_WIDTH, HEIGHT, TOP, BOTTOM = 66, 34, 6, 34 -- pixels of a field, and around the fields
local WIDEST, LETTER = 16, 6.8 -- letters of a label, and a letter's pixels

-- What a page's maps have that a reader may not know: marks by name; verdicts, pale places, intervals, narrow ones.
local function seen_in(self)
  local names, has = {}, {}
  for _, one in ipairs(self.places) do
    local entry = one.entry
    if entry then
      for name in pairs(marks.of(entry)) do names[name] = true end
      has.verdict, has.pale = has.verdict or entry.verdict, has.pale or marks.is_pale(entry)
      for _, figure in pairs(entry.speedups) do
        has.interval = has.interval or figure.low
        has.narrow = has.narrow or figure.kind == verdict.WITHIN_RUN
      end
    end
  end
  return names, has
end

---What the maps' marks mean, and why they do not show `paired` where they do not.
---@param self specbench.page.model
---@return string sentences
function heatmaps.legend(self)
  local list, meanings = {}, marks.legend(seen_in(self), "drawn")
  if self.answer.fallback then
    list[1] = ("The %s, not the paired speed-up: %s."):format(words.figure(self.answer.figure), self.answer.fallback)
  end
  if #meanings > 0 then list[#list + 1] = table.concat(meanings, ", ") .. "." end
  return table.concat(list, " ")
end

-- How a drawn map is read.
local function reading(self)
  local _, has = seen_in(self)
  local list = { has.pale and "Pale: no verdict that could be quoted." or nil }
  list[#list + 1] = "The heavy line is where the ratio crosses 1."
  if has.verdict then list[#list + 1] = "The verdict rests on the paired speed-up, whichever is shown." end
  if has.interval then
    list[#list + 1] = "Below the number: 95 % interval"
      .. (has.narrow and "; in brackets: of one run or two, too narrow." or ".")
  end
  return table.concat(list, " ")
end

-- Behind the number: the verdict (which rests on `paired`, whatever is shown), and what keeps the number from being
-- believed.
function heatmaps.mark(one)
  return marks.text(one.entry and marks.of(one.entry) or marks.of_cells(one.cells), "drawn")
end

---What a reader sees where the pointer rests.
---@param one specbench.page.place
---@param figures { name: string, title: string }[]
---@return string
function heatmaps.hint(one, figures)
  local lines, entry = { one.name }, one.entry
  for _, figure in ipairs(figures) do
    lines[#lines + 1] = ("%s %s"):format(figure.name, verdict.text(entry.speedups[figure.name]))
  end
  lines[#lines + 1] = entry.verdict or "no verdict"
  lines[#lines + 1] = entry.reason
  return table.concat(lines, "\n")
end

-- One that stands on a single run or two, and is too narrow, in brackets.
local function interval(low, high, is_within_run)
  return (is_within_run and "(%.2f–%.2f)" or "%.2f–%.2f"):format(low, high)
end

local function rectangle(box)
  return el("rect", { x = box.x, y = box.y, width = box.width, height = box.height or HEIGHT })
end

-- A pale colour lies on white, in the dark too.
local function ground(box, is_pale)
  return html.join(is_pale and el("g", { class = "white" }, rectangle(box)) or nil, rectangle(box))
end

local function hatched(box)
  return el("g", { class = "hatched" }, rectangle(box))
end

local function measured_field(self, one, name, box)
  local figure, x, y = one.entry.speedups[name], box.x, box.y
  local middle, is_pale = x + box.width / 2, marks.is_pale(one.entry)
  local class = ("c f%s%s k-%s"):format(figure and palette.step(figure.ratio, self.reach) or "x",
    is_pale and " pale" or "", one.kind)
  return el("a", { href = "#p" .. one.number, class = class, ["data-n"] = one.number },
    el("title", nil, heatmaps.hint(one, self.figures)), ground(box, is_pale),
    el("text", { x = middle, y = y + 15 }, figure and ("%.2f"):format(figure.ratio) or "–", heatmaps.mark(one)),
    el("text", { x = middle, y = y + 28, class = "i" }, figure and figure.low
      and interval(figure.low, figure.high, figure.kind == verdict.WITHIN_RUN) or ""))
end

-- A number that nobody measured: pale, hatched, with a mark of its own, and it leads nowhere.
local function predicted_field(self, one, box)
  local figure, x, y = one.predicted, box.x, box.y
  local middle = x + box.width / 2
  return el("g", { class = ("c f%s pale k-predicted"):format(palette.step(figure.ratio, self.reach)) },
    el("title", nil, ("predicted, not measured: %.2f"):format(figure.ratio)),
    ground(box, true), hatched(box),
    el("text", { x = middle, y = y + 15 }, ("~%.2f"):format(figure.ratio)),
    el("text", { x = middle, y = y + 28, class = "i" }, figure.low and figure.high
      and interval(figure.low, figure.high) or ""))
end

local function field(self, one, name, box)
  if one.predicted then return predicted_field(self, one, box) end
  return measured_field(self, one, name, box)
end

local function figure_of(one, name)
  return one.predicted or one.entry.speedups[name]
end

-- The edges between neighbours on either side of 1.
local function crossing(map, name, left, width)
  local parts = {}
  local function ratio(r, c)
    local row = map.at[map.y.values[r]]
    local one = row and row[map.x.values[c]]
    local figure = one and figure_of(one, name)
    return figure and figure.ratio
  end
  local rows = #map.y.values
  for r = 1, rows do
    for c = 1, #map.x.values do
      local here, right, above = ratio(r, c), ratio(r, c + 1), ratio(r + 1, c)
      local x, y = left + c * width, TOP + (rows - r) * HEIGHT
      if here and right and (here >= 1) ~= (right >= 1) then
        parts[#parts + 1] = ("M%d %dv%d"):format(x, y, HEIGHT)
      end
      if here and above and (here >= 1) ~= (above >= 1) then
        parts[#parts + 1] = ("M%d %dh%d"):format(x - width, y, width)
      end
    end
  end
  if #parts == 0 then return nil end
  return el("path", { d = table.concat(parts), class = "cross" })
end

local function labels_of(values)
  local labels, widest = {}, 0
  for i, value in ipairs(values) do
    labels[i] = text_table.cut(text_table.text(value), WIDEST, "…")
    widest = math.max(widest, text_table.width(labels[i]))
  end
  return labels, math.ceil(widest * LETTER)
end

-- How high the picture is, and where the middle of its upright title is: beside the fields' middle, unless the title is
-- longer than they are high and would be cut.
local function upright_room(title, fields)
  local length = math.ceil(text_table.width(text_table.text(title)) * LETTER) + 4
  local height = math.max(TOP + fields + BOTTOM, length)
  return height, math.max(length / 2, math.min(TOP + fields / 2, height - length / 2))
end

-- figures: those that the page's switch chooses between, or but one; the first is drawn.
local function draw(self, map, figures, is_switched)
  local x_labels, x_widest = labels_of(map.x.values)
  local y_labels, y_widest = labels_of(map.y.values)
  local columns, rows = #x_labels, #y_labels
  local width, left = math.max(LEAST_WIDTH, x_widest + 8), y_widest + 26
  local whole, below = left + columns * width + 4, TOP + rows * HEIGHT + BOTTOM
  local height, middle = upright_room(map.y.title, rows * HEIGHT)
  local parts = { el("rect", { x = left, y = TOP, width = columns * width, height = rows * HEIGHT, class = "ground" }) }
  for r, y_value in ipairs(map.y.values) do
    local y = TOP + (rows - r) * HEIGHT
    parts[#parts + 1] = svg.text(left - 5, y + HEIGHT / 2 + 4, y_labels[r], "e")
    for c, x_value in ipairs(map.x.values) do
      local one = (map.at[y_value] or {})[x_value]
      if one then
        parts[#parts + 1] = field(self, one, figures[1] and figures[1].name,
          { x = left + (c - 1) * width, y = y, width = width })
      end
    end
  end
  for c, label in ipairs(x_labels) do
    parts[#parts + 1] = svg.text(left + (c - 0.5) * width, below - 18, label, "m")
  end
  parts[#parts + 1] = svg.text(left + columns * width / 2, below - 4, map.x.title, "m faint")
  parts[#parts + 1] = svg.upright(10, middle, map.y.title, "m faint")
  for _, figure in ipairs(figures) do
    local line = crossing(map, figure.name, left, width)
    parts[#parts + 1] = line and is_switched and el("g", { class = "d-" .. figure.name }, line) or line
  end
  return svg.frame(whole, height, "speed-ups of " .. map.name, parts)
end

-- The scale of colours.
local function scale(self)
  local width, parts = 8, {}
  for i = 0, palette.STEPS do
    parts[#parts + 1] = el("g", { class = "f" .. i }, el("rect", { x = 40 + i * width, y = 2, width = width,
      height = 12 }))
  end
  local right = 40 + (palette.STEPS + 1) * width
  return svg.frame(right + 40, 16, "scale of colours", parts, svg.text(36, 12, ("%.2f"):format(1 / self.reach), "e"),
    svg.text(right + 4, 12, ("%.2f"):format(self.reach)))
end

local function has_entry(one)
  return one.entry ~= nil and next(one.entry.speedups) ~= nil
end

---@param self specbench.page.model
---@return specbench.page.markup?
function heatmaps.section(self)
  local list = {}
  for _, map in ipairs(model.maps(self, has_entry)) do
    list[#list + 1] = el("figure", { class = "map" }, el("figcaption", nil, map.name),
      draw(self, map, self.figures, true))
  end
  if #list == 0 then return nil end
  return html.join(
    el("p", { class = "legend" }, scale(self), " ", el("span", nil, heatmaps.legend(self), " ", reading(self))),
    el("div", { class = "maps" }, list))
end

local PREDICTED_BY = { name = "total_throughput" } -- what the model that predicts knows

local function is_comparable(one)
  return one.predicted ~= nil or one.entry ~= nil and one.entry.speedups[PREDICTED_BY.name] ~= nil
end

local function swatch(kind, is_pale, ...)
  return svg.frame(22, 14, kind, el("g", { class = "c f22" .. (is_pale and " pale" or "") },
    ground({ x = 0, y = 0, width = 22, height = 14 }, is_pale), ...))
end

local function predicted_legend(self)
  return el("p", { class = "legend" }, scale(self), " ", swatch("measured"), " measured ",
    swatch("predicted", true, el("defs", nil, svg.hatching "hatch"), hatched { x = 0, y = 0, width = 22, height = 14 }),
    " ~ predicted from the measured cells, not measured; below the number the interval that a measured one would lie "
      .. "in nine times of ten. Both are the ratio of total token throughputs, whichever speed-up is chosen above: the "
      .. "model knows no other. Marks are of measured cells alone, their verdicts rest on the paired speed-up.")
end

---Maps on which predictions fill what was not measured.
---@param self specbench.page.model
---@return specbench.page.markup?
function heatmaps.predicted(self)
  if #self.predicted == 0 then return nil end
  local list, places = {}, table.move(self.predicted, 1, #self.predicted, #self.places + 1,
    table.move(self.places, 1, #self.places, 1, {}))
  for _, map in ipairs(model.maps(self, is_comparable, places)) do
    if tables.count(map.places, function(one) return one.predicted end) > 0 then
      list[#list + 1] = el("figure", { class = "map" }, el("figcaption", nil, map.name),
        draw(self, map, { PREDICTED_BY }))
    end
  end
  return html.join(predicted_legend(self), el("div", { class = "maps" }, list))
end

return heatmaps
