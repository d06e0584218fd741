-- A file that returns a round.

local blame = require "specbench.base.blame"
local fs = require "sb.fs"
local source = require "specbench.base.source"

local round_file = {}

---@class specbench.round_file.reading
---@field path string
---@field options table? of the command line that it is read for, by cli.key
---@field declares boolean? only what the file declares of its command line is wanted
---@field own table? the values of the options that it declared

local loading -- the file that is read as a round right now: a specbench.round_file.reading

---Wraps what measures: a file that does so while it is read as a round is a script, and is refused before it begins.
---@param f function
---@return function
function round_file.not_while_loading(f)
  return function(...)
    if loading then
      local message = ("%s is a script, not a round: run it as `specbench %s`"):format(loading.path, loading.path)
      error({ script = true, message = message }, 0)
    end
    return f(...)
  end
end

---@return specbench.round_file.reading? reading nil where no file is read as a round right now
function round_file.reading()
  return loading
end

---Runs a file as a round is read: what would measure is refused.
---@param path string
---@param options table? of the command line, for `bench.options`
---@return any result what it returns; nil where it broke
---@return string? message
---@return "script"|"broken"|nil trouble
function round_file.read(path, options)
  local chunk, message = source.load(path)
  if not chunk then
    return nil, message:find(path, 1, true) and message or ("%s: %s"):format(path, message), "broken"
  end
  local reading = { path = path, options = options }
  loading = reading
  local trouble = "broken"
  local ok, result = xpcall(chunk, function(e)
    if type(e) == "string" then return blame.explain(e) end
    if type(e) ~= "table" or not e.message then return debug.traceback(tostring(e), 2) end
    if e.script then trouble = "script" end
    return e.round and path .. ": " .. e.message or e.message
  end, path)
  loading = nil
  if not ok then return nil, result, trouble end
  if type(result) == "table" and result.is_round then result.own_options = reading.own end
  return result
end

---What a file declares of its command line (`bench.options`). It is run up to there; what it would measure is refused.
---@param path string
---@return specbench.own_options? declared nil where it declares nothing, or is broken before it does
function round_file.declared(path)
  local text = fs.read(path)
  if not text or not text:find("options", 1, true) then return nil end -- so it need not run for this
  local chunk = source.load(path)
  if not chunk then return nil end
  loading = { path = path, declares = true }
  local ok, e = pcall(chunk, path)
  loading = nil
  return not ok and type(e) == "table" and e.declared or nil
end

---Loads a round's file. A file that runs by itself (bench.main) returns nothing.
---@param path string
---@param options table? of the command line, for `bench.options`
---@return specbench.round? round
---@return string? message
function round_file.load(path, options)
  local result, message, trouble = round_file.read(path, options)
  if trouble then return nil, message end
  if type(result) ~= "table" or not result.is_round then
    return nil, ("%s returns no round: end it with `return bench.round { ... }`, or run it as `specbench %s`")
      :format(path, path)
  end
  result.file = path
  return result
end

return round_file
