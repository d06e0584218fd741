-- What the live view shows, from a results folder alone: beside the sweep that fills it, on whatever machine sees the
-- folder, or long after.
--
--   local seen = assert(folder.open "results/round2")
--   seen:look()                          -- reads what has landed since
--   view.lines(seen:state(), { ... })

local caveats = require "specbench.analysis.caveats"
local clock = require "sb.clock"
local damage = require "specbench.results.damage"
local fs = require "sb.fs"
local keys = require "specbench.results.keys"
local note = require "specbench.live.note"
local older = require "specbench.analysis.older"
local sharing = require "specbench.results.sharing"
local store = require "specbench.results.store"
local tables = require "specbench.base.tables"
local tally = require "specbench.live.tally"

local folder = {}

---@class specbench.live.folder
---@field warnings string[] damaged cells, a line each
---@field running specbench.live.note? of the sweep that fills it
local Folder = {}
Folder.__index = Folder

local function begin(self)
  local found, message = store.open(self.path)
  if not found then return nil, message end
  self.store, self.warnings = found, found.warnings
  self.description = fs.read(self.path .. "/round.json")
  self.read, self.cells, self.is_simulated = {}, {}, false
  self.sums = tally.new(found, found.about, tables.keys(found.about.planned or {}))
  return true
end

---@param path string
---@return specbench.live.folder?
---@return string? message
function folder.open(path)
  local self = setmetatable({ path = path }, Folder)
  local ok, message = begin(self)
  if not ok then return nil, message end
  return self
end

-- Cells of a part of the folder that were not there before, but for those that the round, as it is now, would not
-- measure. One that is just being made is read the next time.
local function each_new(self, part, visit)
  for _, name in ipairs(fs.list(("%s/%s"):format(self.path, part)) or {}) do
    local place = ("%s/%s/%s"):format(self.path, part, name)
    if not self.read[place] and not self.store.damaged[name] then
      local cell = damage.cell(place)
      if cell then
        self.read[place] = true
        if not older.is_older(cell, self.store.about) then visit(cell) end
      end
    end
  end
end

-- A folder that does not say what was planned was to hold what is in it.
local function plan_what_is_there(self)
  local planned = {}
  for i, cell in ipairs(self.cells) do planned[i] = cell.key end
  self.sums = tally.new(self.store, self.store.about, planned)
end

-- What workers say that share the folder: each has a note in the folder of its try, whose claim tells whether it lives.
local function note_of_workers(path)
  if sharing.count(path) == 0 then return nil end
  local now, looks = clock.wall() / 1e9, sharing.look(path)
  local all = { begun = now, written = now, servers = {} }
  for _, try in ipairs(looks:tries()) do
    local owner = looks:owner(try.unit)
    local found = owner and owner.host == try.host and note.read(try.folder)
    if found then
      all.begun, all.key = math.min(all.begun, found.begun), all.key or found.key
      for _, server in ipairs(found.servers) do
        table.insert(all.servers, tables.merged(server, { name = ("%s: %s"):format(try.host, server.name) }))
      end
    end
  end
  return all
end

---Reads what has landed since the last look.
---@return boolean is_new whether there was something
function Folder:look()
  if fs.read(self.path .. "/round.json") ~= self.description then begin(self) end
  self.running = note.read(self.path) or note_of_workers(self.path)
  local news, failed = {}, {}
  each_new(self, "cells", function(cell) news[#news + 1] = cell end)
  each_new(self, "reruns", function(cell) news[#news + 1] = cell end)
  each_new(self, "failed", function(cell) failed[#failed + 1] = cell end)
  for _, cell in ipairs(news) do
    self.is_simulated = self.is_simulated or caveats.is_simulated(cell)
    table.insert(self.cells, cell)
  end
  table.sort(news, function(a, b) return a.started < b.started end)
  if not self.store.about.planned then plan_what_is_there(self) end
  for _, cell in ipairs(failed) do self.sums:add(cell) end
  if #news > 0 then
    keys.find_baselines(self.store.about, self.cells)
    for _, cell in ipairs(news) do self.sums:add(cell) end
    -- a baseline that landed after them could not be found before
    for _, cell in ipairs(self.cells) do
      local has = self.sums.by_key[cell.baseline]
      if has and has ~= cell and not self.sums.ratios[cell.key] then self.sums:add(cell) end
    end
  end
  return #news + #failed > 0
end

local function servers_of(running, sums, now)
  local servers = {}
  for i, server in ipairs(running and running.servers or {}) do
    servers[i] = tables.merged(server, { seconds = now - server.since, cell = sums:name(server.key or "") })
  end
  return servers
end

---@return specbench.live.state
function Folder:state()
  local about, sums, running, now = self.store.about, self.sums, self.running, clock.wall() / 1e9
  local left = sums.total - sums.done
  return {
    title = about.title or about.round, engine = about.engine or "", folder = self.path,
    is_simulated = self.is_simulated or caveats.is_simulator(about.engine),
    total = sums.total, done = sums.done, failed = sums.failed,
    elapsed_s = running and now - running.begun, left_s = running and running.left_s
      and math.max(0, running.left_s - (now - running.written)),
    left_error_s = running and running.left_error_s, servers = servers_of(running, sums, now), last = sums.last,
    ended = not running and (left == 0 and "complete" or ("not running, %d to do"):format(left)) or nil,
    map = sums:map(running and running.key),
  }
end

return folder
