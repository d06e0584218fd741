-- A cell's coordinates as a round's functions see them: to read. What a function would write there, other functions
-- and the results' names would take for the cell's own; a name that no axis has would be nil, and quietly.

local unknown = require "specbench.base.unknown"

local view = {}

-- What a cell tells beside its axes.
local beside = { "quick", "prompts", "seed", "repetition", "baseline", "limits" }

-- One line suffices: it names the place in the round's file, which is two levels up.
local function refuse(label, format, ...)
  local place = debug.getinfo(3, "Sl")
  error({ exit = 1, message = ("%s:%d: %s: %s"):format(place.short_src, place.currentline, label(),
    format:format(...)) }, 0)
end

---@class specbench.view.reads what a function has looked at
---@field values table<string, any> by name
---@field absent table<string, boolean> names of what the cell does not have
---@field all boolean? it went through all of them

local known_of = setmetatable({}, { __mode = "k" }) -- by axes: { names by position and by name }

local function names_of(axes)
  local names = known_of[axes]
  if names then return names end
  names = { list = {}, has = {} }
  for _, axis in ipairs(axes) do names.list[#names.list + 1] = axis.name end
  table.move(beside, 1, #beside, #names.list + 1, names.list)
  for _, name in ipairs(names.list) do names.has[name] = true end
  known_of[axes] = names
  return names
end

---@param cell specbench.coordinates
---@param axes { name: string }[] of the round
---@param label fun(): string of the function that sees it: "server(method=none, concurrency=1)"
---@return specbench.coordinates view
---@return specbench.view.reads looked_at grows as the view is used
function view.of(cell, axes, label)
  local names, looked_at = names_of(axes), { values = {}, absent = {} }
  return setmetatable({}, {
    __index = function(_, name)
      if names.has[name] then
        local value = cell[name]
        if value == nil then looked_at.absent[name] = true else looked_at.values[name] = value end
        return value
      end
      refuse(label, "a cell has no '%s'%s; it has: %s", tostring(name), unknown.hint(name, names.list),
        table.concat(names.list, ", "))
    end,
    __newindex = function(_, name)
      refuse(label, "a cell's '%s' is read-only (`reduce` may return other coordinates)", tostring(name))
    end,
    __pairs = function()
      looked_at.all = true
      return next, cell
    end,
    __metatable = "a cell's coordinates",
  }), looked_at
end

return view
