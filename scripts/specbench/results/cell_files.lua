-- The files of a cell, which lie as they were written, or packed under other names where a copy was made to be
-- published. Unpacked, the bytes are those that were written, so the checksums in cell.json vouch for either.

local fs = require "sb.fs"

local cell_files = {
  NAMES = { "cell.json", "records.bin", "outputs.jsonl.gz" },
  TEXTS = "outputs.jsonl.gz",
  LEFT_OUT = "outputs.left_out", -- a line that lies in the place of the texts where a copy was made without them
}

-- How files are packed; the answers' texts always are.
local PACKED = {
  ["cell.json"] = { name = "cell.json.gz", pack = fs.gzip, unpack = fs.gunzip },
  ["records.bin"] = { name = "records.planes.gz", pack = fs.gzip_planes, unpack = fs.gunzip_planes },
}

local UNPACK, OWN = {}, { [cell_files.LEFT_OUT] = true }
for _, name in ipairs(cell_files.NAMES) do OWN[name] = true end
for _, way in pairs(PACKED) do
  UNPACK[way.name], OWN[way.name] = way.unpack, true
end

---@param name string
---@return boolean whether a cell's folder may hold a file of that name
function cell_files.may_hold(name)
  return OWN[name] or false
end

---Where a file of a cell lies.
---@param path string FOLDER/NAME
---@return string path the packed file's, where only that is there
function cell_files.at(path)
  local folder, name = path:match "^(.*/)([^/]*)$"
  local way = PACKED[name]
  if not way or fs.stat(path) then return path end
  return fs.stat(folder .. way.name) and folder .. way.name or path
end

---Whether a cell's texts are not there because its folder is a copy without them.
---@param place string the cell's folder
---@return boolean
function cell_files.leaves_texts_out(place)
  return not fs.stat(("%s/%s"):format(place, cell_files.TEXTS))
    and fs.stat(("%s/%s"):format(place, cell_files.LEFT_OUT)) ~= nil
end

---@param path string where the bytes lie
---@param bytes string
---@param most integer bytes that may come of them
---@return string? bytes as they were written
---@return string? message
function cell_files.unpacked(path, bytes, most)
  local unpack = UNPACK[path:match "[^/]*$"]
  if not unpack then return bytes end
  local whole, message = unpack(bytes, most)
  if not whole then return nil, ("%s is damaged: %s"):format(path, message) end
  return whole
end

---@param name string of a cell's file
---@param bytes string
---@return string name under which they lie packed
---@return string packed
function cell_files.packed(name, bytes)
  local way = PACKED[name]
  if not way then return name, bytes end
  return way.name, assert(way.pack(bytes))
end

return cell_files
