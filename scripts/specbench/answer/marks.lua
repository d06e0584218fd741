-- The marks of a place, the same on a screen, on maps, in pictures and on the page: its verdict, and what keeps its
-- number from being believed.

local caveats = require "specbench.analysis.caveats"
local pays = require "specbench.answer.pays"
local tables = require "specbench.base.tables"
local verdict = require "specbench.analysis.verdict"

local marks = {}

---@class specbench.mark
---@field name string
---@field typed string on terminals, whose letters may be few
---@field drawn string in pictures and on pages
---@field meaning string

-- In the order that they are explained.
local ALL = {
  { name = "faster", typed = "+", drawn = "▲", meaning = "faster" },
  { name = "slower", typed = "-", drawn = "▼", meaning = "slower" },
  { name = "tie", typed = "=", drawn = "=", meaning = ("tie within %g %%"):format(100 * verdict.TIE) },
  { name = "undecided", typed = "?", drawn = "?", meaning = "undecided" },
  { name = "ramp_up", typed = "*", drawn = "*", meaning = "mostly ramp-up and drain" },
  { name = "lossy", typed = "~", drawn = "~", meaning = "lossy: answers may not be the target's" },
  { name = "late", typed = "!", drawn = "!", meaning = "the client was late" },
}

---@type table<string, specbench.mark>
marks.by_name = {}
for _, mark in ipairs(ALL) do marks.by_name[mark.name] = mark end

---@param entry specbench.verdict.entry
---@return table<string, boolean> names of its marks; a ratio is as much its baseline's
function marks.of(entry)
  local names = marks.of_cells(entry.cells)
  for _, one in ipairs(entry.all or {}) do names.late = names.late or caveats.late(one.base) ~= nil or nil end
  if entry.verdict then names[entry.verdict] = true end
  names.ramp_up = names.ramp_up or pays.ramp_up(entry) or nil
  return names
end

---Of a place that nothing is compared with.
---@param cells table[] one a repeat
---@return table<string, boolean> names of its marks
function marks.of_cells(cells)
  local function any(is) return tables.count(cells, is) > 0 or nil end
  return { ramp_up = any(caveats.drained), lossy = any(function(cell) return cell.lossy end), late = any(caveats.late) }
end

---Whether a place's ratio is to be read with care, for which its colour is pale: it could have a verdict, and has none
---that could be quoted.
---@param entry specbench.verdict.entry
---@return boolean
function marks.is_pale(entry)
  local is_open = not entry.verdict or entry.verdict == "undecided"
  return pays.ramp_up(entry) or is_open and entry.speedups.paired ~= nil
end

---@param names table<string, boolean>
---@param how "typed"|"drawn"
---@return string text what stands behind the number
function marks.text(names, how)
  local list = {}
  for _, mark in ipairs(ALL) do
    if names[mark.name] then list[#list + 1] = mark[how] end
  end
  return table.concat(list)
end

---What those marks mean.
---@param names table<string, boolean>? all of them unless told
---@param how "typed"|"drawn"
---@return string[]
function marks.legend(names, how)
  local list = {}
  for _, mark in ipairs(ALL) do
    if not names or names[mark.name] then list[#list + 1] = ("%s %s"):format(mark[how], mark.meaning) end
  end
  return list
end

return marks
