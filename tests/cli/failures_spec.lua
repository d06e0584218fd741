local fs = require "sb.fs"
local json = require "specbench.base.json"
local has = dofile(require("sb.environment").home .. "/tests/lua/has.lua")

local w

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", w.round())
end)
after_each(function() w:remove() end)

-- Causes of all failed cells, by concurrency and repetition: "2/1".
local function causes()
  local found = {}
  for _, text in pairs(w:cells "failed") do
    local cell = json.decode(text)
    assert.equal("failed", cell.status)
    found[cell.coordinates.concurrency .. "/" .. cell.repetition] = cell.error
  end
  return found
end

describe("a server", function()
  it("that dies at its start shows its last words", function()
    w:faults { "nonsense" }
    local result = w:run_grid ""
    assert.equal(3, result.status)
    has(result.err, "FAILED method=none concurrency=1 and 1 more cell of its server", "ended (exit code 2)",
      "the last lines of results/logs/server-001.log:", "--fault 'nonsense': unknown kind", "FAILED method=draft",
      "0 measured, 0 done before, 4 failed", "results/failed")
    assert.equal(4, w:count "failed")
    has(causes()["1/1"], "ended (exit code 2)", "--fault 'nonsense': unknown kind")
    assert.equal("", result.out)
  end)

  it("that dies at its start is started again, after a pause that grows", function()
    -- no faults file: the third start finds none, and serves
    w:write("server", (w:read("server"):gsub("#!/bin/sh\n", ([[%%0
      [ $(cat "%s/started" 2>/dev/null | wc -l) -ge 2 ] || { echo $$ >>"%s/started"; echo "no memory"; exit 9; }
    ]]):format(w.folder, w.folder), 1)))
    assert(os.execute(("chmod +x '%s'"):format(w.server)))
    local result = w:run_grid "--only method=none"
    assert.equal(0, result.status, result.err)
    has(result.err, "Warning: start 1 of 3 failed, the next is in 0.05 s: server " .. w.server .. " ended (exit",
      "Warning: start 2 of 3 failed, the next is in 0.2 s", "2 measured")
    assert.equal(3, #w:servers())
  end)

  it("that dies at every start is given up, and is not started session after session", function()
    w:faults { "nonsense" }
    local one = w:run_grid "--only method=none --start-tries 1"
    assert.equal(3, one.status)
    assert.equal(1, #w:servers())
    has(causes()["1/1"], "server " .. w.server .. " ended (exit code 2)")
    w:write("started", "")
    local result = w:run_grid("--fresh --only method=none --only concurrency=1 --start-tries 2 --repeats 6 "
      .. "--starts 6")
    assert.equal(3, result.status, result.err)
    has(result.err, "6 failed", "its server is in quarantine: it did not come up in 3 sessions; the last time: 2 "
      .. "starts failed; the last: server " .. w.server .. " ended (exit code 2)")
    assert.equal(6, #w:servers())
  end)

  it("that never gets ready is given up after --ready-timeout", function()
    w:faults { "never-ready" }
    local result = w:run_grid "--only method=none --ready-timeout 2"
    assert.equal(3, result.status)
    has(result.err, "was not ready after 2 s", "--ready-timeout", "specbench sim: listening")
    w:wait_gone(w:servers())
  end)

  -- Refused in one line, before anything is written; plan says it too, and goes on.
  local function hopeless(arguments, ...)
    local result = w:run("run grid.lua --no-pictures --out results " .. arguments)
    assert.equal(1, result.status, result.err)
    has(result.err, ...)
    assert.equal(1, select(2, result.err:gsub("\n", "")), result.err)
    assert.is_nil(fs.stat(w.folder .. "/results"))
    local planned = w:run("plan grid.lua " .. arguments)
    assert.equal(0, planned.status, planned.err)
    has(planned.out, "Warning: a run would stop here: " .. result.err:match "^specbench: ([^\n]*)")
  end

  it("whose program cannot be run says so before any is started", function()
    w:write("models.lua", "return { ['qwen2.5-7b'] = { binary = 'no-such-server' } }\n")
    hopeless("--models models.lua", "sim cannot be started for model 'qwen2.5-7b'", "no program 'no-such-server'",
      "on PATH?")
  end)

  it("whose Python module is not there says so before any is started", function()
    w:write("python", "#!/bin/sh\nexec python3 -I \"$@\"\n")
    assert(os.execute(("chmod +x '%s/python'"):format(w.folder)))
    w:write("models.lua", ("return { ['qwen2.5-7b'] = { python = '%s/python', path = '/' } }\n"):format(
      w.folder))
    hopeless("--models models.lua --engine sglang", "sglang cannot be started", "says 'no module named sglang'")
  end)

  it("whose profile the simulator does not have says which it has", function()
    w:write("grid.lua", (w.round():gsub('model = "qwen2.5%-7b"', 'model = "qwen2.5-9b"')))
    hopeless("", "the simulator has no profile 'qwen2.5-9b' (did you mean 'qwen2.5-7b'?)",
      "it has llama-3-8b, ", "qwen2.5-14b, ", "--model qwen2.5-9b=FILE.json")
  end)

  it("whose profiler cannot be run says so before any is started", function()
    hopeless("--profile 'no-such-profiler -o {output}'", "the profiler cannot be started",
      "no program 'no-such-profiler'")
  end)

  it("that nothing is left to do for need not be there", function()
    w:write("models.lua", "return { ['qwen2.5-7b'] = { binary = 'server' } }\n")
    assert.equal(0, w:run_grid("", { env = { PATH = w.folder .. ":" .. os.getenv "PATH" } }).status)
    local result = w:run_grid ""
    assert.equal(0, result.status, result.err)
    has(result.err, "nothing to do")
  end)

  it("that is not up where --url says so is named before anything is made", function()
    local result = w:run "run grid.lua --engine external --url http://127.0.0.1:1 --out results"
    assert.equal(1, result.status)
    has(result.err, "specbench: the server is not up: http://127.0.0.1:1/v1/models: ", "start it, correct its address")
    assert.equal(1, select(2, result.err:gsub("\n", "")), result.err)
    assert.is_nil(fs.stat(w.folder .. "/results"))
  end)

  it("that answers, but not as an OpenAI server does, is named before anything is made", function()
    for status, words in pairs { [404] = "answered HTTP status 404", [200] = "holds no list of models" } do
      local page = { status = status, body = "<html>" }
      local url = w:stub { models = page, health = status == 404 and page or nil }
      local result = w:run("run grid.lua --engine external:vllm --out results --url " .. url)
      assert.equal(1, result.status, result.err)
      has(result.err, url .. "/v1/models " .. words, ": does an OpenAI-compatible server listen there?\n")
      assert.equal(1, select(2, result.err:gsub("\n", "")), result.err)
      assert.is_nil(fs.stat(w.folder .. "/results"))
      assert.equal(1, w:run("measure -n 1 --max-tokens 8 --url " .. url).status)
    end
  end)

  it("is up where it lists its models, whatever it says of its health, and where that alone is told", function()
    for _, pages in ipairs { { health = { status = 404 } }, { health = { status = 503 } },
      { models = { status = 404 }, health = { status = 200 } } } do
      local url = w:stub(pages)
      for _, command in ipairs { "measure --model qwen2.5-7b -n 1 --max-tokens 8 --engine vllm --url ",
        "run grid.lua --only method=none --only concurrency=1 --no-pictures --fresh --out results --engine "
          .. "external:vllm --url " } do
        local result = w:run(command .. url)
        assert.equal(0, result.status, result.err)
      end
    end
    has(w:run("measure -n 1 --url " .. w.stub_url).err, "--model NAME")
  end)

  it("that is not up is waited for as long as --ready-timeout says, and not asked again cell by cell", function()
    local result = w:run "run grid.lua --engine external --url http://127.0.0.1:1 --ready-timeout 0.2 --out results"
    assert.equal(3, result.status)
    has(result.err, "the server is not up after 0.2 s: http://127.0.0.1:1", "FAILED method=none concurrency=1 and 1",
      "2 cells were not tried: their server was found not to be up")
    assert.equal(1, select(2, result.err:gsub("FAILED", "")), result.err)
    assert.equal(2, w:count "failed")
    has(w:run("run grid.lua --engine external --out elsewhere").err, "model 'qwen2.5-7b' has no url", "--url")
  end)

  -- requests of a server: 1 warms up for the first cell, 2 to 5 are measured, 6 warms up for the second
  it("that dies in a cell costs that cell, and is started again", function()
    w:faults { "die@8" }
    local run = "--only method=none --only concurrency=1 --repeats 4"
    local result = w:run_grid(run)
    assert.equal(3, result.status, result.err)
    has(result.err, "4 cells: 2 measured, 0 done before, 2 failed", "ended (exit code 1)",
      "failed cells are in results/failed with their causes")
    local found = causes()
    has(found["1/2"], "of 4 requests failed", "server " .. w.server .. " ended (exit code 1)")
    has(found["1/4"], "ended (exit code 1)")
    assert.equal(2, #w:servers())
    local measured = w:cells "cells"
    assert.equal(2, w:count "cells")

    w:faults {}
    local again = w:run_grid(run)
    assert.equal(0, again.status, again.err)
    has(again.err, "4 cells: 2 measured, 2 done before, 0 failed")
    assert.equal(4, w:count "cells")
    for id, text in pairs(measured) do assert.equal(text, w:cells("cells")[id]) end
    assert.equal(2, w:count "failed")
  end)

  it("that dies again and again is given up with its cells", function()
    w:faults { "die@2" }
    local result = w:run_grid "--only concurrency=1 --repeats 4 --only method=none"
    assert.equal(3, result.status)
    has(result.err, "its server broke down 3 times: see results/logs/server-001.log")
    assert.equal(3, #w:servers())
    assert.equal(4, w:count "failed")
  end)
end)

-- Cell i of a server is served by its requests 5 i - 4 (the warm-up) to 5 i.
local faults = {
  { "http404", "1 of 4 requests failed: 1 x http: HTTP status 404: simulated fault: not found" },
  { "http429", "HTTP status 429: simulated fault: overloaded" },
  { "http500", "HTTP status 500: simulated fault: internal error" },
  { "not-sse", "the answer is not an event stream (content type text/html)" },
  { "truncate", "1 x truncated:" },
  { "error-event", "the server sent an error event: simulated fault: the engine failed" },
  { "silence", "1 x silence: no chunk for 1.5 s (chunk timeout)" },
}

describe("an answer that goes wrong", function()
  local result, found

  local function run()
    w:write("grid.lua", w.round { chunk_timeout = 1.5 })
    local list = {}
    for i, fault in ipairs(faults) do list[i] = ("%s@%d"):format(fault[1], 5 * i - 2) end
    w:faults(list)
    result = w:run_grid("--only method=none --only concurrency=1 --repeats " .. #faults + 1)
    found = causes()
  end

  it("fails its cell with its cause, and the sweep goes on", function()
    run()
    assert.equal(3, result.status, result.err)
    has(result.err, ("%d cells: 1 measured, 0 done before, %d failed"):format(#faults + 1, #faults))
    for i, fault in ipairs(faults) do
      has(found["1/" .. i], fault[2])
      has(result.err, found["1/" .. i])
    end
    assert.is_nil(found["1/" .. #faults + 1])
    assert.equal(1, #w:servers())
  end)

  it("leaves its request's records to look at", function()
    w:faults { "http500@3" }
    w:run_grid "--only method=none --only concurrency=1"
    local id = next(w:cells "failed")
    local shown = w:run("show --json results/failed/" .. id)
    assert.equal(0, shown.status, shown.err)
    assert.equal(4, select(2, shown.out:gsub("\n", "\n")))
    has(shown.out, "simulated fault: internal error")
  end)

  it("is told also by a quiet run", function()
    w:faults { "http500@3" }
    local quiet = w:run_grid "--only method=none --only concurrency=1 --quiet"
    assert.equal(3, quiet.status)
    assert.equal("", quiet.out)
    has(quiet.err, "0 measured, 0 done before, 1 failed", "results/failed")
  end)

  it("fails its cell no more than three times: then it is in quarantine until --quarantine 0", function()
    w:faults { "http500@3" }
    local cell = "--only concurrency=1 --only method=none "
    for _ = 1, 3 do assert.equal(3, w:run_grid(cell).status) end
    local quarantined = w:run_grid(cell)
    assert.equal(3, quarantined.status)
    has(quarantined.err, "1 cell in quarantine, not tried: failed 3 times or more, see "
      .. "results/failed; --quarantine 0 tries again")
    assert.equal(3, w:count "failed")
    has(w:run_grid(cell .. "--quiet").err, "1 cell in quarantine")
    -- the other cells are measured beside it; what a server that did not come up cost does not count
    w:faults {}
    local others = w:run_grid "--only method=none"
    assert.equal(3, others.status)
    has(others.err, "1 measured, 0 done before, 0 failed", "1 cell in quarantine")
    local again = w:run_grid "--only method=none --quarantine 0"
    assert.equal(0, again.status, again.err)
    has(again.err, "1 measured, 1 done before, 0 failed")
  end)

  it("fails again in a folder of its own", function()
    w:faults { "http500@3" }
    for _ = 1, 2 do assert.equal(3, w:run_grid("--only method=none --only concurrency=1").status) end
    assert.equal(2, w:count "failed")
    assert.equal(0, w:count "cells")
  end)
end)

describe("a server that hangs", function()
  it("is given up request after request no longer than twice, and the rest is recorded", function()
    w:faults { "silence:0" }
    local result = w:run_grid "--only method=none --only concurrency=1 --first-token-timeout 0.4"
    assert.equal(3, result.status, result.err)
    has(causes()["1/1"], "4 of 4 requests failed", "2 x silence: no first token for 0.4 s (first-token timeout)",
      "2 x canceled: not sent: the server had stopped answering")
    local shown = w:run("show --json results/failed/" .. next(w:cells "failed"))
    assert.equal(4, select(2, shown.out:gsub("\n", "\n")))
    has(shown.out, "not sent: the server had stopped answering")
  end)

  it("costs its cell no more than the cell's time", function()
    w:faults { "silence:0" }
    w:write("grid.lua", (w.round():gsub("chunk_timeout", "cell_timeout = 0.5, chunk_timeout")))
    local result = w:run_grid "--only method=none --only concurrency=1"
    assert.equal(3, result.status, result.err)
    has(causes()["1/1"], "cell timeout")
  end)

  it("may have any deadline but none at all", function()
    w:write("grid.lua", (w.round():gsub("chunk_timeout", "stop_timeout = 0, chunk_timeout")))
    local result = w:run_grid ""
    assert.equal(1, result.status)
    has(result.err, "round: stop_timeout = 0: must be a number above 0")
  end)
end)

describe("a round's function that fails once the load is over", function()
  it("does not cost the cell that was measured", function()
    local group = [[group = function()
      local started = io.open "started"
      if not started then return "all" end
      started:close()
      error "boom"
    end, limits =]]
    w:write("grid.lua", (w.round():gsub("limits =", group)))
    local result = w:run_grid "--only method=none --only concurrency=1"
    assert.equal(0, result.status, result.err)
    has(result.err, "1 measured, 0 done before, 0 failed", ", no figures of groups: grid.lua:", "boom")
    local cell = json.decode(select(2, next(w:cells "cells")))
    assert.equal(32, cell.metrics.total_output_tokens)
    has(cell.troubles[1], "no figures of groups", "boom")
  end)
end)

describe("a broken record", function()
  it("is named by specbench show", function()
    assert.equal(0, w:run_grid("--only method=none --only concurrency=1").status)
    local folder = "results/cells/" .. next(w:cells "cells")
    local records = fs.read(w.folder .. "/" .. folder .. "/records.bin")
    w:write(folder .. "/records.bin", records:sub(1, #records // 2))
    local shown = w:run("show --json " .. folder)
    assert.equal(1, shown.status)
    has(shown.err, folder .. "/records.bin")
    assert.equal("", shown.out)
  end)
end)
