--- Fills a results folder with as many cells as one wants, faster than they could be measured: one of each server is
--- measured in virtual time and lies in the place of all, under their ids.
---
---   local many = dofile(environment.home .. "/tests/cli/many_cells.lua")
---   many.fill(folder, 300)   -- folder/many.lua is the round, folder/results holds its cells
---   many.COMMAND             -- what a command line says of the round: plan, run

local command = require "specbench.cli.command"
local environment = require "sb.environment"
local fs = require "sb.fs"
local plan = require "specbench.experiment.plan"
local round_file = require "specbench.experiment.round_file"
local sealed = require "specbench.results.sealed"
local quoted = require("specbench.base.shell").quoted
local store = require "specbench.results.store"
local tables = require "specbench.base.tables"

local world = dofile(environment.home .. "/tests/cli/world.lua")

local many = { COMMAND = "many.lua --virtual --out results --no-pictures" }

---@param folder string that is there
---@param count integer cells, an even number
---@return string[] ids
function many.fill(folder, count)
  local loads = {}
  for i = 1, count // 2 do loads[i] = i end
  local text = world.round { name = "many" }:gsub("{ 1, 2 }", ("{ %s }"):format(table.concat(loads, ", ")))
  assert(fs.write(folder .. "/many.lua", (text:gsub("axes =", 'baseline = { method = "none" }, axes ='))))
  assert(os.execute(("cd %s && SPECBENCH_HOME=%s %s run %s --only concurrency=1 --quiet"):format(quoted(folder),
    quoted(environment.home), quoted(environment.executable), many.COMMAND)))
  local r = assert(round_file.load(folder .. "/many.lua"))
  local options = { engine = "sim", virtual = true, speed = 1, repeats = 1 }
  local the_plan, ids = plan.new(r, options), {}
  local held <close> = assert(store.create(folder .. "/results", command.about(the_plan, r, options)))
  local measured = {}
  for _, cell in ipairs(held:cells()) do
    local place = ("%s/cells/%s/"):format(held.folder, cell.id)
    measured[cell.coordinates.method] = { cell = cell, records = assert(fs.read(place .. "records.bin")),
      outputs = assert(fs.read(place .. "outputs.jsonl.gz")) }
  end
  for i, job in ipairs(the_plan.jobs) do
    local like, place = measured[job.coordinates.method], ("%s/cells/%s"):format(held.folder, job.id)
    ids[i] = job.id
    if not fs.stat(place) then
      assert(fs.mkdir(place))
      for name, bytes in pairs {
        ["cell.json"] = sealed.encode(tables.merged(like.cell, { id = job.id, key = job.key, identity = job.identity,
          coordinates = job.coordinates })),
        ["records.bin"] = like.records, ["outputs.jsonl.gz"] = like.outputs,
      } do
        local file <close> = assert(io.open(("%s/%s"):format(place, name), "wb"))
        file:write(bytes)
      end
    end
  end
  return ids
end

return many
