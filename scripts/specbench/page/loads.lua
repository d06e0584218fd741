-- Throughput and latencies against load, for rounds that compare nothing.

local html = require "specbench.page.html"
local model = require "specbench.page.model"
local palette = require "specbench.page.palette"
local svg = require "specbench.page.svg"

local el = html.el

local loads = {}

local WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 400, 220, 52, 12, 8, 36

local FIGURES = {
  { "output_throughput", "output tok/s" }, { "ttft_p50_ms", "TTFT p50, ms" }, { "tpot_p50_ms", "TPOT p50, ms" },
}

-- One line a method and setting; places without the figure are left out.
local function lines_of(self, places, figure)
  local by_name, order = {}, {}
  for _, one in ipairs(places) do
    local value, setting = one.row.figures[figure], model.setting(self, one)
    local name = setting ~= "" and ("%s %s"):format(one.row.method, setting) or one.row.method
    if value and not by_name[name] then
      by_name[name] = { name = name, points = {} }
      order[#order + 1] = by_name[name]
    end
    if value then table.insert(by_name[name].points, { x = one.row.load.value, y = value, one = one }) end
  end
  for _, line in ipairs(order) do
    table.sort(line.points, function(a, b) return a.x < b.x end)
  end
  return order
end

local function chart(self, group, figure)
  local lines, most, marks, seen = lines_of(self, group.items, figure[1]), 0, {}, {}
  for _, line in ipairs(lines) do
    for _, point in ipairs(line.points) do
      most = math.max(most, point.y)
      if not seen[point.x] then
        seen[point.x] = true
        marks[#marks + 1] = point.x
      end
    end
  end
  table.sort(marks)
  if #marks < 2 then return nil end
  local x = svg.scale(marks[1], marks[#marks], LEFT, WIDTH - RIGHT, marks[1] > 0)
  local y = svg.scale(0, most * 1.05, HEIGHT - BOTTOM, TOP)
  local drawn, key = {}, {}
  for i, line in ipairs(lines) do
    local way, dots = {}, {}
    for k, point in ipairs(line.points) do
      way[k] = { x:at(point.x), y:at(point.y) }
      dots[k] = el("circle", { cx = svg.number(way[k][1]), cy = svg.number(way[k][2]), r = 3.4, class = "dot",
        ["data-n"] = point.one.number }, el("title", nil, ("%s: %s"):format(figure[2], svg.figure(point.y))))
    end
    drawn[i] = el("g", { class = palette.line(i) }, svg.path(way, "line"), dots)
    key[i] = el("span", { class = palette.line(i) }, line.name)
  end
  local name = ("%s, %s"):format(group.name, figure[2])
  return el("figure", { class = "map fits" }, el("figcaption", nil, name),
    svg.frame(WIDTH, HEIGHT, name .. " against load", svg.y_axis(y, LEFT, WIDTH - RIGHT),
      svg.x_axis(x, HEIGHT - BOTTOM, nil, marks), drawn,
      svg.text((LEFT + WIDTH) / 2, HEIGHT - 4, group.items[1].row.load.kind == "rate" and "requests a second"
        or "requests at once", "m faint")), el("div", { class = "key" }, key))
end

---@param self specbench.page.model
---@return specbench.page.markup?
function loads.section(self)
  if #self.figures > 0 then return nil end
  local list = {}
  for _, group in ipairs(model.groups(self, function(one)
    return one.row.task and ("%s, %s"):format(one.row.target, one.row.task) or one.row.target
  end)) do
    for _, figure in ipairs(FIGURES) do list[#list + 1] = chart(self, group, figure) end
  end
  return #list > 0 and el("div", { class = "maps" }, list) or nil
end

return loads
