-- Where the answers of a method leave those of its baseline: with temperature 0 a lossless method's never do,
-- but for what the order of floating-point additions in other batches changes.

local fs = require "sb.fs"

local divergence = {}

-- prompt id -> texts in order of sending, as they stand in JSON: equal there means equal. A whole decode would
-- take most of a report's time.
local function read_texts(path)
  local packed = fs.read(path)
  local lines = packed and fs.gunzip(packed)
  if not lines then return nil end
  local by_prompt = {}
  for prompt, text in lines:gmatch '"prompt_id": ?(%d+), ?"text": ?"([^\n]*)"}' do
    local list = by_prompt[prompt] or {}
    by_prompt[prompt] = list
    list[#list + 1] = text
  end
  return by_prompt
end

-- The length of the longest common prefix, by halving.
local function common_prefix(a, b)
  local low, high = 0, math.min(#a, #b)
  while low < high do
    local middle = (low + high + 1) // 2
    if a:sub(1, middle) == b:sub(1, middle) then low = middle else high = middle - 1 end
  end
  return low
end

---Characters that two texts, as they stand in JSON strings, have in common before they part.
---@param a string
---@param b string
---@return integer? characters nil where the texts are the same
function divergence.position(a, b)
  if a == b then return nil end
  local prefix = a:sub(1, common_prefix(a, b))
  prefix = prefix:gsub('\\["\\/bfnrt]', "."):gsub("\\u%x%x%x%x", "."):gsub("\\u?%x*$", "")
  local _, continued = prefix:gsub("[\x80-\xBF]", "")
  -- a character whose first bytes agree is not in common
  local last = prefix:match "[\xC0-\xFF][\x80-\xBF]*$"
  local whole = not last or utf8.len(last)
  return #prefix - continued - (whole and 0 or 1)
end

---Compares the kept texts of two cells, prompt by prompt.
---@param baseline string path of its outputs.jsonl.gz
---@param method string the same
---@return integer[]? positions one a prompt whose answers differ, sorted; nil where texts were not kept
function divergence.between(baseline, method)
  local a, b = read_texts(baseline), read_texts(method)
  if not a or not b then return nil end
  local positions = {}
  for prompt, texts in pairs(a) do
    for i, text in ipairs(texts) do
      local other = b[prompt] and b[prompt][i]
      positions[#positions + 1] = other and divergence.position(text, other) or nil
    end
  end
  table.sort(positions)
  return positions
end

return divergence
