-- The largest speed-up of every group of cells: of each map, say.

local caveats = require "specbench.analysis.caveats"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local speedup_table = require "specbench.report.speedup_table"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"
local words = require "specbench.answer.words"

local maxima = {}

---@class specbench.maximum
---@field cell table the first repeat's at that place
---@field figure string the speed-up that it is the largest of
---@field speedup_ratio number
---@field halves table? its own, where it was measured often enough
---@field best { odd: specbench.verdict.entry?, even: specbench.verdict.entry? } what each half chooses; empty where the
--- largest itself has no halves: what the other places show says nothing of it
---@field held_out_ratio number? the mean of what either half's choice gives on the other half
---@field held_out { chosen_on: string, cell: table, ratio: number }[]? both choices

-- What one half chooses, measured on the other: choosing does not flatter it.
local function hold_out(row)
  local logs, places = 0, {}
  for _, half in ipairs { { "odd", "even" }, { "even", "odd" } } do
    local entry = row.best[half[1]]
    if entry then
      local halves = entry.halves[row.figure]
      local ratio = halves[half[2]]
      logs = logs + math.log(ratio)
      places[#places + 1] = { chosen_on = ("%s %s"):format(half[1], halves.of), cell = entry.cell, ratio = ratio }
    end
  end
  if #places > 0 then row.held_out_ratio, row.held_out = math.exp(logs / #places), places end
end

---Maxima of means over repeats. With repeats, also what each half of the starts (of repeats, where all share one start)
---would choose, measured on the other half: the mean of both, and both places, which may be others than the row's.
---Nothing is held out of a maximum that was measured once.
---@param entries specbench.verdict.entry[]
---@param group_of fun(cell: table): string
---@param name string of the speed-up
---@return specbench.maximum[]
function maxima.of(entries, group_of, name)
  local best, rows = {}, {}
  for _, entry in ipairs(entries) do
    local figure, cell, halves = entry.speedups[name], entry.cell, entry.halves and entry.halves[name]
    -- at a given request rate both sides send as much
    if figure and not cell.identity.workload.rate then
      local group = group_of(cell)
      local row = best[group]
      if not row then
        row = { figure = name, best = {} }
        best[group] = row
        rows[#rows + 1] = row
      end
      if not row.speedup_ratio or figure.ratio > row.speedup_ratio then
        row.cell, row.speedup_ratio, row.halves = cell, figure.ratio, halves
      end
      for _, half in ipairs(halves and { "odd", "even" } or {}) do
        local chosen = row.best[half]
        if not chosen or halves[half] > chosen.halves[name][half] then row.best[half] = entry end
      end
    end
  end
  for _, row in ipairs(rows) do
    if not row.halves then row.best = {} end
    hold_out(row)
  end
  return rows
end

---@param rows specbench.maximum[]
---@param about table the store's round.json
---@return string JSON lines
function maxima.lines(rows, about)
  local lines = {}
  for i, row in ipairs(rows) do
    local places = {}
    for k, place in ipairs(row.held_out or {}) do
      places[k] = { chosen_on = place.chosen_on, coordinates = place.cell.coordinates, ratio = place.ratio }
    end
    lines[i] = json.encode({
      round = about.round, coordinates = row.cell.coordinates, figure = row.figure, speedup_ratio = row.speedup_ratio,
      held_out_ratio = row.held_out_ratio, held_out_places = row.held_out and json.array(places) or nil,
    }, { "round", "coordinates", "figure", "speedup_ratio", "held_out_ratio", "held_out_places" }) .. "\n"
  end
  return table.concat(lines)
end

-- Where the halves' choices lie, in the axes' words; "here" where that is the row's own place.
local function places_of(row, axes)
  local list, seen = {}, {}
  for _, half in ipairs { "odd", "even" } do
    local entry = row.best[half]
    if entry then
      local at, here = {}, true
      for i, name in ipairs(axes) do
        at[i] = ("%s=%s"):format(name, keys.spelled(entry.coordinates[name]))
        here = here and entry.coordinates[name] == row.cell.coordinates[name]
      end
      local word = here and "here" or table.concat(at, " ")
      if not seen[word] then list[#list + 1], seen[word] = word, true end
    end
  end
  return table.concat(list, "; ")
end

---@param rows specbench.maximum[]
---@param entries specbench.verdict.entry[] those that the maxima were taken from
---@param about table
---@return string text in the round's spelling
function maxima.text(rows, entries, about)
  local axes, columns, listed, cells = speedup_table.varying(entries, about), {}, {}, {}
  for i, name in ipairs(axes) do columns[i] = { title = name } end
  for i, row in ipairs(rows) do cells[i] = row.cell end
  local note = caveats.simulated(cells)
  local is_mixed = note:find("partly", 1, true)
  if is_mixed then columns[#columns + 1] = { title = "engine" } end
  columns[#columns + 1] = text_table.right(words.speedup(rows[1].figure))
  local held_out = tables.count(rows, function(row) return row.held_out_ratio end) > 0
  if held_out then
    columns[#columns + 1] = text_table.right "held out"
    columns[#columns + 1] = { title = "chosen at" }
  end
  for i, row in ipairs(rows) do
    local line = {}
    for j, name in ipairs(axes) do line[j] = keys.spelled(row.cell.coordinates[name]) end
    if is_mixed then line[#line + 1] = caveats.engine(row.cell) end
    line[#line + 1] = caveats.marked(row.cell, ("%.2f"):format(row.speedup_ratio))
    if held_out then
      line[#line + 1] = row.held_out_ratio and ("%.2f"):format(row.held_out_ratio) or ""
      line[#line + 1] = places_of(row, axes)
    end
    listed[i] = line
  end
  return ("Largest speed-ups%s: %s\n"):format(note, held_out
    and "a maximum of noisy cells: biased upwards; held out: the places that each half of the repeats chooses, "
      .. "measured on the other half" or "one run, a maximum of noisy cells: biased upwards")
    .. text_table.render { columns = columns, rows = listed }
end

return maxima
