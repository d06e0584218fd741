-- Opens a results folder for a fit: ours, or the reference system's.

local cells = require "specbench.predict.cells"
local fs = require "sb.fs"
local keys = require "specbench.results.keys"
local published_folder = require "specbench.export.spec_bench_vllm_folder"
local store = require "specbench.results.store"
local study = require "specbench.analysis.study"
local tables = require "specbench.base.tables"

local input = {}

---@class specbench.predict.input
---@field about table round.json, or what stands for it
---@field reference boolean the reference system's tables
---@field study specbench.study
---@field measured specbench.predict.record[]
---@field left_out table<string, integer> cells that cannot take part, by reason
---@field index specbench.speedup.index
---@field simulated boolean
---@field warnings string[]?
local Input = {}
Input.__index = Input

---@param folder string
---@param options { baseline: string?, across_hosts: boolean? } as for a report
---@return specbench.predict.input? input
---@return string? message one line
function input.open(folder, options)
  local found = fs.stat(folder)
  if not found then return nil, folder .. ": no such folder" end
  local the_store, message
  local reference = false
  if found.type == "folder" and not fs.stat(folder .. "/round.json") then
    reference = true
    the_store, message = published_folder.open(folder)
    message = message and ("%s holds no round.json; %s"):format(folder, message)
  else
    the_store, message = store.open(folder)
  end
  if not the_store then return nil, message end
  local ok, opened = pcall(study.of, the_store, options)
  if not ok then return nil, type(opened) == "table" and opened.message or tostring(opened) end
  local self = setmetatable({ about = the_store.about, reference = reference, index = opened.index, study = opened,
    warnings = the_store.warnings, simulated = false }, Input)
  self.measured, self.left_out = cells.measured(opened.cells)
  for _, record in ipairs(self.measured) do self.simulated = self.simulated or record.simulated or false end
  if #self.measured == 0 then
    local why = tables.keys(self.left_out)[1]
    return nil, ("%s holds no cell that a fit can take%s"):format(folder, why and ": " .. why or "")
  end
  return self
end

---Tells a reference's places which cell they are compared with: a method's all with the same one's, as its measured
---cells are.
---@param places specbench.predict.record[]
function Input:share_baselines(places)
  if not self.reference then return end
  local plain_of, by_key = {}, {}
  for _, record in ipairs(self.measured) do by_key[record.key] = record end
  for _, record in ipairs(self.measured) do
    local baseline = by_key[record.baseline]
    if baseline then plain_of[record.coordinates.method] = baseline.coordinates.method end
  end
  for _, place in ipairs(places) do
    local plain = plain_of[place.coordinates.method]
    place.baseline = plain and keys.place(keys.of(self.about, place.coordinates, { method = plain, k = 0 }))
      or place.baseline
  end
end

return input
