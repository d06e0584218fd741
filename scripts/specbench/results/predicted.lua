-- Predictions that lie beside a folder's cells: of the places whose speed-up was not measured since.

local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local sealed = require "specbench.results.sealed"

local predicted = {}

---@class specbench.predicted
---@field coordinates table
---@field is_alone boolean? it was measured, its baseline was not
---@field ratio number? speed-up of total token throughput
---@field low number? of its interval
---@field high number?
---@field seconds number that measuring would have taken
---@field gpus number that it would have taken them on

-- The file may be from elsewhere: what is no number is none.
local function positive(value)
  return math.type(value) and value > 0 and value < math.huge and value or nil
end

-- Whether a cell's speed-up needs no prediction: its baseline was measured, or it has none.
local function is_paired(cell, there)
  return cell.baseline == nil or there[keys.place(cell.baseline)] ~= nil
end

---@param folder string
---@param about table its round.json
---@param cells table[] that were measured
---@return specbench.predicted[]? list nil where the folder holds no predictions
function predicted.of(folder, about, cells)
  local text = sealed.bytes(folder .. "/predictions.jsonl")
  if not text then return nil end
  local list, there = {}, {}
  for _, cell in ipairs(cells) do there[keys.place(cell.key)] = cell end
  for line in text:gmatch "[^\n]+" do
    local told = json.decode(line)
    local coordinates = type(told) == "table" and not told.measured and told.coordinates
    local cell = type(coordinates) == "table" and there[keys.place(keys.of(about, coordinates))]
    if type(coordinates) == "table" and not (cell and is_paired(cell, there)) then
      list[#list + 1] = { coordinates = coordinates, is_alone = cell and true or nil, ratio = positive(told.speedup),
        low = positive(told.low), high = positive(told.high), seconds = positive(told.seconds) or 0,
        gpus = positive(told.gpus) or 1 }
    end
  end
  return list
end

return predicted
