-- The reference system's own result folders: read as cells, reported again.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local published_folder = require "specbench.export.spec_bench_vllm_folder"
local report = require "specbench.report"
local speedup = require "specbench.analysis.speedup"
local test_data = dofile(require("sb.environment").home .. "/tests/lua/test_data.lua")

local function published()
  return test_data(pending, "seed-results/round1")
end

local function fresh_folder()
  local folder = os.tmpname()
  os.remove(folder)
  assert(fs.mkdir(folder))
  return folder
end

-- Reports into a new folder; what it printed, and a function that reads what it wrote.
local function redraw(folder, baseline, pictures)
  local out_folder = fresh_folder()
  local store = assert(published_folder.open(folder))
  store.out = out_folder
  local printed = assert(io.tmpfile())
  report.write(store, { full = true, pictures = pictures or false, baseline = baseline, out = printed })
  printed:seek "set"
  local text = printed:read "a"
  printed:close()
  return text, function(name) return fs.read(out_folder .. "/" .. name) end, out_folder
end

local ROW = '{"date": "%s", "backend": "openai-chat", "model_id": "%s", "tokenizer_id": "m", "task": "%s", '
  .. '"subtask": "%s", "NUM_SPEC_TOKENS": %d, "best_of": 1, "num_prompts": 8, "request_rate": "inf", '
  .. '"burstiness": 1.0, "max_concurrency": %d, "duration": %s, "completed": 8, "total_input_tokens": 100, '
  .. '"total_output_tokens": 200, "request_throughput": 1.0, "request_goodput:": null, "output_throughput": 20.0, '
  .. '"total_token_throughput": 30.0}\n'

local function row(fields)
  return ROW:format(fields.date or "20250101-000000", fields.model or "m", fields.task or "t",
    fields.subtask or "s", fields.k or -1, fields.b or 1, tostring(fields.duration or 10.0))
end

local function write_table(folder, method, task, rows)
  local path = ("%s/%s/Task_%s"):format(folder, method, task)
  assert(fs.mkdir(path))
  assert(fs.write(path .. "/Table_MaxConcurrency.jsonl", table.concat(rows)))
end

local function maxima_of(read)
  local rows = {}
  local text = read "auto_test_results/online/max_speedup.jsonl"
  for line in text:gmatch "[^\n]+" do rows[#rows + 1] = json.decode(line) end
  return rows
end

describe("the published round 1", function()
  it("gives the published maxima byte for byte", function()
    local folder = published()
    local text, read, out = redraw(folder, "as-published")
    assert.equal(fs.read(folder .. "/max_speedup.jsonl"), read "auto_test_results/online/max_speedup.jsonl")
    assert.truthy(text:find("also where that is another model", 1, true))
    fs.remove(out)
  end)

  it("has no speed-up for eagle against another model's baseline, and says so", function()
    local text, read, out = redraw(published(), nil, true)
    local maxima = maxima_of(read)
    assert.equal(8, #maxima)
    for _, maximum in ipairs(maxima) do assert.equal("sps", maximum.method) end
    assert.truthy(text:find("No speed-up for 312 cells of eagle: the baseline is another model", 1, true), text)
    -- nothing is drawn where there is nothing to see
    assert.is_nil(text:find("eagle ShareGPT", 1, true))
    assert.is_nil(read "pictures/eagle_ShareGPT_heatmap.svg")
    assert.truthy(read "pictures/sps_ShareGPT_heatmap.svg")
    fs.remove(out)
  end)

  it("is read with every cell and figure", function()
    local cells = assert(published_folder.open(published())):cells()
    assert.equal(64 + 320 + 312, #cells)
    for _, cell in ipairs(cells) do
      local m = cell.metrics
      -- its own ratio of the row's figures, to the last digit
      assert.equal(m.total_token_throughput, (m.total_input_tokens + m.total_output_tokens) / m.duration)
      assert.equal(cell.row.max_concurrency, cell.identity.workload.concurrency)
    end
  end)

  it("is drawn again", function()
    local _, read, out = redraw(published(), "as-published", true)
    for _, method in ipairs { "sps", "eagle" } do
      local svg = read(("pictures/%s_ShareGPT_heatmap.svg"):format(method))
      assert.truthy(svg:find(method == "sps" and "1.52" or "1.32", 1, true))
    end
    assert.is_nil(fs.stat(published() .. "/auto_test_results"))
    fs.remove(out)
  end)
end)

describe("a folder of the reference's tables", function()
  local folder

  before_each(function() folder = fresh_folder() end)
  after_each(function() fs.remove(folder) end)

  it("compares with vanilla, the newest row of each place", function()
    write_table(folder, "vanilla", "ShareGPT", { row { duration = 10.0 } })
    write_table(folder, "sps", "ShareGPT", {
      row { k = 3, duration = 20.0, date = "20250103-000000" }, row { k = 3, duration = 4.0, date = "20250102-000000" },
      row { k = 2, duration = 8.0 },
    })
    local _, read, out = redraw(folder)
    assert.same({
      { method = "sps", task = "ShareGPT", num_spec_tokens = 2, max_concurrency = 1, speedup_ratio = 1.25 },
    }, maxima_of(read))
    fs.remove(out)
  end)

  it("knows round 2's twins and contexts", function()
    write_table(folder, "7B-nospec", "THUCNews", {
      row { task = "THUCNews", subtask = "thucnews_0.5k" }, row { task = "THUCNews", subtask = "thucnews_1k" },
    })
    write_table(folder, "7B", "THUCNews", {
      row { task = "THUCNews", subtask = "thucnews_0.5k", k = 3, duration = 5.0 },
      row { task = "THUCNews", subtask = "thucnews_1k", k = 3, duration = 20.0 },
    })
    local store = assert(published_folder.open(folder))
    assert.same({ "1k", "2k" }, store.about.axes[3].values)
    local index, ratios = speedup.index(store:cells()), {}
    for _, cell in ipairs(store:cells()) do
      local found = speedup.of(index, cell)
      if found then ratios[cell.coordinates.context] = found.total_throughput end
    end
    assert.same({ ["1k"] = 2.0, ["2k"] = 0.5 }, ratios)
  end)

  it("is found under auto_test_results/online too", function()
    write_table(folder .. "/auto_test_results/online", "vanilla", "ShareGPT", { row {} })
    assert.equal(1, #assert(published_folder.open(folder)):cells())
  end)

  it("without tables, or with a broken one, is refused in one line", function()
    local store, message = published_folder.open(folder)
    assert.is_nil(store)
    assert.truthy(message:find("has no METHOD/Task_TASK/Table_*.jsonl", 1, true))
    write_table(folder, "vanilla", "ShareGPT", { row {}, "{broken\n" })
    store, message = published_folder.open(folder)
    assert.is_nil(store)
    assert.truthy(message:find("Table_MaxConcurrency.jsonl: line 2 is not a JSON object", 1, true), message)
    write_table(folder, "vanilla", "ShareGPT", { '{"date": "x"}\n' })
    store, message = published_folder.open(folder)
    assert.is_nil(store)
    assert.truthy(message:find('line 1 has no "model_id"', 1, true), message)
  end)
end)
