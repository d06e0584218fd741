-- Series that can be zoomed where the library is there: a picture that stands for itself, with its points as data
-- beside it. Points a series are capped; what is left keeps the first, the last and every n-th between.

local html = require "specbench.page.html"
local json = require "specbench.base.json"

local el = html.el

local series = {}

series.MOST_POINTS = 400

---@param points table[]
---@param most integer? MOST_POINTS unless told
---@return table[] points as many as may be shown
function series.capped(points, most)
  most = most or series.MOST_POINTS
  if #points <= most then return points end
  local list = {}
  for i = 1, most do list[i] = points[1 + math.floor((i - 1) * (#points - 1) / (most - 1) + 0.5)] end
  return list
end

-- As many digits as a picture shows.
local function short(value)
  return tonumber(("%.6g"):format(value))
end

---@param list { name: string, points: { x: number, y: number }[] }[]
---@return { name: string, points: number[][] }[]
function series.of_points(list)
  local all = {}
  for i, item in ipairs(list) do
    local points = table.move(item.points, 1, #item.points, 1, {})
    table.sort(points, function(a, b) return a.x < b.x end)
    local pairs_of = json.array {}
    for k, point in ipairs(series.capped(points)) do pairs_of[k] = json.array { short(point.x), short(point.y) } end
    all[i] = { name = item.name, points = pairs_of }
  end
  return json.array(all)
end

---@param name string
---@param picture specbench.page.markup
---@param key specbench.page.markup[]
---@param data { x: string, y: string, dots: boolean?, series: table } dots: points that no line joins
---@return specbench.page.markup
function series.figure(name, picture, key, data)
  return el("figure", { class = "map zoomable" }, el("figcaption", nil, name), picture,
    #key > 0 and el("div", { class = "key" }, key) or nil,
    html.data({ class = "series" }, data, { "x", "y", "dots", "series", "name", "points" }))
end

return series
