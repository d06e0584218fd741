-- What the cells of a large results folder looked like on the disk when each of them was read to its last byte and
-- found sound, so that the next look at the folder need not read what has not changed since. It is a cache: whatever
-- becomes of it costs time alone. A cell that looks otherwise now is read again, and so is every cell where the index
-- is missing, cut short, of another version, or was carried along to another disk.

local cell_files = require "specbench.results.cell_files"
local clock = require "sb.clock"
local fs = require "sb.fs"
local sealed = require "specbench.results.sealed"
local tables = require "specbench.base.tables"

local index = {}

local NAME = "cells.index"
local VERSION = 1 -- to be raised when more is looked at before a cell counts as sound
local HEAD = "specbench index %d %s\n" -- with a checksum over what follows
local WORTH = 256 -- cells read in vain, from which on an index is written
local SETTLED_NS = 2000000000 -- a file that changed since could change again unseen: clocks of file systems are coarse

---How a cell's files look: which they are, and when each changed last, a time that nobody can set. To be asked before
---they are read, so that a change while they are is seen.
---@param place string the cell's folder
---@return string? mark nil where a file changed a moment ago
function index.mark(place)
  local words, settled = {}, clock.wall() - SETTLED_NS
  for i, name in ipairs(cell_files.NAMES) do
    local found = fs.stat(cell_files.at(("%s/%s"):format(place, name)))
    if found and found.changed_ns > settled then return nil end
    words[i] = found and ("%d.%d.%d"):format(found.inode, found.size, found.changed_ns) or "-"
  end
  if cell_files.leaves_texts_out(place) then words[#words + 1] = "without texts" end
  return table.concat(words, " ")
end

---@param folder string of results
---@return table<string, string> marks of sound cells, by "cells/ID" and "reruns/ID"
function index.read(folder)
  local text = sealed.bytes(("%s/%s"):format(folder, NAME)) or ""
  local head, rest = text:match "^([^\n]*\n)(.*)$"
  local marks = {}
  if not head or head ~= HEAD:format(VERSION, fs.sha256(rest)) then return marks end
  for name, mark in rest:gmatch "([^ \n]+) ([^\n]+)\n" do marks[name] = mark end
  return marks
end

---Keeps an index where the next look at the folder gains by it. Where it cannot be written, that look takes longer.
---@param folder string of results
---@param marks table<string, string> of sound cells
---@param read integer how many cells had to be read for want of it
function index.keep(folder, marks, read)
  if read < WORTH then return end
  local lines = {}
  for i, name in ipairs(tables.keys(marks)) do lines[i] = ("%s %s\n"):format(name, marks[name]) end
  local rest = table.concat(lines)
  fs.write(("%s/%s"):format(folder, NAME), HEAD:format(VERSION, fs.sha256(rest)) .. rest)
end

return index
