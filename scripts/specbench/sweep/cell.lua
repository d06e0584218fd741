-- Measures one cell on a server that is up: warm-up, load, acceptance, figures.

local clock = require "sb.clock"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local acceptance = require "specbench.sweep.acceptance"
local base = require "specbench.engine.base"
local certificate = require "specbench.sweep.certificate"
local client = require "specbench.client"
local conversation = require "specbench.sweep.conversation"
local energy = require "specbench.sweep.energy"
local groups = require "specbench.sweep.groups"
local http = require "specbench.http"
local profiler = require "specbench.engine.profiler"
local provenance = require "specbench.sweep.provenance"
local request_list = require "specbench.experiment.request_list"
local replay = require "specbench.sweep.replay"
local secrets = require "specbench.base.secrets"
local tables = require "specbench.base.tables"
local task = require "specbench.task"
local workload = require "specbench.experiment.workload"

local cell = {}

local RESET_TRIES, RESET_PAUSE = 10, 0.2 -- seconds between two tries to empty a cache that is in use

-- 2: axes that mean nothing to the cell are not among its coordinates, and which cell is its baseline is not written
-- here but looked up when a report is made. 1 had 0 for such axes, and the baseline's key.
local FORMAT = 2

-- Causes and their numbers, the most frequent first, on one line.
local function summarise(failures)
  local causes = {}
  for cause, count in pairs(failures) do causes[#causes + 1] = { cause = cause, count = count } end
  tables.most_frequent_first(causes, "cause")
  local words = {}
  for i = 1, math.min(#causes, 3) do words[i] = ("%d x %s"):format(causes[i].count, causes[i].cause) end
  return table.concat(words, "; ") .. http.about_key(tonumber(causes[1].cause:match "^http: HTTP status (%d+)"))
end

-- Everything about the cell that is known before it runs.
local function describe(job, server)
  return {
    format = FORMAT, id = job.id, round = job.round, coordinates = job.coordinates, repetition = job.repetition,
    seed = job.seed, identity = job.identity, export = job.export, key = job.key,
    quick = job.quick, virtual = job.identity.virtual, lossy = base.lossy(job.engine, job.server),
    assumed = job.engine.assumed and job.engine.assumed(job.server, job.workload.task) or nil,
    engine = {
      name = job.engine.name, file = job.engine.file, chunk_is_step = job.engine.capabilities.chunk_is_step,
      version = server.version, written_for = server.written_for,
      version_trouble = server.version_trouble, effective = server.effective, argv = secrets.argv(server.argv),
      url = server.url and secrets.url(server.url), gpus = server.gpus, ready_seconds = server.ready_seconds,
    },
    dataset = job.workload.prompts.source, machine = provenance.machine(), clock_scale = job.clock_scale or 1,
    started = os.date "!%Y-%m-%dT%H:%M:%SZ", started_unix = clock.wall() / 1e9, date = os.date "%Y%m%d-%H%M%S",
  }
end

-- What keeps the server from answering out of what it kept of earlier cells; and what went wrong with it.
local function empty_cache(job, server)
  local engine, reset = job.engine, job.engine.prefix_cache_reset
  local can_reset = reset and engine.capabilities.prefix_cache_reset
  local learns = can_reset and engine.learns and engine.learns[job.server.method]
  local kept = job.workload.salt and "salted" or nil
  if not kept and not job.server.prefix_caching then kept = engine.capabilities.spawn and "off" or "not known" end
  if kept and not learns then return kept end
  if not can_reset then return "kept" end
  local trouble
  for _ = 1, RESET_TRIES do -- what answered the warm-up may not be done with it yet
    local response, message = http.request { url = server.url .. reset.path, method = "POST", body = "", timeout = 60,
      authorized = true }
    if response and response.status == 200 then return kept or "reset" end
    trouble = message or ("%s answered HTTP status %d"):format(reset.path, response.status)
    if not response then break end
    task.sleep(RESET_PAUSE)
  end
  return kept or "kept", trouble
end

-- The cell's deadline, from `begun` on, is one for all of its loads. Requests come as the workload says, or one by one.
local function run_load(job, server, begun, part, requests, options)
  local work, limits = job.workload, job.deadlines
  options = options or {}
  local pattern = options.one_by_one and { concurrency = 1 } or work
  return client.load({
    server = server, path = workload.path(work), requests = requests, concurrency = pattern.concurrency,
    rate = pattern.rate, arrivals = pattern.arrivals, burstiness = pattern.burstiness, seed = job.seed,
    timeout = limits.request, first_token_timeout = limits.first_token, chunk_timeout = limits.chunk,
    cell_timeout = math.max(limits.cell - (clock.now() - begun) / 1e9, 0.001),
    event_per_token = job.engine.capabilities.event_per_token, keep_text = options.keep_text or job.keep_text,
    id_prefix = job.id .. "-" .. job.repetition .. part, clock_scale = job.clock_scale or 1,
    on_progress = options.on_progress, send_for = options.send_for,
    io_threads = job.io_threads, own_thread = job.own_thread,
  }, not job.engine.file)
end

-- The first cell with prompts so long, or with so many streams, on a server finds kernels that were never loaded or
-- compiled for such a batch: loads that are not measured find them before.
local function warm_up(job, server, begun)
  if job.warmup == 0 then return end
  local work, engine, model = job.workload, job.engine, server.model
  run_load(job, server, begun, "-warmup", request_list.warm_up(work, engine, model, job.warmup, job.id))
  if not engine.warms_up then return end
  server.warmed = server.warmed or { streams = {}, lengths = {} }
  local lengths = request_list.warm_lengths(work, engine, model, job.id, server.warmed.lengths)
  if #lengths > 0 then run_load(job, server, begun, "-lengths", lengths, { one_by_one = true }) end
  local streams = workload.streams(work)
  if server.warmed.streams[streams] then return end
  server.warmed.streams[streams] = true
  run_load(job, server, begun, "-streams", request_list.warm_streams(work, engine, model, job.id))
end

-- A figure that cannot be made does not cost the cell: what was measured is kept, with what is missing and why.
local function derive(result, what, f, ...)
  local made = table.pack(pcall(f, ...))
  if made[1] then return table.unpack(made, 2, made.n) end
  local e = made[2]
  local message = type(e) == "table" and e.message or tostring(e)
  result.troubles = result.troubles or json.array {}
  table.insert(result.troubles, ("no %s: %s"):format(what, message))
  return nil, message
end

-- A cell whose load never came; others that start with it need not wait for it.
local function abandon(result, server, reason, load_seconds, at_load)
  if at_load then at_load() end
  result.status, result.error = "failed", foreign.clean(reason)
  return result, { load_seconds = load_seconds, breakdown = server:breakdown() }
end

---@alias specbench.around fun(load: fun(): specbench.run, specbench.client.itself): specbench.run,
---  specbench.client.itself

---@class specbench.job: table one planned cell, see specbench.sweep
---@field around specbench.around? runs the load itself, to look at what it costs this process
---@field may_be_refused boolean? that a server refuses some of its requests is what is to be found out

---@class specbench.cell.load the measured load, and the counters around it
---@field run specbench.run
---@field itself specbench.client.itself
---@field before specbench.acceptance.reading?
---@field after specbench.acceptance.reading?
---@field hung_page string? why its server's counters are not asked for
---@field seconds number

-- Nothing but the load lies between what is read before it and what is read after it.
local function load_measured(result, job, server, begun, requests, on_progress, at_load)
  local before = acceptance.read(job.engine, server)
  if at_load then at_load() end
  local trouble = profiler.begin(job, server)
  local logged = server.log and server:log_size()
  local meter = energy.begin(job, server)
  local loaded = clock.now()
  local function load()
    return run_load(job, server, begun, "", requests, { on_progress = on_progress, send_for = job.send_for })
  end
  local run, itself
  if job.around then run, itself = job.around(load) else run, itself = load() end
  local seconds = (clock.now() - loaded) / 1e9
  if meter then result.energy, result.energy_unknown = meter:finish(seconds) end
  result.profile_trouble = trouble or profiler.finish(job, server)
  local after = acceptance.read(job.engine, server)
  result.engine.snapshot = server.snapshot and server.snapshot()
  result.compilations = job.engine.compilations and job.engine.compilations(logged and server:said(logged) or "")
  return { run = run, itself = itself, before = before, after = after, hung_page = server.hung_page,
    seconds = seconds }
end

-- How long its answers had to be, and what a method's then have to be; a baseline's are those that its methods' answers
-- will have.
local function lengths_of(job, run)
  local mode, lengths, unknown = job.workload.lengths, job.replayed, nil
  if not mode then return nil end
  if mode == "replay" and not lengths then lengths, unknown = replay.of_run(run) end
  return { mode = mode, sha256 = lengths and lengths.sha256, unknown = unknown }
end

-- What the records and the counters tell.
local function tell(result, job, load)
  local run = load.run
  result.lengths = lengths_of(job, run)
  result.slo = job.slo
  local unknown
  local figures, tails = run:metrics(job.slo, { 95, 99 })
  result.metrics = tables.merged(figures) -- as a cell that was read: what it does not have is nil
  result.tails = { p95 = tails[1], p99 = tails[2] }
  result.own, result.own_trouble = job.own_metrics(run)
  result.certificate = derive(result, "certificate", certificate.judge, run, load.itself, result.metrics,
    job.clock_scale or 1)
  result.acceptance, unknown = derive(result, "acceptance by counters", acceptance.between, job.engine, load.before,
    load.after, job.server)
  result.acceptance_unknown = base.speculates(job.server) and unknown and (load.hung_page or unknown) or nil
  result.requests_counted = acceptance.counted(job.engine, "requests", load.before, load.after)
  result.output_tokens_counted = acceptance.counted(job.engine, "output_tokens", load.before, load.after)
  result.acceptance_seen = derive(result, "acceptance by answers", acceptance.seen, job.engine, run, job.server)
  if not job.keep_records then result.records = false end
  result.input_tokens = job.send_for and result.metrics.total_input_tokens or workload.input_tokens(job.workload)
  result.groups = derive(result, "figures of groups", groups.figures, run, job.workload, job.clock_scale)
  local resent = run:resent()
  if resent > 0 then
    result.resent = resent
    result.troubles = result.troubles or json.array {}
    table.insert(result.troubles, ("%d of %d requests may have reached the server twice: it closed kept connections as "
      .. "they were sent"):format(resent, #run))
  end
end

local REFUSALS = tables.set_of { "429", "503" }

-- How many requests it refused, where nothing else went wrong and it answered others: it has as many as it takes.
local function refused_of(run, metrics)
  for cause in pairs(run:failures()) do
    if not REFUSALS[cause:match "^http: HTTP status (%d+)"] then return nil end
  end
  return metrics.failed > 0 and metrics.failed < metrics.requests and metrics.failed or nil
end

-- Whether it is a good cell, or why not; returns why the server is of no more use.
local function conclude(result, job, server, load)
  local failed = result.metrics.failed
  if job.may_be_refused then result.refused = refused_of(load.run, result.metrics) end
  if result.refused then failed = 0 end
  result.status = failed == 0 and not result.cache_trouble and "ok" or "failed"
  if result.cache_trouble then
    result.cache_trouble = foreign.clean(result.cache_trouble)
    result.error = "the prefix cache could not be emptied: " .. result.cache_trouble
  elseif failed > 0 then
    result.error = ("%d of %d requests failed: %s"):format(failed, result.metrics.requests,
      summarise(load.run:failures()))
    local breakdown = server:breakdown()
    if breakdown then result.error = result.error .. "; " .. breakdown end
    result.error = foreign.clean(result.error)
    return breakdown or load.itself.given_up -- it may be well by its own word, and yet answers nothing
  end
end

---Measures the job's cell. Never raises for what a server does: that is in the result.
---@param job specbench.job
---@param server specbench.server
---@param on_progress fun(progress: table)?
---@param at_load fun()? called when all but the load is done: it may wait for other cells that start with this one
---@return table cell what cell.json holds
---@return { run: specbench.run?, answers: specbench.run?, load_seconds: number, breakdown: string? } more run: where
---  its records are kept; answers: where their texts are; load_seconds: how long the servers were at work for it;
---  breakdown: why the server is of no more use
function cell.measure(job, server, on_progress, at_load)
  local result = describe(job, server)
  local begun = clock.now()
  job.workload.running_usage = server.tells_usage
  warm_up(job, server, begun)
  result.prefix_cache, result.cache_trouble = empty_cache(job, server)
  local answers, trouble = conversation.answers(job, function(turn, answered)
    local asked = request_list.of(job.workload, job.engine, server.model, job.seed, answered, turn)
    return (run_load(job, server, begun, "-turn" .. turn, asked, { keep_text = true }))
  end)
  local warm_seconds = (clock.now() - begun) / 1e9
  trouble = trouble or job.replay_trouble
  if trouble then return abandon(result, server, trouble, warm_seconds, at_load) end
  local requests
  requests, result.note = request_list.of(job.workload, job.engine, server.model, job.seed, answers, nil,
    job.replayed and job.replayed.list)
  result.answers_sha256 = answers and fs.sha256(json.encode(answers))
  local load = load_measured(result, job, server, begun, requests, on_progress, at_load)
  result.load_seconds = warm_seconds + load.seconds
  tell(result, job, load)
  return result, {
    run = job.keep_records and load.run or nil, answers = job.keep_text and load.run or nil,
    load_seconds = result.load_seconds, breakdown = conclude(result, job, server, load),
  }
end

---A cell that could not run at all.
---@param job specbench.job
---@param reason string
---@return table cell
function cell.refuse(job, reason)
  local result = describe(job, { argv = json.array {} })
  result.status, result.error = "failed", foreign.clean(reason)
  return result
end

return cell
