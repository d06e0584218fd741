-- What torch.save has written of a state dict of tensors: their names, types, shapes and where in the
-- file their bytes are. The bytes themselves are not read here.
--
--   local model <close> = assert(refusal.catch(torch.open, "medusa_lm_head.pt"))
--   for _, tensor in ipairs(model.tensors) do ... end

local refuse = require("specbench.convert.refusal").refuse
local pickle = require "specbench.convert.pickle"
local zip = require "specbench.convert.zip"

local torch = {}

local LARGEST_PICKLE = 4 << 20 -- bytes; a state dict's is some kilobytes, and each byte may become a hundred in memory

-- Types of storages: the safetensors name and the bytes of a value.
local STORAGES = {
  ["torch DoubleStorage"] = { dtype = "F64", size = 8 },
  ["torch FloatStorage"] = { dtype = "F32", size = 4 },
  ["torch HalfStorage"] = { dtype = "F16", size = 2 },
  ["torch BFloat16Storage"] = { dtype = "BF16", size = 2 },
  ["torch LongStorage"] = { dtype = "I64", size = 8 },
  ["torch IntStorage"] = { dtype = "I32", size = 4 },
  ["torch ShortStorage"] = { dtype = "I16", size = 2 },
  ["torch CharStorage"] = { dtype = "I8", size = 1 },
  ["torch ByteStorage"] = { dtype = "U8", size = 1 },
  ["torch BoolStorage"] = { dtype = "BOOL", size = 1 },
}
local STORAGE_TYPES = {}
for _, storage in pairs(STORAGES) do STORAGE_TYPES[storage] = true end

local Tensor = {}

---@class specbench.convert.tensor
---@field name string
---@field dtype string as safetensors spells it
---@field shape integer[]
---@field offset integer of its first byte in the file
---@field size integer bytes

--- Numbers of values, all whole and not negative.
local function read_counts(refuse_here, what, list)
  if not pickle.is_list(list) then refuse_here("a tensor's %s is not a tuple", what) end
  local counts = {}
  for i = 1, list.n do
    if math.type(list[i]) ~= "integer" or list[i] < 0 then refuse_here("a tensor's %s has no sizes in it", what) end
    counts[i] = list[i]
  end
  return counts
end

--- The number of values of a shape; refuses one that is larger than its storage.
local function volume(refuse_here, shape, room)
  local count = 1
  for _, n in ipairs(shape) do
    if n == 0 then return 0 end
    if count > room // n then
      refuse_here("a tensor of shape [%s] is larger than its storage of %d values", table.concat(shape, ", "), room)
    end
    count = count * n
  end
  return count
end

--- Row by row without gaps; a dimension of one value may have any stride.
local function is_contiguous(shape, strides)
  local expected = 1
  for i = #shape, 1, -1 do
    if shape[i] ~= 1 and strides[i] ~= expected then return false end
    expected = expected * shape[i]
  end
  return true
end

local function rebuild_tensor(refuse_here, storage, first, sizes, strides)
  if type(storage) ~= "table" or not storage.entry then refuse_here "a tensor has no storage" end
  local shape = read_counts(refuse_here, "shape", sizes)
  strides = read_counts(refuse_here, "stride", strides)
  if #shape ~= #strides then refuse_here "a tensor does not have as many strides as dimensions" end
  if math.type(first) ~= "integer" or first < 0 or first > storage.count then
    refuse_here "a tensor begins outside its storage"
  end
  local count = volume(refuse_here, shape, storage.count - first)
  if count > 0 and not is_contiguous(shape, strides) then
    refuse_here("a tensor of shape [%s] has strides [%s]: save it again after .contiguous()",
      table.concat(shape, ", "), table.concat(strides, ", "))
  end
  local bytes = storage.type.size
  return setmetatable({
    dtype = storage.type.dtype, shape = shape,
    offset = storage.entry.offset + first * bytes, size = count * bytes,
  }, Tensor)
end

local CLASSES = {
  ["collections OrderedDict"] = function(refuse_here, items)
    if items then refuse_here "an OrderedDict with items of protocol 0 or 1" end
    return pickle.dict()
  end,
  ["torch._utils _rebuild_tensor_v2"] = rebuild_tensor,
  ["torch._utils _rebuild_parameter"] = function(_, tensor) return tensor end,
}

--- A persistent id: ("storage", its type, the name of its entry, a device, values).
local function storage_loader(archive, folder)
  return function(refuse_here, id)
    if not pickle.is_list(id) or id[1] ~= "storage" or id.n < 5 then
      refuse_here "a persistent id that names no storage"
    end
    local storage_type, key, count = id[2], id[3], id[5]
    if not STORAGE_TYPES[storage_type] then refuse_here "a storage of no known type" end
    if type(key) ~= "string" or math.type(count) ~= "integer" or count < 0 then
      refuse_here "a storage without a name or a size"
    end
    local entry = archive.entries[folder .. "data/" .. key]
    if not entry then refuse_here("the archive has no entry %sdata/%s", folder, key) end
    if count > entry.size or count * storage_type.size ~= entry.size then
      refuse_here("entry %s has %d bytes, but its storage is of %d values of %d bytes",
        entry.name, entry.size, count, storage_type.size)
    end
    return { entry = entry, count = count, type = storage_type }
  end
end

local function find_folder(archive)
  local folder
  for name in pairs(archive.entries) do
    local found = name == "data.pkl" and "" or name:match "^([^/]+/)data%.pkl$"
    if found and folder then archive:refuse("there are two data.pkl, in '%s' and '%s'", folder, found) end
    folder = found or folder
  end
  if not folder then archive:refuse "a zip archive without data.pkl: torch.save did not write it" end
  return folder
end

local function check_byte_order(archive, folder)
  local entry = archive.entries[folder .. "byteorder"] -- absent before PyTorch 2.1: little
  local order = entry and archive:read(entry.offset, math.min(entry.size, 16)) or "little"
  if order ~= "little" then archive:refuse("its byte order is '%s'; only little is read", order) end
end

local function read_tensors(archive)
  local folder = find_folder(archive)
  check_byte_order(archive, folder)
  local entry = archive.entries[folder .. "data.pkl"]
  if entry.size > LARGEST_PICKLE then
    archive:refuse("data.pkl of %d bytes: no state dict is that large", entry.size)
  end
  local dict = pickle.read(archive:read(entry.offset, entry.size), {
    where = archive.path .. ": data.pkl",
    find = function(name) return CLASSES[name] or STORAGES[name] end,
    load = storage_loader(archive, folder),
  })
  if not pickle.is_dict(dict) then archive:refuse "what it holds is not a state dict (name -> tensor)" end
  local tensors = {}
  for i, name in ipairs(dict.keys) do
    local tensor = dict.values[i]
    if type(name) ~= "string" or getmetatable(tensor) ~= Tensor then
      archive:refuse("'%s' is not a tensor: a state dict (name -> tensor) is needed", tostring(name))
    end
    tensors[i] = { name = name, dtype = tensor.dtype, shape = tensor.shape, offset = tensor.offset, size = tensor.size }
  end
  return tensors
end

local Model = {}
Model.__index = Model

---The file's bytes of a stretch.
---@param offset integer
---@param size integer bytes
---@return string
function Model:read(offset, size)
  return self.archive:read(offset, size)
end

function Model:close()
  self.archive:close()
end
Model.__close = Model.close

---Opens what torch.save has written; refuses (specbench.convert.refusal) what is malformed or no state dict.
---@param path string
---@return table model with tensors in the order of the state dict; to be held in a `<close>` variable
function torch.open(path)
  local archive = zip.open(path)
  local ok, tensors = pcall(read_tensors, archive)
  if not ok then
    archive:close()
    error(tensors, 0)
  end
  if #tensors == 0 then
    archive:close()
    refuse("%s: a state dict without a tensor", path)
  end
  return setmetatable({ archive = archive, path = path, tensors = tensors }, Model)
end

return torch
