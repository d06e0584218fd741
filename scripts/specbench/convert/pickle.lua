-- Reads the part of Python's pickle format, protocol 2, in which torch.save describes tensors.
--
-- Nothing is executed: a class or function named in the stream is looked up by the caller, who
-- answers with a Lua function or refuses. An opcode outside the part is refused with its offset.
-- Opcodes and their arguments: Lib/pickletools.py of Python.
--
--   local value = pickle.read(bytes, {
--     where = "model.pt: data.pkl",
--     find = function(name) return classes[name] end,       -- "collections OrderedDict"
--     load = function(id) ... end,                          -- a persistent id (a list)
--   })
--
-- None is pickle.none; a tuple or list is { ... , n = } ; a dict has keys and values in their order.

local refuse = require("specbench.convert.refusal").refuse

local pickle = { none = setmetatable({}, { __tostring = function() return "None" end }) }

local Dict = {}
Dict.__index = Dict
local List = {}
List.__index = List
local MOST_ARGUMENTS = 100 -- of a function; those that build a tensor take seven at most
local MARK = {}

---@return table dict empty
function pickle.dict()
  return setmetatable({ keys = {}, values = {}, known = {} }, Dict)
end

function pickle.is_dict(value)
  return getmetatable(value) == Dict
end

function pickle.is_list(value)
  return getmetatable(value) == List
end

---@class specbench.convert.unpickler
local Reader = {}
Reader.__index = Reader

function Reader:refuse(format, ...)
  refuse("%s: %s (at its byte %d)", self.where, format:format(...), self.start - 1)
end

--- string.unpack at the place where the reader is.
function Reader:take(format)
  local size = string.packsize(format)
  if self.at + size - 1 > #self.bytes then self:refuse "the data ends in the middle of a value" end
  local value
  value, self.at = string.unpack(format, self.bytes, self.at)
  return value
end

function Reader:text(size)
  if size < 0 or size > #self.bytes - self.at + 1 then self:refuse "the data ends in the middle of a text" end
  local text = self.bytes:sub(self.at, self.at + size - 1)
  self.at = self.at + size
  return text
end

function Reader:line()
  local stop = self.bytes:find("\n", self.at, true)
  if not stop then self:refuse "the data ends in the middle of a name" end
  local text = self.bytes:sub(self.at, stop - 1)
  self.at = stop + 1
  return text
end

function Reader:push(value)
  self.stack[#self.stack + 1] = value
end

function Reader:pop()
  local value = table.remove(self.stack)
  if value == nil or value == MARK then self:refuse "a value is missing" end
  return value
end

--- All that was pushed since the last mark, which goes too.
function Reader:pop_to_mark()
  local stack, first = self.stack, nil
  for i = #stack, 1, -1 do
    if stack[i] == MARK then
      first = i
      break
    end
  end
  if not first then self:refuse "a mark is missing" end
  local items = setmetatable(table.move(stack, first + 1, #stack, 1, {}), List)
  items.n = #stack - first
  for i = #stack, first, -1 do stack[i] = nil end
  return items
end

function Reader:tuple(count)
  local items = setmetatable({ n = count }, List)
  for i = count, 1, -1 do items[i] = self:pop() end
  self:push(items)
end

function Reader:remember(place)
  local value = self:pop()
  self.memo[place] = value
  self:push(value)
end

function Reader:recall(place)
  local value = self.memo[place]
  if value == nil then self:refuse("value %d is used before it is defined", place) end
  self:push(value)
end

function Reader:set_items(items)
  local dict = self.stack[#self.stack]
  if not pickle.is_dict(dict) then self:refuse "an item is put into something that is not a dict" end
  if items.n % 2 ~= 0 then self:refuse "a key has no value" end
  for i = 1, items.n, 2 do
    local key = items[i]
    if type(key) ~= "string" then self:refuse("a dict's key is %s, not a string", tostring(key)) end
    if dict.known[key] then self:refuse("the key '%s' is there twice", key) end
    dict.known[key] = true
    dict.keys[#dict.keys + 1], dict.values[#dict.values + 1] = key, items[i + 1]
  end
end

function Reader:extend(items)
  local list = self.stack[#self.stack]
  if not pickle.is_list(list) then self:refuse "an item is put into something that is not a list" end
  table.move(items, 1, items.n, list.n + 1, list)
  list.n = list.n + items.n
end

--- A whole number of any length; one that 64 bits do not hold has no place in a tensor.
function Reader:long(size)
  local text = self:text(size)
  if size > 8 then self:refuse("an integer of %d bytes", size) end
  return size == 0 and 0 or (string.unpack("<i" .. size, text))
end

local opcodes = {
  ["\x80"] = function(r)
    local protocol = r:take "B"
    if protocol ~= 2 then
      r:refuse("pickle protocol %d: only protocol 2, which torch.save uses unless told, is read", protocol)
    end
  end,
  ["}"] = function(r) r:push(pickle.dict()) end,
  ["]"] = function(r) r:push(setmetatable({ n = 0 }, List)) end,
  [")"] = function(r) r:tuple(0) end,
  ["\x85"] = function(r) r:tuple(1) end,
  ["\x86"] = function(r) r:tuple(2) end,
  ["\x87"] = function(r) r:tuple(3) end,
  ["("] = function(r) r:push(MARK) end,
  ["t"] = function(r) r:push(r:pop_to_mark()) end,
  ["N"] = function(r) r:push(pickle.none) end,
  ["\x88"] = function(r) r:push(true) end,
  ["\x89"] = function(r) r:push(false) end,
  ["K"] = function(r) r:push(r:take "B") end,
  ["M"] = function(r) r:push(r:take "<I2") end,
  ["J"] = function(r) r:push(r:take "<i4") end,
  ["\x8a"] = function(r) r:push(r:long(r:take "B")) end,
  ["G"] = function(r) r:push(r:take ">d") end,
  ["X"] = function(r) r:push(r:text(r:take "<I4")) end,
  ["U"] = function(r) r:push(r:text(r:take "B")) end,
  ["q"] = function(r) r:remember(r:take "B") end,
  ["r"] = function(r) r:remember(r:take "<I4") end,
  ["h"] = function(r) r:recall(r:take "B") end,
  ["j"] = function(r) r:recall(r:take "<I4") end,
  ["a"] = function(r) r:extend { r:pop(), n = 1 } end,
  ["e"] = function(r) r:extend(r:pop_to_mark()) end,
  ["s"] = function(r)
    local value = r:pop()
    r:set_items { r:pop(), value, n = 2 }
  end,
  ["u"] = function(r) r:set_items(r:pop_to_mark()) end,
  ["c"] = function(r)
    local module = r:line()
    local name = module .. " " .. r:line()
    local found = r.find(name)
    if not found then
      r:refuse("it asks for %s, which is none of the types and functions that a tensor needs: nothing was run",
        (name:gsub(" ", ".")))
    end
    r:push(found)
  end,
  ["R"] = function(r)
    local arguments, f = r:pop(), r:pop()
    if type(f) ~= "function" then r:refuse "something is called that is not a function" end
    if not pickle.is_list(arguments) then r:refuse "a function's arguments are not a tuple" end
    if arguments.n > MOST_ARGUMENTS then r:refuse("a function is given %d arguments", arguments.n) end
    r:push(f(function(...) r:refuse(...) end, table.unpack(arguments, 1, arguments.n)))
  end,
  ["Q"] = function(r) r:push(r.load(function(...) r:refuse(...) end, r:pop())) end,
  -- The state of an object. A state dict's is its _metadata, which says nothing of its tensors.
  ["b"] = function(r)
    r:pop()
    if not pickle.is_dict(r.stack[#r.stack]) then r:refuse "only a dict may have further state" end
  end,
}

---@class specbench.convert.pickle_options
---@field where string for messages
---@field find fun(name: string): function|table|nil the Lua side of a class or function "module name": what
--- is called gets `refuse` and its arguments; nil refuses it
---@field load fun(refuse: function, id: any): any the value of a persistent id

---Reads one pickled value; refuses (specbench.convert.refusal) what is malformed or unknown.
---@param bytes string
---@param options specbench.convert.pickle_options
---@return any
function pickle.read(bytes, options)
  local self = setmetatable({
    bytes = bytes, at = 1, start = 1, stack = {}, memo = {},
    where = options.where, find = options.find, load = options.load,
  }, Reader)
  while true do
    self.start = self.at
    if self.at > #bytes then self:refuse "the data ends without a stop" end
    local opcode = self:text(1)
    if opcode == "." then return self:pop() end
    local run = opcodes[opcode]
    if not run then self:refuse("unknown opcode 0x%02x", opcode:byte()) end
    run(self)
  end
end

return pickle
