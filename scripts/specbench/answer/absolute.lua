-- What was measured in itself: throughput, latencies, acceptance and goodput of every place of the grid, each method's
-- beside its baseline's. For a round without a baseline this is the report.

local caveats = require "specbench.analysis.caveats"
local energy = require "specbench.analysis.energy"
local keys = require "specbench.results.keys"
local measure = require "sb.measure"
local own_metrics = require "specbench.analysis.own_metrics"
local place = require "specbench.answer.place"

local absolute = {}

-- Figures by the metric that they are, or how they follow from a cell. Percentiles are the mean of the repeats' own.
local FIGURES = {
  { "output_throughput" }, { "total_token_throughput" }, { "request_throughput" },
  { "ttft_p50_ms", "ttft_ms.p50" }, { "ttft_p99_ms", "ttft_ms.p99" },
  { "tpot_p50_ms", "tpot_ms.p50" }, { "tpot_p99_ms", "tpot_ms.p99" },
  { "itl_token_p50_ms", "itl_token_ms.p50" }, { "itl_token_p99_ms", "itl_token_ms.p99" },
  { "itl_chunk_p50_ms", "itl_chunk_ms.p50" }, { "itl_chunk_p99_ms", "itl_chunk_ms.p99" },
  { "e2el_p50_ms", "e2el_ms.p50" }, { "e2el_p99_ms", "e2el_ms.p99" },
  { "goodput", "request_goodput" },
  { "acceptance", function(cell) return cell.acceptance and cell.acceptance.rate end },
  { "mean_length", function(cell)
    local told = cell.acceptance or cell.acceptance_seen
    return told and told.mean_length
  end },
  { "joules_per_token", energy.per_token },
  { "price_per_million", function(cell, price)
    local seconds = price and energy.gpu_seconds(cell)
    return seconds and energy.price(seconds, price)
  end },
}

---@class specbench.answer.figures
---@field output_throughput number? tokens/s
---@field total_token_throughput number? tokens/s, prompts' among them
---@field request_throughput number? requests/s
---@field ttft_p50_ms number?
---@field ttft_p99_ms number?
---@field tpot_p50_ms number?
---@field tpot_p99_ms number?
---@field itl_token_p50_ms number? a sample a token: the gap / the chunk's tokens
---@field itl_token_p99_ms number?
---@field itl_chunk_p50_ms number? a sample a chunk: the gap
---@field itl_chunk_p99_ms number?
---@field e2el_p50_ms number?
---@field e2el_p99_ms number?
---@field goodput number? requests/s within --slo
---@field acceptance number? share of drafted tokens
---@field mean_length number? tokens a step that had a draft
---@field joules_per_token number? of the GPUs, an output token
---@field price_per_million number? of a million output tokens, where a GPU hour has a price

---@class specbench.answer.absolute.row
---@field coordinates table
---@field target string
---@field method string
---@field task string?
---@field load specbench.answer.load
---@field engine string
---@field repeats integer
---@field requests integer of the first repeat
---@field figures specbench.answer.figures the mean over repeats; what a repeat does not tell is absent
---@field own table<string, number>? likewise of the round's own metrics
---@field baseline specbench.answer.absolute.row? of the place that it is compared with
---@field is_baseline boolean others are compared with it
---@field ramp_up boolean a repeat mostly measured ramp-up and drain
---@field late boolean the client was late in a repeat
---@field thin boolean a repeat has too few requests for a 99th percentile at 99 % confidence
---@field lossy string?

local function mean_of(cells, figure, price)
  local sum = 0
  for _, cell in ipairs(cells) do
    local from = figure[2] or figure[1]
    local value = type(from) == "function" and from(cell, price) or type(from) == "string" and cell.metrics[from] or nil
    if not value then return nil end
    sum = sum + value
  end
  return sum / #cells
end

local function any(cells, is)
  for _, cell in ipairs(cells) do
    if is(cell) then return true end
  end
  return false
end

local function is_late(cell)
  return caveats.late(cell) ~= nil
end

local function row_of(cells, price)
  local first, figures = cells[1], {}
  for _, figure in ipairs(FIGURES) do figures[figure[1]] = mean_of(cells, figure, price) end
  local needed = measure.tail_needs(99)
  return {
    coordinates = first.coordinates, target = place.target(first), method = place.method(first),
    task = place.task(first), load = place.load(first), engine = first.engine.name, repeats = #cells,
    requests = first.metrics.requests, figures = figures, own = own_metrics.means(cells),
    is_baseline = first.baseline == first.key,
    ramp_up = any(cells, caveats.drained), late = any(cells, is_late), lossy = first.lossy,
    thin = any(cells, function(cell) return (cell.metrics.completed or needed) < needed end),
  }
end

---@param cells table[] one a place and repeat, in the grid's order
---@param price number? of a GPU hour
---@return specbench.answer.absolute.row[]
function absolute.rows(cells, price)
  local places, rows, row_at = keys.places(cells), {}, {}
  for i, at in ipairs(places) do
    rows[i] = row_of(at.items, price)
    row_at[at.name] = rows[i]
  end
  for i, at in ipairs(places) do
    local baseline = at.items[1].baseline
    rows[i].baseline = baseline and not rows[i].is_baseline and row_at[keys.place(baseline)] or nil
  end
  return rows
end

return absolute
