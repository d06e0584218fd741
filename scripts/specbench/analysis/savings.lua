-- GPU time that was not spent because an answer did not need it: cells that were predicted from others, or that a
-- budget left out.

local energy = require "specbench.analysis.energy"
local money = require "specbench.base.money"
local predicted = require "specbench.results.predicted"

local savings = {}

---@class specbench.savings
---@field cells integer that were not measured
---@field gpu_seconds number that they would have taken, as predicted
---@field spent number GPU seconds of the cells that were measured

---@param found specbench.savings
---@param price number? of a GPU hour
---@return string? one sentence without its full stop; nil where nothing was saved
function savings.text(found, price)
  if found.cells == 0 or found.gpu_seconds <= 0 then return nil end
  local whole = found.gpu_seconds + found.spent
  return ("%d cell%s predicted, not measured, which saved %s (%.0f %% of %s)%s"):format(found.cells,
    found.cells == 1 and "" or "s", money.hours(found.gpu_seconds), 100 * found.gpu_seconds / whole,
    money.hours(whole),
    price and (": %s at %g a GPU hour"):format(money.cost(found.gpu_seconds, price), price) or "")
end

---What a folder's predictions saved: those of cells that were not measured since.
---@param folder string
---@param about table its round.json
---@param cells table[] that were measured
---@return specbench.savings? found nil where the folder holds no predictions
function savings.of(folder, about, cells)
  local list = predicted.of(folder, about, cells)
  if not list then return nil end
  local found = { cells = 0, gpu_seconds = 0, spent = 0 }
  for _, cell in ipairs(cells) do
    found.spent = found.spent + (cell.metrics.duration or 0) * energy.gpu_count(cell)
  end
  for _, place in ipairs(list) do
    if not place.is_alone then
      found.cells, found.gpu_seconds = found.cells + 1, found.gpu_seconds + place.seconds * place.gpus
    end
  end
  return found
end

return savings
