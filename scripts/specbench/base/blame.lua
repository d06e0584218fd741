-- What a user is told of an error that a script raised. A round's functions run far from its file: an error in one
-- says which one it was, and of which cell.

local environment = require "sb.environment"
local secrets = require "specbench.base.secrets"

local blame = {}

---To be called by a message handler itself, which knows where the error was raised. A message that begins with a place
---in a file came from a script: its traceback helps. But assert(nil, message) only passes on what the library says of
---a failure, and that line is enough; the place, where it is the user's.
---@param text string
---@return string
function blame.explain(text)
  local place, message = text:match "^([^\n]-%.lua:%d+): (.*)$"
  if not place or place:find(": ", 1, true) then return text end
  local raiser = debug.getinfo(3, "f")
  if not raiser or raiser.func ~= assert or message == "assertion failed!" then return debug.traceback(text, 3) end
  local own = place:sub(1, #environment.home + 1) == environment.home .. "/"
  return own and message or text
end

local LANDMARKS = { "/scripts/specbench/", "/scripts/cmd/", "/scripts/dispatch.lua:" } -- Lua shortens long paths
local MOST_PLACES = 5

local function is_own(place)
  if place:find(environment.home .. "/scripts/", 1, true) == 1 then return true end
  for _, landmark in ipairs(place:find("...", 1, true) == 1 and LANDMARKS or {}) do
    if place:find(landmark, 1, true) then return true end
  end
  return false
end

---What is shown of an error that carries a traceback: its line, and from which lines of the author's it came there. A
---fault of specbench's own alone stays whole, and everything does with SPECBENCH_LOG=debug.
---@param text string
---@return string
function blame.shown(text)
  text = secrets.scrub(text)
  if os.getenv "SPECBENCH_LOG" == "debug" then return text end
  text = text:gsub("(module '[^\n]-' not found):(\n\tno field package%.preload.*)$", function(what, tried)
    return what .. ": it is neither beside the file nor on LUA_PATH" .. tried:gsub("\n\tno fi[^\n]*", "")
  end)
  local line, trace = text:match "^(.-)\nstack traceback:\n(.*)$"
  if not line then return text end
  local first = line:match "^([^\n]-%.lua:%d+): " or line:match "^(%(command line%):%d+): "
  local places, last = {}, first
  for place in trace:gmatch "\t([^\n:]+:%d+): in" do
    if not is_own(place) then
      if place ~= last then places[#places + 1] = place end
      last = place
    end
  end
  if #places > MOST_PLACES then places = table.move(places, #places - 1, #places, 4, { table.unpack(places, 1, 3) }) end
  if #places > 0 then return ("%s (called from %s)"):format(line, table.concat(places, ", ")) end
  return first and is_own(first) and text or line
end

---An error as text: where it was raised as something else, only what it is can be told.
---@param e any
---@return string
function blame.text(e)
  local kind, meta = type(e), getmetatable(e)
  if kind == "string" or kind == "number" or type(meta) == "table" and meta.__tostring then return tostring(e) end
  return ("an error was raised that is a %s, not a message"):format(kind)
end

local function failure(message)
  return { exit = 1, message = message }
end

---Calls a function of the round's author. Its error becomes "FILE:LINE: LABEL: MESSAGE" and the traceback.
---@param label fun(): string "server(method=none, concurrency=1)"
---@param f function
---@return any ... what f returns
function blame.call(label, f, ...)
  local results = table.pack(xpcall(f, function(e)
    if type(e) == "table" and e.message then return e end
    local text = blame.explain(blame.text(e))
    local place, message = text:match "^([^\n]-%.lua:%d+: )(.*)$"
    return failure(("%s%s: %s"):format(place or "", label(), message or text))
  end, ...))
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

---Calls what checks a value that came from a round's function: what it says is said of the round's file.
---@param file string
---@param f function
---@return any ... what f returns
function blame.check(file, f, ...)
  local results = table.pack(xpcall(f, function(e)
    if type(e) == "table" and e.message then return e end
    local text = blame.explain(blame.text(e))
    return failure(text:find "^[^\n]-%.lua:%d+: " and text or ("%s: %s"):format(file, text))
  end, ...))
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

return blame
