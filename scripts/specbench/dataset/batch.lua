-- Fetching, verifying and importing many files: a line each on standard output, then a summary.

local clock = require "sb.clock"
local fs = require "sb.fs"
local byte_bar = require "specbench.dataset.byte_bar"
local cache = require "specbench.dataset.cache"
local fetch = require "specbench.dataset.fetch"
local foreign = require "specbench.base.foreign"
local secrets = require "specbench.base.secrets"
local speed_bench = require "specbench.dataset.speed_bench"

local batch = {}

local function say(format, ...)
  io.stdout:write(format:format(...), "\n")
  io.stdout:flush()
end

local function complain(format, ...)
  io.stderr:write("specbench: dataset: ", foreign.clean(secrets.url(format:format(...))), "\n")
end

local function new_bar(entries)
  local total = 0
  for _, entry in ipairs(entries) do total = total + (entry.bytes or 0) end
  local is_tty, width = fs.is_terminal(io.stderr)
  return byte_bar.new {
    out = io.stderr, is_tty = is_tty, width = width, total = total,
    now = function() return clock.now() / 1e9 end,
  }
end

-- Without a network: what to get, from where, and where it belongs.
local function explain_by_hand(manifest, entries, from, options)
  io.stderr:write("The network or the server cannot be reached. Get the files in another way (their home: ",
    manifest.tree or manifest.home, ") and put them at these paths, or run `specbench dataset import FOLDER`; "
    .. "--mirror URL names another server.\n")
  for i = from, #entries do
    local entry = entries[i]
    local path = cache.path(options.folder, entry)
    if not cache.check(path, entry) then
      local url = secrets.url(fetch.url(entry, options.base))
      io.stderr:write(("  %s\n    from %s\n    %s\n"):format(path, url, cache.mark(entry)))
    end
  end
end

-- Kinds of failures after which the next file would fail as well.
local HOPELESS = { unreachable = true, disk = true }

---@param manifest table
---@param entries specbench.dataset.file[]
---@param options specbench.dataset.fetch_options
---@return boolean? ok every file is there; nil where it could not begin
---@return string? message of that
function batch.fetch(manifest, entries, options)
  local made, message = fs.mkdir(options.folder)
  if not made then return nil, message end
  local lock <close>, problem, code = fs.lock(options.folder .. "/.lock")
  if not lock then
    return nil, code == "state" and "another `specbench dataset fetch` is at work in " .. options.folder or problem
  end
  local bar, failed, fetched = new_bar(entries), 0, 0
  options.progress = function(bytes) bar:update(bytes) end
  for i, entry in ipairs(entries) do
    bar:file(entry.file)
    local outcome, reason, kind = fetch.file(entry, options)
    bar:file_done(entry.bytes or 0)
    bar:clear()
    if outcome then
      say("%s  %s", outcome == "there" and "is there" or "fetched ", entry.file)
      fetched = fetched + 1
    else
      complain("%s", reason)
      failed = failed + 1
      if kind == "unreachable" then explain_by_hand(manifest, entries, i, options) end
      if HOPELESS[kind] then break end
    end
  end
  say("%d of %d files are in %s", fetched, #entries, options.folder)
  if failed == 0 then say "To use them: --datasets cache. Their licences: specbench dataset list" end
  return failed == 0
end

---@param manifest table
---@param folder string
---@return boolean? ok nothing is wrong, and something is there; nil where there is no such folder
---@return string? message of that
function batch.verify(manifest, folder)
  local found = fs.stat(folder)
  if not (found and found.type == "folder") then
    return nil, folder .. ": no such folder: specbench dataset fetch makes the cache, verify DIR checks another one"
  end
  local right, absent, wrong = 0, 0, 0
  for _, entry in ipairs(manifest.files) do
    local path = cache.path(folder, entry)
    local same, message = cache.check(path, entry)
    if same then
      right = right + 1
      say("right    %s", entry.file)
    elseif fs.stat(path) then
      wrong = wrong + 1
      say("wrong    %s", entry.file)
      complain("%s: %s. Remove it and fetch it again", path, message)
    else
      absent = absent + 1
      say("missing  %s", entry.file)
    end
  end
  say("%s: %d right, %d wrong, %d missing", folder, right, wrong, absent)
  return wrong == 0 and right > 0
end

-- A file that nobody publishes whole: the user's own copy of SPEED-Bench.
local function import_own(from, folder)
  local rows, message = speed_bench.read(from)
  if not rows then return nil, message end
  local to = ("%s/%s"):format(folder, speed_bench.FILE)
  local ok
  ok, message = fs.mkdir(to:match "^(.*)/")
  if ok then ok, message = cache.copy(from, to) end
  if not ok then return nil, message end
  say("imported  %s (%d rows)", speed_bench.FILE, #rows)
  return true
end

---@param manifest table
---@param from string the user's folder
---@param folder string the cache
---@return boolean? ok something was found, and nothing is wrong; nil where it could not begin
---@return string? message of that
function batch.import(manifest, from, folder)
  local found = fs.stat(from)
  if found and found.type == "file" then return import_own(from, folder) end
  if not (found and found.type == "folder") then return nil, from .. ": no such folder" end
  local counts = { imported = 0, there = 0, absent = 0, wrong = 0, failed = 0 }
  for _, entry in ipairs(manifest.files) do
    local outcome, message = cache.import(entry, from, folder)
    counts[outcome] = counts[outcome] + 1
    if outcome == "imported" then say("imported  %s", entry.file) end
    if outcome == "wrong" then complain("%s: left out", message) end
    if outcome == "failed" then return nil, message end
  end
  say("%d imported into %s, %d were there, %d not found, %d wrong", counts.imported, folder, counts.there,
    counts.absent, counts.wrong)
  if counts.imported + counts.there + counts.wrong == 0 then
    return nil, ("%s has none of the published files: put them there with their own names, as in "
      .. "`specbench dataset list`"):format(from)
  end
  return counts.wrong == 0
end

return batch
