-- Every figure that a cell may lack, and every field of a wrong type, through all that prints: what cannot be known is
-- left out or a dash, what cannot be trusted is left out with a line. Nothing raises, nothing prints nil.
-- Of cells of each outcome: crossing_outcomes_spec.lua.

local crossing = dofile(require("sb.environment").home .. "/tests/lua/crossing.lua")
local fs = require "sb.fs"
local json = require "specbench.base.json"
local published = require "specbench.export.spec_bench_vllm"
local searched = require "specbench.analysis.searched"
local store = require "specbench.results.store"
local session = require "specbench.sweep.session"

-- What a search writes, every field of it.
local FOUND = { tolerance = 0.02, sure = 0.9, budget = 60, spent = 3.5, ended = "budget", cells = 5, measured = 2,
  baselines_left = 1, refused = { eagle = "no cell of it has a baseline" },
  answers = { { method = "draft", work = "task=qa", concurrency = 2, k = 3, best = { method = "draft", k = 3 },
    pays = true, ratio = 1.5, low = 1.2, high = 1.8, measured = false, sure = 0.95, answered = true } } }

-- A page takes as long as all else together: of every third field, unless told.
local PAGES_OF_ALL = os.getenv "SPECBENCH_TEST_CROSSING" == "all"

local folder

before_each(function() folder = crossing.folder() end)
after_each(function() fs.remove(folder) end)

local function write_world(world, about, cells)
  local list = {}
  for i, cell in ipairs(cells) do
    list[i] = { cell = cell, records = world.records[i], place = "cells/" .. world.cells[i].id }
  end
  crossing.write(folder, about, list)
end

-- The lines about what is left out; where nothing is, all that a reader sees of the folder.
local function told(with_pages)
  local s <close> = assert(store.open(folder))
  if #s.warnings > 0 then return "", s.warnings end
  return crossing.told(folder, with_pages)
end

local function check_rows(what)
  for _, method in ipairs { "none", "draft" } do
    local rows = fs.read(("%s/auto_test_results/online/%s/Task_polish/Table_MaxConcurrency.jsonl"):format(folder,
      method))
    for line in (rows or ""):gmatch "[^\n]+" do
      for _, key in ipairs(published.row_keys) do
        assert.truthy(line:find(('"%s": '):format(key), 1, true), ("%s: no %s in %s"):format(what, key, line))
      end
    end
  end
end

-- What a cell cannot be read without.
local NEEDED = {
  coordinates = true, engine = true, ["engine.name"] = true, id = true, identity = true, ["identity.server"] = true,
  ["identity.server.model"] = true, ["identity.server.model.name"] = true, ["identity.workload"] = true,
  key = true, metrics = true,
  ["export.spec-bench-vllm.folder"] = true,
  ["export.spec-bench-vllm.method"] = true, repetition = true, started = true, status = true,
  ["groups.1.name"] = true,
}

local function check_absent(world, harmed, with_pages)
  local count = 0
  for _, place in ipairs(crossing.places(world.cells[1])) do
    local cells, touched = crossing.copy(world.cells), 0
    for _, cell in ipairs(cells) do
      if harmed(cell) and crossing.put(cell, place, nil) then touched = touched + 1 end
    end
    write_world(world, world.about, cells)
    local text, warnings = told(with_pages and (PAGES_OF_ALL or count % 3 == 0))
    assert.equal(NEEDED[place.name] and touched or 0, #warnings, place.name .. ": " .. (warnings[1] or "no warning"))
    crossing.check_words(text, place.name)
    check_rows(place.name)
    if not NEEDED[place.name] then
      for _, cell in ipairs(cells) do
        crossing.check_words(session.line(world.jobs[cell.id], cell), place.name)
      end
    end
    count = count + 1
  end
  assert.is_true(count > 100, tostring(count))
end

describe("a figure that a cell lacks", function()
  it("is survived by all that prints, where every cell lacks it", function()
    check_absent(crossing.world(1), function() return true end, true)
  end)

  it("is survived by all that prints, where the method's repeats lack it", function()
    check_absent(crossing.world(3), function(cell) return cell.coordinates.method == "draft" end)
  end)
end)

-- Neither raises: a wrong field leaves its cell out, with a line, or is of no consequence.
local function check_wrong(tree, place, write)
  local left_out = 0
  for i, wrong in ipairs(crossing.WRONG) do
    local harmed = crossing.copy(tree)
    if crossing.put(harmed, place, wrong) then
      write(harmed)
      local ok, text, warnings = pcall(told, PAGES_OF_ALL or i == 1)
      local what = ("%s = %s"):format(place.name, json.encode(wrong))
      assert.is_true(ok, ("%s: %s"):format(what, type(text) == "table" and text.message or tostring(text)))
      crossing.check_words(text, what)
      for _, line in ipairs(warnings) do assert.is_nil(line:find "\n", what) end
      left_out = left_out + math.min(#warnings, 1)
    end
    if i == #crossing.WRONG then return left_out end
  end
end

describe("a field of a wrong type", function()
  it("of a cell leaves it out or does no harm", function()
    local world, left_out = crossing.world(1), 0
    for _, place in ipairs(crossing.places(world.cells[1])) do
      left_out = left_out + check_wrong(world.cells[1], place, function(harmed)
        write_world(world, world.about, { harmed, world.cells[2] })
      end)
    end
    assert.is_true(left_out > 200, tostring(left_out))
  end)

  it("of a round is told in a line", function()
    local world, refused = crossing.world(1), 0
    for _, place in ipairs(crossing.places(world.about)) do
      for _, wrong in ipairs(crossing.WRONG) do
        local harmed = crossing.copy(world.about)
        crossing.put(harmed, place, wrong)
        write_world(world, harmed, world.cells)
        local s, message = store.open(folder)
        if s then
          local ok, text = pcall(told)
          assert.is_true(ok, ("%s = %s: %s"):format(place.name, json.encode(wrong),
            type(text) == "table" and text.message or tostring(text)))
        else
          refused = refused + 1
          assert.truthy(message:find("round.json", 1, true) and not message:find "\n", message)
        end
      end
    end
    assert.is_true(refused > 40, tostring(refused))
  end)

  it("of what a search found, or one that is absent, is told in a line or does no harm", function()
    local world, refused, count = crossing.world(1), 0, 0
    for _, place in ipairs(crossing.places(FOUND)) do
      for i = 0, #crossing.WRONG do
        write_world(world, world.about, world.cells)
        local harmed = crossing.copy(FOUND)
        crossing.put(harmed, place, crossing.WRONG[i])
        assert(fs.write(folder .. "/search.json", json.encode(harmed)))
        local what = ("%s = %s"):format(place.name, json.encode(crossing.WRONG[i]))
        local found, message = searched.kept { folder = folder }
        if found then
          count = count + 1
          local ok, text = pcall(crossing.told, folder, PAGES_OF_ALL or count % 10 == 0)
          assert.is_true(ok, ("%s: %s"):format(what, type(text) == "table" and text.message or tostring(text)))
          crossing.check_words(text, what)
          assert.truthy(text:find("the best k within", 1, true), what)
        else
          refused = refused + 1
          assert.truthy(message:find("search.json", 1, true) and not message:find "\n", message)
        end
      end
    end
    assert.is_true(refused > 100, tostring(refused))
  end)
end)
