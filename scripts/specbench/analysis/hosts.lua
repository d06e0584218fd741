-- Where cells were measured. What two machines or two kinds of GPU differ by would pass for what a method gains, so a
-- baseline must have run on the same GPU model and driver, and on the same host unless it is asked for otherwise.

local tables = require "specbench.base.tables"

local hosts = {}

---The GPUs that a cell's server could use.
---@param cell table
---@return table[]? rows of nvidia-smi; nil where they are not known or none of its business
function hosts.gpus(cell)
  local machine, engine = cell.machine or {}, cell.engine
  if not machine.gpus or engine.name:find "sim$" or engine.name:find "^external" then return nil end
  local wanted = {}
  for _, gpu in ipairs(engine.gpus or {}) do wanted[tostring(gpu)] = true end
  local list = {}
  for _, row in ipairs(machine.gpus) do
    if wanted[tostring(row.index)] or row.uuid and wanted[row.uuid] then list[#list + 1] = row end
  end
  return #list > 0 and list or machine.gpus -- a slice of one (MIG) has a name of its own
end

---@param rows table[] of hosts.gpus
---@param field string
---@return string? values each once, in order; nil where one is not known
function hosts.values(rows, field)
  local seen = {}
  for _, row in ipairs(rows) do
    if row[field] == nil then return nil end
    seen[tostring(row[field])] = true
  end
  return table.concat(tables.keys(seen), ", ")
end

local function uuids_of(machine)
  local uuids, any = {}, false
  for _, row in ipairs(machine.gpus or {}) do
    if row.uuid then uuids[row.uuid], any = true, true end
  end
  return any and uuids or nil
end

local function share_one(mine, other)
  for uuid in pairs(mine) do
    if other[uuid] then return true end
  end
  return false
end

---Whether two cells were measured on one machine. A container has a host name of its own, a job may see some of its
---machine's GPUs only, and a machine may have been started anew: one thing that only one machine has is enough.
---@param cell table
---@param base table
---@return boolean
function hosts.same(cell, base)
  local mine, other = cell.machine, base.machine
  if not mine or not other or not mine.host or not other.host then return true end -- nothing is known of one
  if mine.boot_id and mine.boot_id == other.boot_id then return true end
  local left, right = uuids_of(mine), uuids_of(other)
  if left and right then return share_one(left, right) end
  return mine.host == other.host
end

-- What two machines with GPUs must have in common, or two without.
local function unlike(cell, base)
  local mine, other = hosts.gpus(cell), hosts.gpus(base)
  if not mine or not other then
    if cell.machine.gpus or base.machine.gpus or hosts.same(cell, base) then return nil end
    local left, right = cell.machine.cpu, base.machine.cpu
    return left and right and left ~= right and ("the baseline ran on another CPU (%s, this cell on %s)")
      :format(right, left) or nil
  end
  for _, field in ipairs { { "name", "on another GPU" }, { "driver", "with another GPU driver" } } do
    local left, right = hosts.values(mine, field[1]), hosts.values(other, field[1])
    if left and right and left ~= right then
      return ("the baseline ran %s (%s, this cell %s)"):format(field[2], right, left)
    end
  end
end

---Why a cell cannot be compared with a baseline that was measured where it was.
---@param cell table
---@param base table
---@param across boolean? another host of the same kind will do
---@return string? reason
function hosts.mismatch(cell, base, across)
  if not cell.machine or not base.machine or cell.virtual then return nil end -- virtual time is the same everywhere
  local reason = unlike(cell, base)
  if reason or across or hosts.same(cell, base) then return reason end
  return ("the baseline was measured on another host (%s, this cell on %s): --across-hosts compares them all the same")
    :format(base.machine.host, cell.machine.host)
end

---What stands for a cell's host where blocks of repeats are told apart.
---@param cell table
---@return string
function hosts.key(cell)
  local machine = cell.machine or {}
  return tostring(not cell.virtual and (machine.boot_id or machine.host) or "")
end

local function uses_same_gpus(cell, base)
  local mine, other = hosts.gpus(cell), hosts.gpus(base)
  local left, right = mine and hosts.values(mine, "uuid"), other and hosts.values(other, "uuid")
  return not left or not right or left == right
end

---What must be known of pairs that do not stem from one GPU, and of repeats that do not stem from one host.
---@param comparisons { cell: table, base: table }[]
---@return string[] lines
function hosts.lines(comparisons)
  local across, other_gpu, names, lines = 0, 0, {}, {}
  for _, one in ipairs(comparisons) do
    local cell, base = one.cell, one.base
    if not hosts.same(cell, base) and not cell.virtual then
      across = across + 1
    elseif not uses_same_gpus(cell, base) then
      other_gpu = other_gpu + 1
    end
    if cell.machine and cell.machine.host and not cell.virtual then names[hosts.key(cell)] = cell.machine.host end
  end
  if across > 0 then
    lines[1] = ("in %d of %d comparisons the baseline was measured on another host of the same kind (--across-hosts): "
      .. "what hosts differ by is part of them"):format(across, #comparisons)
  end
  if other_gpu > 0 then
    lines[#lines + 1] = ("in %d of %d comparisons the baseline ran on another GPU of the same host, model and driver")
      :format(other_gpu, #comparisons)
  end
  local count = #tables.keys(names)
  if count > 1 then
    lines[#lines + 1] = ("measured on %d hosts; %s"):format(count, across == 0
      and "each cell and its baseline on one, and each host's repeats are a block of their own"
      or "each host's repeats are a block of their own")
  end
  return lines
end

return hosts
