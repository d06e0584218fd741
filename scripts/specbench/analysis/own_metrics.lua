-- The metrics that a round defines itself, beside the baseline's.

local tables = require "specbench.base.tables"

local own_metrics = {}

---@class specbench.own_metric
---@field value number the mean over repeats
---@field baseline number? of the baseline; nil where it has none

local function mean(cells, name)
  local sum = 0
  for _, cell in ipairs(cells) do
    local value = cell.own and cell.own[name]
    if not value then return nil end
    sum = sum + value
  end
  return sum / #cells
end

---@param cells table[] a place's repeats
---@return table<string, number>? means by name; one that a repeat does not have is absent
function own_metrics.means(cells)
  local found = {}
  for name in pairs(cells[1].own or {}) do found[name] = mean(cells, name) end
  return next(found) and found or nil
end

---@param repeats { cell: table, base: table }[]
---@return table<string, specbench.own_metric>? by name; one that a repeat does not have is absent
function own_metrics.of(repeats)
  local cells, bases, found = {}, {}, {}
  for i, one in ipairs(repeats) do cells[i], bases[i] = one.cell, one.base end
  for name, value in pairs(own_metrics.means(cells) or {}) do
    found[name] = { value = value, baseline = mean(bases, name) }
  end
  return next(found) and found or nil
end

---The names that any of the entries has, sorted.
---@param entries { own: table<string, any>? }[]
---@return string[]
function own_metrics.names(entries)
  local names = {}
  for _, entry in ipairs(entries) do
    for name in pairs(entry.own or {}) do names[name] = true end
  end
  return tables.keys(names)
end

---"0.81 (0.64)": with the baseline's in brackets
---@param metric specbench.own_metric?
---@return string
function own_metrics.text(metric)
  if not metric then return "-" end
  return metric.baseline and ("%.4g (%.4g)"):format(metric.value, metric.baseline) or ("%.4g"):format(metric.value)
end

return own_metrics
