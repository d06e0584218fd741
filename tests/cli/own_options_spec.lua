-- Options that a script or a round declares for itself; the round that `specbench new` writes; scripts on the command
-- line.

local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local SCRIPT = [[
-- Counts down.
local bench = require "specbench"
local options, words = bench.options {
  %s
  options = {
    { long = "from", short = "f", arg = "N", type = "int", min = 1, default = 3, help = "where it begins" },
    { long = "dry-run", type = "flag", help = "counts nothing" },
  },
  positionals = { { name = "WORD", optional = true, many = true } },
}
bench.main(function() print(options.from, options.dry_run, table.concat(words, " ")) end)
]]

local w

before_each(function() w = dofile(environment.home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

local function expect(arguments, status, out, err)
  local result = w:run(arguments)
  assert.equal(status, result.status, result.out .. result.err)
  for text, wanted in pairs { [result.out] = out, [result.err] = err } do
    assert.truthy(text:find(wanted, 1, true), ("%s: %q"):format(arguments, text))
  end
  return result
end

-- The world's round with a limit of its own: --tokens.
local function own_round(declaration)
  local text = w.round():gsub("return bench", function()
    return ("local options = bench.options { options = { %s } }\nreturn bench"):format(declaration
      or '{ long = "tokens", type = "int", min = 1, default = 8, help = "of an answer" }')
  end)
  return (text:gsub("max_tokens = 8", "max_tokens = options.tokens"))
end

describe("a script's own options", function()
  it("are read from its command line, words beside them", function()
    w:write("count.lua", SCRIPT:format "")
    expect("count.lua", 0, "3\tfalse\t\n", "")
    expect("count.lua -f 5 now --dry-run then", 0, "5\ttrue\tnow then\n", "")
  end)

  it("are answered where they are wrong, with status 2", function()
    w:write("count.lua", SCRIPT:format "")
    local result = expect("count.lua --form 5", 2, "", "unknown option --form (did you mean --from?)")
    assert.equal("specbench: count.lua: unknown option --form (did you mean --from?): see specbench count.lua --help\n",
      result.err)
    expect("count.lua --from 0", 2, "", "specbench: count.lua: --from needs a whole number of at least 1, not 0\n")
  end)

  it("are refused where they are read by another name", function()
    w:write("count.lua", (SCRIPT:format "":gsub("options%.dry_run", "options.dry_rnu")))
    expect("count.lua", 1, "", "specbench: count.lua:11: bench.options has no 'dry_rnu' (did you mean 'dry_run'?); it "
      .. "has: from, dry_run\n")
    w:write("count.lua", (SCRIPT:format "":gsub(", default = 3", "")))
    expect("count.lua", 0, "nil\tfalse\t\n", "")
    w:write("grid.lua", (own_round():gsub("options%.tokens", "options.token")))
    expect("plan grid.lua", 1, "", "bench.options has no 'token' (did you mean 'tokens'?); it has: tokens\n")
  end)

  it("stand in --help, under the file's own comment or what it declares instead, and nothing runs", function()
    w:write("count.lua", SCRIPT:format "")
    local help = expect("count.lua --help", 0, "Usage: specbench count.lua [OPTION]... [WORD...]\n\nCounts down.\n", "")
    assert.truthy(help.out:find("-f, --from N   where it begins (default 3)", 1, true), help.out)
    assert.is_nil(help.out:find("3\tfalse", 1, true))
    w:write("count.lua", SCRIPT:format 'summary = "Counts.", examples = { "specbench count.lua -f 9" },')
    expect("count.lua -h", 0, "\nCounts.\n", "")
    expect("count.lua -h", 0, "\nExamples:\n  specbench count.lua -f 9\n", "")
  end)

  it("that are declared wrongly are refused with the place", function()
    w:write("count.lua", 'require("specbench").options {\n  opts = {} }\n')
    expect("count.lua", 1, "", "count.lua:1: bench.options: unknown key 'opts'; known: ")
  end)

  it("are not needed for --help: the file's comment is shown, and nothing runs", function()
    w:write("plain.lua", '-- Says hello.\n-- To you.\nlocal bench = require "specbench"\n'
      .. 'bench.main(function(word) print("hello " .. tostring(word)) end)\n')
    local help = w:run "plain.lua --help"
    assert.equal("Usage: specbench plain.lua\n\nSays hello.\nTo you.\n", help.out)
    assert.equal(0, help.status)
    expect("plain.lua --help you", 0, "hello --help\n", "")
  end)
end)

describe("a round's own options", function()
  it("are taken by run, plan and check, and reach what is sent", function()
    w:write("mine.lua", own_round())
    expect("check mine.lua --tokens 3", 0, "a round: 4 cells", "")
    expect("run mine.lua --tokens 3 --only method=none --only concurrency=1 --virtual --out results", 0, "", "")
    local _, text = next(w:cells "cells")
    local m = json.decode(text).metrics
    assert.equal(3, m.total_output_tokens / m.completed)
    assert.equal(3, json.decode(w:read "results/round.json").options.tokens)
  end)

  it("have their defaults, and make other cells where they change what is sent", function()
    w:write("mine.lua", own_round())
    local one = "run mine.lua --only method=none --only concurrency=1 --virtual --out results "
    expect(one, 0, "", "1 cell: 1 measured")
    expect(one .. "--tokens 8", 0, "", "nothing to do")
    expect(one .. "--tokens 4", 0, "", "1 cell: 1 measured")
  end)

  it("stand in the help of the commands that take them, and of the file", function()
    w:write("mine.lua", own_round())
    for _, name in ipairs { "run", "plan", "check" } do
      local shown = "\nOptions of mine.lua:\n      --tokens VALUE  of an answer (default 8)\n"
      expect(name .. " mine.lua --help", 0, shown, "")
    end
    expect("mine.lua --help", 0, "Usage: specbench run mine.lua [OPTION]...\n", "")
    expect("mine.lua --help", 0, "'specbench run --help' has the options that every round takes.", "")
    w:write("grid.lua", "-- A grid.\n" .. w.round())
    expect("grid.lua --help", 0, "Usage: specbench run grid.lua\n\nA grid.\n", "")
  end)

  it("are refused where they are wrong or misspelt", function()
    w:write("mine.lua", own_round())
    expect("run mine.lua --tokens 0", 2, "", "specbench run: --tokens needs a whole number of at least 1, not 0\n")
    expect("run mine.lua --tokes 4", 2, "", "unknown option --tokes (did you mean --tokens?)")
    expect("run grid.lua --tokens 4", 2, "", "unknown option --tokens")
  end)

  it("may not take a name of the command's, a key, or words", function()
    w:write("mine.lua", own_round '{ long = "seed", type = "int" }')
    expect("run mine.lua", 1, "", "specbench: mine.lua: bench.options: --seed is an option of specbench run already: "
      .. "take another name\n")
    w:write("mine.lua", own_round '{ long = "tokens", type = "int", default = "8" }')
    expect("run mine.lua", 1, "", "option --tokens needs a default that is a whole number, as its values are")
    w:write("mine.lua", own_round '{ long = "api-key" }')
    expect("run mine.lua", 1, "", "would put a secret on the command line")
    w:write("mine.lua", (own_round():gsub("bench.options {", "%0 positionals = { { name = 'X' } },")))
    expect("check mine.lua", 1, "", "a round takes no words of its own, only options")
  end)
end)

describe("specbench new", function()
  it("writes a round that passes check without a warning and runs at once", function()
    local written = expect("new lookups", 0, "lookups.lua is written.", "")
    assert.truthy(written.out:find("specbench run lookups.lua --quick", 1, true))
    expect("check lookups.lua", 0, "lookups.lua: a round: 9 cells on 3 servers (engine sim)\n", "")
    expect("run lookups.lua --quick --tokens 24 --no-pictures", 0, "lookups   SIMULATED", "6 cells: 6 measured")
    assert.equal("lookups", json.decode(w:read "results/lookups-quick/round.json").round)
    assert.is_nil(w:read("lookups.lua"):find("my_round", 1, true))
  end)

  it("overwrites nothing, and takes no name that cannot be one", function()
    w:write("mine.lua", "precious")
    expect("new mine", 1, "", "specbench: mine.lua is there already: give another name\n")
    expect("new mine.lua", 1, "", "mine.lua is there already")
    assert.equal("precious", w:read "mine.lua")
    for _, name in ipairs { "'a b'", "''", "..", "sub/", "--", "'x\ty'" } do
      assert.equal(2, w:run("new " .. name).status, name)
    end
    expect("new nowhere/mine", 1, "", "nowhere/mine.lua")
    assert.is_nil(fs.stat(w.folder .. "/nowhere"))
  end)
end)

describe("specbench -e", function()
  it("runs a line with `bench` and its arguments at hand", function()
    expect("-e 'print(bench.json.encode { ... }, #arg)' a b", 0, '["a", "b"]\t2\n', "")
    expect("-e 'return 7'", 7, "", "")
  end)

  it("tells mistakes of the line, and that one is missing", function()
    expect("-e 'x = '", 1, "", "specbench: (command line):1: unexpected symbol near <eof>\n")
    expect("-e 'error \"no\"'", 1, "", "specbench: (command line):1: no\n")
    expect("-e", 2, "", "specbench -e CODE")
  end)

  it("ends with the status that is raised, silent without a message", function()
    local told = expect("-e 'error { exit = 4, message = \"enough\" }'", 4, "", "enough")
    assert.equal("specbench: -e: enough\n", told.err)
    assert.equal("", expect("-e 'error { exit = 4 }'", 4, "", "").err)
  end)
end)

describe("round 1's option of its own", function()
  it("lets V0's MQA scorer run where a server speculates, and leaves baselines as they are", function()
    local cells = "plan round1 --engine vllm_v0 --engine-version 0.6.3 --only task=qa --only concurrency=1 --only k=3 "
    local plain, scored = w:run(cells .. "--show-argv"), w:run(cells .. "--show-argv --mqa")
    assert.equal(0, scored.status, scored.err)
    assert.is_nil(plain.out:find("--enforce-eager", 1, true))
    local speculating = 0
    for line in scored.out:gmatch "[^\n]+" do
      if line:find("python3", 1, true) then
        local speculates = line:find("--speculative-model", 1, true) ~= nil
        speculating = speculating + (speculates and 1 or 0)
        assert.equal(speculates, line:find("--enforce-eager", 1, true) ~= nil, line)
      end
    end
    assert.equal(4, speculating)
  end)
end)

describe("what rounds without weights take", function()
  -- by server, the lines of a plan that start one
  local function servers(rest)
    local told, lines = w:run(rest .. " --engine vllm --engine-version 0.26.0 --show-argv"), {}
    assert.equal(0, told.status, told.err)
    for line in told.out:gmatch "[^\n]+" do
      if line:find("CUDA_VISIBLE_DEVICES", 1, true) then lines[#lines + 1] = line end
    end
    return lines
  end

  it("spreads each model of the shapes over as many GPUs as told", function()
    local lines = servers(("plan '%s/rounds/examples/shapes.lua' --only model=llama-3-8b --set acceptance=0.6 "
      .. "--tensor-parallel 2 --gpus 0,1"):format(environment.home))
    assert.equal(2, #lines)
    for _, line in ipairs(lines) do assert.truthy(line:find("--tensor-parallel-size 2", 1, true), line) end
  end)

  it("sets what round 3's draft has accepted, place by place", function()
    local lines = servers("plan round3 --set chunked_prefill=default --set k_by_batch_size=0 --accepted 0.5 "
      .. "--gpus 0,1 --set speculative_max_model_len=0 --model qwen2.5-14b=org/a --model qwen2.5-0.5b=org/b")
    assert.equal(2, #lines)
    assert.is_nil(lines[1]:find("synthetic", 1, true))
    assert.truthy(lines[2]:find('"synthetic_acceptance_rates":[0.5,0.25,0.125]', 1, true), lines[2])
  end)
end)
