-- specbench tests/bench/many_cells.lua [CELLS [FOLDER]]: what a results folder of so many cells (100,000) costs whoever
-- opens it, before it has an index of what is sound in it (scripts/specbench/results/index.lua) and with one. Takes
-- 3 GB of disk: in FOLDER, which stays and is used again, or in $TMPDIR, which gets them back.

local bench = require "specbench"
local clock = require "sb.clock"
local environment = require "sb.environment"
local fs = require "sb.fs"
local task = require "sb.task"

local many = dofile(environment.home .. "/tests/cli/many_cells.lua")

local count, given = tonumber((...) or 100000), select(2, ...)

local COMMANDS = {
  { "plan", "plan " .. many.COMMAND:gsub(" %-%-no%-pictures", "") },
  { "run, nothing to do", "run " .. many.COMMAND },
  { "report", "report results --no-pictures" },
}

local OPEN = "-e 'assert(require(\"specbench.results.store\").open(\"results\", %s))'"

local function scratch()
  local folder = assert(fs.temporary())
  assert(fs.remove(folder))
  return folder, setmetatable({}, { __close = function() fs.remove(folder) end })
end

bench.main(function()
  local folder, removed = given, nil
  if not folder then folder, removed = scratch() end
  local _ <close> = removed
  assert(fs.mkdir(folder))
  if not fs.stat(folder .. "/many.lua") then many.fill(folder, count) end
  task.sleep(3) -- what has just changed is not relied on
  local index = folder .. "/results/cells.index"
  local function measure(what, arguments)
    local begun = clock.now()
    assert(os.execute(("cd '%s' && { SPECBENCH_HOME='%s' bash -c 'TIMEFORMAT=\"%%U %%S\"; time \"$@\"' - '%s' %s; } "
      .. "> out.txt 2> err.txt"):format(folder, environment.home, environment.executable, arguments)))
    local user, system = fs.read(folder .. "/err.txt"):match "([%d.]+) ([%d.]+)%s*$"
    print(("%-44s %8.2f s, of them %8.2f s of CPU"):format(what, (clock.now() - begun) / 1e9, user + system))
  end
  fs.remove(index)
  measure("opened, without an index", OPEN:format "false")
  for i, command in ipairs(COMMANDS) do
    if i > 1 then fs.remove(index) end
    measure(command[1] .. ", without an index", command[2])
  end
  measure("opened, with it", OPEN:format "false")
  for _, command in ipairs(COMMANDS) do measure(command[1] .. ", with it", command[2]) end
end)
