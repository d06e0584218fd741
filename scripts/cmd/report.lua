-- Redraws a results folder from its files.

local answer = require "specbench.answer"
local command = require "specbench.cli.command"
local fs = require "sb.fs"
local grid = require "specbench.experiment.grid"
local json = require "specbench.base.json"
local match = require "specbench.experiment.match"
local option_groups = require "specbench.cli.option_groups"
local page = require "specbench.page"
local published_folder = require "specbench.export.spec_bench_vllm_folder"
local report = require "specbench.report"
local round = require "specbench.experiment.round"
local round_file = require "specbench.experiment.round_file"
local store = require "specbench.results.store"

local self = {
  name = "report",
  summary = "Say what a results folder answers; redraw its tables and pictures",
  positionals = {
    { name = "DIR", help = "results folder, or one of the reference system's (METHOD/Task_TASK/Table_*.jsonl)" },
  },
  options = option_groups.of {
    { long = "no-pictures", type = "flag", help = "no PNG and SVG files" },
    { long = "html", type = "flag", help = "also report.html: all of it on one page that opens offline" },
    { long = "markdown", type = "flag", help = "also report.md, to paste into an issue" },
    { long = "csv", type = "flag", help = "also cells.csv: a place of the grid a line" },
    { long = "full", type = "flag", help = "every map, table and note, not the answer on one screen" },
    { long = "absolute", type = "flag", help = "the answer with throughput, latencies and acceptance of "
      .. "every place, each below its baseline's" },
    { long = "figure", arg = "NAME", type = "choice", choices = answer.figures, help = "the speed-up that maps and the "
      .. "answer show (paired; total_throughput is the reference system's)" },
    { long = "baseline", arg = "NAME", help = "compare with what the round calls so (as-published)" },
    option_groups.across_hosts,
    { long = "match", arg = "MODE", type = "choice", choices = match.modes,
      help = "refuse a folder that was measured otherwise" },
    { long = "round", arg = "FILE", help = "the round's file as it is now: its baseline, what it draws. The results "
      .. "folder keeps them, unless --out is given" },
    option_groups.price,
    { long = "out", short = "o", arg = "DIR", help = "write there, not into the results folder" },
    { long = "no-colour", type = "flag", help = "plain text, also on a terminal" },
  },
  examples = {
    "specbench report results/round2-quick",
    { "specbench report results/round2-quick --html --markdown", "report.html and report.md beside the results" },
    { "specbench report published --baseline as-published --out redrawn", "the reference system's own results" },
  },
}

local MARKER = "report.json" -- whose report a folder holds

local function marked_source(folder)
  local text = fs.read(folder .. "/" .. MARKER)
  local marker = text and json.decode(text)
  return type(marker) == "table" and marker.source or nil
end

-- Why the folder is no place for a report of that source.
local function objection(folder, source)
  local marked = marked_source(folder)
  if marked == source then return nil end
  if marked then return ("holds the report of %s"):format(marked) end
  if fs.stat(folder .. "/round.json") then return "holds results of its own" end
  if #(fs.list(folder) or {}) > 0 then return "is not empty and holds no report" end
end

-- Readies a folder for the report of another one: a new or empty folder, or one that holds that report already. A
-- report is never written over another round's files.
local function claim(source, folder)
  local real = assert(fs.realpath(source))
  if fs.realpath(folder) == real then return true end
  local why = objection(folder, real)
  if why then return nil, ("%s %s: give another folder with --out"):format(folder, why) end
  local ok, message = fs.mkdir(folder)
  if ok then ok, message = fs.write(folder .. "/" .. MARKER, json.encode { source = real } .. "\n") end
  return ok, message
end

-- Takes what the round's file says now; returns what tells it to a cell. Nothing is measured again for it.
local function take_round(the_store, path, keeps)
  if not the_store.describe then command.fail("--round belongs to a results folder of specbench's own", 2) end
  local r, message = round_file.load(command.find_round(path))
  if not r then command.fail(message) end
  if r.name ~= the_store.about.round then
    command.fail(("--round %s: it is '%s', the folder holds results of %s"):format(path, r.name, the_store.about.round))
  end
  the_store:describe(round.about(r))
  local ok = true
  if keeps then ok, message = the_store:keep_description() end
  if not ok then command.fail(message) end
  return function(cell)
    local c = setmetatable({ repetition = cell.repetition, seed = cell.seed }, { __index = cell.coordinates })
    cell.export = grid.exported(r, c) or {}
  end
end

function self.run(options, positionals)
  local folder = positionals[1]
  local the_store, message = store.open(folder, not options.out)
  if not the_store and fs.stat(folder) and not fs.stat(folder .. "/round.json") then
    local why
    the_store, why = published_folder.open(folder)
    if not the_store then message = ("%s; %s"):format(message, why) end
    if the_store and not options.out then
      command.fail(folder .. " holds the reference system's results: say with --out where to write", 2)
    end
  end
  if not the_store then command.fail(message) end
  local mode = the_store.about.match or "deployed"
  if options.match and options.match ~= mode then
    command.fail(("%s was measured with --match %s, not %s: the other mode's results have a folder of their own")
      :format(folder, mode, options.match))
  end
  command.warn(the_store.warnings)
  if options.out then
    local ok
    ok, message = claim(folder, options.out)
    if not ok then command.fail(message) end
  end
  local redescribe = options.round and take_round(the_store, options.round, not options.out) or nil
  the_store.out = options.out
  local pages = {}
  local function write_pages(found) pages = page.write(found, options) end
  local ok = report.write(the_store, { on_study = write_pages, pictures = not options.no_pictures, full = options.full,
    absolute = options.absolute, figure = options.figure, colour = not options.no_colour and "auto",
    baseline = options.baseline, redescribe = redescribe, price = options.price, across_hosts = options.across_hosts })
  for _, path in ipairs(pages) do io.stdout:write("Page: ", path, "\n") end
  return ok and 0 or 3
end

return self
