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

--- Makes of a table that lua-cjson read what its text says: whole numbers are integers, null in an object is an absent
--- field, null in a list is json.null.
---@param value table it is changed
---@return table value the same
function json.plain(value) end

--- Whether all strings of a JSON text do nothing to a terminal but stand there: ASCII without control characters, lines
--- and tabs aside. It tells sooner than a look at each string.
---@param text string
---@param separators? integer how many escapes of a "\31" must stand in it, of which the caller knows where; default: 0
---@return boolean
function json.is_printable(text, separators) end

--- null. lua-cjson's null is written as null too.
---@type lightuserdata
json.null = nil

return json
