-- What failed so often that it is not tried again: a cell, over all runs in its folder; a server that does not come up,
-- over this run. Each try costs minutes of every GPU that it has.

local quarantine = {}

---@class specbench.quarantine
---@field limit integer failures that are enough; 0: never
---@field cells table<string, boolean> ids of the cells that are in it
---@field count integer how many
local Quarantine = {}
Quarantine.__index = Quarantine

---@param store specbench.store
---@param jobs specbench.job[]
---@param limit integer
---@return specbench.quarantine
function quarantine.new(store, jobs, limit)
  local self = setmetatable({ limit = limit, cells = {}, count = 0, starts = {} }, Quarantine)
  for _, job in ipairs(limit > 0 and jobs or {}) do
    if not store:has(job.id) and store:measured_failures(job.id) >= limit then
      self.cells[job.id] = true
      self.count = self.count + 1
    end
  end
  return self
end

---Notes that a server did not come up in a session.
---@param key string of the server
---@param message string why
function Quarantine:note(key, message)
  local found = self.starts[key] or { count = 0 }
  found.count, found.message = found.count + 1, message
  self.starts[key] = found
end

---@param key string of a server
---@return string? message why it is not started any more
function Quarantine:refusal(key)
  local found = self.starts[key]
  if self.limit == 0 or not found or found.count < self.limit then return nil end
  return ("its server is in quarantine: it did not come up in %d sessions; the last time: %s"):format(found.count,
    found.message)
end

return quarantine
