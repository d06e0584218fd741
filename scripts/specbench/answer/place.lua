-- Where a cell stands, in the words that an answer is given in: its target, method, load, setting and the rest.

local json = require "specbench.base.json"
local keys = require "specbench.results.keys"

local place = {}

---@class specbench.answer.load
---@field kind "concurrency"|"rate"
---@field value number requests at once, or a second

---The load that a cell was measured under. A cell that says neither is taken to be one load.
---@param cell table
---@return specbench.answer.load
function place.load(cell)
  local work = cell.identity.workload
  if work.rate then return { kind = "rate", value = work.rate } end
  return { kind = "concurrency", value = tonumber(work.concurrency or cell.coordinates.concurrency) or 1 }
end

---@param cell table
---@return string the model's name; of one that is a path, its last part
function place.target(cell)
  local name = tostring(cell.identity.server.model.name)
  return name:find "^/" and name:match "([^/]+)/*$" or name
end

---@param cell table
---@return string
function place.method(cell)
  return cell.identity.server.method or "none"
end

---@param cell table
---@return string? of its coordinates, else of its workload
function place.task(cell)
  local task = cell.coordinates.task or cell.identity.workload.task
  return task ~= nil and tostring(task) or nil
end

-- Axes that already have a name of their own here.
local NAMED = { model = true, method = true, task = true, concurrency = true }

local function server_of(cell)
  return json.encode(cell.identity.server)
end

---@class specbench.answer.axes
---@field settings string[] axes that change a method's server: k, say
---@field rest string[] axes that change its work: the prompts' context, say

---Sorts the axes on which cells differ, other than target, method, task and load: those of which every server has but
---one value are settings of it.
---@param cells table[] those that speculate
---@param about table the store's round.json
---@return specbench.answer.axes
function place.axes(cells, about)
  local found = { settings = {}, rest = {} }
  for _, axis in ipairs(about.axes) do
    local values, by_server, is_setting, is_load = {}, {}, true, true
    for _, cell in ipairs(cells) do
      local value = cell.coordinates[axis.name]
      local text, server = keys.spelled(value), server_of(cell)
      values[text] = true
      if by_server[server] and by_server[server] ~= text then is_setting = false end
      by_server[server] = text
      -- an axis of request rates is a load under another name
      local is_this_load = value == place.load(cell).value or value == nil or value == keys.ABSENT
      is_load = is_load and is_this_load
    end
    local first = next(values)
    local differs = first ~= nil and next(values, first) ~= nil
    if differs and not NAMED[axis.name] and not is_load then
      table.insert(is_setting and found.settings or found.rest, axis.name)
    end
  end
  return found
end

---The values that a cell has on some axes, as one text.
---@param cell table
---@param names string[]
---@return string text "k=3 lookup=4"; "" where the axes mean nothing to it
function place.on(cell, names)
  local words = {}
  for _, name in ipairs(names) do
    local value = cell.coordinates[name]
    if value ~= nil then words[#words + 1] = ("%s=%s"):format(name, tostring(value)) end
  end
  return table.concat(words, " ")
end

return place
