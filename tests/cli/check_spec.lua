-- specbench check: what is wrong with a file is told before anything is started with it.

local environment = require "sb.environment"
local fs = require "sb.fs"

local EXAMPLES = environment.home .. "/rounds/examples/"

local w

before_each(function() w = dofile(environment.home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

-- Runs it over a file with this text; `out` and `err` are what it must print.
local function check(text, status, out, err, options)
  w:write("file.lua", text)
  local result = w:run(("check file.lua %s"):format(options or ""))
  assert.equal(status, result.status, result.out .. result.err)
  assert.truthy(result.out:find(out, 1, true), result.out)
  if err == "" then assert.equal("", result.err) else assert.truthy(result.err:find(err, 1, true), result.err) end
  assert.is_nil(fs.stat(w.folder .. "/results"))
  return result
end

local function example(name, pattern, text)
  local whole = assert(fs.read(EXAMPLES .. name))
  if not pattern then return whole end
  local changed, number = whole:gsub(pattern, text)
  assert.equal(1, number)
  return changed
end

describe("specbench check", function()
  it("plans a round, with the options that a plan takes", function()
    local round = w.round():gsub("chunk_timeout", 'baseline = { method = "none" }, chunk_timeout')
    check(round, 0, "file.lua: a round: 4 cells on 2 servers (engine sim)\n", "")
    check(round, 0, "a round: 2 cells on 2 servers (engine vllm)\n", "Warning: ", "--engine vllm --set concurrency=4")
  end)

  it("says what is wrong with a round, and of which cell", function()
    local flawed = w.round():gsub("max_tokens", "max_token")
    check(flawed, 1, "", "workload.limits: unknown key 'max_token'")
    check(w.round():gsub("axes", "axs"), 1, "", "round: unknown key 'axs' (did you mean 'axes'?)")
  end)

  it("warns of a round without a baseline, and of cells whose baseline is not in the grid", function()
    check(w.round(), 0, "a round: 4 cells", "Warning: the round names no baseline, so no cell gets a speed-up")
    local round = w.round():gsub("chunk_timeout", 'baseline = { method = "none" }, '
      .. "where = function(c) return c.method == 'draft' or c.concurrency == 1 end, chunk_timeout")
    check(round, 0, "a round: 3 cells", "Warning: 1 cell will have no baseline and no speed-up: the grid has no cell "
      .. "with method=none that agrees with concurrency=2")
  end)

  it("warns of prompts that do not change with the seed", function()
    local round = w.round():gsub("chunk_timeout", 'baseline = { method = "none" }, chunk_timeout')
    local fixed = round:gsub(", seed = c.seed", "")
    assert.not_equal(round, fixed)
    check(fixed, 0, "a round: 4 cells",
      "Warning: every repeat of 4 cells sends the same prompts, drawn with seed 12345")
    check(fixed, 0, "a round: 8 cells", "Warning: every repeat of 4 cells sends the same prompts", "--repeats 2")
  end)

  it("warns of a file that has no other prompts for another repeat, and of texts that are sent again", function()
    w:write("mine.jsonl", '{"prompt": "one"}\n{"prompt": "two"}\n{"prompt": "three"}\n')
    local function of(count)
      return [[return require "specbench".round {
        name = "mine", axes = { { "method", { "none", "ngram" } }, { "concurrency", { 1, 3 } } },
        baseline = { method = "none" },
        server = function(c)
          return { model = "qwen2.5-7b", method = c.method, k = c.method == "ngram" and 3 or nil }
        end,
        workload = function() return { prompts = { dataset = "jsonl", path = "mine.jsonl", count = ]] .. count .. [[ },
          limits = { max_tokens = 4 } } end,
      }]]
    end
    local same = "Warning: every repeat of 4 cells sends the same 3 prompts, "
    check(of(3), 0, "a round: 4 cells", same)
    check(of(3), 0, "a round: 4 cells", "Warning: 4 cells send their texts several times over: up to 12 requests of 3 "
      .. "texts", "--prompts-per-stream 4")
    check(of(3), 0, "a round: 4 cells", same, "--prompts-per-stream 4")
    check(of(3), 0, "a round: 4 cells", "Warning: 2 cells of fewer than 2 prompts a stream mostly measure ramp-down: "
      .. "3 prompts cannot keep 3 streams busy, 12 would; ")
    w:write("mine.jsonl", ('{"prompt": "a"}\n'):rep(64))
    check(of(48), 0, "a round: 4 cells", "")
  end)

  it("says which cells an engine leaves out", function()
    local round = w.round():gsub("draft = speculates", "acceptance = speculates and 2 or nil, draft = speculates")
    check(round, 0, "a round: 2 cells on 1 server", "Warning: 2 cells left out: sim: acceptance: ")
  end)

  it("warns of what a run would stop at on this machine", function()
    check(w.round():gsub("qwen2.5%-7b", "qwen2.5-8b"), 0, "a round: 4 cells", "Warning: a run would stop here: the "
      .. "simulator has no profile 'qwen2.5-8b' (did you mean 'qwen2.5-7b'?)")
  end)

  it("reads a script without running it, and says where it does not parse", function()
    check(example "first.lua", 0, "file.lua: a script: its syntax is right", "")
    check("local bench = require 'specbench'\nbench.main(function()\n  for\nend)\n", 1, "",
      "file.lua:4: <name> expected")
  end)

  it("warns of a file that returns nothing", function()
    check((w.round():gsub("return bench.round", "local r = bench.round")), 0, "file.lua: it returns nothing",
      "Warning: a round ends with `return bench.round")
  end)

  it("checks a models file, and warns of what this machine does not have", function()
    check("return { a = '/nowhere/a', b = {} }\n", 0, "file.lua: a models file: 2 models",
      "Warning: model 'a': there is no /nowhere/a")
    check("return { a = { pth = 'x' } }\n", 1, "a models file", "'a': unknown key 'pth' (did you mean 'path'?)")
  end)

  it("checks an engine's file and calls its functions", function()
    check(example "own_engine.lua", 0, "file.lua: an engine's file: lab-server, with draft, none\n", "")
    check(example("own_engine.lua", "command =", "comand ="), 1, "", "engine: unknown key 'comand'")
    check(example("own_engine.lua", "server%.draft%.path", "server.drft.path"), 1, "an engine's file",
      "command(method = draft): attempt to index a nil value (field 'drft')")
    check(example("own_engine.lua", "return { argv = base.extra", "return { arg = base.extra"), 1, "an engine's file",
      "command(method = none): unknown key 'arg' (did you mean 'argv'?)")
    check(example("own_engine.lua", '"%-%-batch", server.max_num_seqs', '"--batch", math.random(1, 1 << 60)'), 1,
      "an engine's file", "command(method = none): another argv each time it is asked")
    check(example("own_engine.lua", "return body, {}, note", "body.max_tokens = 1"), 1, "an engine's file",
      "request: must return the body, a table, not a nil")
  end)

  it("warns of keys that an engine passes over", function()
    check(example("own_engine.lua", 'seed = "each request carries its own"', ""), 0, "an engine's file",
      "Warning: command does not read seed, and neither `without` nor `ignores` names it")
  end)

  it("warns of an engine that asks for no tokens chunk by chunk, on which verdicts rest", function()
    check(example("own_engine.lua", "body.stream_options.continuous_usage_stats = true", ""), 0, "an engine's file",
      "Warning: request does not ask for tokens chunk by chunk (stream_options.continuous_usage_stats, ")
  end)

  it("asks an engine for the acceptance of counters that all grew", function()
    local whole = "acceptance = function%(delta%) return counters.acceptance%(delta, COUNTERS%) end"
    check(example("own_engine.lua", whole, "acceptance = function(d) return d[COUNTERS .. 'drafts_totl'] * 2 end"), 0,
      "an engine's file", "Warning: acceptance reads the counter vllm:spec_decode_num_drafts_totl, which metrics.names "
      .. "does not have (did you mean 'vllm:spec_decode_num_drafts_total'?)")
    check(example("own_engine.lua", whole, "acceptance = function() end"), 1, "an engine's file",
      "acceptance: must return a table, or nil and why there is none, not a nil")
    check(example("own_engine.lua", whole, "acceptance = function() error 'none' end"), 1, "an engine's file",
      "acceptance: none")
  end)

  it("says that there is no such file", function()
    local result = w:run "check nowhere.lua"
    assert.equal(1, result.status)
    assert.truthy(result.err:find("nowhere.lua", 1, true))
  end)
end)
