-- How long the answers of a workload may be: what `limits` says of each of its prompts, checked and asked twice. A grid
-- asks hundreds of thousands of times for few different answers, so what cells have in common is read once: cells whose
-- prompts are the same set, and whose coordinates are the same as far as `limits` looks at them, get the same list. It
-- is to be read only.

local blame = require "specbench.base.blame"
local fields = require "specbench.experiment.workload_shape"
local rng = require "sb.rng"
local view = require "specbench.experiment.view"

local limits = {}

local WEAK_KEYS, WEAK_VALUES = { __mode = "k" }, { __mode = "v" }

local sound = setmetatable({}, WEAK_VALUES) -- checked limits by their text
local lists = setmetatable({}, WEAK_VALUES) -- lists by the texts of all their limits
local hashes = setmetatable({}, WEAK_KEYS) -- of a list
local answers = setmetatable({}, WEAK_KEYS) -- of a function: by set of prompts, a specbench.view.memory of lists

-- Nothing but limits that can be told apart by their text.
local function is_plain(limit)
  for name, value in pairs(limit) do
    local kind = (name == "max_tokens" or name == "min_tokens") and math.type(value) == "integer"
      or name == "ignore_eos" and type(value) == "boolean"
    if not kind then return false end
  end
  return limit.max_tokens ~= nil
end

local function text_of(limit)
  return ("%d/%d/%s"):format(limit.max_tokens, limit.min_tokens or 0, tostring(limit.ignore_eos or false))
end

-- What a function of limits gave for a prompt, checked.
local function read(limit, i)
  local text = type(limit) == "table" and is_plain(limit) and text_of(limit)
  if text and sound[text] then return sound[text] end
  local flaw = fields.limits:flaws(limit)[1]
  if flaw then error(("%s (prompt %d)"):format(flaw, i), 0) end
  limit = fields.limits:read(limit)
  if text then sound[text] = limit end
  return limit
end

-- The function's answers to all prompts.
local function ask(f, prompts, seen, describe)
  local list, at = {}, nil
  blame.call(function() return ("limits(prompt %d of %s)"):format(at, describe) end, function()
    for i, prompt in ipairs(prompts) do
      at = i
      list[i] = f(prompt, seen) or false
    end
  end)
  for i, limit in ipairs(list) do list[i] = read(limit or nil, i) end
  return list
end

-- The list itself, or the one that says the same.
local function shared(list)
  local texts = {}
  for i, limit in ipairs(list) do texts[i] = text_of(limit) end
  local text = table.concat(texts, ",")
  if not lists[text] then
    lists[text] = list
    hashes[list] = rng.hash(text)
  end
  return lists[text]
end

-- They are part of what a cell is: drawn anew each time, they would be another cell on every run.
local function check_again(list, again)
  for i, limit in ipairs(again) do
    local first, second = text_of(list[i]), text_of(limit)
    if first ~= second then
      error(("workload.limits: returns something else each time (prompt %d: %s, then %s): derive it from the "
        .. "prompt or from c.seed"):format(i, first, second), 0)
    end
  end
end

---@param spec table|fun(prompt: table, c: table): table what the workload says
---@param set { items: table[] } prompts
---@param cell specbench.coordinates
---@param options { seen: table?, looked_at: specbench.view.reads?, describe: string? } seen: the cell as the function
---  gets it; looked_at: what it has looked at there, as far as it is noted; describe: the cell, for messages
---@return table[] list of each prompt's, in order; to be read only
function limits.of(spec, set, cell, options)
  if type(spec) == "table" then
    local limit, list = fields.limits:read(spec), {}
    for i = 1, #set.items do list[i] = limit end
    return shared(list)
  end
  answers[spec] = answers[spec] or setmetatable({}, WEAK_KEYS)
  answers[spec][set] = answers[spec][set] or view.memory()
  local known = answers[spec][set]:find(cell)
  if known then return known end
  local seen, describe = options.seen or cell, options.describe or "a cell"
  local list = ask(spec, set.items, seen, describe)
  check_again(list, ask(spec, set.items, seen, describe))
  list = shared(list)
  if options.looked_at then answers[spec][set]:keep(cell, options.looked_at, list) end
  return list
end

---One answer of exactly so many tokens.
---@param tokens integer
---@param ignore_eos boolean?
---@return table limit
function limits.exactly(tokens, ignore_eos)
  return { max_tokens = tokens, min_tokens = tokens, ignore_eos = ignore_eos }
end

---@param list table[] of limits.of
---@return table[] list whose answers are all as long as their limits
function limits.fixed(list)
  local exact = {}
  for i, limit in ipairs(list) do exact[i] = limits.exactly(limit.max_tokens, true) end
  return shared(exact)
end

---@param list table[] of limits.of or limits.fixed
---@return string hash for the cell's identity
function limits.hash(list)
  return hashes[list]
end

return limits
