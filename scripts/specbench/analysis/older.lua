-- Cells that the round, as it was last run, would not measure the way they were measured: its servers, prompts or
-- limits have changed since. Beside cells of today they would pass for a difference that they are not.

local identity = require "specbench.results.identity"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local tables = require "specbench.base.tables"

local older = {}

---Whether the last run would have measured another cell in this one's place.
---@param cell table
---@param about table the store's round.json
---@return boolean? is nil where that run says nothing of it
function older.is_older(cell, about)
  if cell.identity.engine ~= about.engine then return nil end -- another engine's cells are told apart by its name
  local planned = (about.planned or {})[cell.key]
  if planned == nil then return nil end
  return planned ~= cell.id
end

---@param cells table[]
---@param about table the store's round.json
---@return table[] today those that the last run plans, and those of which it says nothing
---@return table[] before
function older.split(cells, about)
  if not about.planned then return cells, {} end
  local today, before, servers, unknown = {}, {}, {}, {}
  for _, cell in ipairs(cells) do
    local is = older.is_older(cell, about)
    if is == nil then
      unknown[#unknown + 1] = cell
    else
      table.insert(is and before or today, cell)
      local place = keys.place(cell.key)
      servers[place] = servers[place] or {}
      if is then servers[place][json.encode(cell.identity.server)] = true end
    end
  end
  -- a later repeat, of which the last run says nothing, is what its place's other repeats are
  for _, cell in ipairs(unknown) do
    local place = servers[keys.place(cell.key)]
    local same = place and cell.identity.engine == about.engine and place[json.encode(cell.identity.server)]
    table.insert(same and before or today, cell)
  end
  return today, before
end

---@param today table[]
---@param before table[]
---@return string text a line; "" where there is none
function older.text(today, before)
  if #before == 0 then return "" end
  local by_key, replaced, what = {}, 0, {}
  for _, cell in ipairs(today) do by_key[cell.key] = cell end
  for _, cell in ipairs(before) do
    local successor = by_key[cell.key]
    if successor then
      replaced = replaced + 1
      for _, name in ipairs(identity.changes(cell, successor)) do what[name] = true end
    end
  end
  local names = tables.keys(what)
  return ("Measured before the round changed: %d cells, %d of which have been measured anew%s; they are no part of "
    .. "the above. The command of the last run measures what is missing, --fresh moves the old ones aside\n"):format(
    #before, replaced, #names > 0 and (" (changed: %s)"):format(table.concat(names, ", ")) or "")
end

---@param cells table[]
---@return string text a line where one engine's cells are of several versions
function older.versions(cells)
  local counts = {}
  for _, cell in ipairs(cells) do
    local name, version = cell.engine.name, cell.engine.version
    if version then
      counts[name] = counts[name] or {}
      counts[name][version] = (counts[name][version] or 0) + 1
    end
  end
  local lines = {}
  for _, name in ipairs(tables.keys(counts)) do
    local versions = tables.keys(counts[name])
    if #versions > 1 then
      for i, version in ipairs(versions) do versions[i] = ("%s (%d cells)"):format(version, counts[name][version]) end
      lines[#lines + 1] = ("Several versions of %s stand side by side: %s; --fresh measures all with one\n")
        :format(name, table.concat(versions, ", "))
    end
  end
  return table.concat(lines)
end

return older
