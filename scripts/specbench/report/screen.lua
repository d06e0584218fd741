-- The answer on one screen: what was measured, does speculation pay, where, how sure, why, what to try, what to note,
-- and the next command.

local absolute_table = require "specbench.report.absolute_table"
local colour = require "specbench.report.colour"
local marks = require "specbench.answer.marks"
local search_table = require "specbench.report.search_table"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"
local words = require "specbench.answer.words"

local screen = {}

local MARKS = { none = "." }
for name, mark in pairs(marks.by_name) do MARKS[name] = mark.typed end
local ABOVE, BELOW = "^", "v"
local LEGEND = { -- in the order that they are explained
  { MARKS.faster, "faster" }, { MARKS.slower, "slower" }, { MARKS.tie, "tie" }, { MARKS.undecided, "undecided" },
  { MARKS.ramp_up, "ramp-up" }, { ABOVE, "above 1 (not judged)" }, { BELOW, "below 1 (not judged)" },
  { MARKS.none, "no ratio" },
}
local LABEL = 10    -- columns before a section's text
local LINES = 6     -- judgements shown
local ROWS = 8      -- of the map
local SIDE_BY_SIDE = 12 -- marks in a field; of more each kind stands once
local WHYS, TRIES, NOTS, CAUSES, FLAGS, FIGURES = 2, 3, 3, 3, 2, 12

---@class specbench.screen.options
---@field width integer? columns, 100 unless told
---@field is_tty boolean? colours
---@field colour boolean|"auto"|nil see colour.depth
---@field about table the store's round.json
---@field saved string? what predictions saved
---@field searched specbench.searched? what a search found
---@field absolute boolean? throughput and latencies of every place, too
---@field next string[] commands that show more, each on a line of its own to be copied

-- A section's lines behind its name; each text is wrapped.
local function section(out, name, texts, width)
  local first = true
  for _, text in ipairs(texts) do
    for i, line in ipairs(text ~= "" and text_table.wrap(text, math.max(width - LABEL, 30)) or {}) do
      local indent = i > 1 and "  " or ""
      out[#out + 1] = text_table.pad(first and name or "", LABEL) .. indent .. line
      first = false
    end
  end
end

local function cut(list, most, what, many)
  local shown = { table.unpack(list, 1, most) }
  if #list > most then
    shown[#shown + 1] = ("%s: --full"):format(words.count(#list - most, "more " .. what, many and "more " .. many))
  end
  return shown
end

local function texts_of(points)
  local list = {}
  for i, point in ipairs(points) do list[i] = point.text end
  return list
end

local function mark_of(mark)
  if mark.ramp_up then return MARKS.ramp_up end
  if mark.mark ~= "none" then return MARKS[mark.mark] end
  if not mark.ratio then return MARKS.none end
  return mark.ratio >= 1 and ABOVE or BELOW
end

local function field_of(field, seen)
  if #field == 0 then return "" end
  local counts, text = {}, {}
  seen.several = seen.several or #field > 1
  for i, mark in ipairs(field) do
    text[i] = mark_of(mark)
    counts[text[i]] = (counts[text[i]] or 0) + 1
    seen[text[i]] = true
  end
  if #field <= SIDE_BY_SIDE then return table.concat(text) end
  local kinds = {}
  for _, item in ipairs(LEGEND) do
    if counts[item[1]] then kinds[#kinds + 1] = { mark = item[1], count = counts[item[1]] } end
  end
  seen.kinds = true
  for i, kind in ipairs(tables.most_frequent_first(kinds, "mark")) do text[i] = kind.mark end
  return table.concat(text, "", 1, #kinds)
end

local function legend(map, seen)
  local list = {}
  for _, item in ipairs(LEGEND) do
    if seen[item[1]] then list[#list + 1] = ("%s %s"):format(item[1], item[2]) end
  end
  local beside = {}
  for i, axis in ipairs(seen.several and map.beside or {}) do
    local values = {}
    for k, value in ipairs(axis.values) do values[k] = text_table.text(value) end
    beside[i] = seen.kinds and axis.name or ("%s %s"):format(axis.name, table.concat(values, ", "))
  end
  local text = table.concat(list, ", ")
  if #beside == 0 then return text end
  if seen.kinds then
    return ("%s; of several marks the most frequent is first, over %s"):format(text, table.concat(beside, ", "))
  end
  return ("%s; the marks of one load stand for %s"):format(text, table.concat(beside, ", each with "))
end

-- A map with fewer rows than ROWS, where that can be: tasks then stand side by side, too.
local function folded(map)
  if #map.rows <= ROWS then return map end
  local by_name, rows, tasks, seen = {}, {}, {}, {}
  for _, row in ipairs(map.rows) do
    if row.task and not seen[row.task] then
      seen[row.task] = true
      tasks[#tasks + 1] = row.task
    end
    local whole = { target = row.target, method = row.method, engine = row.engine, load = row.load, fields = {} }
    local name = words.name(whole) .. row.load
    if not by_name[name] then
      by_name[name] = whole
      rows[#rows + 1] = whole
    end
    for i, field in ipairs(row.fields) do
      local fields = by_name[name].fields
      fields[i] = fields[i] or {}
      table.move(field, 1, #field, #fields[i] + 1, fields[i])
    end
  end
  if #tasks == 0 then return map end
  return { loads = map.loads, rows = rows, beside = { { name = "task", values = tasks }, table.unpack(map.beside) } }
end

-- The map's lines for rows of one kind of load.
local function map_lines(map, kind, seen)
  local head, rows, columns = { "" }, {}, { {} }
  for i, load in ipairs(map.loads[kind]) do head[i + 1], columns[i + 1] = ("%g"):format(load), {} end
  head[#head] = ("%s %s"):format(head[#head], words.unit(kind, head[2] == "1" and #head == 2))
  for _, row in ipairs(map.rows) do
    if row.load == kind then
      local line = { words.name(row) }
      for i, field in ipairs(row.fields) do line[i + 1] = field_of(field, seen) end
      rows[#rows + 1] = line
    end
  end
  if #rows == 0 then return {} end
  local more = #rows - ROWS
  rows = { head, table.unpack(rows, 1, math.min(#rows, ROWS)) }
  local lines = {}
  for line in text_table.render({ columns = columns, rows = rows }):gmatch "[^\n]+" do lines[#lines + 1] = line end
  if more > 0 then lines[#lines + 1] = words.count(more, "more row") .. ": --full" end
  return lines
end

local function where(a)
  local map, seen, lines = folded(a.map), {}, {}
  for _, kind in ipairs { "concurrency", "rate" } do
    local of_kind = map_lines(map, kind, seen)
    table.move(of_kind, 1, #of_kind, #lines + 1, lines)
  end
  return lines, legend(map, seen)
end

local function judged_lines(a)
  local list = {}
  for _, judgement in ipairs(a.judgements) do
    local best = words.best(judgement)
    list[#list + 1] = ("%s: %s%s"):format(words.name(judgement), words.pays(judgement), best and "; " .. best or "")
  end
  return list
end

local function sure_lines(a)
  local sure = a.sure
  local list, moved = words.sure(sure), {}
  if sure.noise then moved[1] = ("one repeat's ratio varies by %s"):format(words.percent(sure.noise)) end
  moved[#moved + 1] = words.drift(sure.drift)
  local client = words.client(sure, a.measured.cells)
  if #sure.late == 0 then moved[#moved + 1] = client end
  if #moved > 0 then list[#list + 1] = table.concat(moved, "; ") end
  if #sure.late > 0 then list[#list + 1] = client end
  return list
end

-- One sentence a method: the first target's tells as much as all.
local function why_lines(a)
  local list, said = {}, {}
  for _, judgement in ipairs(a.judgements) do
    local why = words.why(judgement)
    if why and not said[judgement.method] then
      said[judgement.method] = true
      list[#list + 1] = ("%s: %s"):format(judgement.method, why)
    end
  end
  return list
end

local function figures(out, a, options)
  local limit, all = FIGURES, "--full"
  if options.absolute then limit, all = absolute_table.MOST, "--csv" end
  out[#out + 1] = ""
  for line in absolute_table.text(a.absolute, options.about, limit, all):gmatch "[^\n]+" do out[#out + 1] = line end
end

local function shout(text, options)
  local depth = colour.depth(options.colour, options.is_tty, os.getenv)
  return depth == "none" and text or "\27[1;7m " .. text .. " \27[0m"
end

local function head(a, options)
  local m = a.measured
  local title = m.title or m.round
  local kind, simulated = nil, words.simulated(m)
  if simulated then
    kind = simulated .. ": no GPU was measured"
  elseif m.published > 0 then
    kind = "PUBLISHED ROWS: nothing was measured here"
  end
  return kind and ("%s   %s"):format(title, shout(kind, options)) or title
end

-- What a search was asked, and its answer: above all that was measured on the way.
local function searched(out, options, width)
  local found = options.searched
  local summary = search_table.summary(found, options.saved)
  local lines, explained = search_table.map(found, ROWS)
  section(out, "asked", { summary.asked }, width)
  for i, line in ipairs(lines) do out[#out + 1] = text_table.pad(i == 1 and "best k" or "", LABEL) .. line end
  section(out, "", { explained }, width)
  section(out, "known", summary.known, width)
  section(out, "left out", { summary.left }, width)
  out[#out + 1] = ""
end

local LOG_LINES = 3 -- of a server, under a cause: more would be the screen

-- A cause without what a server wrote last, where that is more than a line or two.
local function short(cause)
  local reason, log, tail = cause:match "^(.*); the last lines of (.-):\n(.*)$"
  if not reason or select(2, tail:gsub("[^\n]+", "")) <= LOG_LINES then return cause end
  return ("%s; see %s"):format(reason, log)
end

---@param a specbench.answer
---@param options specbench.screen.options
---@return string text
function screen.text(a, options)
  local width, out, m = options.width or 100, {}, a.measured
  out[1] = head(a, options)
  if options.searched then searched(out, options, width) end
  section(out, "measured", { words.measured(m), words.with(m), not options.searched and options.saved or nil }, width)
  if m.failed > 0 then
    local causes = {}
    for i, item in ipairs(m.causes) do
      causes[i] = ("%s: %s"):format(words.count(item.count, "cell"), short(item.cause))
    end
    section(out, "failed", cut(causes, CAUSES, "cause"), width)
  end
  if #a.judgements > 0 then
    if a.fallback then
      section(out, "", { ("by %s, for %s"):format(words.figure(a.figure), words.lacking(a.fallback)) }, width)
    elseif a.figure ~= "paired" then
      section(out, "", { ("by %s; verdicts rest on the paired speed-up"):format(words.figure(a.figure)) }, width)
    end
    out[#out + 1] = ""
    section(out, "it pays?", cut(judged_lines(a), LINES, "judgement"), width)
    -- of a search that judged nothing the map above says more
    if not options.searched or a.sure.counts.none ~= a.sure.places then
      out[#out + 1] = ""
      local lines, explained = where(a)
      for i, line in ipairs(lines) do
        out[#out + 1] = text_table.pad(i == 1 and "where" or "", LABEL) .. line
      end
      section(out, "", { explained }, width)
    end
  end
  if #a.absolute > 0 then
    if options.absolute or #a.judgements == 0 then figures(out, a, options) end
    out[#out + 1] = ""
  end
  section(out, "how sure", sure_lines(a), width)
  section(out, "look at", cut(words.flagged(a.sure, m.cells), FLAGS, "kind of flag", "kinds of flags"), width)
  section(out, "why", cut(why_lines(a), WHYS, "method"), width)
  section(out, "try", { table.unpack(texts_of(a.try), 1, TRIES) }, width)
  section(out, "note", { table.unpack(texts_of(a.notes), 1, NOTS) }, width)
  for i, command in ipairs(options.next) do
    out[#out + 1] = text_table.pad(i == 1 and "next" or "", LABEL) .. command
  end
  return table.concat(out, "\n") .. "\n"
end

return screen
