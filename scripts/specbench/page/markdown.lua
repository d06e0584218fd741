-- The page's content as Markdown, to paste into an issue: the answer, what is best at which load, maps as tables,
-- figures where they are few, and where numbers come from.

local absolute = require "specbench.page.absolute"
local break_even = require "specbench.report.break_even"
local energy = require "specbench.analysis.energy"
local foreign = require "specbench.base.foreign"
local heatmaps = require "specbench.page.heatmaps"
local model = require "specbench.page.model"
local schedule = require "specbench.page.schedule"
local search_table = require "specbench.report.search_table"
local text_table = require "specbench.base.text_table"
local verdict = require "specbench.analysis.verdict"
local words = require "specbench.answer.words"

local markdown = {}

local MOST_ROWS = 60 -- of figures; more stand in the CSV file and on the page

---Text as it stands in a paragraph or a table: nothing of it is markup.
---@param text any
---@return string
function markdown.escape(text)
  text = foreign.printable(tostring(text)):gsub("%s+", " ")
  return (text:gsub("[\\`*_{}%[%]<>#|~&!]", "\\%0"))
end

local escape = markdown.escape

-- A block of code whose fence nothing in it can end.
local function code(text)
  text = foreign.printable(text)
  local fence = "```"
  for run in text:gmatch "`+" do
    if #run >= #fence then fence = run .. "`" end
  end
  return ("%s\n%s\n%s"):format(fence, text, fence)
end

-- Columns: { title, align_right }; rows of texts that are not escaped yet.
local function grid(columns, rows)
  local head, rule, lines = {}, {}, {}
  for i, column in ipairs(columns) do
    head[i], rule[i] = escape(column[1]), column[2] and "--:" or "---"
  end
  lines[1] = ("| %s |"):format(table.concat(head, " | "))
  lines[2] = ("| %s |"):format(table.concat(rule, " | "))
  for _, row in ipairs(rows) do
    local fields = {}
    for i = 1, #columns do fields[i] = escape(row[i] or "") end
    lines[#lines + 1] = ("| %s |"):format(table.concat(fields, " | "))
  end
  return table.concat(lines, "\n")
end

local function answers(self, add)
  for _, judgement in ipairs(self.answer.judgements) do
    local more = { words.best(judgement) or false, words.why(judgement) or false }
    local line = ("- **%s**: %s"):format(escape(words.name(judgement)), escape(words.pays(judgement)))
    for _, part in ipairs(more) do
      if part then line = line .. "; " .. escape(part) end
    end
    add(line)
  end
  local sure = self.answer.sure
  if sure.places > 0 then add("\nHow sure: " .. escape(table.concat(words.sure(sure), "; ")) .. ".") end
  local client = words.client(sure, self.answer.measured.cells)
  if client then add(escape((client:gsub("^%l", string.upper))) .. ".") end
  for _, line in ipairs(words.flagged(sure, self.answer.measured.cells)) do add("- look at " .. escape(line)) end
  for _, point in ipairs(self.answer.notes) do add("- note: " .. escape(point.text)) end
end

-- A map as a table, loads upwards; text_of: what stands in a place's field.
local function map_table(map, text_of)
  local columns, rows = { { ("%s \\ %s"):format(map.y.title, map.x.title) } }, {}
  for _, x in ipairs(map.x.values) do columns[#columns + 1] = { text_table.text(x), true } end
  for r = #map.y.values, 1, -1 do
    local y = map.y.values[r]
    local row = { text_table.text(y) }
    for c, x in ipairs(map.x.values) do
      local one = map.at[y][x]
      row[c + 1] = one and text_of(one) or ""
    end
    rows[#rows + 1] = row
  end
  return ("\n%s\n\n%s"):format(escape(map.name), grid(columns, rows))
end

local function maps(self, add)
  local figure = self.figures[1]
  if not figure then return end
  local list = model.maps(self, function(one) return one.entry ~= nil and one.entry.speedups[figure.name] ~= nil end)
  if #list == 0 then return end
  add(("\n## Where (%s)\n"):format(escape(words.figure(figure.name))))
  local legend = heatmaps.legend(self)
  if legend ~= "" then add(escape(legend)) end
  for _, map in ipairs(list) do
    add(map_table(map, function(one)
      return ("%.2f%s"):format(one.entry.speedups[figure.name].ratio, heatmaps.mark(one))
    end))
  end
end

-- What nobody measured, in tables that hold nothing else.
local function predicted(self, add)
  if #self.predicted == 0 then return end
  add "\n## Predicted, not measured\n"
  add(escape("~ by a model fitted to the measured cells: the ratio of total token throughputs, and the interval that a "
    .. "measured one would lie in nine times of ten. Places that were measured are left empty."))
  for _, map in ipairs(model.maps(self, function() return true end, self.predicted)) do
    add(map_table(map, function(one)
      local told = one.predicted
      return ("~%.2f%s"):format(told.ratio, told.low and told.high and (" [%.2f, %.2f]"):format(told.low, told.high)
        or "")
    end))
  end
end

local function what_if(self, add)
  if #self.curves == 0 then return end
  add "\n## What if drafts were accepted otherwise (predicted)\n"
  add(escape("~ " .. break_even.WHAT .. ".") .. "\n")
  add(grid(break_even.answers(self.curves)))
end

local function searched(self, add)
  local found = self.found.searched
  if not found then return end
  add "## Best k, searched\n"
  for _, line in ipairs(search_table.lines(found, self.saved)) do add(("- %s"):format(escape(line))) end
  add("\n" .. grid(search_table.answers(found)))
  add "\n## Does speculation pay?\n"
end

local function schedules(self, add)
  local has_title = false
  for _, judgement in ipairs(self.answer.judgements) do
    local found = schedule.of(judgement)
    if found and found.ranges then
      if not has_title then add "\n## Schedules\n" end
      has_title = true
      add(("%s:\n\n%s"):format(escape(words.name(judgement)), code(found.lua .. "\n" .. found.vllm)))
    end
  end
end

local function figures(self, add)
  if #self.places == 0 then return end
  add "\n## Figures\n"
  if #self.places > MOST_ROWS then
    add(("%d places: see the CSV file or the page."):format(#self.places))
    return
  end
  local used = absolute.used(self)
  for _, group in ipairs(absolute.groups(self)) do
    local axes, columns, rows = model.differing(self, group.items), {}, {}
    for i, name in ipairs(axes) do columns[i] = { name } end
    for _, column in ipairs(used) do columns[#columns + 1] = { column[2], true } end
    if self.figures[1] then columns[#columns + 1] = { "speed-up" } end
    if self.has_energy then columns[#columns + 1] = { "energy a token, ratio" } end
    columns[#columns + 1] = { "verdict" }
    for i, one in ipairs(group.items) do
      local row = {}
      for k, name in ipairs(axes) do row[k] = text_table.text(one.coordinates[name]) end
      for _, column in ipairs(used) do row[#row + 1] = absolute.text(column, one.row) end
      if self.figures[1] then
        row[#row + 1] = one.entry and verdict.text(one.entry.speedups[self.figures[1].name]) or ""
      end
      if self.has_energy then row[#row + 1] = one.energy and energy.ratio_text(one.energy) or "" end
      row[#row + 1] = absolute.verdict(one)
      rows[i] = row
    end
    add(("\n%s\n\n%s"):format(escape(group.name), grid(columns, rows)))
  end
end

local function provenance(self, add)
  for _, item in ipairs(self.found.failed) do
    add(("\nFailed: %s (%s)"):format(escape(words.count(item.count, "cell")), escape(item.cause)))
  end
  local lines = {}
  for i, server in ipairs(self.servers) do
    lines[i] = ("# %s"):format(words.count(server.places, "place")) .. "\n"
      .. (schedule.command(server.cell.engine.argv) or server.cell.engine.url or "not known")
  end
  if #lines > 0 then
    add(("\n<details><summary>Servers</summary>\n\n%s\n\n</details>"):format(code(table.concat(lines, "\n"))))
  end
end

---@param self specbench.page.model
---@return string
function markdown.text(self)
  local lines = {}
  local function add(line) lines[#lines + 1] = line end
  local measured = self.answer.measured
  add(("# %s\n"):format(escape(self.title)))
  local simulated = words.simulated(measured)
  if simulated then add(("**%s: what a profile says, not what a GPU did.**\n"):format(escape(simulated))) end
  local what, with = words.measured(measured), words.with(measured)
  add(escape(with == "" and what or ("%s; %s"):format(what, with)) .. "\n")
  searched(self, add)
  answers(self, add)
  maps(self, add)
  predicted(self, add)
  what_if(self, add)
  schedules(self, add)
  figures(self, add)
  provenance(self, add)
  return table.concat(lines, "\n") .. "\n"
end

return markdown
