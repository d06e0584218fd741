-- What a fit says of drafts that are accepted more or less often, held against a GPU on which that was set.

local environment = require "sb.environment"
local break_even = require "specbench.report.break_even"
local families = require "specbench.predict.families"
local predict_input = require "specbench.predict.input"
local what_if = require "specbench.predict.what_if"

-- EAGLE on the shape of an 8B target (unless another one is named), 0.2 to 0.8 of each place of a draft accepted, at 1,
-- 32 and 128 at once.
local MEASURED = environment.home .. "/rounds/results/shapes-vllm"

local function family_of(is_shown, model)
  local input = assert(predict_input.open(MEASURED, {}))
  local shown, hidden = {}, {}
  for _, record in ipairs(input.measured) do
    if record.coordinates.model == (model or "llama-3-8b") then
      table.insert(is_shown(record) and shown or hidden, record)
    end
  end
  return families.of(shown, {}, input.about, input.index)[1], hidden, input
end

local function per_second(record)
  return (record.input_tokens + record.output_tokens) / record.seconds
end

describe("what if a draft were accepted more often", function()
  it("is told of each acceptance by the others, and near to what was measured there", function()
    local sum, worst, inside, count = 0, 0, 0, 0
    for _, left_out in ipairs { 0.2, 0.4, 0.6, 0.8 } do
      local family, hidden = family_of(function(record) return record.coordinates.acceptance ~= left_out end)
      local found, plain = what_if.of(family), {}
      for _, record in ipairs(family.plain) do plain[record.concurrency] = per_second(record) end
      for _, record in ipairs(hidden) do
        for _, load in ipairs(found.loads) do
          if load.concurrency == record.concurrency then
            local seen, truth = what_if.at(load.curve, left_out), per_second(record) / plain[load.concurrency]
            local error = math.abs(seen.y / truth - 1)
            sum, worst, count = sum + error, math.max(worst, error), count + 1
            inside = inside + (seen.low <= truth and truth <= seen.high and 1 or 0)
          end
        end
      end
    end
    assert.equal(12, count)
    assert.is_true(sum / count < 0.06, ("mean error %.4f"):format(sum / count)) -- a repeat varies by 0.05
    assert.is_true(worst < 0.25, ("worst error %.4f"):format(worst))
    -- which is for endless repeats: a mean of two varies by more
    assert.is_true(inside >= 7, ("%d of 12 in their interval"):format(inside))
  end)

  it("breaks even later under more load, and sooner with drafts that cost less", function()
    local family = family_of(function() return true end)
    local found = what_if.of(family)
    local alone, many, most = table.unpack(found.loads)
    assert.same({ 1, 32, 128 }, { alone.concurrency, many.concurrency, most.concurrency })
    assert.near(0.25, alone.breaks_even.value, 0.04) -- measured: 0.94 at 0.2, 1.21 at 0.4
    assert.near(0.47, many.breaks_even.value, 0.06)  -- 0.95 at 0.4, 1.25 at 0.6
    assert.near(0.63, most.breaks_even.value, 0.06)  -- 0.98 at 0.6, 1.19 at 0.8
    assert.is_true(many.breaks_even.low < many.breaks_even.value and many.breaks_even.value < many.breaks_even.high)
    assert.equal(4, #alone.measured)
    assert.near(0.5, alone.accepted, 0.02)
    local cheaper = what_if.of(family, 0.5)
    for i, load in ipairs(found.loads) do
      assert.is_true(what_if.at(cheaper.loads[i].curve, 0.6).y > what_if.at(load.curve, 0.6).y)
    end
    -- for nothing, all that is accepted is gain
    for _, load in ipairs(what_if.of(family, 0).loads) do
      assert.near(1, load.curve[1].y, 0.13)
      assert.is_true(load.curve[#load.curve].y > 2)
    end
  end)

  it("is a table that says what was not measured", function()
    local text = break_even.text(what_if.of((family_of(function() return true end, "qwen2.5-7b"))), 0.7)
    assert.truthy(text:find("~breaks even at", 1, true), text)
    assert.truthy(text:find("none [none, none]", 1, true), text)
    assert.truthy(text:find("~speed-up at 0.7", 1, true), text)
  end)

  it("is told where the last repeat has no baseline of its own, since its run was cut", function()
    local family = family_of(function() return true end, "qwen2.5-7b")
    assert.is_nil(family.why)
    assert.is_nil(what_if.flaw(family))
    for _, load in ipairs(what_if.of(family).loads) do assert.is_nil(load.breaks_even.value) end -- 0.44 at most
  end)

  it("is refused where there is nothing to compare with", function()
    local family = family_of(function(record) return not record.plain end)
    assert.equal("no cell of its baseline was measured", what_if.flaw(family))
  end)
end)
