-- The bench's comparison of records with the simulator's log, on logs written by hand.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local truth = require "specbench.selfcheck.truth"

local path

before_each(function() path = os.tmpname() end)
after_each(function() os.remove(path) end)

local MS = 1000000

-- requests: { id, received, written times... } in ms; tokens are 1 each
local function log(requests)
  local lines = {}
  for i, request in ipairs(requests) do
    local chunks = {}
    for k = 3, #request do chunks[k - 2] = json.array { request[k] * MS, request[k] * MS, 1 } end
    lines[i] = json.encode { request_id = request[1], t_recv_ns = request[2] * MS, chunks = json.array(chunks) }
  end
  assert(fs.write(path, table.concat(lines, "\n") .. "\n"))
end

-- What a client recorded: arrivals of each request in ms.
local function recorded(requests)
  local run, count = {}, 0
  for i, arrivals in ipairs(requests) do
    local chunks = {}
    for k, at in ipairs(arrivals) do chunks[k] = { t = at * MS, tokens = 1 } end
    count = count + #chunks
    run[i] = { chunks = chunks }
  end
  function run.request(_, i) return run[i] end
  function run.chunks() return count end
  return run
end

describe("the truth's figures", function()
  it("are distances chunk by chunk, joined by the request's id", function()
    log { { "b-1-1", 0, 20, 40 }, { "b-1-0", 0, 10, 30, 50 } }
    local f = truth.figures(path, recorded { { 11, 32, 53 }, { 21, 44 } }, "b-1")
    assert.equal(5, f.chunks)
    assert.equal(0, f.lost)
    assert.equal(2, f.error_ms.p50) -- 1, 1, 2, 3, 4
    assert.equal(20, f.itl_ms.p50)
    assert.equal(15, f.ttft_ms.p50)
    assert.equal(0.045, f.request_s)
  end)

  it("count chunks of either side that the other lacks, and requests that the run does not have", function()
    log { { "p-0", 0, 10, 20 }, { "p-7", 0, 10 }, { "q-0", 0, 10, 20, 30 } }
    local f = truth.figures(path, recorded { { 10 }, { 1, 2 } }, "p")
    assert.equal(1 + 1 + 3 + 2, f.lost)
  end)

  it("leave out chunks that never left the server", function()
    log { { "p-0", 5, 10, 0 }, { "p-1", 5, 0 } }
    local f = truth.figures(path, recorded { { 10 }, {} }, "p")
    assert.equal(1, f.chunks)
    assert.equal(0, f.lost)
    assert.equal(0, f.error_ms.p99)
    assert.is_nil(f.itl_ms)
    assert.equal(0.005, f.request_s)
  end)

  it("without records are the log's own", function()
    log { { "p-0", 0, 10, 20 }, { "p-1", 3, 13, 23 } }
    local f = truth.figures(path, nil, nil, 2)
    assert.is_nil(f.error_ms)
    assert.is_nil(f.lost)
    assert.equal(3 * MS, f.last_arrival_ns)
  end)
end)
