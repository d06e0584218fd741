-- The reference system's tables: one row a cell, 32 keys in its order, spelled as Python spells them.

local json = require "specbench.base.json"
local speedup = require "specbench.analysis.speedup"

local reference = {}

reference.row_keys = {
  "date", "backend", "model_id", "tokenizer_id", "task", "subtask", "NUM_SPEC_TOKENS", "best_of", "num_prompts",
  "request_rate", "burstiness", "max_concurrency", "duration", "completed", "total_input_tokens",
  "total_output_tokens", "request_throughput", "request_goodput:", "output_throughput", "total_token_throughput",
  "mean_ttft_ms", "median_ttft_ms", "std_ttft_ms", "p99_ttft_ms", "mean_tpot_ms", "median_tpot_ms", "std_tpot_ms",
  "p99_tpot_ms", "mean_itl_ms", "median_itl_ms", "std_itl_ms", "p99_itl_ms",
}

-- The reference's latencies and its duration are our ref_* ones, by its own client's rule. Cells that an earlier
-- version measured have no ref_duration.
local latencies = { ttft = "ref_ttft_ms", tpot = "ref_tpot_ms", itl = "ref_itl_ms" }

---@param cell table a cell that ended well
---@return table row by the names of row_keys
function reference.row(cell)
  local m, about = cell.metrics, cell.reference
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
  }
  for short, long in pairs(latencies) do
    for _, figure in ipairs { "mean", "median", "std", "p99" } do
      local value = m[("%s.%s"):format(long, figure)]
      row[("%s_%s_ms"):format(figure, short)] = value and value + 0.0
    end
  end
  for _, key in ipairs(reference.row_keys) do
    if row[key] == nil then row[key] = json.null end -- unknown, or never told, as goodput is
  end
  return row
end

---@param cell table
---@return string relative path of the table that the cell's row belongs to
function reference.table_path(cell)
  local about = cell.reference
  return ("auto_test_results/online/%s/Task_%s/Table_%s.jsonl"):format(about.method, about.folder,
    cell.identity.workload.rate and "QPS" or "MaxConcurrency")
end

---@param rows table[]
---@param keys string[]
---@return string JSON lines
function reference.lines(rows, keys)
  local lines = {}
  for i, row in ipairs(rows) do lines[i] = json.encode(row, keys) .. "\n" end
  return table.concat(lines)
end

return reference
