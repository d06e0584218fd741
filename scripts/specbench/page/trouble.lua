-- What keeps numbers from being believed: failures, flags of single cells, the client's certificate, servers that ran
-- otherwise than asked.

local flags = require "specbench.analysis.flags"
local html_table = require "specbench.page.html_table"
local html = require "specbench.page.html"

local el = html.el

local trouble = {}

local MOST_ROWS = 200 -- of flags; all of them stand in flags.jsonl

local function number_of(self)
  local numbers = {}
  for _, one in ipairs(self.places) do
    for _, cell in ipairs(one.cells) do numbers[cell] = one.number end
  end
  return numbers
end

local function failures(self)
  local list = {}
  for i, item in ipairs(self.found.failed) do
    list[i] = el("li", nil, ("%d cell%s: "):format(item.count, item.count == 1 and "" or "s"), item.cause)
  end
  return #list > 0 and html.join(el("h3", nil, "Failed"), el("ul", nil, list)) or nil
end

local function late(self)
  local rows = {}
  for i, item in ipairs(self.answer.sure.late) do
    if i <= MOST_ROWS then rows[i] = el("li", nil, item.name, ": ", item.reason) end
  end
  local sure = self.answer.sure
  if sure.certified == 0 and #rows == 0 then return nil end
  return html.join(el("h3", nil, "The client's certificate"), el("p", nil, #rows == 0
    and ("On time in all %d cells that tell."):format(sure.certified)
    or ("Late in %d of %d cells: do not quote them."):format(#sure.late, sure.certified)),
    #rows > 0 and el("ul", nil, rows) or nil)
end

local function flagged(self)
  local counts, order, rows, numbers = {}, {}, {}, number_of(self)
  for _, item in ipairs(self.found.flagged) do
    if not counts[item.flag] then order[#order + 1] = item.flag end
    counts[item.flag] = (counts[item.flag] or 0) + 1
    if #rows < MOST_ROWS then
      rows[#rows + 1] = el("tr", { ["data-n"] = numbers[item.cell] }, el("td", nil, item.flag),
        el("td", nil, flags.place(item.cell, self.about)), el("td", nil, item.reason))
    end
  end
  if #rows == 0 then return nil end
  local words = {}
  for i, name in ipairs(order) do
    words[i] = ("%s %d"):format(name == "drain" and "ramp-up and drain" or name, counts[name])
  end
  local more = #self.found.flagged - #rows
  return html.join(el("h3", nil, "Flags"), el("details", nil, el("summary", nil, table.concat(words, ", ")),
    html_table.draw({}, rows),
    more > 0 and el("p", { class = "faint" }, ("%d more in flags.jsonl"):format(more)) or nil))
end

local function unlike(self)
  local list = {}
  for i, item in ipairs(self.found.unlike) do
    list[i] = el("li", nil, ("%s (%d cells): "):format(item.method, item.cells), item.difference)
  end
  return #list > 0 and html.join(el("h3", nil, "Ran otherwise than the baseline"), el("ul", nil, list)) or nil
end

local function warnings(self)
  local list = {}
  for i, line in ipairs(self.found.store and self.found.store.warnings or {}) do list[i] = el("li", nil, line) end
  return #list > 0 and html.join(el("h3", nil, "Damaged"), el("ul", nil, list)) or nil
end

---@param self specbench.page.model
---@return specbench.page.markup?
function trouble.section(self)
  local parts = {}
  for _, part in ipairs { failures, warnings, late, flagged, unlike } do parts[#parts + 1] = part(self) end
  return #parts > 0 and html.join(parts) or nil
end

return trouble
