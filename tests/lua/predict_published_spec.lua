-- Predictions against one method's published table, told blind: the short form of tests/proof/predict.

local environment = require "sb.environment"

local blind = dofile(environment.home .. "/tests/proof/predict/blind.lua")
local test_data = dofile(environment.home .. "/tests/lua/test_data.lua")

describe("predictions of a published table", function()
  it("come near the cells that were not shown, and cover as many as they claim", function()
    local verdicts = blind.judge(test_data(pending, "seed-results/round1"), environment.home .. "/rounds/round1.lua",
      { only = "eagle" })
    assert.equal(1, #verdicts)
    local v = verdicts[1]
    local function says(name) return ("%s %.4f"):format(name, v[name]) end
    assert.equal(256, v.judged)
    assert.is_true(v.share_with_baseline <= 0.1, says "share_with_baseline")
    assert.is_true(v.corrected <= 0.025 and v.corrected < v.model and v.corrected < v.naive / 2, says "corrected")
    assert.is_true(v.within >= 0.97, says "within")
    assert.is_true(v.regret <= 0.007, says "regret")
    assert.is_true(v.coverage >= 0.87 and v.coverage <= 0.93, says "coverage")
  end)
end)
