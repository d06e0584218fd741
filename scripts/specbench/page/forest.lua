-- Ratios with their intervals, a row each, on one scale.

local html = require "specbench.page.html"
local svg = require "specbench.page.svg"
local text_table = require "specbench.base.text_table"

local el = html.el

local forest = {}

local WIDTH, ROW, RIGHT, BOTTOM = 460, 16, 90, 22 -- pixels
local WIDEST, LETTER = 64, 6.9 -- letters of a name, and a letter's pixels

---@class specbench.page.forest.row
---@field name string
---@field ratio number
---@field low number?
---@field high number?
---@field class "s2"|"s3"|"s8" worse, better, neither
---@field hint string shown where the pointer rests
---@field mark string? behind the number
---@field number integer? of the place whose details it opens

local function row_of(row, scale, y)
  local middle, left = y + ROW / 2, scale.from
  return el("g", { class = row.class, ["data-n"] = row.number or false }, el("title", nil, row.hint),
    svg.text(left - 8, middle + 4, text_table.cut(row.name, WIDEST, "…"), "e"),
    row.low and svg.line(scale:at(row.low), middle, scale:at(row.high), middle, "whisker"),
    svg.circle(scale:at(row.ratio), middle, 3, "dot"),
    svg.text(left + WIDTH + 8, middle + 4, ("%.2f %s"):format(row.ratio, row.mark or "")))
end

---@param name string
---@param rows specbench.page.forest.row[]
---@return specbench.page.markup
function forest.draw(name, rows)
  local low, high, letters = 1, 1, 0
  for _, row in ipairs(rows) do
    letters = math.max(letters, math.min(text_table.width(row.name), WIDEST))
    low, high = math.min(low, row.low or row.ratio), math.max(high, row.high or row.ratio)
  end
  local bottom, left, drawn = #rows * ROW + 4, letters * LETTER + 14, {}
  local scale = svg.scale(math.max(low, 0.05), math.min(high, 20), left, left + WIDTH, true)
  for i, row in ipairs(rows) do drawn[i] = row_of(row, scale, (i - 1) * ROW) end
  return el("div", { class = "wide" }, svg.frame(left + WIDTH + RIGHT, bottom + BOTTOM, "intervals of " .. name,
    svg.x_axis(scale, bottom, 0), svg.line(scale:at(1), 0, scale:at(1), bottom, "one"), drawn))
end

return forest
