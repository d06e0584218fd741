-- Fits a model of a server's costs to a results folder, and writes it as a profile of the simulator.

local command = require "specbench.cli.command"
local families = require "specbench.predict.families"
local fs = require "sb.fs"
local predict_input = require "specbench.predict.input"
local predictions = require "specbench.report.predictions"
local profile = require "specbench.predict.profile"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"

local self = {
  name = "fit",
  summary = "Fit a server's costs and acceptance to a results folder; writes a profile of the simulator",
  description = "Of every method of DIR with its baseline: what a step costs by k, sequences and context, what a "
    .. "prefill stalls, which share of drafts each task accepts, how its answers' lengths spread; with 90 % intervals, "
    .. "and how far the measured cells are off. Each method becomes a profile that specbench sim --profile and "
    .. "specbench run --model NAME=FILE.json take. Closed loops only.",
  positionals = { { name = "DIR", help = "results folder, or one of the reference system's" } },
  options = {
    { long = "method", arg = "NAME", help = "this method alone, as the fit's headings name it, or a part of the name" },
    { long = "baseline", arg = "NAME", help = "compare with what the round calls so (as-published: of another model "
      .. "too)" },
    { long = "out", short = "o", arg = "DIR", help = "write profiles there, not into DIR" },
    { long = "leave-out", type = "flag", help = "also fit without each of the method's cells in turn, and say how far "
      .. "off the others' prediction of it is" },
    { long = "no-profile", type = "flag", help = "print only" },
  },
  examples = {
    "specbench fit results/round1",
    { "specbench fit published --baseline as-published --out profiles", "the reference system's own results" },
    { "specbench run mine.lua --virtual --model qwen2.5-7b=profiles/draft.json", "play it again" },
  },
}

local COSTS = {
  { "alpha", "ms a step" }, { "beta", "ms a draft token" }, { "gamma", "ms a sequence" },
  { "delta", "ms a sequence and draft token" }, { "epsilon", "ms a token and 1000 tokens of context" },
  { "bend", "ms more a token of the batch" }, { "bend_at", "beyond so many tokens" },
  { "prefill_base", "ms a prefill" }, { "prefill_token", "ms a prompt token" },
  { "request_overhead", "ms a request" },
}

local function figure(estimate)
  if not estimate then return "-" end
  return ("%.4g [%.3g, %.3g]"):format(estimate.value, estimate.low, estimate.high)
end

local function costs_text(costs)
  local rows = {}
  for _, cost in ipairs(COSTS) do
    rows[#rows + 1] = { cost[1], figure(costs.method and costs.method[cost[1]]),
      figure(costs.plain and costs.plain[cost[1]]), cost[2] }
  end
  return text_table.render { columns = { { title = "cost" }, { title = "method" }, { title = "baseline" },
    { title = "" } }, rows = rows }
end

local function acceptance_text(acceptance)
  local rows = {}
  for i, work in ipairs(tables.keys(acceptance)) do
    local own = acceptance[work]
    rows[i] = { work, figure(own.first), figure(own.later), figure(own.spread) }
  end
  return text_table.render { columns = { { title = "task" }, { title = "first token accepted" },
    { title = "each later one" }, { title = "spread of lengths" } }, rows = rows }
end

-- How far the model alone is off its own cells, and which cells it could make nothing of.
local function residuals_text(fitted)
  local errors, strange = {}, {}
  for _, stranger in ipairs(fitted:strangers()) do strange[stranger.cell] = true end
  for _, cell in ipairs(fitted.cells) do
    if not strange[cell] then
      local measured = (cell.input_tokens + cell.output_tokens) / cell.seconds
      errors[#errors + 1] = math.abs(fitted:predict(cell).model / measured - 1)
    end
  end
  table.sort(errors)
  local sum = 0
  for _, error in ipairs(errors) do sum = sum + error end
  local lines = { ("%d cells, %d of them set aside; the model alone is %.1f %% off on average, 9 of 10 within %.1f %%")
    :format(#fitted.cells, #fitted.cells - #errors, 100 * sum / #errors,
      100 * errors[math.ceil(0.9 * #errors)]) }
  local aside = predictions.set_aside(fitted)
  return table.concat(table.move(aside, 1, #aside, 2, lines), "\n") .. "\n"
end

-- How far off the speed-ups are that the fit would have told of cells that it did not see.
local function left_out_text(family)
  local list = families.left_out(family)
  if #list == 0 then return "Left out one by one: too few cells\n" end
  local sum, worst, within = 0, 0, 0
  for _, one in ipairs(list) do
    local error, seen = math.abs(one.seen.ratio / one.row.ratio - 1), one.seen
    sum, worst = sum + error, math.max(worst, error)
    within = within + (seen.low <= one.row.ratio and one.row.ratio <= seen.high and 1 or 0)
  end
  return ("Left out one by one, %d cells' speed-ups are predicted %.1f %% off on average, %.1f %% at worst; %d lie in "
    .. "their 90 %% interval\n"):format(#list, 100 * sum / #list, 100 * worst, within)
end

local function write_profile(folder, family, input, taken)
  local method = profile.method(family.measured[1])
  local model, name = tostring(family.measured[1].model):match "[^/]*$", method
  if taken[name] then name = ("%s-%d"):format(method, taken[name] + 1) end
  taken[method] = (taken[method] or 0) + 1
  local source = ("%s fitted to %d cells of %s%s; limits assumed"):format(family.name, #family.fitted.cells,
    input.about.title or input.about.round, input.simulated and ", which were simulated" or "")
  local path = ("%s/%s.json"):format(folder, (name:gsub("[^%w.-]", "_")))
  assert(fs.mkdir(folder))
  assert(fs.write(path, profile.text(("%s-%s"):format(model, name), source, family)))
  return path
end

function self.run(options, positionals)
  local input, message = predict_input.open(positionals[1], { baseline = options.baseline })
  if not input then command.fail(message) end
  command.warn(input.warnings)
  if input.reference and not (options.out or options.no_profile) then
    command.fail(positionals[1] .. " holds the reference system's results: say with --out where to write", 2)
  end
  local list = families.of(input.measured, {}, input.about, input.index)
  local taken, fitted = {}, 0
  for _, family in ipairs(list) do
    if not options.method or family.name:find(options.method, 1, true) then
      io.stdout:write(("%s%s\n"):format(family.name, family.baseline and ", against " .. family.baseline or ""))
      if #family.measured < families.LEAST then
        io.stdout:write("Not fitted: ", family.why, "\n\n")
      else
        local found = families.fit(family)
        fitted = fitted + 1
        io.stdout:write(costs_text(found:costs()), acceptance_text(found:acceptance()), residuals_text(found))
        if options.leave_out then io.stdout:write(left_out_text(family)) end
        if not options.no_profile then
          local folder = options.out or positionals[1] .. "/profiles"
          io.stdout:write("Profile: ", write_profile(folder, family, input, taken), "\n")
        end
        io.stdout:write "\n"
      end
    end
  end
  if fitted == 0 then
    command.fail(options.method and ("no method like '%s' could be fitted"):format(options.method)
      or "nothing could be fitted: measure cells of a method")
  end
  return 0
end

return self
