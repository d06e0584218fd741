-- Lua text in files that a user names.

local fs = require "sb.fs"

local source = {}

---What loadfile does, but for text alone, and without waiting for a pipe or a device that never ends.
---@param path string
---@param env table? globals of the chunk, instead of everybody's
---@return function? chunk
---@return string? message
function source.load(path, env)
  local text, message = fs.read(path)
  if not text then return nil, message end
  text = text:gsub("^\xEF\xBB\xBF", ""):gsub("^#[^\n]*", "")
  return load(text, "@" .. path, "t", env or _G)
end

return source
