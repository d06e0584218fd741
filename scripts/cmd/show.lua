-- Shows a cell's requests: a line each, one with its timeline, or all that its binary records hold as JSON lines.

local command = require "specbench.cli.command"
local damage = require "specbench.results.damage"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local measure = require "sb.measure"
local grid = require "specbench.experiment.grid"
local request_view = require "specbench.report.request_view"
local sealed = require "specbench.results.sealed"
local store = require "specbench.results.store"

local self = {
  name = "show",
  summary = "Show a cell's requests and their timelines",
  description = "A line a request; --request N shows one with its timeline as a picture, its longest gaps and its "
    .. "answer. With --json all there is, a request a line: times are nanoseconds of the client's clock since the load "
    .. "began, also where a simulator ran faster; a chunk is [when it came, its tokens, whether it had text]. With "
    .. "--only the cells are named on standard error.",
  positionals = {
    { name = "CELL", help = "a folder of RESULTS/cells, RESULTS/reruns or RESULTS/failed; RESULTS with --only, or "
      .. "where it has one cell" },
  },
  options = {
    { long = "only", arg = "AXIS=V1,V2", repeated = true, help = "the finished cells of a results folder with these "
      .. "coordinates" },
    { long = "request", arg = "N", type = "int", min = 1, help = "one request, from 1" },
    { long = "json", type = "flag", help = "JSON lines" },
  },
  examples = {
    { "specbench show results/round2/cells/ID --request 3", "one request, its timeline and its text" },
    { "specbench show results/round2/cells/ID --json | jq '(first(.chunks[] | select(.[2]))[0] - .t_send_ns) / 1e6'",
      "each request is one line; this is its TTFT in ms" },
    { "specbench show results/round2 --only method=none --only concurrency=1", "found by their coordinates" },
  },
}

-- The finished cells of a results folder that --only leaves, in the order of their names.
local function chosen(the_store, settings)
  local shown, found = { name = the_store.about.round, axes = the_store.about.axes }, {}
  grid.only(shown, settings)
  for _, cell in ipairs(the_store:cells()) do
    local fits = true
    for _, axis in ipairs(shown.axes) do
      local named, has = false, false
      for _, setting in ipairs(settings) do named = named or setting:match "^[^=]+" == axis.name end
      for _, value in ipairs(axis.values) do has = has or value == cell.coordinates[axis.name] end
      fits = fits and (has or not named)
    end
    local place = setmetatable({ repetition = cell.repetition }, { __index = cell.coordinates })
    if fits then found[#found + 1] = { cell = cell, name = grid.describe(shown, place) } end
  end
  table.sort(found, function(a, b) return a.name < b.name end)
  return found
end

-- The answer of request i, where texts were kept.
local function answer_of(path, i)
  local packed = sealed.bytes(path)
  for line in (packed and fs.gunzip(packed) or ""):gmatch "[^\n]+" do
    local output = json.decode(line)
    if type(output) == "table" and output.id == i - 1 then return output.text end
  end
end

local function print_run(run, options, scale, outputs)
  local i = options.request
  if options.json then
    io.stdout:write(foreign.json(run:jsonl()))
  elseif not i then
    io.stdout:write(request_view.list(run, scale))
  elseif i > #run then
    command.fail(("--request %d: the cell has %d"):format(i, #run), 2)
  else
    io.stdout:write(request_view.one(run, i, { scale = scale, text = answer_of(outputs, i) }))
  end
end

local function show_chosen(folder, options)
  local settings = options.only or {}
  local the_store, message = store.open(folder)
  if not the_store then command.fail(message) end
  local found = chosen(the_store, settings)
  if #settings == 0 and #found ~= 1 then
    command.fail(("%s is a results folder: name one of its cells/ID, or choose cells with --only AXIS=VALUE"):format(
      folder), 2)
  end
  if #found == 0 then command.fail(("%s has no finished cell of %s"):format(folder, table.concat(settings, " "))) end
  for _, item in ipairs(found) do
    local run, why = the_store:run(item.cell.id)
    if not run then command.fail(why) end
    io.stderr:write(("%s/%s/%s: %s\n"):format(folder, item.cell.rerun and "reruns" or "cells", item.cell.id, item.name))
    print_run(run, options, item.cell.clock_scale or 1, the_store:output_path(item.cell.id))
  end
end

function self.run(options, positionals)
  local folder = positionals[1]
  if options.json and options.request then
    command.fail("--json prints every request: leave --request out and pick its line", 2)
  end
  if options.only and #options.only > 0 or fs.stat(folder .. "/round.json") then
    show_chosen(folder, options)
    return 0
  end
  local bytes, message = sealed.bytes(folder .. "/records.bin")
  if not bytes then command.fail(message) end
  local run
  run, message = measure.decode(bytes)
  if not run then command.fail(("%s/records.bin: %s"):format(folder, message)) end
  local cell = not options.json and damage.cell(folder) or nil
  print_run(run, options, cell and cell.clock_scale or 1, folder .. "/outputs.jsonl.gz")
  return 0
end

return self
