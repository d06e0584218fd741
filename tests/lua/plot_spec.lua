local colour = require "specbench.report.colour"
local gnuplot = require "specbench.report.gnuplot"
local plot = require "specbench.report.plot"

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read("a")
end

--- Calls `use` with the start of paths that nothing else uses, and removes what it left.
local function with_paths(use)
  local base = os.tmpname()
  local ok, message = pcall(use, base)
  for _, ending in ipairs { "", ".png", ".svg", ".png.part", ".png.gp", ".sh", ".script" } do
    os.remove(base .. ending)
  end
  assert(ok, message)
end

--- A program in gnuplot's place that keeps the script it is given and then runs `commands`.
local function stand_in(base, commands)
  local path = base .. ".sh"
  local file <close> = assert(io.open(path, "w"))
  file:write(("#!/bin/sh\ncp \"$2\" '%s.script'\n%s\n"):format(base, commands))
  file:flush()
  assert(os.execute("chmod +x '" .. path .. "'"))
  return path
end

local function map(changes)
  local spec = {
    title = "it's 7B_int4", x = { 256, 512 }, y = { 12, 1 },
    values = { { 0.5, nil }, { 1.523, 2.5 } }, x_title = "context", y_title = "concurrency",
  }
  for key, value in pairs(changes) do
    spec[key] = value
  end
  return spec
end

local has_gnuplot = require("specbench.base.program").is_there "gnuplot"

local function it_draws(name, test)
  it(name, function()
    if has_gnuplot then
      return test()
    end
    assert.is_nil(os.getenv("CI"), "gnuplot is needed for this test")
    io.stderr:write("SKIP: ", name, ": gnuplot is not installed\n")
  end)
end

--- Width and height in a PNG's header.
local function png_size(data)
  assert.equal("\137PNG\r\n\26\n", data:sub(1, 8))
  return (">I4I4"):unpack(data, 17)
end

describe("gnuplot.quote", function()
  it("leaves nothing for gnuplot to interpret", function()
    assert.equal("'it''s `x` \\n $y line'", gnuplot.quote("it's `x` \\n $y\nline"))
  end)
end)

describe("a picture", function()
  it("is refused in one line where gnuplot is missing", function()
    local drawn, message = plot.heatmap(map { png = "never.png", gnuplot = "no-such-gnuplot" })
    assert.is_nil(drawn)
    assert.equal("no-such-gnuplot not found: install gnuplot-nox to get pictures", message)
    assert.is_nil(read("never.png"))
  end)

  it("that cannot be finished leaves the old file alone and says why", function()
    with_paths(function(base)
      local old <close> = assert(io.open(base .. ".png", "w"))
      old:write("old")
      old:flush()
      local commands = ("echo half > '%s.png.part'; echo 'no font'; exit 1"):format(base)
      local program = stand_in(base, commands)
      local drawn, message = plot.heatmap(map { png = base .. ".png", gnuplot = program })
      assert.is_nil(drawn)
      assert.equal(("gnuplot could not draw %s.png: no font"):format(base), message)
      assert.equal("old", read(base .. ".png"))
      assert.is_nil(read(base .. ".png.part"))
      assert.is_nil(read(base .. ".png.gp"))
    end)
  end)

  it("takes its final name only when it is complete", function()
    with_paths(function(base)
      local part = base .. ".png.part"
      local program = stand_in(base, ("test ! -s '%s.png' && echo whole > '%s'"):format(base, part))
      assert.is_true(plot.heatmap(map { png = base .. ".png", gnuplot = program }))
      assert.equal("whole\n", read(base .. ".png"))
      assert.is_nil(read(part))
    end)
  end)

  it("follows no link that lies where it writes", function()
    with_paths(function(base)
      local file <close> = assert(io.open(base, "w"))
      file:write "mine"
      file:flush()
      for _, ending in ipairs { ".png", ".png.part", ".png.gp" } do
        assert(os.execute(("ln -s '%s' '%s%s'"):format(base, base, ending)))
      end
      local program = stand_in(base, ("echo drawn >'%s.png.part'"):format(base))
      local picture = { script = "plot 1", width = 10, height = 10, png = base .. ".png", gnuplot = program }
      assert.equal(1, (gnuplot.render { picture }))
      assert.equal("mine", read(base))
      assert.equal("drawn\n", read(base .. ".png"))
    end)
  end)

  it("is drawn by itself where another beside it cannot be", function()
    with_paths(function(base)
      local function picture(path, script)
        return { script = script, width = 10, height = 10, png = path, gnuplot = stand_in(base, [[
          grep -q wrong "$2" && { echo 'no such thing'; exit 1; }
          for part in $(sed -n "s/^set output '\\(.*\\)'/\\1/p" "$2"); do cp "$2" "$part"; done]]) }
      end
      local function drawn_of(...)
        os.remove(base .. ".png")
        return { gnuplot.render { picture(base .. ".png", "plot 1"), ... } }
      end
      assert.same({ 2 }, drawn_of(picture(base .. ".svg", "plot 2")))
      assert.truthy(read(base .. ".svg"):find("\nreset\n.*\nplot 2\n")) -- both in one run
      assert.same({ 1, ("gnuplot could not draw %s.svg: no such thing"):format(base) },
        drawn_of(picture(base .. ".svg", "wrong"), picture(base .. "-none/a", "plot 3")))
      assert.truthy(read(base .. ".png"):find "\nplot 1\n")
      assert.is_nil(read(base .. ".svg.part"))
    end)
  end)

  it("in a folder that does not exist is refused in one line", function()
    with_paths(function(base)
      local program = stand_in(base, "")
      local drawn, message = plot.heatmap(map { png = base .. "-none/a.png", gnuplot = program })
      assert.is_nil(drawn)
      assert.truthy(message:find("^cannot write a picture: "))
    end)
  end)
end)

describe("plot.heatmap", function()
  local function script_of(spec)
    local text
    with_paths(function(base)
      spec.png = base .. ".png"
      spec.gnuplot = stand_in(base, ": > '" .. base .. ".png.part'")
      assert.is_true(plot.heatmap(spec))
      text = read(base .. ".script")
    end)
    return text
  end

  it("puts the smallest y at the bottom with two decimals in each cell", function()
    local script = script_of(map {})
    assert.truthy(script:find("set label '1.52' at 1,1 center", 1, true))
    assert.truthy(script:find("set label '0.50' at 1,2 center", 1, true))
    assert.truthy(script:find("('1' 1, '12' 2)", 1, true))
  end)

  it("marks absent cells and clips colours to the scale, but not the numbers", function()
    local script = script_of(map {})
    assert.truthy(script:find("set label '–' at 2,2 center", 1, true))
    assert.truthy(script:find("set label '2.50' at 2,1 center", 1, true))
    assert.truthy(script:find("\n2 1 1.5 2.5 0.5 1.5 2\n", 1, true))
  end)

  it("draws what is open in a paler colour, and puts marks behind numbers", function()
    local script = script_of(map { pale = { { false }, { true, false } }, marks = { {}, { "?" } } })
    assert.truthy(script:find("set label '1.52\u{2009}?' at 1,1 center", 1, true))
    local r, g, b = colour.pale(colour.of_value(1.523, 0, 2))
    assert.truthy(script:find(("$pale << END_OF_ROWS\n1 1 0.5 1.5 0.5 1.5 %d\nEND_OF_ROWS"):format(
      r << 16 | g << 8 | b), 1, true), script)
  end)

  it("breaks what it says below between phrases, and one that is longer than a line between words", function()
    local script = script_of(map { width = 300,
      footer = { "SIMULATED, no GPU", "a quick run of many", "a phrase that two lines hold and not a single one" } })
    local lines = {}
    for line in script:gmatch "set label '([^\n]-)' at [^\n]-left" do lines[#lines + 1] = line end
    assert.same({ "SIMULATED, no GPU ·", "a quick run of many · a phrase that", "two lines hold and not a single one" },
      lines)
  end)

  it("keeps the title of the colours clear of their numbers", function()
    local function title_at(spec)
      return tonumber(script_of(map(spec)):match "set label 'pause' at screen ([%d.]+)")
    end
    local function bar_at(spec)
      return tonumber(script_of(map(spec)):match "set colorbox [^\n]-origin screen ([%d.]+)")
    end
    local short, long = { width = 600, value_title = "pause" },
      { width = 600, value_title = "pause", format = "%.0f", min = 0, max = 123000 }
    assert.is_true(title_at(long) - bar_at(long) > title_at(short) - bar_at(short))
    assert.truthy(script_of(map(long)):find("set format cb '%.3g'", 1, true))
  end)

  it("writes white on the dark ends and black between", function()
    local script = script_of(map { values = { { 0, 1 }, { 2, 1 } } })
    assert.truthy(script:find("set label '0.00' at 1,2 [^\n]*'#ffffff'"))
    assert.truthy(script:find("set label '1.00' at 2,2 [^\n]*'#000000'"))
    assert.truthy(script:find("set label '2.00' at 1,1 [^\n]*'#ffffff'"))
  end)

  it_draws("makes a PNG and an SVG, even without a single number", function()
    for _, values in ipairs { { { 1, 2 }, { 0.5 } }, {} } do
      with_paths(function(base)
        assert.is_true(plot.heatmap(map {
          values = values, width = 500, height = 300, png = base .. ".png", svg = base .. ".svg",
        }))
        local width, height = png_size(read(base .. ".png"))
        assert.equal(1000, width)
        assert.equal(600, height)
        local svg = read(base .. ".svg")
        assert.truthy(svg:find("it's 7B_int4", 1, true) or svg:find("it&#39;s 7B_int4", 1, true)
          or svg:find("it&apos;s 7B_int4", 1, true))
        assert.truthy(svg:find("</svg>", 1, true))
      end)
    end
  end)
end)

describe("plot.overview", function()
  it_draws("draws a grid with empty places into one picture", function()
    with_paths(function(base)
      assert.is_true(plot.overview {
        title = "all", columns = { "polish", "qa" }, rows = { "7B", "72B" },
        panels = { { map {}, map {} }, { nil, map { x = { "a", "b", "c" } } } },
        y_title = "concurrency", png = base .. ".png", svg = base .. ".svg", footer = { "simulated", "12 prompts" },
      })
      assert.truthy(read(base .. ".svg"):find("simulated · 12 prompts", 1, true))
      assert.is_true(png_size(read(base .. ".png")) > 0)
      local _, numbers = read(base .. ".svg"):gsub("1%.52", "")
      assert.equal(3, numbers)
    end)
  end)
end)

describe("plot.lines", function()
  it_draws("draws series with and without intervals", function()
    with_paths(function(base)
      assert.is_true(plot.lines {
        title = "speed-up", svg = base .. ".svg", footer = { "simulated", "12 prompts" },
        series = {
          {
            name = "256",
            points = { { x = 1, y = 1.8, low = 1.7, high = 1.9 }, { x = 8, y = 1 } },
          },
          { name = "8192", points = { { x = 1, y = 1.2 } } },
          { name = "none", points = {} },
        },
      })
      local svg = read(base .. ".svg")
      assert.truthy(svg:find("8192", 1, true))
      assert.truthy(svg:find("simulated · 12 prompts", 1, true))
      assert.is_nil(svg:find(">none<", 1, true))
    end)
  end)

  it("says so when there is nothing to draw", function()
    local drawn, message = plot.lines { series = {}, png = "never.png" }
    assert.is_nil(drawn)
    assert.equal("nothing to draw: the series have no points", message)
  end)
end)

describe("what a script hands to specbench.plot", function()
  local pictures = require "specbench.plot"
  local function refused(name, spec, message)
    local ok, raised = pcall(function() pictures[name](spec) end)
    assert.is_false(ok)
    assert.truthy(raised:find("plot_spec.lua:%d+: ") and raised:find(message, 1, true), raised)
  end
  local function line(point)
    return { { name = "a", points = { point } } }
  end

  it("is refused in one line where it is misspelt, of a wrong type or has no place", function()
    refused("lines", { sgv = "x.svg", series = {} }, "plot.lines: unknown key 'sgv' (did you mean 'svg'?)")
    refused("lines", { series = {} }, "plot.lines: png or svg, the file to write, is missing")
    refused("lines", { svg = "x.svg", series = line { x = 1, y = "2" } },
      "plot.lines.series[1].points[1]: y = '2': must be a number")
    refused("lines", { svg = "x.svg", series = line { x = 0, y = 2 } },
      "plot.lines: series[1].points[1]: x = 0 has no place on a logarithmic axis: linear = true draws another")
    refused("heatmap", map { svg = "x.svg", values = { 1, 2 } }, "values = a table: must be rows of numbers")
    refused("heatmaps", { map {} }, "plot.heatmap: png or svg, the file to write, is missing")
    refused("overview", { svg = "x.svg", rows = { "r" }, columns = { "c" }, panels = { { map { legnd = {} } } } },
      "plot.overview: panels: [1][1]: unknown key 'legnd' (did you mean 'legend'?)")
  end)
end)
