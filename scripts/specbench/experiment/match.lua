-- What a comparison holds equal. Engines run a method the way they can: vLLM's draft model falls back to an older model
-- runner and to synchronous scheduling, its EAGLE does not. Two questions follow, and a results folder answers one:
--
--   deployed   each side at the engine's own defaults: what switching speculation on changes for a user
--   pinned     a method as it is, and a plain server started the way that method runs: what the method alone brings
--
-- A pinned round has one axis more: how the plain server is started. It gets a twin for each way that some method runs.

local base = require "specbench.engine.base"
local export = require "specbench.export"
local grid = require "specbench.experiment.grid"
local keys = require "specbench.results.keys"
local tables = require "specbench.base.tables"

local match = {
  modes = { "deployed", "pinned" },
  AXIS = "pinned",
  NOTHING = "nothing", -- the axis' value where the plain server is started as it is
}

---What a report says of a folder's mode.
---@param mode string? nil in folders of older versions
---@return string? line
function match.line(mode)
  if mode == "deployed" then
    return "compared as deployed: each side at the engine's own defaults (--match pinned: like for like)"
  elseif mode == "pinned" then
    return "compared pinned: a method as the engine runs it, against a plain server that is started to run the same way"
  end
end

-- The axis' value for what a plain server is pinned to.
local function name_of(twin)
  local words = {}
  if twin and twin.runner then words[#words + 1] = twin.runner end
  if twin and twin.async_scheduling == false then words[#words + 1] = "sync" end
  return words[1] and table.concat(words, "-") or match.NOTHING
end

-- How each method's cell runs, and which plain cells are asked for: by their keys on the old axes.
local function survey(r, twin_of)
  local twins, wanted, names, places = {}, {}, {}, {}
  local cells = grid.expand(r, { seed = 0, repeats = 1 })
  for i, cell in ipairs(cells) do places[i] = grid.place(r, cell) end
  keys.find_baselines(r, places)
  for i, cell in ipairs(cells) do
    local server = grid.ask(r, "server", cell)
    if base.speculates(server) then
      local twin = twin_of(server)
      local name, baseline = name_of(twin), places[i].baseline
      twins[name] = twin or false
      names[places[i].key] = name
      if baseline then
        wanted[baseline] = wanted[baseline] or {}
        wanted[baseline][name] = true
      end
    end
  end
  return twins, wanted, names
end

---The round as it is compared pinned.
---@param r specbench.round
---@param twin_of fun(description: table): table? how a plain server must be started to run as this one; nil: as it is
---@return specbench.round
function match.pinned(r, twin_of)
  local twins, wanted, names = survey(r, twin_of)
  twins[match.NOTHING] = twins[match.NOTHING] or false
  local values = tables.keys(twins)
  local axes = table.move(r.axes, 1, #r.axes, 1, {})
  axes[#axes + 1] = { name = match.AXIS, values = values, declared = values }

  local function own_key(cell)
    return keys.of(r, cell, nil, 1)
  end

  local function where(cell)
    if r.where and not r.where(cell) then return false end
    local key = own_key(cell)
    local of_method = names[key]
    if of_method then return cell[match.AXIS] == of_method end
    if wanted[key] then return wanted[key][cell[match.AXIS]] == true end
    return cell[match.AXIS] == match.NOTHING
  end

  local function server(cell)
    local description = r.server(cell)
    if type(description) == "table" and not base.speculates(description) then
      description.pinned = twins[cell[match.AXIS]] or nil
    end
    return description
  end

  local function exported(cell)
    local described = r.export[2](cell)
    if type(described) == "table" and cell[match.AXIS] ~= match.NOTHING and not names[own_key(cell)] then
      described = export.load(r.export[1]).apart(described, cell[match.AXIS])
    end
    return described
  end

  return setmetatable({
    axes = axes, where = where, server = server, export = r.export and { r.export[1], exported } or nil,
  }, { __index = r })
end

return match
