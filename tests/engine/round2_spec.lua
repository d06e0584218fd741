-- Round 2, cut down, on a real llama.cpp server with the reference's real data files.

local environment = require "sb.environment"
local fs = require "sb.fs"
local measure = require "sb.measure"
local json = require "specbench.base.json"
local proc = require "sb.proc"

local ENGINE = environment.home .. "/tests/engine"
local PROGRAM = environment.home .. "/scripts/llamacpp/llama-server"
local DEADLINE_S = 240

-- Why the test cannot run here; in CI that is a failure.
local function missing()
  local data = os.getenv "SPECBENCH_TEST_DATA"
  if not data then return "SPECBENCH_TEST_DATA is not set" end
  local python = os.getenv "SPECBENCH_LLAMA_PYTHON" or environment.home .. "/build/llama-venv/bin/python"
  if not fs.is_executable(python) then return "no Python with xllamacpp at " .. python end
end

-- One thread: two threads that spin for each other starve on a machine that does other things too.
local MODELS = [[
return {
  ["qwen2.5-7b"] = {
    path = "%s/models/tiny-target-q8_0.gguf", binary = "%s", engine_args = { "-t", "1" },
  },
  ["qwen2.5-0.5b"] = "%s/models/tiny-draft-q8_0.gguf",
}
]]

-- Fewer prompts than the simulator's quick round takes: a small model on a CPU is slow.
local ROUND = [[
local r = dofile %q
r.quick.prompts = 12
return r
]]

local function run_round(folder)
  assert(fs.write(folder .. "/round2.lua", ROUND:format(environment.home .. "/rounds/round2.lua")))
  local log = folder .. "/output.txt"
  local process <close> = assert(proc.start {
    argv = { environment.executable, "run", folder .. "/round2.lua", "--quick", "--engine", "llamacpp",
      "--models", folder .. "/models.lua", "--datasets", os.getenv "SPECBENCH_TEST_DATA" .. "/datasets",
      "--only", "model=qwen2.5-7b", "--only", "task=news2highlight,polish", "--set", "context=0.125k,0.25k",
      "--set", "concurrency=1,4", "--no-pictures", "--out", folder .. "/results" },
    log = log,
  })
  assert(process:wait(DEADLINE_S), "the round did not end: see " .. log)
  local _, how = process:status()
  return how, fs.read(log)
end

local function cells_of(folder)
  local cells = {}
  for _, id in ipairs(assert(fs.list(folder .. "/results/cells"))) do
    local place = folder .. "/results/cells/" .. id
    local cell = assert(json.decode(assert(fs.read(place .. "/cell.json"))))
    cell.run = assert(measure.decode(assert(fs.read(place .. "/records.bin"))))
    cells[#cells + 1] = cell
  end
  return cells
end

describe("round 2 on a real llama.cpp server", function()
  local folder, how, output

  setup(function()
    if missing() then return end
    folder = os.tmpname()
    os.remove(folder)
    assert(fs.mkdir(folder))
    assert(fs.write(folder .. "/models.lua", MODELS:format(ENGINE, PROGRAM, ENGINE)))
    how, output = run_round(folder)
  end)

  teardown(function()
    if folder then fs.remove(folder) end
  end)

  local function wants_engine()
    local reason = missing()
    if not reason then return end
    assert(os.getenv "CI" ~= "1", reason)
    pending(reason)
  end

  it("measures every cell", function()
    wants_engine()
    assert.equal("exit code 0", how, output)
    assert.equal(12, #cells_of(folder))
  end)

  it("takes the prompts from the real files", function()
    wants_engine()
    for _, cell in ipairs(cells_of(folder)) do assert.equal("file", cell.dataset.kind) end
  end)

  it("records acceptance above 0.2 wherever it drafts", function()
    wants_engine()
    local drafting = 0
    for _, cell in ipairs(cells_of(folder)) do
      if cell.coordinates.method == "draft" then
        drafting = drafting + 1
        assert.is_true(cell.acceptance.rate > 0.2, cell.id .. ": " .. tostring(cell.acceptance.rate))
      end
    end
    assert.equal(6, drafting)
  end)

  it("has timelines that sum to the server's own usage", function()
    wants_engine()
    for _, cell in ipairs(cells_of(folder)) do
      for i = 1, #cell.run do
        local request = cell.run:request(i)
        local sum = 0
        for _, chunk in ipairs(request.chunks) do sum = sum + chunk.tokens end
        assert.equal(request.completion_tokens, sum)
        assert.equal("timings", request.token_source)
      end
    end
  end)

  it("does nothing but say so the second time", function()
    wants_engine()
    local second, said = run_round(folder)
    assert.equal("exit code 0", second, said)
    assert.truthy(said:find("nothing to do: all 12 cells are done", 1, true), said)
  end)
end)
