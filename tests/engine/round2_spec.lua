-- Round 2, cut down, on a real llama.cpp server with the reference's real data files.

local environment = require "sb.environment"
local fs = require "sb.fs"
local llamacpp = dofile(environment.home .. "/tests/engine/llamacpp.lua")

-- Fewer prompts than the simulator's quick round takes: a small model on a CPU is slow.
local ROUND = [[
local r = dofile %q
r.quick.prompts = 12
return r
]]

local function run_round(folder)
  assert(fs.write(folder .. "/round2.lua", ROUND:format(environment.home .. "/rounds/round2.lua")))
  return llamacpp.run_round(folder, folder .. "/round2.lua", { "--quick", "--only", "model=qwen2.5-7b", "--only",
    "task=news2highlight,polish", "--set", "context=0.125k,0.25k", "--set", "concurrency=1,4" })
end

describe("round 2 on a real llama.cpp server", function()
  local folder, how, output

  setup(function()
    if llamacpp.missing() then return end
    folder = llamacpp.folder()
    how, output = run_round(folder)
  end)

  teardown(function()
    if folder then fs.remove(folder) end
  end)

  it("measures every cell", function()
    llamacpp.wanted(pending)
    assert.equal("exit code 0", how, output)
    assert.equal(12, #llamacpp.cells(folder))
  end)

  it("takes the prompts from the real files", function()
    llamacpp.wanted(pending)
    for _, cell in ipairs(llamacpp.cells(folder)) do assert.equal("file", cell.dataset.kind) end
  end)

  it("records acceptance above 0.2 wherever it drafts", function()
    llamacpp.wanted(pending)
    local drafting = 0
    for _, cell in ipairs(llamacpp.cells(folder)) do
      if cell.coordinates.method == "draft" then
        drafting = drafting + 1
        assert.is_true(cell.acceptance.rate > 0.2, cell.id .. ": " .. tostring(cell.acceptance.rate))
      end
    end
    assert.equal(6, drafting)
  end)

  it("has timelines that sum to the server's own usage", function()
    llamacpp.wanted(pending)
    for _, cell in ipairs(llamacpp.cells(folder)) do
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
    llamacpp.wanted(pending)
    local second, said = run_round(folder)
    assert.equal("exit code 0", second, said)
    assert.truthy(said:find("nothing to do: all 12 cells are done", 1, true), said)
  end)
end)
