-- specbench run --virtual, as a user runs it.

local environment = require "sb.environment"
local world = dofile(environment.home .. "/tests/cli/world.lua")
local json = require "specbench.base.json"
local fs = require "sb.fs"

local function cells_of(w, folder)
  local cells = {}
  for _, id in ipairs(fs.list(w.folder .. "/" .. folder .. "/cells")) do
    local path = ("%s/%s/cells/%s"):format(w.folder, folder, id)
    cells[id] = {
      cell = json.decode(assert(fs.read(path .. "/cell.json"))), records = assert(fs.read(path .. "/records.bin")),
    }
  end
  return cells
end

describe("run --virtual", function()
  local w
  before_each(function() w = world.new() end)
  after_each(function() w:remove() end)

  it("measures a round in no time, twice the same, and says what it is", function()
    w:write("grid.lua", w.round())
    for _, out in ipairs { "first", "second" } do
      local result = w:run("run grid.lua --virtual --no-pictures --repeats 3 --out " .. out)
      assert.equal(0, result.status, (result.out .. result.err))
      assert.truthy((result.out .. result.err):find("in virtual time", 1, true), (result.out .. result.err))
    end
    local first, second = cells_of(w, "first"), cells_of(w, "second")
    assert.equal(12, #fs.list(w.folder .. "/first/cells"))
    for id, it in pairs(first) do
      assert.equal(it.records, second[id].records)
      assert.same(it.cell.metrics, second[id].cell.metrics)
      assert.is_true(it.cell.virtual)
      assert.is_nil(it.cell.certificate.client_ok)
    end
  end)

  it("leaves records out where asked, and says what is missing for it", function()
    w:write("grid.lua", w.round())
    local result = w:run "run grid.lua --virtual --no-pictures --no-records --no-text --out lean"
    assert.equal(0, result.status, result.out .. result.err)
    local whole = w:run "run grid.lua --virtual --no-pictures --out whole"
    assert.equal(0, whole.status, whole.out .. whole.err)
    for _, id in ipairs(fs.list(w.folder .. "/lean/cells")) do
      assert.same({ "cell.json" }, fs.list(w.folder .. "/lean/cells/" .. id))
      local function metrics(out)
        return json.decode(assert(fs.read(("%s/%s/cells/%s/cell.json"):format(w.folder, out, id)))).metrics
      end
      assert.same(metrics "whole", metrics "lean")
    end
    local function names_timelines(folder)
      return w:run("report --full " .. folder).out:find("every request's timeline", 1, true) ~= nil
    end
    assert.is_false(names_timelines "lean")
    assert.is_true(names_timelines "whole")
    local again = w:run "run grid.lua --virtual --no-records --out lean"
    assert.truthy(again.err:find("nothing to do", 1, true), again.err)
    local cell = fs.list(w.folder .. "/lean/cells")[1]
    local shown = w:run("show lean --only method=none")
    assert.equal(1, shown.status)
    assert.truthy(shown.err:find("--no-records", 1, true), shown.err .. cell)
    for option, word in pairs { ["--until ci=3%"] = "--until", ["--lengths replay"] = "--lengths replay" } do
      local refused = w:run("run grid.lua --virtual --no-records " .. option)
      assert.equal(2, refused.status)
      assert.truthy(refused.err:find(word, 1, true), refused.err)
    end
  end)

  it("has a folder of its own, and cells that no real run takes for its own", function()
    w:write("grid.lua", w.round())
    assert.equal(0, w:run "run grid.lua --virtual --no-pictures --only method=none --only concurrency=1".status)
    assert.truthy(fs.stat(w.folder .. "/results/grid-virtual/cells"))
    local plan = w:run "plan grid.lua --speed 100 --only method=none --only concurrency=1 --out results/grid-virtual"
    assert.truthy((plan.out .. plan.err):find("1 to do", 1, true), (plan.out .. plan.err))
  end)

  it("tells a plan how long the cells would take", function()
    w:write("grid.lua", w.round())
    local options = " grid.lua --virtual --fresh --only method=none --only concurrency=1 --no-pictures"
    local planned = w:run("plan" .. options)
    assert.equal(0, planned.status, planned.err)
    local seconds = planned.out:match "by the simulator (%d+) s, server starts not included"
    assert.equal(0, w:run("run" .. options).status)
    local folder = w.folder .. "/results/grid-virtual/cells/"
    local cell = json.decode(assert(fs.read(folder .. fs.list(folder)[1] .. "/cell.json")))
    assert.near(cell.metrics.duration, seconds, 0.51)
  end)

  it("may be of several rounds, each with a folder and an answer of its own", function()
    w:write("grid.lua", w.round())
    w:write("other.lua", (w.round():gsub('name = "grid"', 'name = "other"')))
    local options = "--virtual --no-pictures --only concurrency=1"
    local result = w:run("run grid.lua other.lua " .. options)
    assert.equal(0, result.status, result.err)
    for _, name in ipairs { "grid", "other" } do
      assert.truthy(fs.stat(("%s/results/%s-virtual/cells"):format(w.folder, name)), result.err)
    end
    assert.equal(2, select(2, result.out:gsub("SIMULATED IN VIRTUAL TIME", "")))
    for words, told in pairs { ["run grid.lua other.lua --out one " .. options] = "--out one: 2 rounds",
      ["run grid.lua nowhere.lua --fresh " .. options] = "no round nowhere.lua" } do
      local refused = w:run(words)
      assert.equal(2, refused.status)
      assert.truthy(refused.err:find(told, 1, true), refused.err)
    end
    assert.is_nil(fs.stat(w.folder .. "/one"))
  end)

  it("refuses what needs real time", function()
    w:write("grid.lua", w.round())
    local refused = { ["--speed 20"] = "--speed", ["--profile nsys"] = "--profile", ["--engine vllm"] = "vllm" }
    for option, word in pairs(refused) do
      local result = w:run("run grid.lua --virtual " .. option)
      assert.equal(2, result.status)
      assert.truthy((result.out .. result.err):find(word, 1, true), (result.out .. result.err))
    end
  end)
end)
