-- A cell's coordinates as a round's functions see them: to read. What a function would write there, other functions
-- and the results' names would take for the cell's own; a name that no axis has would be nil, and quietly.

local tables = require "specbench.base.tables"
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

---Whether a cell is as what was looked at on another.
---@param looked_at specbench.view.reads
---@param cell specbench.coordinates
---@return boolean
function view.agrees(looked_at, cell)
  for name, value in pairs(looked_at.values) do
    if cell[name] ~= value then return false end
  end
  for name in pairs(looked_at.absent) do
    if cell[name] ~= nil then return false end
  end
  return not looked_at.all
end

---What a function answered to cells that it could not tell apart: they agree in all that it looked at.
---@class specbench.view.memory
---@field kinds { names: string[], answers: table<string, any> }[] one for each set of names that was looked at
local Memory = {}
Memory.__index = Memory

---@return specbench.view.memory
function view.memory()
  return setmetatable({ kinds = {}, by_names = {} }, Memory)
end

local function values_of(names, cell)
  local words = {}
  for i, name in ipairs(names) do words[i] = ("%q"):format(cell[name]) end
  return table.concat(words, "\31")
end

---@param cell specbench.coordinates
---@return any answer nil: not known
function Memory:find(cell)
  for _, kind in ipairs(self.kinds) do
    local answer = kind.answers[values_of(kind.names, cell)]
    if answer ~= nil then return answer end
  end
end

---@param cell specbench.coordinates
---@param looked_at specbench.view.reads what the function has looked at there
---@param answer any
function Memory:keep(cell, looked_at, answer)
  if looked_at.all then return end
  local seen = tables.merged(looked_at.values, looked_at.absent)
  local names = tables.keys(seen)
  local key = table.concat(names, "\31")
  local kind = self.by_names[key]
  if not kind then
    kind = { names = names, answers = {} }
    self.by_names[key], self.kinds[#self.kinds + 1] = kind, kind
  end
  kind.answers[values_of(names, cell)] = answer
end

return view
