-- Which cells of a results folder are not what this program wrote: a full disk, a copy that broke off, an editor, a
-- file from elsewhere. What a checksum cannot vouch for, in cells older than checksums, is counted again.

local cell_files = require "specbench.results.cell_files"
local cell_shape = require "specbench.results.cell_shape"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local identity = require "specbench.results.identity"
local index = require "specbench.results.index"
local json = require "specbench.base.json"
local measure = require "sb.measure"
local sealed = require "specbench.results.sealed"

local damage = {}

-- Figures of old cells that every version counts alike from the records.
local RECOUNTED = { "requests", "completed", "failed", "duration", "total_output_tokens" }

-- Fields of names with separators between them, which nothing prints.
local SEPARATED = { key = true, baseline = true }

local function separators_of(cell)
  local count = 0
  for name in pairs(SEPARATED) do
    if cell[name] then count = count + select(2, cell[name]:gsub("\31", "")) end
  end
  return count
end

-- The cell that a cell.json holds, with the file's text where a checksum vouches for it; or nil, what is wrong, nil and
-- whether that is only that it could not be read. is_known: its fields were found right before, and it has not changed.
local function read_cell(place, id, is_known)
  local path = cell_files.at(place .. "/cell.json")
  local cell, message, text, unreadable = sealed.read(path)
  if not cell then return nil, message, nil, unreadable end
  if id and cell.id ~= id then return nil, ("%s is not about cell %s"):format(path, id) end
  local flaw = not is_known and cell_shape.flaw(cell) or cell.files and not text and "its checksum is missing"
  if flaw then return nil, ("%s: %s"):format(path, flaw) end
  if not (text and json.is_printable(text, separators_of(cell))) then foreign.tree(cell, SEPARATED) end
  return cell, nil, text
end

---A cell of any folder.
---@param place string its folder
---@param is_known boolean? a look at the folder found it in the index, see damage.find
---@return table? cell nil where it cannot be trusted
---@return string? message
function damage.cell(place, is_known)
  local cell, message = read_cell(place, nil, is_known)
  return cell, message
end

-- The checksum of the records tells without decoding, which would take a large folder seconds.
local function fault_of_old(place, cell)
  local path = cell_files.at(place .. "/records.bin")
  local bytes, message, unreadable = sealed.bytes(path)
  if not bytes then return message, unreadable end
  local run
  run, message = measure.decode(bytes)
  if not run then return ("%s: %s"):format(path, message) end
  if #run == 0 then return nil end
  local figures = run:metrics()
  for _, name in ipairs(RECOUNTED) do
    local told, counted = cell.metrics and cell.metrics[name], figures[name]
    if told and counted and math.abs(told - counted) > 1e-9 * math.abs(counted) then
      return ("%s/cell.json: its %s is %s, its records give %s"):format(place, name, told, counted)
    end
  end
end

local function fault_of_files(place, files)
  for name, sum in pairs(files) do
    local path = cell_files.at(("%s/%s"):format(place, name))
    local bytes, message, unreadable = sealed.bytes(path)
    local is_left_out = not bytes and name == cell_files.TEXTS and cell_files.leaves_texts_out(place)
    if not bytes and not is_left_out then return message, unreadable end
    if bytes and fs.sha256(bytes) ~= sum then
      local sound, why = true, nil
      if name == "records.bin" then sound, why = measure.check(bytes) end
      return ("%s: %s"):format(path, not sound and why or "it is not the file that was written with cell.json")
    end
  end
end

-- What is wrong with a cell beside what its cell.json says of itself.
local function fault_beside(place, id, cell, text)
  if cell.status ~= "ok" then return place .. "/cell.json: its status is not ok, and what failed lies in failed/" end
  if not text then return fault_of_old(place, cell) end
  if not identity.explains(text, id) then return place .. "/cell.json: its id does not follow from its identity" end
  local files = cell.files or {}
  if cell.records ~= false and not files["records.bin"] then return place .. "/cell.json: it names no records" end
  return fault_of_files(place, files)
end

---What makes a measured cell one that is trusted by nothing.
---@param place string its folder
---@param id string
---@return string? reason one line that names the file; nil: it is sound
---@return table? cell where it is sound
---@return boolean? unreadable it may be sound, but could not be read now
function damage.fault(place, id)
  local cell, message, text, unreadable = read_cell(place, id)
  if not cell then return message, nil, unreadable end
  local reason
  reason, unreadable = fault_beside(place, id, cell, text)
  return reason, not reason and cell or nil, unreadable
end

---@class specbench.damage
---@field part string "cells" or "reruns"
---@field id string
---@field reason string one line that names the file
---@field unreadable boolean? it may be sound, but could not be read now

---Cells that are not as they were written. Those that the folder's index knows, and that have not changed since, are
---not read again.
---@param folder string of results
---@param how { sound: table<string, table>?, known: table<string, boolean>?, keeps_index: boolean? }? sound: to which
---  those are added, by "PART/ID", that were read and found sound: whoever wants them, too, need not read them again;
---  known: to which those are added that the index knows; keeps_index: what was found out is kept for the next look,
---  where many were read
---@return specbench.damage[] list
function damage.find(folder, how)
  local sound, in_index = how and how.sound, how and how.known
  local known, marks, list, read = index.read(folder), {}, {}, 0
  for _, part in ipairs { "cells", "reruns" } do
    for _, id in ipairs(fs.list(folder .. "/" .. part) or {}) do
      local name = ("%s/%s"):format(part, id)
      local place = ("%s/%s"):format(folder, name)
      local mark, reason, unreadable = index.mark(place), nil, nil
      if not mark or known[name] ~= mark then
        local cell
        reason, cell, unreadable = damage.fault(place, id)
        read = read + 1
        if sound then sound[name] = cell end
      elseif in_index then
        in_index[name] = true
      end
      if reason then
        list[#list + 1] = { part = part, id = id, reason = reason, unreadable = unreadable }
      else
        marks[name] = mark
      end
    end
  end
  if how and how.keeps_index then index.keep(folder, marks, read) end
  return list
end

return damage
