-- A server's cache of prefixes: off, emptied, or got round.

local cell = require "specbench.sweep.cell"
local environment = require "sb.environment"
local round3 = dofile(environment.home .. "/tests/lua/fixtures/round3.lua")

describe("a server's prefix cache", function()
  local sim, job

  setup(function()
    local the_plan = round3.small_pair()
    job = the_plan.jobs[1]
    sim = round3.simulator_of(job)
  end)

  teardown(function() sim:stop() end)

  -- The job as if its server cached prefixes and its engine could empty that cache, or not.
  local function measured(path, salt)
    local engine, server, work = {}, {}, {}
    for name, value in pairs(job.engine) do engine[name] = value end
    engine.capabilities = setmetatable({ prefix_cache_reset = path ~= nil }, { __index = job.engine.capabilities })
    engine.prefix_cache_reset = path and { path = path } or nil
    for name, value in pairs(job.server) do server[name] = value end
    server.prefix_caching = true
    for name, value in pairs(job.workload) do work[name] = value end
    work.salt = salt
    local changed = setmetatable({ engine = engine, server = server, workload = work }, { __index = job })
    return (cell.measure(changed, sim))
  end

  it("is off unless asked for, and the cell says so", function()
    assert.equal("off", (cell.measure(job, sim)).prefix_cache)
  end)

  it("is emptied before each cell where the engine can", function()
    local result = measured "/reset_prefix_cache"
    assert.equal("reset", result.prefix_cache)
    assert.equal("ok", result.status)
  end)

  it("that will not be emptied spoils the cell", function()
    local result = measured "/no_such_path"
    assert.equal("failed", result.status)
    local reason = "the prefix cache could not be emptied: /no_such_path answered HTTP status 404"
    assert.truthy(result.error:find(reason, 1, true), result.error)
  end)

  it("is got round by salt, or kept, and the cell says which", function()
    assert.equal("salted", measured(nil, true).prefix_cache)
    assert.equal("kept", measured(nil).prefix_cache)
  end)
end)
