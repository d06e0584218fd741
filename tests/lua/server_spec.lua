-- A server's log is kept over its restarts and over runs; what is read out of it is this start's part alone.

local bench = require "specbench"
local fs = require "sb.fs"

local log

before_each(function() log = os.tmpname() end)
after_each(function() fs.remove(log) end)

local function start(script, options)
  local message
  bench.main(function()
    local s <close>, why = bench.server.start(setmetatable({ argv = { "sh", "-c", script }, log = log },
      { __index = options }))
    message = not s and why or nil
  end)
  return message
end

describe("a server's log", function()
  it("of an earlier start is kept, and not quoted for this one's failure", function()
    local first = start "echo out of memory; exit 1"
    assert.truthy(first:find("out of memory", 1, true), first)
    local second = start "echo no such model; exit 2"
    assert.truthy(second:find("(exit code 2); the last lines of " .. log .. ":\n    no such model", 1, true), second)
    assert.is_nil(second:find("out of memory", 1, true), second)
    local third = start "exit 3"
    assert.truthy(third:find("(exit code 3) (it wrote nothing to its log " .. log .. ")", 1, true), third)
    assert.equal("out of memory\nno such model\n", fs.read(log))
  end)

  it("of an earlier start does not make this one ready", function()
    local options = { ready = { log = "listening" }, timeout = 1 }
    assert.is_nil(start("echo listening; exec sleep 60", options))
    local message = start("echo loading; exec sleep 60", options)
    assert.truthy(message and message:find("was not ready after 1 s", 1, true), message)
  end)
end)
