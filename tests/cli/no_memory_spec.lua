-- A program whose memory runs out, anywhere: it ends with a line of its own, never by a signal, and what is finished
-- is whole.

local failing_malloc = os.getenv "SPECBENCH_TEST_FAILING_MALLOC"

local PLACES = math.tointeger(tonumber(os.getenv "SPECBENCH_TEST_PLACES" or "5"))
local IN_A_ROW = 60

local w

local function run(arguments, fail_at)
  return w:run(arguments, { env = {
    LD_PRELOAD = failing_malloc, FAIL_AT = tostring(fail_at), FAIL_COUNT = tostring(IN_A_ROW),
    FAIL_REPORT = w.folder .. "/allocations",
  } })
end

-- Places all over the program's life, more of them at its beginning.
local function places(total)
  local list, n = {}, 1
  local factor = total ^ (1 / PLACES)
  for _ = 1, PLACES do
    list[#list + 1] = n
    n = math.max(n + 1, math.floor(n * factor))
  end
  for i = 1, PLACES do list[#list + 1] = total * i // (PLACES + 1) end
  return list
end

local function ends_well(result, at)
  local place = ("allocation %d: status %d: %s"):format(at, result.status, result.err)
  assert.is_true(result.status == 0 or result.status == 1 or result.status == 3, place)
  assert.is_nil(result.err:find "PANIC" or result.err:find "Assertion", place)
  if result.status == 1 then assert.truthy(("\n" .. result.err):find "\nspecbench: [^\n]+", place) end
end

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", w.round())
end)
after_each(function() w:remove() end)

describe("without memory", function()
  it("a script ends with a line", function()
    if not failing_malloc then pending "built without sanitizers only" return end
    w:write("script.lua", [[
      local task = require "sb.task"
      local tasks = {}
      for i = 1, 20 do tasks[i] = task.spawn(function() task.sleep(0.001) return ("x"):rep(1000 + i) end) end
      for i = 1, 20 do tasks[i]:join() end
      return 0]])
    assert.equal(0, run("script.lua", 0).status)
    for _, at in ipairs(places(tonumber(w:read "allocations"))) do ends_well(run("script.lua", at), at) end
  end)

  it("a sweep ends with a line and keeps what it has measured, and goes on from there", function()
    if not failing_malloc then pending "built without sanitizers only" return end
    local sweep = "run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --out results"
    assert.equal(0, run(sweep, 0).status)
    local total = tonumber(w:read "allocations")
    local fs = require "sb.fs"
    for _, at in ipairs(places(total)) do
      fs.remove(w.folder .. "/results")
      local result = run(sweep, at)
      ends_well(result, at)
      w:wait_gone(w:servers())
      local before = w:cells "cells"
      local again = w:run(sweep)
      assert.equal(0, again.status, again.err)
      for id, text in pairs(before) do assert.equal(text, w:cells("cells")[id]) end
      assert.equal(4, w:count "cells")
    end
  end)
end)
