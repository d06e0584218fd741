-- Every figure that a cell may lack, and every field of a wrong type, through all that prints: what cannot be known is
-- left out or a dash, what cannot be trusted is left out with a line. Nothing raises, nothing prints nil.

local compare = require "specbench.compare"
local compare_input = require "specbench.compare.input"
local compare_table = require "specbench.compare.table"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local page = require "specbench.page"
local plan = require "specbench.experiment.plan"
local published = require "specbench.export.spec_bench_vllm"
local report = require "specbench.report"
local round = require "specbench.experiment.round"
local store = require "specbench.results.store"
local sweep = require "specbench.sweep"

local SUBTASK = "polish_0.25k"

local function new_round()
  return round.new {
    name = "crossing", title = "Crossing", baseline = { method = "none" },
    axes = { { "method", { "none", "draft" } }, { "concurrency", { 2 } } },
    server = function(c) return { model = "qwen2.5-7b", draft = "qwen2.5-0.5b", method = c.method, k = 3 } end,
    workload = function(c)
      local data = require "specbench.dataset"
      return {
        prompts = assert(data.prompts { dataset = "random", tokens = 20, count = 4, seed = c.seed }),
        limits = function() return { max_tokens = 6 } end,
        group = function(prompt) return prompt.id % 2 == 0 and "even" or "odd" end,
      }
    end,
    reference = function(c)
      return { method = c.method, folder = "polish", task = "polish", subtask = SUBTASK, num_spec_tokens = 3,
        context = "0.25k" }
    end,
    report = { heatmap = { x = "concurrency", y = "method", per = {} },
      settings = { groups_title = "kind", knobs = { { "method", "none" } } } },
  }
end

-- Measures it once; { about, cells, jobs by id, files: relative path -> bytes }.
local function measure(repeats)
  local folder = os.tmpname()
  os.remove(folder)
  local r = new_round()
  local the_plan = plan.new(r, { engine = "sim", speed = 200, repeats = repeats, slo = { ttft = 1000 } })
  local s <close> = assert(store.create(folder, { round = r.name, title = r.title, axes = r.axes, report = r.report }))
  sweep.run(the_plan, s, { quiet = true, no_rerun = true })
  local world = { about = s.about, cells = {}, jobs = {}, records = {} }
  for _, job in ipairs(the_plan.jobs) do world.jobs[job.id] = job end
  for i, cell in ipairs(s:cells()) do
    -- without its checksum, as older programs wrote it: what follows is judged by the fields alone
    cell.checksum, cell.files = nil, nil
    world.cells[i], world.records[i] = cell, assert(fs.read(("%s/cells/%s/records.bin"):format(folder, cell.id)))
  end
  fs.remove(folder)
  return world
end

local worlds = {}
local function world_of(repeats)
  worlds[repeats] = worlds[repeats] or measure(repeats)
  return worlds[repeats]
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = setmetatable({}, getmetatable(value))
  for key, item in pairs(value) do result[key] = copy(item) end
  return result
end

-- Places of all values in a tree: { "metrics", "duration" }, those of lists by their first item.
local function places(value, prefix, list)
  list = list or {}
  for key, item in pairs(value) do
    if math.type(key) ~= "integer" or key == 1 then
      local place = table.move(prefix or {}, 1, #(prefix or {}), 1, {})
      place[#place + 1] = key
      list[#list + 1] = place
      if type(item) == "table" then places(item, place, list) end
    end
  end
  return list
end

-- Fields that nothing reads back, of which there are many; and an axis may mean nothing to a cell.
local IDLE = { "^coordinates%.", "^machine%.", "argv%.", "^metrics%.itl_token", "^metrics%.itl_burst", "^metrics%.e2el",
  "^metrics%.send_late", "^metrics%.ttft_intended", "^metrics%..*%.p9[59]9?$", "^metrics%..*%.m[ia][nx]$" }

local function is_idle(name)
  for _, pattern in ipairs(IDLE) do
    if name:find(pattern) and not name:find "ref_.*p99$" then return true end
  end
  return false
end

local function sorted_places(value)
  local list = places(value)
  for i = #list, 1, -1 do
    list[i].name = table.concat(list[i], ".")
    if is_idle(list[i].name) then table.remove(list, i) end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

local function put(tree, place, value)
  for i = 1, #place - 1 do
    tree = tree[place[i]]
    if type(tree) ~= "table" then return false end
  end
  local last = place[#place]
  if value == nil and math.type(last) then
    table.remove(tree, last)
  else
    tree[last] = value
  end
  return true
end

-- A page takes as long as all else together: of every third field, unless told.
local PAGES_OF_ALL = os.getenv "SPECBENCH_TEST_CROSSING" == "all"

local folder

before_each(function()
  folder = os.tmpname()
  os.remove(folder)
  if fs.stat "/dev/shm" then folder = "/dev/shm/" .. folder:match "[^/]*$" end -- thousands of files are synced
  assert(fs.mkdir(folder))
end)
after_each(function() fs.remove(folder) end)

local function write_world(world, about, cells)
  fs.remove(folder)
  assert(fs.mkdir(folder))
  assert(fs.write(folder .. "/round.json", json.encode(about)))
  for i, cell in ipairs(cells) do
    local place = ("%s/cells/%s"):format(folder, world.cells[i].id)
    assert(fs.mkdir(place))
    assert(fs.put(place .. "/cell.json", json.encode(cell)))
    assert(fs.put(place .. "/records.bin", world.records[i]))
  end
end

-- The page, the Markdown and the table of cells, without what is no text: scripts, styles, data for the script.
local function pages_of(found)
  local texts = {}
  for i, path in ipairs(page.write(found, { html = true, markdown = true, csv = true })) do
    local text = assert(fs.read(path))
    for _, tag in ipairs { "script", "style" } do
      local closing = "</" .. tag .. ">"
      local start = text:find("<" .. tag, 1, true)
      while start do
        local _, stop = text:find(closing, start, true)
        text = text:sub(1, start - 1) .. text:sub(stop + 1)
        start = text:find("<" .. tag, start, true)
      end
    end
    texts[i] = text
  end
  assert.truthy(texts[1]:find("<section", 1, true))
  return table.concat(texts, "\n")
end

-- The lines about what is left out; where nothing is, all that a reader sees of the folder.
local function told(with_pages)
  local s <close> = assert(store.open(folder))
  if #s.warnings > 0 then return "", s.warnings end
  local out <close> = assert(io.tmpfile())
  local pages
  report.write(s, { full = true, pictures = false, out = out, colour = false,
    on_study = with_pages and function(found) pages = pages_of(found) end or nil })
  out:seek "set"
  local text = { out:read "a", pages }
  local side = assert(compare_input.open(folder))
  local sides = { side, side }
  local joined = compare.join(sides)
  if joined then
    text[#text + 1] = compare_table.text(joined, sides)
    text[#text + 1] = compare_table.lines(joined)
  end
  return table.concat(text), s.warnings
end

local function check_words(text, what)
  for _, word in ipairs { "nil", "nan", "inf", "table: 0x" } do
    assert.is_nil(text:find("%f[%w]" .. word .. "%f[%W]"), ("%s: %s in\n%s"):format(what, word, text))
  end
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
  for _, place in ipairs(sorted_places(world.cells[1])) do
    local cells, touched = copy(world.cells), 0
    for _, cell in ipairs(cells) do
      if harmed(cell) and put(cell, place, nil) then touched = touched + 1 end
    end
    write_world(world, world.about, cells)
    local text, warnings = told(with_pages and (PAGES_OF_ALL or count % 3 == 0))
    assert.equal(NEEDED[place.name] and touched or 0, #warnings, place.name .. ": " .. (warnings[1] or "no warning"))
    check_words(text, place.name)
    check_rows(place.name)
    if not NEEDED[place.name] then
      for _, cell in ipairs(cells) do
        check_words(sweep.line(world.jobs[cell.id], cell), place.name)
      end
    end
    count = count + 1
  end
  assert.is_true(count > 100, tostring(count))
end

describe("a figure that a cell lacks", function()
  it("is survived by all that prints, where every cell lacks it", function()
    check_absent(world_of(1), function() return true end, true)
  end)

  it("is survived by all that prints, where the method's repeats lack it", function()
    check_absent(world_of(3), function(cell) return cell.coordinates.method == "draft" end)
  end)
end)

local WRONG = { "x", -2.5, true, json.array {}, { a = 1 } }

-- Neither raises: a wrong field leaves its cell out, with a line, or is of no consequence.
local function check_wrong(tree, place, write)
  local left_out = 0
  for i, wrong in ipairs(WRONG) do
    local harmed = copy(tree)
    if put(harmed, place, wrong) then
      write(harmed)
      local ok, text, warnings = pcall(told)
      local what = ("%s = %s"):format(place.name, json.encode(wrong))
      assert.is_true(ok, ("%s: %s"):format(what, type(text) == "table" and text.message or tostring(text)))
      check_words(text, what)
      for _, line in ipairs(warnings) do assert.is_nil(line:find "\n", what) end
      left_out = left_out + math.min(#warnings, 1)
    end
    if i == #WRONG then return left_out end
  end
end

describe("a field of a wrong type", function()
  it("of a cell leaves it out or does no harm", function()
    local world, left_out = world_of(1), 0
    for _, place in ipairs(sorted_places(world.cells[1])) do
      left_out = left_out + check_wrong(world.cells[1], place, function(harmed)
        write_world(world, world.about, { harmed, world.cells[2] })
      end)
    end
    assert.is_true(left_out > 200, tostring(left_out))
  end)

  it("of a round is told in a line", function()
    local world, refused = world_of(1), 0
    for _, place in ipairs(sorted_places(world.about)) do
      for _, wrong in ipairs(WRONG) do
        local harmed = copy(world.about)
        put(harmed, place, wrong)
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
end)
