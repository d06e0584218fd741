-- What scripts may hand to the functions that draw (specbench.plot).

local shape = require "specbench.base.shape"

local text, number, boolean = shape.string(), shape.number { finite = true }, shape.boolean()
local labels, phrases = shape.list(shape.any(), { must = "a list of labels" }), shape.list(text)

-- [yi][xi], with places where nothing stands.
local function grid_of(kind, many)
  return shape.custom {
    must = ("rows of %s: { { ... }, { ... } }, a row for each y"):format(many), cats = ("(%s|nil)[][]"):format(kind),
    page = "rows of " .. many, kinds = { table = true },
    test = function(rows)
      for y, row in pairs(rows) do
        if math.type(y) ~= "integer" or type(row) ~= "table" then return false end
        for x, value in pairs(row) do
          if math.type(x) ~= "integer" or type(value) ~= kind then return false end
        end
      end
      return true
    end,
  }
end

-- A record of fields, and of those that every picture has.
local function picture(title, fields, flaw)
  for _, field in ipairs {
    { "png", text }, { "svg", text }, { "title", text }, { "footer", phrases }, { "width", number },
    { "height", number }, { "gnuplot", text },
  } do fields[#fields + 1] = field end
  return shape.record { title, class = "specbench." .. title, fields = fields, flaw = function(value)
    if not value.png and not value.svg then return "png or svg, the file to write, is missing" end
    return flaw and flaw(value)
  end }
end

local MAP = {
  { "x", labels, needed = true }, { "y", labels, needed = true },
  { "values", grid_of("number", "numbers"), needed = true }, { "notes", grid_of("string", "strings") },
  { "marks", grid_of("string", "strings") }, { "pale", grid_of("boolean", "booleans") },
  { "predicted", grid_of("boolean", "booleans") }, { "legend", phrases }, { "min", number }, { "max", number },
  { "x_title", text }, { "y_title", text }, { "value_title", text }, { "format", text },
}

local panel = shape.record {
  "map", class = "specbench.heatmap",
  fields = table.move({ { "title", text }, { "footer", phrases } }, 1, 2, #MAP + 1, table.move(MAP, 1, #MAP, 1, {})),
}

local point = shape.record {
  "point", class = "specbench.plot.point", must = "{ x = NUMBER, y = NUMBER }", many = "{ x = NUMBER, y = NUMBER }",
  fields = {
    { "x", number, needed = true }, { "y", number, needed = true }, { "low", number }, { "high", number },
    { "hollow", boolean },
  },
}

local series = shape.record {
  "series", class = "specbench.plot.series", must = "{ name, points }", many = "{ name, points }",
  fields = {
    { "name", text, needed = true }, { "points", shape.list(point), needed = true }, { "measured", shape.list(point) },
  },
}

local function no_logarithm(chart)
  for i, line in ipairs(chart.linear and {} or chart.series) do
    for k, at in ipairs(line.points) do
      if at.x <= 0 then
        return ("series[%d].points[%d]: x = %g has no place on a logarithmic axis: linear = true draws another")
          :format(i, k, at.x)
      end
    end
  end
end

local never = shape.custom { must = "false", cats = "false", kinds = { boolean = true },
  test = function(value) return value == false end }

return {
  lines = picture("plot.lines", {
    { "series", shape.list(series), needed = true }, { "linear", boolean }, { "x_title", text }, { "y_title", text },
    { "baseline", shape.either(number, never) },
  }, no_logarithm),
  heatmap = picture("plot.heatmap", table.move(MAP, 1, #MAP, 1, {})),
  overview = picture("plot.overview", {
    { "columns", phrases, needed = true }, { "rows", phrases, needed = true },
    { "panels", shape.custom { must = "rows of maps: { { MAP, ... }, ... }", cats = "(specbench.heatmap|nil)[][]",
      kinds = { table = true }, test = function(rows)
        for _, row in pairs(rows) do
          if type(row) ~= "table" then return false end
        end
        return true
      end }, needed = true, flaw = function(rows)
        for r, row in pairs(rows) do
          for c, map in pairs(row) do
            local flaw = panel:flaws(map, ("[%s][%s]"):format(r, c))[1]
            if flaw then return flaw end
          end
        end
      end },
    { "y_title", text }, { "value_title", text }, { "min", number }, { "max", number }, { "format", text },
  }),
}
