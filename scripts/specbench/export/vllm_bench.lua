-- A cell as the JSON file that vLLM's `bench serve --save-result --save-detailed` leaves: for scripts and dashboards
-- that were made for those. Latencies follow that client's convention, the `ref_` figures (chunks with text), so that
-- they stand beside what it measured itself; acceptance is the engine's counters', as there.

local caveats = require "specbench.analysis.caveats"
local columns = require "specbench.export.columns"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local place = require "specbench.answer.place"

local vllm_bench = {}

local LATENCIES = { ttft = "ref_ttft_ms", tpot = "ref_tpot_ms", itl = "ref_itl_ms", e2el = "e2el_ms" }
local STATISTICS = {
  mean = "mean", median = "median", std = "std", p90 = "p90", p95 = "p95", p99 = "p99", ["p99.9"] = "p999",
}

local function summaries(m)
  local found = {}
  for theirs, ours in pairs(LATENCIES) do
    for prefix, statistic in pairs(STATISTICS) do
      found[("%s_%s_ms"):format(prefix, theirs)] = m[("%s.%s"):format(ours, statistic)]
    end
  end
  return found
end

-- Theirs is a percentage where it is the rate, and a ratio where it is a position's.
local function acceptance(told)
  if not told or not told.rate then return {} end
  return {
    spec_decode_acceptance_rate = 100 * told.rate, spec_decode_acceptance_length = told.mean_length,
    spec_decode_num_drafts = told.drafts, spec_decode_draft_tokens = told.draft_tokens,
    spec_decode_accepted_tokens = told.accepted_tokens,
    spec_decode_per_position_acceptance_rates = told.per_position and json.array(told.per_position),
  }
end

---Other clients' loads end with the last answer, ours with its last token.
---@param m table figures of a cell
---@return number share of our throughputs that theirs are
function vllm_bench.share(m)
  return m.duration and (m.ref_duration or 0) > 0 and m.duration / m.ref_duration or 1
end

local function throughputs(m)
  local found, share = {}, vllm_bench.share(m)
  for _, name in ipairs { "request_throughput", "request_goodput", "output_throughput", "total_token_throughput" } do
    found[name] = m[name] and share * m[name]
  end
  found.request_goodput = found.request_goodput or json.null
  return found
end

-- When chunks with text came, in seconds from the request's send.
local function text_times(request, scale)
  local times = {}
  for _, chunk in ipairs(request.chunks) do
    if chunk.has_text then times[#times + 1] = (chunk.t - request.t_send) / 1e9 * scale end
  end
  return times
end

-- Lists with a value a request; one that failed has a length and a time of zero, as there.
local function details(run, scale)
  local lists = {}
  for _, name in ipairs { "input_lens", "output_lens", "ttfts", "itls", "latencies", "start_times", "errors" } do
    lists[name] = json.array {}
  end
  local begin = columns.first_send(run)
  for i = 1, #run do
    local request = run:request(i)
    local is_ok, gaps = request.outcome == "ok", json.array {}
    local times = is_ok and text_times(request, scale) or {}
    for k = 2, #times do gaps[k - 1] = times[k] - times[k - 1] end
    lists.input_lens[i] = request.prompt_tokens or json.null
    lists.output_lens[i] = is_ok and (request.tokens or json.null) or 0
    lists.ttfts[i], lists.itls[i], lists.latencies[i] = times[1] or 0, gaps, times[#times] or 0
    lists.start_times[i] = request.t_send > 0 and (request.t_send - begin) / 1e9 * scale or json.null
    lists.errors[i] = request.error or ""
  end
  return lists
end

---@param cell table what cell.json holds
---@param run specbench.run? its requests; nil where they were not kept
---@return table document
function vllm_bench.document(cell, run)
  local m, work = cell.metrics, cell.identity.workload
  local backend = work.chat and "openai-chat" or "openai"
  local document = {
    date = cell.date, endpoint_type = backend, backend = backend, label = "specbench",
    model_id = place.target(cell), num_prompts = m.requests,
    request_rate = work.rate or "inf", burstiness = work.burstiness or 1.0,
    max_concurrency = work.concurrency or json.null, duration = m.ref_duration or m.duration,
    completed = m.completed, failed = m.failed,
    total_input_tokens = m.total_input_tokens, total_output_tokens = m.total_output_tokens,
    max_output_tokens_per_s = m.peak_output_throughput, max_concurrent_requests = m.max_concurrency,
    specbench_cell = cell.id, repetition = cell.repetition,
    simulated = caveats.is_simulated(cell) or nil,
  }
  for name, value in pairs(cell.coordinates) do document["axis_" .. name] = value end
  local lists = run and details(run, cell.clock_scale or 1) or {}
  for _, part in ipairs { throughputs(m), summaries(m), acceptance(cell.acceptance), lists } do
    for name, value in pairs(part) do document[name] = value end
  end
  return document
end

---Writes a file for each cell.
---@param store specbench.store
---@param folder string that is there
---@return { rows: { cells: integer, requests: integer }, without_records: integer } written
function vllm_bench.write(store, folder)
  local cells, requests, without = store:cells(), 0, 0
  for _, cell in ipairs(cells) do
    local run = store:run(cell.id)
    local path = ("%s/%s.json"):format(folder, cell.id)
    local ok, message = fs.write(path, json.encode(vllm_bench.document(cell, run)) .. "\n")
    if not ok then error({ exit = 1, message = message }, 0) end
    requests, without = requests + (run and #run or 0), without + (run and 0 or 1)
  end
  return { rows = { cells = #cells, requests = requests }, without_records = without }
end

return vllm_bench
