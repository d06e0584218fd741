-- What a search for the best k found, where one chose the cells.

local grid = require "specbench.page.grid"
local html = require "specbench.page.html"
local search_table = require "specbench.report.search_table"

local el = html.el

local search = {}

---@param self specbench.page.model
---@return specbench.page.markup?
function search.section(self)
  local found = self.found.searched
  if not found then return nil end
  local lines = {}
  for i, line in ipairs(search_table.lines(found, self.saved)) do lines[i] = el("p", nil, line, ".") end
  local columns, rows = search_table.answers(found)
  for i, row in ipairs(rows) do
    local fields = {}
    for k, value in ipairs(row) do fields[k] = columns[k][2] and grid.figure(value) or el("td", nil, value) end
    rows[i] = el("tr", nil, fields)
  end
  for i, column in ipairs(columns) do columns[i] = column[2] and grid.right(column[1]) or column[1] end
  return html.join(lines, el("details", nil, el("summary", nil, "Every answer"), grid.draw(columns, rows, "figures")))
end

return search
