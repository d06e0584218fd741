-- Where a report may be written: never over another round's files.

local fs = require "sb.fs"
local json = require "specbench.json"

local target = {}

local MARKER = "report.json" -- whose report a folder holds

local function marked_source(folder)
  local text = fs.read(folder .. "/" .. MARKER)
  local marker = text and json.decode(text)
  return type(marker) == "table" and marker.source or nil
end

-- Why the folder is no place for a report of that source.
local function objection(folder, source)
  local marked = marked_source(folder)
  if marked == source then return nil end
  if marked then return ("holds the report of %s"):format(marked) end
  if fs.stat(folder .. "/round.json") then return "holds results of its own" end
  if #(fs.list(folder) or {}) > 0 then return "is not empty and holds no report" end
end

---Readies a folder for the report of another one: a new or empty folder, or one that holds that report already.
---@param source string results folder
---@param folder string
---@return true? ok
---@return string? message
function target.claim(source, folder)
  local real = assert(fs.realpath(source))
  if fs.realpath(folder) == real then return true end
  local why = objection(folder, real)
  if why then return nil, ("%s %s: give another folder with --out"):format(folder, why) end
  local ok, message = fs.mkdir(folder)
  if ok then ok, message = fs.write(folder .. "/" .. MARKER, json.encode { source = real } .. "\n") end
  return ok, message
end

return target
