-- A file that returns a round.

local round_file = {}

local loading -- the file that is read as a round right now

---Wraps what measures: a file that does so while it is read as a round is a script, and is refused before it begins.
---@param f function
---@return function
function round_file.not_while_loading(f)
  return function(...)
    if loading then
      error({ message = ("%s is a script, not a round: run it as `specbench %s`"):format(loading, loading) }, 0)
    end
    return f(...)
  end
end

---Loads a round's file. A file that runs by itself (bench.main) returns nothing.
---@param path string
---@return specbench.round? round
---@return string? message
function round_file.load(path)
  local chunk, message = loadfile(path)
  if not chunk then return nil, message end
  loading = path
  local ok, result = xpcall(chunk, function(e)
    if type(e) == "table" and e.message then return e.round and path .. ": " .. e.message or e.message end
    return debug.traceback(tostring(e), 2)
  end, path)
  loading = nil
  if not ok then return nil, result end
  if type(result) ~= "table" or not result.is_round then
    return nil, ("%s returns no round: end it with `return bench.round { ... }`, or run it as `specbench %s`")
      :format(path, path)
  end
  result.file = path
  return result
end

return round_file
