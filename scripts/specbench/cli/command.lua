-- What the commands share: loading a round with their options, and how a failure ends.

local adaptive = require "specbench.sweep.adaptive"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local engines = require "specbench.engine"
local environment = require "sb.environment"
local blame = require "specbench.base.blame"
local gpus = require "specbench.experiment.gpus"
local headers = require "specbench.cli.headers"
local http = require "specbench.http"
local json = require "specbench.base.json"
local refusal = require "specbench.experiment.refusal"
local repeats = require "specbench.analysis.repeats"
local round = require "specbench.experiment.round"
local round_file = require "specbench.experiment.round_file"
local grid = require "specbench.experiment.grid"
local tables = require "specbench.base.tables"
local unknown = require "specbench.base.unknown"
local versions = require "specbench.base.version"

local command = {}

---Ends the command with one line on standard error.
---@param message string
---@param code integer? exit status, default 1
function command.fail(message, code)
  error({ exit = code or 1, message = message }, 0)
end

---Writes a line a warning to standard error.
---@param lines string[]?
function command.warn(lines)
  for _, line in ipairs(lines or {}) do io.stderr:write("Warning: ", foreign.clean(line), "\n") end
end

local function handler(e)
  if type(e) == "table" then
    if e.exit then return e end
    local message = refusal.message_of(e)
    if message then return { exit = 1, message = message } end
  end
  return { exit = 1, message = blame.explain(blame.text(e)) }
end

---Runs a command's function; a failure becomes its line and its exit status.
---@param definition specbench.cli.command
---@return integer status
function command.run(definition, options, positionals)
  local ok, result = xpcall(definition.run, handler, options, positionals)
  if ok then return result or 0 end
  io.stdout:flush()
  if type(result) ~= "table" then result = handler(result) end -- no handler is called where there is no memory
  io.stderr:write("specbench: ", foreign.clean(blame.shown(tostring(result.message))), "\n")
  return result.exit
end

---The names of all commands, sorted.
---@return string[]
function command.names()
  local names = {}
  for _, file in ipairs(assert(fs.list(environment.home .. "/scripts/cmd"))) do
    names[#names + 1] = file:match "^(.*)%.lua$"
  end
  names[#names + 1] = "sim" -- which is C
  table.sort(names)
  return names
end

---@param name string
---@return string message
function command.unknown(name)
  return ("specbench: no command '%s'%s: specbench help lists the commands"):format(name,
    unknown.hint(name, command.names()))
end

---@param path string rounds/round2.lua as given, or the name of a round that comes with specbench
---@return string? path nil where there is none
function command.locate_round(path)
  if fs.stat(path) then return path end
  for _, candidate in ipairs { path .. ".lua", path } do
    local own = ("%s/rounds/%s"):format(environment.home, candidate:gsub("^rounds/", ""))
    if fs.stat(own) then return own end
  end
end

-- The round of the current folder, or of the path's, that was meant.
local function meant_here(path)
  if fs.stat(path .. ".lua") then return (" (did you mean '%s.lua'?)"):format(path) end
  local folder, files = path:match "^(.*/)" or "", {}
  for _, name in ipairs(fs.list(folder == "" and "." or folder) or {}) do
    if name:find "%.lua$" then files[#files + 1] = folder .. name end
  end
  return unknown.hint(path, files)
end

---@param path string as locate_round takes it; where there is none, the command ends
---@return string path
function command.find_round(path)
  local found = command.locate_round(path)
  if found and fs.stat(found).type == "folder" then
    command.fail(("%s is a folder, not a round's file%s"):format(path, fs.stat(found .. "/round.json")
      and ": specbench report shows the results in it" or ""), 2)
  end
  if found then return found end
  local here = meant_here(path)
  local names = {}
  for _, file in ipairs(fs.list(environment.home .. "/rounds") or {}) do
    names[#names + 1] = file:match "^(.*)%.lua$"
  end
  command.fail(("no round %s%s: give a round file, or one that comes with specbench: %s"):format(path,
    here ~= "" and here or unknown.hint(path, names), table.concat(names, ", ")), 2)
end

-- What the round refuses of a setting is the command line's mistake.
local function apply(change, r, settings, option)
  for _, setting in ipairs(settings) do
    local ok, e = pcall(change, r, { setting })
    if not ok then
      local message = refusal.message_of(e)
      if message then command.fail(("%s %s: %s"):format(option, setting, message), 2) end
      error(e, 0)
    end
  end
end

-- What --gpus names, and else what is visible, where servers need GPUs.
local function read_gpus(options)
  local named, flaw
  if options.gpus then named, flaw = gpus.read(options.gpus) end
  if not flaw and (named or engines.load(options.engine).uses_gpus) then named, flaw = gpus.choose(named, os.getenv) end
  if flaw then command.fail("--gpus " .. flaw, 2) end
  options.gpus = named and #named > 0 and named or nil
end

---Trusts the certificates of --cacert from now on.
---@param path string? nil: the system's
function command.trust(path)
  if not path then return end
  local ok, flaw = http.trust(path)
  if not ok then command.fail("--cacert: " .. flaw) end
end

local function check_engine(options)
  command.trust(options.cacert)
  local name, version, url = options.engine, options.engine_version, options.url
  local ok, engine = pcall(engines.load, name)
  if not ok then command.fail("--engine: " .. engine, engine:find "^unknown " and 2 or 1) end
  if url and engine.capabilities.spawn then
    command.fail(("--url needs --engine external or external:DIALECT: %s starts its own servers"):format(name), 2)
  end
  local flaw = url and http.flaw(url)
  if flaw then command.fail("--url: " .. flaw, 2) end
  options.url = url and http.root(url)
  if not version then return end
  if not (engine.capabilities.spawn and engine.version.probe) then
    command.fail(("--engine-version is of no use with engine %s: its command line has one form"):format(name), 2)
  end
  if not versions.numbers(version) then
    command.fail(("--engine-version %s: must be a version such as 0.26.0, or b10601 of llama.cpp"):format(version), 2)
  end
end

-- What a cell is made of, which the round and the run settle.
local OWN_FIELDS = tables.set_of {
  "model", "messages", "prompt", "stream", "stream_options", "max_tokens", "min_tokens", "seed", "n",
}

---Fields of requests as a command line has them: { "top_p=0.9" } and --temperature.
---@param settings string[]? of --body
---@param temperature number?
---@return table<string, any> body
function command.read_body(settings, temperature)
  local body = { temperature = temperature }
  for _, setting in ipairs(settings or {}) do
    local name, text = setting:match "^([%w_]+)=(.*)$"
    if not name then command.fail(("--body %s: must be KEY=VALUE"):format(setting), 2) end
    if OWN_FIELDS[name] then
      command.fail(("--body %s: '%s' is the round's or the run's to say"):format(setting, name), 2)
    end
    local value = json.decode(text)
    if value == nil then value = text end
    body[name] = value
  end
  if temperature and body.temperature ~= temperature then
    command.fail("--temperature and --body temperature= contradict each other", 2)
  end
  return body
end

---Lets every request from now on carry the headers of --header.
---@param settings string[]?
---@return string[]? told as results may tell of them; nil where there are none
function command.carry_headers(settings)
  if #(settings or {}) == 0 then return nil end
  local found, flaw = headers.read(settings)
  if not found then command.fail("--header: " .. flaw, 2) end
  http.carry(found.sent)
  return found.told
end

---Times as a command line has them: "1h", "45m", "600s".
---@param option string that has it
---@param text string
---@return number seconds
function command.read_time(option, text)
  local number, unit = text:match "^([%d.]+)([hms])$"
  number = tonumber(number)
  if not number or number <= 0 then
    command.fail(("%s %s: must be a time such as 1h, 45m or 600s"):format(option, text), 2)
  end
  return number * ({ h = 3600, m = 60, s = 1 })[unit]
end

---Objectives as a command line has them: "ttft=200,tpot=30" is { ttft = 200, tpot = 30 }.
---@param text string?
---@return table<string, number>? slo in ms; nil where none are given
function command.read_slo(text)
  if not text then return nil end
  local slo, known = {}, { ttft = true, tpot = true, e2el = true }
  for item in text:gmatch "[^,]+" do
    local name, ms = item:match "^(%w+)=([%d.]+)$"
    if not known[name] or not tonumber(ms) then
      command.fail(("--slo %s: '%s' is not ttft=MS, tpot=MS or e2el=MS"):format(text, item), 2)
    end
    slo[name] = tonumber(ms)
  end
  if not next(slo) then command.fail(("--slo %s: names no objective: ttft=MS, tpot=MS or e2el=MS"):format(text), 2) end
  return slo
end

-- --until and --cap as a rule; every cell gets the repeats of its first look.
local function read_rule(options)
  if not options["until"] then
    if options.cap then command.fail("--cap needs --until RULE: without it --repeats says how many there are", 2) end
    return nil
  end
  local rule, message = repeats.rule(options["until"], options.cap)
  if not rule then command.fail("--until: " .. message, 2) end
  if options.repeats > 1 then command.fail("--until finds the number of repeats: leave out --repeats", 2) end
  options.repeats = adaptive.first(rule)
  return rule
end

-- What is worked out from the records of cells that are measured already.
local function refuse_without_records(options)
  if not options.no_records then return end
  if options.rule then command.fail("--until judges paired speed-ups: leave out --no-records", 2) end
  if options.lengths == "replay" then
    command.fail("--lengths replay takes lengths from the baseline's records: leave out --no-records", 2)
  end
end

-- Virtual time is the simulator's alone, and passes at no speed.
local function refuse_with_virtual(options)
  local engine = engines.load(options.engine).name
  if engine ~= "sim" then
    command.fail(("--virtual: engine %s runs in real time; only sim does not"):format(engine), 2)
  end
  for _, name in ipairs { "speed", "profile", "url" } do
    if options[name] then command.fail(("--virtual: --%s has no meaning without real time"):format(name), 2) end
  end
end

-- Which piece of the work, where it is in pieces.
local function refuse_unshared(options)
  if options.unit_time then command.read_time("--unit-time", options.unit_time) end
  if options.unit and #options.unit > 0 and not options.share and not options.json then
    command.fail("--unit names a piece of the work of --share: leave it out, or add --share", 2)
  end
end

---Where the real data files are.
---@param named string? of --datasets
---@return string? folder nil: prompts are synthetic
function command.datasets(named)
  if not named then return nil end
  local folder, message = require("specbench.dataset.cache").resolve(named)
  if not folder then command.fail("--datasets cache: " .. message) end
  local found = fs.stat(folder)
  if not (found and found.type == "folder") then
    command.fail(("--datasets %s: no such folder: name the one that has the real data files, or leave it out for "
      .. "synthetic prompts of the same lengths"):format(folder))
  end
  return folder
end

---Loads a round and applies --quick, --set and --only; fills in defaults that depend on the rest.
---@param path string
---@param options table of the groups above
---@return specbench.round
function command.load_round(path, options)
  check_engine(options)
  options.datasets = command.datasets(options.datasets)
  if options.tokenizer and not engines.load(options.engine).tokenize then
    command.fail(("--tokenizer: engine %s has no /tokenize"):format(options.engine), 2)
  end
  local flaw = options.tokenizer and http.flaw(options.tokenizer)
  if flaw then command.fail("--tokenizer: " .. flaw, 2) end
  refuse_unshared(options)
  require("specbench.dataset").use {
    folder = options.datasets, tokenizer = options.tokenizer,
    tokenizer_engine = options.tokenizer and options.engine or nil,
  }
  local r, message = round_file.load(command.find_round(path), options)
  if not r then command.fail(message) end
  if options.quick then grid.quicken(r) end
  read_gpus(options)
  if options.baseline then
    apply(function(self, names) grid.compare_with(self, names[1]) end, r, { options.baseline }, "--baseline")
  end
  if options.limits then
    apply(function(self, names) grid.limit(self, names[1]) end, r, { options.limits }, "--limits")
  end
  apply(grid.set, r, options.set, "--set")
  apply(grid.only, r, options.only, "--only")
  options.body = command.read_body(options.body, options.temperature)
  options.headers = command.carry_headers(options.header)
  options.slo = command.read_slo(options.slo)
  options.rule = read_rule(options)
  refuse_without_records(options)
  if options.virtual then refuse_with_virtual(options) end
  options.speed = options.speed or (options.quick and not options.virtual and 20 or 1)
  return r
end

---What round.json says of a run.
---@param the_plan specbench.plan
---@param r specbench.round as its file has it
---@param options table of the command line
---@return table about see store.create
function command.about(the_plan, r, options)
  local about = round.about(the_plan.round)
  about.match, about.limits = options.match, options.limits
  about[#(options.only or {}) > 0 and "anew" or "fresh"] = options.fresh -- a part of a grid leaves the rest where it is
  about.engine, about.planned, about.options = the_plan.engine.name, {}, r.own_options
  for _, job in ipairs(the_plan.jobs) do about.planned[job.key] = job.id end
  return about
end

---Where a round's results go. Each engine has a folder of its own, so that a simulator's figures never stand in for
---a real server's.
---@param r specbench.round
---@param options table of the command line
---@return string folder
function command.results_folder(r, options)
  if options.out then return options.out end
  local words = { r.name }
  if options.quick then words[#words + 1] = "quick" end
  local engine = engines.load(options.engine).name
  if engine ~= "sim" then words[#words + 1] = engine:gsub(":", "-") end
  if options.virtual then words[#words + 1] = "virtual" end
  if options.match == "pinned" then words[#words + 1] = options.match end
  words[#words + 1] = options.limits
  if options.find == "rate" then words[#words + 1] = options.find end -- other cells than the round's
  return "results/" .. table.concat(words, "-")
end

return command
