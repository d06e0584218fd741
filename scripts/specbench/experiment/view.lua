-- A cell's coordinates as a round's functions see them: to read. What a function would write there, other functions
-- and the results' names would take for the cell's own; a name that no axis has would be nil, and quietly.

local nearest = require "specbench.base.nearest"

local view = {}

-- What a cell tells beside its axes.
local beside = { "quick", "prompts", "seed", "repetition", "baseline", "limits" }

-- One line suffices: it names the place in the round's file, which is two levels up.
local function refuse(label, format, ...)
  local place = debug.getinfo(3, "Sl")
  error({ exit = 1, message = ("%s:%d: %s: %s"):format(place.short_src, place.currentline, label(),
    format:format(...)) }, 0)
end

---@param cell specbench.coordinates
---@param axes { name: string }[] of the round
---@param label fun(): string of the function that sees it: "server(method=none, concurrency=1)"
---@return specbench.coordinates view
function view.of(cell, axes, label)
  local known, names = {}, {}
  for _, axis in ipairs(axes) do known[axis.name], names[#names + 1] = true, axis.name end
  for _, name in ipairs(beside) do known[name], names[#names + 1] = true, name end
  return setmetatable({}, {
    __index = function(_, name)
      if known[name] then return cell[name] end
      local meant = nearest(tostring(name), names)
      refuse(label, "a cell has no '%s'%s; it has: %s", tostring(name),
        meant and (" (did you mean '%s'?)"):format(meant) or "", table.concat(names, ", "))
    end,
    __newindex = function(_, name)
      refuse(label, "a cell's '%s' is to be read, not changed (`reduce` may return other coordinates)", tostring(name))
    end,
    __pairs = function() return next, cell end,
    __metatable = "a cell's coordinates",
  })
end

return view
