-- JSON objects in files that tell whether they are as they were written: the last field is a checksum over the text
-- before it. What was written before there were checksums has none, and is read all the same.

local cell_files = require "specbench.results.cell_files"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local sealed = {}

local LARGEST = 256 << 20 -- bytes; a file of a results folder that is longer was not written by this program
local SEAL = '(), "checksum": "([^"]*)"}%s*$'
local TAIL = 100 -- bytes, in which a seal is looked for first: it has 83

-- As sealed.bytes, of where the bytes lie.
local function bytes_at(path)
  local found = fs.stat(path)
  if found and found.type ~= "file" then return nil, path .. " is no regular file" end
  if found and found.size > LARGEST then return nil, ("%s has %d bytes"):format(path, found.size) end
  local bytes, message = fs.read(path)
  if not bytes then return nil, message, found ~= nil or nil end
  return cell_files.unpacked(path, bytes, LARGEST)
end

---The bytes of a file that may come from anywhere: a pipe or a device, which might never end, is not read. A cell's
---file that lies packed is unpacked, to no more than a plain one may have.
---@param path string
---@return string? bytes
---@return string? message
---@return boolean? unreadable it is there and may be sound, but could not be read now
function sealed.bytes(path)
  return bytes_at(cell_files.at(path))
end

---@param object string an object's text, with a field at least, none named checksum
---@return string text of a file
function sealed.seal(object)
  return ('%s, "checksum": "%s"}\n'):format(object:sub(1, -2), fs.sha256(object))
end

---@param value table as sealed.seal
---@return string text of a file
function sealed.encode(value)
  return sealed.seal(json.encode(value))
end

---@param text string of a file
---@return string? object what was sealed, if the checksum is right; nil where there is no seal
---@return string? checksum
function sealed.opened(text)
  local at, sum = text:match(SEAL, -TAIL)
  if not at then at, sum = text:match(SEAL) end
  if at then return text:sub(1, at - 1) .. "}", sum end
end

local function read(path)
  path = cell_files.at(path) -- which messages name
  local text, message, unreadable = bytes_at(path)
  if not text then return nil, message, nil, unreadable end
  local value
  value, message = json.decode(text)
  if value == nil then return nil, ("%s is not JSON: %s"):format(path, message) end
  if type(value) ~= "table" then return nil, ("%s holds no object"):format(path) end
  local object, sum = sealed.opened(text)
  if not object then return value end
  if fs.sha256(object) ~= sum then
    return nil, path .. " is damaged (its checksum does not match)"
  end
  value.checksum = nil
  return value, nil, text
end

---@param path string
---@param flaw_of (fun(value: table): string?)? what keeps the value from being of the wanted shape
---@return table? value without its checksum
---@return string? message
---@return string? text the whole file's, where it has a checksum, which agrees
---@return boolean? unreadable as sealed.bytes
function sealed.read(path, flaw_of)
  local value, message, text, unreadable = read(path)
  local flaw = value and flaw_of and flaw_of(value)
  if flaw then return nil, ("%s: %s"):format(path, flaw) end
  return value, message, text, unreadable
end

return sealed
