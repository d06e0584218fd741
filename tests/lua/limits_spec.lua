-- Round 2's answers under its own limits and under the published ones.

local environment = require "sb.environment"
local grid = require "specbench.experiment.grid"
local plan = require "specbench.experiment.plan"
local round_file = require "specbench.experiment.round_file"

-- By task and context: the room of the first prompt's answer, its own tokens and twice the context told apart.
local function room(name)
  local r = assert(round_file.load(environment.home .. "/rounds/round2.lua"))
  if name then grid.limit(r, name) end
  grid.only(r, { "model=qwen2.5-7b", "method=none", "concurrency=1", "context=0.25k,0.5k,1k" })
  local found = {}
  for _, job in ipairs(plan.new(r, { engine = "sim" }).jobs) do
    local c, work = job.coordinates, job.workload
    local tokens = c.task == "polish" and work.prompts.items[1].tokens or 0
    found[("%s %s"):format(c.task, c.context)] = work.limit_list[1].max_tokens + tokens
  end
  return found
end

describe("round 2's published limits", function()
  it("are other ones for two lengths of polish alone", function()
    local own, published = room(), room "as-published"
    assert.equal(2 * 256 + 100, own["polish 0.25k"])
    assert.equal(2 * 512 + 100, own["polish 0.5k"])
    assert.equal(2 * 250 + 100, published["polish 0.25k"])
    assert.equal(2 * 500 + 100, published["polish 0.5k"])
    for place, tokens in pairs(own) do
      if place ~= "polish 0.25k" and place ~= "polish 0.5k" then assert.equal(tokens, published[place], place) end
    end
  end)
end)
