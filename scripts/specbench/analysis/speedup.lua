-- A cell against its baseline. A baseline that is not the same work is no baseline: then there is no speed-up,
-- and a reason.

local hosts = require "specbench.analysis.hosts"
local tables = require "specbench.base.tables"
local versions = require "specbench.base.version"

local speedup = {}

---Those that the data tell, else the server's count.
---@param cell table
---@return integer? tokens of all prompts
function speedup.input_tokens(cell)
  local told = cell.input_tokens
  return told and told > 0 and told or cell.metrics.total_input_tokens -- older cells have 0 for what is not known
end

-- What keeps a cell from having any throughput: nothing but prompts would be left to compare.
local function untold_output(cell)
  local m = cell.metrics
  if cell.refused then return ("the server refused %d of %d requests"):format(cell.refused, m.requests) end
  if not m.total_output_tokens then
    local unknown = m.output_tokens_unknown
    return ("the server did not tell the tokens of %s"):format(
      unknown and m.completed and ("%d of %d answers"):format(unknown, m.completed) or "its answers")
  end
  if not (m.duration and m.duration > 0) then return "no answer took any time" end
end

---@param cell table
---@return string? reason why its total token throughput is not known; nil where it is
function speedup.untold(cell)
  return untold_output(cell)
    or not speedup.input_tokens(cell) and "neither the data nor the server told the tokens of its prompts" or nil
end

---Input and output tokens / duration.
---@param cell table
---@return number? tokens/s nil where it cannot be known
function speedup.total_token_throughput(cell)
  if speedup.untold(cell) then return nil end
  return (speedup.input_tokens(cell) + cell.metrics.total_output_tokens) / cell.metrics.duration
end

---The speed of decoding: TPOT is a time, so it is turned over.
---@param cell table
---@return number? tokens/ms of one stream
function speedup.decoding(cell)
  local tpot = cell.metrics.decode_tpot_ms
  return tpot and tpot > 0 and 1 / tpot or nil
end

-- Larger is better in each.
local figures = {
  total_throughput = speedup.total_token_throughput,
  output_throughput = function(cell) return cell.metrics.output_throughput end,
  decode = speedup.decoding,
}

-- What a server's description says of speculation; all else must be the same on both sides.
local speculation = tables.set_of {
  "method", "k", "draft", "draft_tensor_parallel", "prompt_lookup_max", "prompt_lookup_min",
  "speculative_max_model_len", "disable_by_batch_size", "k_by_batch_size", "acceptance", "speculative",
  "pinned", -- a plain server started the way the method runs
  "multi_step", -- engines that have it cannot speculate with it: only a baseline can
}

-- The first field of the servers' descriptions, by name, that differs without being about speculation.
local function other_flag(mine, other)
  local first
  local function look(server)
    for name in pairs(server) do
      if not speculation[name] and (not first or name < first) and not tables.same(mine[name], other[name]) then
        first = name
      end
    end
  end
  look(mine)
  look(other)
  return first
end

local function mismatch(cell, base, index)
  local any_model = index.any_model
  local mine, other = cell.identity, base.identity
  if not tables.same(mine.workload, other.workload) then
    return "the baseline had other prompts or limits"
  end
  if cell.answers_sha256 ~= base.answers_sha256 then return "the baseline's conversations had other answers" end
  if (cell.lengths or {}).sha256 ~= (base.lengths or {}).sha256 then
    return "the baseline's answers had other lengths than those that were replayed"
  end
  if mine.engine ~= other.engine then return ("the baseline ran on %s"):format(other.engine) end
  if versions.same(cell.engine and cell.engine.version, base.engine and base.engine.version) == false then
    return ("the baseline ran on %s %s, this cell on %s"):format(other.engine, base.engine.version, cell.engine.version)
  end
  local model, base_model = mine.server.model, other.server.model
  local is_other = not tables.same(model, base_model)
  if is_other and not any_model then
    return ("the baseline is another model (%s)"):format(base_model.path or base_model.name)
  end
  if (cell.clock_scale or 1) ~= (base.clock_scale or 1) then return "the baseline's clock was scaled differently" end
  local flag = other_flag(mine.server, other.server)
  if flag and not (flag == "model" and any_model) then return ("the baseline's server had another %s"):format(flag) end
  return hosts.mismatch(cell, base, index.across_hosts)
end

-- The same question of a cell and of its baseline.
local function either(ask, cell, base)
  local other = ask(base)
  return ask(cell) or other and "of its baseline: " .. other
end

---@class specbench.speedup.index
---@field by_key table<string, table>
---@field any_model boolean? a baseline of another model counts too: what was published is repeated
---@field across_hosts boolean? one that was measured on another host of the same kind counts too

---Finds cells by their key; of several with one key the newest counts.
---@param cells table[]
---@return specbench.speedup.index
function speedup.index(cells)
  local by_key = {}
  for _, cell in ipairs(cells) do
    local old = by_key[cell.key]
    if not old or old.started < cell.started then by_key[cell.key] = cell end
  end
  return { by_key = by_key }
end

---The cell that counts of each place in the grid and repeat: the newest.
---@param cells table[]
---@param index specbench.speedup.index? of these cells
---@return table[]
function speedup.current(cells, index)
  local list = {}
  index = index or speedup.index(cells)
  for _, cell in ipairs(cells) do
    if index.by_key[cell.key] == cell then list[#list + 1] = cell end
  end
  return list
end

---@param index specbench.speedup.index
---@param cell table
---@return { total_throughput: number?, output_throughput: number?, decode: number? }? ratios nil: none, see reason
---@return string|table reason where there are none; else the baseline's cell
function speedup.of(index, cell)
  if not cell.baseline then return nil, "the round names no baseline" end
  if cell.baseline == cell.key then return nil, "it is the baseline" end
  local base = index.by_key[cell.baseline]
  if not base then return nil, "its baseline was not measured" end
  local reason = mismatch(cell, base, index) or either(untold_output, cell, base)
  if reason then return nil, reason end
  local ratios = {}
  for name, figure in pairs(figures) do
    local mine, other = figure(cell), figure(base)
    ratios[name] = mine and other and other > 0 and mine / other or nil
  end
  return ratios, base
end

---@param index specbench.speedup.index
---@param cell table of a place with ratios; its own repeat may have no baseline
---@return string? reason why total throughput is not among them; nil where it is
function speedup.untold_ratio(index, cell)
  local base = index.by_key[cell.baseline]
  if not base then return speedup.untold(cell) end
  return either(speedup.untold, cell, base)
end

return speedup
