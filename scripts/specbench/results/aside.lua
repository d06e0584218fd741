-- What makes room in a results folder. Nothing that was measured is deleted: it moves.

local damage = require "specbench.results.damage"
local fs = require "sb.fs"
local sealed = require "specbench.results.sealed"

local aside = {}

---The first of PART/ID-1, PART/ID-2, ... that is not there.
---@param folder string
---@param part string of the folder: "failed"
---@param id string
---@return string path
function aside.attempt(folder, part, id)
  local attempt = 1
  while fs.stat(("%s/%s/%s-%d"):format(folder, part, id, attempt)) do attempt = attempt + 1 end
  return ("%s/%s/%s-%d"):format(folder, part, id, attempt)
end

-- Moves the cells of a part of the folder that were measured at these places, however they were.
local function move_some(folder, target, part, places)
  local ok, message = true, nil
  for _, name in ipairs(fs.list(("%s/%s"):format(folder, part)) or {}) do
    local from = ("%s/%s/%s"):format(folder, part, name)
    local cell = ok and damage.cell(from)
    if cell and places[cell.key] then
      ok, message = fs.mkdir(("%s/%s"):format(target, part))
      if ok then ok, message = fs.commit(from, ("%s/%s/%s"):format(target, part, name)) end
    end
  end
  return ok, message
end

---For --fresh: cells move to a folder named after the moment, a results folder like any other.
---@param folder string
---@param places table<string, any>? whose cells move, by key; nil: all do
---@return string? target where they are now
---@return string? message
function aside.cells(folder, places)
  local moment = ("%s/before-%s"):format(folder, os.date "%Y%m%d-%H%M%S")
  local target, again = moment, 1
  while fs.stat(target) do -- two runs within one second
    again = again + 1
    target = ("%s-%d"):format(moment, again)
  end
  local ok, message = fs.mkdir(target)
  for _, name in ipairs { "round.json", "until.json", "search.json" } do -- what a report of them needs
    local text = sealed.bytes(("%s/%s"):format(folder, name))
    if ok and text then ok, message = fs.write(("%s/%s"):format(target, name), text) end
  end
  for _, part in ipairs { "cells", "reruns", "failed" } do
    local from = ("%s/%s"):format(folder, part)
    if ok and places then
      ok, message = move_some(folder, target, part, places)
    elseif ok and fs.stat(from) then
      ok, message = fs.commit(from, ("%s/%s"):format(target, part))
    end
  end
  return ok and target or nil, message
end

-- Moves PART/NAME to damaged/, where it does no harm: some of it may be worth having.
local function set_damaged(folder, from, name)
  local ok, message = fs.mkdir(folder .. "/damaged")
  local target = aside.attempt(folder, "damaged", name)
  if ok then ok, message = os.rename(("%s/%s"):format(folder, from), target) end
  return ok and target or nil, message
end

---Damaged cells make room for another measurement; not those that could not be read just now, as where descriptors are
---short or a disk fails.
---@param folder string
---@return string[]? lines what was done, for whoever runs this
---@return string? message
function aside.damaged(folder)
  local lines, list = {}, damage.find(folder, { keeps_index = true })
  for _, found in ipairs(list) do
    if found.unreadable then
      return nil, ("%s, which may be as it was measured: mend that, or move %s/%s/%s away to measure it again"):format(
        found.reason, folder, found.part, found.id)
    end
  end
  for i, found in ipairs(list) do
    local target, message = set_damaged(folder, ("%s/%s"):format(found.part, found.id), found.id)
    if not target then return nil, message end
    lines[i] = ("cell %s is damaged, moved to %s and measured again: %s"):format(found.id, target, found.reason)
  end
  return lines
end

---A file that cannot be trusted.
---@param folder string
---@param name string in the folder
---@param reason string
---@return string? line what was done, for whoever runs this
---@return string? message
function aside.file(folder, name, reason)
  local target, message = set_damaged(folder, name, name:match "[^/]*$")
  if not target then return nil, message end
  return ("%s is moved to %s and made anew: %s"):format(name, target, reason)
end

return aside
