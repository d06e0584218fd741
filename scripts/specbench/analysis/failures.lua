-- Cells that failed and were not measured since, with their causes.

local damage = require "specbench.results.damage"
local fs = require "sb.fs"
local tables = require "specbench.base.tables"

local failures = {}

local NAMED = 5 -- causes; the rest is counted

-- The last attempt of each place of the grid and repeat that has no finished cell.
local function last_attempts(store, cells)
  local done, last = {}, {}
  for _, cell in ipairs(cells) do done[cell.key] = true end
  for _, name in ipairs(fs.list(store.folder .. "/failed") or {}) do
    local cell = damage.cell(("%s/failed/%s"):format(store.folder, name))
    local attempt = tonumber(name:match "%-(%d+)$") or 0
    if cell and not done[cell.key] then
      local old = last[cell.key]
      local is_newer = not old or old.cell.started < cell.started
        or old.cell.started == cell.started and old.attempt < attempt
      if is_newer then last[cell.key] = { cell = cell, attempt = attempt } end
    end
  end
  return last
end

---@param store specbench.store
---@param cells table[] the finished ones
---@return { cause: string, count: integer }[] causes the most frequent first; those that differ in numbers are one
function failures.of(store, cells)
  local causes, by_shape = {}, {}
  for _, attempt in pairs(last_attempts(store, cells)) do
    local cause = attempt.cell.error or "no cause was noted"
    local shape = cause:gsub("%d+", "0")
    local same = by_shape[shape]
    if not same then
      same = { cause = cause, count = 0 }
      by_shape[shape] = same
      causes[#causes + 1] = same
    end
    same.count = same.count + 1
    if cause < same.cause then same.cause = cause end
  end
  return tables.most_frequent_first(causes, "cause")
end

---@param causes { cause: string, count: integer }[]
---@return string text a line a cause
function failures.text(causes)
  local lines, others = {}, 0
  for i, item in ipairs(causes) do
    if i <= NAMED then
      lines[i] = ("Failed: %d cell%s (%s)\n"):format(item.count, item.count == 1 and "" or "s", item.cause)
    else
      others = others + item.count
    end
  end
  if others > 0 then
    lines[#lines + 1] = ("Failed: %d cells of %d other causes (failed/ID-N/cell.json)\n"):format(others,
      #causes - NAMED)
  end
  return table.concat(lines)
end

return failures
