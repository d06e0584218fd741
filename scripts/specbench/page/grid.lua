-- Tables that scroll sideways where a window is narrow.

local html = require "specbench.page.html"

local el = html.el

local grid = {}

---@param columns (string|{ [1]: string, n: boolean })[] titles; n: figures, which stand to the right
---@param rows specbench.page.markup[]
---@param class string?
---@return specbench.page.markup
function grid.draw(columns, rows, class)
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
function grid.figure(...)
  return el("td", { class = "n" }, ...)
end

---A column of figures.
---@param title string
---@return table
function grid.right(title)
  return { title, n = true }
end

return grid
