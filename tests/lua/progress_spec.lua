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

describe("progress.duration", function()
  it("shows hours only where there are any", function()
    assert.equal("0:00", progress.duration(-1))
    assert.equal("0:42", progress.duration(41.6))
    assert.equal("12:05", progress.duration(725))
    assert.equal("1:02:03", progress.duration(3723))
  end)
end)

describe("progress on a terminal", function()
  it("redraws one line in place, cut to the width", function()
    local test = setup { is_tty = true, costs = { 30, 30, 60 }, width = 60 }
    test.progress:update { current = "none", requests_done = 0, requests_total = 96 }
    test.time = 15
    test.progress:update { requests_done = 48, cell_fraction = 0.5, current = ("词"):rep(40) }
    assert.equal(2, #test.written)
    assert.equal("cell 1/3  [..........]   0%  0:00, 2:00 left  0/96 reque...", test.written[1])
    assert.equal("\r\27[Kcell 1/3  [#.........]  12%  0:15, 1:45 left  48/96 requ...",
      test.written[2])
  end)

  it("redraws at most ten times a second", function()
    local test = setup { is_tty = true, total = 1000 }
    for i = 0, 999 do
      test.time = i / 1000
      test.progress:update { done = i }
    end
    assert.is_true(#test.written <= 10)
    assert.is_true(#test.written >= 9)
  end)

  it("prints permanent lines above, and leaves nothing behind at the end", function()
    local test = setup { is_tty = true, total = 2 }
    test.progress:update { current = "a" }
    test.progress:line("note")
    test.time = 1
    test.progress:update { done = 1, finished = "a: 91 token/s", current = "b" }
    test.progress:finish()
    local text = test.text()
    assert.truthy(text:find("a\r\27[Knote\n", 1, true))
    assert.truthy(text:find("\na: 91 token/s\ncell 2/2", 1, true))
    assert.equal("\r\27[K", text:sub(-4))
    test.time = 9
    test.progress:update { done = 2 }
    assert.equal(text, test.text())
  end)

  it("forgets the requests of a cell when the next one starts", function()
    local test = setup { is_tty = true, total = 2 }
    test.progress:update { current = "a", requests_done = 5, requests_total = 96 }
    test.time = 1
    test.progress:update { done = 1, current = "b" }
    assert.is_nil(test.written[2]:find("requests", 1, true))
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
    assert.equal("cell 1/2  0:10, 0:10 left  a\ncell 2/2  0:20, 0:00 left  b: 1.2\n", test.text())
  end)

  it("is silent when told to be quiet", function()
    for _, is_tty in ipairs { true, false } do
      local test = setup { quiet = true, is_tty = is_tty, total = 2 }
      test.progress:update { done = 1, finished = "x" }
      test.progress:line("y")
      test.progress:finish()
      assert.same({}, test.written)
    end
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
end)
