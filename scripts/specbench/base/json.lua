-- JSON for the whole library: lua-cjson reads, the runtime's own int64-safe writer writes.

local cjson = require "cjson"
local core = require "sb.json"

local json = { encode = core.encode, array = core.array, null = core.null }

-- null in an object is an absent field; in an array it would shift what follows, so it stays null there.
local function plain(value)
  if type(value) ~= "table" then return value end
  for key, item in pairs(value) do
    if item == cjson.null then
      value[key] = math.type(key) and core.null or nil
    elseif type(item) == "number" then
      value[key] = math.tointeger(item) or item
    else
      plain(item)
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
  if type(value) == "number" then return math.tointeger(value) or value end
  return plain(value)
end

return json
