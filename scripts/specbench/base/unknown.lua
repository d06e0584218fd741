-- How specbench answers a word that it does not know: with the one that was probably meant, and with those there are.

local nearest = require "specbench.base.nearest"
local tables = require "specbench.base.tables"

local unknown = {}

---@param word any as it was written
---@param known string[]
---@return string " (did you mean 'polish'?)"; empty where nothing is near
function unknown.hint(word, known)
  local meant = nearest(tostring(word), known)
  if not meant then return "" end
  return (meant:sub(1, 1) == "-" and " (did you mean %s?)" or " (did you mean '%s'?)"):format(meant)
end

---@param what string "key", "dataset"
---@param word any
---@param known string[]
---@param elsewhere table<string, string>? words that would be known at another place -> with that place
---@return string "unknown key 'cnt' (did you mean 'count'?); known: count, dataset"
function unknown.message(what, word, known, elsewhere)
  local shown = type(word) == "string" and ("'%s'"):format(word) or ("[%s]"):format(tostring(word))
  local hint = unknown.hint(word, known)
  if hint == "" and elsewhere then
    local meant = nearest(tostring(word), tables.keys(elsewhere))
    if meant then hint = (" (did you mean '%s'?)"):format(elsewhere[meant]) end
  end
  return ("unknown %s %s%s; known: %s"):format(what, shown:gsub("%c", "?"), hint, table.concat(known, ", "))
end

return unknown
