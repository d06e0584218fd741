-- A driver that gives memory back late, played by a stand-in for nvidia-smi.

local gpu_memory = require "specbench.sweep.gpu_memory"

local w

-- Answers the lines of its file in turn, the last one for ever; notes when it is asked.
local NVIDIA_SMI = [[
#!/bin/sh
case "$*" in *memory.used*) ;; *) exit 0 ;; esac
cd "%s"
echo "asked $(grep -c . started 2>/dev/null)" >>asked
n=$(grep -c . asked)
[ "$n" -le "$(grep -c . memory)" ] || n=$(grep -c . memory)
sed -n "${n}p" memory | tr ';' '\n'
]]

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", w.round())
  w:write("nvidia-smi", NVIDIA_SMI:format(w.folder))
  assert(os.execute(("chmod +x '%s/nvidia-smi'"):format(w.folder)))
end)
after_each(function() w:remove() end)

local function asked()
  local list = {}
  for count in (w:read "asked" or ""):gmatch "asked (%d*)" do list[#list + 1] = tonumber(count) or 0 end
  return list
end

local function run(arguments)
  return w:run_grid(arguments, { env = { PATH = w.folder .. ":" .. os.getenv "PATH" } })
end

describe("GPU memory", function()
  it("is waited for before the next server starts", function()
    w:write("memory", "0, 4, 80000\n0, 70000, 80000\n0, 70000, 80000\n0, 20, 80000\n")
    local result = run "--gpus 0 --at-once 1"
    assert.equal(0, result.status, result.err)
    assert.same({ 0, 1, 1, 1 }, asked()) -- the second server starts once it is free
    assert.equal(2, #w:servers())
    assert.is_nil(result.err:find "GPU 0")
  end)

  it("that was in use before is told, and is no reason to wait", function()
    w:write("memory", "0, 40000, 80000;1, 10, 80000\n")
    local result = run "--gpus 0 --at-once 1"
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("Warning: GPU 0 has 40000 of 80000 MiB in use before the first server", 1, true))
    assert.is_nil(result.err:find "GPU 1")
    assert.same({ 0, 1 }, asked())
  end)

  it("is of no interest to a server that uses none", function()
    w:write("memory", "0, 4, 80000\n")
    assert.equal(0, run("").status)
    assert.same({}, asked())
  end)

  it("that is not given back is told once, and waited for no longer", function()
    local told = {}
    local watch = gpu_memory.new(function(line) told[#told + 1] = line end, 0, w.folder .. "/nvidia-smi")
    w:write("memory", "0, 4, 80000\n0, 70000, 80000\n0, 70000, 80000\n0, 70300, 80000\n")
    for _ = 1, 3 do watch:await() end
    assert.same({ "GPU 0 still holds 69996 MiB more than before the first server, 0 s after the last one ended: who "
      .. "has them? (nvidia-smi)" }, told)
    watch:await { [1] = true } -- another one than that
    assert.equal(1, #told)
    watch:await { [0] = true }
    assert.equal(2, #told)
  end)

  it("of a machine that does not tell is not waited for", function()
    w:write("nvidia-smi", "#!/bin/sh\nexit 9\n")
    assert(os.execute(("chmod +x '%s/nvidia-smi'"):format(w.folder)))
    gpu_memory.new(error, 0, w.folder .. "/nvidia-smi"):await()
    assert.is_nil(gpu_memory.new(error, 0, w.folder .. "/none"))
  end)
end)
