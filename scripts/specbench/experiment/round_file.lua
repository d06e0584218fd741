-- A file that returns a round.

local blame = require "specbench.base.blame"

local round_file = {}

local loading -- the file that is read as a round right now

---Wraps what measures: a file that does so while it is read as a round is a script, and is refused before it begins.
---@param f function
---@return function
function round_file.not_while_loading(f)
  return function(...)
    if loading then
      local message = ("%s is a script, not a round: run it as `specbench %s`"):format(loading, loading)
      error({ script = true, message = message }, 0)
    end
    return f(...)
  end
end

---Runs a file as a round is read: what would measure is refused.
---@param path string
---@return any result what it returns; nil where it broke
---@return string? message
---@return "script"|"broken"|nil trouble
function round_file.read(path)
  local chunk, message = loadfile(path, "t")
  if not chunk then return nil, message, "broken" end
  loading = path
  local trouble = "broken"
  local ok, result = xpcall(chunk, function(e)
    if type(e) == "string" then return blame.explain(e) end
    if type(e) ~= "table" or not e.message then return debug.traceback(tostring(e), 2) end
    if e.script then trouble = "script" end
    return e.round and path .. ": " .. e.message or e.message
  end, path)
  loading = nil
  if not ok then return nil, result, trouble end
  return result
end

---Loads a round's file. A file that runs by itself (bench.main) returns nothing.
---@param path string
---@return specbench.round? round
---@return string? message
function round_file.load(path)
  local result, message, trouble = round_file.read(path)
  if trouble then return nil, message end
  if type(result) ~= "table" or not result.is_round then
    return nil, ("%s returns no round: end it with `return bench.round { ... }`, or run it as `specbench %s`")
      :format(path, path)
  end
  result.file = path
  return result
end

return round_file
