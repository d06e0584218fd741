-- What is handed to Slurm, by a sbatch that only writes down what it gets. What Slurm makes of it: tests/slurm.

local fs = require "sb.fs"
local json = require "specbench.base.json"

local w

local ENGINE = [[
local sim = require "specbench.engine.sim"
return setmetatable({ name = "gpu-server", uses_gpus = true, idle_is_free = false }, { __index = sim })
]]

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("axes =", 'baseline = { method = "none" }, axes =')
    :gsub("k = speculates", "tensor_parallel = c.concurrency, k = speculates")))
  w:write("gpu.lua", ENGINE)
  fs.mkdir(w.folder .. "/bin")
  w:write("bin/sbatch", ([[
#!/bin/sh
echo "$@" >> %s/submitted
wc -l < %s/submitted
]]):format(w.folder, w.folder))
  assert(os.execute("chmod +x '" .. w.folder .. "/bin/sbatch'"))
end)
after_each(function() w:remove() end)

local function slurm(arguments)
  return w:run("slurm grid.lua --engine ./gpu.lua --models models.lua --speed 200 " .. arguments,
    { env = { PATH = w.folder .. "/bin:" .. os.getenv "PATH" } })
end

describe("specbench slurm", function()
  it("submits an array for each number of GPUs, and the report after them", function()
    local result = slurm "--out 'my results' --workers 3 --unit-time 1s -- --partition=gpu --account=a"
    assert.equal(0, result.status, result.err)
    local scripts = w.folder .. "/my results/share/slurm"
    assert.equal(("--parsable --partition=gpu --account=a %s/workers-2.sh\n"
      .. "--parsable --partition=gpu --account=a %s/workers-1.sh\n"
      .. "--parsable --partition=gpu --account=a --dependency=afterany:1:2 %s/report.sh\n"):format(scripts, scripts,
      scripts), w:read "submitted")
    assert.truthy(result.out:find("1: 1 worker of 2 GPUs, 1 piece of work, about ", 1, true), result.out)
    assert.truthy(result.out:find("\n3: the report, after them: ", 1, true), result.out)
    local script = assert(fs.read(scripts .. "/workers-2.sh"))
    for _, directive in ipairs { "--array=1-1", "--gpus-per-node=2", "--requeue", "--open-mode=append",
      "--signal=B:TERM@120", "--time=0-00:30:00", "--job-name=specbench-grid" } do
      assert.truthy(script:find("\n#SBATCH " .. directive .. "\n", 1, true), script)
    end
    assert.truthy(script:find(("run grid.lua --engine ./gpu.lua --models models.lua --speed 200 --unit-time 1s "
      .. "--out '%s/my results' --share --no-wait\n"):format(w.folder), 1, true), script)
    assert.truthy(script:find("\ncd " .. w.folder .. " || exit\n", 1, true), script)
  end)

  it("submits what is not done, and nothing where all is", function()
    assert.equal(0, w:run("run grid.lua --engine ./gpu.lua --models models.lua --speed 200 --no-rerun --no-pictures "
      .. "--only concurrency=2 --gpus 0,1 --out results").status)
    assert.equal(0, slurm("--out results --no-report").status)
    assert.equal(1, select(2, w:read("submitted"):gsub("\n", "")))
    assert.truthy(w:read("submitted"):find("workers-1.sh", 1, true))
    assert.equal(0, w:run("run grid.lua --engine ./gpu.lua --models models.lua --speed 200 --no-rerun --no-pictures "
      .. "--gpus 0,1 --out results").status)
    assert.truthy(slurm("--out results").out:find("nothing to do: all 2 pieces are done", 1, true))
  end)

  it("submits a search as one job, on what its largest server needs, for as long as its budget", function()
    local result = slurm "--out results --budget 2h --no-report -- --partition=gpu"
    assert.equal(0, result.status, result.err)
    assert.equal(("--parsable --partition=gpu %s/results/slurm/search.sh\n"):format(w.folder), w:read "submitted")
    assert.truthy(result.out:find("1: one search of 2 GPUs, ", 1, true), result.out)
    local script = w:read "results/slurm/search.sh"
    for _, directive in ipairs { "--gpus-per-node=2", "--requeue", "--signal=B:TERM@120", "--time=0-00:30:00" } do
      assert.truthy(script:find("\n#SBATCH " .. directive .. "\n", 1, true), script) -- the grid takes no two hours
    end
    assert.is_nil(script:find("--array", 1, true), script)
    assert.truthy(script:find(("--speed 200 --budget 2h --out %s/results\n"):format(w.folder), 1, true), script)

    for options, words in pairs { ["--find rate --slo ttft=9"] = "how long that takes: give sbatch a time",
      ["--find k --share"] = "leave out --share", ["--find k --repeats 3"] = "leave out --repeats",
      ["--find k --only method=none"] = "no cell speculates" } do
      result = slurm("--out results " .. options)
      assert.equal(2, result.status, options)
      assert.truthy(result.err:find(words, 1, true), result.err)
      assert.equal(1, select(2, result.err:gsub("\n", "")), result.err)
    end
  end)

  it("says what is wrong without a cluster, and what it would do", function()
    local result = w:run("slurm grid.lua --out results", { env = { PATH = "/nonexistent" } })
    assert.equal(1, result.status)
    assert.truthy(result.err:find("there is no sbatch on PATH", 1, true), result.err)
    w:write("bin/sbatch", "#!/bin/sh\necho no such partition >&2; exit 1\n")
    result = slurm "--out results -- --partition=x"
    assert.equal(1, result.status)
    assert.truthy(result.err:find("sbatch refused it: sbatch --parsable --partition=x", 1, true), result.err)
    result = slurm "--out results --dry-run -- --partition=x"
    assert.equal(0, result.status)
    assert.truthy(result.out:find("sbatch --parsable --partition=x ", 1, true), result.out)
  end)
end)

describe("plan --json", function()
  it("lists units with their GPUs, cells, time and state, and --unit measures one of them", function()
    local command = " grid.lua --engine ./gpu.lua --models models.lua --speed 200 --out results "
    local function units()
      local result = w:run("plan" .. command .. "--json")
      assert.equal(0, result.status, result.err)
      return assert(json.decode(result.out)).units
    end
    local list = units()
    assert.equal(2, #list)
    assert.same({ 2, 1 }, { list[1].gpus, list[2].gpus })
    for _, unit in ipairs(list) do
      assert.same({ 2, 0, "open" }, { unit.cells, unit.done, unit.state })
      assert.truthy(unit.seconds > 0)
      assert.same({ "--unit", unit.id }, unit.options)
    end
    local result = w:run("run" .. command .. "--share --no-rerun --no-pictures --gpus 0,1 --unit " .. list[2].id)
    assert.equal(0, result.status, result.err)
    assert.equal(2, w:count "cells")
    list = units()
    assert.same({ "open", "done" }, { list[1].state, list[2].state })
    result = w:run("run" .. command .. "--share --unit nothing")
    assert.equal(2, result.status)
    assert.truthy(result.err:find("--unit nothing: no such unit", 1, true), result.err)
  end)
end)
