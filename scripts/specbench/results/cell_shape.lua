-- What the fields of a cell.json and a round.json are, as far as anything here reads them: a file from elsewhere may
-- hold anything, and is checked once, where it is read.

local file_name = require "specbench.base.file_name"
local tables = require "specbench.base.tables"

local cell_shape = {}

local kinds = {
  string = { "a string", function(value) return type(value) == "string" end },
  number = { "a number", function(value)
    return type(value) == "number" and value == value and math.abs(value) < math.huge
  end },
  seconds = { "seconds from 0 to 1e9", function(value)
    return type(value) == "number" and value >= 0 and value <= 1e9
  end },
  integer = { "a whole number", math.tointeger },
  count = { "a whole number from 0 on", function(value) return math.type(value) == "integer" and value >= 0 end },
  amount = { "a number from 0 on", function(value)
    return type(value) == "number" and value >= 0 and value < math.huge
  end },
  boolean = { "true or false", function(value) return type(value) == "boolean" end },
  scalar = { "a string, a number or a boolean", function(value)
    return type(value) == "string" or type(value) == "boolean" or type(value) == "number" and value == value
  end },
  name = { "the name of a file", function(value) return not file_name.flaw(value) end },
  knob = { "an axis and its usual value", function(value)
    return type(value) == "table" and type(value[1]) == "string" and type(value[2]) ~= "table"
  end },
  table = { "an object or a list", function(value) return type(value) == "table" end },
  strings_or_true = { "an object or true", function(value) return type(value) == "table" or value == true end },
}

-- A field's rule: a kind's name, with "!" where the field must be there; a table of fields; or { list_of = rule },
-- { map_of = rule, and rules of its own for some names }.
local server = {
  model = { name = "scalar!", path = "scalar", url = "string", ["!"] = true }, method = "string", k = "number",
  multi_step = "number", tensor_parallel = "number", max_num_seqs = "number", ["!"] = true,
}

local function counts(rules, ...)
  for _, name in ipairs { ... } do rules[name] = "count" end
  return rules
end

local acceptance = {
  drafts = "amount", -- not whole where it follows from their tokens
  draft_tokens = "count", accepted_tokens = "count", steps = "count",
  rate = "number", mean_length = "number",
  per_position = { list_of = "number" }, source = "string", note = "string",
}

local machine = { host = "string", boot_id = "string", cpu = "string", cpus = "count", kernel = "string", os = "string",
  git_commit = "string", specbench = "string",
  gpus = { list_of = { index = "number", uuid = "string", name = "string", driver = "string" } } }

local published_row = { method = "name!", folder = "name!", task = "scalar", subtask = "scalar", context = "scalar",
  num_spec_tokens = "number", labels = { map_of = "scalar" } }

local effective = { map_of = "scalar", graph_tokens = "number", kv_cache_tokens = "number", max_running = "number" }

local cell = {
  id = "string!", key = "string!", round = "string", repetition = "integer!", started = "string!", status = "string!",
  coordinates = { map_of = "scalar", ["!"] = true }, baseline = "string", seed = "number", quick = "boolean",
  records = "boolean",
  engine = { name = "string!", version = "string", written_for = "string", version_trouble = "string", url = "string",
    ready_seconds = "number", chunk_is_step = "boolean", argv = { list_of = "scalar" },
    gpus = { list_of = "scalar" }, effective = effective },
  identity = {
    engine = "string", server = server, ["!"] = true,
    workload = { rate = "number", concurrency = "number", temperature = "number", count = "number", chat = "boolean",
      burstiness = "number", task = "string", ["!"] = true },
  },
  metrics = counts({ map_of = "number", drain = "boolean" }, "requests", "completed", "failed", "total_input_tokens",
    "total_output_tokens", "input_tokens_unknown", "output_tokens_unknown", "token_mismatches"),
  slo = { map_of = "number" }, input_tokens = "number", clock_scale = "number", virtual = "boolean",
  started_unix = "number", date = "string", load_seconds = "number", error = "string", note = "string",
  reference = published_row, export = { map_of = "table", ["spec-bench-vllm"] = published_row },
  own = { map_of = "number" }, own_trouble = "string",
  dataset = { kind = "string", note = "string", file = "string", profile = "string" }, machine = machine,
  acceptance = acceptance, acceptance_seen = acceptance,
  acceptance_unknown = "string", requests_counted = "integer", output_tokens_counted = "integer",
  prefix_cache = "string", answers_sha256 = "string", cache_trouble = "string",
  energy = { joules = "number!", seconds = "number!", source = "string!", gpus = { list_of = { uuid = "string",
    joules = "number", sm_clock_mhz = "number", power_limited_s = "number", thermal_limited_s = "number" } } },
  energy_unknown = "string",
  resent = "count", refused = "count", troubles = { list_of = "string" }, compilations = "count", lossy = "string",
  assumed = "boolean",
  profile_trouble = "string", profile = { files = { list_of = "string" } },
  certificate = { client_ok = "boolean", reasons = { list_of = "string" } },
  schedule = { order = "string", position = "number", start = "count" },
  lengths = { mode = "string", sha256 = "string", unknown = "string" }, tails = "table",
  rerun = { reason = "string!", flag = "string" }, files = { map_of = "string" }, rounded_from = "string",
  groups = { list_of = { name = "scalar!", requests = "number", output_tokens = "number", prompt_tokens = "number",
    output_throughput = "number", ttft_ms = "number", tpot_ms = "number", latency_per_token_ms = "number",
    acceptance = "number", span = "number" } },
}
cell.engine["!"] = true

local about = {
  round = "string!", title = "string", match = "string", engine = "string", baseline = { map_of = "scalar" },
  baselines = { map_of = "strings_or_true" },
  axes = { list_of = { name = "string!", values = { list_of = "scalar", ["!"] = true }, when = "boolean" },
    ["!"] = true },
  planned = { map_of = "string" },
  report = {
    heatmap = { x = "string!", y = "string!", per = { list_of = "string", ["!"] = true }, x_title = "string",
      y_title = "string", label_title = "string", value = "string" },
    settings = { groups_title = "string", knobs = { list_of = "knob", ["!"] = true } },
    maximum_keys = { list_of = "string" },
  },
}

local stopping = { cap = "count!", width = "number", tie = "number" }

local search = {
  tolerance = "number!", sure = "number!", budget = "seconds", spent = "seconds!", ended = "string", cells = "count!",
  measured = "count!", baselines_left = "count", refused = { map_of = "string", ["!"] = true },
  answers = { ["!"] = true, list_of = { method = "string!", work = "string!", concurrency = "number!", k = "number!",
    best = { map_of = "scalar", ["!"] = true }, pays = "boolean!", ratio = "number!", low = "number", high = "number",
    measured = "boolean!", sure = "number!", answered = "boolean!" } },
}

local is_needed = {}
for _, name in ipairs(tables.keys(kinds)) do
  kinds[name .. "!"], is_needed[name .. "!"] = kinds[name], true
end

local function within(place, name)
  local shown = tostring(name):sub(1, 60):gsub("%c", "?") -- a foreign file's names may be anything
  return place == "" and shown or ("%s.%s"):format(place, shown)
end

local check

-- A flaw; or nil where there is none. Without a place a flaw is only `true`: nearly all files are sound, and a report
-- reads hundreds of thousands of their fields.
local function check_value(value, rule, place)
  if type(rule) == "table" then
    if type(value) == "table" then return check(value, rule, place) end
    return not place or ("%s must be an object or a list, not a %s"):format(place, type(value))
  end
  local kind = kinds[rule]
  if not kind[2](value) then
    if not place then return true end
    local shown = type(value) == "table" and "a table" or tostring(value):sub(1, 40)
    return ("%s must be %s, not %s"):format(place, kind[1], (shown:gsub("%c", "?")))
  end
end

local function check_each(values, rules, place)
  local count, is_list = 0, rules.list_of ~= nil
  for name, value in pairs(values) do
    count = count + 1
    if is_list ~= (math.type(name) == "integer") then
      return not place or ("%s must be %s"):format(place, is_list and "a list" or "an object")
    end
    local own = name ~= "!" and rules[name] -- a foreign object may have a field of that name
    local flaw = check_value(value, rules.list_of or own or rules.map_of, place and within(place, name))
    if flaw then return flaw end
  end
  if is_list and count ~= #values then return not place or place .. " must be a list without gaps" end
end

function check(value, rules, place)
  if rules.list_of or rules.map_of then return check_each(value, rules, place) end
  for name, rule in pairs(rules) do
    if name ~= "!" then
      local field = value[name]
      if field ~= nil then
        local flaw = check_value(field, rule, place and within(place, name))
        if flaw then return flaw end
      elseif type(rule) == "table" and rule["!"] or is_needed[rule] then
        return not place or ("it has no %s"):format(within(place, name))
      end
    end
  end
end

---@param name string of one of a cell's metrics
---@return "integer"|"real"|"boolean" type
function cell_shape.type_of_metric(name)
  local rule = cell.metrics[name]
  if rule == "boolean" then return rule end
  return (rule == "count" or name:find "%.count$") and "integer" or "real"
end

---@param value table what a cell.json holds
---@return string? flaw "metrics.duration must be a number, not x"; nil where there is none
function cell_shape.flaw(value)
  if check(value, cell) then return check(value, cell, "") end
  if value.status ~= "failed" and not value.metrics then return "it has no metrics" end
end

---@param value table how a server says that it runs
---@return string? flaw
function cell_shape.effective_flaw(value)
  return check(value, effective, "")
end

---@param value any acceptance by an engine's counters
---@return string? flaw
function cell_shape.acceptance_flaw(value)
  return check_value(value, acceptance, "acceptance")
end

---@param value table what a round.json holds
---@return string? flaw
function cell_shape.round_flaw(value)
  return check(value, about, "")
end

---@param value table what an until.json holds
---@return string? flaw
function cell_shape.rule_flaw(value)
  return check(value, stopping, "") or not value.width == not value.tie and "it needs width or tie, one of them" or nil
end

---@param value table what a search.json holds
---@return string? flaw
function cell_shape.search_flaw(value)
  return check(value, search, "")
end

return cell_shape
