-- The largest speed-up of every method and task, as the reference lists them.

local caveats = require "specbench.report.caveats"
local reference = require "specbench.report.reference"
local speedup_table = require "specbench.report.speedup_table"
local text_table = require "specbench.base.text_table"

local maxima = {}

---Maxima of means over repeats. With repeats, also the place that is best on the odd ones, measured on the even ones:
---choosing does not flatter it.
---@param entries specbench.verdict.entry[]
---@return table[] rows by the reference's keys; `cell`: the first repeat's at that place
function maxima.of(entries)
  local best, rows = {}, {}
  for _, entry in ipairs(entries) do
    local figure, cell = entry.speedups.total_throughput, entry.cell
    -- at a given request rate both sides send as much
    if figure and cell.reference and not cell.identity.workload.rate then
      local name = cell.reference.method .. "/" .. cell.reference.folder
      local row = best[name]
      if not row then
        row = { method = cell.reference.method, task = cell.reference.folder }
        best[name] = row
        rows[#rows + 1] = row
      end
      if not row.speedup_ratio or figure.ratio > row.speedup_ratio then
        row.context, row.num_spec_tokens = cell.reference.context, cell.reference.num_spec_tokens or -1
        row.max_concurrency, row.speedup_ratio = cell.identity.workload.concurrency, figure.ratio
        row.cell = cell
      end
      local halves = entry.halves
      if halves and (not row.chosen or halves.odd > row.chosen) then
        row.chosen, row.held_out_ratio = halves.odd, halves.even
      end
    end
  end
  return rows
end

---@param rows table[]
---@param about table the store's round.json
---@return string JSON lines of max_speedup.jsonl, in the reference's spelling
function maxima.lines(rows, about)
  local keys = { "method", "task", "num_spec_tokens", "max_concurrency", "speedup_ratio" }
  for _, name in ipairs(about.report.maximum_keys or {}) do table.insert(keys, #keys, name) end
  if rows[1] and rows[1].held_out_ratio then keys[#keys + 1] = "held_out_ratio" end
  return reference.lines(rows, keys)
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
  if held_out then columns[#columns + 1] = text_table.right "held out" end
  for i, row in ipairs(rows) do
    local line = {}
    for j, name in ipairs(axes) do line[j] = tostring(row.cell.coordinates[name]) end
    if is_mixed then line[#line + 1] = caveats.engine(row.cell) end
    line[#line + 1] = caveats.marked(row.cell, ("%.2f"):format(row.speedup_ratio))
    if held_out then line[#line + 1] = row.held_out_ratio and ("%.2f"):format(row.held_out_ratio) or "" end
    listed[i] = line
  end
  return ("Largest speed-ups%s: %s\n"):format(note, held_out
    and "a maximum of noisy cells: biased upwards; held out: the place chosen on the odd repeats, measured on the even "
      .. "ones" or "one run, a maximum of noisy cells: biased upwards")
    .. text_table.render { columns = columns, rows = listed }
end

return maxima
