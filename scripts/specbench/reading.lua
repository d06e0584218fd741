-- A results folder for charts and scripts of one's own: its cells, and the figures that a report would print of them.
--
--   local results = assert(bench.results "results/round2")
--   for _, row in ipairs(results:speedups()) do print(row.coordinates.context, row.speedups.paired.ratio) end

local keys = require "specbench.results.keys"
local older = require "specbench.analysis.older"
local repeats = require "specbench.analysis.repeats"
local speedup = require "specbench.analysis.speedup"
local store = require "specbench.results.store"
local tables = require "specbench.base.tables"
local unknown = require "specbench.base.unknown"
local verdict = require "specbench.analysis.verdict"

local reading = {}

---@class specbench.results
---@field about table what round.json says: round, title, axes, baseline
---@field cells table[] the cell that counts of each place and repeat, in the grid's order: what cell.json holds, and
---  `baseline`, the key of the cell it is compared with
---@field before table[] cells that the round, as it was last run, would not measure so: no part of a report's figures
---@field warnings string[] a line for each cell that is damaged and left out
local Results = {}
Results.__index = Results

---@param folder string
---@return specbench.results? results
---@return string? message
function reading.open(folder)
  if type(folder) ~= "string" then
    error("bench.results: must be given the path of a results folder, not a " .. type(folder), 2)
  end
  local the_store, message = store.open(folder)
  if not the_store then return nil, message end
  local cells, before = older.split(the_store:cells(), the_store.about)
  keys.sort(the_store.about, cells)
  keys.sort(the_store.about, before)
  return setmetatable({
    about = the_store.about, cells = speedup.current(cells), before = before, warnings = the_store.warnings,
    store = the_store, judged = {},
  }, Results)
end

---The speed-ups of every cell that has a baseline, all repeats together.
---@param options { across_hosts: boolean? }? across_hosts: a baseline that was measured on another host counts too
---@return specbench.verdict.entry[] as in speedups.jsonl: coordinates, repeats, speedups (total_throughput,
---  output_throughput, decode, paired: ratio, low, high), verdict, reason, own
function Results:speedups(options)
  local across = options and options.across_hosts or false
  if not self.judged[across] then
    local index = speedup.index(self.cells)
    index.across_hosts = across
    self.judged[across] = verdict.judge(self.store, self.cells, index, { rule = repeats.kept_rule(self.store) })
  end
  return self.judged[across]
end

---The cells with these coordinates.
---@param coordinates table axis -> value
---@return table[]
function Results:find(coordinates)
  local list, axes = {}, {}
  for i, axis in ipairs(self.about.axes) do axes[i] = axis.name end
  for name in pairs(coordinates) do
    if not tables.contains(axes, name) then
      error(("results:find: no axis '%s'%s; the axes are: %s"):format(tostring(name), unknown.hint(name, axes),
        table.concat(axes, ", ")), 2)
    end
  end
  for _, cell in ipairs(self.cells) do
    local fits = true
    for axis, value in pairs(coordinates) do fits = fits and cell.coordinates[axis] == value end
    if fits then list[#list + 1] = cell end
  end
  return list
end

---A cell's requests with their timelines.
---@param cell table
---@return specbench.run? run
---@return string? message
function Results:run(cell)
  return self.store:run(cell.id)
end

return reading
