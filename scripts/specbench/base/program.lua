-- Programs, looked for before anything tries to start them.

local fs = require "sb.fs"

local program = {}

---@param name string as argv[1]: a path, or a name that is looked up
---@param path string? folders with colons; default: PATH
---@return boolean
function program.is_there(name, path)
  if name:find("/", 1, true) then return fs.is_executable(name) end
  for folder in (path or os.getenv "PATH" or ""):gmatch "[^:]+" do
    if fs.is_executable(folder .. "/" .. name) then return true end
  end
  return false
end

return program
