-- Shares as they are typed.

local percent = {}

---@param text string "3%" or "0.03"
---@return number? share 0.03; nil where it is neither
function percent.read(text)
  local number, sign = text:match "^([%d.]+)(%%?)$"
  local value = tonumber(number)
  return value and sign == "%" and value / 100 or value
end

return percent
