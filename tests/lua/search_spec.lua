local chooser = require "specbench.search.chooser"
local doubt = require "specbench.search.doubt"
local search = require "specbench.search"

-- A fit that says what a test wants: places are numbers' names, figures independent of each other.
local function fitted(values, sd, noise)
  return {
    predict = function(_, place) return { tokens_per_second = values[place.key] } end,
    covariance = function(_, a, b) return a.key == b.key and sd[a.key] ^ 2 or 0 end,
    noise = function() return noise or 0 end,
  }
end

local function places(...)
  local list = {}
  for i, key in ipairs { ... } do list[i] = { key = key } end
  return list
end

describe("doubt", function()
  it("sums the chances of all rivals that are faster by more than the tolerance", function()
    local settings = places("none", "k1", "k2")
    local asked = { settings = settings }
    doubt.weigh(asked, fitted({ none = 90, k1 = 100, k2 = 100 }, { none = 0.02, k1 = 0.02, k2 = 0.02 }), 0.02)
    assert.equal("k1", asked.best.key)
    -- k2: 0.02 / (0.02 sqrt 2) = 0.7071 standard deviations: 0.2398; none: 4.4 of them
    assert.truthy(math.abs(asked.wrong - 0.2398) < 1e-3, asked.wrong)
    assert.equal(1, #asked.rivals)
    assert.truthy(doubt.is_open(asked))
    doubt.weigh(asked, fitted({ none = 90, k1 = 100, k2 = 100 }, { none = 0.02, k1 = 0.005, k2 = 0.005 }), 0.02)
    assert.falsy(doubt.is_open(asked))
  end)

  it("takes no rival for beaten while too few cells are measured", function()
    local asked = { settings = places("none", "k1") }
    local fit = fitted({ none = 50, k1 = 100 }, { none = 0.01, k1 = 0.01 })
    doubt.weigh(asked, fit, 0.02, true)
    assert.truthy(doubt.is_open(asked) and not doubt.is_settled({ asked }, 1))
    doubt.weigh(asked, fit, 0.02)
    assert.truthy(doubt.is_settled({ asked }, 0))
  end)

  it("stays while few answers are wrong but more time would right more than its share", function()
    local list = { { wrong = 0.06 } }
    for i = 2, 4 do list[i] = { wrong = 0.01 } end -- 2.25 % on average, one is open
    assert.falsy(doubt.is_settled(list, 0.08))
    assert.truthy(doubt.is_settled(list, 0.1))
    list[1].wrong = 0.08 -- 2.75 %
    assert.falsy(doubt.is_settled(list, 0.5))
  end)
end)

describe("the chooser", function()
  local function gains(sd, noise)
    local settings = places("k1", "k2", "k3")
    local asked, fit = { settings = settings }, fitted({ k1 = 100, k2 = 99, k3 = 60 }, sd, noise)
    doubt.weigh(asked, fit, 0.02)
    return chooser.gains(settings, { asked }, fit)
  end

  it("learns from what is in doubt, and the less the more a run varies", function()
    local quiet = gains({ k1 = 0.01, k2 = 0.05, k3 = 0.05 })
    assert.truthy(quiet.k2 > quiet.k1 and quiet.k1 > 0)
    assert.equal(0, quiet.k3) -- far behind, whatever it is
    assert.truthy(gains({ k1 = 0.01, k2 = 0.05, k3 = 0.05 }, 0.01).k2 < quiet.k2)
  end)

  it("weighs what a cell tells against its seconds, a server's start among them", function()
    local list = { { key = "near", server = "a", gain = 1, seconds = 20 }, { key = "far", server = "b", gain = 2,
      seconds = 20 } }
    local function next_of(state)
      state.start = state.start or function() return 90 end
      local best, too_long = chooser.next(list, state)
      return best and best.key, too_long
    end
    assert.equal("near", next_of { up = "a" })
    assert.equal("far", next_of { up = "b" })
    assert.equal("far", next_of {})
    assert.equal("far", next_of { up = "a", start = function() return 0.1 end })
    assert.equal("near", next_of { up = "a", left = 30 })
    assert.same({ nil, true }, { next_of { up = "a", left = 10 } })
    -- what is left at a server wants it started again
    list[2].gain = 8
    assert.equal("near", next_of { up = "a" })
    list[1].gain = 1e-4
    assert.equal("far", next_of { up = "a" })
    list[2].gain = 0
    assert.same({ nil, false }, { next_of { up = "a" } })
  end)
end)

describe("a search", function()
  -- By arithmetic: a draft's token costs `beta` of a step, a share `accepted` of them is.
  local function measured(place)
    local k, n = place.k, place.concurrency
    local step = (10 + 1.5 * k) * (1 + 0.02 * n * (k + 1))
    local tokens, reach = 1, 1
    for _ = 1, k do
      reach = reach * 0.7
      tokens = tokens + reach
    end
    return 80 * 100 / n / tokens * step / 1000, step, step / tokens
  end

  it("begins with nothing measured, and goes on from what is", function()
    local round = { axes = { { name = "method" }, { name = "k" }, { name = "concurrency" } } }
    local list = {}
    for _, concurrency in ipairs { 1, 4, 16 } do
      for k = 0, 4 do
        local method = k == 0 and "none" or "draft"
        local function key(of, number) return ("%s\31%d\31%d"):format(of, number, concurrency) end
        list[#list + 1] = { coordinates = { method = method, k = k, concurrency = concurrency }, key = key(method, k),
          baseline = key("none", 0), plain = k == 0, model = "m", k = k, concurrency = concurrency, requests = 80,
          input_tokens = 4000, limits = { 100 }, output_tokens = 8000, server_text = method, work_text = "w",
          slot = method .. k }
      end
    end
    local found = search.new { round = round, places = list, tolerance = 0.02 }
    local by_key, have, order = {}, {}, {}
    for _, place in ipairs(list) do by_key[place.key] = place end
    local ended
    repeat
      local key
      key, ended = found:next { start = function() return 1 end }
      if key then
        local place = by_key[key]
        local seconds, itl, tpot = measured(place)
        order[#order + 1] = key
        have[#have + 1] = { coordinates = place.coordinates, key = key .. "\0311", baseline = place.baseline .. "\0311",
          repetition = 1, started = tostring(#have), input_tokens = 4000, engine = { name = "e", chunk_is_step = true },
          identity = { engine = "e", server = { method = place.plain and "none" or "draft", k = place.k, model = "m" },
            workload = { concurrency = place.concurrency } },
          metrics = { duration = seconds, completed = 80, total_output_tokens = 8000, ["ref_itl_ms.mean"] = itl,
            ["ref_tpot_ms.mean"] = tpot } }
        found:learn(have)
      end
    until not key
    assert.equal("answered", ended)
    assert.truthy(#order < #list, #order)
    for _, answer in ipairs(found:answers()) do
      local best, chosen = math.huge, nil
      for _, place in ipairs(list) do
        if place.concurrency == answer.concurrency then
          local seconds = measured(place)
          best = math.min(best, seconds)
          if place.k == (answer.pays and answer.k or 0) then chosen = seconds end
        end
      end
      assert.truthy(best / chosen >= 0.98, answer.concurrency)
    end

    local again = search.new { round = round, places = list, tolerance = 0.02 }
    again:learn(have)
    assert.same({ nil, "answered" }, { again:next { start = function() return 1 end } })
  end)
end)
