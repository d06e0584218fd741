--- One JSON object whose members stand in the order given: a command line must not change from run
--- to run.

local base = require "specbench.engine.base"
local tables = require "specbench.base.tables"

local function put(value)
  if type(value) == "table" and next(value) ~= nil and #value == 0 then
    local items = {}
    for i, name in ipairs(tables.keys(value)) do
      items[i] = put(tostring(name)) .. ":" .. put(value[name])
    end
    return "{" .. table.concat(items, ",") .. "}"
  end
  if type(value) == "table" then
    local items = {}
    for i, item in ipairs(value) do
      items[i] = put(item)
    end
    return "[" .. table.concat(items, ",") .. "]"
  end
  if type(value) == "string" then
    return '"' .. value:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
  end
  return type(value) == "number" and base.text(value) or tostring(value)
end

---@param members { [1]: string, [2]: any }[] name and value: a string, number, boolean, list of those, map of those,
---  or nil, which is left out
---@return string
local function json_object(members)
  local parts = {}
  for _, member in ipairs(members) do
    if member[2] ~= nil then parts[#parts + 1] = put(member[1]) .. ":" .. put(member[2]) end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

return json_object
