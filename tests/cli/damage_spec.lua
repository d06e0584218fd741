-- Cells that a full disk, a broken copy or an editor damaged are measured again, and nothing of them is deleted.

local fs = require "sb.fs"
local json = require "specbench.base.json"

local w

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", w.round())
end)
after_each(function() w:remove() end)

local function has(text, ...)
  for _, part in ipairs { ... } do assert.truthy(text:find(part, 1, true), text) end
end

local function lines(text)
  return select(2, text:gsub("\n", "\n"))
end

-- What can happen to a cell, and what is said of it.
local damages = {
  { "records.bin", function(path) assert(fs.write(path, assert(fs.read(path)):sub(1, 150))) end,
    "cut short or damaged (its checksum does not match)" },
  { "records.bin", function(path)
    local bytes = assert(fs.read(path))
    assert(fs.write(path, bytes:sub(1, 99) .. string.char(bytes:byte(100) ~ 1) .. bytes:sub(101)))
  end, "its checksum does not match" },
  { "records.bin", function(path) assert(fs.write(path, "")) end, "not a records file" },
  { "records.bin", function(path) assert(fs.remove(path)) end, "No such file" },
  { "cell.json", function(path) assert(fs.write(path, "")) end, "is not JSON" },
  { "cell.json", function(path) assert(fs.write(path, "{")) end, "is not JSON" },
  { "cell.json", function(path) assert(fs.write(path, "[]")) end, "is not about cell" },
  { "cell.json", function(path) assert(fs.remove(path)) end, "No such file" },
}

describe("a damaged cell", function()
  it("is moved aside and measured again by the same command", function()
    assert.equal(0, w:run_grid("").status)
    local id = next(w:cells "cells")
    for attempt, damage in ipairs(damages) do
      local file, harm, reason = table.unpack(damage)
      local path = ("%s/results/cells/%s/%s"):format(w.folder, id, file)
      harm(path)
      local left, aside = fs.read(path), ("results/damaged/%s-%d"):format(id, attempt)
      local again = w:run_grid ""
      assert.equal(0, again.status, again.err)
      has(again.err, ("Warning: cell %s is damaged, moved to %s and measured again: "):format(id, aside),
        ("results/cells/%s/%s"):format(id, file), reason, "1 of 4 cells to do", "1 measured, 3 done before, 0 failed")
      assert.equal(left, w:read(aside .. "/" .. file))
      assert.equal(4, w:count "cells")
      assert.equal(0, w:run("show results/cells/" .. id).status)
    end
    has(w:run_grid("").err, "nothing to do: all 4 cells are done already")
  end)

  it("is left out and named by what only reads", function()
    assert.equal(0, w:run_grid("").status)
    local id = next(w:cells "cells")
    for _, damage in ipairs(damages) do
      local file, harm, reason = table.unpack(damage)
      local path = ("%s/results/cells/%s/%s"):format(w.folder, id, file)
      local before = assert(fs.read(path))
      harm(path)
      local reported = w:run "report results --no-pictures"
      assert.equal(0, reported.status, reported.err)
      assert.equal(1, lines(reported.err), reported.err)
      has(reported.err, ("Warning: cell %s is left out, `specbench run` measures it again: "):format(id), reason)
      assert.truthy(#reported.out > 0)
      local planned = w:run "plan grid.lua --models models.lua --speed 200 --out results"
      assert.equal(0, planned.status, planned.err)
      has(planned.out, "4 cells on 2 servers (engine sim), 1 to do")
      has(planned.err, id, reason)
      local compared = w:run "compare results results"
      assert.equal(0, compared.status, compared.err)
      has(compared.err, id, reason)
      assert(fs.write(path, before))
    end
    assert.equal("", w:run("report results --no-pictures").err)
  end)

  it("that was measured once more is not replaced by its first result", function()
    assert.equal(0, w:run_grid("").status)
    local id = next(w:cells "cells")
    local first, second = ("%s/results/cells/%s"):format(w.folder, id), ("%s/results/reruns/%s"):format(w.folder, id)
    assert(fs.mkdir(second))
    for _, name in ipairs(fs.list(first)) do
      assert(fs.write(second .. "/" .. name, assert(fs.read(first .. "/" .. name))))
    end
    local cell = json.decode(fs.read(second .. "/cell.json"))
    cell.rerun = { flag = "stall", reason = "it stood still" }
    assert(fs.write(second .. "/cell.json", json.encode(cell)))
    assert.equal("", w:run("report results --no-pictures").err)
    assert(fs.write(second .. "/records.bin", ""))
    local reported = w:run "report results --no-pictures"
    has(reported.err, ("cell %s is left out"):format(id), "results/reruns/" .. id .. "/records.bin")
    local again = w:run_grid ""
    has(again.err, ("moved to results/damaged/%s-1"):format(id))
    assert.equal("", w:read(("results/damaged/%s-1/records.bin"):format(id)))
    assert.is_nil(fs.stat(second))
  end)

  it("that is the only one leaves an empty report", function()
    assert.equal(0, w:run_grid("--only method=none --only concurrency=1").status)
    w:write("results/cells/" .. next(w:cells "cells") .. "/cell.json", "{")
    local reported = w:run "report results"
    assert.equal(0, reported.status)
    has(reported.out, "results holds no finished cell yet")
    has(reported.err, "is not JSON")
  end)
end)
