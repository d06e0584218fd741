-- A results folder: cells that are written once, whole, or not at all.
--
--   round.json                  which round this folder belongs to
--   cells/ID/cell.json          identity, provenance, figures; its folder appears by one rename
--   cells/ID/records.bin        every request with its timeline (specbench show prints it)
--   cells/ID/outputs.jsonl.gz   the answers' texts
--   reruns/ID/                  the same for a cell measured once more because the first looked wrong: this one counts
--   failed/ID-N/                the same for a cell that failed, one folder an attempt
--   damaged/ID-N/               what could not be read whole any more when a run began, and was measured anew
--   conversations/              answers to the turns before the one that is measured
--   logs/                       the servers' logs
--   share/                      where several workers use the folder at once: see results/sharing
--   replaced/                   cells that such workers measured anew, with their baseline, on another machine

local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local cell_shape = require "specbench.results.cell_shape"
local damage = require "specbench.results.damage"
local identity = require "specbench.results.identity"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local sealed = require "specbench.results.sealed"
local sharing = require "specbench.results.sharing"
local tables = require "specbench.base.tables"

local store = {}

local FORMAT = 1

---@class specbench.store
---@field folder string
---@field out string? where reports go; the folder itself unless told
---@field warnings string[] a line for each damaged cell: left out where the folder is read, moved aside where it is
---  run
---@field is_described_anew boolean? the round says other things of its report than it did when the folder was last used
---@field damaged table<string, string> why cells are left out, by id
---@field sound table<string, table>? what was read when the folder was opened, until :cells() hands it out
local Store = {}
Store.__index = Store

-- What round.json says, or nil and what is wrong with it.
local function read_about(folder)
  local path = folder .. "/round.json"
  local about, message = sealed.read(path)
  if not about then return nil, message end
  local flaw = cell_shape.round_flaw(about)
  if flaw then return nil, ("%s: %s"):format(path, flaw) end
  return foreign.tree(about, { planned = true }) -- by keys, whose parts are held together by control characters
end

-- Leaves damaged cells out as if they were not there; `sound`: see damage.find.
local function note_damage(self, sound)
  for _, found in ipairs(damage.find(self.folder, sound)) do
    self.damaged[found.id] = found.reason
    self.warnings[#self.warnings + 1] = ("cell %s is left out, `specbench run` measures it again: %s"):format(found.id,
      found.reason)
  end
end

---Opens a results folder for reading. Damaged cells are left out as if they were not there.
---@param folder string
---@return specbench.store? store
---@return string? message
function store.open(folder)
  local about, message = read_about(folder)
  if not about then
    return nil, ("%s is not a results folder (%s)"):format(folder, message)
  end
  local self = setmetatable({ folder = folder, about = about, warnings = {}, damaged = {}, sound = {} }, Store)
  note_damage(self, self.sound)
  return self
end

-- Axes as both runs know them: a cut-down run must not forget the order of what is in the folder already.
local function merge_axes(previous, about)
  local merged = {}
  for i, axis in ipairs(about.axes) do
    local old = previous and previous.axes and previous.axes[i]
    local values, seen = {}, {}
    for _, list in ipairs { axis.values, old and old.name == axis.name and old.values or {} } do
      for _, value in ipairs(list) do
        if not seen[tostring(value)] then
          seen[tostring(value)] = true
          values[#values + 1] = value
        end
      end
    end
    merged[i] = { name = axis.name, values = values, when = axis.when and true or nil }
  end
  return merged
end

-- The round of the cells, where round.json cannot tell it; nil where there is none that could.
local function round_of_cells(folder)
  for _, id in ipairs(fs.list(folder .. "/cells") or {}) do
    local cell = damage.cell(("%s/cells/%s"):format(folder, id))
    if cell and cell.round then return cell.round end
  end
end

local PARTS = { "cells", "reruns", "failed", "logs", "unfinished" }
-- What else may lie there before round.json does, or when it is lost.
local OWN = { "lock", "damaged", "conversations", "profiles", "servers", "round.json", "until.json",
  "live.json", "live.json.part", "share", "replaced", "try.json" }

-- Anything but what a run leaves that ended before it wrote more: the lock is the first thing that one makes.
local function holds_other_things(folder)
  if fs.stat(folder .. "/lock") and round_of_cells(folder) then return false end
  local names = fs.list(folder) or {}
  for _, name in ipairs(names) do
    local is_own = tables.contains(PARTS, name) or tables.contains(OWN, name) or name:find "^round%.json%.%d+%.tmp$"
      or name:find "^before%-%d+%-[%d-]+$"
    if not is_own then return true end
  end
  for _, mark in ipairs { "lock", "share", "try.json" } do
    if fs.stat(("%s/%s"):format(folder, mark)) then return false end
  end
  return #names > 0
end

-- Why results of this round, measured this way, cannot lie beside what the folder holds.
local function objection(folder, previous, about)
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

-- What a report of the same cells depends on.
local function shown_by(about)
  return json.encode { baseline = about.baseline, baselines = about.baselines, report = about.report }
end

---Whether results may lie in a folder.
---@param folder string
---@return true? ok
---@return string? message
function store.check_place(folder)
  if fs.stat(folder .. "/round.json") or not holds_other_things(folder) then return true end
  return nil, ("%s is not empty and holds no results: give another folder with --out"):format(folder)
end

---Opens or makes a results folder for a round, and locks it until the process ends or :close().
---@param folder string
---@param about { round: string, title: string?, axes: table[], report: table?, baseline: table?, baselines: table?,
---  options: table?, match: string?, engine: string?, planned: table<string, string>?, fresh: boolean? } what
---  round.json says of the round; options: the values of those that it declares; match: what its comparisons hold
---  equal; engine, planned: of the run, the id of each cell's key that it plans; fresh: what is in the folder is moved
---  aside first
---@param how { unlocked: boolean? }? unlocked: whoever calls this knows that nobody else uses the folder
---@return specbench.store? store
---@return string? message
function store.create(folder, about, how)
  local ok, message = store.check_place(folder)
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
  local self = setmetatable({ folder = folder, lock = lock, warnings = {}, damaged = {}, packed = {} }, Store)
  local previous, flaw
  if fs.stat(folder .. "/round.json") then previous, flaw = read_about(folder) end
  message = objection(folder, previous, about)
  if message then return nil, message end
  if flaw then
    self.warnings[1], message = self:set_file_aside("round.json", flaw)
    if message then return nil, message end
  end
  if previous and about.fresh then
    ok, message = self:set_aside()
    if not ok then return nil, message end
    previous = nil
  end
  self.about = previous
  self:describe(about)
  self.is_described_anew = previous ~= nil and shown_by(previous) ~= shown_by(self.about)
  for _, part in ipairs(PARTS) do
    ok, message = fs.mkdir(folder .. "/" .. part)
    if not ok then return nil, message end
  end
  ok, message = self:set_damaged_aside()
  if not ok then return nil, message end
  fs.remove(folder .. "/unfinished") -- what a killed run left
  ok, message = self:keep_description()
  if not ok then return nil, message end
  return self
end

---Opens or makes a results folder that several workers share, of which this process is one: nothing in it is moved,
---cleared or locked.
---@param folder string
---@param about table see store.create
---@param alone boolean nobody else is at work: what round.json says may change
---@return specbench.store? store
---@return string? message
function store.share(folder, about, alone)
  local self = setmetatable({ folder = folder, warnings = {}, damaged = {} }, Store)
  local previous, flaw
  if fs.stat(folder .. "/round.json") then previous, flaw = read_about(folder) end
  flaw = flaw or objection(folder, previous, about)
  if flaw then return nil, flaw end
  self.about = previous
  if alone or not previous then
    self:describe(about)
    local ok, message = self:keep_description()
    if not ok then return nil, message end
  end
  for _, part in ipairs(PARTS) do
    local ok, message = fs.mkdir(folder .. "/" .. part)
    if not ok then return nil, message end
  end
  note_damage(self)
  return self
end

---Takes what a round's file says now: which baseline its cells are compared with, what to draw.
---@param about table see store.create; what only a run knows (match, limits, engine, planned) stays
function Store:describe(about)
  local previous = self.about
  self.about = {
    format = FORMAT, round = about.round, title = about.title, axes = merge_axes(previous, about),
    report = about.report, baseline = about.baseline, baselines = about.baselines,
    options = about.options or previous and previous.options,
    match = about.match or previous and previous.match, limits = about.limits or previous and previous.limits,
    engine = about.engine or previous and previous.engine,
    planned = about.planned and tables.merged(previous and previous.planned, about.planned)
      or previous and previous.planned,
  }
end

---Writes round.json.
---@return boolean? ok
---@return string? message
function Store:keep_description()
  return fs.write(self.folder .. "/round.json", sealed.encode(self.about))
end

-- --fresh deletes nothing: the cells move to a folder named after the moment, a results folder like any other.
function Store:set_aside()
  local moment = ("%s/before-%s"):format(self.folder, os.date "%Y%m%d-%H%M%S")
  local aside, again = moment, 1
  while fs.stat(aside) do -- two runs within one second
    again = again + 1
    aside = ("%s-%d"):format(moment, again)
  end
  local ok, message = fs.mkdir(aside)
  for _, name in ipairs { "round.json", "until.json" } do -- what a report of them needs
    local text = fs.read(self.folder .. "/" .. name)
    if ok and text then ok, message = fs.write(("%s/%s"):format(aside, name), text) end
  end
  for _, part in ipairs { "cells", "reruns", "failed" } do
    if ok and fs.stat(self.folder .. "/" .. part) then
      ok, message = fs.commit(self.folder .. "/" .. part, aside .. "/" .. part)
    end
  end
  return ok, message
end

---The first of PART/ID-1, PART/ID-2, ... that is not there.
---@param part string of the folder: "failed"
---@param id string
---@return string path
function Store:next_attempt(part, id)
  local attempt = 1
  while fs.stat(("%s/%s/%s-%d"):format(self.folder, part, id, attempt)) do attempt = attempt + 1 end
  return ("%s/%s/%s-%d"):format(self.folder, part, id, attempt)
end

-- What cannot be read makes room for another measurement, and is kept: some of it may be worth having.
function Store:set_damaged_aside()
  for _, found in ipairs(damage.find(self.folder)) do
    local target = self:next_attempt("damaged", found.id)
    local ok, message = fs.mkdir(self.folder .. "/damaged")
    if ok then ok, message = os.rename(("%s/%s/%s"):format(self.folder, found.part, found.id), target) end
    if not ok then return nil, message end
    self.warnings[#self.warnings + 1] = ("cell %s is damaged, moved to %s and measured again: %s"):format(found.id,
      target, found.reason)
  end
  return true
end

---Moves a file that cannot be trusted to damaged/, where it does no harm and is not lost.
---@param name string in the folder
---@param reason string
---@return string? line what was done, for whoever runs this
---@return string? message
function Store:set_file_aside(name, reason)
  local ok, message = fs.mkdir(self.folder .. "/damaged")
  local target = self:next_attempt("damaged", name:match "[^/]*$")
  if ok then ok, message = os.rename(("%s/%s"):format(self.folder, name), target) end
  if not ok then return nil, message end
  return ("%s is moved to %s and made anew: %s"):format(name, target, reason)
end

function Store:close()
  if self.lock then self.lock:close() end
end
Store.__close = Store.close

---@param id string
---@return boolean
function Store:has(id)
  return not self.damaged[id] and fs.stat(("%s/cells/%s/cell.json"):format(self.folder, id)) ~= nil
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
  return fs.stat(("%s/reruns/%s/cell.json"):format(self.folder, id)) ~= nil
end

-- Where the result lies that counts. Once a cell is measured again the second result does, whatever it says: that is
-- settled before it is measured, so that the better of two is never picked.
local function counting(self, id)
  return ("%s/%s/%s"):format(self.folder, self:has_rerun(id) and "reruns" or "cells", id)
end

local RECENT = 8 -- texts of answers whose packed bytes are kept: as many as a round has tasks, say

-- A simulator in virtual time answers the same prompt with the same text in every cell; packing it is half of all the
-- time that such a run takes.
local function packed(self, text, is_virtual)
  if not is_virtual then return fs.gzip(text) end
  for i, known in ipairs(self.packed) do
    if known.text == text then
      table.insert(self.packed, 1, table.remove(self.packed, i))
      return known.bytes
    end
  end
  local bytes = fs.gzip(text)
  table.insert(self.packed, 1, { text = text, bytes = bytes })
  self.packed[RECENT + 1] = nil
  return bytes
end

---Writes a cell: into cells/ (a second measurement: reruns/) where it is good, into failed/ where it is not.
---@param cell table what cell.json holds; cell.id and cell.status ("ok" or "failed") among it; cell.rerun: why it was
---  measured once more
---@param run specbench.run? the records
---@param outputs string? JSON lines of the answers' texts
---@return string? folder
---@return string? message
function Store:write(cell, run, outputs)
  local work = ("%s/unfinished/%s"):format(self.folder, cell.id)
  fs.remove(work)
  local ok, message = fs.mkdir(work)
  local files = {}
  local function put(name, bytes)
    files[name] = fs.sha256(bytes)
    if ok then ok, message = fs.put(("%s/%s"):format(work, name), bytes) end
  end
  if run then put("records.bin", run:encode()) end
  if outputs then put("outputs.jsonl.gz", packed(self, outputs, cell.virtual)) end
  cell.files = next(files) and files
  if ok then ok, message = fs.put(work .. "/cell.json", sealed.encode(cell)) end
  if not ok then return nil, message end
  local target = ("%s/%s/%s"):format(self.folder, cell.rerun and "reruns" or "cells", cell.id)
  if cell.status ~= "ok" then target = self:next_attempt("failed", cell.id) end
  ok, message = fs.commit(work, target)
  return ok and target or nil, message
end

local function read_cell(self, kind, id)
  local known = self.sound and self.sound[("%s/%s"):format(kind, id)]
  if known then return known end
  local cell, message = damage.cell(("%s/%s/%s"):format(self.folder, kind, id))
  if not cell then error({ exit = 1, message = message }, 0) end
  return cell
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
  self.sound = nil -- whoever asks again must find none of the changes that are made to these
  keys.find_baselines(self.about, cells)
  return cells
end

---@param id string
---@return specbench.run? run
---@return string? message
function Store:run(id)
  local place = counting(self, id)
  local cell = not fs.stat(place .. "/records.bin") and damage.cell(place)
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
