-- What a search for the best k found: which it is at each load, what of that is predicted, and how sure it is.

local duration = require "specbench.base.duration"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"
local words = require "specbench.answer.words"

local search_table = {}

local LEGEND = { -- in the order that they are explained
  { "~", "its speed-up is predicted, not measured" }, { "?", "not sure" }, { "-", "no k pays" },
}

local ENDED = {
  answered = "everything asked is known",
  budget = "the budget is spent: a larger one goes on from here",
  ["nothing tells more"] = "no cell of the grid would tell more: repeats would",
}

-- "task=polish context=0.25k" as a reader knows it; "all" where no axis tells pieces of work apart.
local function spelled(text)
  return (text:gsub("[%w_]+=", ""))
end

-- Why there was no further cell. A grid is settled where few answers are wrong on average: some may stay open.
local function ending(found, open)
  if found.ended == "answered" and open > 0 then
    return ("as sure on average as was asked, though %s open (?)"):format(open == 1 and "1 place stays"
      or ("%d places stay"):format(open))
  end
  return ENDED[found.ended] or "it was interrupted: the same command goes on"
end

-- What was not measured; a baseline's cells are no speed-ups, so that none is predicted of them.
local function left(found, saved)
  local baselines = found.baselines_left or 0
  local text = ("%d of the grid's %d cells are not measured%s; %d are, in %s%s"):format(found.cells - found.measured,
    found.cells, baselines > 0 and (" (%d of them the baseline's)"):format(baselines) or "", found.measured,
    duration.rough(found.spent), found.budget and (" of %s"):format(duration.rough(found.budget)) or "")
  return saved and ("%s; %s"):format(text, saved) or text
end

-- How much of it is known, how surely, and why no further cell was measured.
local function known(found)
  local asked = #found.answers
  local answered = tables.count(found.answers, function(answer) return answer.answered end)
  local measured = tables.count(found.answers, function(answer) return answer.measured end)
  if found.measured == 0 then return "nothing: " .. ending(found, asked) end
  return ("the best k in %d of %d places, %g %% sure; its speed-up is measured in %d, predicted in %d; %s"):format(
    answered, asked, 100 * found.sure, measured, asked - measured, ending(found, asked - answered))
end

---@class specbench.search_summary
---@field asked string
---@field known string[] how sure that is, and of which methods nothing can be said
---@field left string what was not measured, and what that saved

---@param found specbench.searched
---@param saved string? what predictions saved
---@return specbench.search_summary
function search_table.summary(found, saved)
  local lines = { known(found) }
  for _, method in ipairs(found.measured > 0 and tables.keys(found.refused) or {}) do
    lines[#lines + 1] = ("%s: nothing can be said: %s"):format(spelled(method), found.refused[method])
  end
  return { asked = ("the best k within %g %% for each method, task and load, no speculation being one choice")
    :format(100 * found.tolerance), known = lines, left = left(found, saved) }
end

---@param found specbench.searched
---@param saved string? what predictions saved
---@return string[] lines the summary's, in their order
function search_table.lines(found, saved)
  local summary = search_table.summary(found, saved)
  local lines = { "asked: " .. summary.asked, table.unpack(summary.known) }
  lines[#lines + 1] = summary.left
  return lines
end

local function mark_of(answer)
  local before = (answer.answered and "" or "?") .. (answer.measured and "" or "~")
  return before .. (answer.pays and ("%g"):format(answer.k) or "-")
end

---A map of the best k: a row a method and piece of work, a column a load.
---@param found specbench.searched
---@param limit integer? rows at most; the rest is counted
---@return string[] lines none where nothing is known
---@return string legend
function search_table.map(found, limit)
  local loads, at, seen = {}, {}, {}
  if found.measured == 0 then return {}, "" end -- what a search takes for granted before its first cell is no answer
  for _, answer in ipairs(found.answers) do
    if not at[answer.concurrency] then
      at[answer.concurrency] = true
      loads[#loads + 1] = answer.concurrency
    end
  end
  table.sort(loads)
  local head, columns, rows = { "" }, { {} }, {}
  for i, load in ipairs(loads) do
    at[load], head[i + 1], columns[i + 1] = i + 1, ("%g"):format(load), {}
  end
  head[#head] = head[#head] .. " requests at once"
  for _, group in ipairs(tables.grouped(found.answers, function(answer)
    return spelled(answer.method) .. (answer.work == "all" and "" or " " .. spelled(answer.work))
  end)) do
    local row = { group.name }
    for i = 1, #loads do row[i + 1] = "" end
    for _, answer in ipairs(group.items) do
      local text = mark_of(answer)
      for _, item in ipairs(LEGEND) do seen[item[1]] = seen[item[1]] or text:find(item[1], 1, true) ~= nil end
      row[at[answer.concurrency]] = text
    end
    rows[#rows + 1] = row
  end
  if #rows == 0 then return {}, "" end
  local more = limit and #rows - limit or 0
  local lines, marks = {}, {}
  for line in text_table.render({ columns = columns,
    rows = { head, table.unpack(rows, 1, math.min(#rows, limit or #rows)) } }):gmatch "[^\n]+" do
    lines[#lines + 1] = line
  end
  if more > 0 then lines[#lines + 1] = words.count(more, "more row") .. ": --full" end
  for _, item in ipairs(LEGEND) do
    if seen[item[1]] then marks[#marks + 1] = ("%s %s"):format(item[1], item[2]) end
  end
  return lines, table.concat(marks, ", ")
end

---Every answer with its speed-up, as a table.
---@param found specbench.searched
---@return { [1]: string, [2]: boolean? }[] columns title, whether it stands to the right
---@return (string|number)[][] rows
function search_table.answers(found)
  local rows = {}
  for i, answer in ipairs(found.answers) do
    rows[i] = { spelled(answer.method), spelled(answer.work), answer.concurrency, answer.pays and answer.k or "none",
      answer.k, ("%.2f"):format(answer.ratio),
      answer.measured and "measured" or answer.low and answer.high
        and ("predicted, 90 %%: %.2f to %.2f"):format(answer.low, answer.high) or "predicted",
      ("%.1f %%"):format(100 * answer.sure) .. (answer.answered and "" or ", not enough") }
  end
  return { { "method" }, { "task" }, { "concurrency", true }, { "best k", true }, { "k", true }, { "speed-up", true },
    { "" }, { "sure" } }, rows
end

---@param found specbench.searched
---@param saved string? what predictions saved
---@return string text what was asked, and every answer
function search_table.text(found, saved)
  local columns, rows = search_table.answers(found)
  for i, column in ipairs(columns) do
    columns[i] = column[2] and text_table.right(column[1]) or { title = column[1] }
  end
  return table.concat(search_table.lines(found, saved), "\n") .. "\n"
    .. text_table.render { columns = columns, rows = rows }
end

return search_table
