-- Servers that nobody knows: profiles of the simulator whose costs and acceptances are drawn, and whole grids measured
-- on them in virtual time, to judge a search by that was shown a part.

local environment = require "sb.environment"
local find_k = require "specbench.sweep.find_k"
local fs = require "sb.fs"
local grid = require "specbench.experiment.grid"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local plan = require "specbench.experiment.plan"
local rng = require "sb.rng"
local round = require "specbench.experiment.round"
local store = require "specbench.results.store"
local sweep = require "specbench.sweep"

local world = {}

local TASKS = { "conversation", "math_reasoning", "qa", "translation" }
local METHODS = { "draft", "eagle", "ngram" }

---A round over methods, k, tasks and loads.
---@return specbench.round
function world.round()
  return round.new {
    name = "hidden", baseline = { method = "none" },
    axes = {
      { "method", { "none", table.unpack(METHODS) } },
      { "k", { 1, 2, 3, 4, 5 }, when = function(c) return c.method ~= "none" end },
      { "task", TASKS }, { "concurrency", { 1, 4, 8, 12, 16, 32, 64, 128 } },
    },
    server = function(c)
      return { model = "qwen2.5-7b", method = c.method, k = c.k,
        draft = (c.method == "draft" or c.method == "eagle") and "qwen2.5-0.5b" or nil }
    end,
    workload = function(c)
      return { prompts = { dataset = "spec_bench", subset = c.task:gsub("_", "-"), count = 80 },
        limits = { max_tokens = 512 } }
    end,
  }
end

local function between(random, low, high)
  return low + (high - low) * random:uniform()
end

-- Even in the logarithm.
local function about(random, low, high)
  return low * (high / low) ^ random:uniform()
end

local function draw_acceptance(random, is_lookup)
  local first = between(random, 0.3, 0.92)
  local conditional, share = { first }, between(random, 0.7, 1.02)
  for i = 2, 5 do conditional[i] = math.min(0.95, conditional[i - 1] * share) end
  return { conditional = conditional, draft_rate = is_lookup and between(random, 0.2, 0.7) or nil }
end

---A profile; every other one has kernels that grow slower beyond some tokens in a batch.
---@param seed integer
---@return table
function world.profile(seed)
  local random = rng.new(seed)
  local base = assert(json.decode(assert(fs.read(environment.home .. "/runtime/sim/profiles/qwen2.5-7b.json"))))
  local size = about(random, 0.6, 6)
  local plain = { alpha = 11 * size, gamma = about(random, 0.04, 0.2) * size, prefill_base = 10 * size,
    prefill_token = 0.055 * size, prefill_request = 1.5, request_overhead = about(random, 3, 20) }
  local bends = seed % 2 == 0
  local bend_at = about(random, 48, 256)
  if bends then plain.bend, plain.bend_at = plain.gamma * between(random, 0.5, 2), bend_at end
  base.name, base.source, base.plain, base.methods = "hidden-" .. seed, "drawn", plain, {}
  base.default_method = METHODS[1]
  for _, method in ipairs(METHODS) do
    local is_lookup = method == "ngram"
    local cost = { alpha = plain.alpha * between(random, 1.02, 1.3),
      beta = plain.alpha * (is_lookup and 0.005 or about(random, 0.02, 0.2)),
      gamma = plain.gamma * between(random, 1, 3), delta = plain.gamma * between(random, 0.3, 1.7),
      epsilon = between(random, 0.005, 0.1) * size, bend = plain.bend, bend_at = plain.bend_at,
      prefill_base = plain.prefill_base * 1.05, prefill_token = plain.prefill_token * 1.05, prefill_request = 1.5,
      request_overhead = plain.request_overhead + 2 }
    local acceptance = { default = draw_acceptance(random, is_lookup) }
    for _, task in ipairs(TASKS) do acceptance["SpecBench_" .. task] = draw_acceptance(random, is_lookup) end
    base.methods[method] = { source = "drawn", cost = cost, acceptance = acceptance }
  end
  return base
end

---@class world.measured
---@field name string
---@field round table
---@field places specbench.search.place[]
---@field by_place table<string, table> cells
---@field any_model boolean? a baseline of another model counts
---@field bends boolean

---Measures a whole grid.
---@param seed integer
---@param narrow string[]? as --only has it
---@return world.measured
function world.measure(seed, narrow)
  local folder = assert(fs.temporary())
  local _gone <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  local profile = world.profile(seed)
  os.remove(folder)
  assert(fs.mkdir(folder))
  assert(fs.write(folder .. "/hidden.json", json.encode(profile)))
  local r = world.round()
  grid.only(r, narrow or {})
  local options = { engine = "sim", virtual = true, repeats = 1, seed = 12345, no_text = true, no_records = true,
    quiet = true, no_rerun = true, model = { "qwen2.5-7b=" .. folder .. "/hidden.json" } }
  local the_plan = plan.new(r, options)
  local the_store <close> = assert(store.create(folder .. "/results", round.about(r)))
  sweep.run(the_plan, the_store, options)
  local by_place = {}
  for _, cell in ipairs(the_store:cells()) do by_place[keys.place(cell.key)] = cell end
  return { name = tostring(seed), round = the_plan.round, places = find_k.places(the_plan, options),
    by_place = by_place, bends = profile.plain.bend ~= nil }
end

return world
