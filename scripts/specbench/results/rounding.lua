-- Cells whose records tell times to the microsecond, in copies that are to be published. Their cell.json is as it was
-- measured to the byte, but for the records' checksum, a field that says of which measurement this is the copy, and its
-- own seal.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local measure = require "sb.measure"
local sealed = require "specbench.results.sealed"

local rounding = {}

local RECORDS = '"records.bin": "%s"'
local FROM = ', "rounded_from": "%s"}' -- an object's end

---What copies of one measurement have in common, be the times of one of them rounded: which one it is, and what
---cell.json tells of it. A cell that only claims to be the copy of another does not have that.
---@param place string a cell's folder
---@return string? measurement nil where there is no cell.json
---@return boolean? is_rounded
function rounding.measurement(place)
  local path = place .. "/cell.json"
  local _, _, text = sealed.read(path)
  if not text then return (sealed.bytes(path)) end
  local object, sum = sealed.opened(text)
  local from = object:match(FROM:format "(%x+)" .. "$")
  local told = object:gsub(FROM:format "%x+" .. "$", "}"):gsub(RECORDS:format "%x+", "", 1)
  return (from or sum) .. told, from ~= nil
end

---Rounds a cell's times. What is rounded stays as it is, and so do cells of a clock that ran faster, whose microseconds
---are long, and those whose checksums do not vouch for their records.
---@param files table<string, string> a sound cell's bytes by name, changed in place
function rounding.apply(files)
  local cell, records = json.decode(files["cell.json"]), files["records.bin"]
  if not records or cell.rounded_from or cell.clock_scale ~= 1 then return end
  local object, sum = sealed.opened(files["cell.json"])
  local vouched = RECORDS:format(fs.sha256(records))
  local first, last = (object or ""):find(vouched, 1, true)
  local run = first and measure.decode(records)
  if not run then return end
  records = run:encode_rounded()
  files["records.bin"] = records
  files["cell.json"] = sealed.seal(object:sub(1, first - 1) .. RECORDS:format(fs.sha256(records))
    .. object:sub(last + 1, -2) .. FROM:format(sum))
end

return rounding
