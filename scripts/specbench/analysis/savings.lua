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

-- What a folder's predictions saved: those of cells that were not measured since; nil where there are none.
local function of(found)
  local list = predicted.of(found.store.folder, found.about, found.cells)
  if not list then return nil end
  local saved = { cells = 0, gpu_seconds = 0, spent = 0 }
  for _, cell in ipairs(found.cells) do
    saved.spent = saved.spent + (cell.metrics.duration or 0) * energy.gpu_count(cell)
  end
  for _, place in ipairs(list) do
    if not place.is_alone then
      saved.cells, saved.gpu_seconds = saved.cells + 1, saved.gpu_seconds + place.seconds * place.gpus
    end
  end
  return saved
end

---What a study's predictions saved, as text.
---@param found specbench.study
---@param price number? of a GPU hour
---@return string? one sentence without its full stop; nil where nothing was saved
function savings.line(found, price)
  local saved = of(found)
  return saved and savings.text(saved, price)
end

return savings
