-- Names that become part of a path: of a round, of a method, of a task.

local file_name = {}

---@param name any
---@return string? flaw why it cannot name a file or folder; nil where it can
function file_name.flaw(name)
  if type(name) ~= "string" then return "must be a word, not a " .. type(name) end
  if name == "" then return "must not be empty" end
  if name:find "[/%c\127]" then return "must have no slash and no control character" end
  if name:sub(1, 1) == "." then return "must not begin with a dot" end
  if #name > 200 then return "must have 200 bytes at most" end
end

return file_name
