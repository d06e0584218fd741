-- The model of costs, its fit and its intervals, on cells made from costs that are known.

local fit = require "specbench.predict.fit"
local linear = require "sb.linear"
local model = require "specbench.predict.model"
local occupancy = require "specbench.predict.occupancy"
local rng = require "sb.rng"

local PLAIN = { alpha = 11.2, beta = 0, gamma = 0.08, delta = 0, epsilon = 0.06, bend = 0, bend_at = 1000,
  prefill_base = 10, prefill_token = 0.055, prefill_request = 0, request_overhead = 13 }
local DRAFT = { alpha = 13.7, beta = 1.75, gamma = 0.25, delta = 0.14, epsilon = 0.1, bend = 0, bend_at = 1000,
  prefill_base = 10, prefill_token = 0.055, prefill_request = 0, request_overhead = 13 }

local WORKS = {
  { name = "long", requests = 160, input = 110, output = 270, first = 0.73, later = 0.73, spread = 0.5 },
  { name = "short", requests = 80, input = 300, output = 60, first = 0.65, later = 0.62, spread = 0.7 },
  { name = "maths", requests = 80, input = 90, output = 200, first = 0.92, later = 0.88, spread = 0.3 },
  { name = "chat", requests = 80, input = 60, output = 320, first = 0.6, later = 0.7, spread = 0.9, limits = 512 },
}
local LOADS = { 1, 4, 8, 12, 16, 32, 64, 128 }

-- A cell as it would be measured; `error` is added to the logarithm of its time.
local function cell_of(work, k, concurrency, cost, error)
  local plain = k == 0
  local input, output = work.input * work.requests, work.output * work.requests
  work.schedule = work.schedule or occupancy.of { requests = work.requests, input_tokens = input,
    output_tokens = output, limits = work.limits }
  local schedule = work.schedule
  local load = { k = k, concurrency = concurrency, requests = work.requests, input_tokens = input,
    output_tokens = output }
  local figures = model.figures(cost, work, load, schedule:spent(concurrency, work.spread), schedule.context)
  return { server = plain and "plain" or "draft", plain = plain, model = "target", work = work.name, k = k,
    concurrency = concurrency, requests = work.requests, input_tokens = input, output_tokens = output,
    limits = work.limits, seconds = figures.seconds * math.exp(error or 0), itl_ms = figures.itl_ms,
    tpot_ms = figures.itl_ms / figures.tokens_per_step }
end

local function place_of(cell)
  local place = {}
  for name, value in pairs(cell) do place[name] = value end
  place.seconds, place.itl_ms, place.tpot_ms, place.output_tokens = nil, nil, nil, nil
  return place
end

-- Every cell of a grid, and of them those to measure: the extremes of k at three loads, the middle one at a fourth.
local function world(error_of, costs)
  local all, measured, plain = {}, {}, {}
  for _, work in ipairs(WORKS) do
    for _, b in ipairs(LOADS) do
      for k = 0, 5 do
        local cost = (costs or { PLAIN, DRAFT })[k == 0 and 1 or 2]
        local cell = cell_of(work, k, b, cost, error_of and error_of(work.name, k, b))
        local chosen = (b == 8 or b == 32 or b == 128) and (k < 2 or k == 5) or b == 64 and k == 3
        if chosen then measured[#measured + 1] = cell end
        if k == 0 then
          plain[work.name .. b] = cell
        elseif not chosen then
          all[#all + 1] = cell
        end
      end
    end
  end
  return measured, all, plain
end

local function per_second(cell)
  return (cell.input_tokens + cell.output_tokens) / cell.seconds
end

-- Mean error of the predicted speed-ups, the model's alone, and the share within their intervals.
local function judge(fitted, rest, plain)
  local error, alone, within = 0, 0, 0
  for _, cell in ipairs(rest) do
    local base = plain[cell.work .. cell.concurrency]
    local truth = per_second(cell) / per_second(base)
    local seen = fitted:speedup(place_of(cell), place_of(base))
    error, alone = error + math.abs(seen.ratio / truth - 1) / #rest, alone + math.abs(seen.model / truth - 1) / #rest
    within = within + (seen.low <= truth and truth <= seen.high and 1 or 0) / #rest
  end
  return error, alone, within
end

describe("a prediction", function()
  it("solves systems", function()
    local matrix = { { 4, 2, 1 }, { 2, 5, 3 }, { 1, 3, 6 } }
    local lower = assert(linear.symmetric(matrix):cholesky())
    for i, expected in ipairs { 1, 2, 3 } do assert.near(expected, lower:solve({ 11, 21, 25 })[i], 1e-12) end
    assert.near(math.log(math.sqrt(67)), lower:log_root(), 1e-12)
    assert.is_nil(linear.symmetric({ { 1, 2 }, { 2, 1 } }):cholesky())
  end)

  it("solves systems of more rows than are worked on at once, each number a sum in the same order", function()
    local draws, size, matrix, lower = rng.new(5), 29, {}, {}
    for i = 1, size do
      matrix[i], lower[i] = {}, {}
      for j = 1, i do matrix[i][j] = i == j and size or draws:uniform() end
      for j = 1, i do
        local sum = matrix[i][j]
        for m = 1, j - 1 do sum = sum - lower[i][m] * lower[j][m] end
        lower[i][j] = i == j and math.sqrt(sum) or sum / lower[j][j]
      end
    end
    local factor, values, expected = assert(linear.symmetric(matrix):cholesky()), {}, {}
    for i = 1, size do
      values[i] = draws:normal()
      local sum = values[i]
      for j = 1, i - 1 do sum = sum - lower[i][j] * expected[j] end
      expected[i] = sum / lower[i][i]
    end
    assert.same(expected, factor:forward(values))
    local inverse, diagonal = factor:inverse(), factor:inverse_diagonal()
    for i = 1, size do
      for j = 1, size do
        local sum = 0
        for m = 1, size do sum = sum + (matrix[i][m] or matrix[m][i]) * inverse[m][j] end
        assert.near(i == j and 1 or 0, sum, 1e-12)
      end
      assert.equal(inverse[i][i], diagonal[i])
    end
  end)

  it("adds products of sparse vectors to a matrix", function()
    local field = linear.symmetric { { 2 }, { 1, 4 } }
    local sum = field:with_products(10, { { 1, 2, 3 }, { 4, 5, 6 } },
      { { { 1, 0, 7 } }, { { 2, 0, 8 }, { 3, 0, 9 } } }, 3, { 100, 200 })
    -- 10 * 2 + 1 * 7 + 100; 10 * 1 + 4 * 7; 10 * 4 + 5 * 8 + 6 * 9 + 200
    local expected = assert(linear.symmetric({ { 127 }, { 38, 334 } }):cholesky())
    assert.same(expected:forward { 1, 1 }, assert(sum:cholesky()):forward { 1, 1 })
    assert.has_error(function() field:with_products(1, { { 1 }, { 1 } }, { { { 2, 1 } }, {} }, 2, { 0, 0 }) end,
      "an entry's place must be one of the vectors' 1")
    assert.has_error(function() field:with_products(1, { { 1 } }, { {} }, 2, { 0 }) end)
    assert.has_error(function() linear.symmetric { { 1 }, { 1, "2" } } end)
    assert.has_error(function() linear.symmetric({ { 1 } }):cholesky():solve { 1, 2 } end)
  end)

  it("keeps every token and drains at the end", function()
    local lengths = occupancy.lengths(100, 20000, 0.6, 512)
    local longest, sum = 0, 0
    for _, tokens in ipairs(lengths) do longest, sum = math.max(longest, tokens), sum + tokens end
    assert.near(20000, sum, 1)
    assert.is_true(longest <= 512.001)
    for _, b in ipairs { 1, 7, 100, 300 } do
      local spent, tokens = occupancy.schedule(lengths, b), 0
      for n, share in ipairs(spent) do tokens = tokens + n * share end
      assert.near(20000, tokens, 1)
      assert.equal(math.min(b, 100), #spent)
    end
    -- four equal answers on two slots never drain; five leave one alone
    assert.same({ 0, 20 }, occupancy.schedule({ 10, 10, 10, 10 }, 2))
    assert.same({ 10, 20 }, occupancy.schedule({ 10, 10, 10, 10, 10 }, 2))
  end)

  it("counts tokens a step and what the last one wastes", function()
    local tokens, overshoot = model.tokens(0.5, 0.5, 2)
    assert.near(1.75, tokens, 1e-12) -- 1 + 0.5 + 0.25
    -- one, two, three tokens with 0.5, 0.25, 0.25: (E X^2 - E X) / (2 E X)
    assert.near((3.75 - 1.75) / 3.5, overshoot, 1e-12)
    tokens, overshoot = model.tokens(1, 1, 3)
    assert.near(4, tokens, 1e-12)
    assert.near(1.5, overshoot, 1e-12)
  end)

  it("recovers the costs and the acceptance that cells were made from", function()
    local measured, rest, plain = world()
    local fitted = fit.of(measured)
    local error = judge(fitted, rest, plain)
    assert.is_true(error < 0.01, ("mean error %.4f"):format(error))
    local costs = fitted:costs()
    assert.near(1, costs.method.alpha.value / DRAFT.alpha, 0.04)
    assert.near(1, (costs.method.beta.value + 8 * costs.method.delta.value) / (DRAFT.beta + 8 * DRAFT.delta), 0.1)
    assert.near(1, costs.plain.alpha.value / PLAIN.alpha, 0.04)
    assert.is_true(costs.method.alpha.low < DRAFT.alpha and DRAFT.alpha < costs.method.alpha.high)
    local acceptance = fitted:acceptance()
    for _, work in ipairs(WORKS) do
      assert.near(work.first, acceptance[work.name].first.value, 0.04)
      assert.near(model.tokens(work.first, work.later, 5),
        model.tokens(acceptance[work.name].first.value, acceptance[work.name].later.value, 5), 0.15)
    end
  end)

  it("is not moved by a cell that hung", function()
    local draws = rng.new(7)
    local errors = {}
    local function error_of(work, k, b)
      local name = work .. k .. "/" .. b
      errors[name] = errors[name] or 0.015 * draws:normal()
      return errors[name]
    end
    local measured, rest, plain = world(error_of)
    local before = judge(fit.of(measured), rest, plain)
    for _, cell in ipairs(measured) do
      if cell.work == "long" and cell.k == 5 and cell.concurrency == 128 then
        cell.seconds, cell.itl_ms, cell.tpot_ms = cell.seconds * 100, cell.itl_ms * 100, cell.tpot_ms * 90
      end
    end
    local fitted = fit.of(measured)
    assert.is_true(judge(fitted, rest, plain) < before + 0.004)
    local far = fitted:strangers()
    assert.equal(1, #far)
    assert.equal("long", far[1].cell.work)
  end)

  it("covers what cells show, at the rate that it claims", function()
    local draws, inside, worlds = rng.new(3), 0, 4
    for _ = 1, worlds do
      local errors = {}
      local function once(name, sd)
        errors[name] = errors[name] or sd * draws:normal()
        return errors[name]
      end
      -- runs differ, and so does all that the model does not know: of a work, of a load, of both
      local measured, rest, plain = world(function(work, k, b)
        return once(("%s %d %d"):format(work, k, b), 0.015) + once("load " .. b, 0.02) + once("work " .. work, 0.02)
          + once(("both %s %d"):format(work, b), 0.015)
      end)
      local _, _, within = judge(fit.of(measured), rest, plain)
      inside = inside + within / worlds
    end
    assert.is_true(inside > 0.83 and inside < 0.98, ("coverage %.3f"):format(inside))
  end)

  it("is as unsure of cells without repeats as other methods' repeats on the machine differ", function()
    local measured, rest, plain = world()
    local place, base = place_of(rest[1]), place_of(plain[rest[1].work .. rest[1].concurrency])
    local function width(beside)
      local seen = fit.of(measured, { beside = beside }):speedup(place, base)
      return math.log(seen.high / seen.low)
    end
    local function with_scatter(cell, squares)
      return { concurrency = cell.concurrency, requests = cell.requests, repeats = 3, scatter = squares }
    end
    local quiet, wild = {}, {}
    for i = 1, 6 do quiet[i], wild[i] = with_scatter(measured[i], 1e-6), with_scatter(measured[i], 0.1) end
    assert.equal(width(nil), width(quiet))
    assert.is_true(width(wild) > 3 * width(quiet))
    -- those of its own come first, where there are enough of them
    for i = 1, 6 do measured[i].repeats, measured[i].scatter = 3, 1e-6 end
    assert.equal(width(quiet), width(wild))
  end)

  it("sees a bend where the step grows faster with the batch", function()
    local bent = {}
    for name, value in pairs(DRAFT) do bent[name] = value end
    bent.gamma, bent.delta, bent.bend, bent.bend_at = 0.05, 0.02, 0.25, 60
    local measured, rest, plain = world(nil, { PLAIN, bent })
    local fitted = fit.of(measured)
    local error = judge(fitted, rest, plain)
    assert.is_true(error < 0.03, ("mean error %.4f"):format(error))
    local costs = fitted:costs().method
    assert.is_true(costs.bend.value > 0.1, ("bend %.3f"):format(costs.bend.value))
  end)

  it("grows with its cells: a fit that starts from an earlier one ends where a fresh one does", function()
    local measured, rest, plain = world()
    local fewer, options = {}, { occupancies = {} }
    for i = 1, #measured - 6 do fewer[i] = measured[i] end
    options.before = fit.of(fewer, options)
    local grown, fresh = fit.of(measured, options), fit.of(measured)
    for i = 1, #rest, 7 do
      local base = place_of(plain[rest[i].work .. rest[i].concurrency])
      local one, other = grown:speedup(place_of(rest[i]), base), fresh:speedup(place_of(rest[i]), base)
      assert.near(1, one.ratio / other.ratio, 0.01)
    end
    -- a cell that was measured is known better than one that was not, and tells of its neighbours
    local seen, unseen = measured[1], rest[1]
    assert.is_true(fresh:predict(seen).sd < fresh:predict(place_of(unseen)).sd)
    assert.is_true(fresh:covariance(seen, seen) > 0)
  end)
end)
