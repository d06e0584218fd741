-- How specbench answers a word that it does not know: with the one that was probably meant, and with those there are.

local tables = require "specbench.base.tables"

local unknown = {}

local LONGEST = 64 -- bytes of a word that may be meant as another one

local function edit_distance(a, b)
  local previous = {}
  for j = 0, #b do previous[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (same and 0 or 1))
    end
    previous = row
  end
  return previous[#b]
end

---The known word that was probably meant: one that starts with `word`, or the one that is fewest edits away, at most a
---third of the longer word (and at least two).
---@param word string
---@param known string[]
---@return string?
function unknown.nearest(word, known)
  local best, best_distance
  if #word > LONGEST then return nil end
  for _, candidate in ipairs(known) do
    local longer = math.max(#word, #candidate)
    local distance = edit_distance(word:lower(), candidate:lower())
    if #word > 1 and candidate:sub(1, #word) == word then distance = 1 end
    if distance <= math.max(2, longer // 3) and distance < longer and (not best or distance < best_distance) then
      best, best_distance = candidate, distance
    end
  end
  return best
end

local function meant_as(word)
  if not word then return "" end
  return (word:sub(1, 1) == "-" and " (did you mean %s?)" or " (did you mean '%s'?)"):format(word)
end

---@param word any as it was written
---@param known string[]
---@return string " (did you mean 'polish'?)"; empty where nothing is near
function unknown.hint(word, known)
  return meant_as(unknown.nearest(tostring(word), known))
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
    hint = meant_as(elsewhere[unknown.nearest(tostring(word), tables.keys(elsewhere))])
  end
  return ("unknown %s %s%s; known: %s"):format(what, shown:gsub("%c", "?"), hint, table.concat(known, ", "))
end

return unknown
