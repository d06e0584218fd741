-- How many tokens the prompts of a place have, where the data do not tell. The rule is a measured cell's
-- (analysis/speedup): what the data tell, else what the server counted; for a place that is what it counted in measured
-- cells of the same work, a request's mean. Unknown is never zero.

local prompts = {}

local UNTOLD = 100 -- tokens of a prompt, for a search's first steps, before any cell is measured

-- The records with this value, where there are some: else all.
local function narrowed(list, name, value)
  local some = {}
  for _, record in ipairs(list) do
    if record[name] == value then some[#some + 1] = record end
  end
  return #some > 0 and some or list
end

local function mean(list)
  local sum = 0
  for _, record in ipairs(list) do sum = sum + record.input_tokens / record.requests end
  return sum / #list
end

---Gives each place whose data do not tell its prompts' tokens what measured cells tell; nil where none does. Those of
---the same model and of as many requests tell best: they have the same tokens, and the same prompts.
---@param measured specbench.predict.record[]
---@param places specbench.predict.record[] changed
function prompts.share(measured, places)
  local by_work = {}
  for _, record in ipairs(measured) do
    by_work[record.work] = by_work[record.work] or {}
    table.insert(by_work[record.work], record)
  end
  for _, place in ipairs(places) do
    if place.prompts_by or not place.input_tokens then
      local told = by_work[place.work]
      told = told and narrowed(narrowed(told, "model", place.model), "requests", place.requests)
      place.input_tokens, place.prompts_by = told and mean(told) * place.requests, told and "cells" or nil
    end
  end
end

---For a search, which has to choose a cell before any tells: as many as other work's prompts have. No answer rests on
---it.
---@param measured specbench.predict.record[]
---@param places specbench.predict.record[] changed
function prompts.guess(measured, places)
  local each = #measured > 0 and mean(measured) or UNTOLD
  for _, place in ipairs(places) do
    if not place.input_tokens then place.input_tokens, place.prompts_by = each * place.requests, "guess" end
  end
end

---@param record specbench.predict.record
---@return boolean
function prompts.are_known(record)
  return record.input_tokens ~= nil and record.prompts_by ~= "guess"
end

prompts.UNKNOWN = "how many tokens the prompts of this work have is not known: measure one of its cells"

return prompts
