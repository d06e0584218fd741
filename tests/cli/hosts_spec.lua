-- A baseline from another machine, another GPU or another driver is no baseline.

local fs = require "sb.fs"
local json = require "specbench.base.json"

local w

-- An engine that needs GPUs: the simulator under another name.
local ENGINE = [[
local sim = require "specbench.engine.sim"
return setmetatable({ name = "gpu-server", uses_gpus = true }, { __index = sim })
]]

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("axes =", 'baseline = { method = "none" }, axes =')))
end)
after_each(function() w:remove() end)

-- Changes what cells say of where they were measured; method: of which cells.
local function change(method, edit)
  for id, text in pairs(w:cells "cells") do
    local cell = json.decode(text)
    if cell.coordinates.method == method then
      local before = text
      text = edit(text):gsub(', "checksum": "%x+"', "")
      assert(text ~= before)
      local content = text:match "^(.*)}%s*$"
      w:write(("results/cells/%s/cell.json"):format(id), ('%s, "checksum": "%s"}\n'):format(content,
        fs.sha256(content .. "}")))
    end
  end
end

local function replace(field, value)
  return function(text)
    local found = text:gsub(('"%s": "[^"]*"'):format(field), ('"%s": "%s"'):format(field, value))
    return found
  end
end

local function elsewhere(text)
  return replace("boot_id", "another")(replace("host", "elsewhere")(text))
end

-- How many places have a speed-up.
local function compared()
  local count = 0
  for _, row in ipairs(w:rows()) do count = count + (row.speedups and row.speedups.paired and 1 or 0) end
  return count
end

describe("a baseline of another host", function()
  it("gives no speed-up and says why, unless it is asked for", function()
    assert.equal(0, w:run_grid("").status)
    assert.equal(2, compared())
    change("none", elsewhere)
    local result = w:run "report results --full --no-pictures"
    assert.equal(0, compared())
    assert.truthy(result.out:find("No speed-up for 2 cells of draft: the baseline was measured on another host "
      .. "(elsewhere, this cell on " .. fs.hostname() .. "): --across-hosts", 1, true), result.out)
    result = w:run "report results --full --no-pictures --across-hosts"
    assert.equal(2, compared())
    assert.truthy(result.out:find("in 2 of 2 comparisons the baseline was measured on another host of the same kind",
      1, true), result.out)
  end)

  it("is the same host under another name, as in a container", function()
    assert.equal(0, w:run_grid("").status)
    change("none", replace("host", "container"))
    w:run "report results --full --no-pictures"
    assert.equal(2, compared())
  end)

  it("does not matter where each repeat has its own: hosts are blocks", function()
    assert.equal(0, w:run_grid("--repeats 4 --starts 1").status)
    for _, row in ipairs(w:rows()) do assert.equal("within one start", row.scope) end
    for id, text in pairs(w:cells "cells") do
      local cell = json.decode(text)
      if cell.repetition > 2 then
        change(cell.coordinates.method, function(own)
          return own:find(id, 1, true) and elsewhere(own) or own .. " "
        end)
      end
    end
    local result = w:run "report results --full --no-pictures"
    for _, row in ipairs(w:rows()) do
      assert.equal("starts", row.scope)
      assert.equal(2, row.starts)
    end
    assert.truthy(result.out:find("measured on 2 hosts; each cell and its baseline on one", 1, true), result.out)
  end)
end)

describe("GPUs", function()
  -- Rows of an nvidia-smi that stands in: uuid, name, driver. It tells the numbers alone, or all that provenance asks.
  local function smi(...)
    fs.mkdir(w.folder .. "/bin")
    local lines = {}
    for i, row in ipairs { ... } do
      lines[i] = ("echo '%d, %s, %s, %s, 81559, 1980, 2619, 700.00'"):format(i - 1, row[1], row[2], row[3])
    end
    w:write("bin/nvidia-smi", ('#!/bin/sh\ncase "$*" in *=index) fields=1 ;; *) fields=1- ;; esac\n{ %s; } | '
      .. 'cut -d, -f$fields\n'):format(table.concat(lines, "; ")))
    assert(os.execute("chmod +x '" .. w.folder .. "/bin/nvidia-smi'"))
  end

  local function run(arguments)
    w:write("gpu.lua", ENGINE)
    return w:run("run --full grid.lua --engine ./gpu.lua --models models.lua --no-rerun --no-pictures --out results "
      .. arguments, { env = { PATH = w.folder .. "/bin:" .. os.getenv "PATH" } })
  end

  it("of a cell are recorded, and a baseline on another model is none", function()
    smi({ "GPU-a", "NVIDIA H100", "550.1" }, { "GPU-b", "NVIDIA A100", "550.1" })
    local result = run "--only method=none --gpus 0"
    assert.equal(0, result.status, result.err)
    local _, text = next(w:cells "cells")
    local cell = json.decode(text)
    assert.same({ 0 }, cell.engine.gpus)
    assert.equal("GPU-a", cell.machine.gpus[1].uuid)
    assert.truthy(#cell.machine.boot_id > 8)
    result = run "--only method=draft --gpus 1"
    assert.equal(0, compared())
    assert.truthy(result.out:find("the baseline ran on another GPU (NVIDIA H100, this cell NVIDIA A100)", 1, true),
      result.out)
  end)

  it("of one model are told apart where a baseline ran on another", function()
    smi({ "GPU-a", "NVIDIA H100", "550.1" }, { "GPU-b", "NVIDIA H100", "550.1" })
    run "--only method=none --gpus 0"
    local result = run "--only method=draft --gpus 1"
    assert.equal(2, compared())
    assert.truthy(result.out:find("in 2 of 2 comparisons the baseline ran on another GPU of the same host, model and "
      .. "driver", 1, true), result.out)
  end)

  it("under another driver give no speed-up", function()
    smi({ "GPU-a", "NVIDIA H100", "550.1" })
    run "--only method=none --gpus 0"
    smi({ "GPU-a", "NVIDIA H100", "570.2" })
    local result = run "--only method=draft --gpus 0"
    assert.equal(0, compared())
    assert.truthy(result.out:find("the baseline ran with another GPU driver (550.1, this cell 570.2)", 1, true),
      result.out)
  end)
end)
