-- A round: what its author writes, checked, and expanded into cells.

local blame = require "specbench.base.blame"
local keys = require "specbench.results.keys"
local nearest = require "specbench.base.nearest"
local tables = require "specbench.base.tables"

local round = {}

-- Every field a round may have, and its type; those in `required` must be there.
local fields = {
  name = "string", title = "string", axes = "table", where = "function", baseline = "table",
  server = "function", workload = "function", report = "table", quick = "table",
  reference = "function", warmup = "number", timeout = "number", chunk_timeout = "number",
  reduce = "function", baselines = "table", together = "string",
}
local required = { "name", "axes", "server", "workload" }

local failure = { __tostring = function(self) return self.message end }

local function fail(format, ...)
  error(setmetatable({ round = true, message = format:format(...) }, failure), 0)
end

local function hint(word, list)
  local meant = nearest(word, list)
  return meant and (" (did you mean '%s'?)"):format(meant) or ""
end

-- The axes from the outermost (slowest) to the innermost. Lua tables have no order, so a round states it:
-- axes = { { "model", {...} }, { "method", {...} } }
local function read_axes(spec)
  local axes, seen = {}, {}
  for i, entry in ipairs(spec) do
    local name, values = entry[1], entry[2]
    if type(name) ~= "string" or type(values) ~= "table" or #values == 0 then
      fail("axes: entry %d must be { \"NAME\", { values... } } with at least one value", i)
    end
    if seen[name] then fail("axes: '%s' stands there twice", name) end
    seen[name] = true
    axes[i] = { name = name, values = values, declared = values }
  end
  if #axes == 0 then fail "axes: at least one { \"NAME\", { values... } } is needed, outermost first" end
  return axes
end

-- A misspelt name would do nothing, and quietly: every cell its own baseline, the quick run as long as the whole.
local function check_names(self)
  local names, known = {}, {}
  for i, axis in ipairs(self.axes) do names[i], known[axis.name] = axis.name, true end
  local function check(field, list)
    for name in pairs(list or {}) do
      if not known[name] then
        fail("%s: no axis '%s'%s; the axes are: %s", field, tostring(name), hint(tostring(name), names),
          table.concat(names, ", "))
      end
    end
  end
  check("baseline", self.baseline)
  for name, changes in pairs(self.baselines or {}) do
    if type(changes) ~= "table" then fail("baselines: '%s' must be a table axis -> value", tostring(name)) end
    check("baselines." .. tostring(name), changes)
  end
  check("together", self.together and { [self.together] = true })
  local map = self.report and self.report.heatmap
  if map then
    if type(map.x) ~= "string" or type(map.y) ~= "string" or type(map.per) ~= "table" then
      fail "report.heatmap needs x and y, names of axes, and per, a list of them"
    end
    check("report.heatmap", { [map.x] = true, [map.y] = true })
    for _, name in ipairs(map.per) do check("report.heatmap.per", { [name] = true }) end
  end
  local quick = self.quick or {}
  check("quick.axes", quick.axes)
  for name in pairs(quick) do
    if name ~= "axes" and name ~= "prompts" then
      fail("quick has no field '%s'; known: axes, prompts", tostring(name))
    end
  end
end

-- A value that no cell has would leave every cell without a baseline. `reduce` may give cells what no axis has.
local function check_baselines(self)
  local cells
  local function values_of(name, value)
    local values, known = {}, {}
    local function learn(candidate)
      local word = tostring(candidate)
      if not known[word] then values[#values + 1], known[word] = word, true end
    end
    for _, axis in ipairs(self.axes) do
      for _, candidate in ipairs(axis.name == name and axis.declared or {}) do learn(candidate) end
    end
    if known[value] or not self.reduce then return values, known end
    cells = cells or round.expand(self, { seed = 0, repeats = 1 })
    for _, cell in ipairs(cells) do learn(cell[name]) end
    return values, known
  end
  local function check(field, changes)
    for name, value in pairs(changes or {}) do
      value = tostring(value)
      local values, known = values_of(name, value)
      if not known[value] then
        fail("%s: axis '%s' has no value '%s'%s; it has: %s", field, name, value, hint(value, values),
          table.concat(values, ", "))
      end
    end
  end
  check("baseline", self.baseline)
  for name, changes in pairs(self.baselines or {}) do check("baselines." .. name, changes) end
end

---Checks a round's description.
---@param spec table see rounds/README.md
---@return specbench.round
function round.new(spec)
  if type(spec) ~= "table" then fail "bench.round takes a table" end
  for name, value in pairs(spec) do
    local wanted = fields[name]
    if not wanted then
      fail("a round has no field '%s'%s; known: %s", tostring(name), hint(tostring(name), tables.keys(fields)),
        table.concat(tables.keys(fields), ", "))
    end
    if type(value) ~= wanted then fail("field '%s' must be a %s, not a %s", name, wanted, type(value)) end
  end
  for _, name in ipairs(required) do
    if spec[name] == nil then fail("a round needs the field '%s'", name) end
  end
  local self = { is_round = true }
  for name, value in pairs(spec) do self[name] = value end
  self.axes = read_axes(spec.axes)
  check_names(self)
  check_baselines(self)
  return self
end

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
---must be known to the round.
---@param settings string[]
function round.set(self, settings)
  for _, setting in ipairs(settings) do
    local axis, words = parse_setting(self, setting)
    local known, values = {}, {}
    for _, value in ipairs(axis.declared) do known[value] = true end
    for i, word in ipairs(words) do
      local value = convert(axis, word)
      if not known[value] and not math.type(value) then
        fail("axis '%s' has no value '%s'%s; it has: %s", axis.name, word, hint(word, spelled(axis.declared)),
          table.concat(spelled(axis.declared), ", "))
      end
      values[i] = value
    end
    axis.values = values
  end
end

---Option --only AXIS=V: of the axis' values only these.
---@param settings string[]
function round.only(self, settings)
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
function round.compare_with(self, name)
  local known = self.baselines or {}
  if not known[name] then
    fail("%s has no baseline '%s'%s; it has: %s", self.name, name, hint(name, tables.keys(known)),
      next(known) and table.concat(tables.keys(known), ", ") or "only its own")
  end
  self.baseline_name, self.baseline = name, known[name]
end

---Shrinks the round to what it declares as `quick`: fewer values on axes, fewer prompts.
function round.quicken(self)
  if not self.quick then fail("%s declares no quick variant: run it without --quick", self.name) end
  self.is_quick = true
  for name, values in pairs(self.quick.axes or {}) do axis_of(self, name).values = values end
end

---@return specbench.round copy with all values of its axes, as declared
function round.whole(self)
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

local function words_of(self, cell)
  local words = {}
  for i, axis in ipairs(self.axes) do words[i] = ("%s=%s"):format(axis.name, tostring(cell[axis.name])) end
  if cell.repetition > 1 then words[#words + 1] = "repeat=" .. cell.repetition end
  return words
end

---Calls one of the round's functions for a cell; its error names both.
---@param name "server"|"workload"|"where"|"reduce"|"reference"
---@param cell specbench.coordinates
---@return any
function round.ask(self, name, cell)
  return blame.call(function() return ("%s(%s)"):format(name, table.concat(words_of(self, cell), ", ")) end, self[name],
    cell)
end

-- What the round says of axes that mean nothing to this cell, so that it stands in the grid once.
local function reduce(self, cell)
  local changes = self.reduce and round.ask(self, "reduce", cell) or {}
  for name, value in pairs(changes) do
    axis_of(self, name)
    cell[name] = value
  end
end

---Every combination of the axes, in order, less those `where` refuses and those that `reduce` makes alike.
---@param options { seed: integer, repeats: integer }
---@return specbench.coordinates[] cells
function round.expand(self, options)
  local cells, seen = {}, {}
  for repetition = 1, options.repeats do
    local function walk(depth, chosen)
      local axis = self.axes[depth]
      if not axis then
        local cell = setmetatable({}, { __index = {
          quick = self.is_quick, prompts = self.is_quick and self.quick.prompts or nil,
          seed = options.seed + repetition - 1, repetition = repetition, baseline = self.baseline_name,
        } })
        for name, value in pairs(chosen) do cell[name] = value end
        reduce(self, cell)
        local own = keys.of(self, cell, nil, repetition)
        if not seen[own] and (not self.where or round.ask(self, "where", cell)) then
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

---"model=qwen2.5-7b task=polish concurrency=4", in the axes' order.
---@param cell specbench.coordinates
---@return string
function round.describe(self, cell)
  return table.concat(words_of(self, cell), " ")
end

local loading -- the file that is read as a round right now

---Wraps what measures: a file that does so while it is read as a round is a script, and is refused before it begins.
---@param f function
---@return function
function round.not_while_loading(f)
  return function(...)
    if loading then
      error(setmetatable({ message = ("%s is a script, not a round: run it as `specbench %s`")
        :format(loading, loading) }, failure), 0)
    end
    return f(...)
  end
end

---Loads a round's file. A file that runs by itself (bench.main) returns nothing.
---@param path string
---@return specbench.round? round
---@return string? message
function round.load(path)
  local chunk, message = loadfile(path)
  if not chunk then return nil, message end
  loading = path
  local ok, result = xpcall(chunk, function(e)
    if type(e) == "table" and e.message then return e.round and path .. ": " .. e.message or e.message end
    return debug.traceback(tostring(e), 2)
  end, path)
  loading = nil
  if not ok then return nil, result end
  if type(result) ~= "table" or not result.is_round then
    return nil, ("%s returns no round: end it with `return bench.round { ... }`, or run it as `specbench %s`")
      :format(path, path)
  end
  result.file = path
  return result
end

---The message of an error that a round's description caused; nil for any other error.
---@param e any
---@return string?
function round.message_of(e)
  return type(e) == "table" and e.round and e.message or nil
end

return round
