-- What drafts would bring if they were accepted more or less often: curves of a fitted model, hatched and dashed, with
-- the measured cells as points.

local break_even = require "specbench.report.break_even"
local html_table = require "specbench.page.html_table"
local html = require "specbench.page.html"
local palette = require "specbench.page.palette"
local svg = require "specbench.page.svg"
local tables = require "specbench.base.tables"

local el = html.el

local what_if = {}

local WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 400, 230, 42, 12, 8, 36
local HATCH = "hatch-curves" -- a pattern of this section's own, which stands for itself
local HIGHEST = 8 -- of the axis

-- Its cells, where it says what their drafts would bring: no cell was measured with drafts that cost otherwise.
local function measured_of(one)
  return one.draft_cost == 1 and one.measured or {}
end

local function range_of(curves)
  local low, high = 1, 1
  for _, one in ipairs(curves) do
    for _, point in ipairs(one.curve) do low, high = math.min(low, point.low), math.max(high, point.high) end
    for _, point in ipairs(measured_of(one)) do low, high = math.min(low, point.y), math.max(high, point.y) end
  end
  return low * 0.97, math.min(high * 1.03, HIGHEST)
end

local function draw_curve(one, class, x, y)
  local middle, around, count = {}, {}, #one.curve
  for i, point in ipairs(one.curve) do
    local at = x:at(point.x)
    middle[i], around[i], around[2 * count + 1 - i] = { at, y:at(point.y) }, { at, y:at(point.high) },
      { at, y:at(point.low) }
  end
  local dots = {}
  for i, point in ipairs(measured_of(one)) do
    dots[i] = svg.circle(x:at(point.x), y:at(point.y), 3.4, "dot k-measured",
      ("measured: %.2f at %.2f accepted"):format(point.y, point.x))
  end
  return el("g", { class = class }, el("g", { class = "k-predicted" }, svg.path(around, "band", true),
    svg.path(around, "hatch", true), svg.path(middle, "line dashed")), dots)
end

local function chart(group)
  local low, high = range_of(group.items)
  local x = svg.scale(0, 1, LEFT, WIDTH - RIGHT)
  local y = svg.scale(low, high, HEIGHT - BOTTOM, TOP)
  local drawn, key = {}, {}
  for i, one in ipairs(group.items) do
    drawn[i] = draw_curve(one, palette.line(i), x, y)
    key[i] = el("span", { class = palette.line(i) }, ("%d at once"):format(one.concurrency))
  end
  return el("figure", { class = "map fits" }, el("figcaption", nil, group.name),
    svg.frame(WIDTH, HEIGHT, "predicted speed-up by acceptance of " .. group.name, svg.y_axis(y, LEFT, WIDTH - RIGHT),
      svg.x_axis(x, HEIGHT - BOTTOM), svg.line(LEFT, y:at(1), WIDTH - RIGHT, y:at(1), "one"), drawn,
      svg.text((LEFT + WIDTH) / 2, HEIGHT - 4, "share of each place of a draft that is accepted", "m faint")),
    el("div", { class = "key" }, key))
end

local function legend()
  local pattern = el("defs", nil, svg.hatching(HATCH))
  local predicted = svg.frame(28, 14, "predicted", pattern, el("g", { class = palette.line(1) .. " k-predicted" },
    svg.rect(0, 0, 28, 14, "band"), svg.rect(0, 0, 28, 14, "hatch"), svg.path({ { 0, 7 }, { 28, 7 } }, "line dashed")))
  local measured = svg.frame(12, 14, "measured", el("g", { class = palette.line(1) }, svg.circle(6, 7, 3.4, "dot")))
  return el("p", { class = "legend" }, predicted, " ~ ", break_even.WHAT, " ", measured, " ", break_even.MEASURED)
end

---@param self specbench.page.model
---@return specbench.page.markup?
function what_if.section(self)
  if #self.curves == 0 then return nil end
  local figures = {}
  for i, group in ipairs(tables.grouped(self.curves, break_even.name)) do figures[i] = chart(group) end
  return html.join(legend(), el("div", { class = "maps" }, figures),
    html_table.of_texts(break_even.answers(self.curves)))
end

return what_if
