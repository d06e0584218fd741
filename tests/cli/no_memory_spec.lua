-- A program whose memory runs out, anywhere: it ends with a line of its own, never by a signal, and what is finished
-- is whole.

local damage = require "specbench.results.damage"
local fs = require "sb.fs"

local failing_malloc = os.getenv "SPECBENCH_TEST_FAILING_MALLOC"

local PLACES = math.tointeger(tonumber(os.getenv "SPECBENCH_TEST_PLACES" or "5"))
local IN_A_ROW = 60

-- Call stacks that allocate, thousands of them: so many are drawn, or `all`; of these PART=2/4 takes every fourth, from
-- the second on. The file DONE keeps the names of those that were survived, and leaves them out: what was cut goes on.
local failing_stack = os.getenv "SPECBENCH_TEST_FAILING_STACK"
local STACKS = os.getenv "SPECBENCH_TEST_STACKS" or "1"
local PART, PARTS = (os.getenv "SPECBENCH_TEST_PART" or "1/1"):match "^(%d+)/(%d+)$"
local DONE = os.getenv "SPECBENCH_TEST_DONE"
local FLAWS = 5 -- so many are looked for, then it ends
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
local OF_ONE_SERVER = SWEEP .. " --only method=draft"

-- What each undisturbed sweep measures, by its command.
local whole

-- Folders that a sweep has gone on from, by what it finds there.
local gone_on_from

-- Whether a sweep has gone on from such a folder. Its cells are sound and hold what they should: of them their names
-- tell all; of the rest the texts do, whatever the times and process numbers in them. Logs are not read back.
local function is_known_begin(sweep)
  local found = {}
  w.each_text(w.folder .. "/results", function(path, text)
    local told = path:find "/cells/" or path:find "/logs/"
    found[#found + 1] = path .. (told and "" or " " .. text:gsub("%d+", "0"))
  end)
  table.sort(found)
  local begin = sweep .. table.concat(found, "\n")
  local known = gone_on_from[begin]
  gone_on_from[begin] = true
  return known
end

-- What was measured is sound, and the rest is measured by the same command: all is as if nothing had happened.
local function goes_on(sweep, place)
  w:wait_gone(w:servers())
  local before, content = w:cells "cells", w:content()
  for id in pairs(before) do
    assert.is_nil(damage.fault(("%s/results/cells/%s"):format(w.folder, id), id))
    assert.same(whole[sweep][id], content[id], place)
  end
  if is_known_begin(sweep) then return end
  local again = w:run(sweep)
  assert.equal(0, again.status, place .. again.err)
  for id, text in pairs(before) do assert.equal(text, w:cells("cells")[id], place) end
  assert.same(whole[sweep], w:content(), place)
end

local function forget()
  fs.remove(w.folder .. "/results")
  w:write("started", "")
end

-- Stacks of a sweep and how often they allocated; but for those in OpenSSL and lua-cjson, which end the program by
-- themselves where memory fails them.
local function stacks_of(sweep)
  forget()
  local counted = w:run(sweep, { env = { LD_PRELOAD = failing_stack, FAIL_STACKS = w.folder .. "/stacks",
    ASAN_OPTIONS = ASAN } })
  assert.equal(0, counted.status, counted.err)
  whole[sweep] = w:content()
  local counts = {}
  for stack, count, frail in w:read("stacks"):gmatch "(%x+) (%d+) (%d)\n" do
    if frail == "0" then counts[stack] = math.tointeger(count) end
  end
  return counts
end

-- Every stack with the shortest sweep in which it allocates: a second server adds one in a hundred, and half the time.
local function all_stacks()
  local list, short = {}, stacks_of(OF_ONE_SERVER)
  for stack, count in pairs(short) do list[#list + 1] = { stack = stack, count = count, sweep = OF_ONE_SERVER } end
  for stack, count in pairs(stacks_of(SWEEP)) do
    if not short[stack] then list[#list + 1] = { stack = stack, count = count, sweep = SWEEP } end
  end
  table.sort(list, function(a, b) return a.stack < b.stack end)
  return list
end

-- Those that this run takes: all of its part, or so many that are drawn.
local function chosen_stacks(random)
  local list, chosen = all_stacks(), {}
  assert.is_true(#list > 500)
  if STACKS == "all" then
    for i = math.tointeger(PART), #list, math.tointeger(PARTS) do chosen[#chosen + 1] = list[i] end
  else
    for i = 1, math.tointeger(tonumber(STACKS)) do chosen[i] = list[random:int(1, #list)] end
  end
  return chosen
end

local function survived_before()
  local list = {}
  for stack in (DONE and fs.read(DONE) or ""):gmatch "%x+" do list[stack] = true end
  return list
end

-- Every second one fails for long.
local function fail_stack(chosen, nth, in_a_row)
  forget()
  local result = w:run(chosen.sweep, { env = { LD_PRELOAD = failing_stack, FAIL_STACK = chosen.stack,
    FAIL_NTH = tostring(nth), FAIL_COUNT = in_a_row and tostring(IN_A_ROW) or "1", ASAN_OPTIONS = ASAN } })
  local place = ("stack %s, allocation %d: "):format(chosen.stack, nth)
  ends_well(result, place)
  goes_on(chosen.sweep, place)
end

before_each(function()
  gone_on_from, whole = {}, {}
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
    local list, before, flaws = chosen_stacks(random), survived_before(), {}
    local done <close> = DONE and assert(io.open(DONE, "a"))
    local count, left_out = 0, 0
    for i, chosen in ipairs(list) do
      local later = chosen.count > 1 and random:int(2, chosen.count) or nil
      if before[chosen.stack] then
        left_out = left_out + 1
      elseif #flaws < FLAWS then
        local ok, flaw = pcall(function()
          fail_stack(chosen, 1, i % 2 == 0)
          if later then fail_stack(chosen, later, i % 2 == 0) end
        end)
        if not ok then flaws[#flaws + 1] = tostring(flaw) end
        if ok and done then assert(done:write(chosen.stack, "\n"):flush()) end
        count = count + 1
      end
    end
    print(("# %d stacks, %d more survived before, %d flaws"):format(count, left_out, #flaws))
    assert.equal("", table.concat(flaws, "\n"))
  end)

  it("a sweep ends with a line and keeps what it has measured, and goes on from there", function()
    if not failing_malloc then pending "built without sanitizers only" return end
    assert.equal(0, run(SWEEP, 0).status)
    whole[SWEEP] = w:content()
    local total = tonumber(w:read "allocations")
    for _, at in ipairs(places(total)) do
      forget()
      local result = run(SWEEP, at)
      ends_well(result, at)
      goes_on(SWEEP, ("allocation %d: "):format(at))
    end
  end)
end)
