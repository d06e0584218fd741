-- The folder of this user's in which the published data files are kept, laid out as their home is, so that
-- it serves as --datasets: --datasets cache.

local fs = require "sb.fs"
local git_blob = require "specbench.base.git_blob"
local unknown = require "specbench.base.unknown"

local cache = {}

local PIECE = 1 << 20 -- bytes copied at once

---@return string? folder $XDG_CACHE_HOME/specbench, else ~/.cache/specbench; it may not be there yet
---@return string? message
function cache.folder()
  local base = os.getenv "XDG_CACHE_HOME"
  if base and base:sub(1, 1) == "/" then return (base:gsub("(.)/+$", "%1")) .. "/specbench" end
  local home = os.getenv "HOME"
  if home and home ~= "" then return home .. "/.cache/specbench" end
  return nil, "no folder for data files: set XDG_CACHE_HOME or HOME"
end

---What --datasets names: the word cache is the cache folder, anything else is a folder itself (./cache, say).
---@param folder string
---@return string? folder, string? message where there is no cache yet
function cache.resolve(folder)
  if folder ~= "cache" then return folder end
  local path, message = cache.folder()
  if path and not fs.stat(path) then
    return nil, ("there is no %s yet: run `specbench dataset fetch` first"):format(path)
  end
  return path, message
end

---@param folder string
---@param entry specbench.dataset.file
---@return string
function cache.path(folder, entry)
  return folder .. "/" .. entry.file
end

---Bytes of a download that was interrupted.
---@param path string of the whole file
---@return integer
function cache.begun(path)
  local part = fs.stat(path .. ".part")
  return part and part.size or 0
end

---What a folder has of a file, by its size alone; one whose size is not known is there.
---@param folder string
---@param entry specbench.dataset.file
---@return "there"|"wrong"|"begun"|"absent" state
---@return integer bytes of it that are there
function cache.state(folder, entry)
  local path = cache.path(folder, entry)
  local found = fs.stat(path)
  if found then return (not entry.bytes or found.size == entry.bytes) and "there" or "wrong", found.size end
  local begun = cache.begun(path)
  return begun > 0 and "begun" or "absent", begun
end

---What a file is known by.
---@param entry specbench.dataset.file
---@return string such as "sha256 6e64..."
function cache.mark(entry)
  return entry.sha256 and "sha256 " .. entry.sha256 or "git blob " .. entry.blob
end

---Whether a file is the published one.
---@param path string
---@param entry specbench.dataset.file
---@return true? same, string? message what is wrong with it, without the path
function cache.check(path, entry)
  local found = fs.stat(path)
  if not found then return nil, "not there" end
  if found.type ~= "file" then return nil, "not a file" end
  if entry.bytes and found.size ~= entry.bytes then
    return nil, ("%d bytes, but the published file has %d"):format(found.size, entry.bytes)
  end
  local name, id_of = "sha256", fs.sha256_file
  if not entry.sha256 then name, id_of = "git blob id", git_blob.id end
  local id, message = id_of(path)
  if not id then return nil, message end
  local published = entry.sha256 or entry.blob
  if id ~= published then return nil, ("its %s is %s, the published file's %s"):format(name, id, published) end
  return true
end

---Copies a file, whole or not at all.
---@param from string
---@param to string
---@return true? ok, string? message
function cache.copy(from, to)
  local source <close> = assert(io.open(from, "rb"))
  local part = to .. ".part"
  local out, message = io.open(part, "wb")
  if not out then return nil, message end
  local ok = true
  while ok do
    local piece = source:read(PIECE)
    if not piece then break end
    ok, message = out:write(piece)
  end
  local closed, reason = out:close()
  if not (ok and closed) then
    os.remove(part)
    return nil, ("%s: %s"):format(part, message or reason)
  end
  return os.rename(part, to)
end

---Takes a published file over from a folder of the user's: from its place in the layout, or from the folder
---itself.
---@param entry specbench.dataset.file
---@param from string
---@param folder string
---@return "imported"|"there"|"absent"|"wrong"|"failed" outcome
---@return string? message of wrong and failed, with the path
function cache.import(entry, from, folder)
  local target = cache.path(folder, entry)
  if cache.check(target, entry) then return "there" end
  local wrong
  for _, name in ipairs { entry.file, entry.file:match "[^/]*$" } do
    local path = from .. "/" .. name
    local same, message = cache.check(path, entry)
    if same then
      local ok, reason = fs.mkdir(target:match "^(.*)/")
      if ok then ok, reason = cache.copy(path, target) end
      if ok then return "imported" end
      return "failed", reason
    end
    if fs.stat(path) then wrong = wrong or ("%s: %s"):format(path, message) end
  end
  if wrong then return "wrong", wrong end
  return "absent"
end

local function names_of(manifest)
  local names, seen = {}, {}
  for _, entry in ipairs(manifest.files) do
    for _, name in ipairs { entry.dataset, entry.file } do
      if not seen[name] then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  return names, seen
end

---The files of the manifest that the user means: datasets' names, files' names, or "all".
---@param manifest table datasets/manifest.lua
---@param wanted string[] none: all
---@param subset string? of each dataset only this one
---@return specbench.dataset.file[]? entries in the manifest's order, string? message
function cache.select(manifest, wanted, subset)
  local names, known = names_of(manifest)
  local chosen = {}
  for _, name in ipairs(#wanted > 0 and wanted or { "all" }) do
    if name ~= "all" and not known[name] then
      return nil, ("no published data is named '%s'%s: specbench dataset list shows what there is"):format(name,
        unknown.hint(name, names))
    end
    chosen[name] = true
  end
  local entries, subsets = {}, {}
  for _, entry in ipairs(manifest.files) do
    if chosen.all or chosen[entry.dataset] or chosen[entry.file] then
      subsets[#subsets + 1] = entry.subset
      if not subset or entry.subset == subset then entries[#entries + 1] = entry end
    end
  end
  if #entries == 0 then
    return nil, ("--subset %s: there is %s"):format(subset,
      #subsets > 0 and table.concat(subsets, ", ") or "no subset of these data")
  end
  return entries
end

return cache
