-- The tables of spitzblattr/spec-bench-vllm, under auto_test_results/online of a results folder: a row of 32 keys a
-- cell in METHOD/Task_TASK/Table_*.jsonl, in its order and as Python spells it, and the largest speed-up of each method
-- and task in max_speedup.jsonl.

local file_name = require "specbench.base.file_name"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local shape = require "specbench.base.shape"
local speedup = require "specbench.analysis.speedup"
local tables = require "specbench.base.tables"

local format = { name = "spec-bench-vllm", figure = "total_throughput" }

local ROOT = "auto_test_results/online"

local text = shape.string { empty = false }

---What a round's function says of a cell.
format.shape = shape.record {
  "export", class = "specbench.spec_bench_vllm_row", doc = "Where a cell's row goes, and how it is spelled.",
  fields = {
    { "method", text, "the folder, e.g. `7B`, `7B-nospec`", needed = true },
    { "folder", text, "the task's folder, without `Task_`", needed = true },
    { "task", text, "this key of the row" },
    { "subtask", text, "this key of the row" },
    { "num_spec_tokens", shape.integer(), "`NUM_SPEC_TOKENS`", default = -1 },
    { "context", text, "the `context` of a row of `max_speedup.jsonl`", otherwise = "no such key" },
    { "labels", shape.map(text), "axis -> how its maps spell this cell's value; ours show it in brackets",
      otherwise = "as the round does" },
  },
}

format.row_keys = {
  "date", "backend", "model_id", "tokenizer_id", "task", "subtask", "NUM_SPEC_TOKENS", "best_of", "num_prompts",
  "request_rate", "burstiness", "max_concurrency", "duration", "completed", "total_input_tokens",
  "total_output_tokens", "request_throughput", "request_goodput:", "output_throughput", "total_token_throughput",
  "mean_ttft_ms", "median_ttft_ms", "std_ttft_ms", "p99_ttft_ms", "mean_tpot_ms", "median_tpot_ms", "std_tpot_ms",
  "p99_tpot_ms", "mean_itl_ms", "median_itl_ms", "std_itl_ms", "p99_itl_ms",
}

-- Its latencies and its duration are our ref_* ones, by its own client's rule. Cells that an earlier version measured
-- have no ref_duration.
local latencies = { ttft = "ref_ttft_ms", tpot = "ref_tpot_ms", itl = "ref_itl_ms" }

local function row_of(cell, about)
  local m = cell.metrics
  local work = cell.identity.workload
  local input, output, seconds = speedup.input_tokens(cell), m.total_output_tokens, m.ref_duration or m.duration
  local function rate(amount)
    return amount and seconds and seconds > 0 and amount / seconds or nil
  end
  local row = {
    date = cell.date, backend = work.chat and "openai-chat" or "openai",
    model_id = cell.identity.server.model.path, tokenizer_id = cell.identity.server.model.path, task = about.task,
    subtask = about.subtask, NUM_SPEC_TOKENS = about.num_spec_tokens or -1, best_of = 1, num_prompts = m.requests,
    request_rate = work.rate and work.rate + 0.0 or "inf", burstiness = (work.burstiness or 1) + 0.0,
    max_concurrency = work.concurrency, duration = seconds and seconds + 0.0, completed = m.completed,
    total_input_tokens = input, total_output_tokens = output, request_throughput = rate(m.completed),
    output_throughput = rate(output), total_token_throughput = rate(input and output and input + output),
    -- requests within --slo a second, over its duration
    ["request_goodput:"] = rate(m.request_goodput and m.duration and m.request_goodput * m.duration),
  }
  for short, long in pairs(latencies) do
    for _, figure in ipairs { "mean", "median", "std", "p99" } do
      local value = m[("%s.%s"):format(long, figure)]
      row[("%s_%s_ms"):format(figure, short)] = value and value + 0.0
    end
  end
  for _, key in ipairs(format.row_keys) do
    if row[key] == nil then row[key] = json.null end -- unknown, or not asked for, as goodput may be
  end
  return row
end

local function table_path(cell, about)
  return ("%s/%s/Task_%s/Table_%s.jsonl"):format(ROOT, about.method, about.folder,
    cell.identity.workload.rate and "QPS" or "MaxConcurrency")
end

local function lines_of(rows, keys)
  local lines = {}
  for i, row in ipairs(rows) do lines[i] = json.encode(row, keys) .. "\n" end
  return table.concat(lines)
end

-- What was read from such tables (cell.row) is not written again.
local function write_tables(store, cells, of)
  local rows, order = {}, {}
  for _, cell in ipairs(cells) do
    local about = not cell.row and of(cell)
    if about then
      local path = table_path(cell, about)
      if not rows[path] then
        rows[path] = {}
        order[#order + 1] = path
      end
      table.insert(rows[path], row_of(cell, about))
    end
  end
  for _, path in ipairs(order) do assert(fs.write(store:path(path), lines_of(rows[path], format.row_keys))) end
  return #order > 0
end

local function write_maxima(store, maxima, of)
  local rows, keys = {}, { "method", "task", "num_spec_tokens", "max_concurrency" }
  local has_context, held_out = false, false
  local function place_of(held)
    local about = of(held.cell)
    return { chosen_on = held.chosen_on, context = about.context, num_spec_tokens = about.num_spec_tokens or -1,
      max_concurrency = held.cell.identity.workload.concurrency, ratio = held.ratio }
  end
  for _, maximum in ipairs(maxima) do
    local about = of(maximum.cell)
    if about then
      has_context, held_out = has_context or about.context ~= nil, held_out or maximum.held_out_ratio ~= nil
      local places = {}
      for i, held in ipairs(maximum.held_out or {}) do places[i] = place_of(held) end
      rows[#rows + 1] = {
        method = about.method, task = about.folder, context = about.context,
        num_spec_tokens = about.num_spec_tokens or -1, max_concurrency = maximum.cell.identity.workload.concurrency,
        speedup_ratio = maximum.speedup_ratio, held_out_ratio = maximum.held_out_ratio,
        held_out_places = maximum.held_out and json.array(places) or nil,
      }
    end
  end
  if has_context then keys[#keys + 1] = "context" end
  keys[#keys + 1] = "speedup_ratio"
  if held_out then table.move({ "held_out_ratio", "held_out_places" }, 1, 2, #keys + 1, keys) end
  assert(fs.write(store:path(ROOT .. "/max_speedup.jsonl"), lines_of(rows, keys)))
end

---@param description any
function format.check(description)
  format.shape:check(description)
  for _, field in ipairs { "method", "folder" } do
    local flaw = file_name.flaw(description[field])
    if flaw then error(("export.%s = '%s': %s"):format(field, description[field], flaw), 0) end
  end
end

---@param description table
---@param axis string
---@return string?
function format.spelling(description, axis)
  return description.labels and description.labels[axis]
end

---@param description table
---@param what string
---@return table description in a folder of its own
function format.apart(description, what)
  local copy = tables.merged(description)
  copy.method = ("%s-%s"):format(description.method, what)
  return copy
end

---@param store specbench.store
---@param cells table[] in the grid's order, one a place and repeat
---@param maxima specbench.maximum[]
---@param of fun(cell: table): table? what the round says of a cell
---@return string? what was written and where
function format.write(store, cells, maxima, of)
  local has_tables = write_tables(store, cells, of)
  write_maxima(store, maxima, of)
  return has_tables and "tables in " .. ROOT or nil
end

return format
