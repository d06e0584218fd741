-- A run that compares pinned, on a program that behaves as vLLM does: it falls back by method, and says so in its log.

local environment = require "sb.environment"
local json = require "specbench.base.json"

local w

before_each(function() w = dofile(environment.home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

-- Of its 14th request on, the program compiles a kernel; it notes how many requests it had at once at most.
local PROGRAM = [[
#!/usr/bin/env python3
import os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

argv = sys.argv
if argv[1] == "--version":
    print("0.26.0")
    sys.exit()

speculates = "--speculative-config" in argv
runner = "V1" if speculates or os.environ.get("VLLM_USE_V2_MODEL_RUNNER") == "0" else "V2"
sync = speculates or "--no-async-scheduling" in argv
print("INFO Asynchronous scheduling is %s." % ("disabled" if sync else "enabled"))
print("INFO Initializing a V1 LLM engine (v0.26.0) with config: model='/m', kv_cache_dtype=auto, compilation_config="
      "{'mode': <CompilationMode.VLLM_COMPILE: 3>, 'cudagraph_mode': <CUDAGraphMode.FULL_AND_PIECEWISE: (2, 1)>}")
if runner == "V2":
    print("INFO Using V2 Model Runner")
print("INFO Using FLASH_ATTN attention backend out of potential backends: ['FLASH_ATTN'].")
print("INFO GPU KV cache size: 1,000 tokens", flush=True)
lock, now, seen = threading.Lock(), 0, 0

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(b'{"version": "0.26.0"}' if self.path == "/version" else b"")

    def do_POST(self):
        global now, seen
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            now += 1
            seen += 1
            if seen == 14 and speculates:
                print("WARNING Triton kernel JIT compilation during inference: _k. Slow.", flush=True)
            with open("%s", "a") as notes:
                print(os.getpid(), now, b"Warm-up" in body, len(body), file=notes)
        time.sleep(0.02)
        with lock:
            now -= 1
        self.answer(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,'
                    b'"completion_tokens":1,"total_tokens":4}}\n\n'
                    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,'
                    b'"completion_tokens":1,"total_tokens":4}}\n\ndata: [DONE]\n\n')

ThreadingHTTPServer(("127.0.0.1", int(argv[argv.index("--port") + 1])), Handler).serve_forever()
]]

local function run(arguments, round)
  w:write("vllm", (PROGRAM:gsub('"%%s", "a"', function() return ('"%s/notes", "a"'):format(w.folder) end)))
  assert(os.execute(("chmod +x '%s/vllm'"):format(w.folder)))
  round = round or w.round()
  w:write("grid.lua", (round:gsub("chunk_timeout", 'baseline = { method = "none" }, chunk_timeout')))
  w:write("models.lua", ('return { ["qwen2.5-7b"] = { binary = "%s/vllm", path = "/" }, ["qwen2.5-0.5b"] = "/" }')
    :format(w.folder))
  local result = w:run("run --full grid.lua --engine vllm --models models.lua --no-pictures --no-rerun " .. arguments)
  assert.equal(0, result.status, result.err)
  return result
end

local function cells(folder)
  local found = {}
  for _, text in pairs(w:cells("cells", folder)) do
    local cell = json.decode(text)
    found[("%s %d"):format(cell.coordinates.method, cell.coordinates.concurrency)] = cell
  end
  return found
end

describe("a run as deployed", function()
  it("records how both sides really ran, and says where that differs", function()
    local result = run "--out results"
    local found = cells()
    assert.same({
      runner = "V2", async_scheduling = true, attention = "FLASH_ATTN", graphs = "FULL_AND_PIECEWISE",
      compilation = "VLLM_COMPILE", kv_cache_tokens = 1000, kv_cache_dtype = "auto",
    }, found["none 1"].engine.effective)
    assert.equal("V1", found["draft 2"].engine.effective.runner)
    assert.equal(false, found["draft 2"].engine.effective.async_scheduling)
    assert.truthy(result.out:find("Not alike: draft (2 cells) ran otherwise than its baseline, whose value comes "
      .. "first: model runner V2 against V1, asynchronous scheduling on against off (--match pinned", 1, true),
      result.out)
    assert.truthy(result.out:find("Note: compared as deployed", 1, true))
    assert.equal("deployed", json.decode(w:read "results/round.json").match)
  end)

  it("warms each server up at each concurrency, once, and flags what was compiled in a cell", function()
    local result = run "--out results --repeats 2"
    local warm, measured = {}, 0
    for pid, now, is_warm in w:read("notes"):gmatch "(%d+) (%d+) (%a+)" do
      if is_warm == "True" then
        warm[pid] = warm[pid] or { count = 0, most = 0 }
        warm[pid].count = warm[pid].count + 1
        warm[pid].most = math.max(warm[pid].most, tonumber(now))
      else
        measured = measured + 1
      end
    end
    assert.equal(2 * 2 * 2 * 4, measured)
    for _, one in pairs(warm) do assert.equal(2, one.most) end -- as many at once as the cells have
    assert.truthy(result.out:find("Compilation: ", 1, true), result.out)
    assert.truthy(w:read("results/flags.jsonl"):find('"compilation"', 1, true))
  end)

  it("lets each server meet the lengths of a cell's prompts one by one, once, before they are measured", function()
    local lines = {}
    for i, words in ipairs { 20, 21, 200, 2000 } do
      lines[i] = json.encode { prompt = ("oak "):rep(words), tokens = words }
    end
    w:write("prompts.jsonl", table.concat(lines, "\n") .. "\n")
    local prompts = ('data.prompts { dataset = "jsonl", path = "%s/prompts.jsonl", tokens_field = "tokens" }')
      :format(w.folder)
    run("--out results", (w.round():gsub("data.prompts {.-}", prompts)))
    local before, lengths = {}, {}
    for pid, now, is_warm, bytes in w:read("notes"):gmatch "(%d+) (%d+) (%a+) (%d+)" do
      before[pid] = before[pid] or {}
      if is_warm == "True" then
        table.insert(before[pid], now == "1" and tonumber(bytes) or 0)
      elseif not lengths[pid] then
        lengths[pid] = before[pid]
      end
    end
    local servers = 0
    for _, sent in pairs(lengths) do
      servers = servers + 1
      local long, longer = 0, 0 -- of 200 words, of 2000
      for i = 1, 4 do -- the first is the one that wakes the server, then a length each
        if sent[i] > 6000 then longer = longer + 1 elseif sent[i] > 700 then long = long + 1 end
      end
      assert.same({ 1, 1 }, { long, longer })
    end
    assert.equal(2, servers)
  end)
end)

describe("a run that is pinned", function()
  it("compares with a plain server that runs as the method does, in a folder of its own", function()
    local result = run "--match pinned"
    local found = cells "results/grid-vllm-pinned"
    assert.equal("V1", found["none 1"].engine.effective.runner)
    assert.equal(false, found["none 1"].engine.effective.async_scheduling)
    assert.is_nil(result.out:find("Not alike", 1, true))
    assert.truthy(result.out:find("compared pinned", 1, true))
    local again = w:run "report results/grid-vllm-pinned --full --no-pictures"
    assert.truthy(again.out:find("compared pinned", 1, true))
    again = w:run "report results/grid-vllm-pinned --full --no-pictures --match deployed"
    assert.equal(1, again.status)
    assert.truthy(again.err:find("was measured with --match pinned, not deployed", 1, true))
  end)

  it("does not mix with what was measured as deployed", function()
    run "--out results --set concurrency=1 --only method=none"
    local result = w:run("run --full grid.lua --engine vllm --models models.lua --out results --match pinned")
    assert.equal(1, result.status)
    assert.truthy(result.err:find("was measured with --match deployed, not pinned", 1, true), result.err)
  end)
end)
