-- Lua text in files that a user names.

local environment = require "sb.environment"
local fs = require "sb.fs"

local source = {}

-- Folders of the files that were loaded, the last one first: what such a file requires may lie beside it. Two of them
-- may each have a module of one name.
local folders, folder_of = {}, {}
local LIBRARY = ("%s/scripts/?.lua;%s/scripts/?/init.lua"):format(environment.home, environment.home)

local function search(name)
  if package.searchpath(name, LIBRARY) then return nil end -- no file of a user's stands in for it
  for _, folder in ipairs(folders) do
    local path = ("%s/%s.lua"):format(folder, name:gsub("%.", "/"))
    local text = fs.stat(path) and fs.read(path)
    if text then
      folder_of[name] = folder
      return assert(load(text, "@" .. path, "t")), path
    end
  end
end

local function look_beside(path)
  local folder = path:match "^(.*)/" or "."
  if folder == folders[1] then return end
  if not folders[1] then table.insert(package.searchers, 2, search) end -- before those that go by package.path
  for i = #folders, 1, -1 do
    if folders[i] == folder then table.remove(folders, i) end
  end
  table.insert(folders, 1, folder)
  for name, from in pairs(folder_of) do
    if from ~= folder then package.loaded[name], folder_of[name] = nil, nil end
  end
end

---What loadfile does, but for text alone, and without waiting for a pipe or a device that never ends. What the file
---requires is looked for beside it.
---@param path string
---@param env table? globals of the chunk, instead of everybody's
---@return function? chunk
---@return string? message
function source.load(path, env)
  local text, message = fs.read(path)
  if not text then return nil, message end
  look_beside(path)
  text = text:gsub("^\xEF\xBB\xBF", ""):gsub("^#[^\n]*", "")
  return load(text, "@" .. path, "t", env or _G)
end

return source
