-- What is said of a pair of checkpoints, and of a model that thinks, before any server starts.

local json = require "specbench.base.json"

local w

before_each(function() w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

local THINKS = "{%- if enable_thinking is defined and enable_thinking is false %}...{% endif %}"

local function checkpoint(name, config, template)
  assert(os.execute(("mkdir -p '%s/%s'"):format(w.folder, name)))
  w:write(name .. "/config.json", json.encode(config))
  if template then w:write(name .. "/chat_template.jinja", template) end
end

local function round(server)
  w:write("grid.lua", (w.round():gsub("model = \"qwen2.5%-7b\"", (server or "") .. '%0')))
end

local function models(draft)
  w:write("models.lua", ('return { ["qwen2.5-7b"] = { path = "./target", python = "./python" }, ["qwen2.5-0.5b"] = '
    .. '{ path = "./draft", %s } }'):format(draft or ""))
  w:write("python", "#!/bin/sh\nexit 1\n")
  assert(os.execute(("chmod +x '%s/python'"):format(w.folder)))
end

local VERSION = "--engine vllm --engine-version 0.26.0 --models models.lua "

describe("a pair whose vocabularies differ", function()
  before_each(function()
    checkpoint("target", { vocab_size = 152064, num_attention_heads = 28 })
    checkpoint("draft", { vocab_size = 151936, num_attention_heads = 14 })
  end)

  it("is refused in one line by run, and plan says it", function()
    round()
    models()
    local result = w:run("run grid.lua --out results " .. VERSION)
    assert.equal(1, result.status)
    assert.equal("specbench: vllm: qwen2.5-7b has a vocabulary of 152064 tokens, its draft qwen2.5-0.5b one of "
      .. "151936, and they must be equal: speculative = { use_heterogeneous_vocab = true } in the round or in the "
      .. "draft's entry of the models file, a draft padded to 152064, or another draft "
      .. "(scripts/specbench/engine/README.md, \"Pairs that fit\")\n", result.err)
    local plan = w:run("plan grid.lua " .. VERSION)
    assert.equal(0, plan.status)
    assert.truthy(plan.out:find("Warning: a run would stop here: vllm: qwen2.5-7b has a vocabulary", 1, true))
  end)

  it("goes on to the next question where the models file says the remedy, which the server is told", function()
    round()
    models "speculative = { use_heterogeneous_vocab = true }"
    local plan = w:run("plan grid.lua --show-argv " .. VERSION)
    assert.is_nil(plan.out:find("vocabulary", 1, true))
    assert.truthy(plan.out:find('"use_heterogeneous_vocab":true', 1, true), plan.out)
  end)

  it("does not stop what it does not touch", function()
    round()
    models()
    local plan = w:run("plan grid.lua --only method=none " .. VERSION)
    assert.is_nil(plan.out:find("would stop here", 1, true), plan.out)
  end)
end)

describe("a model of no place", function()
  it("is refused for an engine that loads checkpoints", function()
    round()
    for _, engine in ipairs { "vllm", "vllm_v0", "sglang", "trtllm" } do
      local plan = w:run(("plan grid.lua --engine %s"):format(engine))
      assert.truthy(plan.out:find(("would stop here: %s: nothing says where model 'qwen2.5-7b' is: --model qwen2.5-7b=")
        :format(engine), 1, true), plan.out)
    end
    local named = w:run("plan grid.lua --engine vllm --engine-version 0.26.0 --model qwen2.5-7b=Qwen/Qwen2.5-7B "
      .. "--model qwen2.5-0.5b=Qwen/Qwen2.5-0.5B")
    assert.is_nil(named.out:find("nothing says where", 1, true))
    local simulated = w:run "plan grid.lua"
    assert.is_nil(simulated.out:find("would stop here", 1, true))
  end)
end)

describe("a checkpoint's own quantisation", function()
  it("can be taken instead of the round's", function()
    checkpoint("target", { vocab_size = 8, quantization_config = { quant_method = "gptq" } })
    checkpoint("draft", { vocab_size = 8 })
    round 'quantization = "awq_marlin", '
    local function entry(quantization)
      w:write("models.lua", ('return { ["qwen2.5-7b"] = { path = "./target", %s }, ["qwen2.5-0.5b"] = "./draft" }')
        :format(quantization))
      return w:run("plan grid.lua --show-argv " .. VERSION).out
    end
    assert.truthy(entry(""):find("quantization = awq_marlin, but qwen2.5-7b was quantised with gptq", 1, true))
    local own = entry 'quantization = "auto"'
    assert.is_nil(own:find("--quantization", 1, true))
    assert.is_nil(own:find("quantised", 1, true))
    assert.truthy(entry('quantization = "gptq_marlin"'):find("--quantization gptq_marlin", 1, true))
  end)
end)

describe("a model that thinks by default", function()
  it("is pointed out, until it is told whether to", function()
    checkpoint("target", { vocab_size = 8 }, THINKS)
    checkpoint("draft", { vocab_size = 8 })
    round()
    models()
    local says = "Note: model 'qwen2.5-7b' thinks before it answers, by its chat template"
    assert.truthy(w:run("plan grid.lua " .. VERSION).out:find(says, 1, true))
    local told = w:run("plan grid.lua --body 'chat_template_kwargs={\"enable_thinking\":false}' " .. VERSION).out
    assert.is_nil(told:find(says, 1, true))
    w:write("models.lua", [[return { ["qwen2.5-7b"] = { path = "./target",
      body = { chat_template_kwargs = { enable_thinking = false } } }, ["qwen2.5-0.5b"] = "./draft" }]])
    assert.is_nil(w:run("plan grid.lua " .. VERSION).out:find(says, 1, true))
  end)
end)

describe("a shape with another model's tokenizer", function()
  it("is pointed out where most rows have no text, not where some pad them", function()
    checkpoint("draft", { vocab_size = 8 })
    round()
    models()
    local function said(rows)
      checkpoint("target", { vocab_size = rows })
      w:write("target/tokenizer.json", '{"model": {"vocab": {"a": 0, "b": 7}}}')
      return w:run("plan grid.lua " .. VERSION).out
        :match "Note: model 'qwen2.5%-7b': its tokenizer makes 8 different tokens, and config.json has vocab_size (%d+)"
    end
    assert.is_nil(said(8))
    assert.equal("20", said(20))
  end)
end)

describe("a context that is too small for a prompt and its answer", function()
  it("is pointed out, with the tokens of both", function()
    checkpoint("target", { vocab_size = 8, max_position_embeddings = 8 })
    checkpoint("draft", { vocab_size = 8, max_position_embeddings = 4 })
    round()
    models()
    local plan = w:run("plan grid.lua " .. VERSION).out
    local note = plan:match "Note: model 'qwen2.5%-7b': the longest prompt and its answer together are about (%d+) "
    local has = assert(math.tointeger(note), plan)
    assert.equal(1, select(2, plan:gsub("its context holds 8", "")), plan)
    checkpoint("target", { vocab_size = 8, max_position_embeddings = has })
    plan = w:run("plan grid.lua " .. VERSION).out
    assert.is_nil(plan:find("model 'qwen2.5-7b'", 1, true), plan)
    assert.equal(1, select(2, plan:gsub("model 'qwen2.5%-0.5b': the longest .* holds 4", "")), plan)
    checkpoint("draft", { vocab_size = 8, max_position_embeddings = has })
    assert.is_nil(w:run("plan grid.lua " .. VERSION).out:find("its context holds", 1, true))
  end)
end)

describe("fields of requests", function()
  it("come from the command line, before the models file's, before the round's, and make other cells", function()
    w:write("grid.lua", (w.round():gsub("limits =", 'body = { top_p = 0.5, top_k = 1 }, %0')))
    w:write("models.lua", ('return { ["qwen2.5-7b"] = { binary = %q, body = { top_p = 0.7, temperature = 0.3 } } }')
      :format(w.server))
    local result = w:run_grid("--set concurrency=1 --only method=none --body top_p=0.9 --body 'stop=[\"x\"]' "
      .. "--body user=me")
    assert.equal(0, result.status, result.err)
    local _, text = next(w:cells "cells")
    local work = json.decode(text).identity.workload
    assert.same({ top_p = 0.9, top_k = 1, stop = { "x" }, user = "me" }, work.body)
    assert.equal(0.3, work.temperature)
    result = w:run_grid "--set concurrency=1 --only method=none --temperature 0.8"
    assert.equal(0, result.status, result.err)
    assert.equal(2, w:count "cells")
  end)

  it("are refused where they are the run's own or no fields", function()
    round()
    for argument, words in pairs {
      ["--body model=x"] = "'model' is the round's or the run's to say", ["--body nothing"] = "must be KEY=VALUE",
      ["--body max_tokens=3"] = "'max_tokens'", ["--temperature 1 --body temperature=0"] = "contradict each other",
    } do
      local result = w:run("plan grid.lua " .. argument)
      assert.equal(2, result.status)
      assert.truthy(result.err:find(words, 1, true), result.err)
    end
  end)
end)
