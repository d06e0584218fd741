-- Files for other tools: named by the round, described cell by cell, written with every report.

local environment = require "sb.environment"
local json = require "specbench.base.json"

local w

-- EXPORT is filled in.
local ROUND = [[
local bench = require "specbench"
return bench.round {
  name = "grid",
  axes = {
    { "method", { "none", "ngram" } }, { "lookup", { 2, 4 }, when = function(c) return c.method == "ngram" end },
    { "concurrency", { 1 } },
  },
  baseline = { method = "none" },
  server = function(c)
    return { model = "qwen2.5-7b", method = c.method, k = c.lookup and 3 or nil, prompt_lookup_max = c.lookup }
  end,
  workload = function()
    return { prompts = { dataset = "random", tokens = 20, count = 4 }, limits = { max_tokens = 4 } }
  end,
  report = { heatmap = { x = "concurrency", y = "concurrency", per = { "method" } } },
  EXPORT
}
]]

local function round(export)
  w:write("grid.lua", (ROUND:gsub("EXPORT", function() return export end)))
end

local RUN = "run grid.lua --speed 200 --no-rerun --no-text --no-pictures --out results"
local TO = [[export = { "spec-bench-vllm", function(c)
    return { method = "%s" .. c.method, folder = "T", num_spec_tokens = c.lookup }
  end },]]

before_each(function() w = dofile(environment.home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

local function table_of(method)
  return w:read(("results/auto_test_results/online/%s/Task_T/Table_MaxConcurrency.jsonl"):format(method))
end

describe("an export", function()
  it("stays as it was written, unless the round's file is given", function()
    round(TO:format "a-")
    local run = w:run(RUN)
    assert.equal(0, run.status, run.err)
    assert.equal(2, select(2, table_of "a-ngram":gsub("\n", "\n")))
    assert.equal(-1, json.decode(table_of "a-none").NUM_SPEC_TOKENS)
    local best = json.decode(w:read("results/auto_test_results/online/max_speedup.jsonl"):match "[^\n]+")
    assert.equal("a-ngram", best.method)

    round(TO:format "b-")
    assert.equal(0, w:run("report results --full --no-pictures").status)
    assert.is_nil(table_of "b-none")
    assert.equal(0, w:run("report results --full --no-pictures --round grid.lua").status)
    assert.truthy(table_of "b-none")
  end)

  it("has goodput where objectives were set", function()
    round(TO:format "a-")
    assert.equal(0, w:run(RUN .. " --only method=none --slo ttft=60000").status)
    local row = json.decode(table_of "a-none")
    assert.equal(row.request_throughput, row["request_goodput:"])
    assert.equal(0, w:run(RUN .. " --only method=none --fresh").status)
    assert.truthy(table_of "a-none":find('"request_goodput:": null', 1, true))
  end)

  it("is not there where the round has none; maxima are", function()
    round ""
    assert.equal(0, w:run(RUN).status)
    assert.is_nil(require("sb.fs").stat(w.folder .. "/results/auto_test_results"))
    local maxima = {}
    for line in w:read("results/maxima.jsonl"):gmatch "[^\n]+" do
      maxima[#maxima + 1] = json.decode(line).coordinates
    end
    -- cells that no map can show side by side are not averaged
    assert.same({
      { concurrency = 1, lookup = 2, method = "ngram" }, { concurrency = 1, lookup = 4, method = "ngram" },
    }, maxima)
    local report = w:run("report results --full --no-pictures --no-colour").out
    assert.truthy(report:find("grid, ngram lookup=2", 1, true), report)
    assert.truthy(report:find("grid, ngram lookup=4", 1, true), report)
  end)

  it("names the format and what it lacks, in one line", function()
    local function refused(export, text)
      round(export)
      local plan = w:run "plan grid.lua"
      assert.equal(1, plan.status)
      assert.truthy(plan.err:find(text, 1, true), plan.err)
    end
    refused('export = { "spec-bench-vlm", function() return {} end },', "did you mean 'spec-bench-vllm'?")
    refused('export = { "spec-bench-vllm" },', "round.export: 2 is missing")
    refused('export = { "spec-bench-vllm", function() return { method = "m" } end },', "export: folder is missing")
    refused('export = { "spec-bench-vllm", function() return { method = "m", folder = "f", subtsk = "s" } end },',
      "did you mean 'subtask'?")
  end)
end)
