-- Whole sweeps in virtual time, each drawn from a seed (sweeps/draw.lua): a small round, faults of its servers, what
-- befalls specbench itself (kill -9 after an operation on the disk, calls that fail, a full disk). Whatever comes: the
-- exit status says what happened, every cell is there once and stays as it is, what goes on from a blow ends where an
-- undisturbed run ends, all that prints runs on the outcome, and nothing shows a trace, a key or a control character.
--
--   specbench tests/proof/sweeps.lua N [FIRST]       N seeds from FIRST (1) on; N = 1 tells what it does
--
-- A seed that fails is named: `sweeps.lua 1 SEED` replays it. Blows need a build without sanitizers.

local draw = dofile(require("sb.environment").home .. "/tests/proof/sweeps/draw.lua")
local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local world = dofile(environment.home .. "/tests/cli/world.lua")

local COUNT, FIRST = math.tointeger(tonumber(arg[1] or 1)), math.tointeger(tonumber(arg[2] or 1))
local RUNS = 12 -- a server that breaks down again and again is given up in each run; its cells come to an end in some

local function library(name)
  local path = ("%s/tests/cli/lib%s.so"):format(environment.executable:match "^(.*)/", name)
  return fs.stat(path) and path
end

local KILL_AFTER, FAILING_CALL = library "kill_after", library "failing_call"
local can_strike = KILL_AFTER ~= nil and FAILING_CALL ~= nil

local tally = { cells = 0, failed = 0, blows = 0, refused = 0 }
local w, drawn, told -- of the sweep under way

local function tell(format, ...) told[#told + 1] = format:format(...) end

-- What no output may show. An error of the round's own names its file and line, and may be traced.
local function check_words(what, text)
  for _, word in ipairs { "PANIC", "Assertion", "AddressSanitizer", "runtime error" } do
    if text:find(word, 1, true) then error(("%s shows '%s':\n%s"):format(what, word, text), 0) end
  end
  if text:find "^specbench: grid%.lua:%d+: " or text:find "\nspecbench: grid%.lua:%d+: " then return end
  for _, pattern in ipairs { "stack traceback", "specbench/[%w_/]+%.lua:%d+:" } do
    if text:find(pattern) then error(("%s shows a trace of specbench's own:\n%s"):format(what, text), 0) end
  end
end

local function check(condition, format, ...)
  if not condition then error(format:format(...), 0) end
end

local function run(arguments, env)
  local result = w:run(arguments, { env = env })
  tell("$ specbench %s%s\n%s[%d]", env and json.encode(env) .. " " or "", arguments, result.err, result.status)
  check_words(arguments, result.out .. result.err)
  return result
end

local function command(out) return ("run grid.lua --virtual --no-pictures --out %s %s"):format(out, drawn.options) end

local function count(out, kind)
  local found = 0
  for _ in pairs(w:cells(kind, out)) do found = found + 1 end
  return found
end

-- No two cells are one place and repeat.
local function check_once(out)
  local keys = {}
  for id, text in pairs(w:cells("cells", out)) do
    local cell = json.decode(text)
    check(cell and cell.status == "ok" and cell.id == id, "%s/cells/%s is no cell: %s", out, id, text)
    check(not keys[cell.key], "%s: %s is there twice", out, cell.key)
    keys[cell.key] = true
  end
end

-- The status beside what lies in the folder and what the run said of itself.
local function check_status(result, out, hurt)
  local status = result.status
  if status == 1 then
    check(hurt or drawn.early or drawn.may_be_early, "status 1 without a reason")
    check(("\n" .. result.err):find "\nspecbench: [^\n]+\n", "status 1 without a line")
    return
  end
  check(status == 0 or status == 3, "status %d", status)
  check(not drawn.early, "a round that must be refused was run")
  local total, measured, before, failed = result.err:match
    "(%d+) cells: (%d+) measured, (%d+) done before, (%d+) failed"
  if status == 3 then
    check(count(out, "failed") > 0, "status 3 and no failed cell")
  elseif total and not drawn.until_content then
    check(failed == "0" and tonumber(total) == measured + before, "status 0: %s", result.err)
    check(count(out, "cells") == tonumber(total), "%d cells are kept of %s", count(out, "cells"), total)
  end
  check(#(fs.list(("%s/%s/unfinished"):format(w.folder, out)) or {}) == 0, "%s/unfinished is not empty", out)
end

-- Runs it until nothing is left to try.
local function run_out(out)
  local before, result
  for _ = 1, RUNS do
    local kept = w:cells("cells", out)
    result = run(command(out))
    check_status(result, out)
    local now = w:cells("cells", out)
    for id, text in pairs(kept) do check(now[id] == text, "cell %s is another or gone", id) end
    local state = ("%d %d"):format(count(out, "cells"), count(out, "failed"))
    if result.status ~= 3 or state == before then break end
    before = state
  end
  check_once(out)
  return result
end

-- Of a cell what does not depend on when it was measured.
local function content(out)
  local list = {}
  for id, text in pairs(w:cells("cells", out)) do
    local cell = json.decode(text)
    local outputs = w:read(("%s/cells/%s/outputs.jsonl.gz"):format(out, id))
    list[id] = {
      key = cell.key, metrics = cell.metrics, acceptance = cell.acceptance, groups = cell.groups, own = cell.own,
      own_trouble = cell.own_trouble, troubles = cell.troubles, tails = cell.tails, lengths = cell.lengths,
      outputs = outputs and fs.gunzip(outputs),
    }
  end
  return list
end

-- Places in two trees that differ, with both values.
local function differences(one, other, place, list)
  if type(one) ~= "table" or type(other) ~= "table" then
    if one ~= other then list[#list + 1] = ("%s: %s, %s"):format(place, tostring(one), tostring(other)) end
    return list
  end
  for key, item in pairs(one) do differences(item, other[key], place .. "." .. key, list) end
  for key, item in pairs(other) do
    if one[key] == nil then differences(nil, item, place .. "." .. key, list) end
  end
  return list
end

local function check_same(whole, hurt)
  local one, other = content(whole), content(hurt)
  for id, cell in pairs(one) do
    check(other[id] or drawn.until_content, "cell %s is missing after the blows", cell.key)
    local list = differences(cell, other[id] or cell, cell.key, {})
    check(#list == 0, "a cell is another after the blows: %s", table.concat(list, "\n"))
  end
  for id, cell in pairs(other) do
    check(one[id] or drawn.until_content, "cell %s is there after the blows only", cell.key)
  end
end

-- All that reads a folder, and that none of it shows what it should not.
local function check_prints(out)
  if not fs.stat(("%s/%s/round.json"):format(w.folder, out)) then return end
  local has_cells = count(out, "cells") > 0
  for _, arguments in ipairs { "report --no-pictures --html --markdown --csv %s", "report --no-pictures --full %s",
    "compare %s %s", "show %s --only concurrency=1" } do
    local result = run((arguments:gsub("%%s", out)))
    check(result.status == 0 or result.status == 1 or result.status == 3, "%s: status %d: %s", arguments, result.status,
      result.err)
    check(result.status == 0 or not (has_cells and arguments:find "^report"), "cells have no report: %s", result.err)
    if result.status == 1 then
      check(result.err:find "^specbench: [^\n]+\n", "status 1 without a line: %s", result.err)
    end
    for _, word in ipairs { "nil", "nan", "inf" } do
      check(not result.out:find("%f[%w]" .. word .. "%f[%W]"), "%s shows %s:\n%s", arguments, word, result.out)
    end
  end
  w.each_text(("%s/%s"):format(w.folder, out), function(path, text)
    if path:find "%.bin$" then return end
    local at = (path:find "%.csv$" and text:gsub("\r\n", "\n") or text):find "[\0-\8\11-\31\127]"
    check(not at, "%s has a control character: %q", path, text:sub(math.max(1, (at or 1) - 40), at))
  end)
end

-- How many moments there are of each kind in a whole run.
local function moments()
  if not can_strike then return {} end
  local result = run(command "counted", { LD_PRELOAD = KILL_AFTER .. " " .. FAILING_CALL,
    KILL_REPORT = w.folder .. "/kills", FAIL_REPORT = w.folder .. "/calls" })
  check_status(result, "counted")
  local list = { kill = math.tointeger(tonumber(w:read "kills")) }
  for kind, number in w:read("calls"):gmatch "(%l+) (%d+)" do list[kind] = math.tointeger(number) end
  return list
end

local function strike(blow, list)
  local kind = blow.kind == "full" and "write" or blow.kind
  local at = math.floor(blow.at * (list[kind] or 0)) + 1
  local env = kind == "kill" and { LD_PRELOAD = KILL_AFTER, KILL_AT = tostring(at) }
    or { LD_PRELOAD = FAILING_CALL, FAIL_KIND = kind, FAIL_AT = tostring(at),
      FAIL_ON = blow.kind == "full" and "1" or nil }
  local kept = w:cells("cells", "hurt")
  local result = run(command "hurt", env)
  tally.blows = tally.blows + 1
  -- the shell says of a killed one 137
  if not (kind == "kill" and result.status == 137) then check_status(result, "hurt", true) end
  local now = w:cells("cells", "hurt")
  for id, text in pairs(kept) do check(now[id] == text, "cell %s is another or gone after %s", id, blow.kind) end
end

local function sweep()
  w:write("grid.lua", drawn.round)
  local list = moments()
  local whole = run_out "whole"
  tally.refused = tally.refused + (whole.status == 1 and 1 or 0)
  tally.cells, tally.failed = tally.cells + count("whole", "cells"), tally.failed + count("whole", "failed")
  check_prints "whole"
  if whole.status == 1 or #drawn.blows == 0 or not can_strike then return end
  for _, blow in ipairs(drawn.blows) do strike(blow, list) end
  run_out "hurt"
  check_prints "hurt"
  run("compare whole hurt")
  if drawn.repeatable then check_same("whole", "hurt") end
end

local failed = {}
for seed = FIRST, FIRST + COUNT - 1 do
  drawn, told, w = draw.sweep(seed), {}, world.new()
  local ok, message = xpcall(sweep, function(e) return type(e) == "string" and e or debug.traceback(tostring(e)) end)
  local removed, canary = pcall(w.remove, w)
  if not removed then ok, message = false, canary end
  if COUNT == 1 or not ok then
    io.stderr:write(("seed %d: options %s\n%s"):format(seed, drawn.options, COUNT == 1 and drawn.round .. "\n" or ""))
    if COUNT == 1 then io.stderr:write(table.concat(told, "\n"), "\n") end
  end
  if not ok then
    failed[#failed + 1] = seed
    io.stderr:write(("FAILED seed %d: %s\n"):format(seed, message))
  end
end
print(("%d sweeps, %d failed%s: %d cells measured, %d failed attempts, %d blows, %d rounds refused"):format(COUNT,
  #failed, #failed > 0 and (" (seeds %s)"):format(table.concat(failed, ", ")) or "", tally.cells, tally.failed,
  tally.blows, tally.refused))
return #failed > 0 and 1 or 0
