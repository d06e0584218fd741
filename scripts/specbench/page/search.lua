-- What a search for the best k found, where one chose the cells.

local html_table = require "specbench.page.html_table"
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
  return html.join(lines, el("details", nil, el("summary", nil, "Every answer"),
    html_table.of_texts(search_table.answers(found))))
end

return search
