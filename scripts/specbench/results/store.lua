-- A results folder: cells that are written once, whole, or not at all.
--
--   round.json                  which round this folder belongs to
--   cells/ID/cell.json          identity, provenance, figures; its folder appears by one rename
--   cells/ID/records.bin        every request with its timeline (specbench show prints it)
--   cells/ID/outputs.jsonl.gz   the answers' texts
--   cells/ID/*.gz               these packed, in a copy that is published: see results/cell_files
--   reruns/ID/                  the same for a cell measured once more because the first looked wrong: this one counts
--   failed/ID-N/                the same for a cell that failed, one folder an attempt
--   damaged/ID-N/               what could not be read whole any more when a run began, and was measured anew
--   conversations/              answers to the turns before the one that is measured
--   logs/                       the servers' logs
--   share/                      where several workers use the folder at once: see results/sharing
--   replaced/                   cells that such workers measured anew, with their baseline, on another machine

local aside = require "specbench.results.aside"
local cell_files = require "specbench.results.cell_files"
local damage = require "specbench.results.damage"
local description = require "specbench.results.description"
local folder_check = require "specbench.results.folder_check"
local fs = require "sb.fs"
local identity = require "specbench.results.identity"
local keys = require "specbench.results.keys"
local sealed = require "specbench.results.sealed"
local sharing = require "specbench.results.sharing"
local text_table = require "specbench.base.text_table"

local store = {}

---@class specbench.store
---@field folder string
---@field out string? where reports go; the folder itself unless told
---@field warnings string[] a line for each damaged cell: left out where the folder is read, moved aside where it is
---  run
---@field moved_to string? where what was there is now, where it made room for --fresh
---@field is_described_anew boolean? the round says other things of its report than it did when the folder was last used
---@field damaged table<string, string> why cells are left out, by id
---@field sound table<string, table>? what was read when the folder was opened or looked at, until :cells() hands it out
---@field known table<string, boolean> which cells the index knew when the folder was opened, by "PART/ID"
local Store = {}
Store.__index = Store

-- Leaves damaged cells out as if they were not there; `how`: see damage.find. Gives the reason of one that could not be
-- read now, and may be as it was measured.
local function note_damage(self, how)
  local unreadable
  for _, found in ipairs(damage.find(self.folder, how)) do
    self.damaged[found.id] = found.reason
    self.warnings[#self.warnings + 1] = ("cell %s is left out%s: %s"):format(found.id,
      found.unreadable and "" or ", `specbench run` measures it again", found.reason)
    unreadable = unreadable or found.unreadable and found.reason
  end
  return unreadable
end

local NAMED = 6 -- of them

-- The results folders in a folder that is none.
local function within(folder)
  local names = {}
  for _, name in ipairs(fs.list(folder) or {}) do
    if fs.stat(("%s/%s/round.json"):format(folder, name)) then names[#names + 1] = name end
  end
  return #names > 0 and ("; it holds " .. text_table.listed(names, NAMED)) or ""
end

---Opens a results folder for reading. Damaged cells are left out as if they were not there.
---@param folder string
---@param keeps_index boolean? whether what was found out of many cells may be written down in the folder
---@return specbench.store? store
---@return string? message
function store.open(folder, keeps_index)
  local about, message = description.read(folder)
  if not about then
    return nil, ("%s is not a results folder (%s)%s"):format(folder, message, within(folder))
  end
  local self = setmetatable({ folder = folder, about = about, warnings = {}, damaged = {}, sound = {}, known = {} },
    Store)
  note_damage(self, { sound = self.sound, known = self.known, keeps_index = keeps_index })
  return self
end

---Opens or makes a results folder for a round, and locks it until the process ends or :close().
---@param folder string
---@param about specbench.description of the round and the run
---@param how { unlocked: boolean? }? unlocked: whoever calls this knows that nobody else uses the folder
---@return specbench.store? store
---@return string? message
function store.create(folder, about, how)
  local ok, message = folder_check.may_hold(folder)
  if not ok then return nil, message end
  ok, message = fs.mkdir(folder)
  local lock
  local unlocked = how and how.unlocked
  if ok and not unlocked then lock, message = fs.lock(folder .. "/lock") end
  if not (ok and (lock or unlocked)) then return nil, message .. ": give another folder with --out" end
  local workers = not unlocked and sharing.count(folder) or 0
  if workers > 0 then
    return nil, ("%s is shared by %d workers that gave a sign of life in the last %d s: --share joins them"):format(
      folder, workers, sharing.STALE)
  end
  local self = setmetatable({ folder = folder, lock = lock, warnings = {}, damaged = {}, packed = {}, known = {} },
    Store)
  local previous, flaw, unreadable
  if fs.stat(folder .. "/round.json") then previous, flaw, unreadable = description.read(folder) end
  if unreadable then return nil, flaw end
  message = folder_check.objection(folder, previous, about)
  if message then return nil, message end
  if flaw then
    self.warnings[1], message = aside.file(folder, "round.json", flaw)
    if message then return nil, message end
  end
  if previous and (about.fresh or about.anew) then
    self.moved_to, message = aside.cells(folder, about.anew and about.planned or nil)
    if not self.moved_to then return nil, message end
    if not about.anew then previous = nil end
  end
  self.about = previous
  self:describe(about)
  self.is_described_anew = previous ~= nil and not description.show_alike(previous, self.about)
  for _, part in ipairs(folder_check.PARTS) do
    ok, message = fs.mkdir(folder .. "/" .. part)
    if not ok then return nil, message end
  end
  local moved
  moved, message = aside.damaged(folder)
  if not moved then return nil, message end
  table.move(moved, 1, #moved, #self.warnings + 1, self.warnings)
  fs.remove(folder .. "/unfinished") -- what a killed run left
  ok, message = self:keep_description()
  if not ok then return nil, message end
  return self
end

---Opens or makes a results folder that several workers share, of which this process is one: nothing in it is moved,
---cleared or locked.
---@param folder string
---@param about specbench.description
---@param alone boolean nobody else is at work: what round.json says may change
---@return specbench.store? store
---@return string? message
function store.share(folder, about, alone)
  local self = setmetatable({ folder = folder, warnings = {}, damaged = {}, known = {} }, Store)
  local previous, flaw
  if fs.stat(folder .. "/round.json") then previous, flaw = description.read(folder) end
  flaw = flaw or folder_check.objection(folder, previous, about)
  if flaw then return nil, flaw end
  self.about = previous
  if alone or not previous then
    self:describe(about)
    local ok, message = self:keep_description()
    if not ok then return nil, message end
  end
  for _, part in ipairs(folder_check.PARTS) do
    local ok, message = fs.mkdir(folder .. "/" .. part)
    if not ok then return nil, message end
  end
  local unreadable = note_damage(self, { keeps_index = true })
  if unreadable then return nil, unreadable end
  return self
end

---Takes what a round's file says now: which baseline its cells are compared with, what to draw.
---@param about specbench.description what only a run knows (match, limits, engine, planned) stays
function Store:describe(about)
  self.about = description.renewed(self.about, about)
end

---Writes round.json.
---@return boolean? ok
---@return string? message
function Store:keep_description()
  return description.write(self.folder, self.about)
end

function Store:close()
  if self.lock then self.lock:close() end
end
Store.__close = Store.close

---@param id string
---@return boolean
function Store:has(id)
  return not self.damaged[id] and fs.stat(cell_files.at(("%s/cells/%s/cell.json"):format(self.folder, id))) ~= nil
end

---@param id string
---@return integer count attempts that failed in the cell itself; those whose server was not to be had are none
function Store:measured_failures(id)
  local count, attempt = 0, 1
  while true do
    local path = ("%s/failed/%s-%d"):format(self.folder, id, attempt)
    if not fs.stat(path) then return count end
    local cell = sealed.read(path .. "/cell.json")
    if cell and cell.metrics then count = count + 1 end
    attempt = attempt + 1
  end
end

---@param id string
---@return boolean
function Store:has_rerun(id)
  return fs.stat(cell_files.at(("%s/reruns/%s/cell.json"):format(self.folder, id))) ~= nil
end

-- Where the result lies that counts. Once a cell is measured again the second result does, whatever it says: that is
-- settled before it is measured, so that the better of two is never picked.
local function counting(self, id)
  return ("%s/%s/%s"):format(self.folder, self:has_rerun(id) and "reruns" or "cells", id)
end

local RECENT = 8 -- runs whose packed answers are kept: as many as a round has tasks, say

local function packed_anew(answers)
  local bytes = fs.gzip(answers:outputs())
  return { answers = answers, bytes = bytes, sum = fs.sha256(bytes) }
end

-- A simulator in virtual time answers the same prompt with the same text in every cell; writing these down and packing
-- them is half of all the time that such a run takes.
local function packed(self, answers, is_virtual)
  if not is_virtual then return packed_anew(answers) end
  for i, known in ipairs(self.packed) do
    if known.answers:same_outputs(answers) then
      table.insert(self.packed, 1, table.remove(self.packed, i))
      return known
    end
  end
  table.insert(self.packed, 1, packed_anew(answers))
  self.packed[RECENT + 1] = nil
  return self.packed[1]
end

---Writes a cell: into cells/ (a second measurement: reruns/) where it is good, into failed/ where it is not.
---@param cell table what cell.json holds; cell.id and cell.status ("ok" or "failed") among it; cell.rerun: why it was
---  measured once more
---@param run specbench.run? the records
---@param answers specbench.run? with the texts that are kept
---@return string? folder
---@return string? message
function Store:write(cell, run, answers)
  local work = ("%s/unfinished/%s"):format(self.folder, cell.id)
  fs.remove(work)
  local ok, message = fs.mkdir(work)
  local files = {}
  local function put(name, bytes, sum)
    files[name] = sum or fs.sha256(bytes)
    if ok then ok, message = fs.put(("%s/%s"):format(work, name), bytes) end
  end
  if run then put("records.bin", run:encode()) end
  if answers then
    local texts = packed(self, answers, cell.virtual)
    put("outputs.jsonl.gz", texts.bytes, texts.sum)
  end
  cell.files = next(files) and files
  if ok then ok, message = fs.put(work .. "/cell.json", sealed.encode(cell)) end
  if not ok then return nil, message end
  local target = ("%s/%s/%s"):format(self.folder, cell.rerun and "reruns" or "cells", cell.id)
  if cell.status ~= "ok" then target = aside.attempt(self.folder, "failed", cell.id) end
  ok, message = fs.commit(work, target)
  return ok and target or nil, message
end

local function read_cell(self, kind, id)
  local name = ("%s/%s"):format(kind, id)
  local known = self.sound and self.sound[name]
  if known then return known end
  local cell, message = damage.cell(("%s/%s"):format(self.folder, name), self.known[name])
  if not cell then error({ exit = 1, message = message }, 0) end
  if self.sound then self.sound[name] = cell end
  return cell
end

---Lets go of the cells that were read when the folder was opened: who asks for them reads them again.
function Store:forget()
  self.sound = nil
end

---Every good cell of the folder, in no particular order. One that was measured twice is the second, with the first
---as its field `first`. `baseline` is the key of the cell that it is compared with, as round.json says now; folders
---that do not say it have cells that say it themselves.
---@return table[] cells
function Store:cells()
  local cells, again = {}, {}
  for _, id in ipairs(fs.list(self.folder .. "/reruns") or {}) do again[id] = true end
  for _, id in ipairs(fs.list(self.folder .. "/cells") or {}) do
    if not self.damaged[id] then
      local first = read_cell(self, "cells", id)
      local cell = again[id] and read_cell(self, "reruns", id) or first
      if cell ~= first then cell.first = first end
      cells[#cells + 1] = cell
    end
  end
  self.sound = nil -- whoever asks again must find none of the changes made to these
  keys.find_baselines(self.about, cells)
  return cells
end

---The engines that measured the folder's cells, but for cells of which the caller knows it.
---@param but table<string, boolean> their ids
---@return table<string, boolean> names
function Store:engines(but)
  local names = {}
  self.sound = self.sound or {} -- whoever asks for the cells next need not read these again
  for _, id in ipairs(fs.list(self.folder .. "/cells") or {}) do
    if not but[id] and not self.damaged[id] then names[read_cell(self, "cells", id).engine.name] = true end
  end
  return names
end

---@param id string
---@return specbench.run? run
---@return string? message
function Store:run(id)
  local place = counting(self, id)
  local cell = not fs.stat(cell_files.at(place .. "/records.bin")) and damage.cell(place)
  if cell and cell.records == false then return nil, place .. " was measured with --no-records" end
  local bytes, message = sealed.bytes(place .. "/records.bin")
  if not bytes then return nil, message end
  return require("sb.measure").decode(bytes)
end

---@param id string
---@return string path of a good cell's answers, which are there unless the run left texts out
function Store:output_path(id)
  return counting(self, id) .. "/outputs.jsonl.gz"
end

---@param name string
---@param folder string a results folder
---@return string folder where servers that are up are noted
function store.trees(folder)
  return folder .. "/servers"
end

-- What a received folder may hold in the way of a report: links that lead out of it, pipes and devices.
local function check_way(root, relative)
  local path = root
  for part in relative:gmatch "[^/]+" do
    path = ("%s/%s"):format(path, part)
    if part == ".." then error({ exit = 1, message = path .. " would lie outside the results folder" }, 0) end
    local found = fs.stat(path)
    if fs.is_link(path) or found and found.type == "other" then
      error({ exit = 1, message = path .. " is a link or no regular file: move it away, or give another folder with "
        .. "--out" }, 0)
    end
  end
end

---@param name string
---@return string path of a log file in this folder
function Store:log(name)
  local relative = ("logs/%s.log"):format(name)
  check_way(self.folder, relative)
  return ("%s/%s"):format(self.folder, relative)
end

---@param relative string
---@return string path whose folder exists
function Store:path(relative)
  local root = self.out or self.folder
  check_way(root, relative)
  local path = ("%s/%s"):format(root, relative)
  local ok, message = fs.mkdir(path:match "^(.*)/")
  if not ok then error({ exit = 1, message = message }, 0) end
  return path
end

store.id = identity.id

return store
