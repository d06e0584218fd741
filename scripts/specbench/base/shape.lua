-- What a table that an author or a user writes may hold: declared once, beside what it describes. The check of such a
-- table, its rows on a page and its types for editors (share/fields.lua makes both) come from the declaration.
--
--   local door = shape.record {
--     "door", class = "example.door", doc = "A door of the house.",
--     fields = {
--       { "width", shape.number { above = 0 }, "between the posts", unit = "m", needed = true },
--       { "colour", shape.choice { "red", "blue" }, "of its paint", default = "red" },
--     },
--   }
--   door:check { widht = 2 }    --> door: unknown key 'widht' (did you mean 'width'?); known: colour, width
--   door:read { width = 2 }     --> { width = 2, colour = "red" }
--
-- A message is one line: the place, the key, what stands there and what must. All that is missing is told at once.
-- Hundreds of thousands of tables are checked in a run, nearly all of them sound: a value is looked at without a word
-- first, and once more for the messages where that finds something.

local unknown = require "specbench.base.unknown"

local shape = {}

---@class specbench.shape a kind of value
---@field must string what a value of it is, with its article: "a whole number from 1"
---@field many string the same for several: "whole numbers from 1"
---@field page string the same for a table's column of types
---@field cats string the same in LuaCATS
---@field kinds table<string, boolean> what Lua's type() says of such values
---@field test (fun(value: any): boolean)?
---@field convert (fun(value: any): any)? what read() makes of a sound value
local Shape = {}
Shape.__index = Shape

local SHOWN = 60 -- characters of a value that a message repeats

local function shown(value)
  if type(value) == "string" then
    local text = value:gsub("%c", "?")
    return ("'%s'"):format(#text > SHOWN and text:sub(1, SHOWN) .. "..." or text)
  end
  if type(value) == "table" or type(value) == "function" then return "a " .. type(value) end
  return tostring(value)
end

-- Says that a value is wrong, where anyone listens.
local function wrong(found, value, must, place, name)
  if not found then return false end
  local where = name and ("%s: %s = %s: must be %s"):format(place, name, shown(value), must)
    or ("%s: must be %s, not %s"):format(place, must, value == nil and "nil" or "a " .. type(value))
  found.flaws[#found.flaws + 1] = where
  return false
end

-- Whether a value is sound. Adds to `found` what is wrong with it; nil: nobody wants to know. name: its place within
-- `place`, nil for the whole.
function Shape:inspect(value, found, place, name)
  if self.kinds[type(value)] and (not self.test or self.test(value)) then return true end
  return wrong(found, value, self.must, place, name)
end

-- what: { must =, many =, page =, cats =, kinds =, test = }; page is `must` without its article unless told.
local function kind_of_value(what)
  what.page = what.page or what.must:gsub("^an? ", "")
  return setmetatable(what, Shape)
end

---@param options { such_as: string?, empty: boolean? }? an example of one; empty = false: it must not be
---@return specbench.shape
function shape.string(options)
  options = options or {}
  return kind_of_value {
    must = options.such_as and ('a string such as "%s"'):format(options.such_as)
      or options.empty == false and "a string that is not empty" or "a string", many = "strings",
    page = "string", cats = "string", kinds = { string = true },
    test = options.empty == false and function(value) return value ~= "" end or nil,
  }
end

---@return specbench.shape
function shape.boolean()
  return kind_of_value {
    must = "true or false", many = "true or false", page = "boolean", cats = "boolean", kinds = { boolean = true },
  }
end

local function range(options)
  local words = {}
  if options.above then words[#words + 1] = " above " .. options.above end
  if options.from then words[#words + 1] = " from " .. options.from end
  if options.to then words[#words + 1] = (options.from and " to " or ", at most ") .. options.to end
  return table.concat(words), function(value)
    if value ~= value or options.finite and math.abs(value) == math.huge then return false end
    return (not options.above or value > options.above)
      and (not options.from or value >= options.from) and (not options.to or value <= options.to)
  end
end

---@param options { above: number?, from: number?, to: number?, finite: boolean? }?
---@return specbench.shape
function shape.number(options)
  local words, within = range(options or {})
  return kind_of_value {
    must = "a number" .. words, many = "numbers" .. words, cats = "number", kinds = { number = true }, test = within,
  }
end

---@param options { from: integer?, to: integer? }?
---@return specbench.shape
function shape.integer(options)
  local words, within = range(options or {})
  return kind_of_value {
    must = "a whole number" .. words, many = "whole numbers" .. words, page = "integer" .. words, cats = "integer",
    kinds = { number = true }, convert = math.tointeger,
    test = function(value) return math.tointeger(value) ~= nil and within(value) end,
  }
end

---@param values string[]
---@param options { page: string? }?
---@return specbench.shape
function shape.choice(values, options)
  local quoted, known = {}, {}
  for i, value in ipairs(values) do quoted[i], known[value] = ('"%s"'):format(value), true end
  local self = kind_of_value {
    must = "one of " .. table.concat(quoted, ", "), many = "of " .. table.concat(quoted, ", "),
    page = options and options.page or table.concat(quoted, ", "), cats = table.concat(quoted, "|"),
    kinds = { string = true },
  }
  function self.inspect(_, value, found, place, name)
    if known[value] then return true end
    if not found then return false end
    local hint = type(value) == "string" and unknown.hint(value, values) or ""
    return wrong(found, value, self.must .. hint, place, name)
  end
  return self
end

---@param takes string? its parameters' names, for pages: "c"
---@param gives string? what it returns, for pages: "table"
---@param cats string? in LuaCATS; default "function"
---@return specbench.shape
function shape.func(takes, gives, cats)
  return kind_of_value {
    must = "a function", many = "functions", kinds = { ["function"] = true }, cats = cats or "function",
    page = takes and ("function(%s)%s"):format(takes, gives and " -> " .. gives or "") or "function",
  }
end

---Any value but nil.
---@return specbench.shape
function shape.any()
  local self = kind_of_value { must = "a value", many = "values", page = "any", cats = "any", kinds = {} }
  function self.inspect() return true end
  return self
end

---A value of other kinds, or a further condition on one.
---@param what { must: string, many: string?, page: string?, cats: string, kinds: table<string, boolean>,
---  test: fun(value: any): boolean }
---@return specbench.shape
function shape.custom(what)
  return kind_of_value(what)
end

-- Keys 1 to #value and no others.
local function is_list(value)
  local count = 0
  for _ in pairs(value) do count = count + 1 end
  return count == #value
end

---@param of specbench.shape
---@param options { least: integer?, must: string?, page: string? }? least: items that there must be
---@return specbench.shape
function shape.list(of, options)
  options = options or {}
  local must = options.must or "a list of " .. of.many
  local self = kind_of_value {
    must = must, many = "lists of " .. of.many, page = options.page or "list of " .. of.many, kinds = { table = true },
    cats = (of.cats:find "[|(]" and "(%s)[]" or "%s[]"):format(of.cats), of = of,
  }
  function self.inspect(_, value, found, place, name)
    if type(value) ~= "table" or not is_list(value) or #value < (options.least or 0) then
      return wrong(found, value, must, place, name)
    end
    local sound = true
    for i, item in ipairs(value) do
      sound = of:inspect(item, found, place, found and ("%s[%d]"):format(name or "", i)) and sound
      if not (sound or found) then return false end
    end
    return sound
  end
  return self
end

---A table of names that its author chooses.
---@param of specbench.shape of the values
---@param options { must: string?, page: string? }?
---@return specbench.shape
function shape.map(of, options)
  options = options or {}
  local must = options.must or "a table of names and " .. of.many
  local self = kind_of_value {
    must = must, many = "tables of names and " .. of.many, page = options.page or "table name -> " .. of.page,
    cats = ("table<string, %s>"):format(of.cats), kinds = { table = true }, of = of,
  }
  function self.inspect(_, value, found, place, name)
    if type(value) ~= "table" then return wrong(found, value, must, place, name) end
    local sound = true
    for key, item in pairs(value) do
      if type(key) ~= "string" then return wrong(found, value, must, place, name) end
      sound = of:inspect(item, found, place, found and name and ("%s.%s"):format(name, key) or key) and sound
      if not (sound or found) then return false end
    end
    return sound
  end
  return self
end

---A process's environment beside ours.
---@return specbench.shape
function shape.environment()
  return shape.map(shape.custom {
    must = "a string, a number or false", many = "strings (false unsets)", page = "string, or `false` to unset",
    cats = "string|number|false", kinds = { string = true, number = true, boolean = true },
    test = function(value) return value ~= true end,
  })
end

---One of several kinds; where the kinds of Lua values tell them apart, the message is that of the one meant.
---@param ... specbench.shape
---@return specbench.shape
function shape.either(...)
  local shapes, must, many, page, cats, kinds = { ... }, {}, {}, {}, {}, {}
  for i, one in ipairs(shapes) do
    must[i], many[i], page[i], cats[i] = one.must, one.many, one.page, one.cats
    for kind in pairs(one.kinds) do kinds[kind] = true end
  end
  local self = kind_of_value {
    must = table.concat(must, " or "), many = table.concat(many, " or "), page = table.concat(page, ", or "),
    cats = table.concat(cats, "|"), kinds = kinds, alternatives = shapes,
  }
  function self.inspect(_, value, found, place, name)
    local meant, count = nil, 0
    for _, one in ipairs(shapes) do
      if one.kinds[type(value)] then
        if one:inspect(value) then return true end
        meant, count = one, count + 1
      end
    end
    if found and count == 1 and type(value) == "table" then return meant:inspect(value, found, place, name) end
    return wrong(found, value, self.must, place, name)
  end
  return self
end

---@class specbench.shape.field
---@field [1] string|integer name; an integer for a value that stands without one
---@field [2] specbench.shape
---@field [3] string? what it means, for the page
---@field needed boolean?
---@field default any where it is not given
---@field otherwise string? for the page: what stands in where it is not given and that is no constant
---@field unit string? "s", "ms"
---@field flaw (fun(value: any): string?)? what else is wrong with a value of the right kind

---@class specbench.shape.record: specbench.shape
---@field title string
---@field class string
---@field fields specbench.shape.field[]
local Record = setmetatable({}, { __index = Shape })
Record.__index = Record

---A table whose keys are known. The title stands in messages.
---@param what { [1]: string, class: string, doc: string?, fields: specbench.shape.field[],
---  flaw: (fun(value: table): string?)?, must: string?, many: string? } flaw: what is wrong with fields that are right
---  one by one
---@return specbench.shape.record
function shape.record(what)
  local self = setmetatable(kind_of_value {
    must = what.must or "a table", many = what.many or "tables", page = "table", cats = what.class,
    kinds = { table = true },
  }, Record)
  self.title, self.class, self.doc = what[1], what.class, what.doc
  self.fields, self.flaw_of_all = what.fields, what.flaw
  self.by_name, self.names, self.within, self.needed, self.defaults = {}, {}, {}, {}, {}
  for _, field in ipairs(self.fields) do
    self.by_name[field[1]] = field
    if field.needed then self.needed[#self.needed + 1] = field[1] end
    if field.default ~= nil then self.defaults[#self.defaults + 1] = field end
    if type(field[1]) == "string" then self.names[#self.names + 1] = field[1] else self.has_places = true end
    for _, name in ipairs(field[2].names or {}) do self.within[name] = ("%s.%s"):format(field[1], name) end
  end
  table.sort(self.names)
  return self
end

local function sorted_keys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if math.type(a) and math.type(b) then return a < b end
    return tostring(a) < tostring(b)
  end)
  return keys
end

-- What is wrong with a key. Of `{ "NAME", { values } }` a misplaced value is told by how the whole must look.
local function key_flaw(self, key, value)
  if self.has_places and (value[1] == nil or type(key) ~= "string") then return "must be " .. self.must end
  return unknown.message("key", key, self.names, self.within)
end

-- Whether a record's table has only keys that are known.
local function tell_unknown(self, value, found, here)
  local sound = true
  for key in pairs(value) do sound = sound and self.by_name[key] ~= nil end
  if sound or not found then return sound end
  for _, key in ipairs(sorted_keys(value)) do
    if not self.by_name[key] then
      found.flaws[#found.flaws + 1] = ("%s: %s"):format(here, key_flaw(self, key, value))
    end
  end
  return false
end

-- Whether what a field holds, or the lack of it, is sound.
local function inspect_field(field, item, found, here)
  local key, of = field[1], field[2]
  if item == nil then
    if not field.needed then return true end
    if found then found.missing[#found.missing + 1] = { here, tostring(key), of.must } end
    return false
  end
  local name = found and (type(key) == "string" and key or ("[%d]"):format(key))
  if not of:inspect(item, found, here, name) then return false end
  local flaw = field.flaw and field.flaw(item)
  if flaw and found then found.flaws[#found.flaws + 1] = ("%s: %s: %s"):format(here, tostring(key), flaw) end
  return not flaw
end

-- Whether a table is sound that has all its fields itself: of dozens that it may have most are absent, and a grid asks
-- for each of its cells.
local function is_sound(self, value)
  for key, item in pairs(value) do
    local field = self.by_name[key]
    if not (field and inspect_field(field, item)) then return false end
  end
  for _, key in ipairs(self.needed) do
    if value[key] == nil then return false end
  end
  return not (self.flaw_of_all and self.flaw_of_all(value))
end

function Record:inspect(value, found, place, name)
  if type(value) ~= "table" then return wrong(found, value, self.must, place, name) end
  if not found and not getmetatable(value) then return is_sound(self, value) end
  local here = found and (name and ("%s.%s"):format(place, name) or place)
  local sound = tell_unknown(self, value, found, here)
  for _, field in ipairs(self.fields) do
    if not (sound or found) then return false end
    sound = inspect_field(field, value[field[1]], found, here) and sound
  end
  local flaw = sound and self.flaw_of_all and self.flaw_of_all(value)
  if flaw and found then found.flaws[#found.flaws + 1] = ("%s: %s"):format(here, flaw) end
  return sound and not flaw
end

-- "server: model is missing", or all that is missing with what each must be.
local function missing_line(place, missing)
  if #missing == 1 then return ("%s: %s is missing"):format(missing[1][1], missing[1][2]) end
  local words = {}
  for i, item in ipairs(missing) do
    local path = item[1] == place and item[2] or ("%s.%s"):format(item[1]:sub(#place + 2), item[2])
    words[i] = ("%s (%s)"):format(path, item[3])
  end
  return ("%s: missing: %s"):format(place, table.concat(words, ", "))
end

---Everything that is wrong with a value, a line each.
---@param value any
---@param place string? instead of the title
---@return string[] flaws empty where it is sound
function Record:flaws(value, place)
  if self:inspect(value) then return {} end
  local found = { flaws = {}, missing = {} }
  place = place or self.title
  self:inspect(value, found, place)
  if #found.missing > 0 then found.flaws[#found.flaws + 1] = missing_line(place, found.missing) end
  return found.flaws
end

---Raises one line where the value is not as declared.
---@param value any
---@param level integer? as of error(), for the one who calls check; default 0: without a place in a file
---@return table value
function Record:check(value, level)
  if self:inspect(value) then return value end
  local flaw = self:flaws(value)[1]
  if flaw then error(flaw, level and level > 0 and level + 1 or 0) end
  return value
end

---Checks, fills in the defaults, and makes integers of whole numbers (4.0).
---@param value any
---@param level integer? see check
---@return table copy
function Record:read(value, level)
  self:check(value, level and level > 0 and level + 1 or 0)
  return self:filled(value)
end

---The same of what is known to be sound.
---@param value table
---@return table copy
function Record:filled(value)
  local copy = {}
  local function fill(field, item)
    local convert = field[2].convert
    copy[field[1]] = convert and convert(item) or item
  end
  if getmetatable(value) then
    for _, field in ipairs(self.fields) do
      if value[field[1]] ~= nil then fill(field, value[field[1]]) end
    end
  else
    for key, item in pairs(value) do
      if self.by_name[key] then fill(self.by_name[key], item) end
    end
  end
  for _, field in ipairs(self.defaults) do
    if copy[field[1]] == nil then fill(field, field.default) end
  end
  return copy
end

return shape
