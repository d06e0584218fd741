-- The reference system's tables: one row a cell, 32 keys in its order, spelled as Python spells them.

local json = require "specbench.base.json"

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
  local input = cell.input_tokens > 0 and cell.input_tokens or m.total_input_tokens
  local output = m.total_output_tokens or 0
  local duration = m.ref_duration or m.duration
  local row = {
    date = cell.date, backend = work.chat and "openai-chat" or "openai",
    model_id = cell.identity.server.model.path, tokenizer_id = cell.identity.server.model.path, task = about.task,
    subtask = about.subtask, NUM_SPEC_TOKENS = about.num_spec_tokens or -1, best_of = 1, num_prompts = m.requests,
    request_rate = work.rate and work.rate + 0.0 or "inf", burstiness = (work.burstiness or 1) + 0.0,
    max_concurrency = work.concurrency or json.null, duration = duration + 0.0, completed = m.completed,
    total_input_tokens = input, total_output_tokens = output, request_throughput = m.completed / duration,
    ["request_goodput:"] = json.null, output_throughput = output / duration,
    total_token_throughput = (input + output) / duration,
  }
  for short, long in pairs(latencies) do
    for _, figure in ipairs { "mean", "median", "std", "p99" } do
      row[("%s_%s_ms"):format(figure, short)] = (m[("%s.%s"):format(long, figure)] or 0) + 0.0
    end
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
