-- What a server does not tell stays unknown, everywhere: no error, no zero, no speed-up from prompts alone.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local published = require "specbench.export.spec_bench_vllm"
local has = dofile(require("sb.environment").home .. "/tests/lua/has.lua")

local w

local REFERENCE = [[
  baseline = { method = "none" },
  report = { heatmap = { x = "concurrency", y = "method", per = {} } },
  reference = function(c)
    return { method = c.method, folder = "polish", task = "polish", subtask = "polish", num_spec_tokens = 3 }
  end,
  chunk_timeout]]

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("chunk_timeout", REFERENCE)))
end)
after_each(function() w:remove() end)

local function lacks(text, ...)
  for _, part in ipairs { ... } do assert.is_nil(text:find(part, 1, true), text) end
end

local function run(answers, options)
  return w:run(("run --full grid.lua --engine external --url %s --restarted --no-pictures --out results %s")
    :format(w:stub(answers), options or ""))
end

-- A run, a report and a comparison of cells whose server told the tokens of too few answers.
local function check_untold(answers, untold)
  local result = run(answers)
  assert.equal(0, result.status, result.err)
  has(result.err, "4 measured, 0 done before, 0 failed")
  has(result.out, "No speed-up for 2 cells of draft: the server did not tell the tokens of " .. untold .. " of 4")
  lacks(result.out, "Largest speed-ups", "nil", "nan")
  lacks(result.err, "nil", "nan", "traceback")
  for _, text in pairs(w:cells "cells") do
    local m = json.decode(text).metrics
    for _, name in ipairs { "total_output_tokens", "output_throughput", "total_token_throughput", "tpot_ms.mean",
      "ref_tpot_ms.mean", "decode_tpot_ms" } do assert.is_nil(m[name], name) end
    assert.equal(untold, m.output_tokens_unknown)
    assert.is_true(m["ttft_ms.mean"] > 0)
  end
  assert.equal("", w:read "results/auto_test_results/online/max_speedup.jsonl")
  local line = w:read "results/auto_test_results/online/draft/Task_polish/Table_MaxConcurrency.jsonl":match "[^\n]+"
  local row, keys = json.decode(line), 0
  for _ in line:gmatch '"[^"]+": ' do keys = keys + 1 end
  assert.equal(#published.row_keys, keys)
  for _, name in ipairs { "total_output_tokens", "output_throughput", "total_token_throughput", "mean_tpot_ms" } do
    has(line, ('"%s": null'):format(name))
  end
  assert.is_true(row.mean_ttft_ms > 0 and row.request_throughput > 0)
  local compared = w:run "compare results results"
  assert.equal(0, compared.status, compared.err)
  has(compared.out, ("No throughput in 4 of 4 cells: the server did not tell the tokens of %d of 4"):format(untold))
  local guarded = w:run "compare results results --fail-if-slower 5%"
  assert.equal(1, guarded.status)
  has(guarded.err, "no joined cell has total_throughput on both sides")
end

describe("a server that tells no usage", function()
  it("leaves tokens and all that rests on them unknown", function()
    check_untold({ ["*"] = { usage = false } }, 4)
  end)

  it("in one answer of four leaves them unknown too", function()
    local answers = {}
    for cell = 0, 3 do answers[tostring(4 * cell + 2)] = { usage = false } end
    check_untold(answers, 1)
  end)

  it("is said so cell by cell", function()
    local result = run({ ["*"] = { usage = false } }, "--only method=none --only concurrency=1")
    has(result.err, "method=none concurrency=1: - tokens/s, TTFT ", " ms, TPOT - ms",
      "no throughput: the server did not tell the tokens of 4 of 4 answers")
  end)
end)

describe("failures of several kinds in one cell", function()
  it("are summed up, the most frequent first", function()
    w:write("grid.lua", (w:read "grid.lua":gsub("count = 4", "count = 60")))
    local answers, number = {}, 0
    for kind = 1, 10 do
      for _ = 1, (kind * 7) % 11 do
        number = number + 1
        answers[tostring(number)] = { status = 500 + kind, body = "kind " .. kind }
      end
    end
    local result = run(answers, "--only method=none --only concurrency=1")
    assert.equal(3, result.status, result.err)
    has(result.err, "55 of 60 requests failed: 10 x http: HTTP status 503: kind 3; 9 x http: HTTP status 506: kind 6; "
      .. "8 x http: HTTP status 509: kind 9")
    assert.equal(1, w:count "failed")
  end)

  it("of many cells are listed, the most frequent first", function()
    local failures = require "specbench.analysis.failures"
    local number = 0
    for kind = 1, 10 do
      for _ = 1, (kind * 7) % 11 do
        number = number + 1
        assert(fs.mkdir(("%s/failed/%d-1"):format(w.folder, number)))
        w:write(("failed/%d-1/cell.json"):format(number), json.encode {
          id = tostring(number), key = tostring(number), started = "2026", error = "cause " .. ("x"):rep(kind),
          repetition = 1, status = "failed", coordinates = {}, engine = { name = "sim" },
          identity = { server = { model = { name = "m" } }, workload = { count = 4 } },
        })
      end
    end
    local causes = failures.of({ folder = w.folder }, {})
    for i = 1, 10 do assert.equal(11 - i, causes[i].count) end
  end)
end)

describe("an answer's zero byte", function()
  it("ends no text, neither in what is kept beside the cell nor in what a script reads", function()
    local url = w:stub { ["*"] = { text = "a\0b" } }
    w:write("plain.lua", ([[
      local bench = require "specbench"
      bench.main(function()
        local run = bench.load { server = %q, keep_text = true,
          requests = { { body = { messages = {}, stream = true, max_tokens = 8 } } } }
        print(("%%q %%q"):format(run:request(1).text, (run:text(1))))
      end)
    ]]):format(url))
    local result = w:run "plain.lua"
    assert.equal(0, result.status, result.err)
    assert.equal('"a\\0b" "a\\0b"\n', result.out)
    assert.equal(0, run({ ["*"] = { text = "a\0b" } }, "--only method=none --only concurrency=1").status)
    local packed = assert(w:read(("results/cells/%s/outputs.jsonl.gz"):format(next(w:cells "cells"))))
    local first = assert(json.decode(fs.gunzip(packed):match "[^\n]+"))
    assert.equal("a\0b", first.text)
  end)
end)
