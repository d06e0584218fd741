-- Torture: each open, write, fsync, rename, socket and fork of a small run fails in its turn. The run ends with a line
-- of its own, never by a signal, and what goes on from there equals a run that nothing disturbed.
--
--   SPECBENCH_TEST_TORTURE=all ctest -R cli.torture    each of them instead of a few; _SEED: other ones of the few

local fs = require "sb.fs"
local rng = require "sb.rng"

local ALL = os.getenv "SPECBENCH_TEST_TORTURE" == "all"
local SEED = math.tointeger(tonumber(os.getenv "SPECBENCH_TEST_SEED" or "1"))
local PRELOAD = os.getenv "SPECBENCH_TEST_FAILING_CALL"

local KINDS = { "open", "write", "fsync", "rename", "socket", "fork" }
local SAMPLE = { open = 2, write = 1, fsync = 1, rename = 1, socket = 1, fork = 1 }

local RUN = "run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --start-pause 0.01 --out results "
  .. "--only concurrency=1"

local w, whole, counts

local function run(kind, at, on, name)
  return w:run(RUN, { env = {
    LD_PRELOAD = PRELOAD, FAIL_KIND = kind, FAIL_AT = at and tostring(at), FAIL_ON = on and "1" or nil,
    FAIL_NAME = name, FAIL_REPORT = w.folder .. "/counts", ASAN_OPTIONS = "verify_asan_link_order=0:detect_leaks=0",
  } })
end

local function forget()
  fs.remove(w.folder .. "/results")
  w:write("started", "")
end

setup(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", w.round())
  if not PRELOAD then return end
  local result = run()
  assert.equal(0, result.status, result.err)
  whole, counts = w:content(), {}
  for kind, count in w:read("counts"):gmatch "(%l+) (%d+)" do counts[kind] = math.tointeger(count) end
end)
teardown(function() w:remove() end)

local function fail_one(kind, at)
  forget()
  local result = run(kind, at)
  local place = ("%s %d of %d: status %d: %s"):format(kind, at, counts[kind], result.status, result.err)
  assert.is_true(result.status == 0 or result.status == 1 or result.status == 3, place)
  assert.is_nil(result.err:find "PANIC" or result.err:find "Assertion" or result.err:find "AddressSanitizer"
    or result.err:find "stack traceback", place)
  if result.status == 1 then assert.truthy(("\n" .. result.err):find "\nspecbench: [^\n]+", place) end
  w:wait_gone(w:servers())
  local before = w:cells "cells"
  local again = w:run(RUN)
  assert.equal(0, again.status, place .. "\nthen: " .. again.err)
  for id, text in pairs(before) do assert.equal(text, w:cells("cells")[id], place) end
  assert.same(whole, w:content(), place)
  assert.same({}, fs.list(w.folder .. "/results/unfinished") or {}, place)
end

describe("a run of which one call fails ends well and goes on:", function()
  it("open, of a file of its own", function()
    if not PRELOAD then pending "no interposer in this build" return end
    local function told(result)
      assert.equal(1, result.status)
      assert.truthy(result.err:find "^specbench: [^\n]*can[^\n]* open[^\n]*\n$", result.err)
    end
    told(run("open", 1, true, "round_file.lua"))
    local failed = 0 -- a module is looked for, which may go on at another place, then read
    for at = 1, 4 do
      local result = run("open", at, false, "round_file.lua")
      if result.status ~= 0 then told(result) end
      failed = failed + result.status
    end
    assert.equal(1, failed)
  end)

  it("open, of what was measured before: it is not taken for damaged", function()
    if not PRELOAD then pending "no interposer in this build" return end
    forget()
    assert.equal(0, run().status)
    local before = w:cells "cells"
    for _, name in ipairs { "cell.json", "records.bin", "round.json" } do
      local result = run("open", 1, false, name)
      assert.equal(1, result.status, name .. result.err)
      assert.truthy(result.err:find("^specbench: [^\n]*" .. name .. "[^\n]*Too many open files[^\n]*\n$"), result.err)
      assert.same(before, w:cells "cells")
      assert.is_nil(fs.stat(w.folder .. "/results/damaged"))
    end
  end)

  for _, kind in ipairs(KINDS) do
    it(kind, function()
      if not PRELOAD then pending "no interposer in this build" return end
      assert.is_true(counts[kind] > 0)
      local random = rng.new(SEED, #kind)
      for i = 1, ALL and counts[kind] or SAMPLE[kind] do
        fail_one(kind, ALL and i or random:int(1, counts[kind]))
      end
    end)
  end
end)
