local aside = require "specbench.results.aside"
local folder_check = require "specbench.results.folder_check"
local fs = require "sb.fs"
local store = require "specbench.results.store"
local has = dofile(require("sb.environment").home .. "/tests/lua/has.lua")

local w

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", w.round())
end)
after_each(function() w:remove() end)

local function refused(result, ...)
  assert.equal(1, result.status, result.err)
  for _, text in ipairs { ... } do assert.truthy(result.err:find(text, 1, true), result.err) end
  assert.equal(1, select(2, result.err:gsub("\n", "\n")), result.err)
end

describe("a results folder", function()
  it("that cannot be made is refused before a server starts", function()
    w:write("file", "")
    local run = "run grid.lua --models models.lua --out "
    refused(w:run(run .. "file"), "cannot make folder file", "--out")
    refused(w:run(run .. "file/results"), "cannot make folder file/results: Not a directory", "--out")
    refused(w:run(run .. "/proc/results"), "cannot make folder /proc/results", "--out")
    assert.same({}, w:servers())
  end)

  it("of another round is refused before a server starts", function()
    assert.equal(0, w:run_grid("--only method=none").status)
    local started = #w:servers()
    w:write("grid.lua", w.round { name = "another" })
    refused(w:run_grid "", "results holds results of grid, not of another", "--out")
    assert.equal(started, #w:servers())
  end)

  it("with other things in it is refused and left alone", function()
    w:write("file", "")
    refused(w:run "run grid.lua --models models.lua --out .", ". is not empty and holds no results", "--out")
    assert.is_nil(w:read "lock")
    assert.same({}, w:servers())
  end)

  it("of answers with other limits is refused before a server starts", function()
    w:write("grid.lua", (w.round():gsub("chunk_timeout", 'limits = { "theirs" }, chunk_timeout')))
    local command = "--only method=none --only concurrency=1"
    assert.equal(0, w:run_grid(command .. " --limits theirs").status)
    refused(w:run_grid(command), "results was measured with --limits theirs: give another folder with --out")
    local shown = w:run "report results --full --no-pictures"
    assert.truthy(shown.out:find("Note: answers were as long as the limits 'theirs' say", 1, true), shown.out)
    local wrong = w:run_grid(command .. " --limits their")
    assert.equal(2, wrong.status)
    assert.truthy(wrong.err:find("grid has no limits 'their' (did you mean 'theirs'?)", 1, true), wrong.err)
  end)

  it("with a broken round.json goes on, and keeps what was there", function()
    assert.equal(0, w:run_grid("--only method=none --only concurrency=1").status)
    w:write("results/round.json", "{")
    refused(w:run "report results --full", "results is not a results folder", "results/round.json is not JSON")
    w:write("other.lua", w.round { name = "other" })
    refused(w:run "run other.lua --models models.lua --speed 200 --out results", "results holds results of grid")
    assert.equal("{", w:read "results/round.json")
    local result = w:run_grid "--only method=none --only concurrency=1"
    assert.equal(0, result.status, result.err)
    has(result.err, "Warning: round.json is moved to results/damaged/round.json-1 and made anew: ",
      "nothing to do: the one cell is done already")
    assert.equal("{", w:read "results/damaged/round.json-1")
    assert.equal(0, w:run("report results --full --no-pictures").status)
  end)

  it("that a full disk or a kill left without round.json is taken up, wherever it was cut", function()
    local parts = { "lock", "cells", "reruns", "failed", "logs", "unfinished", "round.json.77.tmp" }
    for cut = 1, #parts do
      fs.remove(w.folder .. "/results")
      assert(fs.mkdir(w.folder .. "/results"))
      for i = 1, cut do
        if parts[i]:find "^%l+$" and i > 1 then
          assert(fs.mkdir(w.folder .. "/results/" .. parts[i]))
        else
          w:write("results/" .. parts[i], "")
        end
      end
      local result = w:run_grid "--only method=none --only concurrency=1"
      assert.equal(0, result.status, result.err)
      assert.equal(1, w:count "cells")
    end
    assert(fs.remove(w.folder .. "/results/round.json"))
    local again = w:run_grid "--only method=none --only concurrency=1"
    assert.equal(0, again.status, again.err)
    has(again.err, "nothing to do: the one cell is done already")
    w:write("other.lua", w.round { name = "other" })
    assert(fs.remove(w.folder .. "/results/round.json"))
    refused(w:run "run other.lua --models models.lua --speed 200 --out results", "results holds results of grid")
  end)

  it("of somebody else's is not taken for one that was cut", function()
    assert(fs.mkdir(w.folder .. "/results/unfinished"))
    w:write("results/unfinished/poem", "mine")
    refused(w:run_grid "", "results is not empty and holds no results")
    w:write("results/lock", "")
    w:write("results/poem", "mine too")
    refused(w:run_grid "", "results is not empty and holds no results")
    assert.equal("mine", w:read "results/unfinished/poem")
  end)

  it("that another run holds is refused before a server starts", function()
    w:faults { "silence@2" }
    w:start "run grid.lua --models models.lua --speed 200 --out results"
    w:eventually("a server", function() return #w:servers() == 1 end)
    refused(w:run "run grid.lua --models models.lua --speed 200 --out results", "results/lock",
      "locked by another specbench")
    assert.equal(1, #w:servers())
    w:signal "INT"
    assert.equal(130, w:finish().status)
  end)
end)

describe("the default folder", function()
  it("is one for each engine", function()
    w:write("grid.lua", (w.round():gsub("chunk_timeout", "quick = {}, chunk_timeout")))
    local none = "--models models.lua --only method=none --only concurrency=1"
    local down = "--ready-timeout 0.1 --url http://127.0.0.1:1 "
    for _, case in ipairs {
      { "", "grid" }, { "--quick", "grid-quick" }, { down .. "--engine external", "grid-external" },
      { down .. "--engine external:vllm --quick", "grid-quick-external-vllm" },
    } do
      local options, name = table.unpack(case)
      local result = w:run(("run grid.lua %s --no-pictures --speed 200 %s"):format(none, options))
      assert.truthy(result.err:find("results in results/" .. name .. "\n", 1, true), result.err)
      assert.truthy(w:read("results/" .. name .. "/round.json"), name)
      assert(require("sb.fs").remove(w.folder .. "/results"))
    end
  end)

  it("of a plan is that of the run", function()
    assert.equal(0, w:run("run grid.lua --models models.lua --speed 200 --no-pictures").status)
    local planned = w:run "plan grid.lua --models models.lua --speed 200"
    assert.truthy(planned.out:find("4 cells on 2 servers (engine sim), 0 to do", 1, true), planned.out)
    planned = w:run "plan grid.lua --engine external --url http://127.0.0.1:1"
    assert.truthy(planned.out:find("engine external), 4 to do", 1, true), planned.out)
  end)
end)

describe("a folder with another engine's cells", function()
  it("is added to with a warning in one line", function()
    local alone = w:run_grid "--only method=none --only concurrency=1"
    assert.is_nil(alone.err:find("Warning", 1, true), alone.err)
    local mixed = w:run("run grid.lua --engine external --url http://127.0.0.1:1 --only method=none --quiet "
      .. "--ready-timeout 0.1 --out results")
    assert.truthy(mixed.err:find("Warning: results holds cells of engine sim, this run uses external: ", 1, true),
      mixed.err)
    assert.truthy(mixed.err:find("--out", 1, true), mixed.err)
  end)
end)

describe("I/O threads", function()
  it("are written into each cell, and make it no other cell", function()
    assert.equal(0, w:run_grid("--only method=none --io-threads 2").status)
    local used = {}
    for _, text in pairs(w:cells "cells") do
      local cell = require "cjson".decode(text)
      used[cell.coordinates.concurrency] = cell.certificate.io_threads
    end
    assert.same({ 1, 2 }, used) -- one stream keeps one thread busy
    local again = w:run_grid "--only method=none --io-threads 1"
    assert.equal(0, again.status)
    assert.truthy(again.err:find("nothing to do: all 2 cells are done", 1, true), again.err)
  end)
end)

describe("a cell that cannot be kept", function()
  it("ends the run and its server with a line, and loses no other cell", function()
    w:write("grid.lua", w.round { chunk_timeout = 1 })
    w:faults { "silence@7" }
    w:start "run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --out results"
    w:eventually("a finished cell", function() return w:count "cells" == 1 end)
    assert(require("sb.fs").remove(w.folder .. "/results/unfinished"))
    w:write("results/unfinished", "")
    local result = w:finish()
    assert.equal(1, result.status, result.err)
    assert.truthy(result.err:find("\nspecbench: cannot keep a cell: cannot make folder results/unfinished", 1, true),
      result.err)
    assert.truthy(result.err:find("stopped: 1 of 4 cells are kept in results", 1, true), result.err)
    w:wait_gone(w:servers())
  end)
end)

describe("a finished run", function()
  it("called again does nothing but say so", function()
    local first = w:run_grid ""
    assert.equal(0, first.status, first.err)
    local cells, started = w:cells "cells", #w:servers()
    assert.equal(4, w:count "cells")
    assert.equal(2, started)
    local again = w:run_grid ""
    assert.equal(0, again.status)
    assert.equal("nothing to do: all 4 cells are done already in results (--fresh measures anew)\n", again.err)
    assert.equal("", again.out)
    assert.same(cells, w:cells "cells")
    assert.equal(started, #w:servers())
  end)

  it("goes on where more is asked for", function()
    assert.equal(0, w:run_grid("--only method=none").status)
    local before = w:cells "cells"
    local more = w:run_grid ""
    assert.truthy(more.err:find("4 cells: 2 measured, 2 done before, 0 failed", 1, true), more.err)
    for id, text in pairs(before) do assert.equal(text, w:cells("cells")[id]) end
  end)

  it("is moved aside, not deleted, by --fresh", function()
    assert.equal(0, w:run_grid("--set method=none").status)
    local before = w:cells "cells"
    local fresh = w:run_grid "--set method=none --fresh"
    assert.equal(0, fresh.status, fresh.err)
    local moved = fresh.err:match "what was there is in results/(before%-%S+)\n"
    assert.truthy(moved, fresh.err)
    for id, text in pairs(before) do
      assert.equal(text, w:read(("results/%s/cells/%s/cell.json"):format(moved, id)))
      assert.truthy(w:cells("cells")[id])
    end
    local report = w:run(("report results/%s --no-pictures"):format(moved)) -- a results folder as it was
    assert.equal(0, report.status, report.err)
    assert.truthy(report.out:find("2 cells, 1 repeat each, none failed", 1, true), report.out)
  end)

  it("stays where it is by --fresh with --only, but for the cells that this chooses", function()
    assert.equal(0, w:run_grid("").status)
    local before = w:cells "cells"
    local again = w:run_grid "--only method=none --only concurrency=1 --fresh"
    assert.equal(0, again.status, again.err)
    local moved, changed = again.err:match "what was there is in results/(before%-%S+)\n", 0
    local after = w:cells "cells"
    for id, text in pairs(before) do
      if after[id] ~= text then
        changed = changed + 1
        assert.equal(text, w:read(("results/%s/cells/%s/cell.json"):format(moved, id)))
        assert.truthy(text:find('"concurrency":%s*1[,}]') and text:find('"method":%s*"none"'), text)
      end
    end
    assert.equal(1, changed)
    assert.equal(4, w:count "cells")
    assert.is_nil(again.out:find("Measured before the round changed", 1, true), again.out)
  end)

  it("has a folder for each --fresh, also where three come within two seconds", function()
    assert.equal(0, w:run_grid("--only method=none").status)
    local kept = assert(store.open(w.folder .. "/results"))
    local function moved()
      local names = {}
      for _, name in ipairs(fs.list(w.folder .. "/results")) do
        if name:find "^before%-" then names[#names + 1] = name end
      end
      return names
    end
    for i = 1, 3 do
      assert(aside.cells(kept.folder))
      assert.equal(i, #moved())
      assert(fs.mkdir(w.folder .. "/results/cells"))
      assert(fs.write(w.folder .. "/results/cells/mine", tostring(i)))
    end
    local texts = {}
    for _, name in ipairs(moved()) do texts[w:read(("results/%s/cells/mine"):format(name)) or "none"] = true end
    assert.same({ none = true, ["1"] = true, ["2"] = true }, texts)
    for _, name in ipairs(moved()) do -- all that a run leaves that ended right then
      assert(fs.mkdir(("%s/cut/%s"):format(w.folder, name)))
    end
    w:write("cut/lock", "")
    assert(folder_check.may_hold(w.folder .. "/cut"))
  end)
end)

describe("a report into another folder", function()
  before_each(function() assert.equal(0, w:run_grid("--only method=none --only concurrency=1").status) end)

  it("may be drawn there again, and leaves another source's or another run's files alone", function()
    local report = "report %s --full --no-pictures --out %s"
    assert.equal(0, w:run(report:format("results", "drawn")).status)
    assert.equal(0, w:run(report:format("./results/", "drawn")).status)
    assert(os.execute(("cp -r '%s/results' '%s/others'"):format(w.folder, w.folder)))
    local before = w:read "drawn/flags.jsonl"
    w:write("others/flags.jsonl", "mine")
    refused(w:run(report:format("others", "drawn")), "drawn holds the report of", "--out")
    refused(w:run(report:format("results", "others")), "others holds results of its own", "--out")
    assert.equal("mine", w:read "others/flags.jsonl")
    assert.equal(before, w:read "drawn/flags.jsonl")
    assert.equal(0, w:run(report:format("results", "results")).status)
    assert.is_nil(w:read "results/report.json")
    refused(w:run(report:format("results", ".")), ". is not empty and holds no report", "--out")
  end)
end)

describe("a folder in which every cell failed", function()
  it("is reported with the causes, and is no success", function()
    w:faults { "http500@3" }
    assert.equal(3, w:run_grid("--only method=none --only concurrency=1").status)
    local reported = w:run "report results --full"
    assert.equal(3, reported.status, reported.err)
    assert.truthy(reported.out:find("Failed: 1 cell (1 of 4 requests failed", 1, true), reported.out)
  end)
end)

describe("specbench show", function()
  before_each(function() assert.equal(0, w:run_grid("").status) end)

  it("of a results folder asks for a cell", function()
    local shown = w:run "show results"
    assert.equal(2, shown.status)
    assert.truthy(shown.err:find("results is a results folder: name one of its cells/ID", 1, true), shown.err)
  end)

  it("finds cells by their coordinates, and names them", function()
    local one = w:run "show --json results --only method=none --only concurrency=2"
    assert.equal(0, one.status, one.err)
    assert.equal(4, select(2, one.out:gsub("\n", "\n")))
    local id = one.err:match "^results/cells/(%x+): method=none concurrency=2\n$"
    assert.equal(w:run("show --json results/cells/" .. id).out, one.out)
    local two = w:run "show --json results --only method=draft"
    assert.equal(8, select(2, two.out:gsub("\n", "\n")))
    refused(w:run "show --json results --only methd=none", "no axis 'methd' (did you mean 'method'?)")
    refused(w:run "show --json results --only concurrency=3", "axis 'concurrency' has no value '3'")
  end)

  it("shows a line a request, and one with its timeline and its text", function()
    local id = next(w:cells "cells")
    local list = w:run("show results/cells/" .. id)
    assert.equal(0, list.status, list.err)
    assert.equal(6, select(2, list.out:gsub("\n", "\n"))) -- a title, a rule and four requests
    assert.truthy(list.out:find "^#  prompt  end +tokens  TTFT ms  TPOT ms  E2EL ms  tokens over 0 to %d+ ms\n")
    local one = w:run(("show results/cells/%s --request 2"):format(id))
    assert.equal(0, one.status, one.err)
    local out = one.out
    assert.truthy(out:find "^Request 2 of 4, prompt %d+: ended by %a+\nTTFT [%d.]+ ms, TPOT [%d.]+ ms, E2EL", out)
    assert.truthy(out:find("(of a clock that ran 200 times as fast as ours)", 1, true), out)
    assert.truthy(out:find "8 tokens in %d+ chunks %(.-%); %d+ prompt tokens; counted by continuous_usage\n", out)
    assert.equal(74, #out:match "\n(|[ .:%-=+*#]+|)\n")
    assert.truthy(out:find("^ first token", 1, true) and out:find "longest gaps: [%d.]+ ms at %d+", out)
    local text = fs.gunzip(assert(w:read(("results/cells/%s/outputs.jsonl.gz"):format(id))))
    for line in text:gmatch "[^\n]+" do
      local output = require "cjson".decode(line)
      if output.id == 1 then assert.truthy(out:find(output.text:match "%S+", 1, true), out) end
    end
    local ninth = w:run(("show results/cells/%s --request 9"):format(id))
    assert.same({ 2, "specbench: --request 9: the cell has 4\n" }, { ninth.status, ninth.err })
  end)

  it("prints the fields that its help's example reads", function()
    local help = w:run("show --help").out
    local first = w:run("show --json results --only method=none").out:match "[^\n]+"
    local request = require "cjson".decode(first)
    assert.truthy(help:find(".chunks[]", 1, true) and help:find(".t_send_ns", 1, true), help)
    assert.truthy(request.chunks[1][1] > request.t_send_ns)
    assert.is_true(request.chunks[1][3])
  end)
end)
