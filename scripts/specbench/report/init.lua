-- Redraws everything that a reader looks at, from a results folder's files alone: the reference's tables,
-- heatmaps for the terminal and as pictures, and the table of maxima.

local caveats = require "specbench.report.caveats"
local drift = require "specbench.analysis.drift"
local failures = require "specbench.report.failures"
local flags = require "specbench.analysis.flags"
local fs = require "sb.fs"
local heatmap = require "specbench.report.heatmap"
local maps = require "specbench.report.maps"
local maxima = require "specbench.report.maxima"
local reference = require "specbench.report.reference"
local likeness = require "specbench.analysis.likeness"
local match = require "specbench.experiment.match"
local older = require "specbench.analysis.older"
local keys = require "specbench.results.keys"
local repeats = require "specbench.analysis.repeats"
local settings_table = require "specbench.report.settings_table"
local speedup = require "specbench.analysis.speedup"
local speedup_table = require "specbench.report.speedup_table"
local verdict = require "specbench.analysis.verdict"

local report = {}

-- Cells in the grid's order: the axes' values as round.json lists them, then repeats.
local function sort_cells(cells, about)
  local rank = {}
  for _, axis in ipairs(about.axes) do
    rank[axis.name] = {}
    for i, value in ipairs(axis.values) do rank[axis.name][tostring(value)] = i end
  end
  local function before(a, b)
    for _, axis in ipairs(about.axes) do
      local x = rank[axis.name][tostring(a.coordinates[axis.name])] or math.huge
      local y = rank[axis.name][tostring(b.coordinates[axis.name])] or math.huge
      if x ~= y then return x < y end
    end
    if a.repetition ~= b.repetition then return a.repetition < b.repetition end
    return a.started < b.started
  end
  table.sort(cells, before)
end

-- Cells compared with what the round calls `name`, not with their own baseline; baselines stay baselines.
local function rebase(cells, about, name)
  local chosen = (about.baselines or {})[name]
  if not chosen then error(("%s has no baseline '%s'"):format(about.round, name), 0) end
  if chosen == true then return end
  for _, cell in ipairs(cells) do
    if cell.baseline ~= cell.key then
      cell.baseline = keys.baseline({ axes = about.axes, baseline = chosen }, cell.coordinates, cell.repetition)
    end
  end
end

-- Cells without a speed-up, method by method, with the reason.
local function missing_lines(entries, index)
  local counts, order = {}, {}
  local function count(what, entry, reason)
    local method = entry.coordinates.method
    local line = ("No %s for %%d cells%s: %s\n"):format(what, method and " of " .. tostring(method) or "", reason)
    if not counts[line] then order[#order + 1] = line end
    counts[line] = (counts[line] or 0) + 1
  end
  for _, entry in ipairs(entries) do
    if entry.repeats == 0 then
      count("speed-up", entry, entry.reason)
    elseif not entry.speedups.total_throughput then
      for _, cell in ipairs(entry.cells) do
        local reason = speedup.of(index, cell) and speedup.untold_ratio(index, cell)
        if reason then
          count("ratio of total throughput", entry, reason)
          break
        end
      end
    end
  end
  for i, line in ipairs(order) do order[i] = line:gsub("%%d", counts[line], 1) end
  return table.concat(order)
end

local function write_tables(store, cells)
  local tables, order = {}, {}
  for _, cell in ipairs(cells) do
    if cell.reference and not cell.row then
      local path = reference.table_path(cell)
      if not tables[path] then
        tables[path] = {}
        order[#order + 1] = path
      end
      table.insert(tables[path], reference.row(cell))
    end
  end
  for _, path in ipairs(order) do
    assert(fs.write(store:path(path), reference.lines(tables[path], reference.row_keys)))
  end
  return order
end

-- What a report wrote and where the rest lies; names only what is there.
local function closing(store, has_tables, has_speedups)
  local parts = {}
  if has_tables then parts[#parts + 1] = "tables in auto_test_results/online" end
  if has_speedups then parts[#parts + 1] = "speed-ups in speedups.jsonl" end
  if fs.stat(store.folder .. "/cells") then
    parts[#parts + 1] = "every request's timeline in " .. (store.out and store.folder .. "/" or "") .. "cells"
  end
  return ("Results: %s%s\n"):format(store.out or store.folder,
    #parts > 0 and (" (%s)"):format(table.concat(parts, ", ")) or "")
end

-- The speed-ups of what was measured before the round changed, for themselves.
local function older_table(store, before, options)
  if #before == 0 then return "" end
  sort_cells(before, store.about)
  local index = speedup.index(before)
  index.any_model = options.baseline ~= nil
  local entries, judged = verdict.judge(store, speedup.current(before, index), index, {})
  if #entries == 0 then return "" end
  return "Before the round changed: " .. speedup_table.text(entries, store.about,
    { moderation = judged.moderation, spread = judged.spread }) .. "\n"
end

---Writes the tables, the pictures and max_speedup.jsonl, and prints the heatmaps.
---@param store specbench.store
---@param options { quiet: boolean?, colour: boolean|string|nil, pictures: boolean?, out: file*, baseline: string? }
---  baseline: one of the round's named ones, whatever model it is
---@return boolean ok false where there is nothing to report because all cells failed
function report.write(store, options)
  local about, out = store.about, options.out or io.stdout
  local cells = store:cells()
  local failed = failures.of(store, cells)
  if #cells == 0 then
    out:write(("%s holds no finished cell yet\n"):format(store.folder), failures.text(failed))
    return #failed == 0
  end
  local before
  cells, before = older.split(cells, about)
  sort_cells(cells, about)
  if options.baseline then rebase(cells, about, options.baseline) end
  local index = speedup.index(cells)
  index.any_model = options.baseline ~= nil
  cells = speedup.current(cells, index)
  local tables = write_tables(store, cells)
  local tty, width = fs.is_terminal(out)
  local layout = about.report and about.report.heatmap
  local list = layout and maps.collect(cells, index, about) or {}
  if not options.quiet then
    for _, map in ipairs(list) do
      local picture = { is_tty = tty, width = width, colour = options.colour == nil and "auto" or options.colour }
      for name, value in pairs(map.drawn) do picture[name] = value end
      out:write(heatmap.terminal(picture), "\n")
    end
  end
  local written, complaint = {}, nil
  if options.pictures ~= false then written, complaint = maps.write(store, list, about) end
  if about.report and about.report.settings then
    local text, pictures, why = settings_table.write(store, cells, index,
      { pictures = options.pictures, note = caveats.simulated(cells) })
    if not options.quiet and text ~= "" then out:write(text, "\n") end
    table.move(pictures, 1, #pictures, #written + 1, written)
    complaint = complaint or why
  end
  local rule = repeats.kept_rule(store)
  local entries, judged = verdict.judge(store, cells, index, { rule = rule })
  local places, drifted = drift.of(cells)
  for _, entry in ipairs(entries) do entry.drift = places[keys.place(entry.cell.baseline)] end
  if #entries > 0 then assert(fs.write(store:path "speedups.jsonl", speedup_table.lines(entries, about))) end
  if not options.quiet and #entries > 0 then
    out:write(speedup_table.text(entries, about, { rule = rule, has_maps = #list > 0,
      moderation = judged.moderation, spread = judged.spread }), missing_lines(entries, index), drift.text(drifted),
      "\n")
  end
  if layout then
    local rows = maxima.of(entries)
    assert(fs.write(store:path "auto_test_results/online/max_speedup.jsonl", maxima.lines(rows, about)))
    if not options.quiet and #rows > 0 then out:write(maxima.text(rows, entries, about), "\n") end
  end
  local flagged = flags.of(cells)
  assert(fs.write(store:path "flags.jsonl", flags.lines(flagged, about)))
  if not options.quiet then
    out:write(likeness.text(likeness.of(cells, index), about.match), flags.text(flagged, about), failures.text(failed))
    out:write(older_table(store, before, options), older.text(cells, before), older.versions(cells))
    local mode = match.line(about.match)
    if mode then out:write("Note: ", mode, "\n") end
    if options.baseline then
      out:write(("Note: compared with the baseline '%s', also where that is another model: such a ratio is no gain by "
        .. "speculation\n"):format(options.baseline))
    end
    for _, line in ipairs(caveats.lines(cells)) do out:write("Note: ", line, "\n") end
    for _, path in ipairs(written) do out:write("Picture: ", path, "\n") end
    out:write(closing(store, #tables > 0, #entries > 0))
  end
  if complaint then io.stderr:write("specbench: ", complaint, "\n") end
  return true
end

return report
