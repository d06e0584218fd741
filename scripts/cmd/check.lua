-- Says what is wrong with a file that somebody wrote, before anything is started with it.

local blame = require "specbench.base.blame"
local command = require "specbench.cli.command"
local engines = require "specbench.engine"
local examine = require "specbench.engine.examine"
local foreign = require "specbench.base.foreign"
local models = require "specbench.experiment.models"
local option_groups = require "specbench.cli.option_groups"
local plan = require "specbench.experiment.plan"
local plan_text = require "specbench.experiment.plan_text"
local preflight = require "specbench.experiment.preflight"
local round_file = require "specbench.experiment.round_file"
local tables = require "specbench.base.tables"

local self = {
  name = "check",
  summary = "Check a round, a script, a models file or an engine's file",
  description = "Starts and sends nothing. A round is planned whole, every cell's functions called, with the options "
    .. "of specbench plan; of a script only the syntax is checked; an engine's functions are called with every method "
    .. "and key that a round may give. What is wrong is told with its place and ends with status 1; warnings do not.",
  positionals = { { name = "FILE", declares = true, help = "round, script, models file or engine's file" } },
  options = option_groups.of { "grid", "engine", "data" },
  examples = {
    "specbench check my_round.lua --engine vllm --models my_models.lua", "specbench check ./my_engine.lua",
  },
}

local function count(number, what)
  return ("%d %s%s"):format(number, what, number == 1 and "" or "s")
end

local check = {}

-- Only a second repeat shows whether prompts are drawn with the cell's seed.
local function seed_warning(r, options)
  if options.repeats > 1 then return nil end -- the plan's own warnings have it
  return plan_text.same_prompts(plan.new(r, setmetatable({ repeats = 2 }, { __index = options })))
end

function check.round(path, options)
  local r = command.load_round(path, options)
  local the_plan = plan.new(r, options)
  local servers, warnings = {}, plan_text.baselines(the_plan)
  for _, line in ipairs(plan_text.warnings(the_plan)) do warnings[#warnings + 1] = line end
  warnings[#warnings + 1] = seed_warning(r, options)
  for _, job in ipairs(the_plan.jobs) do servers[job.server_key] = true end
  local left_out = {}
  for _, cell in ipairs(the_plan.refused) do left_out[cell.reason] = (left_out[cell.reason] or 0) + 1 end
  for _, reason in ipairs(tables.keys(left_out)) do
    warnings[#warnings + 1] = ("%s left out: %s"):format(count(left_out[reason], "cell"), reason)
  end
  local lacking = preflight.flaw(the_plan, function() return true end)
  if lacking then warnings[#warnings + 1] = "a run would stop here: " .. lacking end
  return ("a round: %s on %s (engine %s)"):format(count(#the_plan.jobs, "cell"), count(#tables.keys(servers), "server"),
    the_plan.engine.name), {}, warnings
end

function check.script()
  return "a script: its syntax is right; what it does shows when it runs", {}, {}
end

-- Read to its end without a measurement: perhaps a round that nobody gets.
function check.nothing()
  return "it returns nothing", {}, { "a round ends with `return bench.round { ... }`, a script measures in bench.main" }
end

function check.models(path, options)
  local known, message = models.load { models = path }
  if not known then return "a models file", { message }, {} end
  local warnings, engine = {}, engines.load(options.engine)
  for _, name in ipairs(known.in_file) do
    local ok, missing = pcall(known.resolve, known, name, engine)
    if not ok then warnings[#warnings + 1] = missing end
  end
  return ("a models file: %s"):format(count(#known.in_file, "model")), {}, warnings
end

function check.engine(path)
  local ok, engine = pcall(engines.load, path)
  if not ok then return "an engine's file", { engine }, {} end
  local flaws, warnings = examine.engine(engine)
  return ("an engine's file: %s, with %s"):format(engine.name, table.concat(tables.keys(engine.methods), ", ")), flaws,
    warnings
end

-- What a file is by what it gives when it is read as a round is.
local function kind_of(path)
  local result, message, trouble = round_file.read(path)
  if trouble == "script" then return "script" end
  if message and message:find("engine: ", 1, true) == 1 then return "engine" end
  if message then return nil, message end
  if result == nil then return "nothing" end
  if type(result) ~= "table" then return "script" end
  if result.is_round then return "round" end
  return (result.unsupported or result.capabilities or result.command) and "engine" or "models"
end

function self.run(options, positionals)
  local path = positionals[1]
  local kind, message = kind_of(path)
  if not kind then command.fail(message) end
  local what, flaws, warnings = check[kind](path, options)
  print(foreign.clean(("%s: %s"):format(path, what)))
  command.warn(warnings)
  for _, flaw in ipairs(flaws) do io.stderr:write("specbench: ", foreign.clean(blame.shown(flaw)), "\n") end
  return #flaws > 0 and 1 or 0
end

return self
