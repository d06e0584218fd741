-- Servers as processes, where the world around them changes during a run.

local environment = require "sb.environment"

local w

before_each(function()
  w = dofile(environment.home .. "/tests/cli/world.lua").new()
end)
after_each(function() w:remove() end)

describe("a program that is replaced or removed while it runs", function()
  local function run_with_copy(change)
    local copy = w.folder .. "/specbench"
    assert(os.execute(("cp %q %q"):format(environment.executable, copy)))
    w:write("script.lua", ([[
      local proc = require "sb.proc"
      assert(os.execute(%q))
      local p <close> = assert(proc.start { argv = { "sh", "-c", "exit 7" } })
      p:wait()
      print(p:status())]]):format(change:format(copy, copy)))
    return w:run("script.lua", { program = copy })
  end

  it("starts its supervisors all the same", function()
    for _, change in ipairs { "rm %s", "rm %s && echo '#!/bin/false' >%s && chmod +x " .. w.folder .. "/specbench" } do
      local result = run_with_copy(change)
      assert.equal(0, result.status, result.err)
      assert.equal("exited\texit code 7\n", result.out)
    end
  end)
end)
