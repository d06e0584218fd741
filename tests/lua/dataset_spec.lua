local environment = require "sb.environment"
local fs = require "sb.fs"
local cache = require "specbench.dataset.cache"
local data = require "specbench.dataset"
local json = require "specbench.base.json"
local text = require "specbench.dataset.text"
local rng = require "sb.rng"
local fixture = require "dataset_fixture"
local test_data = dofile(environment.home .. "/tests/lua/test_data.lua")

local list, mistake, prompts = fixture.list, fixture.mistake, fixture.prompts

local folder -- of the real files

local function with_files(name, test)
  it(name, function()
    folder = test_data(pending, "datasets")
    test()
  end)
end

local function table_of(profile, subset)
  local all = json.decode(fs.read(environment.home .. "/datasets/profiles/" .. profile .. ".json"))
  return all.tables[subset]
end

local function instruction(name)
  local all = json.decode(fs.read(environment.home .. "/datasets/profiles/instructions.json"))
  return all[name]
end

local function sum(values)
  local total = 0
  for _, value in ipairs(values) do total = total + value end
  return total
end

local function sorted(values)
  table.sort(values)
  return values
end

-- dataset, its profile and the instructions that may come before its content
local TABLES = {
  { "cnn_dailymail_news", "cnn-news", { news2highlight = true } },
  { "cnn_dailymail_highlights", "cnn-highlights", { highlight2news = true } },
  { "thucnews", "thucnews", { polish_serious = true, polish_app = true, polish_social = true } },
}

describe("data.length_label", function()
  it("reads the labels of the reference's files", function()
    for label, tokens in pairs { ["0.125k"] = 125, ["0.25k"] = 256, ["0.5k"] = 512, ["1k"] = 1000,
      ["8k"] = 8000, ["256"] = 256 } do
      assert.equal(tokens, data.length_label(label))
    end
    assert.equal(640, data.length_label(640))
  end)

  it("refuses what is no length", function()
    for _, label in ipairs { "k", "0.3k", "-1k", "0", "1.5", "long" } do
      local tokens, message = data.length_label(label)
      assert.is_nil(tokens)
      assert.truthy(message:find("is not a length", 1, true))
    end
  end)
end)

describe("synthetic text", function()
  it("has the number of words and marks that was asked for, each a token", function()
    for tokens = 1, 300 do
      local english = text.english(rng.new(tokens), tokens)
      local _, words = english:gsub("%a+", "")
      local _, stops = english:gsub("%.", "")
      assert.equal(tokens, words + stops, english)
      assert.is_nil(english:find("[^%a .]"))
    end
  end)

  it("is made of Chinese words of two characters and full-width marks", function()
    for tokens = 1, 300 do
      local chinese = text.chinese(rng.new(tokens), tokens)
      local without_commas, commas = chinese:gsub("，", "")
      local without, stops = without_commas:gsub("。", "")
      assert.equal(tokens, commas + stops + utf8.len(without) // 2, chinese)
      assert.is_nil(chinese:find("，，", 1, true) or chinese:find("，。", 1, true))
    end
  end)

  it("has exactly the lengths of the profile tables, and its source says what it is", function()
    for _, entry in ipairs(TABLES) do
      for _, subset in ipairs(data.subsets(entry[1])) do
        local set = prompts { dataset = entry[1], subset = subset }
        assert.same(table_of(entry[2], subset).prompt_tokens, list(set.items, "content_tokens"))
        assert.equal("synthetic", set.source.kind)
        assert.truthy(set.source.note:find("synthetic text with the lengths of ", 1, true))
        for _, item in ipairs(set.items) do
          assert.is_true(entry[3][item.instruction])
          assert.equal(item.content_tokens + instruction(item.instruction).tokens, item.tokens)
        end
        assert.equal(0, set.unknown_tokens)
      end
    end
    for _, subset in ipairs(data.subsets("spec_bench")) do
      local set = prompts { dataset = "spec_bench", subset = subset, instruction = false }
      assert.same(table_of("spec-bench", subset).prompt_tokens, list(set.items, "tokens"))
    end
    assert.same(table_of("sharegpt", "sharegpt").prompt_tokens,
      list(prompts { dataset = "sharegpt" }.items, "tokens"))
  end)

  it("is never the same for two prompts, however short they are", function()
    local seen = {}
    for _, item in ipairs(prompts { dataset = "random", tokens = 2, count = 15 }.items) do
      assert.is_nil(seen[item.text])
      seen[item.text] = true
    end
    assert.truthy(mistake { dataset = "random", tokens = 1, count = 500 }
      :find("too few different texts of 1 tokens", 1, true))
  end)

  it("has lengths drawn from a range, with the seed", function()
    local function drawn(seed)
      return list(prompts { dataset = "random", tokens = 20, tokens_to = 24, count = 200, seed = seed }.items, "tokens")
    end
    local counts = {}
    for _, tokens in ipairs(drawn(1)) do counts[tokens] = (counts[tokens] or 0) + 1 end
    for tokens = 20, 24 do
      assert.is_true(counts[tokens] > 20 and counts[tokens] < 60)
      counts[tokens] = nil
    end
    assert.is_nil(next(counts))
    assert.are_not.same(drawn(1), drawn(2))
    for flaw, request in pairs {
      ["tokens_to is 19, less than tokens"] = { dataset = "random", tokens = 20, tokens_to = 19, count = 1 },
      ["only random has lengths"] = { dataset = "sonnet", tokens = 20, tokens_to = 30, count = 1 },
    } do
      assert.truthy(mistake(request):find(flaw, 1, true))
    end
  end)

  it("stands in for all of Spec-Bench, task by task", function()
    local tasks = {}
    for _, item in ipairs(prompts { dataset = "spec_bench" }.items) do
      tasks[item.task] = (tasks[item.task] or 0) + 1
      local instructed = item.task == "summarization" or item.task == "translation"
      assert.equal(instructed and item.task or nil, item.instruction)
    end
    assert.same({ conversation = 80, ["math-reasoning"] = 80, qa = 80, rag = 80, summarization = 80,
      translation = 80 }, tasks)
  end)
end)

describe("a seed", function()
  --- The library anew, so that nothing remembered is handed out again.
  local function fresh(options)
    package.loaded["specbench.dataset"] = nil
    return assert(require("specbench.dataset").prompts(options))
  end

  it("gives the same prompts again, another seed others", function()
    local cases = { { "cnn_dailymail_news", "0.25k" }, { "thucnews", "0.125k" }, { "sharegpt" } }
    for _, case in ipairs(cases) do
      local function draw(seed)
        return fresh { dataset = case[1], subset = case[2], count = 24, seed = seed }.items
      end
      assert.same(draw(7), draw(7))
      assert.are_not.same(list(draw(7), "id"), list(draw(8), "id"))
      assert.are_not.same(list(draw(7), "text"), list(draw(8), "text"))
    end
  end)

  it("gives this very text on every machine", function()
    local item = fresh { dataset = "random", tokens = 12, count = 1, seed = 1 }.items[1]
    assert.equal("That view closed one heavy field around the social rock left.", item.text)
  end)

  it("draws a style for each prompt, all three of them", function()
    local styles = {}
    for _, item in ipairs(prompts { dataset = "thucnews", subset = "1k", count = 96 }.items) do
      styles[item.style] = true
      assert.equal("polish_" .. item.style, item.instruction)
      assert.equal(1, (item.text:find(instruction(item.instruction).text, 1, true)))
    end
    assert.same({ serious = true, app = true, social = true }, styles)
  end)

  it("samples without replacement, and keeps cnn_merged in file order", function()
    local set = prompts { dataset = "cnn_dailymail_news", subset = "1k", count = 200 }
    local ids = list(set.items, "id")
    assert.are_not.same(ids, sorted { table.unpack(ids) })
    ids = sorted(ids)
    for i = 2, #ids do assert.is_true(ids[i - 1] < ids[i]) end
    local merged = list(prompts { dataset = "cnn_merged", count = 60 }.items, "id")
    assert.same(sorted { table.unpack(merged) }, merged)
    assert.equal(60, #merged)
    assert.is_true(merged[60] > 60)
  end)
end)

describe("the reference's files", function()
  with_files("have the counts of the tables, which are those that the files state", function()
    for _, entry in ipairs(TABLES) do
      for _, subset in ipairs(data.subsets(entry[1])) do
        local set = prompts { dataset = entry[1], subset = subset, folder = folder }
        local lengths = table_of(entry[2], subset)
        assert.same(lengths.prompt_tokens, list(set.items, "content_tokens"))
        assert.equal("file", set.source.kind)
        assert.equal(lengths.sha256, set.source.sha256)
        assert.equal(0, set.unknown_tokens)
      end
    end
    assert.same(table_of("cnn-merged", "cnn_merged").prompt_tokens,
      list(prompts { dataset = "cnn_merged", folder = folder }.items, "content_tokens"))
  end)

  with_files("give the published input totals of Spec-Bench", function()
    for subset, tokens in pairs { conversation = 5438, ["math-reasoning"] = 4741, qa = 921,
      rag = 57602, summarization = 59781, translation = 3780 } do
      local items = prompts { dataset = "spec_bench", subset = subset, folder = folder }.items
      assert.equal(80, #items)
      assert.equal(tokens, sum(list(items, "tokens")))
    end
    local all = prompts { dataset = "spec_bench", folder = folder }.items
    assert.equal(480, #all)
    assert.equal("string", type(all[1].turns[1]))
    assert.same(list(prompts { dataset = "spec_bench" }.items, "task"), list(all, "task"))
  end)

  with_files("pass ShareGPT's filter, and seed 12345 takes the published 512", function()
    local set = prompts { dataset = "sharegpt", folder = folder }
    assert.equal(900, #set.items)
    assert.equal(1024, set.source.rows)
    for _, item in ipairs(set.items) do
      assert.is_true(item.tokens >= 4 and item.tokens <= 1024)
      assert.is_true(item.answer_tokens >= 4 and item.tokens + item.answer_tokens <= 2048)
    end
    local published = prompts { dataset = "sharegpt", folder = folder, count = 512, seed = 12345 }
    assert.equal(55896, sum(list(published.items, "tokens")))
    local synthetic = prompts { dataset = "sharegpt", count = 512, seed = 12345 }
    assert.same(list(published.items, "id"), list(synthetic.items, "id"))
    assert.same(list(published.items, "answer_tokens"), list(synthetic.items, "answer_tokens"))
  end)

  with_files("are joined to 4k and 8k", function()
    local stories = prompts { dataset = "cnn_dailymail_news", subset = "2k", folder = folder,
      instruction = false }.items
    for subset, parts in pairs { ["4k"] = 2, ["8k"] = 4 } do
      local set = prompts { dataset = "cnn_dailymail_news", subset = subset, folder = folder,
        instruction = false }
      assert.equal(256 // parts, #set.items)
      local limit = data.length_label(subset)
      for i, item in ipairs(set.items) do
        assert.equal(parts, item.stories)
        assert.is_true(item.tokens > 0.85 * limit and item.tokens <= limit)
        local first = (i - 1) * parts + 1
        assert.equal(first, item.id)
        local start = stories[first].text .. "\n\n" .. stories[first + 1].text
        assert.equal(start, item.text:sub(1, #start))
      end
    end
  end)

  with_files("state the length of the report that highlights came from", function()
    for subset, tokens in pairs { ["0.25k"] = 256, ["0.5k"] = 512, ["1k"] = 1000, ["8k"] = 8000 } do
      local items = prompts {
        dataset = "cnn_dailymail_highlights", subset = subset, folder = folder, count = 5,
      }.items
      assert.same({ tokens, tokens, tokens, tokens, tokens }, list(items, "expected_context"))
    end
  end)

  with_files("of sonnets fill prompts up to the length asked for", function()
    for _, tokens in ipairs { 550, 6000 } do
      local set = prompts { dataset = "sonnet", tokens = tokens, count = 8, folder = folder }
      for _, item in ipairs(set.items) do
        assert.is_true(item.tokens <= tokens and item.tokens > tokens - 20)
      end
      assert.are_not.equal(set.items[1].text, set.items[2].text)
    end
  end)

  with_files("are those of the manifest", function()
    local manifest = dofile(environment.home .. "/datasets/manifest.lua")
    assert.equal(28, #manifest.files)
    for _, entry in ipairs(manifest.files) do
      local path = folder .. "/" .. entry.file
      assert.equal(manifest.base .. entry.file, entry.url)
      if entry.sha256 or fs.stat(path) then -- the 4k and 8k reports are known by git's id alone and may be missing
        assert.is_true(cache.check(path, entry))
        local set = prompts { dataset = entry.dataset, subset = entry.subset, folder = folder,
          count = 20, tokens = 100 }
        if entry.sha256 then assert.equal(entry.sha256, set.source.sha256) end
        if entry.rows then assert.equal(entry.rows, set.source.rows) end
      end
    end
  end)
end)
