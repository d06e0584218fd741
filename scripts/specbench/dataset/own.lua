-- Users' own prompts: a JSONL file, or a folder of text files. Their tokens are unknown unless a
-- field of the JSONL file states them.

local fs = require "sb.fs"
local file = require "specbench.dataset.file"

local own = { jsonl = {}, folder = {} }

function own.jsonl.load(request)
  if not request.path then return nil, "jsonl: path, the file to read, is needed" end
  local opened, message = file.open(request.path)
  if not opened then return nil, message end
  local field = request.field or "prompt"
  local types = { [field] = "string" }
  if request.tokens_field then types[request.tokens_field] = "number" end
  local found
  found, message = file.jsonl(opened, types, ('{"%s": "..."} (field = "NAME" reads another field)'):format(field))
  if not found then return nil, message end
  local rows = {}
  for i, row in ipairs(found) do
    local tokens = request.tokens_field and row[request.tokens_field]
    if tokens and (math.type(tokens) ~= "integer" or tokens < 0) then
      return nil, ('%s: row %d: field "%s" is not a number of tokens')
        :format(opened.path, i, request.tokens_field)
    end
    rows[i] = { id = i, content = row[field], tokens = tokens, fields = { row = row } }
  end
  return { rows = rows, source = file.source(opened, #rows) }
end

function own.folder.load(request)
  if not request.path then return nil, "folder: path, the folder of .txt files, is needed" end
  if not fs.stat(request.path) then return nil, file.place(request.path) .. ": no such folder" end
  local names, message = fs.list(request.path)
  if not names then return nil, message end
  local rows, sums = {}, {}
  for _, name in ipairs(names) do
    if name:find("%.txt$") then
      local opened
      opened, message = file.open(request.path .. "/" .. name)
      if not opened then return nil, message end
      rows[#rows + 1] = { id = #rows + 1, content = opened.text, fields = { name = name } }
      sums[#sums + 1] = opened.sha256 .. "  " .. name
    end
  end
  if #rows == 0 then return nil, request.path .. ": no .txt file in it" end
  return {
    rows = rows,
    source = {
      kind = "file", file = request.path, rows = #rows,
      sha256 = fs.sha256(table.concat(sums, "\n")), -- of the files' own sums and names
    },
  }
end

return own
