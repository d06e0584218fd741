-- Two sets of results side by side as one page: ratios B / A with their intervals, and what is to be known of them.

local compare = require "specbench.compare"
local compare_table = require "specbench.compare.table"
local forest = require "specbench.page.forest"
local html_table = require "specbench.page.html_table"
local html = require "specbench.page.html"
local page = require "specbench.page"
local text_table = require "specbench.base.text_table"
local verdict = require "specbench.analysis.verdict"

local el = html.el

local compare_page = {}

-- Whether B is better, worse or neither, by the whole interval.
local function class_of(name, figure)
  if not figure.low then return "s8" end
  local more, less = figure.low > 1, figure.high < 1
  if compare.is_time[name] then more, less = less, more end
  return more and "s3" or less and "s2" or "s8"
end

local function counts_of(result, name)
  local counts = { s3 = 0, s2 = 0, s8 = 0 }
  for _, row in ipairs(result.rows) do
    local figure = row.ratios[name]
    if figure then
      local class = class_of(name, figure)
      counts[class] = counts[class] + 1
    end
  end
  return counts
end

local function summary(result)
  local rows = {}
  for _, name in ipairs(compare.names) do
    local counts = counts_of(result, name)
    if counts.s3 + counts.s2 + counts.s8 > 0 then
      local note = compare.is_time[name] and " (a time)" or ""
      rows[#rows + 1] = el("tr", nil, el("td", nil, compare_table.titles[name], note),
        html_table.figure(compare_table.geometric_mean(result.rows, name)),
        html_table.figure(counts.s3), html_table.figure(counts.s2),
        html_table.figure(counts.s8))
    end
  end
  local right = html_table.right
  return html_table.draw({ "", right "mean B / A", right "B better", right "B worse", right "neither" }, rows)
end

local function forests(result)
  local axes, list = compare_table.varying(result), {}
  for _, name in ipairs(compare.names) do
    local rows = {}
    for _, row in ipairs(result.rows) do
      local figure = row.ratios[name]
      if figure then
        local at = compare.place(row.coordinates, axes)
        rows[#rows + 1] = { name = at, ratio = figure.ratio, low = figure.low, high = figure.high,
          class = class_of(name, figure), hint = at .. "\n" .. verdict.text(figure) }
      end
    end
    if #rows > 0 then
      list[#list + 1] = el("details", { open = #list == 0 }, el("summary", nil, compare_table.titles[name]),
        forest.draw(compare_table.titles[name], rows))
    end
  end
  return list
end

local function table_of(result)
  local axes, rows = compare_table.varying(result), {}
  local columns = table.move(axes, 1, #axes, 1, {})
  for _, name in ipairs(compare.names) do columns[#columns + 1] = html_table.right(compare_table.titles[name]) end
  columns[#columns + 1] = "repeats"
  for i, row in ipairs(result.rows) do
    local fields = {}
    for k, name in ipairs(axes) do fields[k] = el("td", nil, text_table.text(row.coordinates[name])) end
    for _, name in ipairs(compare.names) do
      fields[#fields + 1] = html_table.figure(verdict.text(row.ratios[name]))
    end
    fields[#fields + 1] = el("td", nil, ("%d, %d"):format(row.repeats[1], row.repeats[2]),
      row.slower and " slower" or "")
    rows[i] = el("tr", nil, fields)
  end
  return html_table.draw(columns, rows, "figures")
end

local function one_sided(result)
  local list = {}
  for i, letter in ipairs { "A", "B" } do
    local items = {}
    for k, at in ipairs(result.only[i]) do items[k] = el("li", nil, compare.place(at, result.axes)) end
    if #items > 0 then
      list[#list + 1] = el("details", nil, el("summary", nil, ("Only in %s: %d"):format(letter, #items)),
        el("ul", nil, items))
    end
  end
  return list
end

local function section(id, title, ...)
  return el("section", { id = id }, el("h2", nil, title), ...)
end

---@param result specbench.compare.result
---@param sides { [1]: specbench.compare.side, [2]: specbench.compare.side }
---@return string html
function compare_page.html(result, sides)
  local notes, title = {}, ("%s against %s"):format(sides[2].path, sides[1].path)
  for i, line in ipairs(compare_table.notes(result)) do notes[i] = el("li", nil, line) end
  return page.whole({ title = title, figure = "none" }, html.join(el("header", nil, el("h1", nil, title),
    el("p", { class = "faint" }, ("A: %s (%s)"):format(sides[1].path, sides[1].kind), el("br"),
      ("B: %s (%s)"):format(sides[2].path, sides[2].kind), el("br"), ("%d joined cells"):format(#result.rows))),
    el("main", nil, section("answer", "B / A", summary(result), #notes > 0 and el("ul", nil, notes) or nil),
      section("intervals", "Intervals", el("p", { class = "legend" }, "95 % intervals over repeats: green where B is ",
        "better, orange where it is worse, grey where the interval holds 1 or there is none. TTFT and TPOT are times: ",
        "below 1, B is faster."), forests(result)),
      section("figures", "Figures", table_of(result), one_sided(result)))))
end

return compare_page
