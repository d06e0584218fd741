-- JSON for the whole library: lua-cjson reads, the runtime's own int64-safe writer writes.

local cjson = require "cjson"
local core = require "sb.json"

local null, tointeger, type = cjson.null, math.tointeger, type -- a report asks for millions

local json = { encode = core.encode, array = core.array, null = core.null }

-- null in an object is an absent field; in an array it would shift what follows, so it stays null there.
local function plain(value)
  for key, item in pairs(value) do
    local kind = type(item)
    if kind == "number" then
      value[key] = tointeger(item) or item
    elseif kind == "table" then
      plain(item)
    elseif item == null then
      value[key] = math.type(key) and core.null or nil
    end
  end
  return value
end

---@param text string
---@return any? value whole numbers are integers
---@return string? message where the text is not JSON
function json.decode(text)
  local ok, value = pcall(cjson.decode, text)
  if not ok then return nil, (value:gsub("^.-:%d+: ", "")) end
  if type(value) == "number" then return tointeger(value) or value end
  return type(value) == "table" and plain(value) or value
end

---The text that a value has once it was written and read again, when 1.0 is 1: what a value at hand and one from a file
---are compared by.
---@param value any
---@return string
function json.canonical(value)
  return json.encode(json.decode(json.encode(value)))
end

return json
