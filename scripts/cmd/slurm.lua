-- Hands a round to Slurm: arrays of workers on one results folder, or one job that searches, and a report after them.

local command = require "specbench.cli.command"
local counted = require("specbench.answer.words").count
local duration = require "specbench.base.duration"
local environment = require "sb.environment"
local finding = require "specbench.cli.finding"
local fs = require "sb.fs"
local option_groups = require "specbench.cli.option_groups"
local plan_json = require "specbench.cli.plan_json"
local preflight = require "specbench.experiment.preflight"
local program = require "specbench.base.program"
local shell = require "specbench.base.shell"

local SIGNAL_S = 120 -- before its time is over a worker is told to end: servers need theirs
local MARGIN = 1.5 -- of what the plan expects: estimates are rough, and what is not done goes on with the same command
local LEAST_S = 1800

local own = {
  { group = "Slurm", long = "workers", arg = "N", type = "int", min = 1, max = 1000, default = 4,
    help = "workers of each number of GPUs at most (never more than there are pieces of work)" },
  { group = "Slurm", long = "dry-run", type = "flag",
    help = "write the scripts and print the commands, submit nothing" },
  { group = "Slurm", long = "no-report", type = "flag", help = "no report job after the workers" },
}

local self = {
  name = "slurm",
  summary = "Submit a round to Slurm as arrays of workers that share one results folder",
  description = "Writes and submits one job array for each number of GPUs that servers need, whose tasks are workers "
    .. "(specbench run --share), and a report job after them; prints their ids. squeue and scancel do the rest; the "
    .. "same command again goes on with what is not done. With --find k or --budget it is one job: a search asks for "
    .. "one cell at a time. What stands behind -- goes to sbatch as it is.",
  positionals = {
    { name = "ROUND", declares = true, help = "round file, or the name of one that comes with specbench" },
    { name = "SBATCH", optional = true, many = true,
      help = "behind --: options of sbatch (--partition=..., --account=...)" },
  },
  options = option_groups.of {
    "grid", "engine", "data", "measure", "share", "search", "deadlines", "results", table.unpack(own),
  },
  examples = {
    { "specbench slurm rounds/round2.lua --engine vllm --models my_models.lua --out /shared/round2 --workers 8 -- "
      .. "--partition=gpu", "eight workers of each number of GPUs" },
    { "specbench slurm rounds/round1.lua --engine vllm --models my_models.lua --out /shared/round1 --budget 3h -- "
      .. "--partition=gpu", "the best k, by one job of three hours" },
  },
}

-- The words that this command was given, as run takes them, and more behind them.
local function run_words(folder, more)
  local mine, words, skip = {}, {}, false
  for _, option in ipairs(own) do mine["--" .. option.long] = option end
  for i = 2, #arg do
    local word = arg[i]
    if word == "--" then break end
    local name = word:match "^(%-%-[^=]+)"
    local is_out = name == "--out" or word == "-o"
    local option = mine[name]
    if skip then
      skip = false
    elseif option or is_out then
      skip = not word:find("=", 1, true) and (is_out or option.type ~= "flag")
    elseif word ~= "--share" and word ~= "--no-wait" then
      words[#words + 1] = word
    end
  end
  for _, word in ipairs { "--out", folder, table.unpack(more) } do words[#words + 1] = word end
  return words
end

-- "1-02:30:00" as sbatch takes it, whole minutes.
local function time_limit(seconds)
  local minutes = math.ceil(seconds / 60)
  return ("%d-%02d:%02d:00"):format(minutes // 1440, minutes % 1440 // 60, minutes % 60)
end

-- What is left to do, by the number of GPUs that it needs; the largest first.
local function groups_of(units)
  local by_gpus, list = {}, {}
  for _, unit in ipairs(units) do
    if unit.state == "open" or unit.state == "running" then
      local group = by_gpus[unit.gpus]
      if not group then
        group = { gpus = unit.gpus, units = 0, seconds = 0, longest = 0 }
        by_gpus[unit.gpus] = group
        list[#list + 1] = group
      end
      group.units, group.seconds = group.units + 1, group.seconds + unit.seconds
      group.longest = math.max(group.longest, unit.seconds)
    end
  end
  return list
end

local function write_script(path, directives, cwd, words)
  local lines = { "#!/bin/sh" }
  for _, directive in ipairs(directives) do lines[#lines + 1] = "#SBATCH " .. directive end
  lines[#lines + 1] = ("cd %s || exit"):format(shell.word(cwd))
  lines[#lines + 1] = ("SPECBENCH_HOME=%s exec %s"):format(shell.word(environment.home), shell.line(words))
  local ok, message = fs.write(path, table.concat(lines, "\n") .. "\n")
  if not ok then command.fail(message) end
end

-- Submits a script; the id that sbatch gave it.
local function submit(words, dry_run)
  local line = "sbatch --parsable " .. shell.line(words)
  if dry_run then
    io.stdout:write(line, "\n")
    return "ID"
  end
  local pipe = assert(io.popen("exec " .. line))
  local id = (pipe:read "a"):match "^(%d+)"
  if not pipe:close() or not id then command.fail(("sbatch refused it: %s"):format(line)) end
  return id
end

-- What workers are handed: a job array for each number of GPUs.
local function arrays(groups, options)
  local jobs = {}
  for i, group in ipairs(groups) do
    local count = math.min(options.workers, group.units)
    local expected = math.max(group.seconds / count, group.longest)
    jobs[i] = { name = ("workers-%d"):format(group.gpus), gpus = group.gpus, array = count,
      seconds = MARGIN * expected + SIGNAL_S, of_run = { "--share", "--no-wait" },
      said = ("%s%%s, %s, about %s"):format(counted(count, "worker"),
        counted(group.units, "piece of work", "pieces of work"), duration.rough(expected)) }
  end
  return jobs
end

-- What a search is handed: one job, on as many GPUs as its largest server needs. How long it takes is not known before:
-- as long as its budget, or as the whole grid at most.
local function searching(groups, options)
  local gpus, seconds = 1, 0
  for _, group in ipairs(groups) do gpus, seconds = math.max(gpus, group.gpus), seconds + group.seconds end
  local longest = options.budget and math.min(options.budget, MARGIN * seconds) or MARGIN * seconds
  return { { name = "search", gpus = gpus, seconds = longest + SIGNAL_S, of_run = {},
    said = ("one search%%s, %s at most"):format(duration.rough(longest)) } }
end

-- Why a search cannot be handed to Slurm, if it cannot.
local function check_search(options, find, the_plan)
  if options.find == "rate" then
    command.fail("slurm --find rate: nothing tells before how long that takes: give sbatch a time and "
      .. "`specbench run ROUND --find rate` itself (sbatch --time=... --wrap='specbench run ...')", 2)
  end
  local flaw = find.flaw(options) or find.refusal(the_plan)
  if flaw then command.fail(flaw, 2) end
end

function self.run(options, positionals)
  local find = finding.read(options)
  if find and options.share then command.fail(finding.SHARED, 2) end
  if not options.dry_run and not program.is_there "sbatch" then
    command.fail "there is no sbatch on PATH: this is no machine of a Slurm cluster (--dry-run writes the scripts)"
  end
  local sbatch = table.move(positionals, 2, #positionals, 1, {})
  local round = command.find_round(positionals[1])
  local units, the_plan, folder = plan_json.units(options, round)
  if find then check_search(options, find, the_plan) end
  local groups, cwd = groups_of(units), assert(fs.realpath ".")
  if #groups == 0 then
    io.stdout:write(("nothing to do: all %d pieces are done in %s\n"):format(#units, folder))
    return 0
  end
  local flaw = preflight.flaw(the_plan, function() return true end)
  if flaw then command.warn { "on this machine a run would stop here: " .. flaw } end
  if folder:sub(1, 1) ~= "/" then folder = cwd .. "/" .. folder end
  local scripts = folder .. (find and "/slurm" or "/share/slurm")
  local ok, message = fs.mkdir(scripts)
  if not ok then command.fail(message) end
  local name, ids = "specbench-" .. the_plan.round.name, {}
  for _, job in ipairs(find and searching(groups, options) or arrays(groups, options)) do
    local directives = {
      "--job-name=" .. name, "--requeue", "--open-mode=append",
      ("--output=%s/%s.txt"):format(scripts, job.array and "%A_%a" or "%j"), ("--signal=B:TERM@%d"):format(SIGNAL_S),
      "--time=" .. time_limit(math.max(job.seconds, LEAST_S)),
      job.array and ("--array=1-%d"):format(job.array) or nil,
    }
    local on_gpus = ""
    if the_plan.engine.uses_gpus then
      directives[#directives + 1] = ("--gpus-per-node=%d"):format(job.gpus)
      on_gpus = (" of %d GPU%s"):format(job.gpus, job.gpus == 1 and "" or "s")
    end
    local script = ("%s/%s.sh"):format(scripts, job.name)
    write_script(script, directives, cwd, { environment.executable, "run",
      table.unpack(run_words(folder, job.of_run)) })
    local words = table.move(sbatch, 1, #sbatch, 1, {})
    words[#words + 1] = script
    ids[#ids + 1] = submit(words, options.dry_run)
    io.stdout:write(("%s: %s\n"):format(ids[#ids], job.said:format(on_gpus)))
  end
  if not options.no_report then
    local script = scripts .. "/report.sh"
    write_script(script, { "--job-name=" .. name .. "-report", ("--output=%s/report.txt"):format(scripts) }, cwd,
      { environment.executable, "report", folder, options.across_hosts and "--across-hosts" or nil })
    local words = table.move(sbatch, 1, #sbatch, 1, {})
    for _, word in ipairs { "--dependency=afterany:" .. table.concat(ids, ":"), script } do words[#words + 1] = word end
    io.stdout:write(("%s: the report, after them: %s/report.txt\n"):format(submit(words, options.dry_run), scripts))
  end
  return 0
end

return self
