-- Says what a run would do: cells, servers, expected time. Starts nothing.

local command = require "specbench.cli.command"
local counted = require("specbench.answer.words").count
local duration = require "specbench.base.duration"
local finding = require "specbench.cli.finding"
local match = require "specbench.experiment.match"
local option_groups = require "specbench.cli.option_groups"
local plan = require "specbench.experiment.plan"
local plan_json = require "specbench.cli.plan_json"
local plan_text = require "specbench.experiment.plan_text"
local preflight = require "specbench.experiment.preflight"
local rehearsal = require "specbench.sweep.rehearsal"
local secrets = require "specbench.base.secrets"
local shell = require "specbench.base.shell"
local store = require "specbench.results.store"
local sweep = require "specbench.sweep"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"

local self = {
  name = "plan",
  summary = "Show what a run would do: cells, servers, estimated time",
  description = "Takes the options of specbench run, so that a command line can be tried before it runs. With "
    .. "--virtual the simulator plays every cell, and times are its own instead of a rule of thumb's.",
  positionals = { { name = "ROUND", declares = true, help = "round file" } },
  options = option_groups.of {
    "grid", "engine", "data", "measure", "search", "share", "deadlines", "results",
    { long = "show-argv", type = "flag", help = "print the command line of every server" },
    { long = "cells", type = "flag", help = "list every cell" },
  },
  examples = {
    "specbench plan rounds/round2.lua --engine vllm --show-argv",
    { "specbench plan rounds/round2.lua --out /shared/round2 --json", "what workers (run --share) have done and left" },
  },
}

-- As a shell takes it: `env -u NAME` unsets.
local function command_line(argv, env)
  local words, names = {}, tables.keys(env)
  for _, name in ipairs(names) do
    if not env[name] then words[#words + 1] = (words[1] and "" or "env ") .. "-u " .. name end
  end
  for _, name in ipairs(names) do
    if env[name] then words[#words + 1] = name .. "=" .. shell.word(tostring(env[name])) end
  end
  words[#words + 1] = shell.line(argv)
  return table.concat(words, " ")
end

-- What each server is asked for, and how much of it is done in the results folder already.
local function servers_of(the_plan, done)
  local servers, by_key, gpus, pending, seconds = {}, {}, {}, 0, 0
  for _, session in ipairs(the_plan.sessions) do
    for _, slot in ipairs(session.slots) do gpus[slot.key] = slot.gpus end
  end
  for _, batch in ipairs(the_plan.batches) do
    local missing = 0
    for i, job in ipairs(batch) do
      local key = batch.slots[i]
      local s = by_key[key]
      if not s then
        s = { job = job, gpus = gpus[key], cells = 0, pending = 0, seconds = 0 }
        by_key[key] = s
        servers[#servers + 1] = s
      end
      s.cells = s.cells + 1
      if not (done and done:has(job.id)) then
        missing = missing + 1
        s.pending = s.pending + 1
        s.seconds = s.seconds + job.cost
      end
    end
    pending = pending + missing
    seconds = seconds + (missing > 0 and plan.cost(batch) or 0)
  end
  return servers, pending, seconds
end

local function print_servers(servers, time)
  local rows = {}
  for i, s in ipairs(servers) do
    local server = s.job.server
    local method = (server.method or "none")
      .. (server.pinned and (" (%s)"):format(s.job.coordinates[match.AXIS]) or "")
    rows[i] = { i, server.model.name, method, server.k or "", s.cells, s.pending, time(s.seconds) }
  end
  io.stdout:write(text_table.render {
    columns = { text_table.right "server", { title = "model" }, { title = "method" },
      text_table.right "k", text_table.right "cells", text_table.right "to do",
      text_table.right "estimate" },
    rows = rows,
  })
end

-- How the run would go, and how long that takes.
local function print_course(the_plan, ahead, options, time)
  io.stdout:write("Comparison: ", match.line(options.match), "\n")
  if options.limits then io.stdout:write("Answers: as long as the limits '", options.limits, "' say\n") end
  for _, line in ipairs(plan_text.course(the_plan, ahead, options, time)) do io.stdout:write(line, "\n") end
  if not options.rule then return end
  local whole = 0
  for _, batch in ipairs(the_plan.batches) do whole = whole + plan.cost(batch) end
  io.stdout:write(plan_text.until_line(the_plan, ahead, sweep.cost(the_plan, whole), options, time), "\n")
end

-- What is left out, what should be known, and what speaks against it.
local function print_notes(the_plan, is_done, done)
  local reasons = {}
  for _, cell in ipairs(the_plan.refused) do reasons[cell.reason] = (reasons[cell.reason] or 0) + 1 end
  for _, reason in ipairs(tables.keys(reasons)) do
    io.stdout:write(("Left out: %d cells: %s\n"):format(reasons[reason], reason))
  end
  local guess = plan_text.guess(the_plan)
  if guess then io.stdout:write("Note: ", guess, "\n") end
  for _, note in ipairs(preflight.notes(the_plan)) do io.stdout:write("Note: ", note, "\n") end
  local flaw = preflight.flaw(the_plan, function(job) return not is_done(job) end)
  if flaw then io.stdout:write("Warning: a run would stop here: ", flaw, "\n") end
  for _, line in ipairs(plan_text.baselines(the_plan, done and function() return done:cells() end)) do
    io.stdout:write("Warning: ", line, "\n")
  end
  for _, line in ipairs(plan_text.warnings(the_plan)) do io.stdout:write("Warning: ", line, "\n") end
end

-- Of families that go side by side nobody knows the GPUs before: each takes those that are free when it begins.
local function places(gpus)
  local list = {}
  for i in ipairs(gpus) do list[i] = ("{gpu%d}"):format(i) end
  return list
end

local function print_argv(the_plan, servers, side_by_side)
  for i, s in ipairs(servers) do
    local argv, env, url, config = plan.command(the_plan, s.job, side_by_side and s.gpus and places(s.gpus) or s.gpus)
    io.stdout:write(("\n# server %d: %s\n%s\n"):format(i, s.job.server.model.name,
      url and "(already up) " .. secrets.url(url) or command_line(secrets.argv(argv), secrets.env(env))))
    if config then io.stdout:write("# {config} holds:\n", config) end
  end
end

function self.run(options, positionals)
  local find = finding.read(options)
  if options.json then
    if find then command.fail("--json lists the pieces of run --share, which has no --find: leave out one", 2) end
    return plan_json.run(options, positionals[1])
  end
  local r = command.load_round(positionals[1], options)
  local the_plan = finding.plan(find, r, options)
  -- a list of cells or command lines is for comparing plans, byte by byte
  local is_exact = options.virtual or options.cells or options.show_argv
  local time = is_exact and duration.exact or duration.rough
  local done = not options.fresh and store.open(command.results_folder(r, options))
  if done then command.warn(done.warnings) end
  local function is_done(job) return done and done:has(job.id) end
  if options.virtual then rehearsal.time(the_plan, is_done) end
  local servers, pending, seconds = servers_of(the_plan, done)
  print_servers(servers, time)
  io.stdout:write(("\n%s on %s (engine %s), %d to do; %s, server starts not included\n")
    :format(counted(#the_plan.jobs, "cell"), counted(#servers, "server"), the_plan.engine.name, pending,
      (options.virtual and "by the simulator %s" or is_exact and "estimated %s"
        or "roughly %s by a rule of thumb that knows neither engine nor method")
        :format(time(seconds))))
  local ahead = sweep.cost(the_plan, seconds, is_done)
  print_course(the_plan, ahead, options, time)
  print_notes(the_plan, is_done, done)
  if options.show_argv then print_argv(the_plan, servers, ahead.list) end
  if options.cells then
    io.stdout:write "\n"
    for _, job in ipairs(the_plan.jobs) do io.stdout:write(job.id, "  ", job.description, "\n") end
  end
  return 0
end

return self
