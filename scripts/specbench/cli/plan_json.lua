-- specbench plan --json: the units that workers on a shared folder deal among themselves, for programs.

local command = require "specbench.cli.command"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local sharing = require "specbench.results.sharing"
local shared_run = require "specbench.cli.shared_run"
local store = require "specbench.results.store"
local units = require "specbench.experiment.units"

local plan_json = {}

local FIELDS = { "id", "options", "what", "gpus", "cells", "done", "failed", "seconds", "state", "host", "job" }

-- What is known of a unit in a folder; done: how many of its cells lie there.
local function describe(unit, held, the_sharing)
  local done = 0
  for _, job in ipairs(unit.jobs) do done = done + (held and held:has(job.id) and 1 or 0) end
  local owner = the_sharing and the_sharing:owner(unit.id)
  local handed_in = the_sharing and the_sharing:is_done(unit.id)
  return {
    id = unit.id, options = json.array { "--unit", unit.id }, what = units.describe(unit), gpus = unit.gpus,
    cells = #unit.jobs, done = done, failed = handed_in and #unit.jobs - done or 0, seconds = unit.seconds,
    state = done == #unit.jobs and "done" or handed_in and "failed" or owner and "running" or "open",
    host = owner and owner.host or nil, job = owner and owner.job or nil,
  }
end

---@param options table of the command line; changed
---@param path string of the round
---@return table list of units as they are printed
---@return specbench.plan
function plan_json.units(options, path)
  local the_plan, list, r = shared_run.plan(options, path)
  local folder = command.results_folder(r, options)
  local held = store.open(folder)
  local looks = fs.stat(folder .. "/share") and sharing.look(folder, options.stale) or nil
  local found = json.array {}
  for i, unit in ipairs(units.sort(list)) do found[i] = describe(unit, held, looks) end
  return found, the_plan, folder
end

---@param options table of the command line
---@param path string of the round
---@return integer status
function plan_json.run(options, path)
  local list, the_plan, folder = plan_json.units(options, path)
  local words = {}
  for i, unit in ipairs(list) do words[i] = "    " .. json.encode(unit, FIELDS) end
  local refused = #the_plan.refused
  io.stdout:write(('{\n  "round": %s, "engine": %s, "folder": %s, "cells": %d, "left_out": %d,\n  "units": [\n')
    :format(json.encode(the_plan.round.name), json.encode(the_plan.engine.name), json.encode(folder), #the_plan.jobs,
      refused), table.concat(words, ",\n"), "\n  ]\n}\n")
  return 0
end

return plan_json
