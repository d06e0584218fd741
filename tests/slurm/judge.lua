--- What a folder that several nodes measured together has in common with one that nobody disturbed: DIR/shared and
--- DIR/alone, both with their reports.
---
---   local judge = dofile(environment.home .. "/tests/slurm/judge.lua")
---   local own = judge.folders(folder)    -- prints a line a check; cells of `shared` by the host that measured them
---   judge.check("no process is left", count == 0, "%d", count)
---   return judge.failures == 0 and 0 or 1

local fs = require "sb.fs"
local store = require "specbench.results.store"

local judge = { failures = 0 }

---@param what string
---@param holds boolean
---@param format string? what else is said of it
function judge.check(what, holds, format, ...)
  judge.failures = judge.failures + (holds and 0 or 1)
  print(("%-52s %s%s"):format(what, holds and "yes" or "NO", format and ": " .. format:format(...) or ""))
end

-- The cells of a folder, by id and by key.
local function cells_of(folder)
  local by_id, by_key = {}, {}
  for _, cell in ipairs(assert(store.open(folder)):cells()) do
    by_id[cell.id], by_key[cell.key] = cell, cell
  end
  return by_id, by_key
end

---@param folder string
---@return table<string, integer> own
function judge.folders(folder)
  local function read(name) return fs.read(("%s/%s"):format(folder, name)) or "" end
  -- but for how long lay between the earlier and the later repeats
  local function speedups(name) return (read(name .. "/speedups.jsonl"):gsub('"seconds": [%d.e+-]+', "")) end
  local shared, by_key = cells_of(folder .. "/shared")
  local alone = cells_of(folder .. "/alone")
  local wanted, found, pairs_there, torn, own = 0, 0, 0, 0, {}
  for id in pairs(alone) do
    wanted = wanted + 1
    found = found + (shared[id] and 1 or 0)
  end
  for id, cell in pairs(shared) do
    local base = by_key[cell.baseline]
    own[cell.machine.host] = (own[cell.machine.host] or 0) + 1
    if not alone[id] then found = found - 1 end
    if base and base ~= cell then
      pairs_there = pairs_there + 1
      if base.machine.boot_id ~= cell.machine.boot_id then torn = torn + 1 end
    end
  end
  judge.check("every cell is there once", found == wanted and #(fs.list(folder .. "/shared/failed") or {}) == 0,
    "%d of %d", found, wanted)
  judge.check("every cell and its baseline are of one node", torn == 0 and pairs_there > 0, "%d pairs, %d torn",
    pairs_there, torn)
  judge.check("speed-ups and maxima are those of one node", speedups "shared" == speedups "alone"
    and read "shared/maxima.jsonl" == read "alone/maxima.jsonl", "%d places",
    select(2, read("shared/speedups.jsonl"):gsub("\n", "")))
  judge.check("nothing is claimed, no try is left but a lost one", #fs.list(folder .. "/shared/share/claims") == 0
    and #fs.list(folder .. "/shared/share/tries") <= 1)
  return own
end

return judge
