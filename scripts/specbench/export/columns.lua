-- The columns of the two tables that `specbench export` writes: one row a cell, one row a request.

local cell_shape = require "specbench.results.cell_shape"
local foreign = require "specbench.base.foreign"
local hosts = require "specbench.analysis.hosts"
local request_times = require "specbench.analysis.request_times"
local tables = require "specbench.base.tables"

local columns = {}

---@class specbench.export.column
---@field [1] string name
---@field [2] "text"|"integer"|"real"|"boolean" type
---@field [3] string meaning, with its unit
---@field [4] fun(row: table): any

local function gpu(field)
  return function(cell)
    local rows = hosts.gpus(cell)
    return rows and hosts.values(rows, field)
  end
end

-- A field of a field of the cell, where both are there.
local function part(name, field)
  return function(cell) return cell[name] and cell[name][field] end
end

local function field(name)
  return function(row) return row[name] end
end

local function work(name)
  return function(cell) return cell.identity.workload[name] end
end

columns.cells = {
  { "cell", "text", "id: a hash of all that makes the cell what it is", field "id" },
  { "round", "text", "name of the round", field "round" },
  { "repetition", "integer", "which repeat, from 1", field "repetition" },
  { "start", "integer", "the start of its server that it belongs to, from 1", part("schedule", "start") },
  { "seed", "integer", "of prompts and sampling", field "seed" },
  { "baseline", "text", "`cell` of what it is compared with, its own where it is a baseline; empty: there is none",
    field "baseline_id" },
  { "measured_again", "boolean", "the first result looked wrong; these figures are the second's",
    function(cell) return cell.rerun ~= nil end },
  { "engine", "text", "what served", part("engine", "name") },
  { "engine_version", "text", "its version", part("engine", "version") },
  { "model", "text", "the target's name", function(cell) return cell.identity.server.model.name end },
  { "method", "text", "how it speculates; none", function(cell) return cell.identity.server.method end },
  { "k", "integer", "tokens of a draft", function(cell) return cell.identity.server.k end },
  { "concurrency", "integer", "requests in flight at most", work "concurrency" },
  { "request_rate", "real", "requests/s of an open loop", work "rate" },
  { "host", "text", "name of the machine", part("machine", "host") },
  { "boot_id", "text", "one start of that machine", part("machine", "boot_id") },
  { "cpu", "text", "its processor", part("machine", "cpu") },
  { "gpu", "text", "models of the server's GPUs", gpu "name" },
  { "gpu_driver", "text", "their driver's version", gpu "driver" },
  { "started", "text", "when it was begun, UTC", field "started" },
  { "started_unix", "real", "when its server was first asked, s since 1970", field "started_unix" },
  { "virtual", "boolean", "measured in virtual time", function(cell) return cell.virtual == true end },
  { "clock_scale", "real", "how many times faster than real time the simulator's clock ran; figures are in its time",
    field "clock_scale" },
  { "quick", "boolean", "of a run with --quick", function(cell) return cell.quick == true end },
  { "client_ok", "boolean", "the certificate: the client was on time", part("certificate", "client_ok") },
  { "drafts_accepted", "real", "accepted / drafted tokens, by the engine's counters or the answers",
    part("acceptance", "rate") },
  { "drafts_mean_length", "real", "tokens a step", part("acceptance", "mean_length") },
  { "energy", "real", "J of the server's GPUs while the load ran", part("energy", "joules") },
}

local function request(name)
  return function(row) return row.request[name] end
end

local function time(name)
  return function(row) return row.times[name] end
end

local function since_begin(name)
  return function(row)
    local t = row.request[name]
    return t and t > 0 and (t - row.begin) / 1e9 * row.scale or nil
  end
end

columns.requests = {
  { "cell", "text", "of which cell", function(row) return row.cell end },
  { "request", "integer", "position in the load, from 1, as `specbench show --request` counts",
    function(row) return row.request.id + 1 end },
  { "prompt", "integer", "which prompt, from 0", request "prompt_id" },
  { "outcome", "text", "ok, or how it failed: connect, http, body, truncated, event, silence, timeout, canceled",
    request "outcome" },
  { "finish_reason", "text", "why the answer ended: stop, length, other, none", request "finish_reason" },
  { "http_status", "integer", "0: no answer", request "http_status" },
  { "error", "text", "one line", request "error" },
  { "intended_s", "real", "when the plan wanted it sent, s from the cell's first send", since_begin "t_intended" },
  { "sent_s", "real", "when it was sent, s from the cell's first send", since_begin "t_send" },
  { "ttft_ms", "real", "first chunk that brings a token - send, ms", time "ttft" },
  { "tpot_ms", "real", "(last - first chunk that brings a token) / (tokens - 1), ms", time "tpot" },
  { "e2el_ms", "real", "last chunk that brings a token - send, ms", time "e2el" },
  { "done_ms", "real", "the answer's end - send, ms", time "done" },
  { "tokens", "integer", "of the answer", request "tokens" },
  { "token_source", "text", "how the server told them", request "token_source" },
  { "tokens_disagree", "boolean", "the server's counts contradict each other, or `max_tokens`",
    request "tokens_disagree" },
  { "max_tokens", "integer", "what the request allowed", request "max_tokens" },
  { "prompt_tokens", "integer", "the server's count", request "prompt_tokens" },
  { "cached_tokens", "integer", "of the prompt, out of a prefix cache", request "cached_tokens" },
  { "draft_tokens", "integer", "drafted, as the server told of this answer", request "draft_tokens" },
  { "accepted_tokens", "integer", "of these accepted", request "accepted_tokens" },
  { "chunks", "integer", "that brought tokens or text", function(row) return row.chunks end },
  { "resent", "boolean", "sent twice, because the server closed its kept connection meanwhile", request "resent" },
}

---When the first request of a run was sent.
---@param run specbench.run
---@return integer ns; 0 where none was
function columns.first_send(run)
  local begin
  for i = 1, #run do
    local sent = run:request(i).t_send
    if sent > 0 and (not begin or sent < begin) then begin = sent end
  end
  return begin or 0
end

---What stands in a row of the table of requests.
---@param cell table
---@param found sb.Request
---@param begin integer ns, of the cell's first send
---@return table row
function columns.request_row(cell, found, begin)
  local scale = cell.clock_scale or 1
  local points, times = request_times.of(found, scale)
  return { cell = cell.id, request = found, times = times, chunks = #points, begin = begin, scale = scale }
end

-- Names of a part of all cells, each once.
local function names_in(cells, name)
  local seen = {}
  for _, cell in ipairs(cells) do
    for key in pairs(cell[name] or {}) do seen[key] = true end
  end
  return tables.keys(seen)
end

local function axis_type(cells, name)
  local kind = "integer"
  for _, cell in ipairs(cells) do
    local value = cell.coordinates[name]
    if type(value) == "number" then
      if math.type(value) == "float" then kind = "real" end
    elseif value ~= nil then
      return "text"
    end
  end
  return kind
end

-- Names that a file said, in one line. Databases tell no capitals from small letters in them; one that is taken gets a
-- number.
local function set_apart(list)
  local taken = {}
  for _, column in ipairs(list) do
    local told, number = foreign.line(column[1]), 1
    if told == "" then told = "_" end -- no database takes it
    local name = told
    while taken[name:lower()] do
      number = number + 1
      name = ("%s_%d"):format(told, number)
    end
    taken[name:lower()], column[1] = true, name
  end
  return list
end

---The columns of the table of cells of one folder: those of all folders, its axes, its figures and the round's own.
---@param about table what round.json says
---@param cells table[]
---@return specbench.export.column[]
function columns.of_cells(about, cells)
  local list = table.move(columns.cells, 1, #columns.cells, 1, {})
  for _, axis in ipairs(about.axes) do
    list[#list + 1] = { "axis_" .. axis.name, axis_type(cells, axis.name), "", function(cell)
      return cell.coordinates[axis.name]
    end }
  end
  for _, prefix in ipairs { { "metrics", "" }, { "own", "own_" } } do
    for _, name in ipairs(names_in(cells, prefix[1])) do
      local kind = prefix[1] == "metrics" and cell_shape.type_of_metric(name) or "real"
      list[#list + 1] = { prefix[2] .. name:gsub("%.", "_"), kind, "", part(prefix[1], name) }
    end
  end
  return set_apart(list)
end

return columns
