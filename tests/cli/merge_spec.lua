-- Cells of several folders in one: each once, none overwritten, and a report as of one run alone.

local fs = require "sb.fs"
local home = require("sb.environment").home
local json = require "specbench.base.json"
local sealed = require "specbench.results.sealed"
local has = dofile(require("sb.environment").home .. "/tests/lua/has.lua")

local GRID = "grid.lua --virtual --repeats 2 --starts 2 --no-pictures --quiet "

local w

before_each(function()
  w = dofile(home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("axes =", 'baseline = { method = "none" }, axes =')))
end)
after_each(function() w:remove() end)

local function run(arguments, status)
  local result = w:run(arguments)
  assert.equal(status or 0, result.status, result.err)
  return result
end

-- Every file below a folder with its bytes, but for what lives as long as a run.
local function all_of(folder)
  local files = {}
  w.each_text(("%s/%s"):format(w.folder, folder), function(path, text) files[path] = fs.stat(path).mtime .. text end)
  return files
end

-- A folder's speed-ups, but for how long lay between the earlier and the later repeats.
local function speedups(folder)
  run(("report %s --no-pictures"):format(folder))
  return (w:read(folder .. "/speedups.jsonl"):gsub('"seconds": [%d.e+-]+', ""))
end

local function measure_parts()
  run("run " .. GRID .. "--only concurrency=2 --out two")
  run("run " .. GRID .. "--only concurrency=1 --out one")
end

-- Changes a cell of a folder and seals it anew.
local function change(folder, id, edit)
  local path = ("%s/%s/cells/%s/cell.json"):format(w.folder, folder, id)
  local cell = assert(sealed.read(path))
  edit(cell)
  assert(fs.write(path, sealed.encode(cell)))
end

describe("specbench merge", function()
  it("copies every cell once, and a report is that of one run alone", function()
    run("run " .. GRID .. "--out alone")
    measure_parts()
    local before = { all_of "one", all_of "two" }
    local result = run "merge both two one"
    has(result.out, "two: 4 cells copied, 0 there already", "one: 4 cells copied", "both holds 8 cells")
    assert.same(before, { all_of "one", all_of "two" })
    assert.equal(speedups "alone", speedups "both")
    for id, text in pairs(w:cells("cells", "both")) do
      local cell = json.decode(text)
      local source = cell.coordinates.concurrency == 1 and "one" or "two"
      for _, name in ipairs { "cell.json", "records.bin", "outputs.jsonl.gz" } do
        assert.equal(w:read(("%s/cells/%s/%s"):format(source, id, name)),
          w:read(("both/cells/%s/%s"):format(id, name)))
      end
    end
    has(run("run " .. GRID:gsub("%-%-quiet", "") .. "--out both").err, "nothing to do: all 8 cells are done already")
  end)

  it("does nothing twice, and goes on where it was cut short", function()
    measure_parts()
    run "merge both one"
    local once = w:cells("cells", "both")
    local lost, half = next(once), (next(once, (next(once))))
    fs.remove(("%s/both/cells/%s"):format(w.folder, lost))
    -- a crash of the machine leaves a file without its bytes, and one that was not moved yet
    w:write(("both/cells/%s/records.bin"):format(half), "")
    assert(fs.mkdir(("%s/both/unfinished/%s"):format(w.folder, lost)))
    local again = run "merge both one two"
    has(again.out, "one: 2 cells copied, 2 there already", "two: 4 cells copied", "both holds 8 cells")
    has(again.err, half .. " is damaged")
    has(run "merge both one two".out, "one: 0 cells copied, 4 there already", "two: 0 cells copied, 4 there already")
    for id, text in pairs(once) do assert.equal(text, w:cells("cells", "both")[id]) end
  end)

  it("keeps one of two measurements of a cell, says which, and makes no pair of two machines", function()
    run("run " .. GRID .. "--only method=none --out base")
    run("run " .. GRID .. "--out whole")
    local ids = {}
    for id, text in pairs(w:cells("cells", "base")) do
      change("base", id, function(cell)
        cell.machine.host, cell.machine.boot_id, cell.machine.gpus, cell.virtual = "elsewhere", "another", nil, nil
      end)
      ids[#ids + 1] = id
      assert.truthy(json.decode(text))
    end
    for id in pairs(w:cells("cells", "whole")) do
      change("whole", id, function(cell) cell.virtual = nil end)
    end
    local result = run "merge both base whole"
    has(result.out, "whole: 4 cells copied, 0 there already, 4 measured twice, 0 left out")
    for _, id in ipairs(ids) do
      has(result.err, ("cell %s (method=none"):format(id), "both keeps its own (on elsewhere at ",
        "whole's (on " .. fs.hostname())
      assert.equal("elsewhere", json.decode(w:cells("cells", "both")[id]).machine.host)
    end
    has(run "report both --full --no-pictures".out, "the baseline was measured on another host (elsewhere")
    local function paired()
      return select(2, w:read("both/speedups.jsonl"):gsub('"paired": {', ""))
    end
    assert.equal(0, paired())
    run "report both --no-pictures --across-hosts"
    assert.equal(2, paired())
  end)

  it("leaves damaged and foreign cells out by name", function()
    measure_parts()
    local ids = {}
    for id in pairs(w:cells("cells", "one")) do ids[#ids + 1] = id end
    w:write(("one/cells/%s/records.bin"):format(ids[1]), "cut")
    change("one", ids[2], function(cell) cell.round = "another" end)
    assert(os.execute(("cd '%s/one/cells/%s' && mv outputs.jsonl.gz ../../kept && ln -s ../../kept outputs.jsonl.gz")
      :format(w.folder, ids[3])))
    w:write(("one/cells/%s/notes.txt"):format(ids[4]), "mine")
    local result = run("merge both two one", 3)
    has(result.out, "one: 0 cells copied, 0 there already, 0 measured twice, 4 left out", "both holds 4 cells")
    has(result.err, ("one/cells/%s/records.bin"):format(ids[1]), ids[2] .. " is of the round another",
      ids[3] .. "/outputs.jsonl.gz is a link or no regular file", ids[4] .. "/notes.txt is no file of a cell")
  end)

  it("brings failed attempts and second measurements along, each once", function()
    measure_parts()
    local id = next(w:cells("cells", "one"))
    local first = ("%s/one/cells/%s"):format(w.folder, id)
    assert(os.execute(("cp -r '%s' '%s/one/failed/%s-1' && cp -r '%s' '%s/one/reruns/%s'"):format(first, w.folder, id,
      first, w.folder, id)))
    for _ = 1, 2 do run "merge both one two" end
    assert.equal(1, #fs.list(w.folder .. "/both/failed"))
    assert.same({ id }, fs.list(w.folder .. "/both/reruns"))
  end)

  -- What every command that reads a folder says of it, and the files that a report leaves beside it.
  local function answers_of(folder)
    local said = {}
    for _, command in ipairs { "report results --full --no-pictures --html --markdown --csv", "compare results results",
      "show results --only method=none --json",
      "show results --only method=draft --request 2", "export results" } do
      assert(os.rename(w.folder .. "/" .. folder, w.folder .. "/results"))
      local result = run(command)
      assert(os.rename(w.folder .. "/results", w.folder .. "/" .. folder))
      said[command] = { result.out, result.err }
    end
    for _, name in ipairs { "speedups.jsonl", "maxima.jsonl", "report.html", "report.md", "cells.csv",
      "tables/requests.csv" } do
      said[name] = w:read(("%s/%s"):format(folder, name))
    end
    return said
  end

  it("packs a copy to be published, of which every command says the same, and unpacks it", function()
    run("run " .. GRID .. "--out plain")
    run "merge packed plain --pack"
    local before, after = 0, 0
    for id in pairs(w:cells("cells", "plain")) do
      assert.same({ "cell.json.gz", "outputs.jsonl.gz", "records.planes.gz" },
        fs.list(("%s/packed/cells/%s"):format(w.folder, id)))
      for _, name in ipairs { "cell.json", "records.bin" } do
        before = before + #w:read(("plain/cells/%s/%s"):format(id, name))
      end
      for _, name in ipairs { "cell.json.gz", "records.planes.gz" } do
        after = after + #w:read(("packed/cells/%s/%s"):format(id, name))
      end
    end
    assert.truthy(after < before / 2)
    assert.same(answers_of "plain", answers_of "packed")
    has(run("run " .. GRID:gsub("%-%-quiet", "") .. "--out packed").err, "nothing to do: all 8 cells are done already")
    run "merge again packed"
    for id, text in pairs(w:cells("cells", "plain")) do
      assert.equal(text, w:read(("again/cells/%s/cell.json"):format(id)))
      for _, name in ipairs { "records.bin", "outputs.jsonl.gz" } do
        assert.equal(w:read(("plain/cells/%s/%s"):format(id, name)), w:read(("again/cells/%s/%s"):format(id, name)))
      end
    end
    has(run "merge packed plain".out, "0 cells copied, 8 there already")
  end)

  it("leaves texts out where it is told to, and says so in each cell", function()
    run("run " .. GRID .. "--out plain")
    run "merge packed plain --pack --no-text"
    run "merge again packed"
    for _, folder in ipairs { "packed", "again" } do
      for _, id in ipairs(fs.list(("%s/%s/cells"):format(w.folder, folder))) do
        assert.is_nil(fs.stat(("%s/%s/cells/%s/outputs.jsonl.gz"):format(w.folder, folder, id)))
        has(w:read(("%s/cells/%s/outputs.left_out"):format(folder, id)), "texts were left out of this copy")
      end
      assert.equal("", run(("report %s --no-pictures"):format(folder)).err)
      assert.equal(speedups "plain", speedups(folder))
    end
    local id = fs.list(w.folder .. "/packed/cells")[1]
    assert(os.remove(("%s/packed/cells/%s/outputs.left_out"):format(w.folder, id)))
    has(run("report packed --no-pictures").err, ("cell %s is left out"):format(id), "outputs.jsonl.gz")
  end)

  -- The requests of a folder's cell as `show --json` prints them, its times in a list of their own.
  local function requests_of(folder, id)
    local times = {}
    local rest = run(("show %s/cells/%s --json"):format(folder, id)).out:gsub("(_ns\": )(%d+)", function(name, ns)
      times[#times + 1] = math.tointeger(ns)
      return name
    end):gsub("%[(%d+),", function(ns)
      times[#times + 1] = math.tointeger(ns)
      return "["
    end)
    return rest, times
  end

  it("rounds times to the microsecond where it is told to, once, and every figure of a cell stays", function()
    run("run " .. GRID .. "--out plain")
    run "merge rounded plain --pack --microseconds"
    for id, text in pairs(w:cells("cells", "plain")) do
      local path = ("%s/rounded/cells/%s"):format(w.folder, id)
      local exact, cell = json.decode(text), assert(sealed.read(path .. "/cell.json"))
      assert.equal(exact.checksum, cell.rounded_from)
      assert.are_not.equal(exact.files["records.bin"], cell.files["records.bin"])
      cell.rounded_from, exact.checksum, cell.files, exact.files = nil, nil, nil, nil
      assert.same(exact, cell)
      local told, times = requests_of("plain", id)
      local told_rounded, rounded = requests_of("rounded", id)
      assert.equal(told, told_rounded)
      for i, ns in ipairs(times) do
        assert.equal(0, rounded[i] % 1000)
        assert.truthy(math.abs(rounded[i] - ns) < 1000)
      end
    end
    for _, command in ipairs { "report rounded --no-pictures --full", "export rounded", "compare plain rounded" } do
      assert.equal("", run(command).err)
    end
    run "merge again rounded --microseconds"
    for id, text in pairs(w:cells("cells", "again")) do
      assert.equal(sealed.bytes(("%s/rounded/cells/%s/cell.json"):format(w.folder, id)), text)
    end
    change("again", next(w:cells("cells", "again")), function(cell) cell.rounded_from = 1 end)
    has(run("report again --no-pictures").err, "rounded_from must be a string, not 1")
  end)

  it("lets exact times win over rounded ones of the same measurement, and nothing else be replaced", function()
    run("run " .. GRID .. "--out plain")
    local id = next(w:cells("cells", "plain"))
    assert(os.execute(("cd '%s/plain' && cp -r cells/%s failed/%s-1 && cp -r cells/%s reruns/"):format(w.folder, id, id,
      id)))
    run "merge rounded plain --microseconds"
    run "merge rounded plain --microseconds"
    run "merge twice rounded plain"
    local exact, rounded = all_of "plain/cells", all_of "rounded/cells"
    has(run "merge plain rounded".out, "0 cells copied, 9 there already, 0 measured twice")
    assert.same(exact, all_of "plain/cells")
    -- a copy that would lack what the rounded one has
    run "merge textless plain --no-text"
    for _, sources in ipairs { "textless", "plain --no-text", "plain --microseconds" } do
      has(run("merge rounded " .. sources).out, "0 cells copied, 9 there already, 0 measured twice")
      assert.same(rounded, all_of "rounded/cells")
    end
    has(run "merge rounded plain --pack".out, "9 cells copied, 0 there already, 0 measured twice")
    for _, folder in ipairs { "rounded", "twice" } do
      for _, kind in ipairs { "cells", "reruns" } do
        for name, text in pairs(w:cells(kind, "plain")) do
          assert.equal(text, sealed.bytes(("%s/%s/%s/%s/cell.json"):format(w.folder, folder, kind, name)))
        end
      end
      assert.same({ id .. "-1" }, fs.list(("%s/%s/failed"):format(w.folder, folder)))
      assert.same(w:cells("failed", "plain")[id .. "-1"],
        sealed.bytes(("%s/%s/failed/%s-1/cell.json"):format(w.folder, folder, id)))
    end
    assert.same({}, fs.list(w.folder .. "/rounded/unfinished"))
    -- another measurement of the cell, by a clock whose microseconds are long
    run "merge other plain --microseconds"
    change("plain", id, function(cell) cell.clock_scale = 200 end)
    has(run "merge other plain".out, "7 cells copied, 0 there already, 1 measured twice")
    run "merge fast plain --microseconds"
    for _, name in ipairs { "cell.json", "records.bin" } do
      local file = ("%s/cells/" .. id .. "/" .. name)
      assert.equal(w:read(file:format "plain"), w:read(file:format "fast"))
    end
  end)

  it("takes no cell for a copy of another because it says so", function()
    run("run " .. GRID .. "--out plain")
    run "merge rounded plain --microseconds"
    local id = next(w:cells("cells", "plain"))
    run "merge other plain --microseconds"
    local path = ("other/cells/%s/cell.json"):format(id)
    local own = sealed.seal((sealed.opened(w:read(path)):gsub('"total_input_tokens": 80', '"total_input_tokens": 8')))
    w:write(path, own)
    for _, source in ipairs { "plain", "rounded" } do
      has(run("merge other " .. source).out, "1 measured twice")
      assert.equal(own, w:read(path))
    end
  end)

  it("refuses what does not belong together, before anything is copied", function()
    measure_parts()
    w:write("wide.lua", (w:read("grid.lua"):gsub('"grid"', '"wide"')))
    w:write("longer.lua", (w:read("grid.lua"):gsub("max_tokens = 8", "max_tokens = 9")))
    w:write("deeper.lua", (w:read("grid.lua"):gsub("k = speculates and 3", "k = speculates and 4")))
    local function refused(folder, ...)
      local result = run("merge both one " .. folder, 1)
      has(result.err, ...)
      assert.is_nil(fs.stat(w.folder .. "/both"))
    end
    for name, words in pairs { wide = "of wide, one of grid", longer = "(workload.", deeper = "(server.k)" } do
      run("run " .. GRID:gsub("grid", name) .. "--only concurrency=1 --out " .. name)
      refused(name, words, "they do not belong into one folder")
    end
    run("run " .. GRID:gsub("grid", "deeper") .. "--only concurrency=2 --out other")
    refused("two other", "other describes the cell 'draft 2 1' otherwise than two (server.k)") -- and one has it not
    refused("one/cells", "is not a results folder")
    run "merge both one"
    has(run("merge both both", 1).err, "both is to be merged into itself")
    has(run("merge one/cells two", 1).err, "is not empty and holds no results")
    has(run("merge both", 2).err, "FROM")
  end)
end)
