-- The examples of rounds/examples run as they stand, and say what they promise. Those of an engine, a chart and metrics
-- of one's own are run by cli/engine_file_spec and cli/doors_spec, cpu.lua by engine/rounds_spec.

local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local EXAMPLES = environment.home .. "/rounds/examples/"

local w

before_each(function() w = dofile(environment.home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

local function run(arguments)
  local result = w:run(arguments)
  assert.equal(0, result.status, result.err)
  return result.out
end

local function measure(name, options)
  return run(("run %s%s.lua --quick --speed 50 --no-rerun --no-text --no-pictures --out results %s"):format(EXAMPLES,
    name, options or ""))
end

describe("the examples", function()
  it("first.lua loads one server at two concurrencies", function()
    local out = run(EXAMPLES .. "first.lua")
    assert.truthy(out:find "^concurrency 1: %d+ tokens/s, TTFT %d+ ms, ITL p99 [%d.]+ ms\nconcurrency 8: ", out)
  end)

  it("one_request.lua shows an answer chunk by chunk", function()
    local out, chunks, tokens = run(EXAMPLES .. "one_request.lua --tokens 12 why"), 0, 0
    for number in out:gmatch "ms  (%d+) tokens\n" do chunks, tokens = chunks + 1, tokens + tonumber(number) end
    assert.is_true(chunks > 0 and chunks < 12, out)
    assert.equal(12, tokens)
    assert.truthy(out:find("\n12 tokens in ", 1, true), out)
  end)

  it("two_servers.lua loads two servers at the same moment", function()
    local out = run(EXAMPLES .. "two_servers.lua")
    local line = " +%d+ tokens/s, TPOT [%d.]+ ms\n"
    assert.truthy(out:find("^plain" .. line .. "k = 3" .. line .. "speed%-up [%d.]+\n$"), out)
  end)

  it("trace.lua sends requests when a trace has them", function()
    w:write("trace.jsonl", '{"timestamp": 900, "input_length": 60, "output_length": 9}\n{"timestamp": 100, '
      .. '"prompt": "Why?", "output_length": 20}\n{"timestamp": 1300, "input_length": 30, "output_length": 3}\n')
    local out = run(EXAMPLES .. "trace.lua trace.jsonl --milliseconds")
    local first = "^3 of 3 requests, over 1%.2 s; %d+ tokens/s; at most %d at once\n"
    assert.truthy(out:find(first .. "TTFT p50 %d+ ms, p99 "), out)
    w:write("trace.jsonl", '{"timestamp": 1, "output_length": 9}\n')
    local flaw = w:run(EXAMPLES .. "trace.lua trace.jsonl").err
    assert.truthy(flaw:find("trace.jsonl: line 1 must have timestamp, output_length and", 1, true), flaw)
  end)

  it("break_even.lua narrows down where speculation stops to pay", function()
    local out = run(EXAMPLES .. "break_even.lua --most 8 --speed 40")
    local least, most = out:match "k = 5 pays up to (%d+) requests at once, no longer at (%d+)\n$"
    assert.truthy(least and tonumber(least) < tonumber(most) or out:find("pays at 8 still", 1, true)
      or out:find("never pays", 1, true), out)
    assert.truthy(out:find "^concurrency   1: %d%.%d%d\n", out)
  end)

  it("own_dataset.lua draws a map over two settings for prompts of one's own", function()
    w:write("mine.jsonl", '{"q": "Why?"}\n{"q": "How?"}\n{"q": "When?"}\n')
    measure("own_dataset", "--prompts-file mine.jsonl --field q --set k=2")
    assert.equal(2, #w:rows())
    for _, text in pairs(w:cells "cells") do
      local cell = json.decode(text)
      assert.same({ "file", "mine.jsonl", 3 }, { cell.dataset.kind, cell.dataset.file, cell.dataset.rows })
    end
    assert.equal(0, w:run(("check %sown_dataset.lua"):format(EXAMPLES)).status) -- with the prompts beside it
  end)

  it("k_by_load.lua compares one k with a table of k", function()
    measure("k_by_load", "--only concurrency=1 --only k=none,5,'by load'")
    local by_k = {}
    for _, row in ipairs(w:rows()) do by_k[row.coordinates.k] = row.speedups.paired.ratio end
    assert.is_true(by_k["5"] > 0 and by_k["by load"] > 0)
    local tables = 0
    for _, text in pairs(w:cells "cells") do
      if text:find("k-by-batch-size", 1, true) then tables = tables + 1 end
    end
    assert.equal(1, tables)
  end)

  it("explain themselves", function()
    for _, name in ipairs(assert(fs.list(EXAMPLES))) do
      if name:find "%.lua$" and name ~= "own_engine.lua" then -- which an option names
        local out = run(EXAMPLES .. name .. " --help")
        assert.truthy(out:find "^Usage: specbench [^\n]+\n\n%u", out)
      end
    end
  end)
end)
