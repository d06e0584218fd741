-- What was measured in itself: throughput and latencies of every place, each method's below its baseline's. Rows are
-- what a click on a map leads to where no script runs.

local energy = require "specbench.analysis.energy"
local html_table = require "specbench.page.html_table"
local html = require "specbench.page.html"
local marks = require "specbench.answer.marks"
local measure = require "sb.measure"
local model = require "specbench.page.model"
local own_metrics = require "specbench.analysis.own_metrics"
local svg = require "specbench.page.svg"
local verdict = require "specbench.analysis.verdict"

local el = html.el

local absolute = {}

-- What a table and a file of figures have, with their titles. `percent`: shares; `own`: one of the round's metrics.
local COLUMNS = {
  { "output_throughput", "output tok/s" }, { "total_token_throughput", "total tok/s" },
  { "request_throughput", "requests/s" },
  { "ttft_p50_ms", "TTFT p50 ms" }, { "ttft_p99_ms", "p99" },
  { "tpot_p50_ms", "TPOT p50 ms" }, { "tpot_p99_ms", "p99" },
  { "itl_token_p50_ms", "ITL p50 ms (per token)" }, { "itl_token_p99_ms", "p99" },
  { "e2el_p50_ms", "E2EL p50 ms" }, { "e2el_p99_ms", "p99" },
  { "acceptance", "accepted", percent = true }, { "mean_length", "tokens a step" }, { "goodput", "goodput requests/s" },
  { "joules_per_token", "J a token" }, { "price_per_million", "price of 1M tokens" },
}

---All columns that the places may have.
---@param self specbench.page.model
---@return table[]
function absolute.columns(self)
  local list, rows = table.move(COLUMNS, 1, #COLUMNS, 1, {}), {}
  for i, one in ipairs(self.places) do rows[i] = one.row end
  for _, name in ipairs(own_metrics.names(rows)) do list[#list + 1] = { name, name, own = true } end
  return list
end

---@param row specbench.answer.absolute.row
---@return number?
function absolute.value(column, row)
  if column.own then return row.own and row.own[column[1]] end
  return row.figures[column[1]]
end

---A figure as the tables have it.
---@param row specbench.answer.absolute.row
---@return string
function absolute.text(column, row)
  local value = absolute.value(column, row)
  if value and column.percent then return ("%.0f %%"):format(100 * value) end
  return svg.figure(value)
end

---Those of them that any place has.
---@param self specbench.page.model
---@return table[]
function absolute.used(self)
  local list = {}
  for _, column in ipairs(absolute.columns(self)) do
    local has = false
    for _, one in ipairs(self.places) do has = has or absolute.value(column, one.row) ~= nil end
    if has then list[#list + 1] = column end
  end
  return list
end

---The verdict with what is to be known of it, in few words.
---@param one specbench.page.place
---@return string
function absolute.verdict(one)
  if one.row.is_baseline then return "baseline" end
  local words = {}
  if one.entry then words[1] = one.entry.verdict or "no verdict" end
  if one.ramp_up then words[#words + 1] = "ramp-up" end
  if one.cells[1].lossy then words[#words + 1] = "lossy" end
  if one.row.late then words[#words + 1] = "client late" end
  return table.concat(words, ", ")
end

-- A baseline above what is compared with it, loads from the least on.
local function ordered(places)
  local list, rank = table.move(places, 1, #places, 1, {}), {}
  for i, one in ipairs(places) do rank[one] = i end
  table.sort(list, function(a, b)
    if a.row.load.value ~= b.row.load.value then return a.row.load.value < b.row.load.value end
    local x, y = a.row.is_baseline, b.row.is_baseline
    if x ~= y then return x end
    return rank[a] < rank[b]
  end)
  return list
end

local function group_name(one)
  local row = one.row
  return row.task and ("%s, %s"):format(row.target, row.task) or row.target
end

---The places in tables: one a target and task.
---@param self specbench.page.model
---@return { name: string, items: specbench.page.place[] }[]
function absolute.groups(self)
  local groups = model.groups(self, group_name)
  for _, group in ipairs(groups) do group.items = ordered(group.items) end
  return groups
end

local function table_of(self, group, columns, figure)
  local axes, rows = model.differing(self, group.items), {}
  local head = table.move(axes, 1, #axes, 1, {})
  for _, column in ipairs(columns) do head[#head + 1] = html_table.right(column[2]) end
  if figure then head[#head + 1] = html_table.right("speed-up, " .. figure) end
  if self.has_energy then head[#head + 1] = html_table.right "energy a token, ratio" end
  head[#head + 1] = figure and "verdict" or ""
  for i, one in ipairs(group.items) do
    local fields = {}
    for k, name in ipairs(axes) do
      local value = one.coordinates[name]
      fields[k] = el("td", nil, value == nil and "–" or value)
    end
    for _, column in ipairs(columns) do
      local is_thin = one.row.thin and column[1]:find "_p99_" ~= nil
      fields[#fields + 1] = el("td", { class = is_thin and "n faint" or "n" }, absolute.text(column, one.row))
    end
    if figure then
      fields[#fields + 1] = html_table.figure(one.entry and verdict.text(one.entry.speedups[figure]) or "")
    end
    local mark = one.entry and marks.by_name[one.entry.verdict]
    if self.has_energy then
      fields[#fields + 1] = html_table.figure(one.energy and energy.ratio_text(one.energy) or "")
    end
    fields[#fields + 1] = el("td", nil, absolute.verdict(one), " ", mark and mark.drawn)
    rows[i] = el("tr", { id = "p" .. one.number, ["data-n"] = one.number,
      class = one.row.is_baseline and "baseline" or false }, fields)
  end
  return html_table.draw(head, rows, "figures")
end

---@param self specbench.page.model
---@return specbench.page.markup?
function absolute.section(self)
  if self.is_empty then return nil end
  local columns, list = absolute.used(self), {}
  local figure = self.figures[1] and self.figures[1].name or nil
  local groups = absolute.groups(self)
  for i, group in ipairs(groups) do
    list[i] = el("details", { open = i == 1 }, el("summary", nil, group.name,
      el("span", { class = "faint" }, (" %d"):format(#group.items), #group.items == 1 and " place" or " places")),
      table_of(self, group, columns, figure))
  end
  local needed = measure.tail_needs(99)
  return html.join(el("p", { class = "faint" }, "Means over repeats; percentiles are the mean of the repeats' own. ",
    "Times run from the moment a request was sent. ITL (per token): the gap between chunks / its tokens. A p99 ",
    ("in grey comes from fewer than the %d requests that carry one at 99 %% confidence."):format(needed),
    self.answer.price and (" Price: %g a GPU hour."):format(self.answer.price) or "", self.has_energy
    and " Energy: of the server's GPUs while the load ran; a ratio above 1: the method burns more." or ""),
    list)
end

return absolute
