-- A chart of your own from a results folder: paired speed-up against concurrency, a line for all else that differs, as
-- CSV and as SVG.
--
--   specbench rounds/examples/own_chart.lua results/round2-quick chart.csv chart.svg

local bench = require "specbench"
local plot = require "specbench.plot"

local _, files = bench.options {
  positionals = {
    { name = "RESULTS", help = "a results folder" }, { name = "CSV", help = "the file to write" },
    { name = "SVG", help = "the picture to write", optional = true },
  },
}

-- "draft polish", of the coordinates that make a line.
local function name_of(row, axes)
  local words = {}
  for _, axis in ipairs(axes) do
    local value = row.coordinates[axis.name]
    if value ~= nil and axis.name ~= "concurrency" and #axis.values > 1 then words[#words + 1] = tostring(value) end
  end
  return table.concat(words, " ")
end

bench.main(function()
  local folder, csv_path, svg_path = table.unpack(files)
  local results = assert(bench.results(folder))
  local csv, lines, by_name = { "line,concurrency,ratio,low,high" }, {}, {}
  for _, row in ipairs(results:speedups()) do
    local paired, concurrency = row.speedups.paired, row.coordinates.concurrency
    local name = name_of(row, results.about.axes)
    if paired then
      csv[#csv + 1] = ("%s,%s,%.4f,%s,%s"):format(name, concurrency, paired.ratio, paired.low or "",
        paired.high or "")
      local line = by_name[name]
      if not line then
        line = { name = name, points = {} }
        by_name[name], lines[#lines + 1] = line, line
      end
      local is_open = row.verdict == nil or row.verdict == "undecided"
      table.insert(line.points, { x = concurrency, y = paired.ratio, low = paired.low, high = paired.high,
        hollow = is_open })
    end
  end
  local file <close> = assert(io.open(csv_path, "w"))
  file:write(table.concat(csv, "\n"), "\n")
  if svg_path then
    assert(plot.lines { title = results.about.title or results.about.round, x_title = "concurrency",
      y_title = "speed-up", series = lines, svg = svg_path })
  end
  print(("%d cells, %d speed-ups"):format(#results.cells, #csv - 1))
end)
