-- Families of servers side by side on the GPUs of one machine.

local dispatch = require "specbench.sweep.dispatch"
local json = require "specbench.base.json"

local w

-- Four families, each a baseline and a method; the last needs two GPUs.
local ROUND = [[
local bench = require "specbench"
local data = require "specbench.dataset"
return bench.round {
  name = "pool",
  axes = { { "size", { 1, 2, 3, 4 } }, { "method", { "none", "draft" } } },
  baseline = { method = "none" },
  server = function(c)
    local speculates = c.method == "draft"
    return { model = "qwen2.5-7b", method = c.method, k = speculates and 3 or nil, max_model_len = 1000 + c.size,
      draft = speculates and "qwen2.5-0.5b" or nil, tensor_parallel = c.size == 4 and 2 or 1 }
  end,
  workload = function(c)
    return {
      prompts = assert(data.prompts { dataset = "random", tokens = 20, count = 4, seed = c.seed }), concurrency = 2,
      limits = function() return { max_tokens = 8 } end,
    }
  end,
}
]]

-- The simulator as an engine whose servers need GPUs.
local ENGINE = [[
local sim = require "specbench.engine.sim"
return setmetatable({ name = "gpu-server", uses_gpus = true, idle_is_free = false }, { __index = sim })
]]

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("pool.lua", ROUND)
  w:write("gpu.lua", ENGINE)
  w:write("server", (w:read("server"):gsub("exec ", function()
    return 'echo "+ $CUDA_VISIBLE_DEVICES" >> ' .. w.folder .. '/gpus\nexec '
  end)))
  assert(os.execute("chmod +x '" .. w.server .. "'"))
end)
after_each(function() w:remove() end)

local COMMAND = " pool.lua --engine ./gpu.lua --models models.lua --no-rerun --no-pictures --out results "

local function cells()
  local list = {}
  for _, text in pairs(w:cells "cells") do list[#list + 1] = json.decode(text) end
  return list
end

describe("a pool of GPUs", function()
  it("measures families side by side, a pair on one GPU and no GPU twice at once", function()
    local planned = w:run("plan" .. COMMAND .. "--gpus 4-7")
    assert.truthy(planned.out:find("GPUs: 4 units of a baseline and its methods side by side on 4 GPUs", 1, true),
      planned.out)
    local told = w:run("plan" .. COMMAND .. "--gpus 4-7 --show-argv").out -- which GPUs, nobody knows before
    assert.truthy(told:find("CUDA_VISIBLE_DEVICES={gpu1}", 1, true), told)
    assert.is_nil(told:find "CUDA_VISIBLE_DEVICES=%d")
    local used, cost, held, cost_held = w:run("plan" .. COMMAND .. "--gpus 4-7 --price 3600").out:match(
      "Money: ([%d.]+) GPU hours, .-: ([%d.]+) at 3600 a GPU hour; 4 GPUs held .-, ([%d.]+) GPU hours: ([%d.]+)\n")
    assert.near(used * 3600, cost, 0.01 * cost)
    assert.near(held * 3600, cost_held, 0.01 * cost_held)
    assert.is_true(tonumber(cost_held) > tonumber(cost))
    local alone = w:run("plan" .. COMMAND .. "--price 3600").out:match "Money: [^\n]*: ([%d.]+) at 3600 a GPU hour\n"
    assert.near(cost, alone, 0.05 * cost) -- the same cells; one family of two GPUs among them
    local result = w:run("run" .. COMMAND .. "--gpus 4-7")
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("8 cells: 8 measured, 0 done before, 0 failed", 1, true), result.err)
    local by_size, spans = {}, {}
    for _, cell in ipairs(cells()) do
      local gpus = table.concat(cell.engine.gpus, ",")
      local size = cell.coordinates.size
      assert.equal(size == 4 and 2 or 1, #cell.engine.gpus)
      assert.equal(by_size[size] or gpus, gpus)
      by_size[size] = gpus
      -- in its server's time nobody else had its GPUs
      spans[#spans + 1] = { from = cell.started_unix, to = cell.started_unix + cell.load_seconds, size = size,
        gpus = cell.engine.gpus }
    end
    for _, one in ipairs(spans) do
      for _, other in ipairs(spans) do
        if one ~= other and one.from < other.to and other.from < one.to then
          assert.truthy(one.size ~= other.size)
          for _, gpu in ipairs(one.gpus) do
            for _, taken in ipairs(other.gpus) do assert.truthy(gpu ~= taken) end
          end
        end
      end
    end
    local rows = 0
    for _, row in ipairs(w:rows()) do rows = rows + (row.speedups.paired and 1 or 0) end
    assert.equal(4, rows)
    w:wait_gone(w:servers())
  end)

  it("is used less where clients get in each other's way", function()
    if dispatch.cores() < 2 then return pending "one core: nothing runs side by side" end
    w:write("gpu.lua", [[
      local certificate = require "specbench.sweep.certificate"
      function certificate.judge() return { client_ok = false, reasons = { "as told" } } end
    ]] .. ENGINE)
    local result = w:run("run" .. COMMAND .. "--gpus 4-7 --only size=1,2,3 --start-pause 0.05")
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("the client was late while %d units were measured side by side: no more than %d "
      .. "from now on"), result.err)
    local spans = {}
    for _, cell in ipairs(cells()) do
      local span = spans[cell.coordinates.size] or { from = math.huge, to = 0 }
      span.from = math.min(span.from, cell.started_unix)
      span.to = math.max(span.to, cell.started_unix + cell.load_seconds)
      spans[cell.coordinates.size] = span
    end
    local last = 1
    for size, span in ipairs(spans) do last = span.from > spans[last].from and size or last end
    for size, span in ipairs(spans) do assert.truthy(size == last or span.to <= spans[last].from) end
    w:wait_gone(w:servers())
  end)

  it("goes on after a kill, and measures nothing twice", function()
    w:start("run" .. COMMAND .. "--gpus 0,1 --speed 1")
    w:eventually("a finished cell", function() return w:count "cells" > 0 end)
    w:signal "KILL"
    w:finish()
    local before = w:cells "cells"
    w:wait_gone(w:servers())
    local result = w:run("run" .. COMMAND .. "--gpus 0,1")
    assert.equal(0, result.status, result.err)
    assert.equal(8, w:count "cells")
    for id, text in pairs(before) do assert.equal(text, w:cells("cells")[id]) end
    w:wait_gone(w:servers())
  end)

  it("is what CUDA_VISIBLE_DEVICES shows, and is refused beyond it or where it is empty", function()
    local result = w:run("run" .. COMMAND .. "--set size=1", { env = { CUDA_VISIBLE_DEVICES = "GPU-5f,GPU-77" } })
    assert.equal(0, result.status, result.err)
    assert.equal("+ GPU-5f\n+ GPU-5f\n", w:read "gpus")
    for _, cell in ipairs(cells()) do assert.same({ "GPU-5f" }, cell.engine.gpus) end
    result = w:run("run" .. COMMAND .. "--gpus 0", { env = { CUDA_VISIBLE_DEVICES = "1,2" } })
    assert.equal(2, result.status)
    assert.truthy(result.err:find("--gpus 0 is not among those that CUDA_VISIBLE_DEVICES shows (1,2)", 1, true),
      result.err)
    result = w:run("run" .. COMMAND, { env = { CUDA_VISIBLE_DEVICES = "", SLURM_JOB_ID = "17" } })
    assert.equal(1, result.status)
    assert.truthy(result.err:find("no GPU is visible in Slurm job 17 (CUDA_VISIBLE_DEVICES is ''), and the engine's",
      1, true), result.err)
  end)

  it("ends all servers of all families when it is interrupted", function()
    w:start("run" .. COMMAND .. "--gpus 0,1 --speed 0.01 --only size=1,2")
    w:eventually("a server of each of two families", function() return #w:servers() >= 2 end)
    for _, pid in ipairs(w:servers()) do assert.truthy(w.is_running(pid)) end -- at this speed no cell has ended
    w:signal "INT"
    assert.equal(130, w:finish().status)
    w:wait_gone(w:servers())
  end)
end)
