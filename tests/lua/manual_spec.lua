local manual = require "specbench.cli.manual"
local program = require "specbench.base.program"

local commands = {
  {
    name = "run",
    summary = "Run a round",
    description = "First.\n\n.Second, with a back\\slash.",
    positionals = { { name = "ROUND", help = "round file" } },
    options = {
      { long = "engine", arg = "NAME", type = "choice", choices = { "sim", "vllm" } },
      { long = "port", short = "p", arg = "PORT", type = "int" },
      { long = "resume", type = "flag", default = true },
      { long = "models", arg = "FILE", env = "SPECBENCH_MODELS" },
      { long = "trace-loop", type = "flag", hidden = true },
    },
    examples = { { "specbench run a.lua", "a first look" } },
  },
  { name = "report", summary = "Report", positionals = { { name = "WHAT", choices = { "all", "cells" } } } },
  { name = "supervise", summary = "Internal", hidden = true },
}

local function output_of(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read("a")
  return text, pipe:close()
end

local function with_file(text, use)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
  file:flush()
  local ok, message = pcall(use, path)
  os.remove(path)
  assert(ok, message)
end

describe("manual.man", function()
  local page = manual.man(commands, { version = "1.2" })

  it("names every visible command and option, escaped for roff", function()
    assert.truthy(page:find('.SS "specbench run"', 1, true))
    assert.truthy(page:find("\\fB\\-p\\fR, \\fB\\-\\-port\\fR \\fIPORT\\fR", 1, true))
    assert.truthy(page:find("\\fB\\-\\-no\\-resume\\fR", 1, true))
    assert.truthy(page:find("\n\\&.Second, with a back\\eslash.", 1, true))
    assert.truthy(page:find("\\fBSPECBENCH_MODELS\\fR", 1, true))
  end)

  it("leaves out what is hidden", function()
    assert.is_nil(page:find("supervise", 1, true))
    assert.is_nil(page:find("trace", 1, true))
  end)

  it("is set by groff without a warning, where groff is installed", function()
    if not program.is_there "groff" then
      return
    end
    with_file(page, function(path)
      local text, ok = output_of("groff -man -Tutf8 -ww " .. path .. " >/dev/null")
      assert.is_true(ok)
      assert.equal("", text)
    end)
  end)
end)

describe("manual.completion", function()
  local function complete(...)
    local words = { ... }
    local quoted = {}
    for i, word in ipairs(words) do
      quoted[i] = "'" .. word .. "'"
    end
    local replies
    with_file(manual.completion(commands), function(path)
      with_file(([[. %s
COMP_WORDS=(specbench %s) COMP_CWORD=%d
_specbench
echo "${COMPREPLY[@]}"
]]):format(path, table.concat(quoted, " "), #words), function(script)
        replies = output_of("bash " .. script)
      end)
    end)
    return (replies:gsub("\n$", ""))
  end

  it("completes commands", function()
    assert.equal("run report", complete("r"))
    assert.equal("", complete("sup"))
  end)

  it("completes a command's options as they are typed", function()
    assert.equal("--help --engine --port --no-resume --models", complete("run", "--"))
    assert.equal("--help", complete("report", "-"))
  end)

  it("completes the words that a command's first argument may be", function()
    assert.equal("all cells", complete("report", ""))
    assert.equal("cells", complete("report", "c"))
    assert.equal("", complete("report", "all", "c"))
  end)

  it("completes choices after a space and after an equals sign", function()
    assert.equal("sim vllm", complete("run", "--engine", ""))
    assert.equal("sim vllm", complete("run", "--engine", "="))
    assert.equal("vllm", complete("run", "--engine", "=", "v"))
  end)

  it("leaves other values to bash", function()
    assert.equal("", complete("run", "--models", "-"))
  end)
end)

describe("the simulator's command", function()
  local simulator = require "specbench.cli.simulator"
  local command = simulator.command(simulator.help(require("sb.environment").executable))

  it("has the options that its own help lists", function()
    local by_name = {}
    for _, option in ipairs(command.options) do by_name[option.long] = option end
    assert.equal("NAME|FILE", by_name.profile.arg)
    assert.equal("flag", by_name.flood.type)
    assert.equal("write what really happened, a JSON line a request", by_name.truth.help)
    assert.truthy(command.description:find("never-ready", 1, true))
    assert.equal("--profile NAME [OPTION...]", command.usage)
  end)

  it("stands in the man page", function()
    assert.truthy(manual.man({ command }):find('.SS "specbench sim"', 1, true))
  end)
end)
