-- A server that somebody else runs: whether it is up, whether it is another one than was measured before, which model
-- it serves, and whether it tells usage as it goes.

local clock = require "sb.clock"
local counters_page = require "specbench.sweep.counters_page"
local http = require "specbench.http"
local json = require "specbench.base.json"
local plan = require "specbench.experiment.plan"
local prom = require "sb.prom"
local secrets = require "specbench.base.secrets"
local task = require "specbench.task"
local tables = require "specbench.base.tables"

local stranger = {}

local NO_SUCH_PAGE = tables.set_of { 404, 405, 501 }
local PAUSE = 0.5 -- seconds between two looks whether it is up by now

local STARTED = "process_start_time_seconds"
local SHOWN_NAMES = 10 -- of the models of a gateway, which may be hundreds
local ASKED_TOKENS = 16 -- more than one piece, whatever the speculation

---Whether it is up: it lists its models or, where it has no such page, answers for its health. Where models are listed
---health is not asked for: a proxy has no such page, or one that fails for any of the many models behind it.
---@param url string
---@param engine specbench.engine its dialect
---@param waited number? seconds that it had
---@return table[]? models as http.models has them; none where it does not tell
---@return string? message
---@return boolean? may_come it may be up later
function stranger.reach(url, engine, waited)
  local models, message, code, status = http.models(url)
  if models then return models end
  local no_list = NO_SUCH_PAGE[status]
  if no_list and http.get(url .. engine.ready.path, { authorized = true }) then return {} end
  if no_list or status and status < 300 then
    return nil, message .. ": does an OpenAI-compatible server listen there?"
  end
  if code == "status" then return nil, message, status >= 500 end
  local after = waited and (" after %g s"):format(waited) or ""
  return nil, ("the server is not up%s: %s"):format(after, message), true
end

---The same, asking again until it is up.
---@param url string
---@param engine specbench.engine
---@param seconds number at most; 0: it is asked once
---@return table[]? models
---@return string? message
function stranger.await(url, engine, seconds)
  local deadline = clock.now() + seconds * 1e9
  while true do
    local models, message, may_come = stranger.reach(url, engine, seconds > 0 and seconds or nil)
    local left = (deadline - clock.now()) / 1e9
    if models or not may_come or left <= 0 then return models, message end
    task.sleep(math.min(PAUSE, left))
  end
end

---Why a plan's cells cannot be measured on the servers that are said to be up. One that is to be waited for is not
---asked: its turn comes later.
---@param the_plan specbench.plan
---@param wanted fun(job: specbench.job): boolean jobs whose servers will be needed
---@return string? flaw
function stranger.flaw(the_plan, wanted)
  local engine, asked = the_plan.engine, {}
  for _, job in ipairs(engine.capabilities.spawn and {} or the_plan.jobs) do
    local _, _, url = plan.command(the_plan, job)
    if not asked[url] and job.deadlines.start == 0 and wanted(job) then
      asked[url] = true
      local models, message, may_come = stranger.reach(url, engine)
      if not models then
        return message .. (may_come and " (start it, correct its address, or wait for it: --ready-timeout SECONDS)"
          or "")
      end
    end
  end
end

---@class specbench.stranger.snapshot
---@field version string?
---@field started number? as Unix time
---@field counters table<string, number> sums over labels

---What would show that a server was started anew.
---@param server specbench.server
---@param path string of its counters
---@return specbench.stranger.snapshot
function stranger.snapshot(server, path)
  local page = counters_page.read(server, path)
  local snapshot = { version = server.version, counters = {} }
  for key, value in pairs(page and prom.parse(page.body) or {}) do
    local name = key:match "^[^{]+"
    if name == STARTED then snapshot.started = value end
    if name:find "_total$" then snapshot.counters[name] = (snapshot.counters[name] or 0) + value end
  end
  return snapshot
end

-- Counters only grow, so one that is smaller or gone belongs to another process.
local function differs(before, now)
  if before.version and now.version and before.version ~= now.version then return true end
  if before.started and now.started then return before.started ~= now.started end
  for name, value in pairs(before.counters or {}) do
    if not now.counters[name] or now.counters[name] < value then return true end
  end
  return false
end

local function method_of(server)
  local method = server.method or "none"
  return method ~= "none" and server.k and ("%s k=%d"):format(method, server.k) or method
end

---Why a server cannot be taken for what a job wants: it was measured as something else, and nothing shows that it was
---restarted since.
---@param cells table[] of the results folder
---@param url string
---@param server table the job's resolved description
---@param now specbench.stranger.snapshot
---@return string? objection
function stranger.objection(cells, url, server, now)
  local wanted, shown, last = json.canonical(secrets.server(server)), secrets.url(url), nil
  for _, cell in ipairs(cells) do
    local here = cell.engine.url == shown
    if here and (not last or cell.started_unix > last.started_unix) then last = cell end
  end
  if not last or json.canonical(last.identity.server) == wanted then return nil end
  if last.engine.snapshot and differs(last.engine.snapshot, now) then return nil end
  local before, wanted_now = method_of(last.identity.server), method_of(server)
  return ("the server at %s was last measured as method %s%s, and neither its version nor its counters show that it "
    .. "was restarted since: restart it for method %s, or say --restarted if it was"):format(shown, before,
    before == wanted_now and " with other settings" or "", wanted_now)
end

---The model to ask for: the one that is wanted, or the only one that is there.
---@param url string
---@param models table[] that it lists
---@param wanted string
---@return string? model
---@return string? word what to say: another one is taken; or, without a model, why there is none
function stranger.model(url, models, wanted)
  local names = {}
  for _, model in ipairs(models) do
    if model.id == wanted then return wanted end
    names[#names + 1] = model.id
  end
  if #names == 0 then return wanted end
  if #names == 1 then
    return names[1], ("the server at %s serves the model '%s' alone: it is asked for, not '%s' (--model NAME=%s says "
      .. "so)"):format(secrets.url(url), names[1], wanted, names[1])
  end
  local more = #names - SHOWN_NAMES
  return nil, ("the server has no model '%s'; it has %s%s: --model NAME=ONE of these"):format(wanted,
    table.concat(names, ", ", 1, math.min(#names, SHOWN_NAMES)), more > 0 and (" and %d more"):format(more) or "")
end

---Whether streamed answers carry usage before their last piece, if that is asked for.
---@param url string
---@param path string of the endpoint
---@param model string
---@return boolean
function stranger.tells_usage(url, path, model)
  local body = {
    model = model, max_tokens = ASKED_TOKENS, stream = true,
    stream_options = { include_usage = true, continuous_usage_stats = true },
  }
  if path:find "chat" then
    body.messages = { { role = "user", content = "Name three colours." } }
  else
    body.prompt = "Three colours are"
  end
  local response = http.request { url = url .. path, method = "POST", headers = { "Content-Type: application/json" },
    body = json.encode(body), timeout = 60, authorized = true }
  if not response or response.status ~= 200 then return false end
  local told = false
  for data in response.body:gmatch "data: ([^\r\n]+)" do
    local event = json.decode(data)
    if type(event) == "table" and type(event.choices) == "table" and #event.choices > 0 then
      if told then return true end
      told = type(event.usage) == "table"
    end
  end
  return false
end

return stranger
