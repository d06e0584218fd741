-- What a server that somebody else runs grants, against one that does as its page says (fixtures/usage_server.py).

local acceptance = require "specbench.sweep.acceptance"
local counters_page = require "specbench.sweep.counters_page"
local engine = require "specbench.engine"
local http = require "specbench.http"
local json = require "specbench.base.json"
local proc = require "sb.proc"
local stranger = require "specbench.sweep.stranger"

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local server = dofile(here .. "fixtures/server.lua")
local program = require "specbench.base.program"

if not program.is_there "python3" then
  pending "a stranger's usage: python3 is not installed"
  return
end

describe("the model to ask for", function()
  local function ask(ids)
    local page = json.encode { data = json.array(ids) }
    http.answer_here("virtual://7", { ["/v1/models"] = function() return page end })
    return stranger.model("virtual://7", stranger.reach("virtual://7", engine.load "external"), "mine")
  end
  after_each(function() http.answer_here("virtual://7", nil) end)

  it("is the wanted one, or the only one", function()
    assert.equal("mine", (ask { { id = "other" }, { id = "mine" } }))
    assert.equal("other", (ask { { id = "other" } }))
    assert.equal("mine", (ask {}))
  end)

  it("is none whose name would fill a screen, and of many not all are told", function()
    assert.equal("mine", (ask { { id = ("x"):rep(1 << 20) }, { id = 7 }, "text" }))
    local many = {}
    for i = 1, 500 do many[i] = { id = "model" .. i } end
    local model, message = ask(many)
    assert.is_nil(model)
    assert.equal("the server has no model 'mine'; it has model1, model2, model3, model4, model5, model6, model7, "
      .. "model8, model9, model10 and 490 more: --model NAME=ONE of these", message)
  end)
end)

describe("usage as it goes", function()
  it("is what stands on a piece before the last", function()
    local port = assert(proc.free_port())
    local url = "http://127.0.0.1:" .. port
    local _ <close> = server.start({ "python3", here .. "fixtures/usage_server.py", tostring(port) }, nil,
      function() return http.request { url = url } ~= nil end)
    for where, granted in pairs { running = true, last = false, ["end"] = false, never = false, refused = false } do
      for _, path in ipairs { "/v1/completions", "/v1/chat/completions" } do
        assert.equal(granted, stranger.tells_usage(url .. "/" .. where, path, "theirs"), where)
      end
    end
    assert.is_false(stranger.tells_usage("http://127.0.0.1:" .. proc.free_port(), "/v1/completions", "theirs"))
  end)
end)

describe("a page of counters that hangs", function()
  local deadline = counters_page.deadline_s
  after_each(function() counters_page.deadline_s = deadline end)

  it("is waited for once, is named, and costs the others nothing", function()
    local port = assert(proc.free_port())
    local url = "http://127.0.0.1:" .. port
    local _ <close> = server.start({ "python3", here .. "fixtures/usage_server.py", tostring(port) }, nil,
      function() return http.request { url = url } ~= nil end)
    counters_page.deadline_s = 0.2
    local s = { url = url }
    local page, message = counters_page.read(s, "/hung")
    assert.is_nil(page)
    assert.equal(url .. "/hung did not answer within 0.2 s, and is not asked again while this server is up", message)
    counters_page.deadline_s = 60 -- which nobody waits for
    assert.equal(message, select(2, counters_page.read(s, "/hung")))
    assert.equal(message, select(2, acceptance.read(engine.load "vllm", s)))
    assert.same({ counters = {} }, stranger.snapshot(s, "/hung"))
    assert.equal("up", counters_page.read({ url = url }, "/metrics").body)
  end)
end)
