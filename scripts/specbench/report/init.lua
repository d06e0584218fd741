-- Redraws everything that a reader looks at, from a results folder's files alone: heatmaps for the terminal and as
-- pictures, tables of speed-ups and of maxima, and what the round exports.

local absolute_table = require "specbench.report.absolute_table"
local answer = require "specbench.answer"
local caption = require "specbench.report.caption"
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
local load_lines = require "specbench.report.load_lines"
local likeness = require "specbench.analysis.likeness"
local match = require "specbench.experiment.match"
local older = require "specbench.analysis.older"
local savings = require "specbench.analysis.savings"
local screen = require "specbench.report.screen"
local search_table = require "specbench.report.search_table"
local settings_table = require "specbench.report.settings_table"
local speedup = require "specbench.analysis.speedup"
local speedup_table = require "specbench.report.speedup_table"
local study = require "specbench.analysis.study"
local tables = require "specbench.base.tables"
local words = require "specbench.answer.words"

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
local function closing(store, exported, has_speedups, cells)
  local parts = { exported }
  if has_speedups then parts[#parts + 1] = "speed-ups in speedups.jsonl" end
  local has_records = false
  for _, cell in ipairs(cells) do has_records = has_records or cell.records ~= false end
  if has_records and fs.stat(store.folder .. "/cells") then
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

-- Every file that a report leaves; told: what the whole report says of them.
local function write_files(found, list, answered, options)
  local store, about, told = found.store, found.about, { pictures = {}, settings = "" }
  if options.pictures ~= false then
    local lines, why
    told.pictures, told.complaint = maps.write(store, list, about, answered)
    lines, why = load_lines.write(store, answered)
    table.move(lines, 1, #lines, #told.pictures + 1, told.pictures)
    told.complaint = told.complaint or why
  end
  if about.report and about.report.settings then
    local pictures, why
    told.settings, pictures, why = settings_table.write(store, found.cells, found.index,
      { pictures = options.pictures, note = caveats.simulated(found.cells),
        footer = caption.of { cells = found.cells, entries = found.entries, about = about } })
    table.move(pictures, 1, #pictures, #told.pictures + 1, told.pictures)
    told.complaint = told.complaint or why
  end
  if #found.entries > 0 then
    assert(fs.write(store:path "speedups.jsonl", speedup_table.lines(found.entries, about)))
  end
  local group_of = maps.grouper(found.cells, about)
  told.best = maxima.of(found.entries, group_of, answered.figure)
  if #told.best > 0 then assert(fs.write(store:path "maxima.jsonl", maxima.lines(told.best, about))) end
  local format = export.used(found.cells)
  told.exported = format and format.write(store, found.cells, maxima.of(found.entries, group_of, format.figure),
    function(cell) return export.of(cell, format.name) end)
  assert(fs.write(store:path "flags.jsonl", flags.lines(found.flagged, about)))
  return told
end

-- The whole report: every map, table and note.
local function full_text(found, answered, list, told, options)
  local about, cells, entries, parts = found.about, found.cells, found.entries, {}
  local function add(...)
    for _, text in ipairs { ... } do parts[#parts + 1] = text end
  end
  local how = { is_tty = options.is_tty, width = options.width, colour = options.colour }
  for _, map in ipairs(list) do
    add(heatmap.terminal(tables.merged(map.drawn, { marks = map.drawn.typed }, how)), "\n")
  end
  if #list > 0 and options.fallback then
    add(("Maps show the %s, not `paired`: %s\n\n"):format(words.figure(options.figure), options.fallback))
  end
  if told.settings ~= "" then add(told.settings, "\n") end
  if #entries > 0 then
    add(speedup_table.text(entries, about, { rule = found.rule, mapped = #list > 0 and options.figure or nil,
      moderation = found.judged.moderation, spread = found.judged.spread, price = options.price }),
      missing_lines(entries, found.index), drift.text(found.drifted), "\n")
  end
  if found.searched then add(search_table.text(found.searched, options.saved), "\n") end
  if #answered.absolute > 0 then
    add(("Figures%s:\n"):format(caveats.simulated(cells)), absolute_table.text(answered.absolute, about,
      absolute_table.MOST, "--csv"), "\n")
  end
  if #told.best > 0 then add(maxima.text(told.best, entries, about), "\n") end
  add(likeness.text(found.unlike, about.match), flags.text(found.flagged, about), failures.text(found.failed))
  add(older_table(found), older.text(cells, found.before), older.versions(cells))
  local mode = match.line(about.match)
  if mode then add("Note: ", mode, "\n") end
  if options.saved and not found.searched then add("Note: ", options.saved, "\n") end
  if about.limits then add("Note: answers were as long as the limits '", about.limits, "' say\n") end
  if found.baseline then
    add(("Note: compared with the baseline '%s', also where that is another model: such a ratio is no gain by "
      .. "speculation\n"):format(found.baseline))
  end
  for _, line in ipairs(hosts.lines(compared(entries))) do add("Note: ", line, "\n") end
  for _, line in ipairs(caveats.lines(cells, about)) do add("Note: ", line, "\n") end
  for _, path in ipairs(told.pictures) do add("Picture: ", path, "\n") end
  add(closing(found.store, told.exported, #entries > 0, found.cells))
  return table.concat(parts)
end

-- Commands that show more of what the screen sums up; where nothing was measured, where to look for the cause.
local function next_lines(found, told)
  local source = found.store.folder
  if #found.cells + #found.before == 0 then
    if #found.failed == 0 then return {} end
    local is_logged = #(fs.list(source .. "/logs") or {}) > 0
    return { is_logged and ("ls %s/failed %s/logs    # what failed, and what its servers wrote"):format(source, source)
      or ("ls %s/failed    # what failed"):format(source) }
  end
  local command, folder = ("specbench report %s%s"):format(source, found.store.out and " --out " .. found.store.out
    or ""), found.store.out or source
  local list = { command .. " --full    # every map, table and note",
    command .. " --html    # a page to look around in" }
  if #told.pictures > 0 then list[3] = ("pictures in %s/pictures"):format(folder) end
  return list
end

---Writes files and pictures, and prints what they say: the answer on one screen, or all of it.
---@param store specbench.store
---@param options { quiet: boolean?, full: boolean?, absolute: boolean?, colour: boolean|string|nil, pictures: boolean?,
---  out: file*, baseline: string?, figure: string?, redescribe: (fun(cell: table))?, price: number?,
---  across_hosts: boolean?, on_study: (fun(found: specbench.study))? } full: print every map, table and note; absolute:
---  the answer with every place's figures; baseline: one of the round's named ones, whatever model it is; figure: one
---  of specbench.answer's; redescribe: tells a cell what the round's file says of it now; price: of a GPU hour;
---  across_hosts: see specbench.speedup.index; on_study: gets what all else is drawn from, so that nothing computes it
---  twice
---@return boolean ok false where there is nothing to report because all cells failed
function report.write(store, options)
  local about, out = store.about, options.out or io.stdout
  local found = study.of(store, options)
  if options.on_study then options.on_study(found) end
  if #found.cells + #found.before == 0 and options.full then
    out:write(("%s holds no finished cell yet\n"):format(store.folder), failures.text(found.failed))
    return #found.failed == 0
  end
  local answered = answer.of(found, options)
  local tty, width = fs.is_terminal(out)
  local shown = { is_tty = tty, width = width, colour = options.colour == nil and "auto" or options.colour,
    price = options.price, absolute = options.absolute, figure = answered.figure, fallback = answered.fallback }
  shown.saved = savings.line(found, options.price)
  local list, told = {}, { pictures = {} }
  if #found.cells + #found.before > 0 then
    list = about.report and about.report.heatmap and maps.collect(found, answered) or {}
    told = write_files(found, list, answered, options)
  end
  if not options.quiet and options.full then
    out:write(full_text(found, answered, list, told, shown))
  elseif not options.quiet then
    shown.about, shown.next, shown.searched = about, next_lines(found, told), found.searched
    if not tty then shown.width = nil end
    out:write(screen.text(answered, shown))
  end
  told.complaint = told.complaint or found.searched_unknown
  if told.complaint then io.stderr:write("specbench: ", told.complaint, "\n") end
  return #found.cells + #found.before > 0 or #found.failed == 0
end

return report
