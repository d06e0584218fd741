local colour = require "specbench.report.colour"
local heatmap = require "specbench.report.heatmap"
local text_table = require "specbench.base.text_table"

local function environment(values)
  return function(name)
    return values[name]
  end
end

local function map(changes)
  local spec = {
    title = "7B, polish",
    x = { 256, 512.0 }, y = { 1, 4 }, values = { { 1.523, 1.4 }, { 0.9 } },
    x_title = "context", y_title = "concurrency", unicode = false, getenv = environment {},
  }
  for key, value in pairs(changes or {}) do
    spec[key] = value
  end
  return spec
end

local function without_colours(text)
  return (text:gsub("\27%[[%d;]*m", ""))
end

describe("colour.coolwarm", function()
  -- From the table of 33 colours published with Moreland's paper.
  it("agrees with the published table", function()
    assert.same({ 59, 76, 192 }, { colour.coolwarm(0) })
    assert.same({ 141, 176, 254 }, { colour.coolwarm(0.25) })
    assert.same({ 221, 221, 221 }, { colour.coolwarm(0.5) })
    assert.same({ 244, 154, 123 }, { colour.coolwarm(0.75) })
    assert.same({ 180, 4, 38 }, { colour.coolwarm(1) })
  end)

  it("keeps to the ends outside the scale", function()
    assert.same({ colour.coolwarm(0) }, { colour.of_value(-3, 0, 2) })
    assert.same({ colour.coolwarm(1) }, { colour.of_value(9, 0, 2) })
  end)
end)

describe("colour.ink", function()
  it("is black on light cells and white on dark ones", function()
    assert.equal("black", colour.ink(221, 221, 221))
    assert.equal("white", colour.ink(59, 76, 192))
    assert.equal("white", colour.ink(180, 4, 38))
  end)
end)

describe("colour.depth", function()
  it("is none off a terminal, under NO_COLOR and on a dumb terminal", function()
    assert.equal("none", colour.depth("auto", false, environment { COLORTERM = "truecolor" }))
    assert.equal("none", colour.depth("auto", true, environment { NO_COLOR = "1" }))
    assert.equal("none", colour.depth("auto", true, environment { TERM = "dumb" }))
    assert.equal("none", colour.depth(false, true, environment { COLORTERM = "truecolor" }))
  end)

  it("follows COLORTERM on a terminal; an empty NO_COLOR counts as unset", function()
    assert.equal("truecolor", colour.depth("auto", true, environment { COLORTERM = "truecolor" }))
    assert.equal("256", colour.depth(nil, true, environment { NO_COLOR = "" }))
    assert.equal("256", colour.depth(true, false, environment { NO_COLOR = "1" }))
  end)
end)

describe("colour.xterm256", function()
  it("picks the nearest of cube and greys", function()
    assert.equal(16, colour.xterm256(0, 0, 0))
    assert.equal(231, colour.xterm256(255, 255, 255))
    assert.equal(196, colour.xterm256(255, 0, 0))
    assert.equal(253, colour.xterm256(218, 218, 218))
  end)
end)

describe("heatmap.terminal", function()
  it("has marks behind numbers, their meaning below, and paler colours for what is open", function()
    local spec = map { marks = { { "+", "?*" }, {} }, pale = { { false, true }, {} },
      legend = { "+ faster", "? undecided" } }
    assert.equal("7B, polish\n"
      .. "concurrency\n"
      .. "4 | 0.90       -\n"
      .. "1 | 1.52+    1.40?*\n"
      .. "  +------------------\n"
      .. "       256      512\n"
      .. "        context\n"
      .. "speed-up  0.00 to 2.00   - not measured\n+ faster, ? undecided\n", heatmap.terminal(spec))
    spec.colour, spec.getenv = true, environment { COLORTERM = "truecolor" }
    local text = heatmap.terminal(spec)
    local function background(rgb) return ("48;2;%d;%d;%dm"):format(table.unpack(rgb)) end
    assert.truthy(text:find(background { colour.coolwarm(1.523 / 2) }, 1, true))
    assert.truthy(text:find(background { colour.pale(colour.coolwarm(1.4 / 2)) }, 1, true))
    assert.is_nil(text:find(background { colour.coolwarm(1.4 / 2) }, 1, true))
  end)

  it("marks what was predicted", function()
    local text = heatmap.terminal(map { predicted = { { true }, {} } })
    assert.truthy(text:find("~1.52    1.40", 1, true), text)
    assert.truthy(text:find("~ predicted, not measured", 1, true), text)
    assert.is_nil(heatmap.terminal(map()):find("predicted", 1, true))
  end)

  it("puts the smallest y at the bottom, two decimals, and marks what is absent", function()
    assert.equal("7B, polish\n"
      .. "concurrency\n"
      .. "4 | 0.90     -\n"
      .. "1 | 1.52   1.40\n"
      .. "  +--------------\n"
      .. "     256    512\n"
      .. "      context\n"
      .. "speed-up  0.00 to 2.00   - not measured\n", heatmap.terminal(map()))
  end)

  it("sorts numeric y whatever order they come in, and keeps the order of names", function()
    assert.same({ 2, 3, 1 }, heatmap.bottom_up { 12, 1, 4 })
    assert.same({ 2, 1 }, heatmap.bottom_up { "16", "4" })
    assert.same({ 1, 2 }, heatmap.bottom_up { "b", "a" })
  end)

  it("treats NaN as not measured", function()
    local text = heatmap.terminal(map { values = { { 0 / 0, 1 }, { 1, 1 } } })
    assert.truthy(text:find("\n1 |   -    1.00\n", 1, true))
    assert.truthy(text:find("not measured", 1, true))
  end)

  it("speaks of absent cells only where there are any", function()
    local text = heatmap.terminal(map { values = { { 1, 1 }, { 1, 1 } } })
    assert.is_nil(text:find("not measured", 1, true))
  end)

  it("gives equal remarks one letter and lists them in the order of reading", function()
    local text = heatmap.terminal(map { notes = { { "drained", "failed" }, { "failed" } } })
    assert.truthy(text:find("4 | 0.90a    -\n1 | 1.52b  1.40a\n", 1, true))
    assert.truthy(text:find("a  failed\nb  drained\n", 1, true))
  end)

  it("colours cells in 24 bits or 256 colours, and shows the same text in all", function()
    local plain = heatmap.terminal(map { values = { { 1, 2 }, { 0, 1 } } })
    local cells = plain:match("\n4 [^+]+")
    for colorterm, mark in pairs { truecolor = "\27[48;2;180;4;38m", other = "\27[48;5;124m" } do
      local text = heatmap.terminal(map {
        values = { { 1, 2 }, { 0, 1 } }, is_tty = true,
        getenv = environment { COLORTERM = colorterm },
      })
      assert.truthy(text:find(mark, 1, true))
      local shown = without_colours(text):gsub(" +\n", "\n"):match("\n4 [^+]+")
      assert.equal(cells, shown)
    end
  end)

  it("writes black on the grey middle and white on the warm end", function()
    local text = heatmap.terminal(map { values = { { 1, 2 }, { 1, 1 } }, is_tty = true,
      getenv = environment { COLORTERM = "truecolor" } })
    assert.truthy(text:find("48;2;221;221;221m\27[38;2;0;0;0m 1.00", 1, true))
    assert.truthy(text:find("48;2;180;4;38m\27[38;2;255;255;255m 2.00", 1, true))
  end)

  it("draws with box characters where the locale is UTF-8", function()
    local spec = map { getenv = environment { LANG = "zh_CN.UTF-8" } }
    spec.unicode = nil
    assert.truthy(heatmap.terminal(spec):find("└──", 1, true))
    spec.getenv = environment { LC_ALL = "C", LANG = "zh_CN.UTF-8" }
    assert.truthy(heatmap.terminal(spec):find("+--", 1, true))
  end)

  it("fits six columns of contexts into 80 columns", function()
    local text = heatmap.terminal(map {
      x = { 256, 512, 1024, 2048, 4096, 8192 }, y = { 1, 128 },
      values = { { 1, 1, 1, 1, 1, 1 }, { 1, 1, 1, 1, 1, 1 } },
    })
    local rows = 0
    for line in text:gmatch("[^\n]+") do
      assert.is_true(text_table.width(line) <= 80)
      rows = rows + (line:find("128 |", 1, true) and 1 or 0)
    end
    assert.equal(1, rows)
  end)

  it("continues in further blocks when the labels are too wide, and loses no cell", function()
    local labels, row = {}, {}
    for i = 1, 7 do
      labels[i], row[i] = ("标签"):rep(5) .. i, i
    end
    local text = heatmap.terminal(map { x = labels, y = { 1 }, values = { row }, max = 7 })
    for line in text:gmatch("[^\n]+") do
      assert.is_true(text_table.width(line) <= 80)
    end
    for i = 1, 7 do
      assert.truthy(text:find(("%.2f"):format(i), 1, true))
      assert.truthy(text:find(labels[i], 1, true))
    end
  end)
end)
