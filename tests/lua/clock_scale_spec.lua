-- A server's own clock: a script need not know how fast a simulator runs.

local bench = require "specbench"
local fs = require "sb.fs"

local SPEED = 10

local function requests(count)
  local list = {}
  for i = 1, count do
    list[i] = { body = {
      messages = { { role = "user", content = ("Story %d"):format(i) } }, max_tokens = 8, stream = true,
      stream_options = { include_usage = true, continuous_usage_stats = true },
    } }
  end
  return list
end

local function simulator()
  return assert(bench.server.start { argv = { bench.executable, "sim", "--profile", "qwen2.5-7b", "--port", "{port}",
    "--speed", tostring(SPEED) } })
end

-- The figure in the server's time and in the world's.
local function both(run)
  local told = run:metrics().duration
  run:set_clock_scale(1)
  return told, run:metrics().duration
end

describe("the clock of a simulator that runs faster", function()
  it("is known to its handle, and to whoever has its address alone", function()
    local sim <close> = simulator()
    for _, server in ipairs { sim, sim.url, bench.server.external(sim.url) } do
      local told, wall = both(bench.load { server = server, requests = requests(2), concurrency = 1 })
      assert.near(SPEED * wall, told, 1e-6)
    end
    local told, wall = both(bench.load { server = sim, requests = requests(1), concurrency = 1, clock_scale = 3 })
    assert.near(3 * wall, told, 1e-6)
  end)

  it("is that of a request rate as well", function()
    local sim <close> = simulator()
    local run = bench.load { server = sim, requests = requests(3), rate = 20, arrivals = "constant" }
    assert.equal(1e9 / (20 * SPEED), run:request(3).t_intended - run:request(2).t_intended)
  end)

  it("is that of times of one's own as well", function()
    local sim <close> = simulator()
    local load = { server = sim, requests = requests(3), times = { 0, 0.2, 0.3 } }
    local run = bench.load(load)
    assert.near(1e8 / SPEED, run:request(3).t_intended - run:request(2).t_intended, 1)
    load.rate = 1
    assert.has_error(function() bench.load(load) end)
  end)
end)

describe("a server that tells no clock", function()
  it("has the world's", function()
    assert.equal(1, bench.server.clock_scale "http://127.0.0.1:1")
  end)

  it("has it too where it tells one that cannot be", function()
    local folder = assert(fs.temporary())
    assert(fs.remove(folder))
    assert(fs.mkdir(folder))
    local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
    assert(fs.write(folder .. "/version", "{}"))
    local server <close> = assert(bench.server.start { ready = "/version",
      argv = { "python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, "{port}" } })
    for _, told in ipairs { "0", "-1", "1e300", "1e999", '"nan"', "{}" } do
      assert(fs.write(folder .. "/version", ('{"clock_scale": %s}'):format(told)))
      assert.equal(1, bench.server.clock_scale(server.url), told)
    end
  end)
end)
