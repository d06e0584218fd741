-- Predictions against one method's published table, told blind: the short form of tests/proof/predict.

local environment = require "sb.environment"

local data = os.getenv "SPECBENCH_TEST_DATA"
local blind = dofile(environment.home .. "/tests/proof/predict/blind.lua")

describe("predictions of a published table", function()
  it("come near the cells that were not shown, and cover as many as they claim", function()
    if not data then
      assert(os.getenv "CI" ~= "1", "SPECBENCH_TEST_DATA is not set")
      return pending "SPECBENCH_TEST_DATA is not set"
    end
    local verdicts = blind.judge(data .. "/seed-results/round1", environment.home .. "/rounds/round1.lua",
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
