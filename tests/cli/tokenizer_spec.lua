-- --tokenizer: lengths that no file states, counted by a server.

local engine = require "specbench.engine"
local environment = require "sb.environment"
local proc = require "sb.proc"
local http = require "sb.http"

local w

before_each(function()
  w = dofile(environment.home .. "/tests/cli/world.lua").new()
  w:write("prompts.jsonl", '{"prompt": "one two three"}\n{"prompt": "four five six seven"}\n')
  w:write("own.lua", [[
local bench, data = require "specbench", require "specbench.dataset"
return bench.round {
  name = "own", axes = { { "concurrency", { 1 } } },
  server = function() return { model = "qwen2.5-7b" } end,
  workload = function()
    return {
      prompts = assert(data.prompts { dataset = "jsonl", path = "prompts.jsonl" }),
      limits = function(prompt)
        io.stdout:write("<", tostring(prompt.tokens), ">")
        return { max_tokens = 4 }
      end,
    }
  end,
}
]])
end)
after_each(function() w:remove() end)

local function plan(arguments)
  return w:run("plan own.lua " .. arguments, { env = { XDG_CACHE_HOME = w.folder .. "/cache" } })
end

describe("--tokenizer", function()
  it("fills in lengths, and keeps them for when the server is asked no more", function()
    assert.truthy(plan("").out:find("<nil><nil>", 1, true))
    local port = assert(proc.free_port())
    local url = ("http://127.0.0.1:%d"):format(port)
    local server <close> = assert(proc.start {
      argv = { environment.executable, "sim", "--profile", "qwen2.5-7b", "--port", tostring(port) },
    })
    w:eventually("the server", function() return http.request { url = url .. "/health" } end)
    local first = plan("--tokenizer " .. url)
    assert.equal(0, first.status, first.err)
    assert.truthy(first.out:find "<%d+><%d+>", first.out)
    local counts = first.out:match "<%d+><%d+>"
    -- a cache that says otherwise is believed: nothing was asked
    local cached = require("sb.fs").list(w.folder .. "/cache/specbench/tokens")
    assert.equal(1, #cached)
    local name = "cache/specbench/tokens/" .. cached[1]
    w:write(name, (w:read(name):gsub("%d+([,}])", "777%1")))
    assert.equal("<777><777>", plan("--tokenizer " .. url).out:match "<%d+><%d+>")
    assert.is_not.equal("<777><777>", counts)
    -- one that holds no counts is not
    for _, nonsense in ipairs { "5", w:read(name):gsub("777", '"many"') } do
      w:write(name, nonsense)
      assert.equal(counts, plan("--tokenizer " .. url).out:match "<%d+><%d+>")
    end
    server:stop(0)
  end)

  it("says in a line what is wrong", function()
    local port = assert(proc.free_port())
    local result = plan("--tokenizer http://127.0.0.1:" .. port)
    assert.equal(1, result.status)
    assert.truthy(result.err:find("--tokenizer: http://127.0.0.1", 1, true), result.err)
    result = plan "--engine trtllm --tokenizer http://127.0.0.1:1"
    assert.equal(2, result.status)
    assert.truthy(result.err:find("--tokenizer: engine trtllm has no /tokenize", 1, true), result.err)
  end)
end)

describe("counting tokens by /tokenize", function()
  it("knows both dialects", function()
    local vllm, llamacpp = engine.load("vllm").tokenize, engine.load("llamacpp").tokenize
    assert.same({ model = "m", prompt = "text", add_special_tokens = false }, vllm.body("text", "m"))
    assert.equal(3, vllm.count { count = 3, tokens = { 1, 2, 3 } })
    assert.same({ content = "text", add_special = false }, llamacpp.body("text", "m"))
    assert.equal(2, llamacpp.count { tokens = { 5, 6 } })
  end)
end)
