-- Which cells of a sweep are measured once more: those whose throughput leaves the trend of their neighbours, and
-- those that stood still. Which result counts is settled before the second one is seen (results/store).

local flags = require "specbench.analysis.flags"
local older = require "specbench.analysis.older"
local speedup = require "specbench.analysis.speedup"
local tables = require "specbench.base.tables"

local guard = {}

---@class specbench.guard
---@field held table<string, table>? id -> the cell that counts; nil until somebody asks
---@field by_id table<string, specbench.flag>? why they look wrong; nil until somebody asks, and again with each new one
---@field tried table<string, boolean> ids measured again in this sweep, well or not
local Guard = {}
Guard.__index = Guard

---@param store specbench.store
---@param engine string cells of other engines are no neighbours
---@return specbench.guard
function guard.new(store, engine)
  return setmetatable({ store = store, engine = engine, tried = {} }, Guard)
end

-- Prompts that the server may have kept would be answered faster the second time.
local function is_repeatable(cell)
  return cell.prefix_cache == "off" or cell.prefix_cache == "reset"
end

---@return table<string, table> cells id -> the one that counts
function Guard:cells()
  if not self.held then
    self.held = {} -- a folder of many cells takes its time
    for _, cell in ipairs(self.store:cells()) do self:add(cell) end
  end
  return self.held
end

---@param cell table one that was measured well, and kept
function Guard:add(cell)
  if not self.held then return end -- whoever asks will find it in the folder
  if cell.engine.name == self.engine then self.held[cell.id] = cell end
  self.by_id = nil
end

local function suspicious(self)
  local cells, by_id, held = {}, {}, self:cells()
  for _, id in ipairs(tables.keys(held)) do
    -- what was measured before the round changed is no neighbour
    if not older.is_older(held[id], self.store.about) then cells[#cells + 1] = held[id] end
  end
  for _, flag in ipairs(flags.suspicious(speedup.current(cells))) do
    by_id[flag.cell.id] = by_id[flag.cell.id] or flag
  end
  return by_id
end

---Batches of a session with a cell to measure again.
---@param session specbench.session
---@return { batch: specbench.batch, flags: table<string, specbench.flag> }[] list flags: by the cell's id
function Guard:suspects(session)
  self.by_id = self.by_id or suspicious(self)
  local by_id, list = self.by_id, {}
  for _, batch in ipairs(session) do
    local found = {}
    for _, job in ipairs(batch) do
      local flag = not job.server.profile and by_id[job.id]
      local is_new = flag and not self.tried[job.id] and not self.store:has_rerun(job.id)
      if is_new and is_repeatable(flag.cell) then found[job.id] = flag end
    end
    if next(found) then list[#list + 1] = { batch = batch, flags = found } end
  end
  return list
end

return guard
