-- Which cells of a results folder can no longer be read whole: a full disk, a copy that broke off, an editor.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local measure = require "sb.measure"

local damage = {}

local function fault_of_cell(path, id)
  local text, message = fs.read(path)
  if not text then return message end
  local cell
  cell, message = json.decode(text)
  if cell == nil then return ("%s is not JSON: %s"):format(path, message) end
  if type(cell) ~= "table" or cell.id ~= id then return ("%s is not about cell %s"):format(path, id) end
end

-- The checksum tells without decoding, which would take a large folder seconds.
local function fault_of_records(path)
  local bytes, message = fs.read(path)
  if not bytes then return message end
  local sound
  sound, message = measure.check(bytes)
  return not sound and ("%s: %s"):format(path, message) or nil
end

---@class specbench.damage
---@field part string "cells" or "reruns"
---@field id string
---@field reason string one line that names the file

---@param folder string of results
---@return specbench.damage[] list
function damage.find(folder)
  local list = {}
  for _, part in ipairs { "cells", "reruns" } do
    for _, id in ipairs(fs.list(folder .. "/" .. part) or {}) do
      local place = ("%s/%s/%s"):format(folder, part, id)
      local reason = fault_of_cell(place .. "/cell.json", id) or fault_of_records(place .. "/records.bin")
      if reason then list[#list + 1] = { part = part, id = id, reason = reason } end
    end
  end
  return list
end

return damage
