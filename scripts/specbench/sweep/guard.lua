-- Which cells of a sweep are measured once more: those whose throughput leaves the trend of their neighbours, and
-- those that stood still. Which result counts is settled before the second one is seen (results/store).

local flags = require "specbench.analysis.flags"
local speedup = require "specbench.analysis.speedup"

local guard = {}

---@class specbench.guard
---@field cells table<string, table> id -> the cell that counts
---@field tried table<string, boolean> ids measured again in this sweep, well or not
local Guard = {}
Guard.__index = Guard

---@param store specbench.store
---@param engine string cells of other engines are no neighbours
---@return specbench.guard
function guard.new(store, engine)
  local self = setmetatable({ store = store, engine = engine, cells = {}, tried = {} }, Guard)
  for _, cell in ipairs(store:cells()) do self:add(cell) end
  return self
end

-- Prompts that the server may have kept would be answered faster the second time.
local function is_repeatable(cell)
  return cell.prefix_cache == "off" or cell.prefix_cache == "reset"
end

---@param cell table one that was measured well
function Guard:add(cell)
  if cell.engine.name == self.engine then self.cells[cell.id] = cell end
end

---Batches of a session with a cell to measure again.
---@param session specbench.session
---@return { batch: specbench.batch, flags: table<string, specbench.flag> }[] list flags: by the cell's id
function Guard:suspects(session)
  local cells = {}
  for _, cell in pairs(self.cells) do cells[#cells + 1] = cell end
  local by_id, list = {}, {}
  for _, flag in ipairs(flags.suspicious(speedup.current(cells))) do
    by_id[flag.cell.id] = by_id[flag.cell.id] or flag
  end
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
