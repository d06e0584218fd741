local w

before_each(function() w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

-- What a mistake on the command line answers: one line, which holds these texts.
local function check(arguments, status, ...)
  local result = w:run(arguments)
  assert.equal(status, result.status, result.err)
  for _, text in ipairs { ... } do assert.truthy(result.err:find(text, 1, true), result.err) end
  assert.equal(1, select(2, result.err:gsub("\n", "\n")), "one line: " .. result.err)
  assert.equal("", result.out)
end

describe("a command line", function()
  it("without a command shows how to use it", function()
    local result = w:run ""
    assert.equal(2, result.status)
    assert.truthy(result.err:find("usage: specbench COMMAND", 1, true))
  end)

  it("with an unknown command names the one meant", function()
    check("repot", 2, "no command 'repot'", "did you mean 'report'?", "specbench help")
    check("help repot", 2, "no command, option or word 'repot'", "did you mean 'report'?")
    check("--wrong", 2, "no command '--wrong'")
  end)

  it("explains an option and a word of specbench's, too", function()
    local flat = w:run("help starts").out:gsub("%s+", " ")
    assert.truthy(flat:find("--starts S: spread the repeats over S starts", 1, true), flat)
    assert.truthy(flat:find("(specbench check, plan, run, slurm)", 1, true), flat)
    assert.truthy(w:run("help Virtual time").out:find("virtual time: the simulator without waiting", 1, true))
    check("help plase", 2, "did you mean 'place'?")
  end)

  it("lists commands in the order of their use, and options under their headings", function()
    local names = {}
    local help = w:run("help").out
    for name in help:match("Commands:\n(.-)\n\n"):gmatch "\n?  (%l+)  " do names[#names + 1] = name end
    assert.equal("run watch new plan check report compare predict fit show measure dataset export slurm merge cleanup "
      .. "sim selfcheck help", table.concat(names, " "))
    assert.truthy(help:find("Seldom needed: convert", 1, true), help)
    local headings = {}
    for heading in w:run("run --help all").out:gmatch "\n(%u[%l ]+):\n" do headings[#headings + 1] = heading end
    assert.equal("Arguments, Cells, Engine and servers, Prompts, Measuring, Results, Searching, Many machines, "
      .. "Deadlines, Examples",
      table.concat(headings, ", "))
  end)

  it("shows everyday options in the help of run, of the rest the names, and everything where that is asked", function()
    local short, all = w:run("run --help").out, w:run("run --help all").out
    assert.truthy(select(2, short:gsub("\n", "")) <= 66, short)
    assert.truthy(select(2, all:gsub("\n", "")) > 150, all)
    for option in all:gmatch "\n  %-?%a?,? *(%-%-[%w-]+)" do
      assert.truthy(short:find(option:gsub("%-", "%%-") .. "[ ,\n]"), option)
    end
    assert.truthy(short:find("\n      --only AXIS=V1,V2  ", 1, true), short)
    assert.is_nil(short:find("\n      --stale SECONDS", 1, true), short)
    assert.equal(short, w:run("help run").out)
    assert.equal(all, w:run("help run all").out)
  end)

  it("may still call selfcheck by its name of before", function()
    assert.equal(w:run("selfcheck --help").out, w:run("bench --help").out)
    assert.is_nil(w:run("help").out:find("\n  bench ", 1, true))
    check("bench server", 2, "'server'", "specbench selfcheck client")
  end)

  it("with an unknown option names the one meant", function()
    check("run round2 --quik", 2, "specbench run", "--quik", "did you mean --quick?")
    check("run round2 --zzz", 2, "unknown option --zzz", "see specbench run --help")
    check("sim --zzz", 2, "unknown option '--zzz'", "specbench sim --help")
    check("sim --profile foo", 1, "--profile foo: no such profile; there are llama-3-8b, llama-3.1-8b, qwen2.5-14b",
      ", vicuna-7b\n")
    check("sim --profile ./foo.json", 1, "cannot open ./foo.json: No such file or directory")
  end)

  it("with a malformed value says what an option takes", function()
    check("run round2 --speed 0", 2, "--speed", "from 0.001 to 1000")
    check("run round2 --repeats x", 2, "--repeats", "a whole number", "'x'")
    for _, count in ipairs { "0", "65", "-1" } do
      check("run round2 --io-threads " .. count, 2, "--io-threads needs a whole number from 1 to 64, not")
      check("selfcheck client --io-threads " .. count, 2, "--io-threads needs a whole number from 1 to 64, not")
    end
    check("run round2 --out", 2, "--out needs a value")
  end)

  it("with too few or too many words says which", function()
    check("run", 2, "ROUND is missing")
    check("plan round2 round3", 2, "unexpected argument 'round3'")
    check("show", 2, "CELL is missing")
    check("selfcheck server", 2, "'server'", "specbench selfcheck client")
  end)

  it("with malformed objectives says how they are written", function()
    check("run round2 --slo ttft=fast", 2, "--slo ttft=fast", "'ttft=fast' is not ttft=MS, tpot=MS or e2el=MS")
    check("run round2 --slo ttft=200,itl=3", 2, "'itl=3'")
  end)

  it("refuses a key, which others could read there", function()
    check("run round2 --api-key sk-1", 2, "--api-key is not accepted", "other users can read command lines")
  end)

  it("with a --cap that caps nothing says what it belongs to", function()
    w:write("grid.lua", w.round())
    check("run grid.lua --cap 5", 2, "--cap needs --until RULE")
    check("plan grid.lua --cap 5", 2, "--cap needs --until RULE")
  end)

  it("with an unknown engine names those that there are", function()
    check("run round2 --engine vlm", 2, "unknown engine 'vlm'", "sim, vllm, vllm_v0, sglang, trtllm, llamacpp")
    check("plan round2 --engine external:vlm", 2, "unknown dialect 'vlm'", "did you mean 'vllm'?")
  end)

  it("with a --url that the engine does not use says which one does", function()
    w:write("grid.lua", w.round())
    check("run grid.lua --url http://127.0.0.1:1", 2, "--url needs --engine external", "sim starts its own")
    check("plan grid.lua --engine vllm --url http://127.0.0.1:1", 2, "--url needs --engine external")
  end)

  it("with a malformed --url says how one is written", function()
    w:write("grid.lua", w.round())
    for _, url in ipairs { "127.0.0.1:8000", "http://", "http://host:port", "ftp://host", "'http://a b'",
      "http://host:99999" } do
      check("run grid.lua --engine external --url " .. url, 2, "--url", "is not http://HOST:PORT")
    end
  end)

  it("with a malformed --model says how it is written", function()
    check("plan round2 --model qwen", 2, "--model 'qwen' is not NAME=PATH")
  end)

  it("with a models file that is not there says who named it", function()
    check("plan round2 --models nope.lua", 1, "--models nope.lua: no such file", '{ ["NAME"] = PATH or {...} }')
    local told = w:run("plan round2", { env = { SPECBENCH_MODELS = "nope.lua" } })
    assert.equal(1, told.status)
    assert.truthy(told.err:find("$SPECBENCH_MODELS = nope.lua: no such file: correct it, unset it, or", 1, true),
      told.err)
  end)

  it("with a round or script that is not there says so", function()
    check("run round22", 2, "no round round22", "did you mean 'round2'?", "give a round file")
    w:write("lookups.lua", "")
    check("run lookups", 2, "no round lookups (did you mean 'lookups.lua'?)")
    check("run lookps.lua", 2, "no round lookps.lua (did you mean 'lookups.lua'?)")
    check("run .", 2, ". is a folder, not a round's file")
    check("nowhere.lua", 2, "cannot read script nowhere.lua")
  end)

  it("with a folder that is not a results folder says so", function()
    check("report nowhere", 1, "nowhere is not a results folder")
    check("show nowhere", 1, "nowhere/records.bin", "No such file")
  end)

  it("finds no scripts in a wrong SPECBENCH_HOME", function()
    local result = w:run("help", { env = { SPECBENCH_HOME = w.folder } })
    assert.equal(1, result.status)
    assert.truthy(result.err:find("set SPECBENCH_HOME", 1, true))
  end)
end)

describe("specbench help", function()
  it("explains every command, the simulator too", function()
    local overview = w:run("help").out
    for name in overview:match "\nCommands:\n(.-)\n\n":gmatch "  (%l+)  [^\n]*" do
      local result = w:run("help " .. name)
      assert.equal(0, result.status, result.err)
      assert.truthy(result.out:lower():find("usage: specbench " .. name, 1, true), result.out)
    end
    assert.truthy(overview:find("\n  sim ", 1, true), overview)
    assert.equal(w:run("sim --help").out, w:run("help sim").out)
    check("simm", 2, "did you mean 'sim'?")
  end)
end)

describe("specbench plan", function()
  local function plan(options)
    w:write("grid.lua", w.round())
    local result = w:run("plan grid.lua --cells " .. options)
    assert.equal(0, result.status, result.err)
    return result.out
  end

  it("takes the options of specbench run, of which how a load is driven makes no other cells", function()
    local plain = plan ""
    assert.equal(4, select(2, plain:gsub("%x+  method=", "")))
    assert.equal(plain, plan("--slo ttft=200 --no-rerun --fresh --no-pictures --no-text --io-threads 4 "
      .. "--ready-timeout 5 --quiet"))
  end)

  it("shows what --until measures at first", function()
    local text = plan "--until decided --cap 7"
    assert.equal(12, select(2, text:gsub("%x+  method=", "")))
    assert.truthy(text:find("3 of every cell at first, then more of those that --until decided asks for, up to 7", 1,
      true))
    text = plan "--until decided --cap 6 --price 3600"
    local first, most = text:match "Money: [^\n]-: ([%d.]+) at 3600 .- up to 6: at most [^\n]-: ([%d.]+) at 3600"
    assert.near(2 * first, most, 0.02 * most) -- twice the repeats
  end)

  it("takes a search, and says what it costs at most", function()
    w:write("grid.lua", (w.round():gsub("chunk_timeout", 'baseline = { method = "none" }, chunk_timeout', 1)))
    local function search(options)
      local result = w:run("plan grid.lua --price 3600 " .. options)
      assert.equal(0, result.status, result.err)
      return result.out:match "Search: ([^\n]*)"
    end
    local whole, cut = search "--find k=3%", search "--budget 1s"
    assert.truthy(whole:find("the best k within 3 %, one server after another: at most the whole grid, ", 1, true),
      whole)
    assert.truthy(whole:find("%d at 3600 a GPU hour$"), whole)
    assert.truthy(search("--find k --gpus 0-3"):find("one server after another (1 of 4 GPUs at a time)", 1, true))
    assert.truthy(cut:find("at most 1 s (--budget); 0.000278 GPU hours, server starts included: 1 at 3600", 1, true),
      cut)
    assert.truthy(search "--find rate --slo ttft=200":find("first rates", 1, true))
    check("plan grid.lua --find k --json", 2, "--json lists the pieces of run --share")
    check("plan grid.lua --find q", 2, "--find q: must be rate, k, or k=P%")
    check("plan grid.lua --budget 3", 2, "--budget 3: must be a time such as 1h, 45m or 600s")
  end)

  it("does not look more exact than a rule of thumb is", function()
    local text = w:run("plan round1").out
    assert.truthy(text:find("to do; roughly %d+%.?%d* h by a rule of thumb that knows neither engine nor method"), text)
    assert.is_nil(text:find " min ")
    assert.truthy(w:run("plan round1 --show-argv").out:find "to do; estimated %d+ h %d+ min %d+ s, server starts not")
  end)

  it("counts nothing as done with --fresh", function()
    plan ""
    assert.equal(0, w:run("run grid.lua --speed 200 --no-pictures --quiet").status)
    assert.truthy(plan("--speed 200"):find("4 cells on 2 servers (engine sim), 0 to do", 1, true))
    assert.truthy(plan("--speed 200 --fresh"):find("4 cells on 2 servers (engine sim), 4 to do", 1, true))
  end)
end)

describe("--set and --only", function()
  for _, option in ipairs { "--set", "--only" } do
    it(option .. " name the axes where one is unknown", function()
      check("run round2 " .. option .. " concurency=1", 2, option .. " concurency=1", "no axis 'concurency'",
        "did you mean 'concurrency'?", "model, method, task, context, concurrency")
    end)

    it(option .. " name the values where one is unknown", function()
      check("run round2 " .. option .. " task=polsh", 2, option .. " task=polsh", "no value 'polsh'",
        "did you mean 'polish'?", "news2highlight, highlight2news, polish")
    end)

    it(option .. " say how they are written", function()
      check("run round2 " .. option .. " task", 2, "'task' is not AXIS=VALUE")
      check("run round2 " .. option .. " concurrency=many", 2, "takes numbers, not 'many'")
    end)
  end

  it("that bring a value which no cell can have say so", function()
    check("plan round2 --set concurrency=0", 2, "--set concurrency=0: workload: concurrency = 0: must be at least 1")
    check("plan round2 --set concurrency=-1,4", 2, "--set concurrency=-1: workload: concurrency = -1: must be a whole")
  end)

  it("that leave no cell say so", function()
    check("plan round2 --set task=polish --set context=8k", 1, "no cell is left of round2")
  end)
end)
