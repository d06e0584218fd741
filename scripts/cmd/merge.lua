-- Brings the cells of several results folders together in one.

local command = require "specbench.cli.command"
local fs = require "sb.fs"
local grid = require "specbench.experiment.grid"
local merging = require "specbench.results.merging"

local self = {
  name = "merge",
  summary = "Bring cells that were measured in several folders together in one",
  description = "Copies into DIR, which may be new, every whole cell of the other folders that it lacks, under its "
    .. "id and with its records, after a look at its checksums; the other folders stay as they are. Where one cell was "
    .. "measured in several of them, that of DIR, else of the first that is named, stays, and a line says so: a cell "
    .. "and its baseline of two machines are no pair (specbench report --across-hosts). Another round's folder, or one "
    .. "whose servers, prompts or limits are described otherwise, is refused before anything is copied. What was cut "
    .. "short goes on where it stopped. To publish a folder, --pack makes a copy of about half its size, which "
    .. "every command reads as it does a plain one; merged again without it, cells are as they were written. What "
    .. "--microseconds rounded stays so; a cell with exact times takes the place of its copy with rounded ones, never "
    .. "the other way. Exit status 3: cells were left out, each named.",
  positionals = {
    { name = "DIR", help = "results folder to copy into; made where it is not there" },
    { name = "FROM", many = true, help = "results folders to copy from" },
  },
  options = {
    { long = "pack", type = "flag", help = "copy the cells packed, at about half of their size" },
    { long = "no-text", type = "flag", help = "leave the answers' texts out of the copies: reports then say whether "
      .. "answers are the baseline's, not where they part" },
    { long = "microseconds", type = "flag", help = "round the times in the copies' records to the microsecond: of "
      .. "large cells they then pack to less than half; a cell's figures stay, and it says so" },
    { long = "quiet", short = "q", type = "flag", help = "no count of what was copied" },
  },
  examples = {
    { "specbench merge rounds/results/mine results/mine --pack", "a copy to be committed: half the size, no logs" },
    { "specbench merge results/round2 node1/results/round2 node2/results/round2", "then: specbench report "
      .. "results/round2" },
  },
}

local function measured(cell)
  return ("on %s at %s"):format(cell.machine and cell.machine.host or "an unknown host", cell.started)
end

local function kept_lines(outcome, about, folder, source)
  local lines = {}
  for i, pair in ipairs(outcome.kept) do
    local cell = pair.mine
    local place = setmetatable({ repetition = cell.repetition }, { __index = cell.coordinates })
    lines[i] = ("cell %s (%s) was measured twice: %s keeps its own (%s); %s's (%s) stays there"):format(cell.id,
      grid.describe({ axes = about.axes }, place), folder, measured(cell), source, measured(pair.theirs))
  end
  return lines
end

function self.run(options, positionals)
  local folder, sources = positionals[1], table.move(positionals, 2, #positionals, 1, {})
  local merge, message = merging.new(folder, sources, { pack = options.pack, no_text = options.no_text,
    microseconds = options.microseconds })
  if not merge then command.fail(message) end
  command.warn(merge.store.warnings)
  local left_out = 0
  for _, source in ipairs(merge.sources) do
    local outcome = merge:take(source)
    command.warn(kept_lines(outcome, merge.store.about, folder, source.folder))
    for _, flaw in ipairs(outcome.refused) do command.warn { "left out: " .. flaw } end
    if outcome.unfinished > 0 then
      command.warn { ("%s has %d tries of workers that are not handed in (share/tries): the cells in them are not "
        .. "copied"):format(source.folder, outcome.unfinished) }
    end
    left_out = left_out + #outcome.refused
    if not options.quiet then
      io.stdout:write(("%s: %d cells copied, %d there already, %d measured twice, %d left out, %d failed attempts "
        .. "copied\n"):format(source.folder, outcome.copied, outcome.there, #outcome.kept, #outcome.refused,
        outcome.failed))
    end
  end
  local ok
  ok, message = merge:close()
  if not ok then command.fail(message) end
  if not options.quiet then
    io.stdout:write(("%s holds %d cells\n"):format(folder, #(fs.list(folder .. "/cells") or {})))
  end
  return left_out > 0 and 3 or 0
end

return self
