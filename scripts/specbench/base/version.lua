-- Versions of programs, compared number by number: "0.26.0", "v0.5.6.post2", "1.2.0rc1", llama.cpp's "b11549".

local version = {}

-- What builds from a source tree without tags call themselves; it says nothing of their age.
local NAMELESS = { "^0%.1%.dev", "^0%.0%.0", "^b0%f[%D]" }

---@param text string|nil
---@return integer[]|nil numbers nil where the text tells no version
function version.numbers(text)
  if not text then return nil end
  text = text:match "^%s*v?(b?%d.*)$"
  if not text then return nil end
  for _, pattern in ipairs(NAMELESS) do
    if text:find(pattern) then return nil end
  end
  local numbers = {}
  for digits in text:match("^b?([%d.]+)"):gmatch "%d+" do numbers[#numbers + 1] = math.tointeger(digits) end
  return numbers
end

-- Below, at or above zero as the first version is older, the same or newer. A missing number is zero.
local function order(first, second)
  for i = 1, math.max(#first, #second) do
    local difference = (first[i] or 0) - (second[i] or 0)
    if difference ~= 0 then return difference end
  end
  return 0
end

---Whether a version is older than another. One that is not known counts as the newest.
---@param text string|nil
---@param than string
---@return boolean
function version.before(text, than)
  local numbers = version.numbers(text)
  return numbers ~= nil and order(numbers, version.numbers(than)) < 0
end

---@param first string|nil
---@param second string|nil
---@return boolean|nil same nil where one of them tells no version
function version.same(first, second)
  local one, other = version.numbers(first), version.numbers(second)
  if not (one and other) then return nil end
  return order(one, other) == 0
end

return version
