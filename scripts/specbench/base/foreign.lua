-- Text that came from elsewhere (a server's bodies, events, headers and logs, results that were received), before a
-- terminal or a message has it.

local secrets = require "specbench.base.secrets"

local foreign = {}

local MOST = 100 -- bad bytes that are looked for one by one

-- A question mark for each byte that belongs to no character.
local function as_utf8(text)
  local at = 1
  for _ = 1, MOST do
    local ok, bad = utf8.len(text, at)
    if ok then return text end
    text, at = text:sub(1, bad - 1) .. "?" .. text:sub(bad + 1), bad
  end
  return (text:gsub("[\x80-\xFF]", "?"))
end

---Text that does nothing to a terminal but stand there: control characters, C1 among them, and those that turn the
---direction of writing are question marks. Lines and tabs stay.
---@param text string
---@return string
function foreign.printable(text)
  if not text:find "[%c\x80-\xFF]" then return text end
  text = as_utf8(text:gsub("\r\n", "\n")):gsub("[\0-\8\11-\31\127]", "?"):gsub("\xC2[\x80-\x9F]", "?")
  return (text:gsub("\xE2\x80[\xAA-\xAE]", "?"):gsub("\xE2\x81[\xA6-\xA9]", "?"))
end

---The same without any secret that is known.
---@param text string
---@return string
function foreign.clean(text)
  return foreign.printable(secrets.scrub(text))
end

---The same in one line.
---@param text string
---@return string
function foreign.line(text)
  return (foreign.clean(text):gsub("[\n\t]", " "))
end

---A value that was read from a file: all its strings are printable from now on.
---@param value any
---@param left table<string, boolean>? fields that stay as they are
---@return any value the same
function foreign.tree(value, left)
  if type(value) == "string" then return foreign.printable(value) end
  if type(value) ~= "table" then return value end
  local renamed
  for key, item in pairs(value) do
    if not (left and left[key]) then value[key] = foreign.tree(item) end
    if type(key) == "string" and foreign.printable(key) ~= key then
      renamed = renamed or {}
      renamed[key] = true
    end
  end
  for key in pairs(renamed or {}) do
    value[foreign.printable(key)], value[key] = value[key], nil
  end
  return value
end

---JSON text, in which control characters that it may hold as they are become escapes.
---@param text string
---@return string
function foreign.json(text)
  return (text:gsub("\127", "\\u007f"):gsub("\xC2([\x80-\x9F])", function(byte)
    return ("\\u%04x"):format(byte:byte())
  end))
end

return foreign
