-- Fields of comma-separated values (RFC 4180).

local foreign = require "specbench.base.foreign"

local csv = {}

---@param text string
---@return string field
function csv.quoted(text)
  return text:find '[",\r\n]' and '"' .. text:gsub('"', '""') .. '"' or text
end

---A field for whatever opens such files, spreadsheets among it: a text that one would take for a formula begins with an
---apostrophe instead.
---@param text string from anywhere
---@return string field
function csv.text(text)
  text = foreign.printable(text)
  if text:find "^[=+%-@\t]" and not tonumber(text) then text = "'" .. text end
  return csv.quoted(text)
end

return csv
