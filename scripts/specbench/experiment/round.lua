-- A round: what its author writes, checked. What it measures is experiment/grid's to say.

local file_name = require "specbench.base.file_name"
local grid = require "specbench.experiment.grid"
local refusal = require "specbench.experiment.refusal"
local round_shape = require "specbench.experiment.round_shape"
local unknown = require "specbench.base.unknown"

local round = {}

local fail, hint = refusal.raise, unknown.hint

-- The axes from the outermost (slowest) to the innermost. Lua tables have no order, so a round states it:
-- axes = { { "model", {...} }, { "method", {...} } }
local function read_axes(spec)
  local axes = {}
  for i, entry in ipairs(spec) do
    axes[i] = { name = entry[1], values = entry[2], declared = entry[2], open = entry.open }
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
        fail("%s: no axis '%s'%s; the axes are: %s", field, tostring(name), hint(tostring(name), names),
          table.concat(names, ", "))
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
  local flaw = round_shape:flaws(spec)[1]
  if flaw then fail("%s", flaw) end
  flaw = file_name.flaw(spec.name)
  if flaw then fail("name = '%s': %s: it names the results' folder", spec.name:gsub("%c", "?"), flaw) end
  local self = { is_round = true }
  for name, value in pairs(spec) do self[name] = value end
  self.axes = read_axes(spec.axes)
  check_names(self)
  check_baselines(self)
  return self
end

return round
