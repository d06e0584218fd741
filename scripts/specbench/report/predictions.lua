-- Measured and predicted speed-ups side by side, never alike: heatmaps in which a predicted cell has a mark of its own,
-- a table of the best cells, and predictions.jsonl for programs.

local heatmap = require "specbench.report.heatmap"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local plot = require "specbench.report.plot"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"
local words = require "specbench.answer.words"

local predictions = {}

-- k across, concurrency up, where a round draws nothing of its own.
local function layout_of(about)
  local own = about.report and about.report.heatmap
  if own and not own.value then return own end
  return { x = "k", y = "concurrency", per = {} }
end

-- What stands on an axis, by value.
local function sorted(rows, axis)
  local values = {}
  for _, row in ipairs(rows) do tables.place(values, keys.spelled(row.place.coordinates[axis])) end
  return keys.by_value(values)
end

-- The numbers of a map's rows, and which of them were predicted.
local function fill(map, layout)
  map.x, map.y, map.values, map.predicted = sorted(map.rows, layout.x), sorted(map.rows, layout.y), {}, {}
  for y = 1, #map.y do map.values[y], map.predicted[y] = {}, {} end
  for _, row in ipairs(map.rows) do
    local at = row.place.coordinates
    local x, y = tables.place(map.x, keys.spelled(at[layout.x])), tables.place(map.y, keys.spelled(at[layout.y]))
    map.values[y][x], map.predicted[y][x] = row.ratio, not row.measured or nil
  end
end

---@param family specbench.predict.family
---@param about table the round, or round.json
---@param note string what else the title says, such as ", simulated"
---@return specbench.heatmap[]
function predictions.maps(family, about, note)
  local layout, by_name, order = layout_of(about), {}, {}
  local shown = { [layout.x] = true, [layout.y] = true }
  for _, row in ipairs(family.rows) do
    local at, rest = row.place.coordinates, {}
    for _, axis in ipairs(about.axes) do
      local value = at[axis.name]
      if not shown[axis.name] and value ~= nil and value ~= "-" and value ~= keys.ABSENT then
        rest[#rest + 1] = tostring(value)
      end
    end
    local name = table.concat(rest, " ")
    local map = by_name[name]
    if not map then
      map = { title = ("%s, %s%s"):format(about.title or about.round or about.name, name, note), name = name,
        rows = {}, x_title = layout.x_title or layout.x, y_title = layout.y_title or layout.y,
        value_title = words.speedup "total_throughput", min = 0, max = 2 }
      by_name[name], order[#order + 1] = map, map
    end
    table.insert(map.rows, row)
  end
  for _, map in ipairs(order) do fill(map, layout) end
  return order
end

local function is_any_predicted(map)
  return tables.count(map.rows, function(row) return not row.measured end) > 0
end

---@param map specbench.heatmap one of predictions.maps
---@param path string without ending
---@param footer string[] what was measured, with what, when
---@return string[]? files
---@return string? message
function predictions.draw(map, path, footer)
  local below = { is_any_predicted(map) and "PREDICTED where hatched (~), from the cells that were measured" or nil }
  table.move(footer, 1, #footer, #below + 1, below)
  local picture = tables.merged(map, { png = path .. ".png", svg = path .. ".svg", footer = below })
  local ok, message = plot.heatmap(picture)
  if not ok then return nil, message end
  return { picture.png, picture.svg }
end

---@param map specbench.heatmap one of predictions.maps
---@param how { is_tty: boolean?, width: integer?, colour: boolean|string|nil }
---@return string
function predictions.text(map, how)
  local picture = tables.merged(map)
  for name, value in pairs(how) do picture[name] = value end
  return heatmap.terminal(picture)
end

local function interval(row)
  if row.measured then return "measured" end
  return ("predicted, 90 %%: %.2f to %.2f"):format(row.low, row.high)
end

---Cells that a fit gave little weight, for they fit nothing.
---@param fitted specbench.predict.fitted
---@return string[] lines the farthest first
function predictions.set_aside(fitted)
  local lines = {}
  for i, stranger in ipairs(fitted:strangers()) do
    local cell = stranger.cell
    lines[i] = ("Set aside: %s k=%d concurrency=%d is %.0f standard deviations from what the other cells say")
      :format(cell.work, cell.k, cell.concurrency, math.abs(stranger.off))
  end
  return lines
end

-- The largest speed-up of each piece of work, and how the best k changes with the load.
---@param family specbench.predict.family
---@return string
function predictions.best(family)
  local works, order = {}, {}
  for _, row in ipairs(family.rows) do
    local name = row.place.work
    if not works[name] then works[name], order[#order + 1] = { loads = {}, list = {} }, name end
    local work = works[name]
    if not work.best or row.ratio > work.best.ratio then work.best = row end
    local load = row.place.concurrency
    if not work.loads[load] then work.list[#work.list + 1] = load end
    local best = work.loads[load]
    if not best or row.ratio > best.ratio then work.loads[load] = row end
  end
  local rows = {}
  for i, name in ipairs(order) do
    local work, choice = works[name], {}
    table.sort(work.list)
    for j, load in ipairs(work.list) do
      local row = work.loads[load]
      choice[j] = ("%d:%s"):format(load, row.ratio > 1 and row.place.k or "none")
    end
    local best = work.best
    rows[i] = { name, best.place.k, best.place.concurrency, ("%.2f"):format(best.ratio), interval(best),
      table.concat(choice, " ") }
  end
  return text_table.render { columns = { { title = "task" }, text_table.right "k", text_table.right "concurrency",
    text_table.right "speed-up", { title = "" }, { title = "best k by concurrency" } }, rows = rows }
end

local LINE = { "coordinates", "method", "baseline", "work", "measured", "speedup", "low", "high", "level", "model",
  "tokens_per_second", "seconds", "gpus", "simulated" }

---One line a place; `speedup` is measured where `measured` is true, else predicted, with the interval that a measured
---one would lie in with probability `level`.
---@param list specbench.predict.family[]
---@return string JSON lines
function predictions.lines(list)
  local lines = {}
  for _, family in ipairs(list) do
    for _, row in ipairs(family.rows) do
      lines[#lines + 1] = json.encode({ coordinates = row.place.coordinates, method = family.name,
        baseline = family.baseline, work = row.place.work, measured = row.measured, speedup = row.ratio,
        low = row.low, high = row.high, level = not row.measured and 0.9 or nil, model = row.model,
        tokens_per_second = row.tokens_per_second, seconds = row.seconds,
        gpus = family.gpus, simulated = family.simulated or nil }, LINE)
    end
  end
  return #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
end

return predictions
