-- What a search of a results folder's grid has found, and how far it came: search.json, sealed, written anew after each
-- cell.

local cell_shape = require "specbench.results.cell_shape"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local sealed = require "specbench.results.sealed"

local searched = {}

---@class specbench.searched
---@field tolerance number 0.02: a setting that is 2 % slower than the best is as good
---@field sure number probability that an answer has to have
---@field budget number? seconds
---@field spent number seconds of all runs of this search, server starts included; simulated ones in virtual time
---@field ended "answered"|"budget"|"nothing tells more"|nil why there was no further cell; nil: it was not at its end
---@field cells integer of the grid
---@field measured integer
---@field baselines_left integer? of the cells that are not measured, those of a baseline
---@field answers specbench.search.answer[]
---@field refused table<string, string> methods, or a method's work, of which nothing can be said, and why

local function path_of(store)
  return store.folder .. "/search.json"
end

---@param store specbench.store
---@param found specbench.searched
function searched.keep(store, found)
  assert(fs.write(path_of(store), sealed.encode(found)))
end

---@param store specbench.store
---@return specbench.searched? found nil: nobody searched here, or see the message
---@return string? message why it cannot be read
function searched.kept(store)
  local path = path_of(store)
  if not fs.stat(path) then return nil end
  local found, message = sealed.read(path, cell_shape.search_flaw)
  return found and foreign.tree(found), message
end

---The next run measures the whole grid, or another question.
---@param store specbench.store
function searched.forget(store)
  fs.remove(path_of(store))
end

return searched
