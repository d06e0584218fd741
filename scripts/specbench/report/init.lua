-- Redraws everything that a reader looks at, from a results folder's files alone: the reference's tables,
-- heatmaps for the terminal and as pictures, and the table of maxima.

local drift = require "specbench.analysis.drift"
local flags = require "specbench.analysis.flags"
local fs = require "sb.fs"
local heatmap = require "specbench.report.heatmap"
local plot = require "specbench.report.plot"
local reference = require "specbench.report.reference"
local round = require "specbench.experiment.round"
local repeats = require "specbench.analysis.repeats"
local settings_table = require "specbench.report.settings_table"
local speedup = require "specbench.analysis.speedup"
local speedup_table = require "specbench.report.speedup_table"
local text_table = require "specbench.report.text_table"
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
      cell.baseline = round.baseline_key({ axes = about.axes, baseline = chosen }, cell.coordinates, cell.repetition)
    end
  end
end

-- Cells without a speed-up, method by method, with the reason.
local function missing_lines(entries)
  local counts, order = {}, {}
  for _, entry in ipairs(entries) do
    if entry.repeats == 0 then
      local method = entry.cell.reference and entry.cell.reference.method or entry.coordinates.method or ""
      local line = ("%s: %s"):format(method, entry.reason)
      if not counts[line] then order[#order + 1] = line end
      counts[line] = (counts[line] or 0) + 1
    end
  end
  for i, line in ipairs(order) do order[i] = ("No speed-up for %d cells of %s\n"):format(counts[line], line) end
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

local function geometric_mean(values)
  local sum = 0
  for _, value in ipairs(values) do sum = sum + math.log(value) end
  return math.exp(sum / #values)
end

local function position(list, value)
  for i, item in ipairs(list) do
    if item == value then return i end
  end
  list[#list + 1] = value
  return #list
end

-- One map a combination of the `per` axes and method, its cells the geometric mean over repeats. A map without a
-- single speed-up says nothing that the list of reasons does not.
local function collect_maps(cells, index, about)
  local layout = about.report.heatmap
  local maps, order = {}, {}
  for _, cell in ipairs(cells) do
    local ratios, reason = speedup.of(index, cell)
    if cell.baseline ~= cell.key then
      local words = {}
      for i, axis in ipairs(layout.per) do words[i] = tostring(cell.coordinates[axis]) end
      local name = cell.reference and cell.reference.method .. "/" .. cell.reference.folder or table.concat(words, " ")
      local rate = cell.identity.workload.rate
      if rate then name = name .. " at request rates" end
      local map = maps[name]
      if not map then
        map = { name = name, per = words, x = {}, y = {}, samples = {}, reasons = {}, reference = cell.reference,
          open_loop = rate ~= nil }
        maps[name] = map
        order[#order + 1] = map
      end
      local labels = cell.reference and cell.reference.labels or {}
      local x = position(map.x, labels[layout.x] or tostring(cell.coordinates[layout.x]))
      local y = position(map.y, rate or cell.coordinates[layout.y])
      local place = y .. ":" .. x
      map.samples[place] = map.samples[place] or {}
      if ratios and ratios.total_throughput then
        table.insert(map.samples[place], ratios.total_throughput)
        map.says_something = true
      else
        map.reasons[place] = reason
      end
    end
  end
  local told = {}
  for _, map in ipairs(order) do
    if map.says_something then told[#told + 1] = map end
  end
  return told
end

local function drawable(map, layout, about, note)
  local values, notes = {}, {}
  for y = 1, #map.y do
    values[y], notes[y] = {}, {}
    for x = 1, #map.x do
      local place = y .. ":" .. x
      local samples = map.samples[place]
      values[y][x] = samples and #samples > 0 and geometric_mean(samples) or nil
      notes[y][x] = map.reasons[place]
    end
  end
  return {
    title = ("%s, %s%s"):format(about.title or about.round, map.name, note), x = map.x, y = map.y, values = values,
    notes = notes, x_title = layout.x_title or layout.x,
    y_title = map.open_loop and "requests a second" or layout.y_title or layout.y,
    min = 0, max = 2, value_title = "speed-up (total token throughput)",
  }
end

-- The largest speed-up of every method and task, as the reference lists them: of means over repeats. With
-- repeats, also the place that is best on the odd ones, measured on the even ones: choosing does not flatter it.
local function maxima(entries, about)
  local best, order = {}, {}
  for _, entry in ipairs(entries) do
    local figure, cell = entry.speedups.total_throughput, entry.cell
    -- at a given request rate both sides send as much
    if figure and cell.reference and not cell.identity.workload.rate then
      local name = cell.reference.method .. "/" .. cell.reference.folder
      local row = best[name]
      if not row then
        row = { method = cell.reference.method, task = cell.reference.folder }
        best[name] = row
        order[#order + 1] = name
      end
      if not row.speedup_ratio or figure.ratio > row.speedup_ratio then
        row.context, row.num_spec_tokens = cell.reference.context, cell.reference.num_spec_tokens or -1
        row.max_concurrency, row.speedup_ratio = cell.identity.workload.concurrency, figure.ratio
      end
      local halves = entry.halves
      if halves and (not row.chosen or halves.odd > row.chosen) then
        row.chosen, row.held_out_ratio = halves.odd, halves.even
      end
    end
  end
  local rows = {}
  for i, name in ipairs(order) do rows[i] = best[name] end
  local keys = { "method", "task", "num_spec_tokens", "max_concurrency", "speedup_ratio" }
  for _, name in ipairs(about.report.maximum_keys or {}) do table.insert(keys, #keys, name) end
  for _, row in ipairs(rows) do row.chosen = nil end
  if rows[1] and rows[1].held_out_ratio then keys[#keys + 1] = "held_out_ratio" end
  return rows, keys
end

local function maxima_table(rows)
  local held_out = rows[1].held_out_ratio ~= nil
  local columns = { { title = "method" }, { title = "task" }, { title = "context" },
    text_table.right "k", text_table.right "concurrency",
    text_table.right "speed-up" }
  if held_out then columns[#columns + 1] = text_table.right "held out" end
  local listed = {}
  for i, row in ipairs(rows) do
    listed[i] = { row.method, row.task, row.context or "", row.num_spec_tokens, row.max_concurrency or "",
      ("%.2f"):format(row.speedup_ratio), row.held_out_ratio and ("%.2f"):format(row.held_out_ratio) }
  end
  local title = held_out
    and "Largest speed-ups (a maximum of noisy cells: biased upwards; held out: the place chosen on the odd repeats, "
      .. "measured on the even ones)\n"
    or "Largest speed-ups (one run, a maximum of noisy cells: biased upwards)\n"
  return title .. text_table.render { columns = columns, rows = listed }
end

local function write_pictures(store, maps, drawn)
  local written, complaint = {}, nil
  for i, map in ipairs(maps) do
    local folder = map.reference and ("auto_test_results/online/%s/Task_%s/"):format(map.reference.method,
      map.reference.folder) or "pictures/" .. map.name:gsub("[^%w.-]", "_") .. "_"
    local path = store:path(folder .. (map.open_loop and "heatmap_qps" or "heatmap"))
    local png, svg = path .. ".png", path .. ".svg"
    local picture = { png = png, svg = svg }
    for name, value in pairs(drawn[i]) do picture[name] = value end
    local ok, message = plot.heatmap(picture)
    if not ok then
      complaint = message
      break
    end
    written[#written + 1] = png
    written[#written + 1] = svg
  end
  return written, complaint
end

-- All maps on one sheet: the first `per` axis down, the second across.
local function write_overview(store, maps, drawn, about, note)
  local layout = about.report.heatmap
  if #maps < 2 or #layout.per ~= 2 then return end
  local rows, columns, panels = {}, {}, {}
  for i, map in ipairs(maps) do
    if map.open_loop == maps[1].open_loop then
      local r, c = position(rows, map.per[1]), position(columns, map.per[2])
      panels[r] = panels[r] or {}
      panels[r][c] = drawn[i]
    end
  end
  for r = 1, #rows do panels[r] = panels[r] or {} end
  local path = store:path "auto_test_results/online/overview"
  local png, svg = path .. ".png", path .. ".svg"
  local ok = plot.overview {
    title = (about.title or about.round) .. note, rows = rows, columns = columns, panels = panels, png = png, svg = svg,
    x_title = layout.x_title or layout.x, y_title = layout.y_title or layout.y,
    value_title = "speed-up (total token throughput)",
  }
  return ok and { png, svg } or nil
end

---What all cells share and a reader must know first: simulated time, synthetic prompts.
---@param cells table[]
---@return string[] lines
function report.caveats(cells)
  local lines, seen, late = {}, {}, 0
  local function add(line)
    if line and not seen[line] then
      seen[line] = true
      lines[#lines + 1] = line
    end
  end
  for _, cell in ipairs(cells) do
    if cell.engine.name:find "sim$" then
      add(("simulated servers (specbench sim, clock x%g): the figures follow from its profiles, not from a GPU")
        :format(cell.clock_scale))
    end
    if cell.certificate and cell.certificate.client_ok == false then late = late + 1 end
    local source = cell.dataset or {}
    if source.kind == "synthetic" then
      add("synthetic prompts: made-up text with the token lengths of the reference's data "
        .. "(--datasets DIR takes the real files)")
    end
  end
  if late > 0 then
    add(("in %d of %d cells the client itself was late (certificate.reasons in cell.json): do not quote them")
      :format(late, #cells))
  end
  return lines
end

---Writes the tables, the pictures and max_speedup.jsonl, and prints the heatmaps.
---@param store specbench.store
---@param options { quiet: boolean?, colour: boolean|string|nil, pictures: boolean?, out: file*, baseline: string? }
---  baseline: one of the round's named ones, whatever model it is
function report.write(store, options)
  local about, out = store.about, options.out or io.stdout
  local cells = store:cells()
  if #cells == 0 then
    out:write(("%s holds no finished cell yet\n"):format(store.folder))
    return
  end
  sort_cells(cells, about)
  if options.baseline then rebase(cells, about, options.baseline) end
  local index = speedup.index(cells)
  index.any_model = options.baseline ~= nil
  cells = speedup.current(cells, index)
  write_tables(store, cells)
  local tty, width = fs.is_terminal(out)
  local layout = about.report and about.report.heatmap
  local maps, drawn = layout and collect_maps(cells, index, about) or {}, {}
  local caveats = report.caveats(cells)
  local simulated = cells[1].engine.name:find "sim$" and " (simulated)" or ""
  for i, map in ipairs(maps) do
    drawn[i] = drawable(map, layout, about, simulated)
    if not options.quiet then
      local picture = { is_tty = tty, width = width, colour = options.colour == nil and "auto" or options.colour }
      for name, value in pairs(drawn[i]) do picture[name] = value end
      out:write(heatmap.terminal(picture), "\n")
    end
  end
  local written, complaint = {}, nil
  if options.pictures ~= false and #maps > 0 then
    written, complaint = write_pictures(store, maps, drawn)
    for _, path in ipairs(not complaint and write_overview(store, maps, drawn, about, simulated) or {}) do
      table.insert(written, path)
    end
  end
  if about.report and about.report.settings then
    local text, pictures, why = settings_table.write(store, cells, index,
      { pictures = options.pictures, note = simulated })
    if not options.quiet and text ~= "" then out:write(text, "\n") end
    table.move(pictures, 1, #pictures, #written + 1, written)
    complaint = complaint or why
  end
  local rule = repeats.kept_rule(store)
  local entries = verdict.judge(store, cells, index, { rule = rule })
  local places, drifted = drift.of(cells)
  for _, entry in ipairs(entries) do entry.drift = places[round.place(entry.cell.baseline)] end
  if #entries > 0 then assert(fs.write(store:path "speedups.jsonl", speedup_table.lines(entries, about))) end
  if not options.quiet and #entries > 0 then
    out:write(speedup_table.text(entries, about, rule), missing_lines(entries), drift.text(drifted), "\n")
  end
  if layout then
    local rows, keys = maxima(entries, about)
    assert(fs.write(store:path "auto_test_results/online/max_speedup.jsonl", reference.lines(rows, keys)))
    if not options.quiet and #rows > 0 then out:write(maxima_table(rows), "\n") end
  end
  local flagged = flags.of(cells)
  assert(fs.write(store:path "flags.jsonl", flags.lines(flagged, about)))
  if not options.quiet then
    out:write(flags.text(flagged, about))
    if options.baseline then
      out:write(("Note: compared with the baseline '%s', also where that is another model: such a ratio is no gain by "
        .. "speculation\n"):format(options.baseline))
    end
    for _, line in ipairs(caveats) do out:write("Note: ", line, "\n") end
    for _, path in ipairs(written) do out:write("Picture: ", path, "\n") end
    out:write(("Results: %s (tables in auto_test_results/online, speed-ups in speedups.jsonl, every request's timeline "
      .. "in cells)\n"):format(store.out or store.folder))
  end
  if complaint then io.stderr:write("specbench: ", complaint, "\n") end
end

return report
