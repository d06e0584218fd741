local find_rate = require "specbench.sweep.find_rate"
local sustained = require "specbench.analysis.sustained"

local S = 1000000000

-- Requests that come `every` seconds, each with its latency in seconds.
local function load_of(count, every, latency)
  local list = {}
  for i = 1, count do
    local at = math.floor(i * every * S)
    list[i] = { t_intended = at, t_done = at + math.floor(latency(i) * S) }
  end
  return list
end

describe("a server", function()
  it("falls behind where queue and latency go on rising", function()
    assert.is_true(sustained.falls_behind(load_of(90, 0.1, function(i) return 0.5 + 0.1 * i end)))
    assert.is_false(sustained.falls_behind(load_of(90, 0.1, function() return 0.5 end)))
  end)

  it("does not for having filled", function()
    assert.is_false(sustained.falls_behind(load_of(90, 0.1, function(i) return math.min(0.1 * i, 2) end)))
  end)

  it("does not where latency rises and the queue does not, or the other way round", function()
    assert.is_false(sustained.falls_behind(load_of(90, 0.1, function(i) return i > 60 and 0.09 or 0.05 end)))
    local faster = load_of(90, 0.1, function() return 1 end) -- more at once, each as fast: arrivals came closer
    local at = 0
    for i, one in ipairs(faster) do
      at = at + (i > 60 and 0.02 or 0.1) * S
      one.t_intended, one.t_done = math.floor(at), math.floor(at) + S
    end
    assert.is_false(sustained.falls_behind(faster))
  end)

  it("does not hold a rate at which it refuses any request", function()
    local run = setmetatable({ request = function() return { t_intended = 0, t_done = 1 } end },
      { __len = function() return 1 end })
    local metrics = { request_goodput = 1, duration = 300, requests = 300 }
    assert.is_true(sustained.holds({ metrics = metrics }, run, 0.9))
    assert.is_false(sustained.holds({ metrics = metrics, refused = 1 }, run, 0.9))
  end)

  it("is not judged by a handful of requests", function()
    assert.is_false(sustained.falls_behind(load_of(5, 0.1, function(i) return i end)))
  end)
end)

describe("the search for a rate", function()
  -- Steps until it is over, and cells, for a server that holds up to `limit`.
  local function search(limit)
    local held, steps, cells = {}, 0, 0
    while true do
      local rates, low, high = find_rate.next(held)
      if #rates == 0 then return low, high, steps, cells end
      steps = steps + 1
      assert.truthy(steps < 20)
      for _, rate in ipairs(rates) do
        assert.is_nil(held[rate])
        held[rate], cells = rate <= limit, cells + 1
      end
    end
  end

  it("encloses it within 2 % in a handful of steps", function()
    for _, limit in ipairs { 0.013, 0.7, 1, 3.3, 4, 15.99, 16, 100, 900 } do
      local low, high, steps, cells = search(limit)
      assert.truthy(low <= limit and limit < high and high / low <= 1.021, limit)
      assert.truthy(steps <= 8 and cells <= 24, ("%g: %d steps, %d cells"):format(limit, steps, cells))
    end
  end)

  it("ends where no rate is held, and where all are", function()
    local low, high = search(0)
    assert.is_nil(low)
    assert.truthy(high < 0.01)
    low, high = search(math.huge)
    assert.truthy(low > 1000)
    assert.is_nil(high)
  end)

  it("takes the lowest rate that was too much for the bound, whatever held above it", function()
    local _, low, high = find_rate.next { [1] = true, [2] = false, [4] = true, [8] = false }
    assert.same({ 1, 2 }, { low, high })
  end)
end)
