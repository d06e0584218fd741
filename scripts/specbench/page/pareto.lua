-- Throughput against latency: tokens a second that a user sees, against those that a GPU gives, with the settings that
-- no other one beats in both; and goodput under the objectives.

local energy = require "specbench.analysis.energy"
local html_table = require "specbench.page.html_table"
local html = require "specbench.page.html"
local model = require "specbench.page.model"
local palette = require "specbench.page.palette"
local series = require "specbench.page.series"
local svg = require "specbench.page.svg"

local el = html.el

local pareto = {}

local WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 420, 280, 50, 14, 10, 38

-- { x: tokens/s of a user, y: tokens/s of a GPU }
local function point_of(one)
  local figures = one.row.figures
  if not (figures.tpot_p50_ms and figures.tpot_p50_ms > 0 and figures.output_throughput) then return nil end
  return { x = 1000 / figures.tpot_p50_ms, y = figures.output_throughput / energy.gpu_count(one.cells[1]), one = one }
end

-- Points that none other beats in both, from the left on.
local function front_of(points)
  local list, front, best = table.move(points, 1, #points, 1, {}), {}, -math.huge
  table.sort(list, function(a, b)
    if a.x ~= b.x then return a.x > b.x end
    return a.y > b.y
  end)
  for _, point in ipairs(list) do
    if point.y > best then
      best = point.y
      table.insert(front, 1, point)
    end
  end
  return front
end

local function by_method(self, places)
  local names, by_name, points = {}, {}, {}
  for _, one in ipairs(places) do
    local point = point_of(one)
    if point then
      local method = one.row.method
      if not by_name[method] then
        by_name[method] = { name = method, points = {} }
        names[#names + 1] = by_name[method]
      end
      point.setting = model.setting(self, one)
      table.insert(by_name[method].points, point)
      points[#points + 1] = point
    end
  end
  return names, points
end

local function range(points, name)
  local low, high = math.huge, 0
  for _, point in ipairs(points) do low, high = math.min(low, point[name]), math.max(high, point[name]) end
  return low / 1.08, high * 1.08
end

local function chart(self, group)
  local methods, points = by_method(self, group.items)
  if #points < 2 then return nil end
  local x_low, x_high = range(points, "x")
  local y_low, y_high = range(points, "y")
  local x = svg.scale(x_low, x_high, LEFT, WIDTH - RIGHT, true)
  local y = svg.scale(y_low, y_high, HEIGHT - BOTTOM, TOP, true)
  local dots, key, way = {}, {}, {}
  for i, method in ipairs(methods) do
    local list = {}
    for k, point in ipairs(method.points) do
      local one = point.one
      list[k] = el("a", { href = "#p" .. one.number, ["data-n"] = one.number }, svg.circle(x:at(point.x), y:at(point.y),
        3.4, "dot", ("%s\n%s tok/s a user, %s tok/s a GPU"):format(one.name, svg.figure(point.x), svg.figure(point.y))))
    end
    dots[i] = el("g", { class = palette.line(i) }, list)
    key[i] = el("span", { class = palette.line(i) }, method.name)
  end
  local front = front_of(points)
  for i, point in ipairs(front) do way[i] = { x:at(point.x), y:at(point.y) } end
  return series.figure(group.name, svg.frame(WIDTH, HEIGHT, "throughput against latency: " .. group.name,
    svg.y_axis(y, LEFT, WIDTH - RIGHT), svg.x_axis(x, HEIGHT - BOTTOM, TOP), svg.path(way, "front"), dots,
    svg.text((LEFT + WIDTH) / 2, HEIGHT - 4, "tok/s a user sees (1 / TPOT p50)", "m faint"),
    svg.upright(11, HEIGHT / 2 - 10, "output tok/s a GPU", "m faint")), key,
    { x = "tok/s a user", y = "tok/s a GPU", dots = true, series = series.of_points(methods) })
end

---@param self specbench.page.model
---@return specbench.page.markup?
function pareto.section(self)
  local list = {}
  for _, group in ipairs(model.groups(self, function(one)
    return one.row.task and ("%s, %s"):format(one.row.target, one.row.task) or one.row.target
  end)) do
    list[#list + 1] = chart(self, group)
  end
  if #list == 0 then return nil end
  return html.join(el("p", { class = "legend" }, "One point per place, coloured by method. The line is the Pareto "
    .. "front: no other place is better for a user and for the GPU at once. Up and to the right is better."),
    el("div", { class = "maps" }, list))
end

local function objectives_of(self)
  local seen, list = {}, {}
  for _, one in ipairs(self.places) do
    for name, value in pairs(one.cells[1].slo or {}) do
      seen[("%s within %s ms"):format(name:upper(), svg.figure(value))] = true
    end
  end
  for word in pairs(seen) do list[#list + 1] = word end
  table.sort(list)
  return table.concat(list, ", ")
end

local function goodput_row(one, most)
  local value, base = one.row.figures.goodput, one.base and one.base.row.figures.goodput
  return el("tr", { ["data-n"] = one.number }, el("td", nil, one.name), el("td", nil, svg.frame(220, 16, "goodput",
    el("g", { class = "s1" }, svg.rect(0, 2, 216 * value / most, 12, "bar")),
    base and svg.rect(math.max(216 * base / most - 1, 0), 0, 3, 16, "mark"))),
    html_table.figure(svg.figure(value)), html_table.figure(base and svg.figure(base) or ""),
    html_table.figure(base and base > 0 and ("%.2f"):format(value / base) or ""))
end

---What met the objectives, beside the baseline's; baselines have no rows of their own.
---@param self specbench.page.model
---@return specbench.page.markup?
function pareto.goodput(self)
  local has_base, list = false, {}
  for _, one in ipairs(self.places) do has_base = has_base or one.base ~= nil end
  local groups = model.groups(self, function(one)
    return one.row.figures.goodput and (one.base or not has_base) and ("%s, %s"):format(one.row.target, one.row.method)
      or nil
  end)
  for i, group in ipairs(groups) do
    local rows, most = {}, 1e-9
    for _, one in ipairs(group.items) do
      most = math.max(most, one.row.figures.goodput, one.base and one.base.row.figures.goodput or 0)
    end
    for k, one in ipairs(group.items) do rows[k] = goodput_row(one, most) end
    list[i] = el("details", { open = i == 1 and #rows <= 40 }, el("summary", nil, group.name),
      html_table.draw({ "", "", html_table.right "requests/s", html_table.right "baseline", html_table.right "ratio" },
        rows))
  end
  if #list == 0 then return nil end
  return html.join(el("p", { class = "legend" }, "Requests a second that met ", objectives_of(self),
    "; the dark mark is the baseline's."), list)
end

return pareto
