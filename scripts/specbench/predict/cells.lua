-- What a fit takes, from cells as results folders keep them: a record a place in the grid, its repeats averaged, and
-- the places of a round that were not measured. Which of a round's axes make another server and which other work is
-- found from what the cells were: no axis has to have a certain name.

local base = require "specbench.engine.base"
local caveats = require "specbench.analysis.caveats"
local export = require "specbench.export"
local grid = require "specbench.experiment.grid"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local published = require "specbench.export.spec_bench_vllm"
local speedup = require "specbench.analysis.speedup"
local workload = require "specbench.experiment.workload"

local cells = {}

---A place of the grid: see specbench.predict.cell, and
---@class specbench.predict.record : specbench.predict.cell
---@field coordinates table
---@field key string
---@field baseline string? key of the record that it is compared with; its own where it is a baseline
---@field rate number? requests a second, of an open loop
---@field server_text string
---@field work_text string
---@field cell table? the newest cell that was measured there
---@field simulated boolean?
---@field prompts_by "cells"|"guess"|nil who told input_tokens, where the data did not

-- What changes from cell to cell of one server or of one piece of work, and makes no other of it.
local OF_K = { "k", "prompt_lookup_max", "speed", "acceptance" }
local OF_LOAD = { "concurrency", "rate", "arrivals", "burstiness" }

local function without(map, names)
  local copy = {}
  for name, value in pairs(map) do copy[name] = value end
  for _, name in ipairs(names) do copy[name] = nil end
  return json.encode(copy)
end

-- Which server it is, and which work. What an engine accepts because it was told to changes what drafts bring and not
-- what a step costs, as a task does.
local function texts_of(server, work)
  local asked = { acceptance = server.acceptance }
  for name, value in pairs(work) do asked[name] = value end
  return without(server, OF_K), without(asked, OF_LOAD)
end

local function model_of(server)
  return server.model and (server.model.path or server.model.name) or server.model
end

-- Gap between chunks that are steps, and time an output token. Where a chunk is no step, the counters' tokens a step
-- make one of it.
local function latencies(cell)
  local row, m = cell.row, cell.metrics
  if row then return row.mean_itl_ms, row.mean_tpot_ms end
  local tpot = m["ref_tpot_ms.mean"]
  if not tpot or tpot <= 0 then return nil end
  if cell.engine and cell.engine.chunk_is_step then return m["ref_itl_ms.mean"], tpot end
  local tokens = cell.acceptance and cell.acceptance.mean_length
  if (cell.identity.server.k or 0) == 0 then tokens = 1 end
  return tokens and tpot * tokens, tpot
end

local function positive(value)
  return type(value) == "number" and value > 0 and value or nil
end

-- A cell's figures; nil and why it cannot take part.
local function figures_of(cell)
  if speedup.untold(cell) then return nil, speedup.untold(cell) end
  local m = cell.metrics
  local requests = m.completed or m.requests
  if not positive(requests) or not positive(m.total_output_tokens) then return nil, "it has no answers" end
  local itl, tpot = latencies(cell)
  return { seconds = m.duration, requests = math.tointeger(requests), input_tokens = speedup.input_tokens(cell),
    output_tokens = m.total_output_tokens, itl_ms = positive(itl), tpot_ms = positive(tpot) }
end

local AVERAGED = { "seconds", "output_tokens", "input_tokens", "itl_ms", "tpot_ms" }

local function log_throughput(figures)
  return math.log((figures.input_tokens + figures.output_tokens) / figures.seconds)
end

-- How far repeats of a cell lie apart: what the logarithms of their speed-ups are off their mean, squared and summed;
-- half of it, for one side's share. What disturbs a cell and its baseline alike is no doubt of either.
local function scatter_of(list, by_key)
  local sum, squares, count = 0, 0, 0
  for _, figures in ipairs(list) do
    local beside = by_key[figures.baseline]
    if beside and beside ~= figures then
      local log = log_throughput(figures) - log_throughput(beside)
      sum, squares, count = sum + log, squares + log * log, count + 1
    end
  end
  return count > 1 and count == #list and math.max(0, squares - sum * sum / count) / 2 or nil
end

-- Repeats become one: geometric means.
local function average(list, by_key)
  local mean = { repeats = #list, requests = list[1].requests, scatter = scatter_of(list, by_key) }
  for _, name in ipairs(AVERAGED) do
    local sum, count = 0, 0
    for _, figures in ipairs(list) do
      if figures[name] then sum, count = sum + math.log(figures[name]), count + 1 end
    end
    mean[name] = count > 0 and math.exp(sum / count) or nil
  end
  return mean
end

---Records of measured cells, in the cells' order.
---@param list table[] the cells that count, see analysis/study
---@return specbench.predict.record[]
---@return table<string, integer> left_out how many cells cannot take part, by reason
function cells.measured(list)
  local records, by_place, by_key, left_out = {}, {}, {}, {}
  for _, cell in ipairs(list) do
    local figures, why = figures_of(cell)
    local work, server = cell.identity.workload, cell.identity.server
    if work.rate then figures, why = nil, "a request rate: the model knows closed loops" end
    if not figures then
      left_out[why] = (left_out[why] or 0) + 1
    else
      local place = keys.place(cell.key)
      local record = by_place[place]
      if not record then
        local server_text, work_text = texts_of(server, work)
        record = { coordinates = cell.coordinates, key = place, baseline = cell.baseline and keys.place(cell.baseline),
          plain = not base.speculates(server), model = model_of(server), k = math.max(0, server.k or 0),
          concurrency = work.concurrency, server_text = server_text, work_text = work_text,
          figures = {}, limits = nil }
        if record.plain then record.k = 0 end
        by_place[place], records[#records + 1] = record, record
      end
      record.cell, record.simulated = cell, record.simulated or caveats.is_simulated(cell)
      figures.baseline, by_key[cell.key] = cell.baseline, figures
      table.insert(record.figures, figures)
    end
  end
  for _, record in ipairs(records) do
    for name, value in pairs(average(record.figures, by_key)) do record[name] = value end
    record.figures = nil
  end
  return records, left_out
end

-- The most tokens of each answer, and how many all have where every answer's length is forced.
local function limits_of(work)
  local limits, forced = {}, 0
  for i, limit in ipairs(work.limit_list) do
    limits[i] = limit.max_tokens
    local exact = limit.min_tokens == limit.max_tokens or limit.ignore_eos
    forced = forced and exact and forced + limit.max_tokens or nil
  end
  return limits, forced
end

-- Coordinates as the reference's folders spell them; nil where the round says nothing of them.
local function as_reference(exported, cell, work)
  local about = exported and exported[published.name]
  if not about then return nil end
  return { method = about.method, task = about.folder, k = math.max(about.num_spec_tokens or 0, 0),
    context = export.spelling and about.labels and about.labels.context or about.context or cell.context or "-",
    concurrency = work.rate and 0 or work.concurrency, qps = work.rate or 0 }
end

---Records of all places of a round's grid, nothing of them measured.
---@param r specbench.round narrowed as the command line says
---@param options { prompts_per_stream: integer?, lengths: string?, seed: integer? }
---@param reference table? round.json of the reference's folder, whose coordinates they shall have
---@return specbench.predict.record[]
function cells.of_round(r, options, reference)
  local records = {}
  local about = reference or r
  for _, cell in ipairs(grid.expand(r, { seed = options.seed or 12345, repeats = 1 })) do
    local server = grid.ask(r, "server", cell)
    local work = workload.new(grid.ask(r, "workload", cell), cell, { describe = grid.describe(r, cell),
      seen = grid.seen(r, cell, "limits"), prompts_per_stream = options.prompts_per_stream,
      lengths = options.lengths ~= "replay" and options.lengths or nil })
    local coordinates = grid.place(r, cell).coordinates
    if reference then coordinates = as_reference(grid.exported(r, cell), cell, work) end
    if coordinates then
      local limits, forced = limits_of(work)
      local plain = not base.speculates(server)
      local server_text, work_text = texts_of(server, workload.identity(work))
      records[#records + 1] = {
        coordinates = coordinates, repetition = 1, key = keys.of(about, coordinates), plain = plain,
        model = server.model, k = plain and 0 or server.k or 0, concurrency = work.concurrency, rate = work.rate,
        server_text = server_text, work_text = work_text,
        requests = #work.prompts.items, input_tokens = positive(workload.input_tokens(work)), limits = limits,
        output_tokens = forced,
      }
    end
  end
  if not reference then keys.find_baselines(r, records) end
  for _, record in ipairs(records) do
    record.key, record.baseline = keys.place(record.key), record.baseline and keys.place(record.baseline)
  end
  return records
end

-- What an axis may stand for that makes neither another server nor other work. One k and one concurrency may be equal,
-- but a baseline has no k.
local LOADS = { "k", "concurrency", "rate" }

-- Which of these an axis is: in every record that has a value, it is that one.
local function load_of(records, name)
  for _, load in ipairs(LOADS) do
    local fits = true
    for _, record in ipairs(records) do
      local value = record.coordinates[name]
      fits = fits and (value == nil or value == keys.ABSENT or value == "-" or value == record[load])
    end
    if fits then return load end
  end
end

local function words_on(record, axes, but)
  local words = {}
  for _, name in ipairs(axes) do
    local value = record.coordinates[name]
    if name ~= but and value ~= nil then words[#words + 1] = ("%s=%s"):format(name, tostring(value)) end
  end
  return table.concat(words, " ")
end

-- Whether records that differ on this axis alone (and in k) have other servers, and other work.
local function role_of(records, axes, name)
  local groups, server, work, pairs_seen = {}, false, false, false
  for _, record in ipairs(records) do
    local where = words_on(record, axes, name)
    local first = groups[where]
    if not first then
      groups[where] = record
    elseif first.coordinates[name] ~= record.coordinates[name] then
      pairs_seen = true
      server = server or first.server_text ~= record.server_text
      work = work or first.work_text ~= record.work_text
    end
  end
  if not pairs_seen then return true, true end
  return server or not work, work
end

---Says of every record which server and which work it belongs to: the values of the axes that make them. Those axes
---are told from the places where there are some, else from what was measured.
---@param measured specbench.predict.record[]
---@param places specbench.predict.record[]
---@param about { axes: table[] } a round, or what round.json says of one
function cells.name(measured, places, about)
  local teachers = #places > 0 and places or measured
  local axes, all = {}, {}
  for _, axis in ipairs(about.axes) do
    local first, varies = teachers[1] and teachers[1].coordinates[axis.name], false
    for _, record in ipairs(teachers) do varies = varies or record.coordinates[axis.name] ~= first end
    if varies then
      local load = load_of(teachers, axis.name)
      if not load then axes[#axes + 1] = axis.name end
      if load ~= "k" then all[#all + 1] = axis.name end
    end
  end
  local of_server, of_work = {}, {}
  for _, name in ipairs(axes) do
    local server, work = role_of(teachers, all, name)
    if server then of_server[#of_server + 1] = name end
    if work then of_work[#of_work + 1] = name end
  end
  local models = {}
  for _, list in ipairs { measured, places } do
    for _, record in ipairs(list) do
      record.server, record.work = words_on(record, of_server), words_on(record, of_work)
      if record.server == "" then record.server = record.plain and "baseline" or "method" end
      if record.work == "" then record.work = "all" end
      -- a round names its models, a cell says where they were: one server's are the same
      models[record.server] = models[record.server] or record.model
      record.model = models[record.server]
    end
  end
end

return cells
