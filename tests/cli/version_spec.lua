-- The engine's version, from the program that is started to the cell's record.

local json = require "specbench.base.json"

local w

before_each(function() w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

-- `vllm --version` tells the one version, the server at /version the other (as JSON). It answers every request with
-- one token.
local PROGRAM = [[
#!/usr/bin/env python3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if sys.argv[1] == "--version":
    print("%s")
    sys.exit()

class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(b'{"version": %s}' if self.path == "/version" else b"")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,'
                    b'"completion_tokens":1,"total_tokens":4}}\n\n'
                    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,'
                    b'"completion_tokens":1,"total_tokens":4}}\n\ndata: [DONE]\n\n')

print("up", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
]]

local function program(told, served)
  w:write("vllm", PROGRAM:format(told, json.encode(served)))
  assert(os.execute(("chmod +x '%s/vllm'"):format(w.folder)))
  w:write("grid.lua", w.round())
end

local function models(fields)
  w:write("models.lua", ('return { ["qwen2.5-7b"] = { binary = "%s/vllm", path = "/", %s }, ["qwen2.5-0.5b"] = "/" }')
    :format(w.folder, fields or ""))
end

local function run(arguments)
  return w:run("run grid.lua --engine vllm --models models.lua --no-pictures --out results " .. arguments)
end

local function only_cell()
  local name, text = next(w:cells "cells")
  return json.decode(assert(text, "no cell")), next(w:cells "cells", name)
end

describe("a run", function()
  it("writes command lines for the version of the program, and keeps it", function()
    program("0.10.0", "0.10.0")
    models()
    local result = run "--set concurrency=1"
    assert.equal(0, result.status, result.err)
    local cell, more = only_cell()
    assert.is_nil(more) -- no draft model in 0.10
    assert.equal("0.10.0", cell.engine.version)
    assert.equal("0.10.0", cell.engine.written_for)
    assert.is_nil(cell.engine.version_trouble)
    assert.truthy(table.concat(cell.engine.argv, " "):find(" --disable-log-requests", 1, true))
  end)

  it("warns where the server is another version, and keeps that", function()
    program("0.15.0", "0.14.1")
    models()
    local result = run "--only method=none --set concurrency=1"
    assert.equal(0, result.status, result.err)
    local trouble = "the command line was written for vllm 0.15.0, but the server says it is 0.14.1"
    assert.truthy(result.err:find("Warning: " .. trouble, 1, true), result.err)
    assert.equal(trouble, only_cell().engine.version_trouble)
  end)

  it("takes an answer that is no text for none", function()
    program("0.15.0", 15)
    models()
    local result = run "--only method=none --set concurrency=1"
    assert.equal(0, result.status, result.err)
    assert.is_nil(only_cell().engine.version)
  end)

  it("says so where the version is not known", function()
    program("no version", "0.26.0")
    models()
    local result = run "--only method=none --set concurrency=1"
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("Note: the version of vllm is not known", 1, true), result.err)
    assert.is_nil(only_cell().engine.written_for)
  end)
end)

describe("a plan", function()
  it("believes the command line before the models file, and that before the program", function()
    program("0.26.0", "0.26.0")
    local function plan(arguments) return w:run("plan grid.lua --engine vllm --models models.lua " .. arguments).out end
    models()
    assert.truthy(plan(""):find("4 cells on 2 servers", 1, true))
    models 'version = "0.13.0"'
    assert.truthy(plan(""):find("Left out: 2 cells: vllm: method 'draft' needs version 0.15.0, this is 0.13.0", 1,
      true))
    assert.truthy(plan("--engine-version 0.15.0"):find("4 cells on 2 servers", 1, true))
  end)

  it("does not make other cells of the models file's version", function()
    program("0.26.0", "0.26.0")
    local function cells()
      return w:run("plan grid.lua --engine vllm --models models.lua --cells").out:match "\n(%x+  .*)"
    end
    models()
    local before = assert(cells())
    models 'version = "0.25.0"'
    assert.equal(before, cells())
  end)

  it("refuses a models file whose version is none", function()
    program("0.26.0", "0.26.0")
    models 'version = "newest"'
    local result = w:run "plan grid.lua --engine vllm --models models.lua"
    assert.equal(1, result.status, result.err)
    assert.truthy(result.err:find("'qwen2.5-7b': version: 'newest' must be one such as 0.26.0", 1, true), result.err)
  end)

  it("prints what a shell must unset so that it unsets it", function()
    program("0.26.0", "0.26.0")
    models()
    local result = w:run "plan grid.lua --engine vllm --models models.lua --show-argv"
    assert.truthy(result.out:find("\nenv -u PROMETHEUS_MULTIPROC_DIR ", 1, true), result.out)
  end)

  it("refuses a version that is none, and one for an engine without", function()
    w:write("grid.lua", w.round())
    for arguments, words in pairs {
      ["--engine vllm --engine-version newest"] = "--engine-version newest: must be a version such as 0.26.0",
      ["--engine sim --engine-version 1.0"] = "--engine-version is of no use with engine sim",
      ["--engine external --engine-version 1.0"] = "--engine-version is of no use with engine external",
    } do
      local result = w:run("plan grid.lua " .. arguments)
      assert.equal(2, result.status, result.err)
      assert.truthy(result.err:find(words, 1, true), result.err)
    end
  end)
end)
