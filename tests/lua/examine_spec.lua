-- Every engine of specbench's own passes the examination that an engine of a user's does.

local description = require "specbench.engine.description"
local engines = require "specbench.engine"
local examine = require "specbench.engine.examine"

describe("every engine", function()
  for _, name in ipairs(engines.names) do
    it("reads or names every key of a description: " .. name, function()
      local flaws, warnings = examine.engine(engines.load(name))
      assert.same({}, flaws)
      assert.same({}, warnings)
    end)
  end

  it("is asked with a value of every key, which a round could give", function()
    for _, field in ipairs(description.shape.fields) do
      local key = field[1]
      assert.truthy(key == "method" or examine.sample[key] ~= nil or examine.elsewhere[key],
        "examine.sample has no " .. key)
    end
    local server = setmetatable({ method = "draft" }, { __index = examine.sample })
    assert.same({}, description.shape:flaws(server))
  end)
end)
