local cli = require "specbench.cli"
local unknown = require "specbench.base.unknown"

local command = {
  name = "run",
  summary = "Run a round",
  positionals = { { name = "ROUND", help = "round file" } },
  options = {
    { long = "engine", type = "choice", choices = { "sim", "vllm" }, default = "sim" },
    { long = "set", arg = "AXIS=V1,V2", repeated = true, help = "values of an axis" },
    { long = "only", arg = "AXIS=V", repeated = true },
    { long = "port", short = "p", arg = "PORT", type = "int", min = 1, max = 65535 },
    { long = "rate", arg = "RATE", type = "number", min = 0 },
    { long = "resume", type = "flag", default = true, help = "run done cells again" },
    { long = "quiet", short = "q", type = "flag" },
    { long = "verbose", short = "v", type = "flag" },
    { long = "models", arg = "FILE", env = "SPECBENCH_MODELS" },
    { long = "api-key-file", arg = "FILE" },
    { long = "trace-loop", type = "flag", hidden = true },
  },
  examples = { { "specbench run a.lua --quick", "a first look" } },
}

local function no_environment() end

local function parse(...)
  return cli.parse(command, { ... }, no_environment)
end

local function mistake(...)
  local options, message, code = parse(...)
  assert.is_nil(options)
  assert.equal(2, code)
  assert.is_nil(message:find("\n"))
  return message
end

describe("cli.parse", function()
  it("fills in the defaults", function()
    local options, positionals = parse("a.lua")
    assert.same({ "a.lua" }, positionals)
    assert.equal("sim", options.engine)
    assert.is_true(options.resume)
    assert.is_false(options.quiet)
    assert.same({}, options.set)
    assert.is_nil(options.port)
  end)

  it("takes --opt=value and --opt value, and keeps the order of repeated options", function()
    local options = parse("--set=a=1,2", "r", "--set", "b=3", "--port", "80", "--rate=0.5")
    assert.same({ "a=1,2", "b=3" }, options.set)
    assert.equal(80, options.port)
    assert.equal(0.5, options.rate)
  end)

  it("takes short options alone, joined, and with their value attached", function()
    local options = parse("-qvp80", "r")
    assert.is_true(options.quiet)
    assert.is_true(options.verbose)
    assert.equal(80, options.port)
    assert.equal(81, parse("r", "-p", "81").port)
  end)

  it("switches a flag off with --no-, only where it is on by default", function()
    assert.is_false(parse("r", "--no-resume").resume)
    assert.truthy(mistake("r", "--no-quiet"):find("unknown option --no-quiet", 1, true))
  end)

  it("ends the options at --", function()
    local _, positionals = parse("--", "--set")
    assert.same({ "--set" }, positionals)
  end)

  it("takes a negative number as a value and - as a positional", function()
    local message = mistake("r", "--rate", "-1")
    assert.equal("specbench run: --rate needs a number of at least 0, not -1", message)
    local _, positionals = parse("-")
    assert.same({ "-" }, positionals)
  end)

  it("asks nothing more once help is wanted", function()
    assert.is_true(parse("--help").help)
    assert.is_true(parse("-h").help)
  end)

  it("lets the environment stand in for an option that is absent", function()
    local function getenv(name)
      return name == "SPECBENCH_MODELS" and "env.lua" or nil
    end
    assert.equal("env.lua", cli.parse(command, { "r" }, getenv).models)
    assert.equal("arg.lua", cli.parse(command, { "r", "--models=arg.lua" }, getenv).models)
  end)

  it("names the nearest option", function()
    assert.equal("specbench run: unknown option --onyl (did you mean --only?): "
      .. "see specbench run --help", mistake("--onyl=x"))
    assert.equal("specbench run: unknown option --resum (did you mean --resume?): see specbench run --help",
      mistake("--resum"))
    assert.equal("specbench run: unknown option --xyzzyxyzzy: see specbench run --help",
      mistake("--xyzzyxyzzy"))
  end)

  it("does not suggest hidden options", function()
    assert.is_nil(mistake("--trace-lop"):find("trace-loop", 1, true))
    assert.is_true(parse("r", "--trace-loop").trace_loop)
  end)

  it("names the nearest choice, or all of them", function()
    assert.equal("specbench run: --engine does not take 'simm' (did you mean 'sim'?): choose from sim, vllm",
      mistake("--engine=simm"))
    assert.equal("specbench run: --engine does not take 'tensorrt': choose from sim, vllm",
      mistake("--engine=tensorrt"))
  end)

  it("refuses numbers that are malformed or out of range", function()
    assert.equal("specbench run: --port needs a whole number, not '1.5'", mistake("--port=1.5"))
    assert.equal("specbench run: -p needs a whole number, not 'x'", mistake("-px"))
    assert.equal("specbench run: --port needs a whole number from 1 to 65535, not 0",
      mistake("--port=0"))
    assert.equal("specbench run: --rate needs a number, not '1e999'", mistake("--rate=1e999"))
  end)

  it("says when a value is missing", function()
    assert.equal("specbench run: --port needs a value: --port PORT", mistake("r", "--port"))
    assert.equal("specbench run: --port needs a value: --port PORT, but --no-resume follows",
      mistake("r", "--port", "--no-resume"))
    assert.equal("specbench run: --quiet takes no value", mistake("r", "--quiet=1"))
  end)

  it("says which argument is missing or too many", function()
    assert.equal("specbench run: ROUND is missing (round file): see specbench run --help",
      mistake())
    assert.equal("specbench run: unexpected argument 'b': see specbench run --help",
      mistake("a", "b"))
  end)

  it("never accepts an API key, and never repeats it", function()
    local message = mistake("r", "--api-key=sk-secret")
    assert.truthy(message:find("use --api-key-file", 1, true))
    assert.is_nil(message:find("sk-secret", 1, true))
    assert.has_error(function()
      cli.check { name = "x", summary = "", options = { { long = "api-key" } } }
    end)
  end)

  it("refuses a command whose table has a field that is none", function()
    local function wrong(option)
      local ok, message = pcall(cli.check, { name = "x", summary = "", options = { option } })
      assert.is_false(ok)
      return message
    end
    assert.truthy(wrong({ long = "depth", tpe = "int" }):find(
      "specbench x.options[1]: unknown key 'tpe' (did you mean 'type'?)", 1, true))
    assert.equal("specbench x.options[1]: long is missing", wrong {})
    assert.truthy(wrong({ long = "depth", type = "integer" }):find("type = 'integer': must be one of", 1, true))
  end)

  it("passes all that is left to a positional that takes many", function()
    local many = { name = "report", summary = "", positionals = { { name = "DIR", many = true } } }
    local _, positionals = cli.parse(many, { "a", "b", "c" })
    assert.same({ "a", "b", "c" }, positionals)
    assert.is_nil(cli.parse(many, {}))
  end)
end)

describe("options of a script", function()
  it("are accepted beside those of the command, which stays as it was", function()
    local own = cli.extend(command, { { long = "depth", type = "int" } }, "Options of a.lua")
    assert.equal(3, cli.parse(own, { "a.lua", "--depth=3", "-q" }, no_environment).depth)
    assert.truthy(cli.help(own):find("\nOptions of a.lua:\n      --depth VALUE", 1, true))
    assert.truthy(mistake("a.lua", "--depth=3"))
  end)

  it("may not take a name that the command has", function()
    assert.has_error(function()
      cli.check(cli.extend(command, { { long = "port" } }))
    end)
  end)

  it("need not be known to find the script's name", function()
    local name = cli.first_positional(command, { "--depth=3", "--port", "80", "a.lua", "--x", "y" })
    assert.equal("a.lua", name)
    assert.is_nil(cli.first_positional(command, { "--port", "80" }))
  end)
end)

describe("cli.help", function()
  it("shows every visible option within 80 columns", function()
    local wordy = cli.extend(command, {
      { long = "an-option-with-a-rather-long-name", arg = "WITH_A_LONG_VALUE", help = "short" },
      { long = "wordy", type = "flag", help = ("word "):rep(40) },
    })
    local text = cli.help(wordy)
    for line in text:gmatch("[^\n]+") do
      assert.is_true(#line <= 80, line)
    end
    for _, option in ipairs(wordy.options) do
      local shown = text:find(cli.spelling(option), 1, true) ~= nil
      assert.equal(not option.hidden, shown, option.long)
    end
    assert.truthy(text:find("(one of sim, vllm; default sim)", 1, true))
    assert.truthy(text:find("else $SPECBENCH_MODELS", 1, true))
  end)

  it("starts the explanations in one column", function()
    local text = cli.help(command)
    local set = text:match("\n([^\n]*)values of an axis")
    local resume = text:match("\n([^\n]*)run done cells again")
    assert.equal(#set, #resume)
  end)
end)

describe("cli.overview", function()
  it("lists the commands that are not hidden", function()
    local hidden = { name = "supervise", summary = "Internal", hidden = true }
    local text = cli.overview({ command, hidden }, "Measure")
    assert.truthy(text:find("  run  Run a round\n", 1, true))
    assert.is_nil(text:find("supervise", 1, true))
  end)
end)

describe("the nearest word", function()
  it("prefers the fewest edits, and takes a beginning for the whole", function()
    assert.equal("report", unknown.nearest("reprot", { "run", "report", "compare" }))
    assert.equal("concurrency", unknown.nearest("conc", { "context", "concurrency" }))
  end)

  it("finds nothing when all words are far away", function()
    assert.is_nil(unknown.nearest("zzzzzz", { "run", "report" }))
    assert.is_nil(unknown.nearest("x", { "y" }))
  end)
end)
