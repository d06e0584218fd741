-- How long something takes, as people write it.

local duration = {}

---On a running clock: "0:42", "12:05" or "1:02:03".
---@param seconds number
---@return string
function duration.clock(seconds)
  local s = math.floor(math.max(0, seconds) + 0.5)
  if s >= 3600 then return ("%d:%02d:%02d"):format(s // 3600, s % 3600 // 60, s % 60) end
  return ("%d:%02d"):format(s // 60, s % 60)
end

---With its unit, for what is known roughly or need not be told better: "42 s", "12 min", "72.6 h".
---@param seconds number
---@return string
function duration.rough(seconds)
  if seconds < 120 then return ("%.0f s"):format(seconds) end
  if seconds < 7200 then return ("%.0f min"):format(seconds / 60) end
  return (seconds >= 360000 and "%.0f h" or "%.1f h"):format(seconds / 3600)
end

---With its units, to the second: "42 s", "1 min 41 s", "1 h 2 min 3 s".
---@param seconds number
---@return string
function duration.exact(seconds)
  local s = math.floor(math.max(0, seconds) + 0.5)
  if s >= 3600 then return ("%d h %d min %d s"):format(s // 3600, s % 3600 // 60, s % 60) end
  return s >= 60 and ("%d min %d s"):format(s // 60, s % 60) or ("%d s"):format(s)
end

return duration
