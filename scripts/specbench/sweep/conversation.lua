-- The turns of a conversation before the one that is measured. The model answers them itself, once for all cells that
-- ask alike: what a cell and its baseline send is then the same, whatever draws their tokens.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local rng = require "sb.rng"
local sealed = require "specbench.results.sealed"
local workload = require "specbench.experiment.workload"

local conversation = {}

-- Answers to one turn, appended to those of each prompt; nil and a message where one is missing.
local function add_turn(answers, run)
  for i = 1, #run do
    local request = run:request(i)
    if request.outcome ~= "ok" then
      return nil, ("an earlier turn was not answered: %s"):format(request.error or request.outcome)
    end
    local text = run:text(i)
    if not text then return nil, "an earlier turn's answer is too long to be kept" end
    table.insert(answers[i], text)
  end
  return answers
end

local function hold(work, ask)
  local answers = {}
  for i = 1, #work.prompts.items do answers[i] = json.array {} end
  for turn = 1, workload.earlier_turns(work) do
    local added, message = add_turn(answers, ask(turn, answers))
    if not added then return nil, message end
  end
  return json.array(answers)
end

-- Answers as they were kept: one a prompt and earlier turn.
local function is_whole(answers, work)
  if type(answers) ~= "table" or #answers ~= #work.prompts.items then return false end
  for _, turns in ipairs(answers) do
    if type(turns) ~= "table" or #turns ~= workload.earlier_turns(work) then return false end
    for _, text in ipairs(turns) do
      if type(text) ~= "string" then return false end
    end
  end
  return true
end

-- What was kept at a path; nil where nothing was, or nothing that can be used: that is moved aside, and asked for anew.
local function kept_at(path, job)
  if not fs.stat(path) then return nil end
  local value, message, _, unreadable = sealed.read(path)
  if unreadable then error({ exit = 1, message = message }, 0) end
  local answers = value and (value.answers or value) -- before there were checksums, the list alone
  if is_whole(answers, job.workload) then return answers end
  job.set_aside(path, message or path .. " does not hold the answers of this workload")
end

---@param job specbench.job with set_aside, fun(path: string, reason: string), for what cannot be used
---@param ask fun(turn: integer, answers: string[][]): specbench.run sends one turn of all prompts
---@return string[][]? answers of each prompt, one an earlier turn; nil where there is none, or with a message
---@return string? message
function conversation.answers(job, ask)
  local work = job.workload
  if workload.earlier_turns(work) == 0 then return nil end
  local identity = workload.identity(work)
  identity.concurrency, identity.rate, identity.arrivals, identity.burstiness = nil, nil, nil, nil
  local name = rng.hash(json.encode { identity, job.identity.server.model, job.engine.name, job.seed }):sub(1, 16)
  local path = ("%s/%s.json"):format(job.conversations, name)
  local kept = kept_at(path, job)
  if kept then return kept end
  local answers, message = hold(work, ask)
  if not answers then return nil, message end
  -- a server beside this one may have been quicker
  kept = kept_at(path, job)
  if kept then return kept end
  assert(fs.mkdir(job.conversations))
  assert(fs.write(path, sealed.encode { answers = answers }))
  return answers
end

return conversation
