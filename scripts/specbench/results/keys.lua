-- The names by which cells find each other: cells that agree on every axis have the same key, repeats of one the same
-- place.

local keys = {}

---A key equal for two cells that agree on every axis, but for those in `changes`.
---@param about { axes: table[] } a round, or what round.json says of one
---@param cell table coordinates
---@param changes table<string, any>?
---@param repetition integer?
---@return string
function keys.of(about, cell, changes, repetition)
  local words = {}
  for i, axis in ipairs(about.axes) do
    local value = changes and changes[axis.name]
    if value == nil then value = cell[axis.name] end
    words[i] = tostring(value)
  end
  words[#words + 1] = tostring(repetition or 1)
  return table.concat(words, "\31")
end

---A cell's key without its repetition.
---@param text string a key
---@return string place
function keys.place(text)
  return (text:gsub("\31[^\31]*$", ""))
end

---The key of the cell that a cell is compared with.
---@param about { axes: table[], baseline: table? } a round, or what round.json says of one
---@param cell table coordinates
---@param repetition integer?
---@return string? key nil where the round names no baseline
function keys.baseline(about, cell, repetition)
  return about.baseline and keys.of(about, cell, about.baseline, repetition) or nil
end

return keys
