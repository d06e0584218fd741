-- SPEED-Bench: prompts of eleven kinds, from the user's own copy. Its publisher gives out part of the texts as
-- placeholders, which its own program fills in from their sources; what was not filled in is refused.

local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local file = require "specbench.dataset.file"

local speed_bench = {
  subsets = { "all" },
  any_subset = true, -- each category that the file has
  FILE = "speed-bench/speed_bench.jsonl", -- below a folder of data files
}

local PLACEHOLDER = "FULL BENCHMARK DATA SHOULD BE FETCHED"

-- A turn is a text, or a message with one.
local function text_of(turn)
  if type(turn) == "table" then turn = turn.content end
  return type(turn) == "string" and turn or nil
end

---Whether a data folder has the file.
---@param folder string?
---@return boolean
function speed_bench.is_there(folder)
  return folder ~= nil and fs.stat(("%s/%s"):format(folder, speed_bench.FILE)) ~= nil
end

---The rows of a copy: whole, or nil and what is wrong with it.
---@param path string
---@return { id: integer, content: string, fields: table }[]? rows
---@return string? message
---@return table? opened
function speed_bench.read(path)
  local opened, message = file.open(path)
  if not opened then return nil, message end
  local found
  found, message = file.jsonl(opened, { turns = "table", category = "string" })
  if not found then return nil, message end
  local rows, empty = {}, 0
  for i, row in ipairs(found) do
    local turns = {}
    for k, turn in ipairs(row.turns) do
      turns[k] = text_of(turn)
      if not turns[k] then return nil, ("%s: row %d: turn %d has no text"):format(path, i, k) end
    end
    if #turns == 0 then return nil, ("%s: row %d: turns has no text"):format(path, i) end
    if turns[1]:find(PLACEHOLDER, 1, true) then empty = empty + 1 end
    rows[i] = { id = i, content = turns[1], fields = { category = row.category, question_id = row.question_id,
      turns = turns } }
  end
  if empty > 0 then
    return nil, ("%s: %d of %d rows are placeholders: SPEED-Bench's own program (prepare_data of specdec_bench) fills "
      .. "them in from their sources"):format(path, empty, #rows)
  end
  return rows, nil, opened
end

function speed_bench.load(request)
  local path = request.path or request.folder and ("%s/%s"):format(request.folder, speed_bench.FILE)
  if not path then
    return nil, "speed_bench: it is not ours to give: `specbench dataset import FILE.jsonl` takes your copy, and "
      .. "--datasets cache or a path finds it"
  end
  local all, message, opened = speed_bench.read(path)
  if not all then return nil, message end
  local rows, categories = {}, {}
  for _, row in ipairs(all) do
    categories[row.fields.category] = true
    if request.subset == "all" or row.fields.category == request.subset then rows[#rows + 1] = row end
  end
  if #rows == 0 then
    local names = {}
    for name in pairs(categories) do names[#names + 1] = foreign.printable(name):gsub("%s", " ") end
    table.sort(names)
    return nil, ("%s: no category '%s'; it has %s"):format(path, request.subset, table.concat(names, ", "))
  end
  return { rows = rows, source = file.source(opened, #rows) }
end

return speed_bench
