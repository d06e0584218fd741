-- Predicts the cells of a grid that were not measured, from those that were.

local caption = require "specbench.report.caption"
local break_even = require "specbench.report.break_even"
local cells = require "specbench.predict.cells"
local command = require "specbench.cli.command"
local duration = require "specbench.base.duration"
local families = require "specbench.predict.families"
local fs = require "sb.fs"
local option_groups = require "specbench.cli.option_groups"
local predict_input = require "specbench.predict.input"
local predictions = require "specbench.report.predictions"
local savings = require "specbench.analysis.savings"
local tables = require "specbench.base.tables"
local what_if = require "specbench.predict.what_if"

local self = {
  name = "predict",
  summary = "Predict the cells of a grid that were not measured, from those that were",
  description = "Fits a model of the server's costs to the finished cells of DIR and says what every other cell of "
    .. "ROUND's grid would show, with an interval that a measured cell lies in nine times of ten. Predicted numbers "
    .. "have a ~ (pictures: hatching) and stand in predictions.jsonl, measured ones are the folder's own; nothing of "
    .. "DIR changes. Measure a corner of the grid: smallest and largest k at three concurrencies, the middle k at "
    .. "another, the baseline at all four. Closed loops only.",
  positionals = { { name = "DIR", help = "results folder, or one of the reference system's" } },
  options = option_groups.of {
    { long = "grid", arg = "ROUND", help = "round file whose cells are wanted; --set adds values to its axes" },
    { long = "set", arg = "AXIS=V1,V2", repeated = true, help = "the axis takes these values" },
    { long = "only", arg = "AXIS=V1,V2", repeated = true, help = "only these of the axis' values" },
    { long = "quick", type = "flag", help = "the small version that the round declares" },
    { long = "baseline", arg = "NAME", help = "compare with what the round calls so (as-published: of another model "
      .. "too)" },
    { long = "limits", arg = "NAME", help = "answers as long as the round's limits of that name say" },
    { long = "acceptance", arg = "P", type = "number", min = 0, max = 0.98, help = "what if: the speed-up with each "
      .. "place of a draft accepted so often, given those before it, and the acceptance at which each load breaks "
      .. "even; of the measured loads, or of those of --grid" },
    { long = "draft-cost", arg = "N", type = "number", min = 0, max = 100, help = "what if: the same, were what "
      .. "speculation adds to a step N times as much as was measured" },
    { long = "seed", arg = "N", type = "int", default = 12345, help = "seed of the prompts" },
    "data",
    option_groups.price,
    { long = "out", short = "o", arg = "DIR", help = "write there, not into DIR" },
    { long = "no-pictures", type = "flag", help = "no PNG and SVG files" },
    { long = "no-colour", type = "flag", help = "plain text, also on a terminal" },
    { long = "quiet", short = "q", type = "flag", help = "no heatmaps" },
  },
  examples = {
    "specbench predict results/round1 --grid rounds/round1.lua",
    { "specbench predict results/mine --grid mine.lua --set concurrency=1,2,4,8,16,32,64",
      "loads that were not in the grid" },
    { "specbench predict results/mine --acceptance 0.8 --draft-cost 0.5",
      "which acceptance a draft at half the cost must reach, and what 80 % would bring" },
    { "specbench predict published --grid rounds/round1.lua --baseline as-published --out predicted",
      "the reference system's own results" },
  },
}

-- What one method's fit comes to, in one or two lines.
local function summary(family, price)
  local measured, seconds, spent, widths = 0, 0, 0, {}
  local saved = { cells = 0, gpu_seconds = 0, spent = 0 }
  for _, row in ipairs(family.rows) do
    seconds = seconds + row.seconds
    local name = row.place.seconds and "spent" or "gpu_seconds"
    saved[name] = saved[name] + row.seconds * family.gpus
    if row.place.seconds then
      spent, measured = spent + row.seconds, measured + 1
    else
      saved.cells = saved.cells + 1
    end
    if not row.measured then widths[#widths + 1] = math.log(row.high / row.low) / 2 end
  end
  local typical = tables.median(widths)
  local lines = { ("%s, against %s: %d cells measured, %d predicted%s; measuring took %s of %s (%.0f %%), "
    .. "baselines not counted"):format(family.name, family.baseline, measured, #widths,
    typical and (" (the 90 %% intervals are typically +-%.1f %%)"):format(100 * (math.exp(typical) - 1)) or "",
    duration.rough(spent), duration.rough(seconds), 100 * spent / seconds) }
  lines[#lines + 1] = price and savings.text(saved, price)
  local aside = family.fitted and predictions.set_aside(family.fitted) or {}
  table.move(aside, 1, #aside, #lines + 1, lines)
  for _, why in ipairs(tables.keys(family.unknown)) do
    lines[#lines + 1] = ("Not predicted: %d cells: %s"):format(family.unknown[why], why)
  end
  return table.concat(lines, "\n") .. "\n"
end

local function write_pictures(folder, list, found)
  assert(fs.mkdir(folder))
  local footer = caption.of { cells = found.cells, entries = found.entries, about = found.about }
  for _, map in ipairs(list) do
    local name = map.name:gsub("[^%w.-]", "_")
    local files, message = predictions.draw(map, ("%s/%s_predicted"):format(folder, name), footer)
    if not files then
      command.warn { message }
      return
    end
    for _, path in ipairs(files) do io.stdout:write("Picture: ", path, "\n") end
  end
end

-- What a title says of where the figures come from.
local function note_of(input)
  return input.simulated and ", simulated" or ""
end

-- The places of the grid that is asked for, and the round, or what stands for it.
local function read_grid(input, options)
  local own_baseline = options.baseline
  if input.reference then options.baseline = nil end -- its tables name their baseline themselves
  local r = command.load_round(options.grid, options)
  options.baseline = own_baseline
  if not input.reference and r.name ~= input.about.round then
    command.fail(("--grid %s: it is '%s', the folder holds results of %s"):format(options.grid, r.name,
      input.about.round))
  end
  local places = cells.of_round(r, options, input.reference and input.about or nil)
  input:share_baselines(places)
  return places, input.reference and input.about or r
end

-- Every family's places, measured or predicted.
local function predict_grid(input, list, about, folder, options)
  local said, drawn = 0, {}
  local how = { is_tty = fs.is_terminal(io.stdout), colour = not options.no_colour and "auto" or false }
  how.width = select(2, fs.is_terminal(io.stdout))
  for _, family in ipairs(list) do
    if not family.why then
      said = said + #family.rows
      local maps = predictions.maps(family, about, note_of(input))
      if not options.quiet then
        for _, map in ipairs(maps) do io.stdout:write(predictions.text(map, how), "\n") end
      end
      io.stdout:write(summary(family, options.price), predictions.best(family), "\n")
      table.move(maps, 1, #maps, #drawn + 1, drawn)
    else
      io.stdout:write(("%s: nothing predicted: %s\n"):format(family.name, family.why))
    end
  end
  for _, why in ipairs(tables.keys(input.left_out)) do
    io.stdout:write(("Left out: %d measured cells: %s\n"):format(input.left_out[why], why))
  end
  if said == 0 then command.fail "nothing could be predicted: measure cells of a method and of its baseline" end
  if not options.no_pictures then write_pictures(folder .. "/pictures", drawn, input.study) end
  local path = folder .. "/predictions.jsonl"
  assert(fs.write(path, predictions.lines(list)))
  io.stdout:write(("Predictions: %s (measured: false where a number is predicted)\n"):format(path))
end

-- Which acceptance each family's drafts would have to reach, and what the one that is asked for would bring.
local function ask_what_if(input, list, about, folder, options)
  local found = {}
  for _, family in ipairs(list) do
    local flaw = what_if.flaw(family)
    if flaw then
      io.stdout:write(("%s: no break-even: %s\n"):format(family.name, flaw))
    else
      found[#found + 1] = what_if.of(family, options.draft_cost)
      io.stdout:write(break_even.text(found[#found], options.acceptance), "\n")
    end
  end
  if #found == 0 then command.fail "nothing could be fitted: measure cells of a method and of its baseline" end
  io.stdout:write(break_even.LEGEND)
  for _, one in ipairs(options.no_pictures and {} or found) do
    local name = one.family.name:gsub("[^%w.-]", "_")
    assert(fs.mkdir(folder .. "/pictures"))
    local files, message = break_even.draw(one, about, ("%s/pictures/%s_break_even"):format(folder, name),
      note_of(input))
    if not files then command.warn { message } end
    for _, path in ipairs(files or {}) do io.stdout:write("Picture: ", path, "\n") end
  end
  local path = folder .. "/break_even.jsonl"
  assert(fs.write(path, break_even.lines(found)))
  io.stdout:write(("Curves: %s\n"):format(path))
end

function self.run(options, positionals)
  local asks = options.acceptance or options.draft_cost
  if not (options.grid or asks) then
    command.fail("predict needs --grid ROUND: the cells that are wanted; or --acceptance or --draft-cost: what if", 2)
  end
  local input, message = predict_input.open(positionals[1], { baseline = options.baseline })
  if not input then command.fail(message) end
  command.warn(input.warnings)
  if input.reference and not options.out then
    command.fail(positionals[1] .. " holds the reference system's results: say with --out where to write", 2)
  end
  options.engine = options.engine or "sim"
  local places, about = {}, input.about
  if options.grid then places, about = read_grid(input, options) end
  local list = families.of(input.measured, places, about, input.index)
  local folder = options.out or positionals[1]
  assert(fs.mkdir(folder))
  if options.grid then predict_grid(input, list, about, folder, options) end
  if asks then ask_what_if(input, list, about, folder, options) end
  return 0
end

return self
