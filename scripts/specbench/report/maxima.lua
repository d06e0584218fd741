-- The largest speed-up of every method and task, as the reference lists them.

local caveats = require "specbench.report.caveats"
local json = require "specbench.base.json"
local reference = require "specbench.report.reference"
local speedup_table = require "specbench.report.speedup_table"
local text_table = require "specbench.base.text_table"

local maxima = {}

-- What one half chooses, measured on the other: choosing does not flatter it.
local function hold_out(row)
  local logs, places = 0, json.array {}
  for _, half in ipairs { { "odd", "even" }, { "even", "odd" } } do
    local entry = row.best[half[1]]
    if entry then
      local about, ratio = entry.cell.reference, entry.halves[half[2]]
      logs = logs + math.log(ratio)
      places[#places + 1] = {
        chosen_on = ("%s %s"):format(half[1], entry.halves.of), context = about.context,
        num_spec_tokens = about.num_spec_tokens or -1, max_concurrency = entry.cell.identity.workload.concurrency,
        ratio = ratio,
      }
    end
  end
  if #places > 0 then row.held_out_ratio, row.held_out_places = math.exp(logs / #places), places end
end

---Maxima of means over repeats. With repeats, also what each half of the starts (of repeats, where all share one start)
---would choose, measured on the other half: the mean of both, and both places, which may be others than the row's.
---@param entries specbench.verdict.entry[]
---@return table[] rows by the reference's keys; `cell`: the first repeat's at that place; `best`: by half, the entry
---  that it chooses
function maxima.of(entries)
  local best, rows = {}, {}
  for _, entry in ipairs(entries) do
    local figure, cell = entry.speedups.total_throughput, entry.cell
    -- at a given request rate both sides send as much
    if figure and cell.reference and not cell.identity.workload.rate then
      local name = cell.reference.method .. "/" .. cell.reference.folder
      local row = best[name]
      if not row then
        row = { method = cell.reference.method, task = cell.reference.folder, best = {} }
        best[name] = row
        rows[#rows + 1] = row
      end
      if not row.speedup_ratio or figure.ratio > row.speedup_ratio then
        row.context, row.num_spec_tokens = cell.reference.context, cell.reference.num_spec_tokens or -1
        row.max_concurrency, row.speedup_ratio = cell.identity.workload.concurrency, figure.ratio
        row.cell = cell
      end
      for _, half in ipairs(entry.halves and { "odd", "even" } or {}) do
        local chosen = row.best[half]
        if not chosen or entry.halves[half] > chosen.halves[half] then row.best[half] = entry end
      end
    end
  end
  for _, row in ipairs(rows) do hold_out(row) end
  return rows
end

---@param rows table[]
---@param about table the store's round.json
---@return string JSON lines of max_speedup.jsonl, in the reference's spelling
function maxima.lines(rows, about)
  local keys = { "method", "task", "num_spec_tokens", "max_concurrency", "speedup_ratio" }
  for _, name in ipairs(about.report.maximum_keys or {}) do table.insert(keys, #keys, name) end
  if rows[1] and rows[1].held_out_ratio then
    table.move({ "held_out_ratio", "held_out_places" }, 1, 2, #keys + 1, keys)
  end
  return reference.lines(rows, keys)
end

-- Where the halves' choices lie, in the axes' words; "here" where that is the row's own place.
local function places_of(row, axes)
  local words, seen = {}, {}
  for _, half in ipairs { "odd", "even" } do
    local entry = row.best[half]
    if entry then
      local at, here = {}, true
      for i, name in ipairs(axes) do
        at[i] = ("%s=%s"):format(name, tostring(entry.coordinates[name]))
        here = here and entry.coordinates[name] == row.cell.coordinates[name]
      end
      local word = here and "here" or table.concat(at, " ")
      if not seen[word] then words[#words + 1], seen[word] = word, true end
    end
  end
  return table.concat(words, "; ")
end

---@param rows table[]
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
  columns[#columns + 1] = text_table.right "speed-up"
  local held_out = rows[1].held_out_ratio ~= nil
  if held_out then
    columns[#columns + 1] = text_table.right "held out"
    columns[#columns + 1] = { title = "chosen at" }
  end
  for i, row in ipairs(rows) do
    local line = {}
    for j, name in ipairs(axes) do line[j] = tostring(row.cell.coordinates[name]) end
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
