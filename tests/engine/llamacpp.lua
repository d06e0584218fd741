--- Rounds on real llama.cpp servers with the reference's real data files:
---
---   local llamacpp = dofile(require("sb.environment").home .. "/tests/engine/llamacpp.lua")

local assert = require "luassert"
local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local measure = require "sb.measure"
local proc = require "sb.proc"

local llamacpp = {}

local DEADLINE_S = 240

-- One thread: two threads that spin for each other starve on a machine that does other things too.
local MODELS = [[
local target = { path = "%s/models/tiny-target-q8_0.gguf", binary = "%s", engine_args = { "-t", "1" } }
return {
  ["qwen2.5-7b"] = target, ["qwen2.5-14b"] = target,
  ["qwen2.5-0.5b"] = "%s/models/tiny-draft-q8_0.gguf",
}
]]

---Why a test cannot run here; in CI that is a failure.
---@return string? reason
function llamacpp.missing()
  local data = os.getenv "SPECBENCH_TEST_DATA"
  if not data then return "SPECBENCH_TEST_DATA is not set" end
  local python = os.getenv "SPECBENCH_LLAMA_PYTHON" or environment.home .. "/build/llama-venv/bin/python"
  if not fs.is_executable(python) then return "no Python with xllamacpp at " .. python end
end

---Skips the test that asks where something is missing.
---@param pending fun(reason: string) busted's
function llamacpp.wanted(pending)
  local reason = llamacpp.missing()
  if not reason then return end
  assert.not_equal("1", os.getenv "CI", reason)
  pending(reason)
end

---@return string text of a models file
function llamacpp.models()
  local tests = environment.home .. "/tests/engine"
  return MODELS:format(tests, environment.home .. "/scripts/llamacpp/llama-server", tests)
end

---@return string folder with models.lua, to be removed
function llamacpp.folder()
  local folder = os.tmpname()
  os.remove(folder)
  assert.is_true(fs.mkdir(folder))
  assert.is_true(fs.write(folder .. "/models.lua", llamacpp.models()))
  return folder
end

---Runs a round into the folder's results.
---@param folder string
---@param round string its file
---@param settings string[] further words of the command line
---@return string how it ended
---@return string output
function llamacpp.run_round(folder, round, settings)
  local argv = { environment.executable, "run", round, "--engine", "llamacpp", "--models", folder .. "/models.lua",
    "--datasets", os.getenv "SPECBENCH_TEST_DATA" .. "/datasets", "--no-pictures", "--out", folder .. "/results" }
  table.move(settings, 1, #settings, #argv + 1, argv)
  local log = folder .. "/output.txt"
  local process <close> = assert(proc.start { argv = argv, log = log })
  assert.truthy(process:wait(DEADLINE_S), "the round did not end: see " .. log)
  local _, how = process:status()
  return how, fs.read(log)
end

---@param folder string
---@return table[] cells as cell.json has them, with their `run`
function llamacpp.cells(folder)
  local cells = {}
  for _, id in ipairs(assert(fs.list(folder .. "/results/cells"))) do
    local place = folder .. "/results/cells/" .. id
    local cell = assert(json.decode(assert(fs.read(place .. "/cell.json"))))
    cell.run = assert(measure.decode(assert(fs.read(place .. "/records.bin"))))
    cells[#cells + 1] = cell
  end
  return cells
end

return llamacpp
