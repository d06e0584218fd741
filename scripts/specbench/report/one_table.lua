-- What `specbench measure` prints: one cell for itself, or a row a cell; and the same figures for programs.

local absolute = require "specbench.answer.absolute"
local absolute_table = require "specbench.report.absolute_table"
local caveats = require "specbench.analysis.caveats"
local flags = require "specbench.analysis.flags"
local json = require "specbench.base.json"
local measure = require "sb.measure"
local place = require "specbench.answer.place"
local text_table = require "specbench.base.text_table"
local words = require "specbench.answer.words"

local one_table = {}

local LATENCIES = { -- title, metric
  { "TTFT", "ttft_ms" }, { "TTFT, waited", "ttft_intended_ms" }, { "TPOT", "tpot_ms" },
  { "ITL by token", "itl_token_ms" }, { "ITL by chunk", "itl_chunk_ms" }, { "E2EL", "e2el_ms" },
}

-- Where a load's own limit makes requests wait, the time since their turn is theirs too; else it says nothing new.
local function is_told(cell, metric)
  local work = cell.identity.workload
  return metric ~= "ttft_intended_ms" or work.rate and work.concurrency
end

-- Of what cells keep, what programs get in any case.
local KEPT = { "mean", "std", "min", "p50", "p90", "p95", "p99", "max" }

local function column_of(percent)
  return ("p%g"):format(percent)
end

---@class specbench.one_table.asked what of a latency's distribution is wanted
---@field percents number[]
---@field values table<string, table<string, number>>? by latency, as "p75", ms; nil where nothing was measured

---Looks the percentiles up that are asked for.
---@param percents number[]
---@param run specbench.run
---@return specbench.one_table.asked
function one_table.look_up(percents, run)
  local found = {}
  for _, latency in ipairs(LATENCIES) do
    local values = { run:percentile(latency[2], table.unpack(percents)) }
    found[latency[2]] = {}
    for i, percent in ipairs(percents) do found[latency[2]][column_of(percent)] = values[i] end
  end
  return { percents = percents, values = found }
end

-- A latency by the name of each statistic: what its cell keeps, and the percentiles that were asked for.
local function statistics(m, name, asked)
  local list = {}
  for _, statistic in ipairs(KEPT) do list[statistic] = m[name .. "." .. statistic] end
  for statistic, value in pairs(asked.values and asked.values[name] or {}) do list[statistic] = value end
  return next(list) and list or nil
end

-- What the client's I/O threads spent on the load: microseconds of CPU a chunk; nil where they did not tell.
local function client_cost(cell)
  local told, m = cell.certificate, cell.metrics
  if not (told and told.lag and m and m.run_duration and (told.chunks or 0) > 0) then return nil end
  local share = 0
  for _, thread in ipairs(told.lag.threads or { told.lag }) do share = share + thread.cpu_share end
  return 1e6 * share * m.run_duration / (cell.clock_scale or 1) / told.chunks
end

-- An empty list that was read back does not know that it is one.
local function certificate_of(cell)
  local told = cell.certificate
  if told and told.reasons then json.array(told.reasons) end
  return told
end

-- Where the load's time was to end it, and its requests did.
local function all_sent(cell)
  local seconds, requests = cell.identity.send_for, cell.metrics and cell.metrics.requests
  if not seconds or requests ~= cell.identity.workload.count then return nil end
  return ("all %d requests were sent before %g s were over: give more with -n"):format(requests, seconds)
end

-- What keeps figures from being quoted as they are.
local function warnings_of(cell, asked, more)
  local m, list = cell.metrics or {}, table.move(more or {}, 1, #(more or {}), 1, {})
  local function add(text, ...) list[#list + 1] = text:format(...) end
  if cell.status ~= "ok" then add("FAILED: %s", cell.error or "no cause was noted") end
  if caveats.is_simulated(cell) then add("SIMULATED: no GPU was measured") end
  local late = caveats.late(cell)
  if late then
    add("the client was late: %s", late)
  elseif not (cell.certificate and cell.certificate.client_ok) then
    add("too short a load to tell whether the client was on time")
  end
  local drained = flags.drain(cell)
  if drained then add("mostly ramp-up and drain: %s", drained) end
  local farthest = 0
  for _, percent in ipairs(asked.percents) do
    if percent < 100 then farthest = math.max(farthest, percent) end
  end
  local needed = farthest > 0 and measure.tail_needs(farthest) or 0
  if (m.completed or needed) < needed then
    add("%s rests on %d requests and needs %d, at 99 %% confidence", column_of(farthest), m.completed, needed)
  end
  list[#list + 1] = all_sent(cell)
  if caveats.is_synthetic(cell) then add("made-up prompts: acceptance is not your text's") end
  return list
end

---The figures of a cell, by the names that cell.json has; what is not known is absent.
---@param cell table
---@param asked specbench.one_table.asked
---@param warnings string[]? what else is wrong, beside what the cell tells
---@return table
function one_table.figures(cell, asked, warnings)
  local m, work = cell.metrics or {}, cell.identity.workload
  local result = {
    url = cell.engine.url, engine = cell.engine.name, version = cell.engine.version, model = place.target(cell),
    started = cell.started, status = cell.status, error = cell.error,
    load = { concurrency = work.concurrency, rate = work.rate, arrivals = work.arrivals, burstiness = work.burstiness },
    requests = m.requests, completed = m.completed, failed = m.failed, duration_s = m.duration,
    request_throughput = m.request_throughput, output_throughput = m.output_throughput,
    total_token_throughput = m.total_token_throughput, total_input_tokens = m.total_input_tokens,
    total_output_tokens = m.total_output_tokens, peak_output_throughput = m.peak_output_throughput,
    mean_concurrency = m.mean_concurrency, max_concurrency = m.max_concurrency,
    steady_share = m.steady_share, drain = m.drain,
    goodput = m.request_goodput, slo = cell.slo, acceptance = cell.acceptance,
    acceptance_unknown = cell.acceptance_unknown, certificate = certificate_of(cell),
    client_cpu_us_per_chunk = client_cost(cell), clock_scale = cell.clock_scale,
    prefix_cache = cell.prefix_cache, note = cell.note, prompts = cell.dataset,
    simulated = caveats.is_simulated(cell) or nil, warnings = json.array(warnings_of(cell, asked, warnings)),
  }
  for _, latency in ipairs(LATENCIES) do
    if is_told(cell, latency[2]) then result[latency[2]] = statistics(m, latency[2], asked) end
  end
  return result
end

local function tokens_line(m)
  return ("%s output tokens/s, %s requests/s; %s prompt and %s output tokens in %s s"):format(
    text_table.figure(m.output_throughput, "%.1f"), text_table.figure(m.request_throughput, "%.3g"),
    text_table.figure(m.total_input_tokens, "%d"), text_table.figure(m.total_output_tokens, "%d"),
    text_table.figure(m.duration, "%.1f"))
end

local function notes_of(cell, asked)
  local list = warnings_of(cell, asked)
  local function add(text, ...) list[#list + 1] = text:format(...) end
  if not caveats.late(cell) and cell.certificate and cell.certificate.client_ok then
    local cost = client_cost(cell)
    add("the client was on time%s", cost and (", at %.1f us of CPU a chunk"):format(cost) or "")
  end
  if cell.prefix_cache == "salted" then
    add("each prompt begins with a number of its own, so that no prefix cache serves it (--salt never)")
  end
  if cell.note then add("%s", cell.note) end
  return list
end

-- "8 requests a second (constant), 2 at once at most"
local function load_words(cell)
  local load, work = place.load(cell), cell.identity.workload
  local text = ("%g %s"):format(load.value, words.unit(load.kind, load.value == 1))
  if not work.rate then return text end
  if work.arrivals == "gamma" then
    text = ("%s (gamma, burstiness %g)"):format(text, work.burstiness or 1)
  elseif work.arrivals == "constant" then
    text = text .. " (constant)"
  end
  return work.concurrency and ("%s, %d at once at most"):format(text, work.concurrency) or text
end

local function who(cell)
  local engine = cell.engine
  return ("%s at %s%s"):format(place.target(cell), engine.url or "?",
    engine.version and " (" .. engine.version .. ")" or "")
end

---@param cell table
---@param asked specbench.one_table.asked the table's columns between the mean and the largest
---@return string
function one_table.text(cell, asked)
  local m, lines = cell.metrics or {}, {}
  lines[1] = ("%s, %s"):format(who(cell), load_words(cell))
  if (m.completed or 0) == 0 then
    lines[2] = ("FAILED: %s"):format(cell.error or "no cause was noted")
    return table.concat(lines, "\n") .. "\n"
  end
  lines[2] = ("%d of %d requests; %s"):format(m.completed, m.requests, tokens_line(m))
  local shown = { "mean" }
  for _, percent in ipairs(asked.percents) do shown[#shown + 1] = column_of(percent) end
  shown[#shown + 1] = "max"
  local columns, rows = { { title = "ms" } }, {}
  for i, statistic in ipairs(shown) do columns[i + 1] = text_table.right(statistic) end
  for _, latency in ipairs(LATENCIES) do
    local found = is_told(cell, latency[2]) and statistics(m, latency[2], asked)
    if found then
      local row = { latency[1] }
      for i, statistic in ipairs(shown) do row[i + 1] = text_table.figure(found[statistic], "%.2f") end
      rows[#rows + 1] = row
    end
  end
  lines[#lines + 1] = text_table.render({ columns = columns, rows = rows }):gsub("\n$", "")
  if m.request_goodput then
    local slo = {}
    for _, name in ipairs { "ttft", "tpot", "e2el" } do
      if cell.slo[name] then slo[#slo + 1] = ("%s %g ms"):format(name:upper(), cell.slo[name]) end
    end
    lines[#lines + 1] = ("goodput %.3g requests/s within %s"):format(m.request_goodput, table.concat(slo, ", "))
  end
  local told = cell.acceptance
  if told and told.rate then
    lines[#lines + 1] = ("acceptance %.0f %% of drafted tokens, %s tokens a step"):format(100 * told.rate,
      text_table.figure(told.mean_length, "%.2f"))
  end
  for _, note in ipairs(notes_of(cell, asked)) do lines[#lines + 1] = "- " .. note end
  return table.concat(lines, "\n") .. "\n"
end

-- What is to be known before a row is believed, one line for each kind.
local function notes_of_rows(cells, rows)
  local list, thin = {}, 0
  for _, cell in ipairs(cells) do
    local late = caveats.late(cell)
    if cell.status ~= "ok" then list[#list + 1] = ("FAILED at %s: %s"):format(load_words(cell), cell.error or "?") end
    if late then list[#list + 1] = ("the client was late at %s: %s"):format(load_words(cell), late) end
    list[#list + 1] = all_sent(cell)
  end
  for _, row in ipairs(rows) do thin = thin + (row.thin and 1 or 0) end
  if caveats.is_simulated(cells[1]) then list[#list + 1] = "SIMULATED: no GPU was measured" end
  if thin > 0 then
    list[#list + 1] = ("p99 needs %d requests, at 99 %% confidence: %d of %d loads have fewer"):format(
      measure.tail_needs(99), thin, #rows)
  end
  if caveats.is_synthetic(cells[1]) then list[#list + 1] = "made-up prompts: acceptance is not your text's" end
  return list
end

local AXES = { { name = "rate" }, { name = "concurrency" } }

---Several loads of one server.
---@param cells table[]
---@return string
function one_table.several(cells)
  local known = {}
  for _, cell in ipairs(cells) do
    if cell.metrics and (cell.metrics.completed or 0) > 0 then known[#known + 1] = cell end
  end
  local rows = absolute.rows(known)
  local lines = { ("%s, %d loads\n"):format(who(cells[1]), #cells) }
  if #known > 0 then lines[2] = absolute_table.text(rows, { axes = AXES }) end
  for _, note in ipairs(notes_of_rows(cells, rows)) do lines[#lines + 1] = ("- %s\n"):format(note) end
  return table.concat(lines)
end

return one_table
