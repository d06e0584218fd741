-- An engine of the user's own, given by its file.

local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local engine = require "specbench.engine"

local EXAMPLE = environment.home .. "/rounds/examples/own_engine.lua"

-- What stands in for the example's server: the simulator, which takes other options.
local LAB_SERVER = [[
#!/bin/sh
shift 2
k=0
while [ $# -gt 0 ]; do
  case $1 in
    --port) port=$2 ;;
    --draft-tokens) k=$2 ;;
  esac
  shift 2
done
exec "%s" sim --profile qwen2.5-7b --model qwen2.5-7b --port "$port" --method draft --k "$k" --speed 200
]]

local w

before_each(function()
  w = dofile(environment.home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("chunk_timeout", 'baseline = { method = "none" }, chunk_timeout')))
  w:write("lab-server", LAB_SERVER:format(environment.executable))
  assert(os.execute(("chmod +x '%s/lab-server'"):format(w.folder)))
  w:write("models.lua", ('return { ["qwen2.5-7b"] = { binary = %q } }\n'):format(w.folder .. "/lab-server"))
end)
after_each(function() w:remove() end)

local function run(path)
  return w:run(("run grid.lua --engine %s --models models.lua --no-rerun --no-pictures"):format(path))
end

local function refused(text, ...)
  w:write("mine.lua", text)
  local result = w:run "plan grid.lua --engine ./mine.lua"
  assert.equal(1, result.status, result.out)
  for _, part in ipairs { ... } do
    assert.truthy(result.err:find(part, 1, true), part .. " is not in: " .. result.err)
  end
  return result.err
end

local function refused_in_a_line(...)
  local message = refused(...)
  assert.equal(1, select(2, message:gsub("\n", "")), message)
end

-- The example with a change.
local function example(pattern, text)
  local changed, count = fs.read(EXAMPLE):gsub(pattern, text)
  assert.equal(1, count)
  return changed
end

describe("the example of an engine's file", function()
  it("runs a round, under its own name, and its cells meet", function()
    local result = run(EXAMPLE)
    assert.equal(0, result.status, result.err)
    local by_method = {}
    for _, name in ipairs(fs.list(w.folder .. "/results/grid-lab-server/cells")) do
      local cell = json.decode(w:read(("results/grid-lab-server/cells/%s/cell.json"):format(name)))
      by_method[cell.coordinates.method] = cell
      assert.equal("lab-server", cell.engine.name)
      assert.equal(fs.sha256(fs.read(EXAMPLE)), cell.engine.file.sha256)
      assert.is_false(cell.engine.chunk_is_step)
    end
    assert.is_true(by_method.draft.acceptance.drafts > 0)
    assert.truthy(table.concat(by_method.draft.engine.argv, " "):find("--draft qwen2.5-0.5b --draft-tokens 3", 1, true))
    assert.equal(2, select(2, w:read "results/grid-lab-server/speedups.jsonl":gsub('"paired": {"high"', "")))
  end)
end)

describe("an engine's file", function()
  it("that changed measures anew, since its flags may have; what no cell can hold of its server is left out", function()
    w:write("mine.lua", fs.read(EXAMPLE))
    local function cells()
      local result = run "./mine.lua"
      assert.equal(0, result.status, result.err)
      return #fs.list(w.folder .. "/results/grid-lab-server/cells"), result.err
    end
    assert.equal(4, (cells()))
    assert.equal(4, (cells()))
    w:write("mine.lua", example("version =", [[
      effective = { path = "/version", info = function() return { max_running = "many" } end },
      version =]]))
    local count, err = cells()
    assert.equal(8, count)
    assert.truthy(err:find("how it runs: max_running must be a number, not many", 1, true), err)
    w:write("mine.lua", example("acceptance = .-\n", "acceptance = function(delta) return delta.x.y end,\n"))
    cells()
    local report = w:run "report results/grid-lab-server".out:gsub("%s+", " ")
    assert.truthy(report:find("acceptance of 2 cells is not known: ./mine.lua:32: attempt to index", 1, true), report)
  end)

  it("with gaps is told all of them in a line", function()
    refused_in_a_line('return { name = "mine" }\n', "--engine: ./mine.lua: engine: missing: description (",
      "capabilities (a table)", "command (a function)", "request (a function)", "version (a table)",
      "metrics (a table)")
    refused_in_a_line(example('spawn = true, (.*)field = "version"', "%1"),
      "engine: missing: capabilities.spawn (true or false), version.field (a string")
  end)

  it("with a misspelt field, key or method is told which was meant", function()
    refused_in_a_line(example("command =", "comand ="), "engine: unknown key 'comand' (did you mean 'command'?)")
    refused_in_a_line(example("dtype =", "dtyp ="), "engine: ignores: unknown key 'dtyp' (did you mean 'dtype'?)")
    refused_in_a_line(example('"none", "draft"', '"none", "drafts"'),
      "engine: methods: unknown method 'drafts' (did you mean 'draft'?)")
  end)

  it("that is not there, does not parse, breaks or returns nothing is told so with its place", function()
    refused_in_a_line("return {\n", "./mine.lua:2:", "expected")
    refused_in_a_line("local x = 1\n", "./mine.lua: returns no engine: end it with `return base.engine")
    refused_in_a_line("local x = nil\nreturn x.y\n", "./mine.lua:2: attempt to index a nil value")
    local result = w:run "plan grid.lua --engine ./nowhere.lua"
    assert.equal(1, result.status)
    assert.truthy(result.err:find("--engine: cannot read ./nowhere.lua: No such file", 1, true), result.err)
  end)

  it("takes no name of another engine, nor one that is no folder's", function()
    refused_in_a_line(example('name = "lab%-server"', 'name = "vllm"'),
      "./mine.lua: name = 'vllm' is an engine of specbench's own")
    refused_in_a_line(example('name = "lab%-server"', 'name = "lab/server"'),
      "engine: name: must have letters, digits")
  end)

  it("gives the dialect of a server that is up", function()
    local dialect = engine.load("external:" .. EXAMPLE)
    assert.equal("external:lab-server", dialect.name)
    assert.is_false(dialect.capabilities.spawn)
    assert.equal(fs.sha256(fs.read(EXAMPLE)), dialect.file.sha256)
  end)

  it("may copy one that is here, as the page shows", function()
    local page = fs.read(environment.home .. "/scripts/specbench/engine/README.md")
    w:write("container.lua", page:match "## An engine of your own.-```lua\n(.-)```")
    local mine = engine.load(w.folder .. "/container.lua")
    local server = { model = { name = "m", path = "/m" }, method = "none", port = 1 }
    local plain = engine.load("vllm").command(server).argv
    assert.equal("run-in-container vllm:nightly " .. table.concat(plain, " "),
      table.concat(mine.command(server).argv, " "))
    assert.equal("vllm-container", mine.name)
    assert.equal("vllm", engine.load("vllm").name)
  end)

  it("is read once however often it is named", function()
    assert.equal(engine.load(EXAMPLE), engine.load(EXAMPLE))
  end)
end)
