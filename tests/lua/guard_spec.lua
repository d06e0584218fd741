-- Which cells a sweep measures once more.

local guard = require "specbench.sweep.guard"

-- One line of the grid at five concurrencies, 100 tokens/s a stream; slow: a concurrency -> tokens/s
local function cells(slow, changes)
  local list = {}
  for i, concurrency in ipairs { 1, 2, 4, 8, 16 } do
    local cell = {
      id = "id" .. concurrency, key = "key" .. concurrency, started = "2026",
      coordinates = { concurrency = concurrency }, identity = { engine = "sim" },
      repetition = 1, engine = { name = "sim" }, prefix_cache = "off", input_tokens = 0, clock_scale = 1,
      metrics = { duration = 1, total_input_tokens = 0, total_output_tokens = slow[concurrency] or 100 * concurrency },
    }
    for name, value in pairs(changes or {}) do cell[name] = value end
    list[i] = cell
  end
  return list
end

local function session(profile)
  local batches = {}
  for i, concurrency in ipairs { 1, 2, 4, 8, 16 } do
    batches[i] = { { id = "id" .. concurrency, server = { profile = profile } } }
  end
  return batches
end

local function guarded(list, reruns, about)
  local store = { about = about or {} }
  function store.cells() return list end
  function store.has_rerun(_, id) return (reruns or {})[id] ~= nil end
  return guard.new(store, "sim")
end

local function ids(g, profile)
  local found = {}
  for _, suspect in ipairs(g:suspects(session(profile))) do
    for id, flag in pairs(suspect.flags) do found[#found + 1] = id .. " " .. flag.flag end
  end
  return found
end

describe("the guard", function()
  it("names the cell that leaves its neighbours' trend, above or below", function()
    assert.same({}, ids(guarded(cells {})))
    assert.same({ "id4 anomaly" }, ids(guarded(cells { [4] = 30 })))
    assert.same({ "id4 anomaly" }, ids(guarded(cells { [4] = 4000 })))
  end)

  it("sees what is measured after it was made", function()
    local list = cells { [8] = 50 }
    local last = table.remove(list, 4)
    local g = guarded(list)
    assert.same({}, ids(g))
    g:add(last)
    assert.same({ "id8 anomaly" }, ids(g))
  end)

  it("names no cell twice, in this sweep or after an earlier one", function()
    local g = guarded(cells { [4] = 30 })
    g.tried.id4 = true
    assert.same({}, ids(g))
    assert.same({}, ids(guarded(cells { [4] = 30 }, { id4 = true })))
  end)

  it("accuses no cell by neighbours that were measured before the round changed", function()
    -- another server was ten times as fast
    local list = cells { [1] = 1000, [2] = 2000, [8] = 8000, [16] = 16000 }
    local about = { engine = "sim", planned = {} }
    for _, cell in ipairs(list) do
      about.planned[cell.key] = cell.id == "id4" and "id4" or "new"
    end
    assert.same({ "id4 anomaly" }, ids(guarded(list)))
    assert.same({}, ids(guarded(list, nil, about)))
  end)

  it("leaves alone what a second run would answer out of a cache, other engines' cells and profiled ones", function()
    assert.same({ "id4 anomaly" }, ids(guarded(cells({ [4] = 30 }, { prefix_cache = "reset" }))))
    for _, cache in ipairs { "salted", "kept", "not known" } do
      assert.same({}, ids(guarded(cells({ [4] = 30 }, { prefix_cache = cache }))))
    end
    assert.same({}, ids(guarded(cells({ [4] = 30 }, { engine = { name = "vllm" } }))))
    assert.same({}, ids(guarded(cells { [4] = 30 }), "nsys"))
  end)
end)
