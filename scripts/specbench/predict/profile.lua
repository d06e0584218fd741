-- A fit as a profile of the simulator (runtime/sim/profiles/README.md), so that what was measured can be played again.

local json = require "specbench.base.json"
local occupancy = require "specbench.predict.occupancy"

local profile = {}

-- What no table of means tells; an engine's usual defaults.
local LIMITS = { max_num_seqs = 256, max_model_len = 32768, max_num_batched_tokens = 32768,
  chunked_prefill_tokens = 512, kv_capacity_tokens = 960000 }

local COSTS = { "alpha", "beta", "gamma", "delta", "epsilon", "bend", "bend_at", "prefill_base", "prefill_token",
  "request_overhead" }

-- The reference's folders call methods otherwise than the simulator.
local METHODS = { sps = "draft", pld = "ngram" }

local function rounded(value)
  return tonumber(("%.5g"):format(value))
end

local function cost_of(costs)
  local cost = {}
  for _, name in ipairs(COSTS) do
    if costs[name] then cost[name] = rounded(costs[name].value) end
  end
  -- a bend of which the cells said nothing
  if costs.bend and costs.bend.low < costs.bend.value / 4 then cost.bend, cost.bend_at = nil, nil end
  return cost
end

---The name by which the simulator knows a record's task.
---@param record specbench.predict.record
---@return string
function profile.task(record)
  local cell = record.cell
  local name = cell.row and record.coordinates.task or cell.identity.workload.task or record.work
  return tostring(name):sub(1, 47)
end

---@param record specbench.predict.record
---@return string as the simulator names methods
function profile.method(record)
  local name = record.cell.identity.server.method or "none"
  return METHODS[name] or name
end

---@param name string of the profile
---@param source string where its figures come from
---@param family specbench.predict.family fitted; measured cells of it and of its baseline
---@return string text JSON
function profile.text(name, source, family)
  local costs, acceptance = family.fitted:costs(), family.fitted:acceptance()
  local method = profile.method(family.measured[1])
  local outputs, accepted, sums = {}, {}, { mean = 0, spread = 0, first = 0, later = 0, count = 0 }
  for _, record in ipairs(family.measured) do
    local task, own = profile.task(record), acceptance[record.work]
    if not outputs[task] then
      local mean = occupancy.natural_mean(record, own.spread.value)
      outputs[task] = { mean = rounded(math.max(1, mean)), spread = rounded(own.spread.value) }
      accepted[task] = { conditional = json.array { rounded(own.first.value), rounded(own.later.value) } }
      sums.count, sums.mean, sums.spread = sums.count + 1, sums.mean + mean, sums.spread + own.spread.value
      sums.first, sums.later = sums.first + own.first.value, sums.later + own.later.value
    end
  end
  outputs.default = { mean = rounded(math.max(1, sums.mean / sums.count)), spread = rounded(sums.spread / sums.count) }
  accepted.default = { conditional = json.array { rounded(sums.first / sums.count), rounded(sums.later / sums.count) } }
  return json.encode({
    name = name:sub(1, 63), source = source, default_method = method, limits = LIMITS,
    plain = cost_of(costs.plain or costs.method), output = outputs,
    methods = { [method] = { source = "fitted with it", cost = cost_of(costs.method), acceptance = accepted } },
  }, { "name", "source", "default_method", "limits", "plain", "output", "methods" }) .. "\n"
end

return profile
