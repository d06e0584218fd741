-- specbench run --find k, --budget: the best k from a part of the grid, which the whole grid confirms.

local environment = require "sb.environment"
local world = dofile(environment.home .. "/tests/cli/world.lua")
local fs = require "sb.fs"
local json = require "specbench.base.json"
local sealed = require "specbench.results.sealed"
local speedup = require "specbench.analysis.speedup"
local store = require "specbench.results.store"

local ROUND = [[
local bench = require "specbench"
return bench.round {
  name = "part",
  axes = { { "method", { "none", "draft" } },
    { "k", { 1, 2, 3, 4, 5 }, when = function(c) return c.method ~= "none" end },
    { "task", { "qa", "summarization" } }, { "%s", { 1, 4, 8, 16, 32 } } },
  %s
  server = function(c)
    return { model = "qwen2.5-7b", method = c.method, k = c.k, draft = c.k and "qwen2.5-0.5b" }
  end,
  workload = function(c)
    return { prompts = { dataset = "spec_bench", subset = c.task, count = 80 }, limits = { max_tokens = 128 } }
  end,
}]]

local VIRTUAL = " --virtual --no-text --no-pictures --no-records"
local PART = VIRTUAL .. " --only task=qa"

describe("run --find k", function()
  local w
  before_each(function()
    w = world.new()
    w:write("part.lua", ROUND:format("concurrency", 'baseline = { method = "none" },'))
  end)
  after_each(function() w:remove() end)

  local function found(out)
    return assert(sealed.read(("%s/%s/search.json"):format(w.folder, out)))
  end

  -- Cells by method, k, task and concurrency.
  local function cells_of(out)
    local by_place, count = {}, 0
    for _, cell in ipairs(assert(store.open(w.folder .. "/" .. out)):cells()) do
      local at = cell.coordinates
      by_place[("%s %s %s %d"):format(at.method, at.k or "", at.task, at.concurrency)] = cell
      count = count + 1
    end
    return by_place, count
  end

  it("chooses as the whole grid does, from ordinary cells, and says what it left out", function()
    local result = w:run("run part.lua --find k=2% --out searched" .. VIRTUAL)
    assert.equal(0, result.status, result.out .. result.err)
    assert.equal(0, w:run("run part.lua --quiet --out whole" .. VIRTUAL).status)
    local some, count = cells_of "searched"
    local all, total = cells_of "whole"
    assert.equal(60, total)
    local spent, whole = 0, 0
    for place, cell in pairs(all) do
      whole = whole + cell.metrics.duration
      if some[place] then
        spent = spent + cell.metrics.duration
        assert.equal(cell.id, some[place].id)
        assert.same(cell.metrics, some[place].metrics)
      end
    end
    assert.truthy(spent < 0.3 * whole, ("%g of %g s"):format(spent, whole)) -- a small grid: each task is told apart

    local kept = found "searched"
    assert.equal("answered", kept.ended)
    assert.equal(count, kept.measured)
    assert.equal(10, #kept.answers)
    for _, answer in ipairs(kept.answers) do
      local task = answer.work:match "task=(%w+)"
      local function speed(method, k)
        return speedup.total_token_throughput(all[("%s %s %s %d"):format(method, k, task, answer.concurrency)])
      end
      local plain, best = speed("none", ""), speed("none", "")
      for k = 1, 5 do best = math.max(best, speed("draft", k)) end
      local chosen = answer.pays and speed("draft", answer.k) or plain
      assert.truthy(chosen >= 0.98 * best, ("%s %d: k = %d"):format(task, answer.concurrency, answer.k))
      assert.equal(answer.answered, answer.sure >= 0.95)
      assert.truthy(answer.measured or answer.low < answer.ratio and answer.ratio < answer.high)
    end
    -- the answer comes first: what was asked, what is best, how sure, what was left out and what that saved
    local open, flat, last = 0, result.out:gsub("%s+", " "), 0
    for _, words in ipairs { "asked the best k within 2 % for each method, task and load", "requests at once",
      "~ its speed-up is predicted, not measured", "of 10 places, 95 % sure; its speed-up is measured in ",
      ("%d of the grid's 60 cells are not measured"):format(60 - count), ("; %d are, in "):format(count),
      "cells predicted, not measured, which saved ", ("measured %d cells"):format(count) } do
      last = assert(flat:find(words, last + 1, true), words .. ": " .. flat)
    end
    assert.is_nil(flat:find(" where ", 1, true), flat)
    for _, answer in ipairs(kept.answers) do open = open + (answer.answered and 0 or 1) end
    assert.equal(open == 0, flat:find("everything asked is known", 1, true) ~= nil, flat)
    assert.equal(open > 0, flat:find(("on average as was asked, though %d place"):format(open), 1, true) ~= nil, flat)
    -- what is not measured is predicted, or a baseline's
    local baselines = tonumber(flat:match "are not measured %((%d+) of them the baseline's%)")
    assert.equal(60 - count - baselines, tonumber(flat:match "(%d+) cells predicted, not measured"), flat)
    local lines, predicted = 0, 0
    for line in assert(fs.read(w.folder .. "/searched/predictions.jsonl")):gmatch "[^\n]+" do
      lines = lines + 1
      predicted = predicted + (json.decode(line).measured and 0 or 1)
    end
    assert.equal(50, lines)
    result = w:run "report searched --full --no-pictures --html --markdown"
    assert.truthy(result.out:find("predicted, 90 %%: %d"), result.out)
    for _, file in ipairs { "report.html", "report.md" } do
      local text = assert(fs.read(w.folder .. "/searched/" .. file))
      assert.truthy(text:find("Best k, searched", 1, true) and text:find("predicted, 90 %%: %d"), file)
      assert.truthy(text:find("Best k, searched", 1, true) < text:find("Does speculation pay?", 1, true), file)
      assert.truthy(text:find("not measured, which saved ", 1, true), file)
    end
    -- measured cells without a measured baseline among them
    local page = assert(fs.read(w.folder .. "/searched/report.html"))
    assert.equal(predicted, select(2, page:gsub("k%-predicted", "")))
    assert.truthy(predicted > 60 - count - baselines)

    -- what is measured already answers again, and another run is no search
    result = w:run("run part.lua --find k --out searched" .. VIRTUAL)
    assert.truthy(result.err:find("nothing to do", 1, true), result.err)
    assert.same(kept.answers, found("searched").answers)
    assert.equal(0, w:run("run part.lua --quiet --only k=1 --only concurrency=32 --out searched" .. VIRTUAL).status)
    assert.is_nil(fs.stat(w.folder .. "/searched/search.json"))
  end)

  it("counts prompts without token counts as the server did, and says nothing of work where it counted none", function()
    for _, task in ipairs { "qa", "summarization" } do
      local rows = {}
      for i = 1, 32 do rows[i] = json.encode { prompt = ("Of %s, number %d. "):format(task, i):rep(60) } end
      w:write(task .. ".jsonl", table.concat(rows, "\n") .. "\n")
    end
    w:write("own.lua", (ROUND:format("concurrency", 'baseline = { method = "none" },'):gsub(
      'dataset = "spec_bench", subset = c.task, count = 80',
      'dataset = "jsonl", path = c.task .. ".jsonl", count = 32')))
    local function search(budget)
      local result = w:run(("run own.lua --budget %s --quiet --out part%s"):format(budget, VIRTUAL))
      assert.equal(0, result.status, result.out .. result.err)
      return found "part"
    end
    local early = search "4s"
    assert.equal(5, #early.answers) -- of one task
    assert.equal("how many tokens the prompts of this work have is not known: measure one of its cells",
      early.refused["method=draft task=qa"] or early.refused["method=draft task=summarization"])
    local late = search "1h"
    assert.equal(10, #late.answers)
    assert.same({}, late.refused)
    assert.equal(0, w:run("run own.lua --quiet --out whole" .. VIRTUAL).status)
    local all, sum = cells_of "whole", 0
    for _, answer in ipairs(late.answers) do
      local function speed(method, k)
        local place = ("%s %s %s %d"):format(method, k, answer.best.task, answer.concurrency)
        return speedup.total_token_throughput(all[place])
      end
      sum = sum + math.abs(answer.ratio * speed("none", "") / speed("draft", answer.k) - 1)
    end
    assert.truthy(sum / 10 < 0.06, sum / 10)
  end)

  it("ends at the budget with the best answer so far, and goes on with a larger one", function()
    local result = w:run("run part.lua --budget 60s --quiet --out cut" .. PART)
    assert.equal(0, result.status, result.out .. result.err)
    local kept = found "cut"
    local cells, count = cells_of "cut"
    local longest = 0
    for _, cell in pairs(cells) do longest = math.max(longest, cell.metrics.duration) end
    assert.equal("budget", kept.ended)
    assert.truthy(count > 1 and kept.spent <= 60 + longest, kept.spent)
    local known = 0
    for _, answer in ipairs(kept.answers) do known = known + (answer.answered and 1 or 0) end
    assert.truthy(known < 5)
    assert.truthy(w:run("report cut --no-pictures").out:gsub("%s+", " "):find("the budget is spent", 1, true))

    result = w:run("run part.lua --budget 3h --quiet --out cut" .. PART)
    assert.equal(0, result.status, result.out .. result.err)
    local more, after = cells_of "cut"
    for place in pairs(cells) do assert.not_nil(more[place]) end
    assert.truthy(after > count)
    assert.equal("answered", found("cut").ended)
    assert.truthy(found("cut").spent > kept.spent)

    w:write("cut/search.json", '{"spent": "much"}')
    result = w:run("report cut --no-pictures")
    assert.equal(0, result.status)
    assert.truthy(result.err:find("search.json: spent must be a number", 1, true)
      or result.err:find("search.json: ", 1, true), result.err)
    result = w:run("run part.lua --find k --quiet --out cut" .. PART)
    assert.equal(0, result.status)
    assert.truthy(result.err:find("search.json is moved to", 1, true), result.err)
    assert.equal(0, found("cut").spent)
  end)

  it("does not take a k for the load where both are equal", function()
    local result = w:run("run part.lua --find k --only k=4 --only concurrency=4 --out searched" .. PART)
    assert.equal(0, result.status, result.err)
    assert.equal("all", found("searched").answers[1].work)
  end)

  it("leaves a server that does not come up, and says so", function()
    w:write("part.lua", (ROUND:format("concurrency", 'baseline = { method = "none" },'):gsub("method = c%.method,",
      'method = c.k == 5 and "eagle" or c.method,'))) -- which the profile does not have
    local result = w:run("run part.lua --find k --quiet --out broken" .. PART)
    assert.equal(3, result.status, result.out .. result.err)
    assert.truthy(#fs.list(w.folder .. "/broken/failed") <= 2)
    assert.truthy(#fs.list(w.folder .. "/broken/cells") > 5)
  end)

  it("refuses what does not go with it in one line", function()
    local function refused(options, word)
      local result = w:run("run part.lua " .. options)
      assert.equal(2, result.status, options .. result.out .. result.err)
      assert.truthy(result.err:find(word, 1, true), result.err)
      assert.equal(1, select(2, result.err:gsub("\n", "")), result.err)
    end
    refused("--find speed", "--find speed: must be rate, k, or k=P%")
    refused("--find k=0%", "--find k=0%: must be")
    refused("--find k=70", "--find k=70: must be")
    refused("--budget soon", "--budget soon: must be a time such as 1h")
    refused("--budget 3h --find rate --slo ttft=9", "--budget goes with --find k")
    refused("--find k --repeats 3", "leave out --repeats")
    refused("--find k --until decided", "leave out --repeats and --until")
    refused("--find k --lengths replay", "--lengths replay needs the baseline of every cell")
    refused("--find k --profile nsys", "--profile keeps it until its server ends")
    refused("--find k --share", "--find and --budget do not go with --share: a search asks for one cell at a time")
    refused("--budget 1h --share", "leave out --share")
    w:write("part.lua", ROUND:format("concurrency", ""))
    refused("--find k", "nothing to look for in part: it names no baseline")
    w:write("part.lua", ROUND:format("rate", 'baseline = { method = "none" },'))
    refused("--budget 1h", "every cell is an open loop")
    refused("--find k --only method=none", "no cell speculates")
  end)
end)
