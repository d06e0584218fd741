-- A place a line, with all its figures and speed-ups, for spreadsheets and scripts. What is unknown is empty. Places
-- whose speed-up was predicted have lines and columns of their own, where there are any.

local absolute = require "specbench.page.absolute"
local answers = require "specbench.answer"
local separated = require "specbench.base.csv"
local tables = require "specbench.base.tables"

local csv = {}

local function field(value)
  if value == nil then return "" end
  if type(value) == "number" then
    return math.type(value) == "integer" and tostring(value) or ("%.10g"):format(value)
  end
  return separated.text(tostring(value))
end

local function line(values, count)
  local fields = {}
  for i = 1, count do fields[i] = field(values[i]) end
  return table.concat(fields, ",")
end

local PREDICTED = { "predicted_speedup", "predicted_low", "predicted_high" }

-- A predicted place: nothing stands where a measured figure would.
local function predicted_line(one, axes, count)
  local values = {}
  for i, name in ipairs(axes) do values[i] = one.coordinates[name] end
  values[#axes + 2] = one.kind
  for i, part in ipairs { "ratio", "low", "high" } do values[count - #PREDICTED + i] = one.predicted[part] end
  return line(values, count)
end

---@param self specbench.page.model
---@return string
function csv.text(self)
  local names, lines, columns = {}, {}, absolute.columns(self)
  for i, axis in ipairs(self.about.axes) do names[i] = axis.name end
  local head = table.move(names, 1, #names, 1, {})
  local function title(name) head[#head + 1] = name end
  for _, name in ipairs { "engine", "kind", "repeats", "requests", "is_baseline" } do title(name) end
  for _, column in ipairs(columns) do title(column.own and "own_" .. column[1] or column[1]) end
  for _, name in ipairs(answers.figures) do
    for _, part in ipairs { "", "_low", "_high" } do title("speedup_" .. name .. part) end
  end
  for _, name in ipairs { "energy_ratio", "energy_ratio_low", "energy_ratio_high", "energy_limited" } do title(name) end
  for _, name in ipairs { "verdict", "reason", "ramp_up", "lossy", "late", "flags" } do title(name) end
  for _, name in ipairs(#self.predicted > 0 and PREDICTED or {}) do title(name) end
  for i = 1, #names do -- an axis may have a figure's name
    if tables.contains({ table.unpack(head, #names + 1) }, head[i]) then head[i] = "axis_" .. head[i] end
  end
  lines[1] = line(head, #head)
  for _, one in ipairs(self.places) do
    local values, count = {}, 0
    local function add(value)
      count = count + 1
      values[count] = value
    end
    local row, entry, flags = one.row, one.entry, {}
    for _, name in ipairs(names) do add(one.coordinates[name]) end
    add(row.engine)
    add(one.kind)
    add(row.repeats)
    add(row.requests)
    add(row.is_baseline)
    for _, column in ipairs(columns) do add(absolute.value(column, row)) end
    for _, name in ipairs(answers.figures) do
      local figure = entry and entry.speedups[name] or {}
      add(figure.ratio)
      add(figure.low)
      add(figure.high)
    end
    local energy = one.energy or {}
    add(energy.ratio)
    add(energy.low)
    add(energy.high)
    add(energy.limited)
    for i, flag in ipairs(one.flags) do flags[i] = flag.flag end
    add(entry and entry.verdict)
    add(entry and entry.reason)
    add(one.ramp_up)
    add(row.lossy)
    add(row.late)
    add(table.concat(flags, " "))
    lines[#lines + 1] = line(values, #head)
  end
  for _, one in ipairs(self.predicted) do lines[#lines + 1] = predicted_line(one, names, #head) end
  return table.concat(lines, "\r\n") .. "\r\n"
end

return csv
