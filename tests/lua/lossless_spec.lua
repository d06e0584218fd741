-- Which part of a method's other answers is the method's.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local lossless = require "specbench.analysis.lossless"
local repeats = require "specbench.analysis.repeats"
local speedup_table = require "specbench.report.speedup_table"
local stats = require "sb.stats"

local folder, texts, saved

-- In the records' place: what counts here is which cells are compared and what of.
before_each(function()
  folder = os.tmpname()
  os.remove(folder)
  assert(fs.mkdir(folder))
  texts, saved = {}, { run = repeats.run, pair = stats.pair }
  function repeats.run(_, cell) return texts[cell.id] and { texts = texts[cell.id] } end
  function stats.pair(a, b)
    local identical = 0
    for i, text in ipairs(a.texts) do identical = identical + (b.texts[i] == text and 1 or 0) end
    return { count = #a.texts, identical = identical }
  end
end)
after_each(function()
  repeats.run, stats.pair = saved.run, saved.pair
  fs.remove(folder)
end)

local store = { output_path = function(_, id) return folder .. "/" .. id end }

local function cell_of(id, method, concurrency, answers, changes)
  texts[id] = answers
  local lines = {}
  for i, text in ipairs(answers) do
    lines[i] = json.encode({ id = i - 1, prompt_id = i, text = text }, { "id", "prompt_id", "text" })
  end
  assert(fs.write(folder .. "/" .. id, fs.gzip(table.concat(lines, "\n") .. "\n")))
  local cell = {
    id = id, key = id, baseline = method == "none" and id or "base", engine = { name = "vllm" },
    coordinates = { method = method, concurrency = concurrency },
    identity = {
      server = { method = method },
      workload = { prompts = "p", limits = "l", temperature = 0, concurrency = concurrency },
    },
  }
  for name, value in pairs(changes or {}) do cell.identity.workload[name] = value end
  return cell
end

local function judge(base, method, cells)
  local one = { base = base, cell = method, pairs = stats.pair(repeats.run(store, base), repeats.run(store, method)) }
  return lossless.of({ one }, store, lossless.baselines(cells))
end

describe("other answers", function()
  it("are the method's only as far as they exceed those that plain decoding gives itself", function()
    local base = cell_of("base", "none", 8, { "alpha", "bravo", "charlie", "delta" })
    local near = cell_of("near", "none", 16, { "alpha", "bravo", "charles", "delta" })
    local far = cell_of("far", "none", 1, { "x", "y", "z", "w" })
    local other = cell_of("other", "none", 8, { "x", "y", "z", "w" }, { prompts = "q" })
    local method = cell_of("method", "draft", 8, { "alpha", "brave", "charley", "delta" })
    local found = judge(base, method, { base, far, near, other, method })
    assert.same({ 4, 2, 4, 4 }, { found.compared, found.identical, found.first, found.median })
    assert.same({ compared = 4, identical = 3, first = 5, median = 5 }, found.plain)
    assert.equal("other concurrencies", found.plain_of)
    assert.equal(0.25, found.excess)
    local entry = { cell = method, coordinates = method.coordinates, repeats = 1, speedups = {}, lossless = found }
    local text = speedup_table.text({ entry }, { axes = {} })
    assert.truthy(text:find("50 % @4 (plain 75 % @5)", 1, true), text)
    assert.truthy(text:find("the baseline against its own other concurrencies", 1, true), text)
  end)

  it("are measured against repeats of the same prompts where there are any", function()
    local base = cell_of("base", "none", 8, { "alpha", "bravo" })
    local again = cell_of("again", "none", 8, { "alpha", "brava" })
    local other = cell_of("other", "none", 9, { "alpha", "bravo" })
    local found = judge(base, cell_of("method", "draft", 8, { "alpha", "brava" }), { other, base, again })
    assert.equal("repeats", found.plain_of)
    assert.equal(0, found.excess) -- plain decoding parts as often
  end)

  it("stand alone where plain decoding was asked once, and are none where all are the same", function()
    local base = cell_of("base", "none", 8, { "alpha", "bravo" })
    local found = judge(base, cell_of("method", "draft", 8, { "alpha", "b" }), { base })
    assert.is_nil(found.plain)
    assert.is_nil(found.excess)
    found = judge(base, cell_of("same", "draft", 8, { "alpha", "bravo" }), { base })
    assert.same({ compared = 2, identical = 2 }, found)
    assert.is_nil(judge(base, cell_of("warm", "draft", 8, { "a", "b" }, { temperature = 1 }), { base }))
  end)
end)
