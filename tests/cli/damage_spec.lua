-- Cells that a full disk, a broken copy or an editor damaged are measured again, and nothing of them is deleted.

local find_damage = require("specbench.results.damage").find
local fs = require "sb.fs"
local json = require "specbench.base.json"
local sealed = require "specbench.results.sealed"
local has = dofile(require("sb.environment").home .. "/tests/lua/has.lua")

local w

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", w.round())
end)
after_each(function() w:remove() end)

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
      assert.equal(0, w:run("show --json results/cells/" .. id).status)
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
      local reported = w:run "report results --full --no-pictures"
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
    assert.equal("", w:run("report results --full --no-pictures").err)
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
    cell.checksum = nil
    assert(fs.write(second .. "/cell.json", sealed.encode(cell)))
    assert.equal("", w:run("report results --full --no-pictures").err)
    assert(fs.write(second .. "/records.bin", ""))
    local reported = w:run "report results --full --no-pictures"
    has(reported.err, ("cell %s is left out"):format(id), "results/reruns/" .. id .. "/records.bin")
    local again = w:run_grid ""
    has(again.err, ("moved to results/damaged/%s-1"):format(id))
    assert.equal("", w:read(("results/damaged/%s-1/records.bin"):format(id)))
    assert.is_nil(fs.stat(second))
  end)

  it("that lies packed is told, moved aside and measured again, too", function()
    assert.equal(0, w:run_grid("").status)
    assert(os.rename(w.folder .. "/results", w.folder .. "/plain"))
    assert.equal(0, w:run("merge results plain --pack").status)
    local ids, left = fs.list(w.folder .. "/results/cells"), {}
    local harms = {
      { "cell.json.gz", function(bytes) return bytes:sub(1, -9) end, "not a whole gzip file" },
      { "cell.json.gz", function() return fs.gzip "{" end, nil },
      { "records.planes.gz", function(bytes)
        local at = #bytes - 8 -- its checksum: a change of what is packed may unpack to the same bytes
        return bytes:sub(1, at) .. string.char(bytes:byte(at + 1) ~ 1) .. bytes:sub(at + 2)
      end, "not a whole gzip file" },
      { "records.planes.gz", function() return fs.gzip "sbrec2\n" end, "its bytes are not in planes" },
    }
    for i, harm in ipairs(harms) do
      local path = ("%s/results/cells/%s/%s"):format(w.folder, ids[i], harm[1])
      left[i] = harm[2](assert(fs.read(path)))
      assert(fs.write(path, left[i]))
    end
    local reported, again = w:run "report results --no-pictures", w:run_grid ""
    assert.equal(4, lines(reported.err), reported.err)
    has(again.err, "4 of 4 cells to do", "4 measured, 0 done before, 0 failed")
    for i, harm in ipairs(harms) do
      local aside = ("results/damaged/%s-1"):format(ids[i])
      local path = ("results/cells/%s/%s"):format(ids[i], harm[1])
      local reason = harm[3] and ("%s is damaged: %s"):format(path, harm[3]) or path .. " is not JSON"
      has(reported.err, ("cell %s is left out, `specbench run` measures it again: %s"):format(ids[i], reason))
      has(again.err, ("cell %s is damaged, moved to %s and measured again: %s"):format(ids[i], aside, reason))
      assert.equal(left[i], w:read(("%s/%s"):format(aside, harm[1])))
    end
  end)

  it("that lies packed fills no memory", function()
    local bomb = ("%s/cell.json.gz"):format(w.folder)
    assert(fs.write(bomb, fs.gzip(("\0"):rep(1 << 20)):rep(257)))
    assert.truthy(fs.stat(bomb).size < 1 << 20)
    local bytes, message = sealed.bytes(w.folder .. "/cell.json")
    assert.is_nil(bytes)
    assert.equal(bomb .. " is damaged: a gzip file of more than 268435456 bytes", message)
  end)

  it("that lies packed is told where its records are another's", function()
    assert.equal(0, w:run_grid("--only method=none").status)
    assert.equal(0, w:run("merge packed results --pack").status)
    local one, other = table.unpack(fs.list(w.folder .. "/packed/cells"))
    local path = w.folder .. "/packed/cells/%s/records.planes.gz"
    assert(fs.write(path:format(one), assert(fs.read(path:format(other)))))
    has(w:run("report packed --no-pictures").err, ("cells/%s/records.planes.gz: it is not the file that was written "
      .. "with cell.json"):format(one))
  end)

  local function found()
    local list = find_damage(w.folder .. "/results")
    return #list, list[1] and list[1].reason
  end

  it("is told wherever one byte of it was changed", function()
    assert.equal(0, w:run_grid("--only method=none --only concurrency=1").status)
    local place = ("%s/results/cells/%s/"):format(w.folder, (next(w:cells "cells")))
    for name, step in pairs { ["cell.json"] = 13, ["records.bin"] = 31, ["outputs.jsonl.gz"] = 17 } do
      local whole = assert(fs.read(place .. name))
      for at = 1, #whole - 1, step do
        local file <close> = assert(io.open(place .. name, "wb"))
        file:write(whole:sub(1, at - 1), string.char(whole:byte(at) ~ 2), whole:sub(at + 1))
        file:close()
        local count, reason = found()
        assert.equal(1, count, ("%s: byte %d"):format(name, at))
        assert.is_nil(reason and reason:find "[%c]")
      end
      assert(fs.write(place .. name, whole))
    end
    assert.equal(0, (found()))
  end)

  it("is told where its files are another's, and where a figure of an older one is not its records'", function()
    assert.equal(0, w:run_grid("--only method=none").status)
    local ids = {}
    for id in pairs(w:cells "cells") do ids[#ids + 1] = w.folder .. "/results/cells/" .. id end
    local whole = assert(fs.read(ids[1] .. "/records.bin"))
    assert(fs.write(ids[1] .. "/records.bin", assert(fs.read(ids[2] .. "/records.bin"))))
    local count, reason = found()
    assert.equal(1, count)
    has(reason, "records.bin: it is not the file that was written with cell.json")
    assert(fs.write(ids[1] .. "/records.bin", whole))

    -- as older programs wrote it: no checksum; readable, unless its figures are not those of its records
    local cell = json.decode(fs.read(ids[1] .. "/cell.json"))
    cell.checksum, cell.files = nil, nil
    assert(fs.write(ids[1] .. "/cell.json", json.encode(cell)))
    assert.equal(0, (found()))
    for _, name in ipairs { "requests", "completed", "duration", "total_output_tokens" } do
      local value = cell.metrics[name]
      cell.metrics[name] = math.type(value) == "integer" and value + 1 or value * 1.001
      assert(fs.write(ids[1] .. "/cell.json", json.encode(cell)))
      count, reason = found()
      assert.equal(1, count, name)
      has(reason, ("cell.json: its %s is "):format(name), "its records give")
      cell.metrics[name] = value
    end
    cell.identity.seed = 1
    assert(fs.write(ids[1] .. "/cell.json", sealed.encode(cell)))
    has(select(2, found()), "its id does not follow from its identity")
  end)

  it("that holds a pipe or a folder in a file's place hangs nothing", function()
    assert.equal(0, w:run_grid("--only method=none --only concurrency=1").status)
    local id = next(w:cells "cells")
    for attempt, name in ipairs { "cell.json", "records.bin", "outputs.jsonl.gz" } do
      local path = ("%s/results/cells/%s/%s"):format(w.folder, id, name)
      assert(os.execute(("rm '%s' && mkfifo '%s'"):format(path, path)))
      local reported = w:run "report results --full --no-pictures"
      assert.equal(0, reported.status, reported.err)
      has(reported.err, ("cell %s is left out"):format(id), name .. " is no regular file")
      local again = w:run_grid "--only method=none --only concurrency=1"
      assert.equal(0, again.status, again.err)
      has(again.err, ("moved to results/damaged/%s-%d"):format(id, attempt), "1 measured")
      assert.equal("other", fs.stat(("%s/results/damaged/%s-%d/%s"):format(w.folder, id, attempt, name)).type)
    end
    assert(os.execute(("rm '%s/results/round.json' && mkfifo '%s/results/round.json'"):format(w.folder, w.folder)))
    local reported = w:run "report results --full"
    assert.equal(1, reported.status)
    has(reported.err, "round.json is no regular file")
  end)

  it("is one thing, a damaged rule of repeats another: a report will not guess it", function()
    assert.equal(0, w:run_grid("").status)
    local path = w.folder .. "/results/until.json"
    local rule = sealed.encode { width = 0.03, cap = 10 }
    local function reported() return w:run "report results --full --no-pictures" end
    for _, text in ipairs { rule, '{"width": 0.03, "cap": 10}\n', '{"tie": 0.02, "cap": 3}' } do
      assert(fs.write(path, text))
      assert.equal(0, reported().status)
    end
    local flaws = {
      { rule:gsub("0%.03", "0.05"), "is damaged (its checksum does not match)" }, { "{", "is not JSON" },
      { '{"width": "x", "cap": 10}', "width must be a number" }, { '{"cap": 10}', "it needs width or tie" },
      { '{"width": 0.03}', "it has no cap" }, { "[]", "it has no cap" }, { "7", "holds no object" },
    }
    for _, flaw in ipairs(flaws) do
      assert(fs.write(path, (flaw[1])))
      local result = reported()
      assert.equal(1, result.status)
      has(result.err, "results/until.json", flaw[#flaw], "with the same --until")
      assert.equal(1, lines(result.err), result.err)
    end
    assert(fs.remove(path))
    assert(os.execute(("mkfifo '%s'"):format(path)))
    has(reported().err, "until.json is no regular file")
  end)

  it("that is the only one leaves an empty report", function()
    assert.equal(0, w:run_grid("--only method=none --only concurrency=1").status)
    w:write("results/cells/" .. next(w:cells "cells") .. "/cell.json", "{")
    local reported = w:run "report results --full"
    assert.equal(0, reported.status)
    has(reported.out, "results holds no finished cell yet")
    has(reported.err, "is not JSON")
  end)
end)
