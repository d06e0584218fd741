-- A round: what its author writes, checked. What it measures is experiment/grid's to say.

local export = require "specbench.export"
local file_name = require "specbench.base.file_name"
local grid = require "specbench.experiment.grid"
local refusal = require "specbench.experiment.refusal"
local round_shape = require "specbench.experiment.round_shape"
local unknown = require "specbench.base.unknown"

local round = {}

local fail, hint = refusal.raise, unknown.hint

-- The axes from the outermost (slowest) to the innermost. Lua tables have no order, so a round states it:
-- axes = { { "method", {...} }, { "k", {...}, when = function(c) return c.method ~= "none" end } }
local function read_axes(spec)
  local axes = {}
  for i, entry in ipairs(spec) do
    axes[i] = { name = entry[1], values = entry[2], declared = entry[2], open = entry.open,
      when = entry.when }
  end
  return axes
end

-- A misspelt name would do nothing, and quietly: every cell its own baseline, the quick run as long as the whole.
local function check_names(self)
  local names, known = {}, {}
  for i, axis in ipairs(self.axes) do names[i], known[axis.name] = axis.name, true end
  local function check(field, list)
    for name in pairs(list or {}) do
      if not known[name] then
        local near = unknown.nearest(tostring(name), names)
        if near then -- which of the two is the slip, nobody can tell
          fail("%s names axis '%s', and axes has '%s': one of them is misspelt; the axes are: %s", field,
            tostring(name), near, table.concat(names, ", "))
        end
        fail("%s: no axis '%s'; the axes are: %s", field, tostring(name), table.concat(names, ", "))
      end
    end
  end
  check("baseline", self.baseline)
  for name, changes in pairs(self.baselines or {}) do check("baselines." .. name, changes) end
  check("together", self.together and { [self.together] = true })
  check("quick.axes", self.quick and self.quick.axes)
  local map, settings = self.report and self.report.heatmap, self.report and self.report.settings
  if map then
    check("report.heatmap", { [map.x] = true, [map.y] = true })
    for _, name in ipairs(map.per) do check("report.heatmap.per", { [name] = true }) end
    if map.value and not self.metrics then
      fail("report.heatmap.value: '%s' is a metric of the round's own, and it has no `metrics`", tostring(map.value))
    end
  end
  for _, knob in ipairs(settings and settings.knobs or {}) do check("report.settings.knobs", { [knob[1]] = true }) end
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
---@param spec specbench.round_fields see rounds/README.md
---@return specbench.round
function round.new(spec)
  spec = type(spec) == "table" and export.renamed(spec) or spec
  local flaw = round_shape:flaws(spec)[1]
  if flaw then fail("%s", flaw) end
  flaw = file_name.flaw(spec.name)
  if flaw then fail("name = '%s': %s: it names the results' folder", spec.name:gsub("%c", "?"), flaw) end
  local _, message = export.load(spec.export and spec.export[1])
  if message then fail("export: %s", message) end
  local self = { is_round = true }
  for name, value in pairs(spec) do self[name] = value end
  self.axes = read_axes(spec.axes)
  check_names(self)
  check_baselines(self)
  return self
end

---What a results folder keeps of a round.
---@param self specbench.round
---@return table about for store.create
function round.about(self)
  return {
    round = self.name, title = self.title, axes = self.axes, report = self.report, baseline = self.baseline,
    baselines = self.baselines,
  }
end

return round
