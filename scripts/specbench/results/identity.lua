-- The id of a cell: a hash of all that makes it what it is.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local tables = require "specbench.base.tables"

local identity = {}

local function hash(text)
  return fs.sha256(text):sub(1, 20)
end

---@param value table a cell's identity
---@return string id
function identity.id(value)
  return hash(json.encode(value))
end

-- The text of the object that begins at a byte; nil where it does not end.
local function object_at(text, first)
  local depth, at = 0, first
  while true do
    at = text:find('[{}"]', at)
    if not at then return nil end
    local mark = text:sub(at, at)
    if mark == '"' then
      repeat
        at = text:find('[\\"]', at + 1)
        if not at then return nil end
        local is_escape = text:sub(at, at) == "\\"
        if is_escape then at = at + 1 end
      until not is_escape
    else
      depth = depth + (mark == "{" and 1 or -1)
      if depth == 0 then return text:sub(first, at) end
    end
    at = at + 1
  end
end

---Whether the identity in a cell.json has this id. It is looked at as it was written: a number that was read and
---written again may be spelled otherwise.
---@param text string of the file
---@param id string
---@return boolean
function identity.explains(text, id)
  local before = text:match '"identity": ()'
  local written = before and object_at(text, before)
  return written ~= nil and hash(written) == id
end

---In what two cells differ that stand at one place of the grid.
---@param cell table
---@param other table
---@return string[] names "server.k", "workload.limits", "seed"
function identity.changes(cell, other)
  local found = {}
  for _, part in ipairs { "server", "workload" } do
    local mine, theirs = cell.identity[part], other.identity[part]
    for name in pairs(tables.merged(mine, theirs)) do
      if json.encode { mine[name] } ~= json.encode { theirs[name] } then found[part .. "." .. name] = true end
    end
  end
  if cell.seed ~= other.seed then found.seed = true end
  return tables.keys(found)
end

return identity
