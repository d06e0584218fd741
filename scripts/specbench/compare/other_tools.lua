-- Results that other clients wrote, as points that compare: vLLM's `bench serve --save-result`, SGLang's bench_serving
-- and GuideLLM.

local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local other_tools = {}

local NAMED = "`vllm bench serve --save-result`, SGLang's bench_serving or GuideLLM"

local function number(value)
  return type(value) == "number" and value or nil
end

-- Python spells a rate without bound Infinity.
local function finite(value)
  return number(value) and value < math.huge and value or nil
end

-- A request rate is its own axis; "inf" sends all that the concurrency allows.
local function load_coordinates(concurrency, rate)
  if rate then return { concurrency = 0, qps = rate } end
  return { concurrency = concurrency, qps = concurrency and 0 }
end

-- What `export --format vllm` wrote, and what somebody gave that client as `--metadata axis_NAME=VALUE`, where values
-- are texts.
local function with_axes(coordinates, document)
  for key, value in pairs(document) do
    local name, kind = type(key) == "string" and key:match "^axis_(.+)$", type(value)
    name = name and foreign.line(name)
    if name and not coordinates[name] and (kind == "string" or kind == "number" or kind == "boolean") then
      coordinates[name] = kind == "string" and (tonumber(value) or foreign.line(value)) or value
    end
  end
  return coordinates
end

local function vllm_point(document)
  if not number(document.output_throughput) or not number(document.duration) then return nil end
  return {
    coordinates = with_axes(load_coordinates(number(document.max_concurrency), number(document.request_rate)),
      document),
    repetition = math.tointeger(number(document.repetition)),
    per_request = type(document.ttfts) == "table" and #document.ttfts > 0,
    figures = {
      total_throughput = number(document.total_token_throughput), output_throughput = document.output_throughput,
      ttft_ms = number(document.mean_ttft_ms), tpot_ms = number(document.mean_tpot_ms),
    },
  }
end

local function child(value, ...)
  for _, name in ipairs { ... } do
    if type(value) ~= "table" then return nil end
    value = value[name]
  end
  return value
end

local function child_table(...)
  local value = child(...)
  return type(value) == "table" and value or nil
end

-- Its inter_token_latency_ms leaves the first token out, as everybody's TPOT does; its TPOT counts it in.
local function guidellm_point(benchmark)
  local function mean(name) return number(child(benchmark, "metrics", name, "successful", "mean")) end
  local strategy = child_table(benchmark, "config", "strategy") or child_table(benchmark, "args", "strategy") or {}
  local kind = strategy.kind or strategy.type_ -- the newer versions and the older
  local one_at_a_time = kind == "synchronous" and 1 or nil
  return {
    coordinates = load_coordinates(one_at_a_time or number(strategy.streams) or number(strategy.max_concurrency),
      (kind == "constant" or kind == "poisson") and number(strategy.rate) or nil),
    per_request = #(child_table(benchmark, "requests", "successful") or {}) > 0,
    figures = {
      total_throughput = mean "tokens_per_second", output_throughput = mean "output_tokens_per_second",
      ttft_ms = mean "time_to_first_token_ms", tpot_ms = mean "inter_token_latency_ms",
    },
  }
end

-- Its keys are those of vLLM's client of old, with throughputs of its own; a line of its file is a run.
local function sglang_point(document)
  local input, output = number(document.input_throughput), number(document.output_throughput)
  if not input or not output or not number(document.duration) then return nil end
  return {
    coordinates = load_coordinates(number(document.max_concurrency), finite(document.request_rate)),
    per_request = type(document.ttfts) == "table" and #document.ttfts > 0,
    figures = {
      total_throughput = input + output, output_throughput = output, ttft_ms = number(document.mean_ttft_ms),
      tpot_ms = number(document.mean_tpot_ms),
    },
  }
end

-- The points of one document, and what wrote it.
local function points_of(document)
  local list = child(document, "benchmarks")
  if type(list) == "table" and child(list, 1, "metrics") then
    local points = {}
    for i, benchmark in ipairs(list) do points[i] = guidellm_point(benchmark) end
    return points, "GuideLLM"
  end
  if type(document) ~= "table" then return nil end
  local point = sglang_point(document)
  if point then return { point }, "SGLang" end
  point = vllm_point(document)
  if point then return { point }, "vLLM" end
end

-- The documents of a file: one, or a line each.
local function documents_of(path, text)
  if not path:find "%.jsonl$" then
    local document, why = json.decode(text)
    if document == nil then return nil, ("%s is not JSON: %s"):format(path, why) end
    return { document }
  end
  local list = {}
  for line in text:gmatch "[^\n]*%S[^\n]*" do
    local document, why = json.decode(line)
    if document == nil then return nil, ("%s: line %d is not JSON: %s"):format(path, #list + 1, why) end
    list[#list + 1] = document
  end
  return list
end

---The points of one file.
---@param path string of a JSON document, or with the ending .jsonl of one a line
---@return specbench.compare.point[]? points in the file's order; nil where it is no such file
---@return string tool|message what wrote it; or what is wrong
function other_tools.read(path)
  local text, message = fs.read(path)
  if not text then return nil, message end
  local documents, flaw = documents_of(path, text)
  if not documents then return nil, flaw end
  local points, tool = {}, nil
  for _, document in ipairs(documents) do
    local found, wrote = points_of(document)
    if not found or tool and tool ~= wrote then
      points = {}
      break
    end
    tool = wrote
    table.move(found, 1, #found, #points + 1, points)
  end
  if #points == 0 then return nil, ("%s is no result of %s"):format(path, NAMED) end
  return points, tool
end

return other_tools
