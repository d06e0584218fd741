-- Profilers: commands before a server's own, and those that engines have.

local cell = require "specbench.sweep.cell"
local environment = require "sb.environment"
local fs = require "sb.fs"
local plan = require "specbench.experiment.plan"
local profiler = require "specbench.engine.profiler"
local sweep = require "specbench.sweep"
local round3 = dofile(environment.home .. "/tests/lua/fixtures/round3.lua")

describe("a profiler", function()
  it("stands before the server's command; nsys with the published options", function()
    assert.same({ "nsys", "profile", "--gpu-metrics-device=4,5", "--trace=cuda,nvtx", "--cuda-graph-trace=graph",
      "--cuda-memory-usage=true", "--delay=200", "--output={output}", "server", "--x" },
      profiler.wrap("nsys", { "server", "--x" }, { 4, 5 }))
    assert.same({ "perf", "record", "-o", "{output}", "server" },
      profiler.wrap("perf record -o {output}", { "server" }))
    assert.same({ "my tool", "--", "server" }, profiler.wrap({ "my tool", "--" }, { "server" }))
    assert.same({ "server" }, profiler.wrap(nil, { "server" }))
  end)

  it("runs around each server, and its files are listed in the cells", function()
    local stand_in = environment.home .. "/tests/lua/fixtures/profiler.py"
    local the_plan, r = round3.small_pair { gpus = { 4, 5 }, profile = "python3 " .. stand_in .. " --output={output}" }
    round3.with_store(r, function(s, folder)
      assert.equal(2, sweep.run(the_plan, s, { quiet = true }).measured)
      local gpus = {}
      for _, c in ipairs(s:cells()) do
        assert.equal(1, #c.profile.files)
        assert.truthy(c.profile.files[1]:find "^profiles/server%-001%-%d/profile%.rep$", c.profile.files[1])
        local lines = {}
        local text = assert(fs.read(folder .. "/" .. c.profile.files[1]))
        for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
        assert.truthy(lines[1]:find("--output=" .. folder .. "/profiles", 1, true))
        assert.equal("sim", lines[3])
        gpus[#gpus + 1] = lines[#lines]
        assert.truthy(c.identity.server.profile)
      end
      table.sort(gpus)
      assert.same({ "4", "5" }, gpus)
    end)
  end)
end)

describe("a server's own profiler", function()
  local function own(name)
    local the_plan = round3.plan_of { engine = name, gpus = { 0, 1 }, profile = "server" }
    local argv, env = plan.command(the_plan, the_plan.jobs[1], { 0 })
    return table.concat(argv, " "), env
  end

  it("is made ready in the engine's way", function()
    local _, env = own "vllm_v0"
    assert.equal("{output}", env.VLLM_TORCH_PROFILER_DIR)
    _, env = own "sglang"
    assert.equal("{output}", env.SGLANG_TORCH_PROFILER_DIR)
    local line = own "vllm"
    assert.truthy(line:find("--profiler-config.profiler torch --profiler-config.torch_profiler_dir {output}", 1, true))
  end)

  it("is refused where there is none", function()
    local ok, message = pcall(round3.plan_of, { engine = "llamacpp", profile = "server" })
    assert.is_false(ok)
    assert.truthy(tostring(message):find("llamacpp has no profiler of its own", 1, true), tostring(message))
  end)

  it("is told to begin and to end, and what it refuses stands in the cell", function()
    local the_plan = round3.small_pair()
    local job = the_plan.jobs[1]
    local sim <close> = round3.simulator_of(job)
    local function trouble(start, stop)
      local engine = setmetatable({ profiler = { start = start, stop = stop } }, { __index = job.engine })
      local server = setmetatable({ profile = "server" }, { __index = job.server })
      return (cell.measure(setmetatable({ engine = engine, server = server }, { __index = job }), sim)).profile_trouble
    end
    assert.is_nil(trouble("/reset_prefix_cache", "/reset_prefix_cache"))
    assert.equal("/none: HTTP status 404", trouble("/none", "/reset_prefix_cache"))
    assert.equal("/none: HTTP status 404", trouble("/reset_prefix_cache", "/none"))
  end)
end)
