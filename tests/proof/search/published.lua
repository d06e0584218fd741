-- The reference system's tables of round 1 as grids that a search is played against: a method with its baseline each.

local cells = require "specbench.predict.cells"
local keys = require "specbench.results.keys"
local published_folder = require "specbench.export.spec_bench_vllm_folder"
local round_file = require "specbench.experiment.round_file"
local tables = require "specbench.base.tables"

local published = {}

---@param folder string
---@param round string path of the round's file
---@return world.measured[] by the methods' names
function published.measured(folder, round)
  local store = assert(published_folder.open(folder))
  local by_place, methods = {}, {}
  for _, cell in ipairs(store:cells()) do by_place[keys.place(cell.key)] = cell end
  for _, place in ipairs(cells.of_round(assert(round_file.load(round)), {}, store.about)) do
    local cell = by_place[place.key]
    local base = cell and cell.baseline ~= cell.key and by_place[keys.place(cell.baseline)]
    if base then
      local method = cell.coordinates.method
      methods[method] = methods[method] or { name = method, round = store.about, by_place = by_place, any_model = true,
        places = {}, plain = {} }
      local own = methods[method]
      place.slot, place.baseline = ("%s %d"):format(method, place.k), keys.place(base.key)
      own.plain[place.baseline] = true
      table.insert(own.places, place)
    end
  end
  for _, place in ipairs(cells.of_round(assert(round_file.load(round)), {}, store.about)) do
    for _, own in pairs(methods) do
      if own.plain[place.key] then
        place.slot, place.baseline = "baseline", place.key
        table.insert(own.places, tables.merged(place))
      end
    end
  end
  local list = {}
  for i, name in ipairs(tables.keys(methods)) do list[i] = methods[name] end
  return list
end

return published
