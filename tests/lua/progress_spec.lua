local progress = require "specbench.sweep.progress"

local function setup(options)
  local test = { time = 0, written = {} }
  options.now = function()
    return test.time
  end
  options.out = {
    write = function(_, text)
      test.written[#test.written + 1] = text
    end,
  }
  test.progress = progress.new(options)
  function test.text()
    return table.concat(test.written)
  end
  return test
end

describe("progress on a terminal", function()
  local function on_screen(options)
    local drawn = {}
    options.screen = {
      draw = function(_, lines_of) drawn[#drawn + 1] = lines_of(79, 23) end,
      line = function(_, text) drawn[#drawn + 1] = text end, clear = function() drawn[#drawn + 1] = "cleared" end,
    }
    local test = setup(options)
    test.drawn = drawn
    return test
  end

  it("draws the live view: time, servers, requests", function()
    local test = on_screen { costs = { 30, 30, 60 } }
    test.progress:server("a", { name = "none", state = "measuring", cell = "qa", clock_scale = 2 })
    test.time = 15
    test.progress:update { cell_fraction = 0.5 }
    test.time = 20
    test.progress:loading("a", { done = 48, total = 96, sent = 56, in_flight = 8, tokens = 4800 })
    local lines = test.drawn[#test.drawn]
    assert.equal("[###.....................]  12%  0 of 3 cells  0:20 gone, 1:55 left", lines[2])
    assert.equal("servers none  qa, 0:20  48 of 96 requests, 8 running, 40 waiting, 120 tok/s", lines[3])
    test.progress:server("a", nil)
    assert.is_nil(test.drawn[#test.drawn][3])
  end)

  it("redraws at most ten times a second, but at once where a cell ends or a server changes", function()
    local test = on_screen { total = 1000 }
    for i = 0, 999 do
      test.time = i / 1000
      test.progress:update { cell_fraction = i / 1000 }
    end
    assert.is_true(#test.drawn <= 10 and #test.drawn >= 9)
    local before = #test.drawn
    test.progress:update { done = 1, finished = "a" }
    test.progress:server("a", { name = "none", state = "up" })
    assert.equal(before + 2, #test.drawn)
  end)

  it("writes lines that stay: notes and failed cells; and leaves nothing behind at the end", function()
    local test = on_screen { total = 2 }
    test.progress:line("note")
    test.progress:update { done = 1, finished = "a: 91 token/s", current = "b" }
    test.progress:update { done = 2, finished = "FAILED b", failed = true }
    local stays = {}
    for _, item in ipairs(test.drawn) do stays[#stays + 1] = type(item) == "string" and item or nil end
    assert.same({ "note", "FAILED b" }, stays)
    test.progress:finish()
    local count = #test.drawn
    assert.equal("cleared", test.drawn[count])
    test.time = 9
    test.progress:update { done = 2 }
    assert.equal(count, #test.drawn)
  end)
end)

describe("progress elsewhere", function()
  it("writes one plain line a finished cell", function()
    local test = setup { costs = { 10, 10 } }
    test.progress:update { current = "a", requests_done = 1, requests_total = 2 }
    test.time = 10
    test.progress:update { requests_done = 2 }
    test.progress:update { done = 1, current = "b" }
    test.time = 20
    test.progress:update { done = 2, finished = "b: 1.2" }
    test.progress:finish()
    assert.equal("cell 1/2  0:10 gone, 0:10 left  a\ncell 2/2  0:20 gone, 0:00 left  b: 1.2\n", test.text())
  end)

  it("leaves lines to failed cells where it is to be brief", function()
    local test = setup { brief = true, costs = { 10, 10 } }
    test.progress:update { done = 1, finished = "a: 1.2", failed = false }
    test.progress:update { done = 2, finished = "FAILED b", failed = true }
    assert.equal("cell 2/2  0:00 gone, 0:00 left  FAILED b\n", test.text())
  end)

  it("is silent when told to be quiet", function()
    local test = setup { quiet = true, total = 2 }
    test.progress:update { done = 1, finished = "x" }
    test.progress:line("y")
    test.progress:finish()
    assert.same({}, test.written)
  end)

  it("tells whoever follows where a cell begins and ends, and where a server changes", function()
    local told = 0
    local test = setup { quiet = true, total = 2, on_change = function() told = told + 1 end }
    test.progress:update { current = "a", key = "a" }
    test.progress:update { cell_fraction = 0.5 }
    test.progress:update { done = 1 }
    test.progress:server("a", { name = "none", state = "up" })
    assert.equal(3, told)
  end)
end)

describe("the time that is left", function()
  it("is the expected cost before anything is known", function()
    assert.equal(120, setup({ costs = { 30, 30, 60 } }).progress:eta())
  end)

  it("is corrected by how the run compares with its expectation", function()
    local test = setup { quiet = true, costs = { 10, 10, 10, 10 } }
    test.progress:update { done = 2 }
    test.time = 20
    assert.equal(20, test.progress:eta())
    test.time = 50 -- 30 s late: (50 + 10) / (20 + 10) = 2
    assert.equal(40, test.progress:eta())
  end)

  it("goes by what was measured alone where the costs are virtual time's", function()
    local test = setup { quiet = true, costs = { 1000, 1000, 1000, 1000 }, is_virtual = true }
    assert.is_nil(test.progress:eta())
    test.progress:update { done = 1 }
    test.time = 2
    assert.equal(6, test.progress:eta())
  end)

  it("counts the part of the current cell", function()
    local test = setup { quiet = true, costs = { 10, 10 } }
    test.time = 5
    test.progress:update { cell_fraction = 0.5 }
    assert.equal(15, test.progress:eta())
  end)

  it("is what the caller says until the cell ends, and unknown without costs", function()
    local test = setup { quiet = true, total = 2 }
    assert.is_nil(test.progress:eta())
    test.progress:update { eta_s = 77 }
    assert.equal(77, test.progress:eta())
    test.progress:update { done = 1 }
    assert.is_nil(test.progress:eta())
  end)

  it("has an error once enough cells show how differently they take", function()
    local test = setup { quiet = true, costs = { 10, 10, 10, 10, 10, 10 } }
    for i, seconds in ipairs { 10, 20, 15 } do
      assert.is_nil(test.progress:eta_error())
      test.time = test.time + seconds
      test.progress:update { done = i }
    end
    -- ratios 1, 2, 1.5: spread 0.5; three cells of 10 s are left
    assert.is_true(math.abs(test.progress:eta_error() - 1.96 * 0.5 * math.sqrt(1 / 3 + 1 / 3) * 30) < 1e-9)
    assert.equal("0:45 gone, 0:41 left (± 0:24)", test.progress:time_text())
    test.progress:update { done = 6 }
    assert.is_nil(test.progress:eta_error())
  end)
end)

describe("progress as events", function()
  it("tells the end of a server once, however often it is ended", function()
    local states = {}
    local test = setup { quiet = true, total = 1, events = {
      server = function(_, server, state) states[#states + 1] = server.name .. " " .. state end,
    } }
    test.progress:server("key", { name = "draft", state = "up" })
    test.progress:server("key", nil)
    test.progress:server("key", nil)
    assert.same({ "draft up", "draft ended" }, states)
  end)
end)
