-- How a malformed file ends a conversion: one line, told apart from a mistake in this program.

local refusal = {}

local Refusal = { __tostring = function(self) return self.message end }

---Ends the function that refusal.catch runs. Names in a file may hold anything; the message is a line.
---@param format string
function refusal.refuse(format, ...)
  error(setmetatable({ message = format:format(...):gsub("%c", "?") }, Refusal), 0)
end

---Calls f; any other error than a refusal goes on as it is.
---@param f function
---@return any ... f's results; nil and the message where it refused
function refusal.catch(f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local problem = results[2]
  if getmetatable(problem) ~= Refusal then error(problem, 0) end
  return nil, problem.message
end

return refusal
