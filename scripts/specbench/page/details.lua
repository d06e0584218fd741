-- What a click on a cell opens: its figures as data, which the page's script puts into a panel as text.

local absolute = require "specbench.page.absolute"
local answers = require "specbench.answer"
local energy = require "specbench.analysis.energy"
local json = require "specbench.base.json"
local html = require "specbench.page.html"
local verdict = require "specbench.analysis.verdict"

local details = {}

local MOST_IDS = 10

-- As many digits as are read.
local function short(value)
  return value and tonumber(("%.5g"):format(value)) or json.null
end

local function ratios_of(one)
  local list = json.array {}
  for i, name in ipairs(answers.figures) do
    local figure = one.entry and one.entry.speedups[name]
    list[i] = figure and json.array { short(figure.ratio), short(figure.low), short(figure.high) } or json.null
    if figure and figure.kind == verdict.WITHIN_RUN then list[i][4] = 1 end
  end
  return list
end

local function record(one, shown)
  local entry, list = one.entry, json.array {}
  for i, column in ipairs(shown) do list[i] = short(absolute.value(column, one.row)) end
  local ids, flags = json.array {}, json.array {}
  for i, cell in ipairs(one.cells) do
    if i <= MOST_IDS then ids[i] = cell.id end
  end
  for i, flag in ipairs(one.flags) do flags[i] = ("%s: %s"):format(flag.flag, flag.reason) end
  local why = entry and entry.decomposition
  return {
    n = one.name, r = #one.cells, s = ratios_of(one), v = entry and entry.verdict, y = entry and entry.reason,
    f = list, b = one.base and one.base.number, w = one.server, i = ids, t = one.kind,
    x = why and json.array { short(why.tokens), short(why.step), short(why.rest), short(why.measured) },
    j = entry and entry.energy and energy.text(entry.energy), l = #flags > 0 and flags or nil, o = one.cells[1].lossy,
  }
end

---@param self specbench.page.model
---@return specbench.page.markup
function details.data(self)
  local places, columns, shares, names = json.array {}, json.array {}, json.array {}, json.array {}
  local shown = absolute.columns(self)
  for i, one in ipairs(self.places) do places[i] = record(one, shown) end
  for i, column in ipairs(shown) do
    columns[i] = column[2]
    if column.percent then shares[#shares + 1] = i end
  end
  for i, name in ipairs(answers.figures) do names[i] = name end
  return html.data({ id = "cells" }, { reach = self.reach, figures = names, columns = columns, shares = shares,
    places = places }, { "reach", "figures", "columns", "shares", "places", "n", "r", "s", "v", "y", "f", "b", "w",
    "i", "t", "x", "j", "l", "o" })
end

return details
