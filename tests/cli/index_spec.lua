-- The index of a large results folder saves reading it and is believed in nothing: whatever becomes of it or of the
-- cells, what is found is what a look at every byte finds.

local fs = require "sb.fs"
local home = require("sb.environment").home
local index = require "specbench.results.index"
local many = dofile(home .. "/tests/cli/many_cells.lua")
local task = require "sb.task"

local find = require("specbench.results.damage").find
local has = dofile(require("sb.environment").home .. "/tests/lua/has.lua")

local w, results, ids

local function run(arguments)
  local result = w:run(arguments)
  assert.equal(0, result.status, result.err)
  return result
end

local function place(i)
  return ("%s/cells/%s"):format(results, ids[i])
end

local function found()
  local list = {}
  for i, one in ipairs(find(results)) do list[i] = one.id end
  return list
end

local function shell(line)
  assert(os.execute(("cd '%s' && %s"):format(results, line)))
end

-- A byte in the middle of a file is another one; its size stays, and its time as far as one can set that.
local function harm(path)
  local bytes, before = assert(fs.read(path)), os.tmpname()
  shell(("touch -r '%s' %s"):format(path, before))
  local file <close> = assert(io.open(path, "r+b"))
  file:seek("set", #bytes // 2)
  file:write(string.char(bytes:byte(#bytes // 2 + 1) ~ 1))
  file:close()
  shell(("touch -r %s '%s'"):format(before, path))
  os.remove(before)
end

setup(function()
  w = dofile(home .. "/tests/cli/world.lua").new()
  results = w.folder .. "/results"
  ids = many.fill(w.folder, 300)
  task.sleep(2.1) -- files that changed a moment ago are not relied on
end)
teardown(function() w:remove() end)

describe("a large folder's index", function()
  it("is kept by what writes there, and by nothing else", function()
    run "report results --no-pictures --out elsewhere"
    run("plan " .. many.COMMAND:gsub("%-%-no%-pictures", ""))
    assert.is_nil(fs.stat(results .. "/cells.index"))
    run "report results --no-pictures"
    assert.truthy(fs.stat(results .. "/cells.index"))
    has(run("plan " .. many.COMMAND:gsub("%-%-no%-pictures", "")).out, "300 cells on 2 servers (engine sim), 0 to do")
    has(run("run " .. many.COMMAND).err, "nothing to do: all 300 cells are done already")
  end)

  it("spares reading what has not changed", function()
    local marks = index.read(results)
    assert.equal(300, #fs.list(results .. "/cells"))
    for _, id in ipairs(ids) do assert.equal(index.mark(("%s/cells/%s"):format(results, id)), marks["cells/" .. id]) end
    -- one that says of a cell what is not so is believed, as nothing but a look at the cell could tell
    local kept = assert(fs.read(place(1) .. "/records.bin"))
    assert(fs.write(place(1) .. "/records.bin", "nothing"))
    assert.same({ ids[1] }, found())
    task.sleep(2.1)
    marks["cells/" .. ids[1]] = index.mark(place(1))
    index.keep(results, marks, 300)
    assert.same({}, found())
    assert(fs.write(place(1) .. "/records.bin", kept))
    assert.same({}, found())
    -- a run that has nothing to do needs none of them
    kept = assert(fs.read(place(1) .. "/cell.json"))
    assert(fs.write(place(1) .. "/cell.json", "nothing"))
    task.sleep(2.1)
    marks["cells/" .. ids[1]] = index.mark(place(1))
    index.keep(results, marks, 300)
    has(run("run " .. many.COMMAND).err, "nothing to do: all 300 cells are done already")
    assert(fs.write(place(1) .. "/cell.json", kept))
  end)

  it("hides no change of a cell", function()
    local names = { "cell.json", "records.bin", "outputs.jsonl.gz" }
    for i, name in ipairs(names) do harm(("%s/%s"):format(place(i), name)) end
    assert(os.remove(place(4) .. "/records.bin"))
    shell(("cp -a cells/%s/cell.json cells/%s/cell.json"):format(ids[6], ids[5]))
    local harmed = table.move(ids, 1, 5, 1, {})
    table.sort(harmed)
    assert.same(harmed, found())
    local seen = run "report results --no-pictures"
    for i = 1, 5 do has(seen.err, ("cell %s is left out"):format(ids[i])) end
    assert.same(harmed, found())
  end)

  it("may be lost, cut, garbled, a pipe or another folder's", function()
    local before = found()
    local text = assert(fs.read(results .. "/cells.index"))
    local function check(what, make)
      fs.remove(results .. "/cells.index")
      make()
      assert.same(before, found(), what)
    end
    check("lost", function() end)
    check("cut", function() fs.write(results .. "/cells.index", text:sub(1, #text // 2)) end)
    check("garbled", function() fs.write(results .. "/cells.index", (text:gsub("1", "2"))) end)
    check("empty", function() fs.write(results .. "/cells.index", "") end)
    check("a pipe", function() shell "mkfifo cells.index" end)
    check("a folder", function() fs.mkdir(results .. "/cells.index") end)
    fs.remove(results .. "/cells.index")
    fs.write(results .. "/cells.index", text)
    -- a copy has other files, whatever their times
    shell "cp -a . ../copy"
    local copied = {}
    for i, one in ipairs(find(w.folder .. "/copy")) do copied[i] = one.id end
    assert.same(before, copied)
  end)
end)
