-- A results folder of two cells, measured once, from which fields are then taken away, or made of a wrong type; and all
-- that a reader sees of it.

local compare = require "specbench.compare"
local compare_input = require "specbench.compare.input"
local compare_table = require "specbench.compare.table"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local page = require "specbench.page"
local plan = require "specbench.experiment.plan"
local report = require "specbench.report"
local round = require "specbench.experiment.round"
local store = require "specbench.results.store"
local sweep = require "specbench.sweep"

local crossing = {}

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
    cell.identity.server.tensor_parallel, cell.identity.server.max_num_seqs = 2, 64
    cell.engine.effective = { runner = "V2", graph_tokens = 512, max_running = 256, async_scheduling = true }
    world.cells[i], world.records[i] = cell, assert(fs.read(("%s/cells/%s/records.bin"):format(folder, cell.id)))
  end
  fs.remove(folder)
  return world
end

local worlds = {}

---@param repeats integer
---@return { about: table, cells: table[], jobs: table<string, table>, records: string[] } world measured once
function crossing.world(repeats)
  worlds[repeats] = worlds[repeats] or measure(repeats)
  return worlds[repeats]
end

function crossing.copy(value)
  if type(value) ~= "table" then return value end
  local result = setmetatable({}, getmetatable(value))
  for key, item in pairs(value) do result[key] = crossing.copy(item) end
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

---@param value table
---@return table[] places lists of keys, each with a `name`, but for those of fields that nothing reads back
function crossing.places(value)
  local list = places(value)
  for i = #list, 1, -1 do
    list[i].name = table.concat(list[i], ".")
    if is_idle(list[i].name) then table.remove(list, i) end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

---@param tree table
---@param place table of crossing.places
---@param value any nil: the field is taken away
---@return boolean done the tree has such a place
function crossing.put(tree, place, value)
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

---Values of which most fields may hold none.
crossing.WRONG = { "x", -2.5, true, json.array {}, { a = 1 } }

---A folder for one test, to be removed.
---@return string
function crossing.folder()
  local folder = os.tmpname()
  os.remove(folder)
  if fs.stat "/dev/shm" then folder = "/dev/shm/" .. folder:match "[^/]*$" end -- thousands of files are synced
  assert(fs.mkdir(folder))
  return folder
end

---@param folder string
---@param about table
---@param cells { cell: table, records: string, place: string }[] place: such as cells/ID
function crossing.write(folder, about, cells)
  fs.remove(folder)
  assert(fs.mkdir(folder))
  assert(fs.write(folder .. "/round.json", json.encode(about)))
  for _, one in ipairs(cells) do
    local place = folder .. "/" .. one.place
    assert(fs.mkdir(place))
    assert(fs.put(place .. "/cell.json", json.encode(one.cell)))
    assert(fs.put(place .. "/records.bin", one.records))
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
  assert(texts[1]:find("<section", 1, true))
  return table.concat(texts, "\n")
end

---All that a reader sees of a folder: the report, the comparison with itself, the pages.
---@param folder string
---@param with_pages boolean?
---@return string text
---@return string[] warnings lines about what is left out
function crossing.told(folder, with_pages)
  local s <close> = assert(store.open(folder))
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

---@param text string
---@param what string
function crossing.check_words(text, what)
  for _, word in ipairs { "nil", "nan", "inf", "table: 0x" } do
    if text:find("%f[%w]" .. word .. "%f[%W]") then error(("%s: %s in\n%s"):format(what, word, text), 0) end
  end
end

return crossing
