-- JSON for the whole library: lua-cjson reads, the runtime's own int64-safe writer writes.

local cjson = require "cjson"
local core = require "sb.json"

local json = { encode = core.encode, array = core.array, null = core.null, is_printable = core.is_printable }

---@param text string
---@return any? value whole numbers are integers
---@return string? message where the text is not JSON
function json.decode(text)
  local ok, value = pcall(cjson.decode, text)
  if not ok then return nil, (value:gsub("^.-:%d+: ", "")) end
  if type(value) == "number" then return math.tointeger(value) or value end
  return type(value) == "table" and core.plain(value) or value
end

---The text that a value has once it was written and read again, when 1.0 is 1: what a value at hand and one from a file
---are compared by.
---@param value any
---@return string
function json.canonical(value)
  return json.encode(json.decode(json.encode(value)))
end

return json
