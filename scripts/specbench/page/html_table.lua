-- Tables that scroll sideways where a window is narrow.

local html = require "specbench.page.html"

local el = html.el

local html_table = {}

---@param columns (string|{ [1]: string, n: boolean })[] titles; n: figures, which stand to the right
---@param rows specbench.page.markup[]
---@param class string?
---@return specbench.page.markup
function html_table.draw(columns, rows, class)
  local head = {}
  for i, column in ipairs(columns) do
    local is_plain = type(column) == "string"
    head[i] = el("th", { class = not is_plain and column.n and "n" or false }, is_plain and column or column[1])
  end
  return el("div", { class = "wide" }, el("table", { class = class or false },
    #head > 0 and el("thead", nil, el("tr", nil, head)) or nil, el("tbody", nil, rows)))
end

---A field of figures.
---@param ... any
---@return specbench.page.markup
function html_table.figure(...)
  return el("td", { class = "n" }, ...)
end

---A column of figures.
---@param title string
---@return table
function html_table.right(title)
  return { title, n = true }
end

---A table of texts.
---@param columns { [1]: string, [2]: boolean? }[] title, whether it stands to the right
---@param rows (string|number)[][]
---@return specbench.page.markup
function html_table.of_texts(columns, rows)
  local titles, drawn = {}, {}
  for i, column in ipairs(columns) do titles[i] = column[2] and html_table.right(column[1]) or column[1] end
  for i, row in ipairs(rows) do
    local fields = {}
    for k, value in ipairs(row) do fields[k] = columns[k][2] and html_table.figure(value) or el("td", nil, value) end
    drawn[i] = el("tr", nil, fields)
  end
  return html_table.draw(titles, drawn, "figures")
end

return html_table
