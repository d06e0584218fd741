-- What a server that somebody else runs grants, against one that does as its page says (fixtures/usage_server.py).

local http = require "sb.http"
local proc = require "sb.proc"
local stranger = require "specbench.sweep.stranger"

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local server = dofile(here .. "fixtures/server.lua")
local program = require "specbench.base.program"

if not program.is_there "python3" then
  pending "a stranger's usage: python3 is not installed"
  return
end

describe("usage as it goes", function()
  it("is what stands on a piece before the last", function()
    local port = assert(proc.free_port())
    local url = "http://127.0.0.1:" .. port
    local _ <close> = server.start({ "python3", here .. "fixtures/usage_server.py", tostring(port) }, nil,
      function() return http.request { url = url } ~= nil end)
    for where, granted in pairs { running = true, last = false, ["end"] = false, never = false, refused = false } do
      for _, path in ipairs { "/v1/completions", "/v1/chat/completions" } do
        assert.equal(granted, stranger.tells_usage(url .. "/" .. where, path, "theirs"), where)
      end
    end
    assert.is_false(stranger.tells_usage("http://127.0.0.1:" .. proc.free_port(), "/v1/completions", "theirs"))
  end)
end)
