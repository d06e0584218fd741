-- Brings cells that were measured in several results folders together in one. Only whole cells that are as they were
-- written are copied, each under its id; what lies in the target stays, and the sources are only read. What was cut
-- short goes on where it stopped when it is asked for again.

local aside = require "specbench.results.aside"
local cell_files = require "specbench.results.cell_files"
local damage = require "specbench.results.damage"
local fs = require "sb.fs"
local identity = require "specbench.results.identity"
local keys = require "specbench.results.keys"
local rounding = require "specbench.results.rounding"
local sealed = require "specbench.results.sealed"
local store = require "specbench.results.store"
local tables = require "specbench.base.tables"

local merging = {}

local WITHOUT_TEXTS = "The answers' texts were left out of this copy (specbench merge --no-text).\n"

---@class specbench.merging
---@field store specbench.store the target, locked
---@field sources specbench.store[]
---@field how specbench.merging.how
local Merging = {}
Merging.__index = Merging

---@class specbench.merging.how
---@field pack boolean? copies are packed
---@field no_text boolean? they are made without texts
---@field microseconds boolean? their records' times are rounded

---@class specbench.merging.kept a cell that both have, measured twice
---@field mine table the target's cell, which stays
---@field theirs table

---@class specbench.merging.outcome
---@field copied integer cells, second measurements among them
---@field there integer cells that the target had already
---@field failed integer attempts that failed, copied
---@field kept specbench.merging.kept[]
---@field refused string[] a line each cell that is left out
---@field unfinished integer tries of workers in the source that are not handed in

-- Where each place's cell is expected to lie: as the last run planned it, else as it was measured.
local function ids_of(source)
  if source.about.planned then return source.about.planned end
  local ids = {}
  for _, cell in ipairs(source:cells()) do ids[cell.key] = cell.id end
  return ids
end

local function cell_of(source, id)
  return damage.cell(("%s/cells/%s"):format(source.folder, id))
end

-- Which place the source describes otherwise than the folders before it, and how: the first folder's first such place.
-- `told` has each place as the first folder has it that does, and takes the source's: folders need not be compared two
-- by two, which with fifty of them is done 1,225 times.
local function other_cell(told, source, number)
  local theirs, found = ids_of(source), nil
  for key, id in pairs(theirs) do
    local first = told[key]
    if not first then
      told[key] = { id = id, source = source, number = number }
    elseif first.id ~= id and (not found or first.number < told[found].number
      or first.number == told[found].number and key < found) then
      found = key
    end
  end
  if not found then return nil end
  local first = told[found]
  local cell, other = cell_of(first.source, first.id), cell_of(source, theirs[found])
  return found, first.source, cell and other and identity.changes(cell, other) or {}
end

local function names_of(axes)
  local names = {}
  for i, axis in ipairs(axes) do names[i] = axis.name end
  return table.concat(names, ", ")
end

-- Why the cells of a folder are not of one study with those of the folders before it; nil where they are.
local function objection(first, told, source, number)
  local mine, theirs = first.about, source.about
  local function differs(what, here, there)
    return ("%s holds results %s, %s %s: they do not belong into one folder"):format(source.folder, what:format(there),
      first.folder, what:format(here))
  end
  if mine.round ~= theirs.round then return differs("of %s", mine.round, theirs.round) end
  for _, field in ipairs {
    { "engine %s", "engine", "" }, { "of --match %s", "match", "deployed" }, { "of --limits %s", "limits", "none" },
  } do
    local here, there = mine[field[2]] or field[3], theirs[field[2]] or field[3]
    if here ~= there then return differs(field[1], here, there) end
  end
  local here, there = names_of(mine.axes), names_of(theirs.axes)
  if here ~= there then return differs("with the axes %s", here, there) end
  local key, other, names = other_cell(told, source, number)
  if key then
    return ("%s describes the cell '%s' otherwise than %s%s: they do not belong into one folder"):format(source.folder,
      key:gsub("\31", " "), other.folder, #names > 0 and (" (%s)"):format(table.concat(names, ", ")) or "")
  end
end

-- An axis' values as both know them: numbers by size, words in the order of the first folder that has them.
local function merge_values(mine, theirs)
  local values = table.move(mine, 1, #mine, 1, {})
  for _, value in ipairs(theirs) do tables.place(values, value) end
  local function is_sorted(list)
    local sorted = keys.by_value(table.move(list, 1, #list, 1, {}))
    for i, value in ipairs(sorted) do
      if value ~= list[i] then return false end
    end
    return true
  end
  return is_sorted(mine) and is_sorted(theirs) and keys.by_value(values) or values
end

-- What round.json says of all of them: the first one's words, everybody's values and plans.
local function described(folders)
  local about = tables.merged(folders[1].about)
  for i = 2, #folders do
    local other, axes = folders[i].about, {}
    for k, axis in ipairs(about.axes) do
      axes[k] = tables.merged(axis, { values = merge_values(axis.values, other.axes[k].values) })
    end
    about.axes = axes
    about.planned = (about.planned or other.planned) and tables.merged(other.planned, about.planned)
  end
  return about
end

-- Opens a folder and lets go of the cells that were read to see which are sound: those of all folders at once may be
-- more than there is memory for.
local function look_at(path)
  local opened, message = store.open(path)
  if opened then opened:forget() end
  return opened, message
end

---Readies the merge: all that would forbid it is found before anything is written.
---@param target string a results folder, or one that is not there or empty
---@param sources string[] results folders
---@param how specbench.merging.how?
---@return specbench.merging? self
---@return string? message
function merging.new(target, sources, how)
  local self = setmetatable({ sources = {}, how = how or {} }, Merging)
  local place, folders = fs.realpath(target), {}
  local message
  if fs.stat(target .. "/round.json") then
    folders[1], message = look_at(target)
    if not folders[1] then return nil, message end
  end
  for i, path in ipairs(sources) do
    self.sources[i], message = look_at(path)
    if not self.sources[i] then return nil, message end
    if fs.realpath(path) == place then return nil, ("%s is to be merged into itself"):format(path) end
    folders[#folders + 1] = self.sources[i]
  end
  local told = {}
  for i, folder in ipairs(folders) do
    message = objection(folders[1], told, folder, i)
    if message then return nil, message end
  end
  self.store, message = store.create(target, described(folders))
  if not self.store then return nil, (message:gsub(": give another folder with %-%-out$", "")) end
  fs.durable(false) -- what a crash of the machine cuts is found by its checksum; :close() syncs all at once
  return self
end

-- What is no file of a cell, which is all that would be copied.
local function foreign_file(place)
  if fs.is_link(place) then return place .. " is a link" end
  for _, name in ipairs(fs.list(place) or {}) do
    local path = ("%s/%s"):format(place, name)
    local found = fs.stat(path)
    if fs.is_link(path) or not found or found.type ~= "file" then return path .. " is a link or no regular file" end
    if not cell_files.may_hold(name) then return path .. " is no file of a cell" end
  end
end

-- The files of a cell's copy, by name, as they were written, whichever way they lie. Nil and what is wrong where one
-- cannot be read.
local function files_of(self, from)
  local files = {}
  for _, name in ipairs(cell_files.NAMES) do
    local path = ("%s/%s"):format(from, name)
    local is_there = fs.stat(cell_files.at(path)) ~= nil
    local is_text = name == cell_files.TEXTS
    if is_text and (is_there and self.how.no_text or cell_files.leaves_texts_out(from)) then
      files[cell_files.LEFT_OUT] = WITHOUT_TEXTS
    elseif is_there then
      local bytes, message = sealed.bytes(path)
      if not bytes then return nil, message end
      files[name] = bytes
    end
  end
  if self.how.microseconds then rounding.apply(files) end
  return files
end

-- Copies a cell's folder; what arrived is looked at, not what was read. Returns what is wrong with it.
local function copy(self, from, target, flaw_of)
  local work = ("%s/unfinished/%s"):format(self.store.folder, target:match "[^/]*$")
  fs.remove(work)
  local files, unread = files_of(self, from)
  if not files then return unread end
  local ok, message = fs.mkdir(work)
  for _, name in ipairs(tables.keys(files)) do
    local bytes = files[name]
    if self.how.pack then name, bytes = cell_files.packed(name, bytes) end
    if ok then ok, message = fs.put(("%s/%s"):format(work, name), bytes) end
  end
  local flaw = ok and flaw_of(work)
  local before = work .. "-rounded" -- what gives way
  if ok and not flaw and fs.stat(target) then ok, message = fs.commit(target, before) end
  if ok and not flaw then ok, message = fs.commit(work, target) end
  if not ok then error({ exit = 1, message = message }, 0) end
  fs.remove(before)
  return flaw
end

-- What a cell of a source is to one of the target: "another" measurement; the one that is "there", exact or as good as
-- the copy would be; or the "exact" one, where nothing is lost if a copy with rounded times gives way to it, its
-- answers' texts neither.
local function likeness(self, target, from)
  local measurement, is_rounded = rounding.measurement(target)
  local theirs, are_rounded = rounding.measurement(from)
  local function has_texts(place) return fs.stat(("%s/%s"):format(place, cell_files.TEXTS)) ~= nil end
  if measurement ~= theirs then return "another" end
  local is_better = is_rounded and not are_rounded and not self.how.microseconds
  return is_better and (not has_texts(target) or has_texts(from) and not self.how.no_text) and "exact" or "there"
end

-- Copies a cell that the target has not; what is wrong with it is noted.
local function take_cell(self, from, target, id, outcome)
  local cell, message = damage.cell(from)
  local flaw = message or foreign_file(from)
  if not flaw and cell.round and cell.round ~= self.store.about.round then
    flaw = ("%s is of the round %s"):format(from, cell.round)
  end
  local like = not flaw and fs.stat(target) and likeness(self, target, from)
  if like == "there" then
    outcome.there = outcome.there + 1
    return
  elseif like == "another" then
    table.insert(outcome.kept, { mine = assert(damage.cell(target)), theirs = cell })
    return
  end
  flaw = flaw or copy(self, from, target, function(place) return damage.fault(place, id) end)
  if flaw then
    table.insert(outcome.refused, flaw)
  else
    outcome.copied = outcome.copied + 1
  end
end

-- A second measurement belongs to the first one, for which it was made.
local function has_first(self, source, id)
  return rounding.measurement(("%s/cells/%s"):format(self.store.folder, id))
    == rounding.measurement(("%s/cells/%s"):format(source.folder, id))
end

local function take_failed(self, source, outcome)
  local own = {} -- where each attempt is that is there
  for _, name in ipairs(fs.list(self.store.folder .. "/failed") or {}) do
    local place = ("%s/failed/%s"):format(self.store.folder, name)
    own[rounding.measurement(place) or ""] = place
  end
  for _, name in ipairs(fs.list(source.folder .. "/failed") or {}) do
    local from = ("%s/failed/%s"):format(source.folder, name)
    local cell, message = damage.cell(from)
    local flaw, measurement = message or foreign_file(from), rounding.measurement(from) or ""
    local target = own[measurement]
    if not flaw and (not target or likeness(self, target, from) == "exact") then
      target = target or aside.attempt(self.store.folder, "failed", cell.id)
      flaw = copy(self, from, target, function() end)
      if not flaw then
        own[measurement], outcome.failed = target, outcome.failed + 1
      end
    end
    if flaw then table.insert(outcome.refused, flaw) end
  end
end

-- Answers that conversations rest on, and the rule that ended the repeats: as they are in the first folder that has
-- them.
local function take_files(self, source)
  local names = { "until.json" }
  for _, name in ipairs(fs.list(source.folder .. "/conversations") or {}) do
    names[#names + 1] = "conversations/" .. name
  end
  for _, name in ipairs(names) do
    local from, target = ("%s/%s"):format(source.folder, name), ("%s/%s"):format(self.store.folder, name)
    local found = fs.stat(from)
    if found and found.type == "file" and not fs.is_link(from) and not fs.stat(target) then
      local ok, message = fs.mkdir(target:match "^(.*)/")
      if ok then ok, message = fs.write(target, assert(fs.read(from))) end
      if not ok then error({ exit = 1, message = message }, 0) end
    end
  end
end

---Copies what a source has and the target has not.
---@param source specbench.store one of self.sources
---@return specbench.merging.outcome
function Merging:take(source)
  local outcome = { copied = 0, there = 0, failed = 0, kept = {}, refused = {},
    unfinished = #(fs.list(source.folder .. "/share/tries") or {}) }
  for _, id in ipairs(tables.keys(source.damaged)) do table.insert(outcome.refused, source.damaged[id]) end
  for _, kind in ipairs { "cells", "reruns" } do
    for _, id in ipairs(fs.list(("%s/%s"):format(source.folder, kind)) or {}) do
      if not source.damaged[id] and (kind == "cells" or has_first(self, source, id)) then
        take_cell(self, ("%s/%s/%s"):format(source.folder, kind, id), ("%s/%s/%s"):format(self.store.folder, kind, id),
          id, outcome)
      end
    end
  end
  take_failed(self, source, outcome)
  take_files(self, source)
  return outcome
end

---Ends the merge; what was copied is on the disk from then on.
---@return true? ok
---@return string? message
function Merging:close()
  fs.durable(true)
  self.store:close()
  return fs.sync(self.store.folder)
end

return merging
