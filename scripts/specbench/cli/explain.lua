-- What a user is told of an error that a script raised.

local environment = require "sb.environment"

---To be called by a message handler itself, which knows where the error was raised. A message that begins with a place
---in a file came from a script: its traceback helps. But assert(nil, message) only passes on what the library says of
---a failure, and that line is enough; the place, where it is the user's.
---@param text string
---@return string
local function explain(text)
  local place, message = text:match "^([^\n]-%.lua:%d+): (.*)$"
  if not place or place:find(": ", 1, true) then return text end
  local raiser = debug.getinfo(3, "f")
  if not raiser or raiser.func ~= assert or message == "assertion failed!" then return debug.traceback(text, 3) end
  local own = place:sub(1, #environment.home + 1) == environment.home .. "/"
  return own and message or text
end

return explain
