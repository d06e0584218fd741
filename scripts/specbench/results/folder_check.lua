-- Whether results may lie in a folder, and those of which round.

local damage = require "specbench.results.damage"
local fs = require "sb.fs"
local tables = require "specbench.base.tables"

local folder_check = {
  PARTS = { "cells", "reruns", "failed", "logs", "unfinished" }, -- folders that every results folder has
}

-- What else may lie there before round.json does, or when it is lost.
local OWN = { "lock", "damaged", "conversations", "profiles", "servers", "round.json", "until.json", "search.json",
  "live.json", "live.json.part", "share", "replaced", "try.json", "cells.index" }

-- The round of the cells, where round.json cannot tell it; nil where there is none that could.
local function round_of_cells(folder)
  for _, id in ipairs(fs.list(folder .. "/cells") or {}) do
    local cell = damage.cell(("%s/cells/%s"):format(folder, id))
    if cell and cell.round then return cell.round end
  end
end

-- Anything but what a run leaves that ended before it wrote more: the lock is the first thing that one makes.
local function holds_other_things(folder)
  if fs.stat(folder .. "/lock") and round_of_cells(folder) then return false end
  local names = fs.list(folder) or {}
  for _, name in ipairs(names) do
    local is_own = tables.contains(folder_check.PARTS, name) or tables.contains(OWN, name)
      or name:find "^round%.json%.%x+%.tmp$" or name:find "^before%-%d+%-[%d-]+$"
    if not is_own then return true end
  end
  for _, mark in ipairs { "lock", "share", "try.json" } do
    if fs.stat(("%s/%s"):format(folder, mark)) then return false end
  end
  return #names > 0
end

---@param folder string
---@return true? ok results may lie there
---@return string? message
function folder_check.may_hold(folder)
  if fs.stat(folder .. "/round.json") or not holds_other_things(folder) then return true end
  return nil, ("%s is not empty and holds no results: give another folder with --out"):format(folder)
end

---Why results of a round, measured one way, cannot lie beside what the folder holds.
---@param folder string
---@param previous specbench.description? what it says of its round
---@param about specbench.description of the results to come
---@return string? message nil where they can
function folder_check.objection(folder, previous, about)
  local holds = previous and previous.round or round_of_cells(folder)
  if holds and holds ~= about.round then
    return ("%s holds results of %s, not of %s: give another folder with --out"):format(folder, holds, about.round)
  end
  if not previous or about.fresh then return nil end
  local mode, earlier = about.match or "deployed", previous.match or "deployed"
  if earlier ~= mode then
    return ("%s was measured with --match %s, not %s: give another folder with --out"):format(folder, earlier, mode)
  end
  if previous.limits ~= about.limits then
    return ("%s was measured with %s: give another folder with --out"):format(folder,
      previous.limits and "--limits " .. previous.limits or "the round's own limits")
  end
end

return folder_check
