-- What a sweep leaves in its results folder while it runs, for `specbench watch`: when it began, what its servers do,
-- how long it expects to take. Written where a cell begins or ends and where a server changes, never during a load, and
-- removed at the end.

local clock = require "sb.clock"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local sealed = require "specbench.results.sealed"
local shape = require "specbench.base.shape"

local note = { FILE = "live.json" }

local word, number, count = shape.string(), shape.number { finite = true }, shape.integer { from = 0 }

local note_shape = shape.record {
  "note", class = "specbench.live.note", doc = "What a sweep says of itself while it runs.",
  fields = {
    { "host", word, "where it runs", needed = true },
    { "pid", count, "its process", needed = true },
    { "begun", number, "unix time", unit = "s", needed = true },
    { "written", number, "unix time", unit = "s", needed = true },
    { "left_s", number, "expected at that moment" },
    { "left_error_s", number, "how far that may be off" },
    { "key", word, "of the cell that began last" },
    { "servers", shape.list(shape.record {
      "server", class = "specbench.live.noted_server", fields = {
        { "name", word, "model, method and k", needed = true },
        { "state", shape.choice { "starting", "up", "measuring", "lost" }, "what it does", needed = true },
        { "since", number, "unix time", unit = "s", needed = true },
        { "key", word, "of the cell that it measures" },
        { "requests_total", count, "of that cell" },
      },
    }), "those that are up", needed = true },
  },
}

local function own_pid()
  return tonumber((fs.read "/proc/self/stat" or ""):match "^%d+")
end

---@param folder string a results folder
---@param what table fields of specbench.live.note but host, pid and written
function note.write(folder, what)
  what.host, what.pid, what.written = fs.hostname(), own_pid(), clock.wall() / 1e9
  local path = ("%s/%s"):format(folder, note.FILE)
  local file = io.open(path .. ".part", "w") -- a note that fails costs no cell, and none is worth a sync
  if not file then return end
  local is_whole = file:write(json.encode(what), "\n")
  if file:close() and is_whole then os.rename(path .. ".part", path) end
end

---@param folder string
function note.remove(folder)
  os.remove(("%s/%s"):format(folder, note.FILE))
end

-- A sweep that was killed leaves its note. On another machine nobody can tell.
local function is_alive(found)
  if found.host ~= fs.hostname() then return true end
  local stat = fs.read(("/proc/%d/stat"):format(found.pid))
  return stat ~= nil and stat:find "^%d+ %(specbench" ~= nil
end

---@param folder string
---@return specbench.live.note? found nil where no sweep is at work in the folder
function note.read(folder)
  local text = sealed.bytes(("%s/%s"):format(folder, note.FILE))
  local found = text and json.decode(text)
  if type(found) ~= "table" or #note_shape:flaws(found) > 0 then return nil end
  found.pid = math.tointeger(found.pid)
  return is_alive(found) and found or nil
end

return note
