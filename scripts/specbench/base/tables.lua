-- What Lua's own table library lacks.

local tables = {}

---@generic K
---@param map table<K, any>
---@return K[] keys in ascending order
function tables.keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

---@param ... table? maps; a later one's values go before
---@return table copy of all of them together
function tables.merged(...)
  local all = {}
  for i = 1, select("#", ...) do
    for key, value in pairs(select(i, ...) or {}) do all[key] = value end
  end
  return all
end

---Whether two values are the same, tables by what is in them.
---@param a any
---@param b any
---@return boolean
function tables.same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, value in pairs(a) do
    if not tables.same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

---@param list any[]
---@param wanted any
---@return boolean
function tables.contains(list, wanted)
  for _, value in ipairs(list) do
    if value == wanted then return true end
  end
  return false
end

---How many of a list are so.
---@param list any[]
---@param is fun(item: any): any
---@return integer
function tables.count(list, is)
  local number = 0
  for _, item in ipairs(list) do
    if is(item) then number = number + 1 end
  end
  return number
end

---The place of a value in a list, to which it is added where it is not there.
---@param list any[]
---@param value any
---@return integer
function tables.place(list, value)
  for i, item in ipairs(list) do
    if item == value then return i end
  end
  list[#list + 1] = value
  return #list
end

---Items that have a name in common, in the order of their first ones.
---@generic T
---@param list T[]
---@param name_of fun(item: T): string? nil: left out
---@return { name: string, items: T[] }[]
function tables.grouped(list, name_of)
  local by_name, groups = {}, {}
  for _, item in ipairs(list) do
    local name = name_of(item)
    if name then
      if not by_name[name] then
        by_name[name] = { name = name, items = {} }
        groups[#groups + 1] = by_name[name]
      end
      table.insert(by_name[name].items, item)
    end
  end
  return groups
end

---@param list number[] sorted in place
---@return number? median nil of an empty list
function tables.median(list)
  if #list == 0 then return nil end
  table.sort(list)
  return (list[(#list + 1) // 2] + list[#list // 2 + 1]) / 2
end

---@param names string[]|table<string, any> a list, or a set already
---@return table<string, any>
function tables.set_of(names)
  if #names == 0 then return names end
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end

---Sorts what was counted: the most frequent first, those seen as often by name.
---@generic T: { count: integer }
---@param list T[]
---@param name string field that holds an item's name
---@return T[] list the same
function tables.most_frequent_first(list, name)
  table.sort(list, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return a[name] < b[name]
  end)
  return list
end

return tables
