-- How specbench answers a word that it does not know: with the one that was probably meant, and with those there are.

local nearest = require "specbench.base.nearest"

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
---@return string "unknown key 'cnt' (did you mean 'count'?); known: count, dataset"
function unknown.message(what, word, known)
  local shown = type(word) == "string" and ("'%s'"):format(word) or ("[%s]"):format(tostring(word))
  return ("unknown %s %s%s; known: %s"):format(what, shown:gsub("%c", "?"), unknown.hint(word, known),
    table.concat(known, ", "))
end

return unknown
