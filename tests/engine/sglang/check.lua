-- Runs a real SGLang once a method, through our own engine file and server primitive: acceptance by our formulas
-- beside its own gauges and the forced length, token counts against usage, nothing left behind.
--
--   specbench tests/engine/sglang/check.lua MODELS OUT [METHOD...]     on a machine with a GPU; README.md says more

local bench = require "specbench"
local acceptance = require "specbench.sweep.acceptance"
local engines = require "specbench.engine"
local fs = require "sb.fs"
local prom = require "sb.prom"

local real = dofile(require("sb.environment").home .. "/tests/engine/real.lua")

local MODELS, OUT = arg[1], arg[2]
local CONCURRENCY, REQUESTS, TOKENS, K = 8, 64, 128, 3
local FORCED = 2.5 -- tokens a step, of methods whose drafts have no weights that were trained

local methods = {
  { name = "none" },
  { name = "eagle", draft = "sgl-eagle", acceptance = FORCED },
  { name = "draft", draft = "draft", acceptance = FORCED },
  { name = "ngram" },
}

local sglang = engines.load "sglang"

-- What a machine without a package index needs besides is said in SGLANG_ARGS.
local function words(text)
  local list = {}
  for word in (text or ""):gmatch "%S+" do list[#list + 1] = word end
  return list
end

local function description(m)
  return {
    model = { name = "target", path = MODELS .. "/target", served_name = "m" },
    draft = m.draft and { name = m.draft, path = MODELS .. "/" .. m.draft } or nil, method = m.name,
    k = m.name ~= "none" and K or nil, dtype = "bfloat16", gpu_memory_utilization = 0.3, max_model_len = 4096,
    max_num_seqs = 64, acceptance = m.acceptance, extra_args = words(os.getenv "SGLANG_ARGS"),
  }
end

-- The gauges' mean while the load ran: each holds the last interval only.
local function watch(s, gauges)
  return bench.task.spawn(function()
    while true do
      bench.task.sleep(0.2)
      local page = bench.http.get(s.url .. "/metrics")
      for name, value in pairs(page and prom.parse(page.body) or {}) do
        local gauge = gauges[name:match "^sglang:(spec_accept_%a+)"]
        if gauge and value > 0 then gauge[#gauge + 1] = value end
      end
    end
  end)
end

local function mean(list)
  local sum = 0
  for _, value in ipairs(list) do sum = sum + value end
  return #list > 0 and sum / #list or nil
end

local function check(m)
  local server = description(m)
  assert(engines.check(server, sglang))
  local idle = real.gpu_memory_mib()
  local command = sglang.command(setmetatable({ host = "{host}", port = "{port}" }, { __index = server }))
  local s <close> = assert(bench.server.start {
    argv = command.argv, env = command.env, log = ("%s/%s.log"):format(OUT, m.name), timeout = 400, grace = 20,
  })
  local loaded = real.gpu_memory_mib()
  local function load(tokens, count)
    return bench.load { server = s, path = "/v1/completions", concurrency = CONCURRENCY,
      requests = real.requests(sglang, server, { tokens = tokens, count = count, concurrency = CONCURRENCY }) }
  end
  load(32, 16)
  local info = bench.http.get(s.url .. "/server_info")
  local before, gauges = assert(acceptance.read(sglang, s)), { spec_accept_length = {}, spec_accept_rate = {} }
  local watcher <close> = watch(s, gauges)
  local run = load(TOKENS, REQUESTS)
  watcher:cancel()
  local found = acceptance.between(sglang, before, assert(acceptance.read(sglang, s)), server)
  local metrics = run:metrics()
  local wrong, per_chunk, source = real.compare_usage(run, TOKENS)
  local request = real.requests(sglang, server, { tokens = 12, count = 1, concurrency = 1 })[1]
  real.record(s, request, ("%s/sglang_%s"):format(OUT, m.name), "sglang:spec_", "sglang:generation_tokens_total",
    "sglang:num_requests_total")
  s:stop()
  return {
    method = m.name, ready_seconds = s.ready_seconds, completed = metrics.completed, failed = metrics.failed,
    tpot_ms = metrics["tpot_ms.mean"], output_throughput = metrics.output_throughput, tokens_per_chunk = per_chunk,
    token_source = source, requests_whose_tokens_differ_from_usage = wrong,
    mean_length = found and found.mean_length, rate = found and found.rate, forced_length = m.acceptance,
    gauge_length = mean(gauges.spec_accept_length), gauge_rate = mean(gauges.spec_accept_rate),
    effective = info and sglang.effective.info(bench.json.decode(info.body)),
    processes_left = real.left_behind("sglang%.launch_server", "sglang::"),
    gpu_mib_idle = idle, gpu_mib_loaded = loaded, gpu_mib_after = real.gpu_memory_mib(),
  }
end

local wanted = {}
for i = 3, #arg do wanted[arg[i]] = true end
assert(fs.mkdir(OUT))
for _, m in ipairs(methods) do
  if not next(wanted) or wanted[m.name] then
    local ok, result = pcall(check, m)
    print(bench.json.encode(ok and result or { method = m.name, error = tostring(result) }))
    io.stdout:flush()
  end
end
