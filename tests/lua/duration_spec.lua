-- How long something takes, in words.

local duration = require "specbench.base.duration"

describe("a duration", function()
  it("is a clock's, with hours only where there are any", function()
    assert.equal("0:00", duration.clock(-1))
    assert.equal("0:42", duration.clock(41.6))
    assert.equal("12:05", duration.clock(725))
    assert.equal("1:02:03", duration.clock(3723))
  end)

  it("has its unit elsewhere, so that nobody takes minutes for hours", function()
    assert.equal("42 s", duration.rough(41.6))
    assert.equal("101 s", duration.rough(101))
    assert.equal("12 min", duration.rough(725))
    assert.equal("72.6 h", duration.rough(261360))
    assert.equal("218 h", duration.rough(784800))
    assert.equal("20 s", duration.exact(20.2))
    assert.equal("1 min 41 s", duration.exact(101))
    assert.equal("1 h 2 min 3 s", duration.exact(3723))
  end)
end)
