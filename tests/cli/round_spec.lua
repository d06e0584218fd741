local w

before_each(function() w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

local function refused(result, status, ...)
  assert.equal(status, result.status, result.err)
  for _, text in ipairs { ... } do assert.truthy(result.err:find(text, 1, true), result.err) end
  assert.same({}, w:servers())
end

local function lines(text)
  return select(2, text:gsub("\n", "\n"))
end

-- A mistake that one line explains: no traceback, no server.
local function refused_in_a_line(result, status, ...)
  refused(result, status, ...)
  assert.equal(1, lines(result.err), result.err)
end

local function changed(round, ...)
  for _, change in ipairs { ... } do
    local at, to = round:find(change[1], 1, true)
    assert(at, change[1])
    round = round:sub(1, at - 1) .. change[2] .. round:sub(to + 1)
  end
  return round
end

describe("a round's file", function()
  it("with a syntax error names file and line", function()
    w:write("grid.lua", "local a = 1\nlocal b = = 2\n")
    refused_in_a_line(w:run_grid "", 1, "grid.lua:2: unexpected symbol near '='")
  end)

  it("with a runtime error shows file, line and who called, in one line; the traceback for whom SPECBENCH_LOG=debug",
    function()
      w:write("grid.lua", "local function f(t)\n  return t.a.b\nend\nf {}\n")
      refused_in_a_line(w:run_grid "", 1,
        "grid.lua:2: attempt to index a nil value (field 'a') (called from grid.lua:4)\n")
      local whole = w:run_grid("", { env = { SPECBENCH_LOG = "debug" } })
      refused(whole, 1, "grid.lua:2: attempt to index a nil value", "stack traceback:", "grid.lua:4: in main chunk")
    end)

  it("with an error in one of its functions shows file, line and cell", function()
    w:write("grid.lua", changed(w.round(), { "speculates = c.method ==", "speculates = c.method.name.x ==" }))
    refused_in_a_line(w:run_grid "", 1, "grid.lua:8: server(method=none, concurrency=1): attempt to index")
    w:write("grid.lua", changed(w.round(), { "return { max_tokens = 8 }", "return { max_tokens = 8 + nil }" }))
    refused_in_a_line(w:run_grid "", 1,
      "grid.lua:17: limits(prompt 1 of method=none concurrency=1): attempt to perform")
    w:write("grid.lua", changed(w.round(), { "chunk_timeout",
      "where = function(c) return c.method.x.y end, chunk_timeout" }))
    refused_in_a_line(w:run_grid "", 1, "grid.lua:6: where(method=none, concurrency=1): attempt to index")
  end)

  it("with an axis of tables, a name that is a path, or what is no JSON in a body is told in a line", function()
    local deep = "local d = {}; d.d = d; return { body = d,\n      prompts"
    local cases = {
      { "{ 1, 2 } } }", "{ 1, {} } } }", "round.axes[2]: [2][2] = a table: must be a string, a number or a boolean" },
      { "{ 1, 2 } } }", "{ print } } }", "round.axes[2]: [2][1] = a function: must be a string, a number" },
      { 'name = "grid"', 'name = "../../evil"', "name = '../../evil': must have no slash" },
      { 'name = "grid"', 'name = ".."', "name = '..': must not begin with a dot" },
      { 'name = "grid"', 'name = "a\\27[2J"', "name = 'a?[2J': must have no slash" },
      { "limits =", "body = { f = print }, limits =", "workload.body: a function cannot be written as JSON" },
      { "return {\n      prompts", deep, "workload.body: a value is nested deeper" },
      { "limits =", "body = { 1 }, limits =", "workload: body = a table: must be a table of names" },
      { "limits =", "body = { x = { [1.5] = 2 } }, limits =", "workload.body: an object's keys must be strings" },
      { "max_tokens = 8", "max_tokens = math.random(1 << 20)", "workload.limits: returns something else each time" },
      { "max_tokens = 8", "max_tokens = 8, min_tokens = {}", "workload.limits: min_tokens = a table: must be a whole" },
      { "max_tokens = 8", "max_tokens = 8, ignore_eos = 1", "workload.limits: ignore_eos = 1: must be true or false" },
      { "server =", 'reference = function() return { method = "../..", folder = "x" } end, server =',
        "export.method = '../..': must have no slash" },
      { "limits =", "group = function() end, limits =", "workload.group: must return a name, not a nil (prompt 1)" },
      { "server =", "reference = function() return 3 end, server =", "export: must be a table" },
    }
    for _, case in ipairs(cases) do
      w:write("grid.lua", changed(w.round(), { case[1], case[2] }))
      refused_in_a_line(w:run_grid "", 1, case[3])
    end
  end)

  it("cannot relabel a cell, nor read what it does not have", function()
    w:write("grid.lua", changed(w.round(), { "local speculates =", 'c.method = "none"; local speculates =' }))
    refused_in_a_line(w:run_grid "", 1, "grid.lua:8: server(method=none, concurrency=1): a cell's 'method' is "
      .. "read-only")
    w:write("grid.lua", changed(w.round(), { "seed = c.seed", "seed = rawset(c, 'method', 'x') and c.seed" }))
    local planned = w:run "plan grid.lua --models models.lua"
    assert.equal(0, planned.status, planned.err)
    assert.is_nil(planned.out:find("method=x", 1, true))
    w:write("grid.lua", changed(w.round(), { 'c.method == "draft"', 'c.methd == "draft"' }))
    refused_in_a_line(w:run_grid "", 1, "grid.lua:8: server(method=none, concurrency=1): a cell has no 'methd' "
      .. "(did you mean 'method'?); it has: method, concurrency, quick, prompts, seed, repetition, baseline")
  end)

  it("that raises what is no text is told all the same", function()
    for what, message in pairs { ["error {}"] = "table: 0x", ["error()"] = "nil",
      ["error(setmetatable({}, { __tostring = function() return 'mine' end }))"] = "mine" } do
      w:write("grid.lua", what .. "\n")
      refused_in_a_line(w:run_grid "", 1, "specbench: " .. message, "(called from grid.lua:1)")
    end
  end)

  it("with a concurrency below 1 says so", function()
    for _, value in ipairs { 0, -4, 1.5 } do
      w:write("grid.lua", changed(w.round(), { "{ 1, 2 }", "{ " .. value .. " }" }))
      refused_in_a_line(w:run_grid "", 1, "grid.lua: workload: concurrency = " .. value,
        value == 0 and "at least 1" or "a whole number from 1")
    end
  end)

  it("with an unknown field names the known ones", function()
    w:write("grid.lua", changed(w.round(), { "chunk_timeout", "chunk_timeouts" }))
    refused_in_a_line(w:run_grid "", 1, "grid.lua: round: unknown key 'chunk_timeouts'",
      "did you mean 'chunk_timeout'?", "known: axes,")
  end)

  it("with a heatmap that lacks an axis, or names none, says so before anything runs", function()
    local function with(map)
      w:write("grid.lua", changed(w.round(), { "chunk_timeout = 300", "report = { heatmap = " .. map .. " }" }))
      return w:run_grid ""
    end
    refused_in_a_line(with '{ x = "method", y = "concurrency" }', 1, "grid.lua: round.report.heatmap: per is missing")
    refused_in_a_line(with '{ x = "methods", y = "concurrency", per = {} }', 1,
      "report.heatmap names axis 'methods', and axes has "
      .. "'method': one of them is misspelt; the axes are: method, concurrency")
    refused_in_a_line(with '{ x = "method", y = "concurrency", per = { "k" } }', 1, "report.heatmap.per: no axis 'k'")
  end)

  it("with a misspelt word in its report names the one that was meant", function()
    local function with(report, ...)
      w:write("grid.lua", changed(w.round(), { "chunk_timeout = 300", "report = { " .. report .. " }" }))
      refused_in_a_line(w:run_grid "", 1, ...)
    end
    with("heatmapp = {}", "grid.lua: round.report: unknown key 'heatmapp' (did you mean 'heatmap'?)")
    with("xtitle = 'k'", "grid.lua: round.report: unknown key 'xtitle' (did you mean 'heatmap.x_title'?)")
    with("heatmap = { x = 'method', y = 'concurrency', per = {}, xtitle = 'k' }",
      "grid.lua: round.report.heatmap: unknown key 'xtitle' (did you mean 'x_title'?)")
    with("settings = { knobs = { { 'methd', 'none' } } }",
      "report.settings.knobs names axis 'methd', and axes has 'method'")
    with("settings = { knobs = { 'method' } }", "settings: knobs[1] = 'method': must be { AXIS, DEFAULT }")
  end)

  it("with a malformed axis says which and how one is written", function()
    local function with(axes, ...)
      w:write("grid.lua", changed(w.round(), { 'axes = { { "method", { "none", "draft" } }', "axes = { " .. axes }))
      refused_in_a_line(w:run_grid "", 1, ...)
    end
    with('"method"', 'round: axes[1] = \'method\': must be { "NAME", { values... } }')
    with('{ "method", {} }', "round.axes[1]: [2] = a table: must be a list of values, at least one")
    with('{ "method", { {} } }', "round.axes[1]: [2][1] = a table: must be a string, a number or a boolean")
    with('{ "method", "none", "draft" }', 'round.axes[1]: must be { "NAME", { values... } }')
    with('{ method = { "none" } }', 'round.axes[1]: must be { "NAME", { values... } }')
    with('{ "concurrency", { 3 } }', "round: axes: 'concurrency' stands there twice")
  end)

  it("without a needed field, or with one of a wrong type, says which", function()
    w:write("grid.lua", "return require('specbench').round { name = 'grid' }\n")
    refused_in_a_line(w:run_grid "", 1, "grid.lua: round: missing: axes (a list",
      "server (a function), workload (a function)")
    w:write("grid.lua", changed(w.round(), { "chunk_timeout = 300", "chunk_timeout = 'long'" }))
    refused_in_a_line(w:run_grid "", 1, "round: chunk_timeout = 'long': must be a number above 0")
  end)

  it("that returns nothing says how to end it", function()
    w:write("grid.lua", "local bench = require 'specbench'\n")
    refused_in_a_line(w:run_grid "", 1, "grid.lua returns no round", "return bench.round { ... }")
  end)

  it("with a name that is no axis of it names the axes", function()
    w:write("grid.lua", changed(w.round(), { "chunk_timeout", "baseline = { methd = 'none' }, chunk_timeout" }))
    refused_in_a_line(w:run_grid "", 1, "grid.lua: baseline names axis 'methd', and axes has 'method'",
      "method, concurrency")
    w:write("grid.lua", changed(w.round(), { "chunk_timeout", "quick = { axes = { k = { 1 } } }, chunk_timeout" }))
    refused_in_a_line(w:run_grid "", 1, "quick.axes: no axis 'k'")
    w:write("grid.lua", changed(w.round(), { "chunk_timeout", "quick = { prompt = 1 }, chunk_timeout" }))
    refused_in_a_line(w:run_grid "", 1, "round.quick: unknown key 'prompt' (did you mean 'prompts'?)")
  end)

  it("with a baseline that no cell can be says so when it is read", function()
    local function with(fields)
      w:write("grid.lua", changed(w.round(), { "chunk_timeout", fields .. ", chunk_timeout" }))
      return w:run "plan grid.lua"
    end
    refused_in_a_line(with 'baseline = { method = "non" }', 1, "grid.lua: baseline: axis 'method' has no value 'non'",
      "did you mean 'none'?", "it has: none, draft")
    refused_in_a_line(with 'baselines = { slow = { concurrency = 3 } }', 1,
      "baselines.slow: axis 'concurrency' has no value '3'", "it has: 1, 2")
    assert.equal(0, with('baseline = { method = "none", concurrency = 1 }').status)
    -- a value that only `reduce` brings
    local reduce = 'reduce = function(c) return { concurrency = c.method == "none" and 4 or nil } end, '
    assert.equal(0, with(reduce .. 'baseline = { method = "none", concurrency = 4 }').status)
    refused_in_a_line(with(reduce .. 'baseline = { method = "none", concurrency = 5 }'), 1, "no value '5'",
      "it has: 1, 2, 4")
  end)

  it("with a function that forgets its return says which, and where it begins", function()
    w:write("grid.lua", changed(w.round(), { "return {\n      model", "local it = {\n      model" }))
    refused_in_a_line(w:run_grid "", 1,
      "grid.lua:7: server(method=none, concurrency=1): must return a table, not nil: is its `return` missing?")
    w:write("grid.lua", changed(w.round(), { "return {\n      prompts", "return 'prompts', {\n      prompts" }))
    refused_in_a_line(w:run_grid "", 1,
      "grid.lua:14: workload(method=none, concurrency=1): must return a table, not a string")
  end)

  it("may require what lies beside it, whichever other one has a module of that name", function()
    for name, prefix in pairs { a = "", b = "not_" } do
      w:write(name .. "/names.lua", ("return { round = '%s%s' }\n"):format(prefix, name))
      w:write(name .. "/grid.lua", changed(w.round(), { 'name = "grid"', "name = require('names').round" }))
    end
    local planned = w:run "run a/grid.lua b/grid.lua --models models.lua --virtual --quiet --no-pictures"
    assert.equal(0, planned.status, planned.err)
    assert.same({ "a-virtual", "not_b-virtual" }, require("sb.fs").list(w.folder .. "/results"))
    w:write("grid.lua", "local names = require 'nmaes'\n")
    refused_in_a_line(w:run_grid "", 1,
      "grid.lua:1: module 'nmaes' not found: it is neither beside the file nor on LUA_PATH\n")
    w:write("specbench.lua", "error 'the wrong one'\n")
    w:write("grid.lua", w.round())
    assert.equal(0, w:run("plan grid.lua").status)
  end)

  it("with a server key that no engine knows names the known ones", function()
    w:write("grid.lua", changed(w.round(), { "model = \"qwen", "modl = \"qwen" }))
    refused_in_a_line(w:run_grid "", 1, "grid.lua: server: unknown key 'modl'",
      "did you mean 'model'?", "known: acceptance,")
  end)

  it("with a malformed workload says what is wrong", function()
    w:write("grid.lua", changed(w.round(), { "limits = function", "limit = function" }))
    refused_in_a_line(w:run_grid "", 1, "grid.lua: workload: unknown key 'limit'",
      "did you mean 'limits'?", "known: arrivals,")
    w:write("grid.lua", changed(w.round(), { "max_tokens = 8", "max_tokens = 8, ignore_eso = true" }))
    refused_in_a_line(w:run_grid "", 1, "grid.lua: workload.limits: unknown key 'ignore_eso'",
      "did you mean 'ignore_eos'?", "known: ignore_eos, max_tokens, min_tokens", "(prompt 1)")
    local function with(field, ...)
      w:write("grid.lua", changed(w.round(), { "limits = function", field .. ", limits = function" }))
      refused_in_a_line(w:run_grid "", 1, ...)
    end
    with("temperture = 1", "workload: unknown key 'temperture' (did you mean 'temperature'?)")
    with("temperature = -1", "workload: temperature = -1: must be a number from 0")
    with("arrivals = 'posson'", "workload: arrivals = 'posson': must be one of", "(did you mean 'poisson'?)")
    with("rate = 0", "workload: rate = 0: must be a number above 0")
    with("concurrency = '4'", "workload: concurrency = '4': must be a whole number from 1")
    with("body = { 1 }", "workload: body = a table: must be a table of names and values")
    w:write("grid.lua", changed(w.round(), { "max_tokens = 8", "max_tokens = 8, min_tokens = 9" }))
    refused_in_a_line(w:run_grid "", 1, "workload.limits: min_tokens = 9 is above max_tokens = 8 (prompt 1)")
    w:write("grid.lua", changed(w.round(), { "chunk_timeout = 300", "quick = { prompts = 2 }" },
      { "assert(data.prompts { dataset = \"random\", tokens = 20, count = 4, seed = c.seed })",
        "{ dataset = 'sonnet', count = '4' }" }))
    refused_in_a_line(w:run "plan grid.lua --quick", 1, "data.prompts: count = '4': must be a whole number from 1")
    w:write("grid.lua", changed(w.round(), { "max_tokens = 8", "max_tokens = 8.5" }))
    refused_in_a_line(w:run_grid "", 1,
      "workload.limits: max_tokens = 8.5: must be a whole number from 1 to 10000000 (prompt 1)")
  end)

  it("that is a script is refused before it measures", function()
    local first = assert(require("sb.fs").read(require("sb.environment").home .. "/rounds/examples/first.lua"))
    w:write("first.lua", first)
    refused_in_a_line(w:run "run first.lua", 1, "first.lua is a script, not a round", "`specbench first.lua`")
    w:write("bare.lua", first:gsub("bench%.main%(function%(%)", "do"):gsub("end%)%s*$", "end\n"))
    refused_in_a_line(w:run "run bare.lua", 1, "bare.lua is a script, not a round")
  end)

  it("run as a script says how to run it", function()
    w:write("grid.lua", w.round())
    refused_in_a_line(w:run "grid.lua", 2, "specbench run grid.lua")
  end)

  it("without a quick variant refuses --quick", function()
    w:write("grid.lua", w.round())
    refused_in_a_line(w:run_grid "--quick", 1, "grid declares no quick variant")
  end)
end)

describe("a script", function()
  it("with a syntax error names file and line", function()
    w:write("script.lua", "\nfor\n")
    refused_in_a_line(w:run "script.lua", 1, "script.lua:3: <name> expected near <eof>")
  end)

  it("with a runtime error shows file, line and who called, in one line; the traceback for whom SPECBENCH_LOG=debug",
    function()
      w:write("script.lua", "local bench = require 'specbench'\nlocal function eat()\n  error 'out of cheese'\nend\n"
        .. "bench.main(function()\n  eat()\nend)\n")
      refused_in_a_line(w:run "script.lua", 1, "script.lua:3: out of cheese (called from script.lua:6, script.lua:5)\n")
      local whole = w:run("script.lua", { env = { SPECBENCH_LOG = "debug" } })
      refused(whole, 1, "script.lua:3: out of cheese", "stack traceback:", "script.lua:5: in main chunk")
    end)

  it("with a misspelt part of the library names the one that was meant", function()
    w:write("script.lua", "require('specbench').mian(print)\n")
    refused_in_a_line(w:run "script.lua", 1, "script.lua:1: bench has no 'mian' (did you mean 'main'?); it has: clock,")
  end)

  it("that describes a round wrongly names its file", function()
    w:write("script.lua", "return require('specbench').round { name = 'x', axis = {} }\n")
    refused_in_a_line(w:run "script.lua", 1, "script.lua: round: unknown key 'axis' (did you mean 'axes'?)")
  end)

  it("says its exit status", function()
    w:write("script.lua", "return 7\n")
    assert.equal(7, w:run("script.lua").status)
  end)

  it("that waits for what cannot happen ends", function()
    w:write("script.lua", "require('sb.signal').new():wait()\n")
    refused(w:run "script.lua", 1, "deadlock")
  end)

  it("that asks for a port that is taken learns so", function()
    w:write("script.lua", [[
      local bench = require "specbench"
      local argv = { bench.executable, "sim", "--profile", "qwen2.5-7b", "--port", "{port}" }
      local first <close> = assert(bench.server.start { argv = argv })
      local second, message = bench.server.start { argv = argv, port = first.port }
      print(second, (message:gsub("%d+ on", "N on")))]])
    local result = w:run "script.lua"
    assert.equal(0, result.status, result.err)
    assert.equal("nil\tport N on 127.0.0.1 is taken: end what holds it, or give another port\n", result.out)
  end)
end)

describe("data files", function()
  before_each(function()
    w:write("grid.lua", changed(w.round(),
      { 'dataset = "random", tokens = 20,', 'dataset = "thucnews", subset = "1k",' }))
  end)

  it("in a folder that is not there: says so, before anything starts", function()
    refused_in_a_line(w:run_grid "--datasets nowhere", 1, "--datasets nowhere: no such folder", "leave it out")
    refused_in_a_line(w:run_grid("", { env = { SPECBENCH_DATASETS = "nowhere" } }), 1, "nowhere: no such folder")
  end)

  it("that a folder lacks: says how to get them", function()
    refused_in_a_line(w:run_grid "--datasets .", 1, "no such file", "thucnews", "It is published in https://",
      "leave --datasets out")
  end)
end)

describe("a models file", function()
  before_each(function() w:write("grid.lua", w.round()) end)

  local function check(text, ...)
    w:write("models.lua", text)
    refused_in_a_line(w:run_grid "", 1, "models", ...)
  end

  it("that is not there says so", function()
    refused_in_a_line(w:run "run grid.lua --models nowhere.lua", 1, "models file", "nowhere.lua")
  end)

  it("that is no Lua names file and line", function()
    check("return {\n", "models.lua:2: unexpected symbol near <eof>")
    check("return { a = nothing.here }\n", "models.lua:1: attempt to index a nil value (global 'nothing')")
  end)

  it("that returns no table says what it must return", function()
    check("return 'path'\n", "models.lua: must return a table")
    check("return { '/models/7b', a = 'b' }\n", "models.lua: entry 1 has no name")
    check("return { ['qwen2.5-7b'] = 7 }\n", "'qwen2.5-7b' must be a path or a table, not a number")
  end)

  it("with an unknown field names the known ones", function()
    check("return { ['qwen2.5-7b'] = { pth = '/x' } }\n",
      "models.lua: 'qwen2.5-7b': unknown key 'pth' (did you mean 'path'?)",
      "known: binary, body, engine_args, env, path")
  end)

  it("with a field of a wrong kind says what it must be", function()
    local function wrong(entry, ...)
      check(("return { ['qwen2.5-7b'] = { %s } }\n"):format(entry), "'qwen2.5-7b': ", ...)
    end
    wrong("engine_args = '--k 3'", "engine_args = '--k 3': must be a list of strings or numbers")
    wrong("engine_args = { '--k', {} }", "engine_args[2] = a table: must be a string or a number")
    wrong("engine_args = { k = 3 }", "engine_args = a table: must be a list of strings or numbers")
    wrong("env = { 'A=1' }", "env = a table: must be a table of names and strings (false unsets)")
    wrong("env = { A = true }", "env.A = true: must be a string, a number or false")
    wrong("version = 'newest'", "version: 'newest' must be one such as 0.26.0")
  end)

  it("with a malformed url says how one is written", function()
    check("return { ['qwen2.5-7b'] = { url = '127.0.0.1:8000' } }\n", "'127.0.0.1:8000' is not http://HOST:PORT")
  end)

  it("with a url leaves cells of engines that start their servers what they are", function()
    local function cells(text)
      w:write("models.lua", text)
      return w:run("plan grid.lua --cells --models models.lua").out
    end
    local plain = cells "return { ['qwen2.5-7b'] = {} }\n"
    assert.truthy(plain:find("method=none", 1, true))
    assert.equal(plain, cells "return { ['qwen2.5-7b'] = { url = 'http://127.0.0.1:1' } }\n")
  end)

  it("with a path that is not there says so", function()
    check("return { ['qwen2.5-7b'] = '/nowhere/model' }\n", "model 'qwen2.5-7b': there is no /nowhere/model",
      "--model qwen2.5-7b=PATH")
    refused_in_a_line(w:run "run grid.lua --model qwen2.5-7b=./nowhere", 1, "there is no ./nowhere")
  end)

  it("with a program that is not there says so", function()
    check("return { ['qwen2.5-7b'] = { binary = '/nowhere/server' } }\n",
      "binary /nowhere/server is not a program that can be run")
  end)

  it("may name models that this round does not need and this machine does not have", function()
    w:write("models.lua", "return { other = '/nowhere/model', ['qwen2.5-0.5b'] = {} }\n")
    assert.equal(0, w:run("plan grid.lua --models models.lua").status)
    assert.equal(0, w:run("plan grid.lua --models models.lua --only method=none").status)
  end)

  it("that names no model of the round says which there are", function()
    w:write("models.lua", "return { ['qwen-7b'] = { path = 'x' }, other = 'y' }\n")
    refused_in_a_line(w:run "plan grid.lua --models models.lua", 2, "models file models.lua: names other, qwen-7b",
      "did you mean 'qwen2.5-7b'?", "it has qwen2.5-0.5b, qwen2.5-7b")
  end)

  it("may be empty", function()
    w:write("models.lua", "return {}\n")
    assert.equal(0, w:run("plan grid.lua --models models.lua").status)
  end)

  it("has a sister in --model, which may name only models of the round", function()
    refused_in_a_line(w:run "plan grid.lua --model qwen2.5-8b=x", 2, "--model qwen2.5-8b: the round has no such model",
      "did you mean 'qwen2.5-7b'?", "it has qwen2.5-0.5b, qwen2.5-7b")
    assert.equal(0, w:run("plan grid.lua --model qwen2.5-0.5b=x --only method=none").status)
  end)
end)
