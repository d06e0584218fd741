-- What SPECBENCH_LOG=debug tells on standard error.

local world = dofile(require("sb.environment").home .. "/tests/cli/world.lua")

describe("SPECBENCH_LOG=debug", function()
  local w

  before_each(function() w = world.new() end)
  after_each(function() w:remove() end)

  it("tells of every connection and of every child process", function()
    w:write("two.lua", [[
      local bench = require "specbench"
      local server <close> = assert(bench.server.start {
        argv = { require("sb.environment").executable, "sim", "--profile", "qwen2.5-7b", "--port", "{port}" } })
      for _ = 1, 2 do assert(bench.http.first_model(server.url)) end
    ]])
    local quiet = w:run "two.lua"
    assert.equal(0, quiet.status, quiet.err)
    assert.equal("", quiet.err)
    local told = w:run("two.lua", { env = { SPECBENCH_LOG = "debug" } })
    assert.equal(0, told.status, told.err)
    for _, word in ipairs { "spawn ", "dial http://127.0.0.1:", "reuse http://127.0.0.1:",
      "close http://127.0.0.1:", "signal " } do
      assert.truthy(told.err:find("specbench: debug: " .. word, 1, true), word .. "\n" .. told.err)
    end
  end)
end)
