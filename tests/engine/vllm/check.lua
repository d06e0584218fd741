-- Runs a real vLLM once a method, through our own engine file and server primitive, and checks what the numbers
-- of a round stand on: acceptance against the pinned rates, token counts against usage, nothing left behind.
--
--   specbench tests/engine/vllm/check.lua MODELS OUT [METHOD...]     on a machine with a GPU; README.md says more

local bench = require "specbench"
local acceptance = require "specbench.sweep.acceptance"
local engines = require "specbench.engine"
local fs = require "sb.fs"

local real = dofile(require("sb.environment").home .. "/tests/engine/real.lua")

local MODELS, OUT = arg[1], arg[2]
local CONCURRENCY, REQUESTS, TOKENS, K = 8, 480, 128, 3

local function rates(r)
  local list = {}
  for i = 1, K do list[i] = r ^ i end
  return list
end

local methods = {
  { name = "none", target = "target" },
  { name = "draft", target = "target", draft = "draft", acceptance = rates(0.73) },
  { name = "ngram_gpu", target = "target", acceptance = rates(0.5), lookup = 3 },
  -- steps without a match count as drafted: here every token that may be written stands in the prompt
  { name = "ngram_gpu", label = "ngram_gpu_matching", target = "target", acceptance = rates(0.5),
    lookup = 3, alphabet = 64 },
  { name = "eagle", target = "llama8b", draft = "eagle", acceptance = rates(0.6) },
  { name = "medusa", target = "vicuna", draft = "medusa", acceptance = rates(0.45) },
}

local vllm = engines.load "vllm"

local function description(m)
  return {
    model = { name = m.target, path = MODELS .. "/" .. m.target, served_name = "m" },
    draft = m.draft and { name = m.draft, path = MODELS .. "/" .. m.draft } or nil,
    method = m.name, k = m.name ~= "none" and K or nil, dtype = "bfloat16", gpu_memory_utilization = 0.85,
    max_model_len = 4096, max_num_seqs = 128, acceptance = m.acceptance, prompt_lookup_max = m.lookup,
    prompt_lookup_min = m.lookup and 1 or nil, async_scheduling = false,
    extra_args = { "--load-format", "dummy", "--max-num-batched-tokens", "8192", "--compilation-config",
      '{"mode":3,"backend":"eager","cudagraph_capture_sizes":[1,2,4,8,16,24,32,48,64,96,128]}' },
    env = m.name == "none" and { VLLM_USE_V2_MODEL_RUNNER = "0" } or nil,
  }
end

-- A prompt of the first token ids, three times over, and nothing else to be written.
local function alphabet_body(size)
  if not size then return nil end
  local prompt, allowed = {}, {}
  for i = 1, 3 * size do prompt[i] = 1000 + i % size end
  for i = 1, size do allowed[i] = 1000 + i % size end
  return { prompt = prompt, allowed_token_ids = allowed }
end

local function requests_of(m, server, tokens, count)
  return real.requests(vllm, server, { tokens = tokens, count = count, concurrency = CONCURRENCY,
    body = alphabet_body(m.alphabet) })
end

local function check(m)
  local server = description(m)
  assert(engines.check(server, vllm))
  local idle = real.gpu_memory_mib()
  local command = vllm.command(setmetatable({ host = "{host}", port = "{port}" }, { __index = server }))
  local s <close> = assert(bench.server.start {
    argv = command.argv, env = command.env, log = ("%s/%s.log"):format(OUT, m.name), timeout = 400, grace = 20,
  })
  local loaded = real.gpu_memory_mib()
  bench.load { server = s, path = "/v1/completions", requests = requests_of(m, server, 32, 16),
    concurrency = CONCURRENCY }
  local before = assert(acceptance.read(vllm, s))
  local run = bench.load { server = s, path = "/v1/completions", requests = requests_of(m, server, TOKENS, REQUESTS),
    concurrency = CONCURRENCY }
  local found = acceptance.between(vllm, before, assert(acceptance.read(vllm, s)), server)
  local metrics = run:metrics()
  local wrong, per_chunk, source = real.compare_usage(run, TOKENS)
  if not m.label then
    real.record(s, requests_of(m, server, 12, 1)[1], ("%s/vllm_%s"):format(OUT, m.name), "spec_decode",
      "generation_tokens_total")
  end
  s:stop()
  local result = {
    method = m.label or m.name, ready_seconds = s.ready_seconds, completed = metrics.completed, failed = metrics.failed,
    tpot_ms = metrics["tpot_ms.mean"], output_throughput = metrics.output_throughput, tokens_per_chunk = per_chunk,
    token_source = source, requests_whose_tokens_differ_from_usage = wrong,
    processes_left = real.left_behind("vllm%.entrypoints", "VLLM::"),
    gpu_mib_idle = idle, gpu_mib_loaded = loaded, gpu_mib_after = real.gpu_memory_mib(),
  }
  if m.acceptance and found then
    result.acceptance, result.pinned, result.worst_relative_error = found.per_position, m.acceptance, 0
    result.drafts, result.relative_standard_error = found.drafts, {}
    for i, pinned in ipairs(m.acceptance) do
      result.worst_relative_error = math.max(result.worst_relative_error, math.abs(found.per_position[i] / pinned - 1))
      result.relative_standard_error[i] = math.sqrt((1 - pinned) / pinned / found.drafts)
    end
    local expected = 0
    for _, rate in ipairs(m.acceptance) do expected = expected + rate / K end
    result.rate, result.rate_relative_error = found.rate, math.abs(found.rate / expected - 1)
  end
  return result
end

local wanted = {}
for i = 3, #arg do wanted[arg[i]] = true end
assert(fs.mkdir(OUT))
for _, m in ipairs(methods) do
  if not next(wanted) or wanted[m.label or m.name] then
    local ok, result = pcall(check, m)
    print(bench.json.encode(ok and result or { method = m.label or m.name, error = tostring(result) }))
    io.stdout:flush()
  end
end
