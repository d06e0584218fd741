-- A program whose memory runs out, anywhere: it ends with a line of its own, never by a signal, and what is finished
-- is whole.

local fs = require "sb.fs"

local failing_malloc = os.getenv "SPECBENCH_TEST_FAILING_MALLOC"

local PLACES = math.tointeger(tonumber(os.getenv "SPECBENCH_TEST_PLACES" or "5"))
local IN_A_ROW = 60

-- Call stacks that allocate, thousands of them: so many are drawn, or `all`; of these PART=2/4 takes every fourth, from
-- the second on.
local failing_stack = os.getenv "SPECBENCH_TEST_FAILING_STACK"
local STACKS = os.getenv "SPECBENCH_TEST_STACKS" or "1"
local PART, PARTS = (os.getenv "SPECBENCH_TEST_PART" or "1/1"):match "^(%d+)/(%d+)$"
local SEED = math.tointeger(tonumber(os.getenv "SPECBENCH_TEST_SEED" or "1"))

local ASAN = "verify_asan_link_order=0:detect_leaks=0:allocator_may_return_null=1"

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
  local place = ("allocation %s: status %d: %s"):format(at, result.status, result.err)
  assert.is_true(result.status == 0 or result.status == 1 or result.status == 3, place)
  assert.is_nil(result.err:find "PANIC" or result.err:find "Assertion" or result.err:find "AddressSanitizer"
    or result.err:find "runtime error", place)
  if result.status == 1 then assert.truthy(("\n" .. result.err):find "\nspecbench: [^\n]+", place) end
end

local SWEEP = "run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --start-pause 0.01 --out results"

-- Folders without a cell that a run has gone on from, by what lies in them.
local gone_on_from

local function is_known_begin(before)
  if next(before) then return false end
  local names = {}
  w.each_text(w.folder .. "/results", function(path, text)
    names[#names + 1] = path .. (path:find "%.json$" and " " .. text or "")
  end)
  table.sort(names)
  local begin = table.concat(names, "\n")
  if gone_on_from[begin] then return true end
  gone_on_from[begin] = true
  return false
end

-- What was measured is kept as it is, and the rest is measured by the same command.
local function goes_on(place)
  w:wait_gone(w:servers())
  local before = w:cells "cells"
  if is_known_begin(before) then return end
  local again = w:run(SWEEP)
  assert.equal(0, again.status, place .. again.err)
  for id, text in pairs(before) do assert.equal(text, w:cells("cells")[id], place) end
  assert.equal(4, w:count "cells")
end

-- Every stack of a sweep and how often it allocated; but for those in OpenSSL and lua-cjson, which end the program by
-- themselves where memory fails them.
local function stacks_of_a_sweep()
  local counted = w:run(SWEEP, { env = { LD_PRELOAD = failing_stack, FAIL_STACKS = w.folder .. "/stacks",
    ASAN_OPTIONS = ASAN } })
  assert.equal(0, counted.status, counted.err)
  local list = {}
  for stack, count, frail in w:read("stacks"):gmatch "(%x+) (%d+) (%d)\n" do
    if frail == "0" then list[#list + 1] = { stack = stack, count = math.tointeger(count) } end
  end
  table.sort(list, function(a, b) return a.stack < b.stack end)
  return list
end

-- Those that this run takes: all of its part, or so many that are drawn.
local function chosen_stacks(random)
  local list, chosen = stacks_of_a_sweep(), {}
  assert.is_true(#list > 500)
  if STACKS == "all" then
    for i = math.tointeger(PART), #list, math.tointeger(PARTS) do chosen[#chosen + 1] = list[i] end
  else
    for i = 1, math.tointeger(tonumber(STACKS)) do chosen[i] = list[random:int(1, #list)] end
  end
  return chosen
end

before_each(function()
  gone_on_from = {}
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

  it("a sweep does so at any call stack, at its first allocation and at a later one", function()
    if not failing_stack then pending "no interposer in this build" return end
    local random = require("sb.rng").new(SEED)
    for i, chosen in ipairs(chosen_stacks(random)) do
      local in_a_row = i % 2 == 0
      for _, nth in ipairs { 1, chosen.count > 1 and random:int(2, chosen.count) or nil } do
        fs.remove(w.folder .. "/results")
        w:write("started", "")
        local result = w:run(SWEEP, { env = { LD_PRELOAD = failing_stack, FAIL_STACK = chosen.stack,
          FAIL_NTH = tostring(nth), FAIL_COUNT = in_a_row and tostring(IN_A_ROW) or "1", ASAN_OPTIONS = ASAN } })
        local place = ("stack %s, allocation %d: "):format(chosen.stack, nth)
        ends_well(result, place)
        goes_on(place)
      end
    end
  end)

  it("a sweep ends with a line and keeps what it has measured, and goes on from there", function()
    if not failing_malloc then pending "built without sanitizers only" return end
    assert.equal(0, run(SWEEP, 0).status)
    local total = tonumber(w:read "allocations")
    for _, at in ipairs(places(total)) do
      fs.remove(w.folder .. "/results")
      local result = run(SWEEP, at)
      ends_well(result, at)
      goes_on(("allocation %d: "):format(at))
    end
  end)
end)
