-- What a reader must know of single cells before quoting them: anomalies, cells that stood still, token counts that
-- contradict each other, requests that others sent, steps without the graph that plain decoding has, chunks that waited
-- and were sent together, acceptance that cannot be the answers' own, and cells that mostly measured ramp-up and drain.

local acceptance = require "specbench.analysis.acceptance"
local anomaly = require "specbench.analysis.anomaly"
local json = require "specbench.base.json"
local speedup = require "specbench.analysis.speedup"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"

local flags = {}

local PROMPTS_A_STREAM = 2 -- fewer cannot hold the target concurrency for half of the run
local NAMED = 10
local BEHIND = 1.5 -- times the steps in a chunk of the other side

-- Those of which each cell is named.
local kinds = { "anomaly", "stall", "rerun", "tokens", "requests", "acceptance", "compilation", "graphs", "merged" }
local titles = {
  anomaly = "Anomaly", stall = "Stall", rerun = "Measured twice", tokens = "Token counts",
  requests = "Requests", acceptance = "Acceptance", compilation = "Compilation", graphs = "Graphs",
  merged = "Merged chunks",
}

---@class specbench.flag
---@field cell table
---@field flag "anomaly"|"stall"|"rerun"|"tokens"|"requests"|"acceptance"|"compilation"|"graphs"|"merged"|"drain"
---@field reason string

---Why a cell mostly measured ramp-up and drain: by its timelines, or, where a row has none, by its counts.
---@param cell table
---@return string? reason
function flags.drain(cell)
  local m, work = cell.metrics, cell.identity.workload
  if m.drain ~= nil then
    if not m.drain then return nil end
    return ("the target concurrency was in flight for %s of the run"):format(
      m.steady_share and ("%.0f %%"):format(100 * m.steady_share) or "less than half")
  end
  if work.rate or not work.concurrency or not m.requests then return nil end
  if m.requests >= PROMPTS_A_STREAM * work.concurrency then return nil end
  return ("%d prompts for %d streams"):format(m.requests, work.concurrency)
end

-- Why a cell's tokens, and all that is divided by them, cannot be believed.
local function miscounted(cell)
  local m = cell.metrics
  if (m.token_mismatches or 0) == 0 then return nil end
  return ("in %d of %d answers the server's counts contradict each other or go beyond max_tokens")
    :format(m.token_mismatches, m.completed or m.requests)
end

-- The same by the tokens that it wrote. How many it wrote for a request that failed nobody knows.
local function shared_by_tokens(cell)
  local counted, m = cell.output_tokens_counted, cell.metrics
  if not (counted and m.total_output_tokens) then return nil end
  if counted > m.total_output_tokens and m.failed == 0 and not cell.resent then
    return ("the engine wrote %d tokens, the answers have %d: others used the server"):format(counted,
      m.total_output_tokens)
  elseif counted < m.total_output_tokens then
    return ("the engine wrote %d tokens, the answers have %d: its counters began anew, or are another server's")
      :format(counted, m.total_output_tokens)
  end
end

-- The engine answered requests that this cell did not send, or not all that it got answers to.
local function shared(cell)
  local counted, m = cell.requests_counted, cell.metrics
  if not (counted and m.requests and m.completed) then return shared_by_tokens(cell) end
  if counted > m.requests + (cell.resent or 0) then
    return ("the engine counted %d requests, the cell sent %d: others used the server"):format(counted, m.requests)
  elseif counted < m.completed then
    return ("the engine counted %d requests, %d were answered: its counters began anew, or are another server's")
      :format(counted, m.completed)
  end
end

-- A server that compiles kernels while it is measured answers late.
local function compiled(cell)
  local count = cell.compilations or 0
  if count == 0 then return nil end
  return ("the server compiled %d kernel%s during it, by its log: its first answers came late"):format(count,
    count == 1 and "" or "s")
end

-- Tokens of a full step: each stream's next one, and the drafts that are verified with it.
local function step_tokens(cell)
  local streams = cell.identity.workload.concurrency
  return streams and streams * ((cell.identity.server.k or 0) + 1)
end

-- Where plain decoding has a graph for its steps, and verifying has none.
local function beyond_graphs(cell, index)
  local graphs, mine = index and (cell.engine.effective or {}).graph_tokens, step_tokens(cell)
  if not (graphs and mine) or mine <= graphs then return nil end
  local ratios, base = speedup.of(index, cell)
  local plain = ratios and (base.engine.effective or {}).graph_tokens
  local other = ratios and step_tokens(base)
  if not (plain and other) or other > plain then return nil end
  return ("its steps of %d tokens ran without a CUDA graph (they end at %d), the baseline's of %d with one"):format(
    mine, graphs, other)
end

-- Steps whose tokens a chunk brought: above 1 where chunks waited in the server and were sent as one.
local function steps_a_chunk(cell)
  local tokens, server = cell.metrics.tokens_per_chunk, cell.identity.server
  local a_step = server and server.method == "none" and 1 or (cell.acceptance or {}).mean_length
  return tokens and a_step and tokens / a_step
end

-- Where one side's server could not send as fast as it wrote, and the other's could: the ratio is that, too.
local function sent_behind(cell, index)
  local mine = index and steps_a_chunk(cell)
  if not mine then return nil end
  local ratios, base = speedup.of(index, cell)
  local plain = ratios and steps_a_chunk(base)
  if not plain then return nil end
  local more, fewer = math.max(mine, plain), math.min(mine, plain)
  if more < BEHIND or more < BEHIND * fewer then return nil end
  return ("a chunk of its baseline brought the tokens of %.1f steps, one of its own those of %.1f"):format(plain, mine)
end

-- Both results of a cell that was measured once more, and why it was.
local function told_twice(cell)
  local figure, throughput = text_table.figure, speedup.total_token_throughput
  return ("%s tokens/s, then %s, which counts, because the first looked wrong: %s"):format(
    figure(throughput(cell.first), "%.4g"), figure(throughput(cell), "%.4g"),
    cell.rerun and cell.rerun.reason or "why is not told")
end

---Cells whose result may be a mishap of the measurement: what a sweep measures once more.
---@param cells table[] one a place of the grid and repeat
---@return specbench.flag[] list
function flags.suspicious(cells)
  local list = {}
  for _, found in ipairs(anomaly.find(cells, speedup.total_token_throughput)) do
    list[#list + 1] = { cell = found.cell, flag = "anomaly", reason = found.reason }
  end
  for _, cell in ipairs(cells) do
    local reason = anomaly.stall(cell)
    if reason then list[#list + 1] = { cell = cell, flag = "stall", reason = reason } end
  end
  return list
end

---@param cells table[] one a place of the grid and repeat
---@param index specbench.speedup.index? of them; without it nothing is held against a baseline
---@return specbench.flag[] list the suspicious ones first
function flags.of(cells, index)
  local list = flags.suspicious(cells)
  for _, cell in ipairs(cells) do
    if cell.first then list[#list + 1] = { cell = cell, flag = "rerun", reason = told_twice(cell) } end
  end
  local kinds_told = {
    { "tokens", miscounted }, { "requests", shared }, { "acceptance", acceptance.disagreement },
    { "compilation", compiled },
    { "graphs", beyond_graphs }, { "merged", sent_behind }, { "drain", flags.drain },
  }
  for _, kind in ipairs(kinds_told) do
    for _, cell in ipairs(cells) do
      local reason = kind[2](cell, index)
      if reason then list[#list + 1] = { cell = cell, flag = kind[1], reason = reason } end
    end
  end
  return list
end

-- A cell's place by the axes that have several values, and each of those values.
local function place_of(cell, about)
  local words, values = {}, {}
  for _, axis in ipairs(about.axes) do
    local value = cell.coordinates[axis.name]
    if #axis.values > 1 and value ~= nil then
      words[#words + 1], values[axis.name] = ("%s=%s"):format(axis.name, value), tostring(value)
    end
  end
  return table.concat(words, " "), values
end

---A cell by the axes that have several values.
---@param cell table
---@param about table the store's round.json
---@return string
function flags.place(cell, about)
  local name = place_of(cell, about)
  return cell.repetition > 1 and ("%s repeat %d"):format(name, cell.repetition) or name
end

-- "method=draft k=1,3", as --only takes it, where these are all the places of a block of the grid.
local function block_of(seen, places, about)
  local words, size = {}, 1
  for _, axis in ipairs(about.axes) do
    local values = seen[axis.name]
    if values then
      words[#words + 1] = ("%s=%s"):format(axis.name, table.concat(values, ","))
      size = size * #values
    end
  end
  return size == places and table.concat(words, " ") or nil
end

---Several cells by their places: a block of the grid in few words, else the first few.
---@param cells table[]
---@param about table the store's round.json
---@param most integer places to name
---@return string
function flags.places(cells, about, most)
  if #cells == 1 then return flags.place(cells[1], about) end
  local names, known, seen = {}, {}, {}
  for _, cell in ipairs(cells) do
    local name, values = place_of(cell, about)
    if not known[name] then
      known[name], names[#names + 1] = true, name
      for axis, value in pairs(values) do
        seen[axis] = seen[axis] or {}
        if not tables.contains(seen[axis], value) then table.insert(seen[axis], value) end
      end
    end
  end
  return block_of(seen, #names, about) or text_table.listed(names, most)
end

---@param list specbench.flag[]
---@param about table the store's round.json
---@return string text a line each, one line for all drained cells
function flags.text(list, about)
  local lines, counts = {}, {}
  for _, item in ipairs(list) do
    local kind = item.flag
    counts[kind] = (counts[kind] or 0) + 1
    if titles[kind] and counts[kind] <= NAMED then
      lines[#lines + 1] = ("%s: %s: %s\n"):format(titles[kind], flags.place(item.cell, about), item.reason)
    end
  end
  for _, kind in ipairs(kinds) do
    local more = (counts[kind] or 0) - NAMED
    if more > 0 then lines[#lines + 1] = ("%s: %d more in flags.jsonl\n"):format(titles[kind], more) end
  end
  local drained = counts.drain or 0
  if drained > 0 then
    lines[#lines + 1] = ("Drain: %d cells mostly measured ramp-up and drain: the target concurrency in flight for less "
      .. "than half of the run, or without timelines fewer than %d prompts a stream (flags.jsonl names them)\n")
      :format(drained, PROMPTS_A_STREAM)
  end
  return table.concat(lines)
end

---@param list specbench.flag[]
---@param about table
---@return string JSON lines
function flags.lines(list, about)
  local lines = {}
  for i, item in ipairs(list) do
    local cell = item.cell
    lines[i] = json.encode({
      round = about.round, coordinates = cell.coordinates, repetition = cell.repetition, id = cell.id,
      flag = item.flag, reason = item.reason,
    }, { "round", "coordinates", "repetition", "id", "flag", "reason" }) .. "\n"
  end
  return table.concat(lines)
end

return flags
