-- What a search asks of a method: at each piece of work and each load, which of its settings is the fastest, and is any
-- faster than no speculation?

local tables = require "specbench.base.tables"

local question = {}

---@class specbench.search.question
---@field work string
---@field concurrency integer
---@field settings specbench.predict.record[] the baseline's first: no speculation is a setting too
---@field best specbench.predict.record? by what is known so far
---@field wrong number? probability that another is faster by more than the tolerance
---@field rivals { place: specbench.predict.record, chance: number, variance: number }[]? which of them may be, how
---  probably, and the variance of the logarithm of their ratio to the best

---@param family specbench.predict.family
---@return specbench.search.question[] in the grid's order
function question.of(family)
  local list = {}
  for i, group in ipairs(tables.grouped(family.pairs, function(one)
    return ("%s\31%d"):format(one.place.work, one.place.concurrency)
  end)) do
    local first = group.items[1]
    local asked = { work = first.place.work, concurrency = first.place.concurrency, settings = { first.baseline } }
    for _, one in ipairs(group.items) do table.insert(asked.settings, one.place) end
    list[i] = asked
  end
  return list
end

return question
