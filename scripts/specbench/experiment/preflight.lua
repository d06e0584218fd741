-- What this machine lacks for a plan's servers, so that every try to start one would fail: told before the first.

local fs = require "sb.fs"
local base = require "specbench.engine.base"
local checkpoint = require "specbench.experiment.checkpoint"
local fit = require "specbench.experiment.fit"
local plan = require "specbench.experiment.plan"
local profiler = require "specbench.engine.profiler"
local program = require "specbench.base.program"
local workload = require "specbench.experiment.workload"

local preflight = {}

-- A name that nobody said a place for is a folder or an id, or no model at all.
local function unplaced(engine, model)
  if not engine.fit or not model or model.path ~= model.name then return nil end
  if fs.stat(model.path) or checkpoint.is_id(model.path) then return nil end
  return ("%s: nothing says where model '%s' is: --model %s=PATH, a models file, or an id such as "
    .. "Qwen/Qwen2.5-7B-Instruct"):format(engine.name, model.name, model.name)
end

local function flaw_of(the_plan, job)
  local engine, name = the_plan.engine, job.server.model.name
  local lacking = engine.lacks and engine.lacks(job.server)
  if lacking then return lacking end
  local server = job.server
  local draft = base.speculates(server) and server.draft or nil
  lacking = unplaced(engine, server.model) or unplaced(engine, draft)
  if lacking then return lacking end
  local argv, env = plan.command(the_plan, job)
  lacking = fit.flaw(engine, server, checkpoint.read(server.model.path, env),
    draft and checkpoint.read(draft.path, env))
  if lacking then return lacking end
  local words = profiler.words(job.server.profile)
  if words[1] and not program.is_there(words[1], env.PATH) then
    return ("the profiler cannot be started: there is no program '%s' (is it installed and on PATH?)")
      :format(words[1])
  end
  local own = argv[#words + 1]
  if not program.is_there(own, env.PATH) then
    return ("%s cannot be started for model '%s': there is no program '%s' (is it installed and on PATH?)")
      :format(engine.name, name, own)
  end
  if job.engine_version.absent then
    return ("%s cannot be started for model '%s': %s (python = PATH in the models file names another Python)"):format(
      engine.name, name, job.engine_version.why)
  end
end

---@param the_plan specbench.plan
---@param wanted fun(job: specbench.job): boolean jobs whose servers will be needed; asked where there is a flaw
---@return string? flaw why no server of one of them can come up
function preflight.flaw(the_plan, wanted)
  if not the_plan.engine.capabilities.spawn then return nil end
  local flaws = {} -- by server; false: none
  for _, job in ipairs(the_plan.jobs) do
    local key = job.server_key
    if flaws[key] == nil then flaws[key] = flaw_of(the_plan, job) or false end
    if flaws[key] and wanted(job) then return flaws[key] end
  end
end

-- A model that thinks unless it is told not to, whatever was meant to be measured.
local function thinking(job, env)
  local model, work = job.server.model, job.workload
  local told = work.body.chat_template_kwargs
  if not work.chat or type(told) == "table" and told.enable_thinking ~= nil then return nil end
  local found = checkpoint.read(model.path, env)
  if not (found and checkpoint.thinks(found.template)) then return nil end
  return ("model '%s' thinks before it answers, by its chat template: --body "
    .. "'chat_template_kwargs={\"enable_thinking\":false}', or body in its entry of the models file, settles it")
    :format(model.name)
end

-- Rows are padded for a GPU's sake, by some hundreds; a shape with another model's tokenizer lacks more.
local PADDED = 0.9

-- Without weights any row is written, and one that the tokenizer does not know has no text: vLLM's front end then
-- decodes the prompt anew with each token (rounds/results/README.md).
local function wordless(model)
  local found = checkpoint.read(model.path, model.env)
  if not (found and found.tokens and found.vocabulary) or found.tokens >= PADDED * found.vocabulary then return nil end
  return ("model '%s': its tokenizer makes %d different tokens, and config.json has vocab_size %d: what it writes "
    .. "beyond has no text, which costs a server more than text does: take the tokenizer that belongs to the model")
    :format(model.name, found.tokens, found.vocabulary)
end

-- Prompts' lengths are told in one tokenizer's tokens, so this is no reason to refuse the plan.
local function too_long(server, most)
  local function said(model, room, consequence)
    if not room or most <= room then return nil end
    return ("model '%s': the longest prompt and its answer together are about %d tokens, and its context holds %d: %s")
      :format(model.name, most, room, consequence)
  end
  local target = checkpoint.read(server.model.path, server.model.env)
  local word = said(server.model, server.max_model_len or target and target.positions, "engines refuse such requests")
  if word or not (base.speculates(server) and server.draft) then return word end
  local draft = checkpoint.read(server.draft.path, server.model.env)
  return said(server.draft, draft and draft.positions, "as a draft it is of no use beyond that")
end

---What should be known of a plan before it runs, though nothing speaks against it.
---@param the_plan specbench.plan
---@return string[] lines
function preflight.notes(the_plan)
  local lines, seen, servers, most = {}, {}, {}, {}
  local function add(word)
    if word and not seen[word] then lines[#lines + 1] = word end
    if word then seen[word] = true end
  end
  for _, job in ipairs(the_plan.jobs) do
    local model, key = job.server.model.name, job.server_key
    if not seen[model] then
      add(thinking(job, job.server.model.env))
      add(wordless(job.server.model))
    end
    seen[model] = true
    if not most[key] then servers[#servers + 1] = job end
    most[key] = math.max(most[key] or 0, workload.longest(job.workload))
  end
  for _, job in ipairs(servers) do add(too_long(job.server, most[job.server_key])) end
  return lines
end

return preflight
