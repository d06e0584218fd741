-- What GPU time costs, in whatever currency its price is in.

local money = {}

-- "183", "1.83": three figures at most, none lost before the point.
local function figure(value)
  return (value >= 100 and "%.0f" or "%.3g"):format(value)
end

---@param gpu_seconds number of one GPU
---@return string "73.2 GPU hours"
function money.hours(gpu_seconds)
  return figure(gpu_seconds / 3600) .. " GPU hours"
end

---@param gpu_seconds number of one GPU
---@param price number of a GPU hour
---@return string "183"
function money.cost(gpu_seconds, price)
  return figure(gpu_seconds / 3600 * price)
end

return money
