-- What is wrong with a round's description, as its author or user is told: one line.

local refusal = {}

local failure = { __tostring = function(self) return self.message end }

---Raises it.
---@param format string as string.format takes it, with what follows
function refusal.raise(format, ...)
  error(setmetatable({ round = true, message = format:format(...) }, failure), 0)
end

---The message of an error that a round's description caused; nil for any other error.
---@param e any
---@return string?
function refusal.message_of(e)
  return type(e) == "table" and e.round and e.message or nil
end

return refusal
