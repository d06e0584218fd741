-- What can be compared: a results folder, the reference system's, or files of other tools. Each becomes a list of
-- points: a measured cell with coordinates and figures.

local caveats = require "specbench.analysis.caveats"
local export = require "specbench.export"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local older = require "specbench.analysis.older"
local other_tools = require "specbench.compare.other_tools"
local published = require "specbench.export.spec_bench_vllm"
local published_folder = require "specbench.export.spec_bench_vllm_folder"
local speedup = require "specbench.analysis.speedup"
local store = require "specbench.results.store"
local vllm_bench = require "specbench.export.vllm_bench"

local compare_input = {}

---@class specbench.compare.point
---@field coordinates table<string, any> concurrency and qps (requests/s) among them, 0: not so limited; absent: unknown
---@field repetition integer from 1
---@field schedule { start: integer? }? which start of its server it was measured in, where that is known
---@field machine table? where that was
---@field virtual boolean? in virtual time, which is the same on every machine
---@field order string of two points with one place and repetition the later counts
---@field figures { total_throughput: number?, output_throughput: number?, ttft_ms: number?, tpot_ms: number? } tokens/s
---  and mean milliseconds
---@field per_request boolean its requests were kept
---@field simulated boolean?
---@field late boolean? the client says of itself that it was late
---@field untold string? why it has no throughput
---@field workload string? what was asked, where it is known
---@field clock_scale number

---@class specbench.compare.side
---@field path string
---@field kind "results"|"reference"|"vLLM"|"SGLang"|"GuideLLM"
---@field points fun(self, other: specbench.compare.side): specbench.compare.point[] as they compare with the other
---@field warnings string[]? lines about what was left out

-- Ours against another tool's: its convention of a latency, chunks with text, and of a load's end, the last answer's
-- (runtime/measure/README.md).
local function cell_figures(cell, own)
  local m, row = cell.metrics, cell.row
  local latency = own and "%s.mean" or "ref_%s.mean"
  local total, output = speedup.total_token_throughput(cell), m.output_throughput
  local share = own and 1 or vllm_bench.share(m)
  return {
    total_throughput = total and share * total, output_throughput = output and share * output,
    ttft_ms = row and row.mean_ttft_ms or m[latency:format "ttft_ms"],
    tpot_ms = row and row.mean_tpot_ms or m[latency:format "tpot_ms"],
  }
end

-- Where the cell lies: by the round's axes, or as the reference system's folders name it.
local function cell_coordinates(cell, axes, as_reference)
  local at, about, work = {}, export.of(cell, published.name), cell.identity.workload
  if as_reference and about then
    at = { method = about.method, task = about.folder, k = math.max(about.num_spec_tokens or 0, 0),
      context = about.labels and about.labels.context or about.context or "-" }
  else
    for name, value in pairs(cell.coordinates) do at[name] = value end
    -- one side may have been measured before an axis could be left out
    for _, axis in ipairs(axes) do
      if at[axis.name] == nil then at[axis.name] = keys.ABSENT end
    end
  end
  at.concurrency = cell.coordinates.concurrency or work.rate and 0 or work.concurrency
  at.qps = cell.coordinates.qps or work.rate or 0
  return at
end

local function folder_side(path, kind, the_store)
  local today, before = older.split(the_store:cells(), the_store.about)
  local side = { path = path, kind = kind, warnings = the_store.warnings or {} }
  if #before > 0 then
    table.insert(side.warnings, ("%d cell%s of %s measured before its round changed: left out"):format(#before,
      #before == 1 and "" or "s", path))
  end
  function side.points(_, other)
    local points = {}
    for i, cell in ipairs(today) do
      points[i] = {
        coordinates = cell_coordinates(cell, the_store.about.axes, kind == "reference" or other.kind == "reference"),
        repetition = cell.repetition, schedule = cell.schedule, machine = cell.machine, virtual = cell.virtual,
        order = cell.started, per_request = kind == "results",
        figures = cell_figures(cell, other.kind == "results"), clock_scale = cell.clock_scale,
        workload = json.encode(cell.identity.workload), simulated = caveats.is_simulated(cell),
        late = caveats.late(cell) ~= nil, untold = speedup.untold(cell),
      }
    end
    return points
  end
  return side
end

-- Files of one place are its repeats: as they say themselves, else in the order of their names.
local function number_repeats(points)
  local counts = {}
  for _, point in ipairs(points) do
    local place = json.canonical(point.coordinates)
    counts[place] = (counts[place] or 0) + 1
    point.repetition, point.order, point.clock_scale = point.repetition or counts[place], "", 1
  end
end

local function files_side(path, files)
  local points, kind = {}, nil
  for _, file in ipairs(files) do
    local found, wrote = other_tools.read(file)
    if not found then return nil, wrote end
    if kind and kind ~= wrote then
      return nil, ("%s holds files of %s and of %s: keep them apart"):format(path, kind, wrote)
    end
    kind = wrote
    table.move(found, 1, #found, #points + 1, points)
  end
  number_repeats(points)
  return { path = path, kind = kind, points = function() return points end }
end

local function files_of(folder, ending)
  local files = {}
  for _, name in ipairs(fs.list(folder) or {}) do
    if name:find(ending) then files[#files + 1] = folder .. "/" .. name end
  end
  return files
end

---Opens what is at a path.
---@param path string
---@return specbench.compare.side? side
---@return string? message one line
function compare_input.open(path)
  local found = fs.stat(path)
  if not found then return nil, path .. ": no such file or folder" end
  if found.type ~= "folder" then return files_side(path, { path }) end
  if fs.stat(path .. "/round.json") then
    local results, message = store.open(path)
    if not results then return nil, message end
    return folder_side(path, "results", results)
  end
  local files = files_of(path, "%.json$")
  if #files > 0 then return files_side(path, files) end
  local tables, message = published_folder.open(path)
  if tables then return folder_side(path, "reference", tables) end
  files = files_of(path, "%.jsonl$") -- the reference system's have this ending too
  if #files > 0 then return files_side(path, files) end
  return nil, ("%s holds no round.json and no *.json or *.jsonl; %s"):format(path, message)
end

return compare_input
