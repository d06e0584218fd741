-- A round's axes, narrowed by the command line and expanded into cells.

local blame = require "specbench.base.blame"
local export = require "specbench.export"
local keys = require "specbench.results.keys"
local refusal = require "specbench.experiment.refusal"
local tables = require "specbench.base.tables"
local unknown = require "specbench.base.unknown"
local view = require "specbench.experiment.view"

local grid = {}

local fail, hint = refusal.raise, unknown.hint

local function axis_of(self, name)
  for _, axis in ipairs(self.axes) do
    if axis.name == name then return axis end
  end
  local names = {}
  for i, axis in ipairs(self.axes) do names[i] = axis.name end
  fail("no axis '%s'%s; the axes of %s are: %s", name, hint(name, names), self.name, table.concat(names, ", "))
end

local function split(text)
  local list = {}
  for word in text:gmatch "[^,]+" do list[#list + 1] = word end
  return list
end

-- A value from the command line as the axis spells it: numbers where its own values are numbers.
local function convert(axis, word)
  if math.type(axis.values[1]) then
    local number = math.tointeger(tonumber(word)) or tonumber(word)
    if not number then fail("axis '%s' takes numbers, not '%s'", axis.name, word) end
    return number
  end
  return word
end

local function spelled(values)
  local words = {}
  for i, value in ipairs(values) do words[i] = tostring(value) end
  return words
end

local function parse_setting(self, setting)
  local name, list = setting:match "^([%w_]+)=(.+)$"
  if not name then fail("'%s' is not AXIS=VALUE[,VALUE...]", setting) end
  return axis_of(self, name), split(list)
end

---Option --set AXIS=V1,V2: the axis takes these values, also beyond what --quick left. Numbers may be new; words
---must be known to the round, unless the axis is open.
---@param settings string[]
function grid.set(self, settings)
  for _, setting in ipairs(settings) do
    local axis, words = parse_setting(self, setting)
    local known, values = {}, {}
    for _, value in ipairs(axis.declared) do known[value] = true end
    for i, word in ipairs(words) do
      local value = convert(axis, word)
      if not known[value] and not math.type(value) and not axis.open then
        fail("axis '%s' has no value '%s'%s; it has: %s", axis.name, word, hint(word, spelled(axis.declared)),
          table.concat(spelled(axis.declared), ", "))
      end
      values[i] = value
    end
    axis.values = values
  end
end

local declared_of = setmetatable({}, { __mode = "k" }) -- by an axis' declared values: the same as a set

---The settings that gave a cell values which the round itself does not have.
---@param cell specbench.coordinates
---@return string[] settings "concurrency=0"
function grid.foreign_settings(self, cell)
  local settings = {}
  for _, axis in ipairs(self.axes) do
    local value, declared = cell[axis.name], declared_of[axis.declared]
    if not declared then
      declared = tables.set_of(axis.declared)
      declared_of[axis.declared] = declared
    end
    if value ~= nil and not declared[value] then
      settings[#settings + 1] = ("%s=%s"):format(axis.name, tostring(value))
    end
  end
  return settings
end

---Option --only AXIS=V: of the axis' values only these.
---@param settings string[]
function grid.only(self, settings)
  for _, setting in ipairs(settings) do
    local axis, words = parse_setting(self, setting)
    local wanted, values = {}, {}
    for _, word in ipairs(words) do
      local value, found = convert(axis, word), false
      for _, have in ipairs(axis.values) do found = found or have == value end
      if not found then
        fail("axis '%s' has no value '%s'%s; it has: %s", axis.name, word, hint(word, spelled(axis.values)),
          table.concat(spelled(axis.values), ", "))
      end
      wanted[value] = true
    end
    for _, value in ipairs(axis.values) do
      if wanted[value] then values[#values + 1] = value end
    end
    axis.values = values
  end
end

---Option --baseline NAME: cells are compared with what the round calls so.
---@param name string one of the round's `baselines`
function grid.compare_with(self, name)
  local known = self.baselines or {}
  if not known[name] then
    fail("%s has no baseline '%s'%s; it has: %s", self.name, name, hint(name, tables.keys(known)),
      next(known) and table.concat(tables.keys(known), ", ") or "only its own")
  end
  self.baseline_name, self.baseline = name, known[name]
end

---Option --limits NAME: answers are as long as the round's `limits` of that name say.
---@param name string one of the round's `limits`
function grid.limit(self, name)
  local known = self.limits or {}
  for _, has in ipairs(known) do
    if has == name then
      self.limits_name = name
      return
    end
  end
  fail("%s has no limits '%s'%s; it has: %s", self.name, name, hint(name, known),
    known[1] and table.concat(known, ", ") or "only its own")
end

---Shrinks the round to what it declares as `quick`: fewer values on axes, fewer prompts.
function grid.quicken(self)
  if not self.quick then fail("%s declares no quick variant: run it without --quick", self.name) end
  self.is_quick = true
  for name, values in pairs(self.quick.axes or {}) do axis_of(self, name).values = values end
end

---@return specbench.round copy with all values of its axes, as declared
function grid.whole(self)
  local axes = {}
  for i, axis in ipairs(self.axes) do
    axes[i] = setmetatable({ values = axis.declared }, { __index = axis })
  end
  return setmetatable({ axes = axes }, { __index = self })
end

---@class specbench.coordinates: table<string, any> one value an axis, and:
---@field quick boolean? the run is a quick one
---@field prompts integer? prompts a cell in a quick run
---@field seed integer of this repeat
---@field repetition integer from 1
---@field baseline string? the baseline's name, if --baseline chose one
---@field limits string? the name of the answers' limits, if --limits chose some

local function words_of(self, cell)
  local words = {}
  for _, axis in ipairs(self.axes) do
    local value = cell[axis.name]
    if value ~= nil then words[#words + 1] = ("%s=%s"):format(axis.name, tostring(value)) end
  end
  if cell.repetition > 1 then words[#words + 1] = "repeat=" .. cell.repetition end
  return words
end

-- Which of the round's functions, of which cell: "server(method=none, concurrency=1)".
local function label_of(self, name, cell)
  return ("%s(%s)"):format(name, table.concat(words_of(self, cell), ", "))
end

-- f gets `first`, where there is one, and the cell as the round's functions see it. Gives its answer and what it has
-- looked at.
local function call(self, name, cell, f, first)
  local function label() return label_of(self, name, cell) end
  local seen, looked_at = view.of(cell, self.axes, label)
  if first ~= nil then return blame.call(label, f, first, seen), looked_at end
  return blame.call(label, f, seen), looked_at
end

local DESCRIBES = { server = true, workload = true } -- of which no cell can do without what they return

---Calls one of the round's functions for a cell; its error names both.
---@param name "server"|"workload"|"where"|"reduce"
---@param cell specbench.coordinates
---@return any
---@return specbench.view.reads looked_at
function grid.ask(self, name, cell)
  local said, looked_at = call(self, name, cell, self[name])
  if DESCRIBES[name] and type(said) ~= "table" then
    local place = debug.getinfo(self[name], "S")
    error({ exit = 1, message = ("%s:%d: %s: must return a table, not %s"):format(place.short_src, place.linedefined,
      label_of(self, name, cell), said == nil and "nil: is its `return` missing?" or "a " .. type(said)) }, 0)
  end
  return said, looked_at
end

---The cell as the round's functions see it, for those that are not called here.
---@param cell specbench.coordinates
---@param name string of the function
---@return specbench.coordinates
---@return specbench.view.reads looked_at what is looked at there
function grid.seen(self, cell, name)
  return view.of(cell, self.axes, function() return label_of(self, name, cell) end)
end

---What the round says of a cell to the format that it exports to.
---@param cell specbench.coordinates
---@return table? descriptions by format, as cells keep them
function grid.exported(self, cell)
  if not self.export then return nil end
  local name = self.export[1]
  local description = call(self, "export", cell, self.export[2])
  blame.check(self.file or self.name, export.load(name).check, description)
  return { [name] = description }
end

---The round's own metrics of a cell that was measured. Nothing that goes wrong here may cost the cell.
---@param cell specbench.coordinates
---@param run specbench.run
---@return table<string, number>? metrics nil where the round has none
---@return string? message
function grid.own_metrics(self, cell, run)
  if not self.metrics then return nil end
  local ok, values = pcall(call, self, "metrics", cell, self.metrics, run)
  if not ok then return nil, blame.shown(type(values) == "table" and values.message or tostring(values)) end
  if type(values) ~= "table" then return nil, "metrics must return a table, not a " .. type(values) end
  for name, value in pairs(values) do
    if type(name) ~= "string" or type(value) ~= "number" then
      return nil, ("metrics: %s must be a number by its name, not a %s"):format(tostring(name), type(value))
    end
  end
  return values
end

-- Axes that mean nothing to this cell, so that it stands in the grid once. `reduce` is how rounds said so before an
-- axis could have `when`: it gives them one value.
local function reduce(self, cell)
  local changes = self.reduce and grid.ask(self, "reduce", cell) or {}
  for name, value in pairs(changes) do
    axis_of(self, name)
    cell[name] = value
  end
  for _, axis in ipairs(self.axes) do
    local means_something = not axis.when or call(self, ("axes: %s: when"):format(axis.name), cell, axis.when)
    if not means_something then cell[axis.name] = nil end
  end
end

---Every combination of the axes, in order, less those `where` refuses and those that differ only on axes that mean
---nothing to them.
---@param options { seed: integer, repeats: integer }
---@return specbench.coordinates[] cells
function grid.expand(self, options)
  local cells, seen = {}, {}
  for repetition = 1, options.repeats do
    local function walk(depth, chosen)
      local axis = self.axes[depth]
      if not axis then
        local cell = setmetatable({}, { __index = {
          quick = self.is_quick, prompts = self.is_quick and self.quick.prompts or nil,
          seed = options.seed + repetition - 1, repetition = repetition, baseline = self.baseline_name,
          limits = self.limits_name,
        } })
        for name, value in pairs(chosen) do cell[name] = value end
        reduce(self, cell)
        local own = keys.of(self, cell, nil, repetition)
        if not seen[own] and (not self.where or grid.ask(self, "where", cell)) then
          seen[own] = true
          cells[#cells + 1] = cell
        end
        return
      end
      for _, value in ipairs(axis.values) do
        chosen[axis.name] = value
        walk(depth + 1, chosen)
      end
      chosen[axis.name] = nil
    end
    walk(1, {})
  end
  if #cells == 0 then
    fail("no cell is left of %s: --set, --only and the round's `where` exclude them all", self.name)
  end
  return cells
end

---A cell of the grid in its first repeat, as cells find their baselines by.
---@param cell specbench.coordinates
---@return { coordinates: table, repetition: integer, key: string } for keys.find_baselines
function grid.place(self, cell)
  local coordinates = {}
  for _, axis in ipairs(self.axes) do coordinates[axis.name] = cell[axis.name] end
  return { coordinates = coordinates, repetition = 1, key = keys.of(self, coordinates) }
end

---"model=qwen2.5-7b task=polish concurrency=4", in the axes' order.
---@param cell specbench.coordinates
---@return string
function grid.describe(self, cell)
  return table.concat(words_of(self, cell), " ")
end

return grid
