---@meta specbench.plot

--- Pictures of a script's own, drawn as the reports' are: heatmaps, many of them on one sheet, and lines over a load.
--- gnuplot draws them (`gnuplot-nox`); where it is missing nothing is drawn, and each function returns nil and why.
---
--- ```lua
--- local plot = require "specbench.plot"
---
--- -- speed-up against concurrency with bands, k as lines; a ring is a point to be read with care
--- assert(plot.lines {
---   title = "polish, 7B", x_title = "requests at once", y_title = "paired speed-up", svg = "polish.svg",
---   series = {
---     { name = "k=3", points = { { x = 1, y = 1.42, low = 1.38, high = 1.46 }, { x = 8, y = 1.11, low = 1.06, high = 1.16 } } },
---     { name = "k=5", points = { { x = 1, y = 1.51, low = 1.46, high = 1.56 }, { x = 8, y = 1.01, hollow = true } } },
---   },
---   footer = { "SIMULATED, no GPU", "3 repeats over 3 starts" },
--- })
---
--- assert(plot.heatmap {
---   title = "polish, 7B", x_title = "k", y_title = "max concurrency", x = { 3, 5 }, y = { 1, 8 },
---   values = { { 1.42, 1.51 }, { 1.11, 1.01 } },
---   marks = { { "▲", "▲" }, { "▲", "?" } }, pale = { {}, { false, true } }, png = "map.png", svg = "map.svg",
--- })
--- ```
---
--- `rounds/examples/own_chart.lua` draws what a results folder holds.
local plot = {}

--- Where a picture goes; what stands at its edges.
---@class specbench.plot.files
---@field png? string path of the PNG to write
---@field svg? string path of the SVG to write
---@field title? string
---@field footer? string[] what the picture must say below it, in words or short phrases
---@field width? integer layout units, a pixel of the SVG; follows from what is drawn unless told
---@field height? integer
---@field gnuplot? string the program, "gnuplot" unless told

--- The numbers of a map. All tables are `[yi][xi]`, by places in y and x.
---@class specbench.heatmap
---@field title? string
---@field x any[] labels, left to right
---@field y any[] labels; numbers are sorted, other labels go from the bottom to the top
---@field values (number|nil)[][] nil or NaN: not measured
---@field notes? string[][] remarks on cells, listed under the map on a terminal
---@field marks? (string|nil)[][] what stands behind the number
---@field pale? (boolean|nil)[][] the number is to be read with care, its colour is paler; so is that of a predicted one
---@field predicted? (boolean|nil)[][] the number was not measured: "~" stands before it, and pictures hatch it
---@field legend? string[] what the marks mean, in a line below a map on the terminal
---@field footer? string[] what a picture must say below it
---@field min? number value of the coldest colour, 0 unless told
---@field max? number value of the warmest colour, 2 unless told
---@field x_title? string
---@field y_title? string
---@field value_title? string what the numbers are, "speed-up" unless told
---@field format? string of a number, "%.2f" unless told

---@class specbench.plot.heatmap : specbench.heatmap, specbench.plot.files

--- Draws one heatmap.
---@param map specbench.plot.heatmap
---@return true? drawn
---@return string? message one line
function plot.heatmap(map) end

--- Draws heatmaps, each into files of its own, in less time than one by one.
---@param list specbench.plot.heatmap[]
---@return integer drawn how many of them, from the first on: all, unless there is a message
---@return string? message one line
function plot.heatmaps(list) end

--- Maps under one scale of colours.
---@class specbench.plot.overview : specbench.plot.files
---@field columns string[] headings above the panels
---@field rows string[] headings left of the panels
---@field panels (specbench.heatmap|nil)[][] `[row][column]`; nil: an empty place; a map's x_title stands under its column
---@field y_title? string once: rows may be lower than it is long
---@field value_title? string "speed-up" unless told
---@field min? number 0 unless told
---@field max? number 2 unless told
---@field format? string of the numbers beside the colour bar: as its maps have it

--- Draws many heatmaps as a grid with one colour bar: models down, tasks across.
---@param grid specbench.plot.overview
---@return true? drawn
---@return string? message one line
function plot.overview(grid) end

--- A place on a line.
---@class specbench.plot.point
---@field x number
---@field y number
---@field low? number of its interval; a line's intervals are its band
---@field high? number
---@field hollow? boolean it is to be read with care: its mark is a ring

--- A line.
---@class specbench.plot.series
---@field name string
---@field points specbench.plot.point[]
---@field measured? specbench.plot.point[] the marks, where the line itself is a model's and has none

--- Lines over one load.
---@class specbench.plot.lines : specbench.plot.files
---@field series specbench.plot.series[]
---@field linear? boolean x is no load: its axis is not logarithmic
---@field x_title? string "concurrency" unless told
---@field y_title? string "speed-up" unless told
---@field baseline? number|false a dashed line at this y, 1 unless told; false: none

--- Draws one line a series over a logarithmic x (concurrency), with bands where intervals are given.
---@param chart specbench.plot.lines
---@return true? drawn
---@return string? message one line
function plot.lines(chart) end

return plot
