-- Reads zip archives whose entries are stored as they are, 64-bit ones (zip64) too: an entry is a
-- stretch of the file, so nothing has to be unpacked or held in memory. Checksums are not looked at.
-- Layout: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 (local header) to 4.5.3 (zip64 fields).
--
--   local archive <close> = assert(refusal.catch(zip.open, "model.pt"))
--   local entry = archive.entries["model/data.pkl"]      -- { name, offset, size }
--   local bytes = archive:read(entry.offset, entry.size)

local fs = require "sb.fs"
local refuse = require("specbench.convert.refusal").refuse

local zip = {}

local Archive = {}
Archive.__index = Archive

local END_SIZE, LONGEST_COMMENT, LOCATOR_SIZE = 22, 65535, 20
local NO_16, NO_32 = 0xFFFF, 0xFFFFFFFF -- "see the zip64 field"
local LARGEST_DIRECTORY = 64 << 20 -- bytes held at once; a checkpoint's thousands of entries take a megabyte
local ENCRYPTED = 1 -- bit of an entry's flags
local ZIP64_FIELD = 1

---@class specbench.convert.zip_entry
---@field name string
---@field offset integer of its first byte in the file
---@field size integer bytes

---@param offset integer
---@param size integer bytes
---@return string
function Archive:read(offset, size)
  if size == 0 then return "" end
  self.file:seek("set", offset)
  local bytes, message = self.file:read(size)
  if not bytes or #bytes < size then
    refuse("%s: cannot read %d bytes at %d: %s", self.path, size, offset, message or "the file ends before them")
  end
  return bytes
end

function Archive:refuse(format, ...)
  refuse("%s: " .. format, self.path, ...)
end

function Archive:close()
  self.file:close()
end
Archive.__close = Archive.close

--- Where the list of entries is, and how many there are.
local function find_directory(self)
  local tail_size = math.min(self.size, END_SIZE + LONGEST_COMMENT)
  local tail_start = self.size - tail_size
  local tail = self:read(tail_start, tail_size)
  local at
  for i = tail_size - END_SIZE + 1, 1, -1 do
    local found = tail:sub(i, i + 3) == "PK\5\6"
    if found and i + END_SIZE - 1 + string.unpack("<I2", tail, i + 20) == tail_size then
      at = i
      break
    end
  end
  if not at then
    local begun = self.size >= 4 and self:read(0, 4) == "PK\3\4"
    self:refuse(begun and "this zip archive is cut off: its list of entries is missing. Copy the file again"
      or "not a zip archive, so not what torch.save has written since PyTorch 1.6")
  end
  local count, size, offset = string.unpack("<I2I4I4", tail, at + 10)
  local end_offset = tail_start + at - 1
  if (count == NO_16 or size == NO_32 or offset == NO_32) and end_offset >= LOCATOR_SIZE then
    local locator = self:read(end_offset - LOCATOR_SIZE, LOCATOR_SIZE)
    if locator:sub(1, 4) == "PK\6\7" then
      local record = string.unpack("<i8", locator, 9)
      if record < 0 or record + 56 > end_offset then self:refuse("the zip64 end record lies outside the file") end
      local bytes = self:read(record, 56)
      if bytes:sub(1, 4) ~= "PK\6\6" then self:refuse("there is no zip64 end record at %d", record) end
      count, size, offset = string.unpack("<i8i8i8", bytes, 33)
    end
  end
  if count < 0 or size < 0 or offset < 0 or offset > end_offset or size > end_offset - offset then
    self:refuse("the zip archive's list of entries lies outside the file: it is cut off or damaged")
  end
  if size > LARGEST_DIRECTORY then
    self:refuse("its list of entries has %d bytes: no checkpoint's is that long", size)
  end
  return offset, size, count
end

--- Sizes and offset, from the zip64 field where the header has no room for them.
local function wide_values(self, name, extra, size, packed, offset)
  local at = 1
  while at + 3 <= #extra do
    local id, length = string.unpack("<I2I2", extra, at)
    local field = extra:sub(at + 4, at + 3 + length)
    if id == ZIP64_FIELD then
      local place = 1
      local function wide(value)
        if value ~= NO_32 then return value end
        if place + 7 > #field then self:refuse("entry %s: its zip64 field is too short", name) end
        value, place = string.unpack("<i8", field, place)
        return value
      end
      -- in this order, each only where its 32-bit field is full
      size = wide(size)
      packed = wide(packed)
      return size, packed, wide(offset)
    end
    at = at + 4 + length
  end
  return size, packed, offset
end

--- The local header repeats the name and has an extra field of its own (PyTorch pads there).
local function data_offset(self, name, header, limit)
  if header < 0 or header + 30 > limit then self:refuse("entry %s lies outside the file", name) end
  local bytes = self:read(header, 30)
  if bytes:sub(1, 4) ~= "PK\3\4" then self:refuse("entry %s: there is no entry at byte %d", name, header) end
  local name_size, extra_size = string.unpack("<I2I2", bytes, 27)
  return header + 30 + name_size + extra_size
end

local function read_entry(self, directory, at, limit)
  if at + 45 > #directory or directory:sub(at, at + 3) ~= "PK\1\2" then
    self:refuse("the zip archive's list of entries is damaged")
  end
  local flags, method = string.unpack("<I2I2", directory, at + 8)
  local packed, size, name_size, extra_size, comment_size = string.unpack("<I4I4I2I2I2", directory, at + 20)
  local header = string.unpack("<I4", directory, at + 42)
  local next_at = at + 46 + name_size + extra_size + comment_size
  if next_at - 1 > #directory then self:refuse("the zip archive's list of entries is damaged") end
  local name = directory:sub(at + 46, at + 45 + name_size)
  if self.entries[name] then self:refuse("two entries are named %s", name) end
  if flags & ENCRYPTED ~= 0 then self:refuse("entry %s is encrypted", name) end
  if method ~= 0 then
    self:refuse("entry %s is compressed (method %d); torch.save stores entries as they are: "
      .. "unpack the archive and save the model again with torch.save", name, method)
  end
  local extra = directory:sub(at + 46 + name_size, at + 45 + name_size + extra_size)
  size, packed, header = wide_values(self, name, extra, size, packed, header)
  local offset = data_offset(self, name, header, limit)
  if size ~= packed or size < 0 or size > limit - offset then
    self:refuse("entry %s: its %d bytes do not fit into the file: it is cut off or damaged", name, size)
  end
  self.entries[name] = { name = name, offset = offset, size = size }
  return next_at
end

---Opens an archive and reads its list of entries; refuses (specbench.convert.refusal) what is malformed.
---@param path string
---@return table archive with entries by name; to be held in a `<close>` variable
function zip.open(path)
  local found = fs.stat(path)
  if found and found.type ~= "file" then refuse("%s: not a file", path) end
  local file, message = io.open(path, "rb")
  if not file then refuse("%s", message) end
  local self = setmetatable({ path = path, file = file, entries = {} }, Archive)
  local ok, problem = pcall(function()
    self.size = file:seek "end"
    if not self.size or self.size == math.maxinteger then self:refuse "not a file" end
    if self.size < END_SIZE then self:refuse("not a zip archive: it has only %d bytes", self.size) end
    local offset, size, count = find_directory(self)
    local directory, at = self:read(offset, size), 1
    for _ = 1, count do at = read_entry(self, directory, at, offset) end
  end)
  if not ok then
    file:close()
    error(problem, 0)
  end
  return self
end

return zip
