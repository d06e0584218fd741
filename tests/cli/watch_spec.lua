-- A sweep is followed from its results folder alone: beside it, after it was killed, after its end; and by machines.

local environment = require "sb.environment"
local fs = require "sb.fs"
local live_page = require "specbench.live.page"
local json = require "specbench.base.json"

local RUN = "run grid.lua --models models.lua --no-rerun --no-pictures --out results "

local w

before_each(function()
  w = dofile(environment.home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("chunk_timeout", 'baseline = { method = "none" }, report = { heatmap = { '
    .. 'x = "concurrency", y = "method", per = {} } }, chunk_timeout')))
end)
after_each(function() w:remove() end)

-- What the page's writer asks of a folder that is followed.
local function folder_of(state)
  return { running = state.running, state = function()
    return { done = state.done, total = state.total, failed = 0, left_s = 1 }
  end }
end

local function watch()
  local result = w:run "watch results"
  assert.equal(0, result.status, result.err)
  return result.out
end

-- Beside a sweep, whose output goes where that of a run does.
local function watch_beside()
  local pipe <close> = assert(io.popen(("cd '%s' && SPECBENCH_HOME='%s' '%s' watch results"):format(w.folder,
    environment.home, environment.executable)))
  return pipe:read "a"
end

-- Beside a sweep, to its end, with a page: what that has once it is there.
local function follow_beside()
  assert(os.execute(("cd '%s' && SPECBENCH_HOME='%s' '%s' watch results --html --every 0.1 >followed 2>&1 &"):format(
    w.folder, environment.home, environment.executable)))
  return w:eventually("a page", function() return fs.read(w.folder .. "/results/report.html") end)
end

describe("specbench watch", function()
  it("shows a sweep that runs, and one that was killed as not running", function()
    w:faults { "silence" }
    w:start(RUN .. "--speed 200 --first-token-timeout 60 --chunk-timeout 60")
    local shown = w:eventually("a server that measures", function()
      local text = fs.stat(w.folder .. "/results/round.json") and fs.read(w.folder .. "/results/live.json")
      return text and text:find('"measuring"', 1, true) and watch_beside()
    end)
    assert.truthy(shown:find("^grid  sim  results  SIMULATED\n%[%.+%]   0%%  0 of 4 cells  0:%d%d"), shown)
    assert.truthy(shown:find("\nservers qwen2.5%-7b none  none c=1, 0:%d%d  0 of 4 requests\n"), shown)
    assert.truthy(shown:find("\n +draft +· +·\n"), shown)
    local page = follow_beside()
    assert.truthy(page:find('<meta content="2" http-equiv="refresh"/>', 1, true), page:sub(1, 2000))
    assert.truthy(page:find("Being measured: 0 of 4 cells  0:", 1, true), page)
    assert.is_nil(page:find("What to try", 1, true)) -- the sweep is at it
    w:signal "KILL"
    w:finish()
    w:eventually("its end", function()
      return watch_beside():find("0 of 4 cells  not running, 4 to do", 1, true)
    end)
    assert.is_nil(watch_beside():find("servers", 1, true))
    local followed = w:eventually("the end of the page's writer", function()
      local text = w:read "followed"
      return text and text:find("to do\n", 1, true) and text
    end)
    assert.truthy(followed:find "^Page: results/report.html\ngrid .- 0 of 4 cells  not running, 4 to do\n", followed)
    page = w:read "results/report.html"
    assert.is_nil(page:find('http-equiv="refresh"', 1, true))
    assert.is_nil(page:find("Being measured", 1, true))
  end)

  it("shows what came of it, failed cells among it, and the sweep leaves no note behind", function()
    assert.equal(0, w:run(RUN .. "--speed 200 --set concurrency=1").status)
    assert.is_nil(fs.stat(w.folder .. "/results/live.json"))
    local shown = watch()
    assert.truthy(shown:find("2 of 2 cells  complete\nlast    %d%.%d%dx  draft, acceptance 0%.%d%d\n"), shown)
    assert.truthy(shown:find("\n +draft +%d%.%d%d\n"), shown)
    local page, seen = live_page.new(w.folder .. "/results", 1), folder_of { running = {}, done = 2, total = 4 }
    assert.truthy(page:update(seen, false))
    assert.is_nil(page:update(seen, false))
    page.not_before = 0 -- it rests otherwise
    assert.truthy(page:update(seen, true))
    assert.truthy(w:read "results/report.html":find("Being measured: 2 of 4 cells", 1, true))
    assert.truthy(page:update(folder_of {}, false))
    assert.is_nil(w:read "results/report.html":find("Being measured", 1, true))
    w:faults { "http500" }
    assert.equal(3, w:run(RUN .. "--speed 200 --set concurrency=2").status)
    assert.truthy(watch():find("2 of 4 cells, 2 FAILED  not running, 2 to do", 1, true), watch())
  end)

  it("reads folders that were written before there was a note, and refuses what is none", function()
    local stored = environment.home .. "/tests/cli/stored/round2"
    local shown = w:run("watch " .. stored)
    assert.truthy(shown.out:find("16 of 16 cells  complete", 1, true), shown.out)
    local result = w:run "watch nowhere"
    assert.equal(1, result.status)
    assert.truthy(result.err:find("specbench: nowhere is not a results folder", 1, true), result.err)
  end)

  it("believes no note that is not one", function()
    assert.equal(0, w:run(RUN .. "--speed 200 --set concurrency=1").status)
    local nearly = '{"host":"h","pid":1,"begun":1,"written":1,"servers":[7]}'
    for _, text in ipairs { "", "{", "[]", '{"pid": "x"}', nearly } do
      w:write("results/live.json", text)
      assert.truthy(watch():find("2 of 2 cells  complete", 1, true), text)
    end
  end)
end)

describe("run --json", function()
  it("writes what happens as events, and nothing else, to standard output", function()
    local result = w:run(RUN .. "--speed 200 --json --set concurrency=1")
    assert.equal(0, result.status, result.err)
    local list, states, cells = {}, {}, {}
    for line in result.out:gmatch "[^\n]+" do
      local event = assert(json.decode(line), line)
      list[#list + 1] = event
      if event.event == "server" then states[#states + 1] = event.state end
      if event.event == "cell" then cells[#cells + 1] = event end
    end
    assert.same({ "start", 2, 0, "grid", "sim" },
      { list[1].event, list[1].cells, list[1].done, list[1].round, list[1].engine })
    assert.same({ "starting", "up", "measuring", "up", "ended", "starting", "up", "measuring", "up", "ended" }, states)
    assert.equal(2, #cells)
    assert.equal("ok", cells[1].status)
    assert.is_nil(cells[1].speedup)
    assert.equal("draft", cells[2].coordinates.method)
    assert.is_true(cells[2].speedup > 0)
    local last = list[#list]
    assert.same({ "end", 0, 2, 0 }, { last.event, last.status, last.measured, last.failed })
  end)

  it("ends with the status of failed cells", function()
    w:faults { "http500" }
    local result = w:run(RUN .. "--speed 200 --json --set concurrency=1")
    assert.equal(3, result.status)
    assert.truthy(result.out:find('"status": "failed"', 1, true), result.out)
    assert.equal(3, json.decode(result.out:match "[^\n]+\n$").status)
  end)
end)
