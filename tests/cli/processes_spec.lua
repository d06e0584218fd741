-- Servers as processes, where the world around them changes during a run.

local environment = require "sb.environment"
local fs = require "sb.fs"

local w

before_each(function()
  w = dofile(environment.home .. "/tests/cli/world.lua").new()
end)
after_each(function() w:remove() end)

describe("a program that is replaced or removed while it runs", function()
  local function run_with_copy(change)
    local copy = w.folder .. "/specbench"
    assert(os.execute(("cp %q %q"):format(environment.executable, copy)))
    w:write("script.lua", ([[
      local proc = require "sb.proc"
      assert(os.execute(%q))
      local p <close> = assert(proc.start { argv = { "sh", "-c", "exit 7" } })
      p:wait()
      print(p:status())]]):format(change:format(copy, copy)))
    return w:run("script.lua", { program = copy })
  end

  it("starts its supervisors all the same", function()
    for _, change in ipairs { "rm %s", "rm %s && echo '#!/bin/false' >%s && chmod +x " .. w.folder .. "/specbench" } do
      local result = run_with_copy(change)
      assert.equal(0, result.status, result.err)
      assert.equal("exited\texit code 7\n", result.out)
    end
  end)
end)

describe("specbench and its supervisor, killed together,", function()
  local children

  -- The first cell is measured, the second hangs; the server has an ordinary child and one with a session of its own.
  before_each(function()
    w:write("grid.lua", w.round())
    w:write("server", (w:read("server"):gsub("#!/bin/sh\n", ([[%%0
      sleep 3600 & echo $! >>"%s/children"
      setsid sh -c 'echo $$ >>"%s/children"; exec sleep 3600' &
      env -i setsid sh -c 'echo $$ >"%s/unmarked"; exec sleep 3600' &
    ]]):format(w.folder, w.folder, w.folder), 1)))
    assert(os.execute("chmod +x " .. w.server))
    w:faults { "silence@7" }
    w:start "run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --out results"
    w:eventually("a finished cell", function() return w:count "cells" == 1 end)
    children = w:eventually("two children", function()
      local list = {}
      for pid in (w:read "children" or ""):gmatch "%d+" do list[#list + 1] = tonumber(pid) end
      return #list == 2 and list
    end)
    -- one that has cleared its environment as well is found where there is a control group
    local unmarked = tonumber(w:eventually("a third one", function() return w:read "unmarked" end))
    local notes = w.folder .. "/results/servers/"
    if fs.read(notes .. fs.list(notes)[1]):find "\ngroup /" then
      children[3] = unmarked
    else
      os.execute("kill " .. unmarked)
    end
    local supervisor = w.parent_of(w:servers()[1])
    -- stopped first: else it may see its parent gone, and do its work, before its own kill reaches it
    assert(os.execute(("kill -STOP %d; kill -KILL %d %d"):format(supervisor, w.background, supervisor)))
    assert.equal(137, w:finish().status)
    w:wait_gone { supervisor }
    w:wait_gone(w:servers()) -- by its parent's death
    for _, pid in ipairs(children) do assert.is_true(w.is_running(pid)) end
    w:faults {}
  end)

  it("leave children of the server, which cleanup ends", function()
    local result = w:run "cleanup results"
    assert.equal(0, result.status, result.err)
    assert.equal(#children .. " processes ended\n", result.out)
    for _, pid in ipairs(children) do assert.is_false(w.is_running(pid)) end
    assert.equal("0 processes ended\n", w:run("cleanup results").out)
    assert.same({}, fs.list(w.folder .. "/results/servers"))
  end)

  it("leave children of the server, which the next run ends before it starts one", function()
    local result = w:run_grid ""
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find(("ended %d processes that an earlier run had left\n"):format(#children), 1, true),
      result.err)
    for _, pid in ipairs(children) do assert.is_false(w.is_running(pid)) end
    for pid in w:read("children"):gmatch "%d+" do w:wait_gone { tonumber(pid) } end
    assert.equal(4, w:count "cells")
    assert.same({}, fs.list(w.folder .. "/results/servers"))
  end)
end)

describe("cleanup", function()
  it("leaves a run alone that is going on", function()
    w:write("grid.lua", w.round())
    w:faults { "silence@1" }
    w:start "run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --out results"
    w:eventually("a server", function() return w:servers()[1] end)
    local result = w:run "cleanup results"
    assert.equal(1, result.status)
    assert.truthy(result.err:find "^specbench: [^\n]*lock[^\n]*\n$", result.err)
    assert.is_true(w.is_running(w:servers()[1]))
    w:signal "INT"
    w:finish()
    assert.equal("specbench: nowhere is not a results folder\n", w:run("cleanup nowhere").err)
    assert(fs.write(w.folder .. "/results/round.json", "damaged"))
    assert.equal("0 processes ended\n", w:run("cleanup results").out)
  end)

  it("waits for a supervisor that is ending its servers", function()
    w:write("script.lua", [[
      local proc = require "sb.proc"
      local p <close> = assert(proc.start { grace = 0.5, trees = "trees", log = "log",
        argv = { "sh", "-c", "trap '' TERM; echo $$ >deaf.part; mv deaf.part deaf; while :; do sleep 0.05; done" } })
      p:wait()]])
    w:start "script.lua"
    local deaf = { tonumber(w:eventually("the server", function() return w:read "deaf" end)) }
    w:signal "KILL"
    w:finish()
    assert.is_true(w.is_running(deaf[1]))
    assert(require("specbench.server").end_left(w.folder .. "/trees"))
    assert.is_false(w.is_running(deaf[1]))
    assert.same({}, fs.list(w.folder .. "/trees"))
  end)

  it("tells of servers on another machine, and forgets those from before this one started again", function()
    local place = fs.read "/proc/sys/kernel/random/boot_id"
    local trees, host = w.folder .. "/trees", fs.hostname()
    assert(fs.mkdir(trees))
    local other = "00000000.1.1.1"
    assert.is_nil(place:find("^00000000"))
    assert(fs.write(trees .. "/" .. other, "host " .. host .. "\nprogram x\n"))
    assert.same({ 0 }, { require("specbench.server").end_left(trees) })
    assert.same({}, fs.list(trees))
    assert(fs.write(trees .. "/" .. other, "host node-7\nprogram x\n"))
    local ended, message = require("specbench.server").end_left(trees)
    assert.equal(0, ended)
    assert.truthy(message:find("may still be up on node-7", 1, true))
  end)
end)

describe("a stranger at the server's port", function()
  local server, proc, task = require "specbench.server", require "sb.proc", require "sb.task"

  local LISTEN = [[
import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words): pass
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
]]

  local function listen(port)
    return { "python3", w.folder .. "/listen.py", tostring(port) }
  end

  before_each(function() w:write("listen.py", LISTEN) end)

  it("is not measured", function()
    local port = assert(proc.free_port())
    local started <close> = task.spawn(server.start, { argv = { "sleep", "100" }, port = port, timeout = 30 })
    task.sleep(0.05)
    local other <close> = assert(proc.start { argv = listen(port) })
    local ok, message = started:join()
    assert.is_nil(ok)
    assert.truthy(message:find(("process %d (python3), which sleep did not start, listens at http://127.0.0.1:%d:")
      :format(other:pid(), port), 1, true), message)
  end)

  it("is not measured where it shares the port with the server", function()
    local port = assert(proc.free_port())
    local started <close> = task.spawn(server.start, { argv = listen(port), port = port, timeout = 30,
      ready = function(s)
        local other = assert(proc.start { argv = listen(port) })
        s.other = other
        while other:listener("127.0.0.1", port) == "unknown" or s.process:listener("127.0.0.1", port) == "own" do
          task.sleep(0.02)
        end
        return true
      end })
    local ok, message = started:join()
    assert.is_nil(ok)
    assert.truthy(message:find("which python3 did not start", 1, true), message)
  end)

  it("is not seen in a container that started after the server's command", function()
    if not os.execute "unshare -rm true 2>/dev/null" then pending "no namespaces to be had" return end
    local port = assert(proc.free_port())
    local contained = { "unshare", "-rm", table.unpack(listen(port)) }
    local older <close> = assert(proc.start { argv = contained })
    while older:listener("127.0.0.1", port) == "unknown" do task.sleep(0.02) end
    task.sleep(0.05) -- the kernel tells starts to 10 ms
    local client <close> = assert(proc.start { argv = { "sleep", "100" } })
    local younger <close> = assert(proc.start { argv = contained })
    assert.equal("stranger", (client:listener("127.0.0.1", port)))
    older:stop(0)
    older:wait_end()
    w:eventually("the younger one", function() return younger:listener("127.0.0.1", port) == "own" end)
    assert.equal("unknown", (client:listener("127.0.0.1", port)))
  end)

  it("is not seen in a server's own process, or a child's", function()
    for _, argv in ipairs { listen "{port}", { "sh", "-c", "python3 " .. w.folder .. "/listen.py {port} & wait" } } do
      local s <close> = assert(server.start { argv = argv, timeout = 30 })
      assert.equal("own", (s.process:listener("127.0.0.1", s.port)))
      assert.equal("unknown", (s.process:listener("127.0.0.1", proc.free_port())))
    end
  end)
end)
