-- Redraws everything that a reader looks at, from a results folder's files alone: heatmaps for the terminal and as
-- pictures, tables of speed-ups and of maxima, and what the round exports.

local caveats = require "specbench.analysis.caveats"
local drift = require "specbench.analysis.drift"
local export = require "specbench.export"
local failures = require "specbench.analysis.failures"
local flags = require "specbench.analysis.flags"
local fs = require "sb.fs"
local heatmap = require "specbench.report.heatmap"
local hosts = require "specbench.analysis.hosts"
local maps = require "specbench.report.maps"
local maxima = require "specbench.report.maxima"
local likeness = require "specbench.analysis.likeness"
local match = require "specbench.experiment.match"
local older = require "specbench.analysis.older"
local settings_table = require "specbench.report.settings_table"
local speedup = require "specbench.analysis.speedup"
local speedup_table = require "specbench.report.speedup_table"
local study = require "specbench.analysis.study"

local report = {}

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

-- Each cell that has a speed-up, with its baseline.
local function compared(entries)
  local list = {}
  for _, entry in ipairs(entries) do table.move(entry.all, 1, #entry.all, #list + 1, list) end
  return list
end

-- What a report wrote and where the rest lies; names only what is there.
local function closing(store, exported, has_speedups)
  local parts = { exported }
  if has_speedups then parts[#parts + 1] = "speed-ups in speedups.jsonl" end
  if fs.stat(store.folder .. "/cells") then
    parts[#parts + 1] = "every request's timeline in " .. (store.out and store.folder .. "/" or "") .. "cells"
  end
  return ("Results: %s%s\n"):format(store.out or store.folder,
    #parts > 0 and (" (%s)"):format(table.concat(parts, ", ")) or "")
end

-- The speed-ups of what was measured before the round changed.
local function older_table(found)
  if #found.before == 0 then return "" end
  local entries, judged = study.judge_before(found)
  if #entries == 0 then return "" end
  return "Before the round changed: " .. speedup_table.text(entries, found.about,
    { moderation = judged.moderation, spread = judged.spread }) .. "\n"
end

---Writes files and pictures, and prints what they say.
---@param store specbench.store
---@param options { quiet: boolean?, colour: boolean|string|nil, pictures: boolean?, out: file*, baseline: string?,
---  redescribe: (fun(cell: table))?, price: number?, across_hosts: boolean?, on_study: (fun(found:
---  specbench.study))? } baseline: one of the round's named ones, whatever model it is; redescribe: tells a cell what
---  the round's file says of it now; price: of a GPU hour; across_hosts: see specbench.speedup.index; on_study: gets
---  what all else is drawn from, so that nothing computes it twice
---@return boolean ok false where there is nothing to report because all cells failed
function report.write(store, options)
  local about, out = store.about, options.out or io.stdout
  local found = study.of(store, options)
  if options.on_study then options.on_study(found) end
  local cells, index, entries, failed = found.cells, found.index, found.entries, found.failed
  if #cells + #found.before == 0 then
    out:write(("%s holds no finished cell yet\n"):format(store.folder), failures.text(failed))
    return #failed == 0
  end
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
  if #entries > 0 then assert(fs.write(store:path "speedups.jsonl", speedup_table.lines(entries, about))) end
  if not options.quiet and #entries > 0 then
    out:write(speedup_table.text(entries, about, { rule = found.rule, has_maps = #list > 0,
      moderation = found.judged.moderation, spread = found.judged.spread, price = options.price }),
      missing_lines(entries, index), drift.text(found.drifted), "\n")
  end
  local best = maxima.of(entries, maps.grouper(cells, about))
  if #best > 0 then assert(fs.write(store:path "maxima.jsonl", maxima.lines(best, about))) end
  if not options.quiet and #best > 0 then out:write(maxima.text(best, entries, about), "\n") end
  local format = export.used(cells)
  local exported = format and format.write(store, cells, best, function(cell) return export.of(cell, format.name) end)
  assert(fs.write(store:path "flags.jsonl", flags.lines(found.flagged, about)))
  if not options.quiet then
    out:write(likeness.text(found.unlike, about.match), flags.text(found.flagged, about), failures.text(failed))
    out:write(older_table(found), older.text(cells, found.before), older.versions(cells))
    local mode = match.line(about.match)
    if mode then out:write("Note: ", mode, "\n") end
    if about.limits then out:write("Note: answers were as long as the limits '", about.limits, "' say\n") end
    if options.baseline then
      out:write(("Note: compared with the baseline '%s', also where that is another model: such a ratio is no gain by "
        .. "speculation\n"):format(options.baseline))
    end
    for _, line in ipairs(hosts.lines(compared(entries))) do out:write("Note: ", line, "\n") end
    for _, line in ipairs(caveats.lines(cells)) do out:write("Note: ", line, "\n") end
    for _, path in ipairs(written) do out:write("Picture: ", path, "\n") end
    out:write(closing(store, exported, #entries > 0))
  end
  if complaint then io.stderr:write("specbench: ", complaint, "\n") end
  return true
end

return report
