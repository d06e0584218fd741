-- What a run ends with, and how its lines stand beside each other where both outputs go to one place.

local environment = require "sb.environment"
local has = dofile(environment.home .. "/tests/lua/has.lua")

local w

before_each(function()
  w = dofile(environment.home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub("  server =", '  baseline = { method = "none" },\n%0', 1)))
end)
after_each(function() w:remove() end)

local RUN = "run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --start-tries 1 --out results "

describe("a run", function()
  it("ends with the answer on one screen, and has one progress line a server off a terminal", function()
    local result = w:run(RUN .. "--repeats 3 --starts 1 --at-once 1")
    assert.equal(0, result.status, result.err)
    has(result.out, "grid   SIMULATED: no GPU was measured", "measured  12 cells (4 places x 3 repeats), none failed",
      "it pays?  qwen2.5-7b draft: ", "requests at once", "how sure  ", "\nnote      simulated: ",
      "next      specbench report results --full")
    assert.truthy(select(2, result.out:gsub("\n", "")) <= 30, result.out)
    local lines = {}
    for line in result.err:gmatch "[^\n]+" do
      if line:find(" left", 1, true) then lines[#lines + 1] = line end
    end
    for _, line in ipairs(lines) do has(line, "qwen2.5-7b ", " cells measured in ") end
    assert.truthy(#lines >= 2 and #lines < 12, result.err)
    assert.is_nil(result.err:find("TTFT", 1, true), result.err)
    -- ... and every place's figures where they are asked for, each below its baseline's
    for _, line in ipairs { "report results --no-pictures --absolute", "report results --no-pictures --full" } do
      local shown = w:run(line)
      assert.equal(0, shown.status, shown.err)
      assert.truthy(shown.out:find("\nconcurrency  method +tok/s +req/s +TTFT ms +TPOT ms +ITL ms +E2EL ms  accepted"
        .. "[^\n]*\n[- ]+\n1 +none [^\n]+\n1 +draft [^\n]+\n2 +none [^\n]+\n2 +draft "), shown.out)
    end
  end)

  it("in which everything failed ends with the causes", function()
    w:faults { "nonsense" }
    local result = w:run(RUN)
    assert.equal(3, result.status)
    has(result.out, "\nmeasured  nothing: 4 cells FAILED\nfailed    4 cells: ", "--fault 'nonsense': unknown kind",
      "mend the cause, then the same command tries them again", "\nnext      ls results/failed results/logs ")
    has(result.err, "FAILED method=none concurrency=1 and 1 more cell of its server:")
    w:run "report results --markdown --no-pictures"
    has(w:read "results/report.md", "\nnothing: 4 cells FAILED\n")
  end)
end)

describe("a first screen", function()
  -- What it has, in 30 lines at most, with a command to copy at its end.
  local function shows(line, next_command, ...)
    local result = w:run(line)
    assert.equal(0, result.status, result.err)
    has(result.out, ...)
    assert.truthy(select(2, result.out:gsub("\n", "")) <= 30, result.out)
    has(result.out, ("\nnext      specbench report %s --full    # every map, table and note\n"):format(next_command))
  end

  it("of virtual time says so, judges, and names what is missing", function()
    shows("run grid.lua --virtual --repeats 3 --out virtual", "virtual",
      "grid   SIMULATED IN VIRTUAL TIME: no GPU was measured", " none failed, 4 s simulated, ",
      "it pays?  qwen2.5-7b draft: ",
      "\nnote      simulated in virtual time: what a profile says, not what a GPU did; the acceptance of 6\n"
        .. "            cells is assumed\n")
    shows("run grid.lua --virtual --repeats 1 --out one", "one", "4 cells, 1 repeat each",
      "2 without a verdict (1 repeat: no verdict below 3 (--repeats))", "no verdict below 3 repeats: add --repeats 3")
    shows("run grid.lua --virtual --only method=none --out half", "half", "tok/s",
      "\ntry       only the baseline was measured: now the methods, into the same folder\n")
    w:write("alone.lua", w.round())
    shows("run alone.lua --virtual --out alone", "alone", "tok/s",
      '\ntry       no baseline: write baseline = { method = "none" } into the round, then report --round FILE\n')
  end)

  it("of published rows says that they are, and rests on what they have", function()
    local stored = environment.home .. "/tests/cli/stored/round2"
    assert.equal(0, w:run(("report '%s' --no-pictures --out exported"):format(stored)).status)
    shows("report exported/auto_test_results/online --no-pictures --out published",
      "exported/auto_test_results/online --out published", "   PUBLISHED ROWS: nothing was measured here\n",
      "by ratio of total token throughputs, for the requests' records are missing", "not judged: 1.33x alone",
      "\nnote      published rows: no requests, so no paired speed-up, no verdict, no certificate\n")
  end)
end)

describe("standard output and standard error", function()
  it("in one file never cut each other's lines", function()
    assert.equal(0, w:run(RUN).status)
    -- each cell's name goes to the one, its records, longer than a buffer, to the other
    assert(os.execute(("cd '%s' && SPECBENCH_HOME='%s' '%s' show results --json --only method=none,draft >both 2>&1")
      :format(w.folder, environment.home, environment.executable)))
    local names, records = 0, 0
    for line in w:read("both"):gmatch "[^\n]+" do
      if line:find "^results/cells/" then
        names = names + 1
        assert.truthy(line:find ": [%w=. ]+$", line)
      else
        records = records + 1
        assert.truthy(line:find "^{.*}$", line)
      end
    end
    assert.same({ 4, 16 }, { names, records })
  end)
end)
