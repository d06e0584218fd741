---@meta sb.json

--- Writes JSON, spelled as Python's json.dumps spells it. To read JSON, `require "cjson"`.
local json = {}

--- Integers are written whole to 64 bits, floats always with ".0" or an exponent, NaN and infinities as null,
--- text in ASCII (invalid UTF-8 becomes U+FFFD). A table with an item 1, or one marked by json.array, is an
--- array; any other is an object, and `{}` is an empty one. Raises on functions, userdata, threads, keys that are
--- no strings, and nesting over 64 levels.
---@param value any
---@param order? string[] the keys of the outermost object to write, in this order; default: all, sorted
---@return string
function json.encode(value, order) end

--- Marks a table as an array, also while it is empty. Sets its metatable.
---@param items? table default: a new one
---@return table items the same table
function json.array(items) end

--- null. lua-cjson's null is written as null too.
---@type lightuserdata
json.null = nil

return json
