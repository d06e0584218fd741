-- Yesterday's results folders stay readable and say the same, and the three rounds plan the same cells.
--
-- tests/cli/stored/roundN are folders that specbench wrote when cell.json had format 1 (round 1 with three repeats,
-- rounds 2 and 3 with one, all on the simulator), stored/rounds/ the round files that they were written from: what
-- users have copied and changed. golden/ holds what `report` and `plan` say of them, and `plan` of the rounds as they
-- are now. Where something is meant to change, SPECBENCH_WRITE_GOLDEN=1 writes golden/ anew: read its diff before you
-- commit it. Cells of stored/rounds/ keep their ids for good, or what users have measured is measured again.

local environment = require "sb.environment"
local fs = require "sb.fs"
local quoted = require("specbench.base.shell").quoted

local STORED = environment.home .. "/tests/cli/stored"
local GOLDEN = STORED .. "/golden"
local WRITING = os.getenv "SPECBENCH_WRITE_GOLDEN" ~= nil

-- In gnuplot's place: the picture is the script, which does not depend on gnuplot's version.
local GNUPLOT = [[
#!/bin/sh
cp "$2" "${2%.gp}.part"
]]

local w

before_each(function()
  w = dofile(environment.home .. "/tests/cli/world.lua").new()
  assert(fs.mkdir(w.folder .. "/bin"))
  w:write("bin/gnuplot", GNUPLOT)
  assert(os.execute(("chmod +x '%s/bin/gnuplot'"):format(w.folder)))
end)
after_each(function() w:remove() end)

-- Programs' and folders' places are the machine's. Digits beyond the twelfth are its C library's: exp and log may
-- differ by one bit between two of them.
local function comparable(text)
  text = text:gsub(environment.executable:gsub("%p", "%%%0"), "specbench"):gsub(w.folder:gsub("%p", "%%%0"), "FOLDER")
  return (text:gsub("%d+%.%d+", function(number)
    return #number > 13 and ("%.12g"):format(tonumber(number)) or nil
  end))
end

local function first_difference(wanted, got)
  local lines = {}
  for line in (wanted .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  local number = 0
  for line in (got .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    if line ~= lines[number] then
      return ("line %d is\n%s\nand was\n%s"):format(number, line, lines[number] or "(not there)")
    end
  end
  return ("it ends after line %d of %d"):format(number, #lines)
end

-- Long ones are kept compressed: their lines are hashes.
local function check(name, got)
  local path = ("%s/%s"):format(GOLDEN, name)
  got = comparable(got)
  if WRITING then
    assert(fs.mkdir(path:match "^(.*)/"))
    assert(fs.write(path, name:find "%.gz$" and fs.gzip(got) or got))
    return
  end
  local wanted = assert(fs.read(path))
  if name:find "%.gz$" then wanted = assert(fs.gunzip(wanted)) end
  assert.is_true(wanted == got, ("%s: %s"):format(name, wanted ~= got and first_difference(wanted, got) or ""))
end

local function files_under(folder)
  local list = {}
  local pipe <close> = assert(io.popen(("cd %s && find . -type f | LC_ALL=C sort"):format(quoted(folder))))
  for line in pipe:lines() do list[#list + 1] = line:sub(3) end
  return list
end

local function is_source(name)
  return name == "round.json" or name:find "^cells/" ~= nil
end

describe("a stored folder's report", function()
  local function is_as_it_was(round, arguments, golden)
    assert(os.execute(("cp -r %s %s"):format(quoted(STORED .. "/" .. round), quoted(w.folder))))
    local result = w:run(("report %s %s --full --no-colour"):format(round, arguments),
      { env = { PATH = w.folder .. "/bin:" .. os.getenv "PATH" } })
    assert.equal(0, result.status, result.err)
    assert.equal("", result.err)
    check(golden .. "/terminal", result.out)
    local screen = w:run(("report %s %s --no-pictures --no-colour"):format(round, arguments))
    assert.equal("", screen.err)
    check(golden .. "/screen", screen.out)
    local made = { "screen" }
    for _, name in ipairs(files_under(w.folder .. "/" .. round)) do
      -- a picture's two kinds are drawn alike
      if not is_source(name) and not name:find "%.png$" then
        made[#made + 1] = name
        check(golden .. "/" .. name, w:read(round .. "/" .. name))
      end
    end
    made[#made + 1] = "terminal"
    table.sort(made)
    assert.same(files_under(GOLDEN .. "/" .. golden), made)
  end

  it("is as it was, with repeats", function() is_as_it_was("round1", "", "round1") end)

  it("is as it was against the baseline as published", function()
    is_as_it_was("round1", "--baseline as-published", "round1-as-published")
  end)

  it("is as it was, by context", function() is_as_it_was("round2", "", "round2") end)

  it("is as it was, by settings", function() is_as_it_was("round3", "", "round3") end)
end)

describe("a stored folder", function()
  it("goes on with the round file that it was written from: what it holds is done", function()
    assert(os.execute(("cp -r %s %s"):format(quoted(STORED .. "/round1"), quoted(w.folder))))
    local result = w:run(("run %s/rounds/round1.lua"):format(quoted(STORED))
      .. " --quick --only method=none,draft,eagle --only k=1 "
      .. "--only model=qwen2.5-7b,llama-3-8b --only task=qa --only concurrency=4 --repeats 3 --speed 20 --no-pictures "
      .. "--no-text --out round1")
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("nothing to do: all 12 cells are done already in round1", 1, true), result.err)
  end)
end)

for golden, folder in pairs { plan = environment.home .. "/rounds", ["old-plan"] = STORED .. "/rounds" } do
  describe(golden == "plan" and "the plan of a round" or "the plan of a round that a user has copied", function()
    local function is_golden(round, arguments, name)
      local result = w:run(("plan %s/%s.lua --cells --show-argv %s"):format(quoted(folder), round, arguments))
      assert.equal(0, result.status, result.err)
      check(("%s/%s.gz"):format(golden, name), result.out)
    end

    for number = 1, 3 do
      local round = "round" .. number
      it("is as it was, " .. round, function() is_golden(round, "", round) end)

      it(("is as it was, %s with --quick and repeats"):format(round), function()
        is_golden(round, "--quick --repeats 2 --at-once 1", round .. "-quick")
      end)
    end

    it("is as it was, round1 at request rates", function()
      is_golden("round1", "--quick --set qps=0,2 --set lookup=0,4 --baseline as-published", "round1-rates")
    end)
  end)
end
