-- Puts two sets of results side by side; a guard against slower versions.

local command = require "specbench.cli.command"
local compare = require "specbench.compare"
local compare_input = require "specbench.compare.input"
local compare_page = require "specbench.page.compare"
local compare_table = require "specbench.compare.table"
local fs = require "sb.fs"
local percent = require "specbench.base.percent"

local SLOWER = 4

local self = {
  name = "compare",
  summary = "Compare two sets of results cell by cell: B / A",
  description = "A and B may each be a results folder, one of the reference system's, a JSON file of `vllm bench serve "
    .. "--save-result`, of SGLang's bench_serving (.jsonl, a run a line) or of GuideLLM, or a folder of such files "
    .. "(those of one load are its repeats). Cells are joined "
    .. "by the axes that both sides have. From 3 repeats with per-request data on both sides each ratio has a 95 % "
    .. "interval. Exit status: 0 all well, 1 input that cannot be read or joined, 2 usage, 4 a cell is slower than "
    .. "--fail-if-slower allows.",
  positionals = { { name = "A", help = "what is compared with: the older version, the baseline" },
    { name = "B", help = "what is judged" } },
  options = {
    { long = "fail-if-slower", arg = "PERCENT", help = "exit status 4 where a joined cell of B is slower by more: with "
      .. "an interval when all of it is, without one when the ratio is" },
    { long = "by", arg = "FIGURE", type = "choice", choices = compare.names, default = "total_throughput",
      help = "the figure that --fail-if-slower looks at, and by which cells differ most" },
    { long = "only", arg = "AXIS=V1,V2", repeated = true, help = "only these of the axis' values" },
    { long = "full", type = "flag", help = "every joined cell; else of more than 200 the 40 that differ most" },
    { long = "json", type = "flag", help = "JSON lines: joined cells, then those of one side" },
    { long = "html", arg = "FILE", help = "also a page of ratios with their intervals, which opens offline" },
  },
  examples = {
    { "specbench compare results/before results/after --fail-if-slower 5%", "in a CI job" },
    "specbench compare results/before results/after --html compared.html",
    { "specbench compare results/round2 serve.json --only method=none", "our client and vLLM's on one server" },
  },
}

local function read_loss(text)
  local loss = text:find "%%$" and percent.read(text)
  if not loss or loss >= 1 then
    command.fail(("--fail-if-slower %s: must be a percentage such as 5%%"):format(text), 2)
  end
  return loss
end

-- { "method=none,draft" } -> { method = { none = true, draft = true } }
local function read_only(settings)
  local chosen = {}
  for _, setting in ipairs(settings or {}) do
    local name, values = setting:match "^([^=]+)=(.+)$"
    if not name then command.fail(("--only %s: must be AXIS=VALUE or AXIS=V1,V2"):format(setting), 2) end
    chosen[name] = {}
    for value in values:gmatch "[^,]+" do chosen[name][value] = true end
  end
  return next(chosen) and chosen or nil
end

function self.run(options, positionals)
  local loss = options.fail_if_slower and read_loss(options.fail_if_slower)
  local chosen = read_only(options.only)
  local sides = {}
  for i = 1, 2 do
    local message
    sides[i], message = compare_input.open(positionals[i])
    if not sides[i] then command.fail(message) end
    command.warn(sides[i].warnings)
  end
  local result, message = compare.join(sides, chosen)
  if not result then command.fail(message) end
  local slower, judged
  if loss then
    slower, judged = compare.judge(result, options.by, loss)
    if judged == 0 then
      command.fail(("no joined cell has %s on both sides: choose another figure with --by"):format(options.by))
    end
  end
  io.stdout:write(options.json and compare_table.lines(result) or compare_table.text(result, sides,
    { by = options.by, full = options.full }))
  if options.html then
    local ok
    ok, message = fs.write(options.html, compare_page.html(result, sides))
    if not ok then command.fail(message) end
    io.stderr:write(("Page: %s\n"):format(options.html))
  end
  if not loss then return 0 end
  if judged < #result.rows then
    io.stderr:write(("specbench: %d cells have no %s on both sides and were not judged\n")
      :format(#result.rows - judged, options.by))
  end
  if #result.only[1] > 0 then
    io.stderr:write(("specbench: %d cells of A are not in B and were not judged\n"):format(#result.only[1]))
  end
  if slower == 0 then return 0 end
  io.stderr:write(("specbench: %d of %d cells are slower by more than %s (%s)\n"):format(slower, judged,
    options.fail_if_slower, options.by))
  return SLOWER
end

return self
