local json = require "specbench.base.json"

local w

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("axes =", 'baseline = { method = "none" }, axes =')))
end)
after_each(function() w:remove() end)

-- Shell text that runs before the simulator is executed with the arguments "$@".
local function serve_with(text)
  w:write("server", (w:read("server"):gsub("exec ", function() return text .. "\nexec " end)))
  assert(os.execute("chmod +x '" .. w.server .. "'"))
end

local function by_time()
  local cells = {}
  for _, text in pairs(w:cells "cells") do cells[#cells + 1] = json.decode(text) end
  table.sort(cells, function(a, b) return a.started_unix < b.started_unix end)
  return cells
end

-- "none/2/1 ...": method, concurrency, repeat
local function order_of(cells)
  local words = {}
  for i, cell in ipairs(cells) do
    words[i] = ("%s/%g/%g"):format(cell.coordinates.method, cell.coordinates.concurrency, cell.repetition)
  end
  return table.concat(words, " ")
end

local INTERLEAVED = "none/1/1 draft/1/1 none/2/1 draft/2/1 draft/1/2 none/1/2 draft/2/2 none/2/2 "
  .. "none/1/3 draft/1/3 none/2/3 draft/2/3"

describe("repeats", function()
  it("alternate on two servers that both stay up, and both end", function()
    local planned = w:run("plan grid.lua --models models.lua --speed 200 --repeats 3 --cells --out results")
    local result = w:run_grid "--repeats 3"
    assert.equal(0, result.status, result.err)
    local cells = by_time()
    assert.equal(INTERLEAVED, order_of(cells))
    assert.equal(2, #w:servers())
    w:wait_gone(w:servers())
    local urls, last = {}, 1
    for i, cell in ipairs(cells) do
      assert.same({ order = "interleaved", position = i, start = 1 }, cell.schedule)
      urls[cell.coordinates.method] = urls[cell.coordinates.method] or cell.engine.url
      assert.equal(urls[cell.coordinates.method], cell.engine.url)
      last = assert(planned.out:find(cell.id, last, true), "the plan has another order")
    end
    assert.truthy(planned.out:find("in turn, A B, B A, A B ..., on 2 servers kept up at once", 1, true))
    assert.truthy(result.out:find("Drift: qwen2.5%-7b, none: the baseline decodes at %d.%d+ of its speed %d+ s earlier "
      .. "%(2 cells, [%d.]+ to [%d.]+; interleaved%)"), result.out)
  end)

  for _, signal in ipairs { "KILL", "INT" } do
    it(("go on after SIG%s in the same order, measuring nothing twice"):format(signal), function()
      w:faults { "silence@7" } -- of each server: in its second cell
      w:start "run --full grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --out results --repeats 3"
      w:eventually("two finished cells", function() return w:count "cells" == 2 end)
      local pids, before = w:servers(), w:cells "cells"
      assert.equal(2, #pids)
      w:signal(signal)
      w:finish()
      w:wait_gone(pids)
      w:faults {}
      local result = w:run_grid "--repeats 3"
      assert.equal(0, result.status, result.err)
      assert.truthy(result.err:find("12 cells: 10 measured, 2 done before, 0 failed", 1, true), result.err)
      local after = w:cells "cells"
      for id, text in pairs(before) do assert.equal(text, after[id]) end
      assert.equal(INTERLEAVED, order_of(by_time()))
      w:wait_gone(w:servers())
    end)
  end

  it("are spread over starts of both servers, which the interval then stands on", function()
    local planned = w:run "plan grid.lua --models models.lua --speed 200 --repeats 3 --starts 3 --out results"
    assert.truthy(planned.out:find("Starts: repeats are spread over 3 starts of every server", 1, true), planned.out)
    local result = w:run_grid "--repeats 3 --starts 3"
    assert.equal(0, result.status, result.err)
    assert.equal(6, #w:servers())
    w:wait_gone(w:servers())
    for _, cell in ipairs(by_time()) do assert.equal(cell.repetition, cell.schedule.start) end
    assert.equal(INTERLEAVED, order_of(by_time()))
    for _, row in ipairs(w:rows()) do
      assert.equal("starts", row.scope)
      assert.equal(3, row.starts)
      assert.equal("starts", row.speedups.paired.kind)
    end
    assert.truthy(result.out:find("95 % interval over starts of the servers", 1, true), result.out)
    assert.truthy(result.out:find("between starts %d+%.%d %%"), result.out)
  end)

  it("of one start say that they speak of that one", function()
    local result = w:run_grid "--repeats 3 --starts 1"
    assert.equal(2, #w:servers())
    for _, row in ipairs(w:rows()) do
      assert.truthy(row.verdict)
      assert.equal("within one start", row.scope)
    end
    assert.truthy(result.out:find("verdict within one start", 1, true), result.out)
    local refused = w:run_grid "--repeats 3 --starts 4"
    assert.equal(2, refused.status)
    assert.truthy(refused.err:find("a start needs a repeat of its own, but there are only 3: --repeats 4", 1, true))
  end)

  it("go on with those cells alone that were lost in the middle", function()
    assert.equal(0, w:run_grid("--repeats 3").status)
    local lost = by_time()[6]
    require("sb.fs").remove(w.folder .. "/results/cells/" .. lost.id)
    local result = w:run_grid "--repeats 3"
    assert.truthy(result.err:find("12 cells: 1 measured, 11 done before, 0 failed", 1, true), result.err)
    assert.equal(3, #w:servers()) -- the method's had nothing to do
    assert.truthy(w:cells "cells"[lost.id])
  end)

  it("on one server after another show how the baseline drifted", function()
    -- the baseline's second server decodes at half the speed of the first
    serve_with(('step=10; [ $(wc -l < "%s/started") -ge 3 ] && step=20\n'
      .. 'set -- "$@" --step-ms $step --tokens-per-chunk 1'):format(w.folder))
    local result = w:run "run --full grid.lua --models models.lua --no-pictures --out results --repeats 2 --at-once 1"
    assert.equal(0, result.status, result.err)
    assert.equal("none/1/1 none/2/1 draft/1/1 draft/2/1 draft/1/2 draft/2/2 none/1/2 none/2/2", order_of(by_time()))
    assert.equal(3, #w:servers())
    local ratio = tonumber(result.out:match "the baseline decodes at ([%d.]+) of its speed")
    assert.is_true(ratio and ratio < 0.75, result.out)
    assert.truthy(result.out:find("(2 cells, [%d.]+ to [%d.]+; before and after)"), result.out)
    for _, row in ipairs(w:rows()) do
      local drift = row.drift
      assert.is_true(drift.ratio < 0.75 and drift.seconds > 0)
    end
  end)

  it("that a later look of --until measured count also where the round changed before", function()
    local command = "run grid.lua --virtual --no-pictures --no-text --quiet --out results --until ci=0.01% --cap 6"
    for _, tokens in ipairs { 32, 24 } do
      w:write("grid.lua", (w:read("grid.lua"):gsub("max_tokens = %d+", "max_tokens = " .. tokens)))
      local result = w:run(command)
      assert.equal(0, result.status, result.err)
      for _, row in ipairs(w:rows()) do assert.equal(6, row.repeats) end
    end
  end)

  it("are as many as --until wants, of both sides alike, and a second run wants no more", function()
    local command = "--until decided --cap 5"
    local result = w:run_grid(command)
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("12 of 12 cells to do", 1, true), result.err)
    local counts = {}
    for _, cell in ipairs(by_time()) do
      local at = cell.coordinates
      local name = ("%s %g"):format(at.method, at.concurrency)
      counts[name] = (counts[name] or 0) + 1
      assert.equal("interleaved", cell.schedule.order)
    end
    for concurrency = 1, 2 do
      local count = counts["draft " .. concurrency]
      assert.is_true(count == 3 or count == 5)
      assert.equal(count, counts["none " .. concurrency])
    end
    for _, row in ipairs(w:rows()) do
      assert.equal(counts["draft " .. row.coordinates.concurrency // 1], row.repeats)
      assert.truthy(row.verdict)
      -- it went on where the interval holds 1, and there alone
      local low, high = row.speedups.paired.low, row.speedups.paired.high
      if row.repeats == 3 then assert.is_true(low > 1 or high < 1 or low > 0.98 and high < 1.02) end
    end
    assert.truthy(w:run_grid(command).err:find("nothing to do", 1, true))
    assert.equal(2, w:run_grid(command .. " --repeats 3").status)
  end)

  it("of a server that does not start fail alone", function()
    serve_with 'case "$*" in *draft*) exit 3;; esac'
    local result = w:run_grid "--repeats 2"
    assert.equal(3, result.status, result.err)
    assert.truthy(result.err:find("8 cells: 4 measured, 0 done before, 4 failed", 1, true), result.err)
    assert.truthy(result.err:find("and 3 more cells of its server", 1, true), result.err)
    for _, cell in ipairs(by_time()) do assert.equal("none", cell.coordinates.method) end
    w:wait_gone(w:servers())
  end)
end)
