-- Later turns of conversations: prompts, requests, and the answers that all cells share.

local conversation = require "specbench.sweep.conversation"
local engines = require "specbench.engine"
local fixture = require "dataset_fixture"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local plan = require "specbench.experiment.plan"
local round = require "specbench.experiment.round"
local speedup = require "specbench.analysis.speedup"
local store = require "specbench.results.store"
local sweep = require "specbench.sweep"
local request_list = require "specbench.experiment.request_list"
local workload = require "specbench.experiment.workload"

local FILE = "spec-bench/spec-bench-conversation.jsonl"
local ROWS = '{"category": "writing", "turns": ["Write.", "Shorten."]}\n'
  .. '{"category": "coding", "turns": ["Code."]}\n{"category": "stem", "turns": ["Explain.", "Why?"]}\n'
local OPTIONS = { dataset = "spec_bench", subset = "conversation", turn = 2 }

local function options(path, changes)
  local all = { folder = path }
  for _, layer in ipairs { OPTIONS, changes or {} } do
    for key, value in pairs(layer) do all[key] = value end
  end
  return all
end

local function workload_of(set, changes, cell_options)
  local spec = { prompts = set, limits = function() return { max_tokens = 8 } end, concurrency = 2 }
  for key, value in pairs(changes or {}) do spec[key] = value end
  return workload.new(spec, {}, cell_options)
end

local function messages(request)
  local list = {}
  for i, message in ipairs(json.decode(request.body).messages) do list[i] = message.role .. ": " .. message.content end
  return list
end

describe("prompts of the second turn", function()
  it("are the second questions, with the first ones before them and no guess of their tokens", function()
    fixture.with_folder({ [FILE] = ROWS }, function(path)
      local set = fixture.prompts(options(path))
      assert.same({ "Shorten.", "Why?" }, fixture.list(set.items, "text"))
      assert.same({ { "Write." }, { "Explain." } }, fixture.list(set.items, "earlier"))
      assert.equal(2, set.unknown_tokens)
    end)
  end)

  it("are refused where there are none", function()
    fixture.with_folder({ [FILE] = ROWS }, function(path)
      assert.truthy(fixture.mistake(options(path, { turn = 3 })):find("no question has a turn 3", 1, true))
      assert.truthy(fixture.mistake(options(path, { turn = 0 })):find("turn = 0: must be a whole number from 1"))
      assert.truthy(fixture.mistake { dataset = "sonnet", tokens = 200, turn = 2 }:find("only spec_bench", 1, true))
    end)
    assert.truthy(fixture.mistake(OPTIONS):find("need the files", 1, true))
  end)
end)

describe("requests of the second turn", function()
  local sim = engines.load "sim"

  it("hold the conversation so far", function()
    fixture.with_folder({ [FILE] = ROWS }, function(path)
      local work = workload_of(fixture.prompts(options(path)))
      assert.same({ "user: Write." }, messages(request_list.of(work, sim, "m", 1, nil, 1)[1]))
      local list = request_list.of(work, sim, "m", 1, { { "A text." }, { "So." } })
      assert.same({ "user: Write.", "assistant: A text.", "user: Shorten." }, messages(list[1]))
      assert.same({ "user: Explain.", "assistant: So.", "user: Why?" }, messages(list[2]))
    end)
  end)

  it("have their salt where the conversation begins", function()
    fixture.with_folder({ [FILE] = ROWS }, function(path)
      local work = workload_of(fixture.prompts(options(path)), nil, { salt = true })
      local found = messages(request_list.of(work, sim, "m", 1, { { "A" }, { "B" } })[1])
      assert.truthy(found[1]:find("^user: Request %d+%.\nWrite%."))
      assert.equal("user: Shorten.", found[3])
    end)
  end)

  it("are another workload than the first turn, and need the chat endpoint", function()
    fixture.with_folder({ [FILE] = ROWS }, function(path)
      local second, alone = fixture.prompts(options(path)), fixture.prompts(options(path))
      alone = { items = {}, source = alone.source }
      for i, item in ipairs(second.items) do alone.items[i] = { id = item.id, text = item.text } end
      assert.is_not.equal(workload.identity(workload_of(alone)).prompts, workload.identity(workload_of(second)).prompts)
      local ok, message = pcall(workload_of, second, { chat = false })
      assert.is_false(ok)
      assert.truthy(message:find("chat endpoint", 1, true))
    end)
  end)
end)

describe("the answers in between", function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
  end)

  after_each(function() fs.remove(folder) end)

  local function job(set)
    return {
      workload = workload_of(set), conversations = folder, engine = { name = "sim" }, seed = 1,
      identity = { server = { model = { name = "m" } } },
    }
  end

  local function run_of(texts, outcome)
    local run = setmetatable({}, { __len = function() return #texts end })
    function run.text(_, i) return texts[i] end
    function run.request() return { outcome = outcome or "ok" } end
    return run
  end

  it("are asked for once and kept", function()
    fixture.with_folder({ [FILE] = ROWS }, function(path)
      local the_job, asked = job(fixture.prompts(options(path))), 0
      for _ = 1, 2 do
        assert.same({ { "a" }, { "b" } }, conversation.answers(the_job, function(turn)
          asked = asked + 1
          assert.equal(1, turn)
          return run_of { "a", "b" }
        end))
      end
      assert.equal(1, asked)
    end)
  end)

  it("that were cut, changed or are of another workload are moved aside and asked for anew", function()
    fixture.with_folder({ [FILE] = ROWS }, function(path)
      local the_job, aside = job(fixture.prompts(options(path))), {}
      function the_job.set_aside(file, reason)
        aside[#aside + 1] = reason
        assert(os.rename(file, folder .. "/aside-" .. #aside))
      end
      local function ask() return run_of { "a", "b" } end
      assert.same({ { "a" }, { "b" } }, conversation.answers(the_job, ask))
      local file = folder .. "/" .. fs.list(folder)[1]
      local whole = fs.read(file)
      local harmed = { "", whole:sub(1, #whole // 2), (whole:gsub('"a"', '"A"')), "[]", '{"answers": 3}', "[[1], [2]]",
        '[["a", "x"], ["b"]]', "null", "3" }
      for i, text in ipairs(harmed) do
        assert(fs.write(file, text))
        assert.same({ { "a" }, { "b" } }, conversation.answers(the_job, ask), text)
        assert.equal(i, #aside)
        assert.equal(text, fs.read(folder .. "/aside-" .. i))
        assert.equal(whole, fs.read(file))
      end
      assert(fs.write(file, '[["old"], ["list"]]'))
      assert.same({ { "old" }, { "list" } }, conversation.answers(the_job, ask))
    end)
  end)

  it("that do not come fail, and are not kept", function()
    fixture.with_folder({ [FILE] = ROWS }, function(path)
      local answers, message = conversation.answers(job(fixture.prompts(options(path))), function()
        return run_of({ "a", "b" }, "timeout")
      end)
      assert.is_nil(answers)
      assert.equal("an earlier turn was not answered: timeout", message)
      assert.is_nil(fs.stat(folder))
    end)
  end)
end)

describe("a round over second turns", function()
  local function cells_of(path, folder)
    local r = round.new {
      name = "turns", axes = { { "method", { "none", "draft" } }, { "concurrency", { 1, 2 } } },
      baseline = { method = "none" },
      server = function(c) return { model = "qwen2.5-7b", draft = "d", method = c.method, k = 3 } end,
      workload = function()
        return { prompts = fixture.prompts(options(path)), limits = function() return { max_tokens = 8 } end }
      end,
    }
    local s <close> = assert(store.create(folder, round.about(r)))
    sweep.run(plan.new(r, { engine = "sim", speed = 100 }), s, { quiet = true })
    return s:cells()
  end

  it("sends the same conversation in every cell, and compares no others", function()
    fixture.with_folder({ [FILE] = ROWS }, function(path)
      local cells = cells_of(path, path .. "/results")
      assert.equal(4, #cells)
      assert.equal(1, #fs.list(path .. "/results/conversations"))
      for _, cell in ipairs(cells) do
        assert.equal("ok", cell.status)
        assert.equal(cells[1].answers_sha256, cell.answers_sha256)
        if cell.coordinates.method == "draft" then assert.truthy((speedup.of(speedup.index(cells), cell))) end
      end
      for _, cell in ipairs(cells) do
        if cell.coordinates.method == "none" then cell.answers_sha256 = "another" end
      end
      for _, cell in ipairs(cells) do
        if cell.coordinates.method == "draft" then
          local found, reason = speedup.of(speedup.index(cells), cell)
          assert.is_nil(found)
          assert.equal("the baseline's conversations had other answers", reason)
        end
      end
    end)
  end)
end)
