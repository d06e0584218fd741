-- Several workers, on whatever machines, share the work of one results folder; nothing but the folder connects them.
-- No lock of the file system is used (not every shared one has them): only mkdir, rename and link, each of which one
-- of several that try succeeds in. All of it lies in share/, beside the cells that count:
--
--   share/plan           names the units that the work is cut into, made by link: whoever comes later has the same
--   share/workers/ME     a worker that lives; its time is renewed
--   share/claims/UNIT/ME who is at a unit; made by mkdir, renewed. Older than `stale` by the file server's clock: its
--                        owner is dead, or cut off, and the claim is moved away by whoever takes over
--   share/tries/UNIT.ME/ the results folder of one try at a unit: no try sees another's files
--   share/done/UNIT      names the try that counts, made by link: of two that were whole (one was cut off and came
--                        back) the first counts. Its cells then move to where a report reads them
--   share/failed/        a file for each try that had failed cells
--
-- ME is host, pid and moment, so no two workers have one name, on any machine.

local clock = require "sb.clock"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local sharing = {
  STALE = 180, -- seconds after which a worker that gave no sign is dead; file servers show others' files late
  TRIES = 2, -- at a unit whose cells fail, before it is left as it is
}

local RENEWALS = 6 -- in the time after which one is stale

---@class specbench.sharing
---@field folder string a results folder
---@field me string
---@field stale number seconds
---@field held table<string, boolean> units that this worker has claimed; false: another took the claim over
local Sharing = {}
Sharing.__index = Sharing

local function path_of(self, ...)
  return table.concat({ self.folder, "share", ... }, "/")
end

local function read_json(path)
  local text = fs.read(path)
  local value = text and json.decode(text)
  return type(value) == "table" and value or nil
end

-- When a process began, in ticks since the machine did; nil where there is none.
local function begin_of(pid)
  local state, rest = (fs.read(("/proc/%s/stat"):format(pid)) or ""):match "^%d+ %(.*%) (%a) (.*)$"
  if not state or state == "Z" or state == "X" then return nil end
  return tonumber((rest:gsub("^" .. ("%S+ "):rep(18), "")):match "^%d+")
end

-- The pid namespace that this process is in: within another one its pid means somebody else.
local function namespace()
  local found = fs.stat "/proc/self/ns/pid"
  return found and found.inode
end

-- This process as it signs what it writes.
local function sign(about)
  return {
    host = fs.hostname(), boot_id = (fs.read "/proc/sys/kernel/random/boot_id" or ""):match "%S+",
    pid = math.tointeger(tonumber(fs.read("/proc/self/stat"):match "^%d+")), began = begin_of "self",
    namespace = namespace(), job = about.job, rank = about.rank, restart = about.restart,
  }
end

-- Whether who signed so ran on this very machine and runs no more.
local function is_dead_here(self, told)
  return told.boot_id ~= nil and told.boot_id == self.who.boot_id and told.namespace == self.who.namespace
    and math.type(told.pid) ~= nil and begin_of(("%d"):format(told.pid)) ~= told.began
end

---@param folder string a results folder; made where it is not there
---@param about { job: string?, rank: string?, restart: integer?, stale: number? } job: what this worker runs as; rank:
---  which of the job's processes it is; restart: how often the job was begun again
---@return specbench.sharing? self
---@return string? message
function sharing.join(folder, about)
  local who = sign(about)
  local self = setmetatable({
    folder = folder, who = who, stale = about.stale or sharing.STALE, held = {},
    me = ("%s-%d-%x"):format(who.host:gsub("[^%w.-]", "_"):gsub("^%.", "_"), who.pid, clock.wall() // 1000000),
  }, Sharing)
  local ok, message = true, nil
  for _, part in ipairs { "workers", "claims", "tries", "done", "failed", "lost" } do
    if ok then ok, message = fs.mkdir(path_of(self, part)) end
  end
  if ok then ok, message = fs.write(path_of(self, "workers", self.me), json.encode(self.who) .. "\n") end
  if not ok then return nil, message end
  return self
end

---A folder as somebody sees it who is no worker of it; ages are by this machine's clock.
---@param folder string
---@param stale number? seconds
---@return specbench.sharing
function sharing.look(folder, stale)
  return setmetatable({ folder = folder, stale = stale or sharing.STALE, held = {} }, Sharing)
end

-- Age of a file by the clock that gave it its time; nil where it is not there.
local function age_of(self, path)
  local found = fs.stat(path)
  if not found then return nil end
  if not self.me then return clock.wall() / 1e9 - found.mtime end
  local own = path_of(self, "workers", self.me)
  local now = fs.touch(own) and fs.stat(own)
  return now and now.mtime - found.mtime or 0
end

---Workers that gave a sign lately, this one aside.
---@return { host: string, pid: integer, job: string? }[]
function Sharing:others()
  local list = {}
  for _, name in ipairs(fs.list(path_of(self, "workers")) or {}) do
    local path = path_of(self, "workers", name)
    local age = name ~= self.me and age_of(self, path)
    if age and age <= self.stale then list[#list + 1] = read_json(path) or { host = name, pid = 0 } end
  end
  return list
end

---How many workers gave a sign lately, for who is none of them. The clock is this machine's.
---@param folder string a results folder
---@return integer
function sharing.count(folder)
  local count, now = 0, clock.wall() / 1e9
  for _, name in ipairs(fs.list(folder .. "/share/workers") or {}) do
    local found = fs.stat(("%s/share/workers/%s"):format(folder, name))
    if found and now - found.mtime <= sharing.STALE then count = count + 1 end
  end
  return count
end

---@param folder string a results folder
---@return string[] folders it and those of tries that are not handed in
function sharing.folders(folder)
  local list = { folder }
  for _, name in ipairs(fs.list(folder .. "/share/tries") or {}) do
    list[#list + 1] = ("%s/share/tries/%s"):format(folder, name)
  end
  return list
end

---Agrees with all who share the folder on how the work is cut.
---@param text string what names the units
---@param alone boolean no other worker lives: what an earlier one agreed on may go
---@return boolean agreed
function Sharing:agree(text, alone)
  local path, own = path_of(self, "plan"), path_of(self, "workers", self.me .. ".plan")
  if alone and fs.read(path) ~= text then fs.remove(path) end
  assert(fs.write(own, text))
  local made = fs.link(own, path)
  fs.remove(own)
  return made ~= nil or fs.read(path) == text
end

-- Writes that the folder of a claim is ours; false where it was taken from us meanwhile.
local function sign_claim(self, unit)
  local folder = path_of(self, "claims", unit)
  if not fs.write(("%s/%s"):format(folder, self.me), json.encode(self.who) .. "\n") then return false end
  local names = fs.list(folder) or {}
  if #names == 1 and names[1] == self.me then return true end
  fs.remove(("%s/%s"):format(folder, self.me))
  return false
end

-- The newest sign of life in a claim, in seconds; nil where there is no claim.
local function age_of_claim(self, folder)
  local age = age_of(self, folder)
  for _, name in ipairs(age and fs.list(folder) or {}) do
    local own = age_of(self, ("%s/%s"):format(folder, name))
    age = own and math.min(age, own) or age
  end
  return age
end

-- Whether a claim is of this very job before it was begun again: whoever manages jobs has given the former one up.
local function is_former(self, folder)
  local name = (fs.list(folder) or {})[1]
  local told = self.who.job and name and read_json(("%s/%s"):format(folder, name))
  return told and told.job == self.who.job and told.rank == self.who.rank
    and (tonumber(told.restart) or 0) < (self.who.restart or 0)
end

-- Whether the owner of the claim in a folder is taken for dead.
local function is_abandoned(self, folder)
  local age = age_of_claim(self, folder)
  return age ~= nil and (age > self.stale or is_former(self, folder))
end

-- Moves a dead worker's claim away, which one of several does. What was renewed in the meantime is put back.
local function clear(self, unit)
  local folder, away = path_of(self, "claims", unit), path_of(self, "lost", ("%s.%s"):format(unit, self.me))
  if not is_abandoned(self, folder) then return false end
  fs.remove(away)
  if not os.rename(folder, away) then return false end
  if is_abandoned(self, away) then return true end
  os.rename(away, folder)
  return false
end

---@param unit string
---@return boolean claimed
---@return boolean? taken_over from a worker that is dead
function Sharing:claim(unit)
  local folder = path_of(self, "claims", unit)
  local taken_over = false
  if not fs.claim(folder) then
    if not clear(self, unit) then return false end
    taken_over = true
    if not fs.claim(folder) then return false end
  end
  if not sign_claim(self, unit) then return false end
  self.held[unit] = true
  return true, taken_over
end

---Gives a unit back.
---@param unit string
function Sharing:release(unit)
  if self.held[unit] and fs.stat(path_of(self, "claims", unit, self.me)) then
    fs.remove(path_of(self, "claims", unit))
  end
  self.held[unit] = nil
end

---Tries that are not handed in, those of dead workers among them.
---@return { unit: string, host: string, folder: string }[]
function Sharing:tries()
  local list = {}
  for _, name in ipairs(fs.list(path_of(self, "tries")) or {}) do
    local told = read_json(path_of(self, "tries", name, "try.json"))
    local unit, host = told and told.unit, told and told.host
    if type(unit) == "string" and not unit:find "/" and type(host) == "string" then
      list[#list + 1] = { unit = unit, host = host, folder = path_of(self, "tries", name) }
    end
  end
  return list
end

---Who is at a unit.
---@param unit string
---@return { host: string, pid: integer, job: string? }? owner nil: nobody, or one that gave no sign for long
function Sharing:owner(unit)
  local folder = path_of(self, "claims", unit)
  local age = age_of_claim(self, folder)
  if not age or age > self.stale then return nil end
  local name = (fs.list(folder) or {})[1]
  return name and read_json(("%s/%s"):format(folder, name)) or nil
end

---Seconds between two signs of life.
function Sharing:pause()
  return self.stale / RENEWALS
end

---A sign of life, for this worker and for what it has claimed.
function Sharing:renew()
  local own = path_of(self, "workers", self.me)
  if not fs.touch(own) then fs.write(own, json.encode(self.who) .. "\n") end
  for unit, is_mine in pairs(self.held) do
    if is_mine and not fs.touch(path_of(self, "claims", unit, self.me)) then self.held[unit] = false end
  end
end

---@param unit string
---@return boolean whether the claim is still ours, as far as is known
function Sharing:holds(unit)
  return self.held[unit] == true
end

local function name_of(self, unit)
  return ("%s.%s"):format(unit, self.me)
end

-- An unfinished try at a unit that was measured on this very machine, and whose worker is gone.
local function own_earlier(self, unit)
  for _, name in ipairs(fs.list(path_of(self, "tries")) or {}) do
    local told = name:sub(1, #unit + 1) == unit .. "." and read_json(path_of(self, "tries", name, "try.json"))
    if told and name ~= name_of(self, unit) and is_dead_here(self, told) then return name end
  end
end

---The folder of a try at a unit that is claimed: the one that a dead worker of this machine left, under a new name (so
---that it can write no more there, should it come back), or a new one.
---@param unit string
---@return string folder
---@return boolean continued
function Sharing:try(unit)
  local folder, earlier = path_of(self, "tries", name_of(self, unit)), own_earlier(self, unit)
  local continued = earlier ~= nil and os.rename(path_of(self, "tries", earlier), folder) ~= nil
  assert(fs.mkdir(folder))
  local told = { unit = unit, try = name_of(self, unit) }
  for key, value in pairs(self.who) do told[key] = value end
  assert(fs.write(folder .. "/try.json", json.encode(told) .. "\n"))
  return folder, continued
end

---@param unit string
---@return integer tries that had failed cells
function Sharing:failures(unit)
  local count = 0
  for _, name in ipairs(fs.list(path_of(self, "failed")) or {}) do
    if name:sub(1, #unit + 1) == unit .. "." then count = count + 1 end
  end
  return count
end

---Notes that a try had failed cells.
---@param unit string
---@return integer tries so far that did
function Sharing:fail(unit)
  local before = self:failures(unit)
  local path = path_of(self, "failed", ("%s.%d"):format(name_of(self, unit), before + 1))
  assert(fs.write(path, json.encode(self.who) .. "\n"))
  return before + 1
end

---Says that our try at a unit is whole.
---@param unit string
---@return boolean counts false: another's was whole before
---@return string? message why it cannot be said
function Sharing:finish(unit)
  local made, message, code = fs.link(path_of(self, "tries", name_of(self, unit), "try.json"),
    path_of(self, "done", unit))
  return made ~= nil, code ~= "state" and message or nil
end

---@param unit string
---@param by_now boolean? as the file server says now: a client of NFS may go for a minute by what it saw in a
---  folder, until it changes something there itself
---@return boolean
function Sharing:is_done(unit, by_now)
  if by_now then
    local own = path_of(self, "done", self.me)
    fs.claim(own)
    fs.remove(own)
  end
  return fs.stat(path_of(self, "done", unit)) ~= nil
end

---Forgets that a unit is done, since cells of it are missing.
---@param unit string
function Sharing:reopen(unit)
  fs.remove(path_of(self, "done", unit))
  for _, name in ipairs(fs.list(path_of(self, "failed")) or {}) do
    if name:sub(1, #unit + 1) == unit .. "." then fs.remove(path_of(self, "failed", name)) end
  end
end

-- Moves a folder where no other is; nil where one is, or where another worker has moved it.
local function move(from, target)
  return fs.stat(from) and os.rename(from, target)
end

-- A failed attempt takes the first number that is free.
local function put_failed(self, from, name)
  local id, number = name:match "^(.*)%-%d+$" or name, 1
  while fs.stat(from) and not move(from, ("%s/failed/%s-%d"):format(self.folder, id, number)) do number = number + 1 end
end

-- A cell of a try takes its place; what lay there, of another machine, is kept. Of several workers that do this at
-- once none finds a place for what another has just put there: it would have the same name.
local function put(self, from, kind, id, try)
  local target = ("%s/%s/%s"):format(self.folder, kind, id)
  if move(from, target) or not fs.stat(from) then return end
  assert(fs.mkdir(self.folder .. "/replaced"))
  os.rename(target, ("%s/replaced/%s.%s.%s"):format(self.folder, id, kind, try))
  if not move(from, target) and fs.stat(from) then error("cannot move a cell to " .. target, 0) end
end

---Moves the cells of the try that counts to where a report reads them. Whoever finds them unmoved may do it, several
---at once: each cell moves once.
---@param unit string one that is done
function Sharing:land(unit)
  local told = read_json(path_of(self, "done", unit))
  local name = told and type(told.try) == "string" and told.try
  local folder = name and not name:find "/" and path_of(self, "tries", name)
  if not folder or not fs.stat(folder) then return end
  for _, kind in ipairs { "cells", "reruns" } do
    for _, id in ipairs(fs.list(("%s/%s"):format(folder, kind)) or {}) do
      put(self, ("%s/%s/%s"):format(folder, kind, id), kind, id, name)
    end
  end
  for _, attempt in ipairs(fs.list(folder .. "/failed") or {}) do
    put_failed(self, ("%s/failed/%s"):format(folder, attempt), attempt)
  end
  for _, answers in ipairs(fs.list(folder .. "/conversations") or {}) do
    fs.mkdir(self.folder .. "/conversations")
    fs.link(("%s/conversations/%s"):format(folder, answers), ("%s/conversations/%s"):format(self.folder, answers))
  end
  if #(fs.list(folder .. "/logs") or {}) > 0 then
    os.rename(folder .. "/logs", ("%s/logs/%s"):format(self.folder, name))
  end
  fs.remove(folder)
end

---Leaves: what is claimed is given back.
function Sharing:close()
  for unit in pairs(self.held) do self:release(unit) end
  fs.remove(path_of(self, "workers", self.me))
end
Sharing.__close = Sharing.close

return sharing
