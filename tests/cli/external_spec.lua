-- Servers that somebody else runs: measured without speculation, then restarted with it at the same URL.

local environment = require "sb.environment"
local http = require "sb.http"
local json = require "specbench.base.json"
local proc = require "sb.proc"
local task = require "specbench.task"

local w, port, url

before_each(function()
  w = dofile(environment.home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("chunk_timeout", 'baseline = { method = "none" }, chunk_timeout')))
  port = assert(proc.free_port())
  url = ("http://127.0.0.1:%d"):format(port)
end)
after_each(function() w:remove() end)

local function up(...)
  local server = assert(proc.start {
    argv = { environment.executable, "sim", "--profile", "qwen2.5-7b", "--model", "qwen2.5-7b", "--speed", "100",
      "--port", tostring(port), ... }, -- of an option that stands twice the last counts
  })
  w:eventually("the server", function() return http.request { url = url .. "/health" } end)
  return server
end

local function command(engine, method)
  return ("run grid.lua --engine %s --url %s --only method=%s --no-pictures --out results"):format(engine, url, method)
end

local function run(engine, method)
  return w:run(command(engine, method))
end

local function measure_both(engine)
  for method, options in pairs { none = { "--k", "0" }, draft = { "--method", "draft", "--k", "3" } } do
    local server <close> = up(table.unpack(options))
    local result = run(engine, method)
    assert.equal(0, result.status, result.err)
    server:stop(0)
    server:wait_end()
  end
  local by_method = {}
  for _, text in pairs(w:cells "cells") do
    local cell = json.decode(text)
    by_method[cell.coordinates.method] = cell
  end
  return by_method, select(2, w:read "results/speedups.jsonl":gsub("\n", ""))
end

describe("a server that is up", function()
  it("is measured in its dialect, with its counters, and its cells meet", function()
    local cells, speedups = measure_both "external:vllm"
    assert.equal(4, w:count "cells")
    assert.equal(2, speedups)
    assert.is_true(cells.draft.acceptance.drafts > 0)
    assert.equal("salted", cells.none.prefix_cache)
    assert.equal(100, cells.none.clock_scale) -- the simulator says how fast its clock runs
  end)

  it("is measured by OpenAI's API alone, and says what that does not tell", function()
    local cells, speedups = measure_both "external"
    assert.equal(2, speedups)
    assert.is_nil(cells.draft.acceptance)
    assert.truthy(cells.draft.acceptance_unknown:find("name its dialect", 1, true))
    assert.equal(8 * 4, cells.draft.metrics.total_output_tokens)
    local m = cells.draft.metrics -- the prompts' tokens are the data's, whatever the server counts
    assert.equal(cells.draft.input_tokens, m.total_input_tokens)
    assert.equal((m.total_input_tokens + m.total_output_tokens) / m.duration, m.total_token_throughput)
  end)

  it("is seen to answer others meanwhile, by its count of requests", function()
    local _ <close> = up("--k", "0")
    assert.equal(0, run("external:vllm", "none").status)
    assert.is_nil(w:read("results/flags.jsonl"):find('"requests"', 1, true))
    local other <close> = task.spawn(function()
      while true do
        assert(http.request { url = url .. "/v1/completions", method = "POST", headers = {
          "Content-Type: application/json",
        }, body = '{"model":"qwen2.5-7b","prompt":"Is it you?","max_tokens":2}' })
      end
    end)
    w:start(command("external:vllm", "none --fresh --full"))
    local result = w:finish()
    other:cancel()
    assert.equal(0, result.status, result.err)
    local _, flagged = w:read("results/flags.jsonl"):gsub('"flag": "requests"', "")
    assert.equal(2, flagged)
    assert.truthy(result.out:find("requests, the cell sent 4: others used the server", 1, true), result.out)
  end)

  it("is seen to do so by the tokens that it wrote where it counts no requests", function()
    for others, flagged in pairs { [0] = 0, [2] = 2 } do
      local stub = w:stub { metrics = { others = others } }
      local result = w:run(("run grid.lua --engine external:llamacpp --url %s --only method=none --fresh --full "
        .. "--no-pictures --out results"):format(stub))
      assert.equal(0, result.status, result.err)
      local _, lines = w:read("results/flags.jsonl"):gsub('"flag": "requests"', "")
      assert.equal(flagged, lines)
      local reason = "the engine wrote 12 tokens, the answers have 4: others used the server"
      assert.equal(flagged > 0, result.out:find(reason, 1, true) ~= nil, result.out)
    end
  end)

  it("must have been restarted between two methods, by its counters or by the user's word", function()
    local _ <close> = up("--k", "0")
    local result = run("external:vllm", "none")
    assert.equal(0, result.status)
    assert.truthy(result.out:find("now the methods, the server restarted with one each time", 1, true), result.out)
    result = run("external:vllm", "draft")
    assert.equal(3, result.status)
    assert.truthy(result.err:find(("the server at %s was last measured as method none, and neither its version nor its "
      .. "counters show that it was restarted since: restart it for method draft k=3, or say --restarted"):format(url),
      1, true), result.err)
    assert.equal(2, w:count "cells")
    assert.equal(0, run("external:vllm", "none").status) -- the same method again is nothing to object to
    result = run("external:vllm", "draft --restarted")
    assert.equal(0, result.status, result.err)
    assert.equal(4, w:count "cells")
  end)

  it("is asked for the one model that it has, and says so", function()
    local _ <close> = up("--k", "0", "--model", "theirs")
    local result = run("external:vllm", "none")
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("serves the model 'theirs' alone: it is asked for, not 'qwen2.5-7b'", 1, true))
    result = run("external:vllm", "none --fresh --model qwen2.5-7b=theirs")
    assert.equal(0, result.status, result.err)
    assert.is_nil(result.err:find("alone", 1, true), result.err)
  end)

  it("is asked for running usage in plain OpenAI's dialect too, where it grants it", function()
    local _ <close> = up("--k", "0")
    local result = run("external", "none --set concurrency=1")
    assert.equal(0, result.status, result.err)
    assert.is_nil(result.err:find("usage at an answer's end only", 1, true), result.err)
    local id = next(w:cells "cells")
    local shown = w:run("show --json results/cells/" .. id)
    assert.truthy(shown.out:find("continuous_usage", 1, true), shown.out:sub(1, 600))
  end)
end)
