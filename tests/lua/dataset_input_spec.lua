-- Files that are not the published ones, and options and files that are wrong.

local fixture = require "dataset_fixture"

local list, mistake, prompts = fixture.list, fixture.mistake, fixture.prompts
local with_folder = fixture.with_folder

describe("a file whose counts nobody knows", function()
  it("has rows without tokens, and the set says how many", function()
    with_folder({
      ["spec-bench/spec-bench-qa.jsonl"] = '{"category": "qa", "turns": ["Who?"]}\n'
        .. '{"category": "qa", "turns": ["When?"]}',
    }, function(path)
      local set = prompts { dataset = "spec_bench", subset = "qa", folder = path }
      assert.equal(2, set.unknown_tokens)
      assert.is_nil(set.items[1].tokens)
      assert.equal("When?", set.items[2].text)
    end)
  end)

  it("of ShareGPT is taken unfiltered, with a warning", function()
    with_folder({ ["own.json"] = [=[[{"id": "a", "conversations": [{"from": "human", "value": "Hi"},
      {"from": "gpt", "value": "Hello"}]}, {"id": "b", "conversations": []}]]=] }, function(path)
      local set = prompts { dataset = "sharegpt", path = path .. "/own.json" }
      assert.same({ "Hi" }, list(set.items, "text"))
      assert.equal(1, set.unknown_tokens)
      assert.truthy(set.warning:find("were not applied", 1, true))
    end)
  end)

  it("of CNN/DailyMail still states its counts, by the number of reports joined", function()
    with_folder({
      ["CNN-DailyMail-News/cnn_dailymail_4k.jsonl"] =
        '{"content": "a", "total_prompt_tokens": 3900, "how_many_news": 2, "tokens_range": "4k"}\n'
        .. '{"content": "b", "total_prompt_tokens": 3900, "how_many_news": 3}\n',
    }, function(path)
      local set = prompts { dataset = "cnn_dailymail_news", subset = "4k", folder = path }
      assert.equal(3800, set.items[1].content_tokens)
      assert.equal(3856, set.items[1].tokens)
      assert.is_nil(set.items[2].tokens)
      assert.equal(1, set.unknown_tokens)
    end)
  end)
end)

describe("stories of another 2k file", function()
  it("are joined, as many as fit, and the tokens of the whole stay unknown", function()
    local rows = {}
    for i = 1, 5 do
      rows[i] = ('{"content": "story %d", "total_prompt_tokens": 1556}\n'):format(i)
    end
    local stories = table.concat(rows)
    with_folder({ ["CNN-DailyMail-News/cnn_dailymail_2k.jsonl"] = stories }, function(path)
      local options = {
        dataset = "cnn_dailymail_news", subset = "4k", folder = path, instruction = false,
      }
      local set = prompts(options)
      assert.same({ "story 1\n\nstory 2", "story 3\n\nstory 4" }, list(set.items, "text"))
      assert.equal(2, set.unknown_tokens)
      options.subset = "8k"
      assert.same({ 5 }, list(prompts(options).items, "stories"))
    end)
  end)

  it("cannot be joined where a row does not state its tokens", function()
    with_folder({ ["CNN-DailyMail-News/cnn_dailymail_2k.jsonl"] = '{"content": "a"}\n' },
      function(path)
        local message = mistake { dataset = "cnn_dailymail_news", subset = "4k", folder = path }
        assert.truthy(message:find("row 1 has no total_prompt_tokens", 1, true))
      end)
  end)
end)

describe("users' own prompts", function()
  it("come from a field of a JSONL file, with its counts where a field has them", function()
    local rows = '{"q": "one", "n": 1}\n\n{"q": "two words", "n": 2}\n'
    with_folder({ ["own.jsonl"] = rows }, function(path)
      local options = {
        dataset = "jsonl", path = path .. "/own.jsonl", field = "q", tokens_field = "n",
      }
      local set = prompts(options)
      assert.same({ "one", "two words" }, list(set.items, "text"))
      assert.same({ 1, 2 }, list(set.items, "tokens"))
      assert.same({ q = "one", n = 1 }, set.items[1].row)
      options.tokens_field, options.instruction = nil, { text = "Answer: " }
      set = prompts(options)
      assert.equal("Answer: one", set.items[1].text)
      assert.equal("custom", set.items[1].instruction)
      assert.equal(2, set.unknown_tokens)
    end)
  end)

  it("come from the .txt files of a folder, in the order of their names", function()
    with_folder({ ["b.txt"] = "second", ["a.txt"] = "first", ["c.md"] = "no" }, function(path)
      local set = prompts { dataset = "folder", path = path }
      assert.same({ "first", "second" }, list(set.items, "text"))
      assert.same({ "a.txt", "b.txt" }, list(set.items, "name"))
    end)
  end)
end)

describe("a mistake is told in one line", function()
  it("where a file is missing: which, where it is published and what to do", function()
    with_folder({}, function(path)
      local message = mistake { dataset = "cnn_dailymail_news", subset = "1k", folder = path }
      local file = path .. "/CNN-DailyMail-News/cnn_dailymail_1k.jsonl"
      assert.truthy(message:find(file .. ": no such file", 1, true))
      assert.truthy(message:find("github.com/spitzblattr/spec-bench-vllm", 1, true))
      assert.truthy(message:find("--datasets", 1, true))
    end)
    assert.truthy(mistake { dataset = "sharegpt", folder = "/nowhere/at/all" }
      :find("/nowhere/at/all: no such folder", 1, true))
  end)

  it("where a file of one's own is not there: the place that a relative path means", function()
    local here = require("sb.fs").realpath "."
    for dataset, what in pairs { jsonl = "file", folder = "folder" } do
      assert.equal(("./nope/a (looked at %s/nope/a; a relative path starts at the current folder): no such %s"):format(
        here, what), mistake { dataset = dataset, path = "./nope/a" })
      assert.equal("/nope/a: no such " .. what, mistake { dataset = dataset, path = "/nope/a" })
    end
  end)

  it("where a line is malformed: file and line", function()
    for wrong, reason in pairs {
      ['{"content": '] = ":3: ", ['{"title": "t"}'] = ':3: no field "content"',
      ['{"content": 5}'] = ':3: field "content" is a number, not a string', ["[1"] = ":3: ",
    } do
      with_folder({ ["THUCNews/thucnews_1k.jsonl"] = '{"content": "好"}\n\n' .. wrong .. "\n" },
        function(path)
          local message = mistake { dataset = "thucnews", subset = "1k", folder = path }
          local expected = path .. "/THUCNews/thucnews_1k.jsonl" .. reason
          assert.equal(expected, message:sub(1, #expected))
        end)
    end
    with_folder({ ["own.jsonl"] = '{"q": "one"}\ntwo\n' }, function(path)
      local message = mistake { dataset = "jsonl", path = path .. "/own.jsonl", field = "q" }
      assert.truthy(message:find(path .. "/own.jsonl:2: not JSON: ", 1, true), message)
      assert.truthy(message:find('each line must be {"q": "..."}', 1, true), message)
    end)
    with_folder({ ["THUCNews/thucnews_1k.jsonl"] = "\n" }, function(path)
      local message = mistake { dataset = "thucnews", subset = "1k", folder = path }
      assert.truthy(message:find(": no rows$"))
    end)
  end)

  it("where an option is wrong", function()
    for message, options in pairs {
      ["unknown dataset 'sharegtp' (did you mean 'sharegpt'?); known: cnn_"] =
        { dataset = "sharegtp" },
      ["cnn_dailymail_news needs a subset: one of 0.25k, 0.5k"] =
        { dataset = "cnn_dailymail_news" },
      ["unknown subset of thucnews '8k'"] = { dataset = "thucnews", subset = "8k" },
      ["sharegpt has no subsets, so not 'qa'"] = { dataset = "sharegpt", subset = "qa" },
      ["data.prompts: count = 0: must be a whole number from 1"] = { dataset = "sharegpt", count = 0 },
      ["random: tokens, the length of each prompt"] = { dataset = "random", count = 3 },
      ["random: count, the number of prompts"] = { dataset = "random", tokens = 3 },
      ["no instruction 'shout'; there are highlight2news"] =
        { dataset = "sharegpt", instruction = "shout" },
      ["jsonl: path, the file to read"] = { dataset = "jsonl" },
      ["data.prompts: unknown key 'seeed' (did you mean 'seed'?)"] = { dataset = "random", tokens = 3, seeed = 1 },
      ["data.prompts: unknown key 'cnt' (did you mean 'count'?)"] = { dataset = "spec_bench", cnt = 4 },
      ["data.prompts: dataset is missing"] = {},
      ["data.prompts: subset = 1: must be a string that is not empty"] = { dataset = "thucnews", subset = 1 },
      ["data.prompts: seed = 1.5: must be a whole number"] = { dataset = "spec_bench", seed = 1.5 },
      ["data.prompts.instruction: text is missing"] = { dataset = "spec_bench", instruction = { tokens = 3 } },
      ["data.prompts: instruction = true: must be a string that is not empty or a table or false"] =
        { dataset = "spec_bench", instruction = true },
    } do
      assert.equal(1, (mistake(options):find(message, 1, true)))
    end
  end)

  it("where nothing at all is asked for", function()
    local set, message = require("specbench.dataset").prompts()
    assert.is_nil(set)
    assert.equal("data.prompts: must be a table, not nil", message)
  end)

  it("where fewer rows are there than asked for: all of them, with a warning", function()
    local set = prompts { dataset = "spec_bench", subset = "qa", count = 96 }
    assert.equal(80, #set.items)
    assert.equal("spec_bench qa: 96 prompts asked for, but there are 80: all are taken",
      set.warning)
    assert.is_nil(prompts { dataset = "spec_bench", subset = "qa", count = 80 }.warning)
  end)
end)
