-- How fast a full round is loaded, computed and bootstrapped: a tenth of it, times ten.

local clients = require "specbench.selfcheck.clients"
local clock = require "sb.clock"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local process = require "specbench.selfcheck.process"
local keys = require "specbench.results.keys"
local rounds = require "specbench.selfcheck.rounds"
local sealed = require "specbench.results.sealed"
local simulator = require "specbench.selfcheck.simulator"
local store = require "specbench.results.store"

local analysis = {}

local CELLS, SCALE = 120, 10
local REQUESTS, TOKENS = 512, 300

-- The measured pair as slot `i` of the grid.
local function copy(the_store, cell, i)
  local changed = assert(json.decode(json.encode(cell)))
  changed.coordinates.slot, changed.identity.coordinates.slot = i, i
  changed.id = store.id(changed.identity)
  changed.key = keys.of(the_store.about, changed.coordinates, nil, cell.repetition)
  local target = ("%s/cells/%s"):format(the_store.folder, changed.id)
  assert(fs.mkdir(target))
  assert(fs.write(target .. "/cell.json", sealed.encode(changed)))
  for _, file in ipairs { "records.bin", "outputs.jsonl.gz" } do
    assert(fs.write(target .. "/" .. file, assert(fs.read(("%s/cells/%s/%s"):format(the_store.folder, cell.id, file)))))
  end
end

-- A results folder: one pair really measured, the others its copies.
local function make(folder)
  local path, out = folder .. "/bench.lua", folder .. "/results"
  local slots = {}
  for i = 1, CELLS // 2 do slots[i] = i end
  rounds.write(path, { SLOTS = "{ " .. table.concat(slots, ", ") .. " }", COUNT = REQUESTS, TOKENS = TOKENS,
    STREAMS = REQUESTS })
  local sim <close> = simulator.start(folder .. "/truth.jsonl", { "--step-ms", "10" })
  local cost, message = process.run(rounds.argv { "run", path, "--only", "slot=1", "--quiet", "--no-pictures",
    "--prompts-per-stream", "1", "--engine", "external:sim", "--url", sim.url, "--restarted",
    "--out", out })
  if not cost then error(message, 0) end
  sim:stop()
  local the_store = assert(store.open(out))
  for _, cell in ipairs(the_store:cells()) do
    for i = 2, CELLS // 2 do copy(the_store, cell, i) end
  end
  the_store.about.axes[1].values = slots
  assert(fs.write(out .. "/round.json", sealed.encode(the_store.about)))
  return the_store
end

-- Each cell read and its figures computed again, one after the other.
local function stages(the_store)
  local decode, compute, chunks = 0, 0, 0
  for _, id in ipairs(fs.list(the_store.folder .. "/cells")) do
    local begun = clock.now()
    local run = assert(the_store:run(id))
    local read = clock.now()
    run:metrics()
    decode, compute, chunks = decode + read - begun, compute + clock.now() - read, chunks + run:chunks()
    run = nil -- luacheck: ignore 311
    collectgarbage "step"
  end
  return decode / 1e9, compute / 1e9, chunks
end

-- What percentiles by selection save beside sorting, where the tool that measures it was built.
local function selection()
  local tool = clients.find_tool "select"
  local pipe = tool and io.popen("'" .. tool .. "'")
  if not pipe then return nil end
  local figures = json.decode(pipe:read "a")
  pipe:close()
  return figures
end

---@return table figures
function analysis.run()
  local folder <close> = process.scratch()
  local the_store = make(folder.path)
  local decode, compute, chunks = stages(the_store)
  local cost, message = process.run(rounds.argv { "report", the_store.folder, "--no-pictures" })
  if not cost then error(message, 0) end
  local figures = {
    cells = CELLS, scale = SCALE, chunks = chunks, decode_s = decode, metrics_s = compute, report_s = cost.wall_s,
    report_peak_mb = cost.peak_mb, scaled_s = SCALE * cost.wall_s,
  }
  io.stdout:write(("Analysis of %d cells x %d requests x %d tokens (a tenth of a full round; %.1f million chunks): "
    .. "read and decode %.2f s, every figure computed again %.2f s; specbench report with bootstrap, no pictures "
    .. "%.2f s, peak %.0f MB. A full round, scaled: %.1f, %.1f and %.1f s\n"):format(CELLS, REQUESTS, TOKENS,
      chunks / 1e6, decode, compute, cost.wall_s, cost.peak_mb, SCALE * decode, SCALE * compute, figures.scaled_s))
  figures.selection = selection()
  if figures.selection then
    local s = figures.selection
    io.stdout:write(("The percentiles of %d gaps: %.2f ms CPU by qsort, %.2f by radix sort, %.2f by selection\n")
      :format(s.values, s.qsort_ms, s.radix_ms, s.select_ms))
  end
  return figures
end

return analysis
