-- The prompts of a workload: drawn with the cell's seed or given, and made longer or unlike all others where they must
-- be.

local data = require "specbench.dataset"
local rng = require "sb.rng"
local tables = require "specbench.base.tables"

local prompts = {}

-- What stands before a prompt that must begin like no other.
local SALT, SALT_NUMBERS = "Request %09d.\n", 1000000000
prompts.SALT_TOKENS = 12 -- Qwen2.5's, digits one by one
-- Copies of a prompt have its number plus this for each copy.
local COPY_IDS = 1000000

---A prompt that begins with a number of its own, so that no prefix cache serves it.
---@param prompt table
---@param name string what the number follows from
---@return table prompt another
function prompts.salted(prompt, name)
  local copy = tables.merged(prompt)
  local salt = SALT:format(tonumber(rng.hash(name):sub(1, 12), 16) % SALT_NUMBERS)
  if prompt.earlier then
    copy.earlier = table.move(prompt.earlier, 1, #prompt.earlier, 1, {})
    copy.earlier[1] = salt .. copy.earlier[1]
  else
    copy.text = salt .. prompt.text
  end
  copy.tokens = prompt.tokens and prompt.tokens + prompts.SALT_TOKENS
  return copy
end

local repeated = setmetatable({}, { __mode = "k" })

---The set, then copies of it in fresh orders, until there are so many prompts. Cells that ask alike share them.
---@param set table
---@param count integer
---@param seed integer
---@return table set
function prompts.repeated(set, count, seed)
  local name = ("%d/%d"):format(count, seed)
  repeated[set] = repeated[set] or {}
  if repeated[set][name] then return repeated[set][name] end
  local items, copy = table.move(set.items, 1, #set.items, 1, {}), 0
  while #items < count do
    copy = copy + 1
    local order = table.move(set.items, 1, #set.items, 1, {})
    rng.new(seed, copy):shuffle(order)
    for i = 1, math.min(#order, count - #items) do
      local item = prompts.salted(order[i], ("copy %d/%s"):format(copy, order[i].text))
      item.id = order[i].id + copy * COPY_IDS
      items[#items + 1] = item
    end
  end
  local longer = tables.merged(set)
  longer.items, longer.once = items, set
  repeated[set][name] = longer
  return longer
end

---The set of which another one is copies; itself where it is none.
---@param set table
---@return table
function prompts.once(set)
  return set.once or set
end

-- Prompts of the author's own, in the shape of a drawn set.
local function own_set(set)
  local items = {}
  for i, prompt in ipairs(set.items) do
    if type(prompt) ~= "table" or type(prompt.text) ~= "string" then
      error(("workload: prompts.items[%d] must be { text = \"...\" }"):format(i), 0)
    end
    items[i] = tables.merged(prompt)
    items[i].id = prompt.id or i
  end
  if #items == 0 then error("workload: prompts.items is empty", 0) end
  local whole = tables.merged(set)
  whole.items = items
  return whole
end

---What a workload's `prompts` stands for: a description is drawn here, with the cell's own seed, so that no repeat
---can be given the prompts of another; a set is taken as it is.
---@param spec table
---@param cell specbench.coordinates
---@return table set
---@return boolean? is_drawn
function prompts.of(spec, cell)
  if spec.items then return spec.dataset and spec or own_set(spec) end
  if spec.seed and spec.seed ~= cell.seed then
    error(("workload: prompts.seed = %s: leave it out, the library draws the prompts with the cell's seed "
      .. "(data.prompts { seed = ... } draws some that are the same in every repeat)"):format(tostring(spec.seed)), 0)
  end
  local described = tables.merged(spec)
  described.seed = cell.seed
  local is_number = type(spec.count) == "number" -- else what draws them says what it must be
  if cell.prompts and (is_number or spec.count == nil) then
    described.count = math.min(spec.count or cell.prompts, cell.prompts)
  end
  local set, message = data.prompts(described)
  if not set then error("workload: " .. message, 0) end
  return set, true
end

local fingerprints = setmetatable({}, { __mode = "k" })

---A hash of the very texts: what the cell's identity stands on.
---@param set table
---@return string
function prompts.hash(set)
  if not fingerprints[set] then
    local parts = {}
    for i, prompt in ipairs(set.items) do
      local turns = table.move(prompt.earlier or {}, 1, #(prompt.earlier or {}), 1, {})
      turns[#turns + 1] = prompt.text
      for k, turn in ipairs(turns) do turns[k] = rng.hash(turn) end
      parts[i] = prompt.id .. ":" .. table.concat(turns, "+")
    end
    fingerprints[set] = rng.hash(table.concat(parts, ","))
  end
  return fingerprints[set]
end

return prompts
