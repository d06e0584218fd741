-- A round: what its author writes, checked. What it measures is experiment/grid's to say.

local deadlines = require "specbench.experiment.deadlines"
local grid = require "specbench.experiment.grid"
local refusal = require "specbench.experiment.refusal"
local tables = require "specbench.base.tables"

local round = {}

local fail, hint = refusal.raise, refusal.hint

-- Every field a round may have, and its type; those in `required` must be there.
local fields = {
  name = "string", title = "string", axes = "table", where = "function", baseline = "table",
  server = "function", workload = "function", report = "table", quick = "table",
  reference = "function", warmup = "number", reduce = "function", baselines = "table", together = "string",
}
for name, kind in pairs(deadlines.fields()) do fields[name] = kind end
local required = { "name", "axes", "server", "workload" }

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
    cells = cells or grid.expand(self, { seed = 0, repeats = 1 })
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
  local flaw = deadlines.flaw(spec)
  if flaw then fail("%s", flaw) end
  local self = { is_round = true }
  for name, value in pairs(spec) do self[name] = value end
  self.axes = read_axes(spec.axes)
  check_names(self)
  check_baselines(self)
  return self
end

return round
