-- A folder of spec-bench-vllm's own results (METHOD/Task_TASK/Table_*.jsonl) as a store that can be read:
-- each row is a cell, as far as a row tells.

local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local sealed = require "specbench.results.sealed"
local spec_bench_vllm = require "specbench.export.spec_bench_vllm"
local tables = require "specbench.base.tables"

local published_folder = {}

-- The order in which the reference lists its tasks; others follow by name.
local TASKS = {
  "ShareGPT", "SpecBench_conversation", "SpecBench_math_reasoning", "SpecBench_qa", "SpecBench_summarization",
  "SpecBench_rag", "SpecBench_translation", "SpecBench_All", "News2HighLight", "HighLight2News", "THUCNews",
}

-- Round 2 calls what does not speculate 7B-nospec; round 1, vanilla.
local PLAIN, PLAIN_SUFFIX = "vanilla", "-nospec"

---@class specbench.published_folder : specbench.store
local Folder = {}
Folder.__index = Folder

-- What a row must have to be a cell.
local NEEDED = {
  "date", "model_id", "task", "subtask", "NUM_SPEC_TOKENS", "duration", "total_input_tokens", "total_output_tokens",
  "num_prompts",
}

local TEXTS = tables.set_of { "date", "backend", "model_id", "tokenizer_id", "task", "subtask" }

local function is_figure(value)
  return type(value) == "number" and math.abs(value) < math.huge
end

-- What keeps a row of anybody's from being a cell.
local function flaw_of(row)
  for _, key in ipairs(NEEDED) do
    if row[key] == nil then return ("has no \"%s\": not the reference's table"):format(key) end
  end
  for _, key in ipairs(spec_bench_vllm.row_keys) do
    local value, is_text = row[key], TEXTS[key] or key == "request_rate" and row[key] == "inf"
    if value ~= nil and not (is_text and type(value) == "string" or not is_text and is_figure(value)) then
      return ("says for \"%s\" what is no %s"):format(key, is_text and "text" or "number")
    end
  end
  if not (is_figure(row.request_rate) or row.max_concurrency) then
    return "has neither a \"request_rate\" nor a \"max_concurrency\""
  end
end

local function read_rows(path)
  local text, message = sealed.bytes(path)
  if not text then error(message, 0) end
  local rows, number = {}, 0
  for line in text:gmatch "[^\n]+" do
    number = number + 1
    local row, why = json.decode(line)
    local place = ("%s: line %d"):format(path, number)
    if type(row) ~= "table" then error(("%s is not a JSON object: %s"):format(place, tostring(why)), 0) end
    local flaw = flaw_of(row)
    if flaw then error(("%s %s"):format(place, flaw), 0) end
    rows[number] = foreign.tree(row)
  end
  return rows
end

-- "cnn_dailymail_0.25k" -> "0.25k"; the reference counts polished texts twice, prompt and answer.
local function context_of(row)
  local label = row.subtask:match "_([%d.]+k)$"
  if not label then return nil end
  local thousands = tonumber(label:sub(1, -2))
  return row.task == "THUCNews" and ("%gk"):format(2 * thousands) or label
end

local function number(value)
  return type(value) == "number" and (math.tointeger(value) or value) or nil
end

local function cell_of(row, method, task, id)
  local k = math.tointeger(row.NUM_SPEC_TOKENS) or -1
  local rate, concurrency = number(row.request_rate), number(row.max_concurrency)
  return {
    id = id, round = "reference", repetition = 1, started = row.date, status = "ok", clock_scale = 1, row = row,
    coordinates = { method = method, task = task, context = context_of(row) or "-", k = math.max(k, 0),
      concurrency = rate and 0 or concurrency, qps = rate or 0 },
    engine = { name = "published", argv = json.array {} },
    identity = {
      engine = "published",
      server = { model = { name = row.model_id, path = row.model_id }, method = k > 0 and method or "none", k = k },
      workload = { task = row.task, subtask = row.subtask, count = number(row.num_prompts), rate = rate,
        concurrency = concurrency, chat = row.backend == "openai-chat", temperature = 0 },
    },
    input_tokens = row.total_input_tokens,
    metrics = {
      duration = row.duration, requests = number(row.num_prompts), completed = number(row.completed),
      total_input_tokens = row.total_input_tokens, total_output_tokens = row.total_output_tokens,
      output_throughput = row.output_throughput, total_token_throughput = row.total_token_throughput,
    },
    export = { ["spec-bench-vllm"] = { method = method, folder = task, task = row.task, subtask = row.subtask,
      num_spec_tokens = k, context = context_of(row) } },
  }
end

local function is_plain(method)
  return method == PLAIN or method:sub(-#PLAIN_SUFFIX) == PLAIN_SUFFIX
end

-- Values of an axis in their order: known names first, numbers by size, labels such as 0.5k by what they mean.
local function axis(name, cells, first)
  local rank, values, seen = {}, {}, {}
  for i, value in ipairs(first or {}) do rank[value] = i end
  for _, cell in ipairs(cells) do
    local value = cell.coordinates[name]
    if not seen[value] then values[#values + 1] = value end
    seen[value] = true
  end
  local function size(value) return tonumber((tostring(value):gsub("k$", ""))) end
  table.sort(values, function(a, b)
    local x, y = rank[a] or size(a), rank[b] or size(b)
    if x and y and x ~= y then return x < y end
    if (x == nil) ~= (y == nil) then return x ~= nil end
    return tostring(a) < tostring(b)
  end)
  return { name = name, values = values }
end

local function describe(cells)
  local about = { round = "reference", title = "Published results", axes = {
    axis("method", cells), axis("task", cells, TASKS), axis("context", cells), axis("k", cells),
    axis("concurrency", cells), axis("qps", cells),
  } }
  local by_context = #about.axes[3].values > 1
  about.report = {
    heatmap = {
      x = by_context and "context" or "k", x_title = by_context and "context length" or "num speculative tokens",
      y = "concurrency", y_title = "max concurrency", per = { "method", "task" },
    },
  }
  about.baselines = { ["as-published"] = true } -- true: the one that each cell names
  return about
end

local function read_tables(root)
  local cells = {}
  for _, method in ipairs(fs.list(root) or {}) do
    for _, folder in ipairs(fs.list(root .. "/" .. method) or {}) do
      local task = folder:match "^Task_(.+)$"
      for _, file in ipairs(task and fs.list(("%s/%s/%s"):format(root, method, folder)) or {}) do
        local path = ("%s/%s/%s/%s"):format(root, method, folder, file)
        for i, row in ipairs(file:find "^Table_.*%.jsonl$" and read_rows(path) or {}) do
          cells[#cells + 1] = cell_of(row, method, task, ("%s/%s/%s:%d"):format(method, folder, file, i))
        end
      end
    end
  end
  return cells
end

---Reads a folder of such tables, or one that has them in auto_test_results/online.
---@param folder string
---@return specbench.published_folder? store nil where there is no such table
---@return string? message
function published_folder.open(folder)
  local ok, cells = pcall(read_tables, folder)
  if ok and #cells == 0 then ok, cells = pcall(read_tables, folder .. "/auto_test_results/online") end
  if not ok then return nil, cells end
  if #cells == 0 then return nil, folder .. " has no METHOD/Task_TASK/Table_*.jsonl" end
  local about, methods = describe(cells), {}
  for _, cell in ipairs(cells) do methods[cell.coordinates.method] = true end
  for _, cell in ipairs(cells) do
    local at = cell.coordinates
    cell.key = keys.of(about, at)
    local plain = methods[at.method .. PLAIN_SUFFIX] and at.method .. PLAIN_SUFFIX or PLAIN
    cell.baseline = is_plain(at.method) and cell.key or keys.of(about, at, { method = plain, k = 0 })
  end
  return setmetatable({ folder = folder, about = about, list = cells }, Folder)
end

---@return table[] cells
function Folder:cells()
  return self.list
end

---@return nil run
---@return string message
function Folder.run(_, id)
  return nil, id .. " is a published row: its requests were not kept"
end

---@param relative string
---@return string path in the folder to write to
function Folder:path(relative)
  local path = self.out .. "/" .. relative
  assert(fs.mkdir(path:match "^(.*)/"))
  return path
end

return published_folder
