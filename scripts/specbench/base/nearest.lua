--- "Did you mean": the known word that is nearest to a mistyped one.

local function edit_distance(a, b)
  local previous = {}
  for j = 0, #b do
    previous[j] = j
  end
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

--- The word of `list` that was probably meant: one that starts with `word`, or the one that is
--- fewest edits away, at most a third of the longer word (and at least two).
---@param word string
---@param list string[]
---@return string|nil
local function nearest(word, list)
  local best, best_distance
  for _, candidate in ipairs(list) do
    local longer = math.max(#word, #candidate)
    local distance = edit_distance(word:lower(), candidate:lower())
    if #word > 1 and candidate:sub(1, #word) == word then
      distance = 1
    end
    if distance <= math.max(2, longer // 3) and distance < longer
      and (not best or distance < best_distance) then
      best, best_distance = candidate, distance
    end
  end
  return best
end

return nearest
