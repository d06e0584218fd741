-- Pairs of checkpoints that cannot be served together, found from their config.json before anything starts.

local checkpoint = require "specbench.experiment.checkpoint"
local engine = require "specbench.engine"
local fit = require "specbench.experiment.fit"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local folder

before_each(function()
  folder = os.tmpname()
  os.remove(folder)
end)
after_each(function() fs.remove(folder) end)

-- What these models say of themselves, as far as it is read.
local QWEN_7B = { vocab_size = 152064, num_attention_heads = 28, hidden_size = 3584, max_position_embeddings = 32768,
  model_type = "qwen2", architectures = { "Qwen2ForCausalLM" } }
local QWEN_72B = { vocab_size = 152064, num_attention_heads = 64, hidden_size = 8192, max_position_embeddings = 32768,
  model_type = "qwen2", architectures = { "Qwen2ForCausalLM" } }
local QWEN_05B = { vocab_size = 151936, num_attention_heads = 14, hidden_size = 896, max_position_embeddings = 32768,
  model_type = "qwen2", architectures = { "Qwen2ForCausalLM" } }
local PADDED_05B = { vocab_size = 152064, num_attention_heads = 14, hidden_size = 896, model_type = "qwen2" }
local LLAMA_8B = { vocab_size = 128256, num_attention_heads = 32, hidden_size = 4096, max_position_embeddings = 8192,
  model_type = "llama", architectures = { "LlamaForCausalLM" } }
local LLAMA_1B = { vocab_size = 128256, num_attention_heads = 32, hidden_size = 2048, model_type = "llama" }
local EAGLE = { vocab_size = 128256, num_attention_heads = 32, hidden_size = 4096, model_type = "llama",
  architectures = { "LlamaForCausalLM" } }
local EAGLE3 = { vocab_size = 128256, num_attention_heads = 32, hidden_size = 4096, model_type = "llama",
  architectures = { "LlamaForCausalLMEagle3" } }

local function with(base, changes)
  local copy = {}
  for name, value in pairs(base) do copy[name] = value end
  for name, value in pairs(changes) do copy[name] = value end
  return copy
end

local function model(name, config, files)
  local path = folder .. "/" .. name
  assert(fs.mkdir(path))
  assert(fs.write(path .. "/config.json", json.encode(config)))
  for file, text in pairs(files or {}) do assert(fs.write(path .. "/" .. file, text)) end
  return { name = name, path = path }
end

local function flaw(name, target, draft, changes)
  local server = { method = draft and "draft" or "none", k = 3, model = model("target", target) }
  if draft then server.draft = model("head", draft) end
  for key, value in pairs(changes or {}) do server[key] = value end
  return fit.flaw(engine.load(name), server, checkpoint.read(server.model.path),
    server.draft and checkpoint.read(server.draft.path))
end

local function refuses(words, ...)
  local found = flaw(...)
  assert.truthy(found and found:find(words, 1, true), ("%s is not in %s"):format(words, tostring(found)))
  assert.is_nil(found:find("\n", 1, true))
  fs.remove(folder)
end

local function passes(...)
  assert.is_nil((flaw(...)))
  fs.remove(folder)
end

describe("vocabularies", function()
  it("of a target and its draft model must be equal on vLLM, and the line has the remedies", function()
    for _, name in ipairs { "vllm", "vllm_v0" } do
      refuses("target has a vocabulary of 152064 tokens, its draft head one of 151936, and they must be equal: ", name,
        QWEN_7B, QWEN_05B)
      passes(name, QWEN_7B, PADDED_05B)
      passes(name, LLAMA_8B, LLAMA_1B)
    end
    refuses("speculative = { use_heterogeneous_vocab = true }", "vllm", QWEN_7B, QWEN_05B)
    refuses("a draft padded to 152064", "vllm", QWEN_7B, QWEN_05B)
    passes("vllm", QWEN_7B, QWEN_05B, { speculative = { use_heterogeneous_vocab = true } })
    refuses("a draft padded to 152064, or another draft", "vllm_v0", QWEN_7B, QWEN_05B)
    passes("sglang", QWEN_7B, QWEN_05B)
    passes("vllm", QWEN_7B, QWEN_05B, { method = "none" })
  end)
end)

describe("a tokenizer", function()
  local function with_tokens(vocabulary, added)
    local files = { ["tokenizer.json"] = json.encode { model = { vocab = vocabulary }, added_tokens = added } }
    local server = { method = "none", model = model("target", { vocab_size = 3 }, files) }
    local found = checkpoint.read(server.model.path)
    local reason = fit.flaw(engine.load "vllm", server, found)
    fs.remove(folder)
    return reason, found.tokens
  end

  it("makes no token that the model has no row for", function()
    local reason, tokens = with_tokens { a = 0, b = 7, c = 1 }
    assert.equal(8, tokens)
    assert.truthy(reason:find("the tokenizer of target makes 8 different tokens, but its config.json has vocab_size 3",
      1, true), reason)
    assert.truthy(with_tokens { { "a", -1.5 }, { "b", -2.5 }, { "c", -3.5 }, { "d", -4 } })
    assert.is_nil((with_tokens { a = 0, b = 1, c = 2 }))
    assert.is_nil((with_tokens { { "a", -1.5 }, { "b", -2.5 } }))
  end)

  it("may have a padding token of its own beyond them", function()
    assert.is_nil((with_tokens({ a = 0, c = 2 }, { { id = 3, content = "<pad>" } })))
  end)

  it("may be of a kind that says nothing of its tokens", function()
    assert.is_nil((with_tokens(nil)))
    assert.is_nil((with_tokens "none"))
  end)
end)

describe("attention heads", function()
  it("must divide by the GPUs, the draft's too", function()
    refuses("the draft head has 14 attention heads, which do not divide by its tensor parallel size 4 "
      .. "(tensor_parallel = 4): take tensor_parallel = 1 or 2, or another draft", "vllm", QWEN_72B, PADDED_05B,
      { tensor_parallel = 4 })
    passes("vllm", QWEN_72B, PADDED_05B, { tensor_parallel = 2 })
    refuses("target has 28 attention heads, which tensor_parallel = 8 does not divide: take 1 or 2 or 4 or 7", "vllm",
      QWEN_7B, nil, { tensor_parallel = 8 })
    passes("vllm", QWEN_7B, nil, { tensor_parallel = 4 })
    refuses("14 attention heads", "sglang", QWEN_72B, QWEN_05B, { tensor_parallel = 4 })
    refuses("14 attention heads", "trtllm", QWEN_72B, QWEN_05B, { tensor_parallel = 4 })
  end)

  it("are the draft's own matter where it may have its own GPU", function()
    refuses("draft_tensor_parallel = 1 must be tensor_parallel = 4 with a draft model", "vllm", QWEN_72B, PADDED_05B,
      { tensor_parallel = 4, draft_tensor_parallel = 1 })
    passes("vllm_v0", QWEN_72B, PADDED_05B, { tensor_parallel = 4, draft_tensor_parallel = 1 })
    refuses("draft_tensor_parallel = 2 must be tensor_parallel = 4, or 1", "vllm_v0", QWEN_72B, PADDED_05B,
      { tensor_parallel = 4, draft_tensor_parallel = 2 })
    passes("vllm", LLAMA_8B, EAGLE, { method = "eagle", tensor_parallel = 4, draft_tensor_parallel = 1 })
  end)
end)

describe("a head", function()
  it("belongs to its target", function()
    refuses("head is a head for targets with hidden states of 4096, target has 3584", "vllm", QWEN_7B, EAGLE,
      { method = "eagle" })
    passes("vllm", LLAMA_8B, EAGLE, { method = "eagle" })
    refuses("hidden states of 5120", "vllm", LLAMA_8B, with(EAGLE3, { target_hidden_size = 5120 }),
      { method = "eagle3" })
    passes("vllm", LLAMA_8B, with(EAGLE3, { hidden_size = 2048 }), { method = "eagle3" })
    refuses("head is an EAGLE 3 head: method = \"eagle3\"", "vllm", LLAMA_8B, EAGLE3, { method = "eagle" })
  end)

  it("must be converted for vLLM 0.6, and name its kind for SGLang", function()
    refuses("head says model_type llama, and V0 takes a head for what its model_type says: it needs eagle", "vllm_v0",
      LLAMA_8B, EAGLE, { method = "eagle" })
    passes("vllm_v0", LLAMA_8B, with(EAGLE, { model_type = "eagle" }), { method = "eagle" })
    refuses("write LlamaForCausalLMEagle, and give it an fc.bias", "sglang", LLAMA_8B, EAGLE, { method = "eagle" })
    passes("sglang", LLAMA_8B, with(EAGLE, { architectures = { "LlamaForCausalLMEagle" } }), { method = "eagle" })
  end)
end)

describe("quantisation", function()
  it("is what the checkpoint has, or a kernel for it", function()
    local awq = with(QWEN_7B, { quantization_config = { quant_method = "awq", bits = 4 } })
    local gptq = with(QWEN_7B, { quantization_config = { quant_method = "gptq", bits = 4 } })
    passes("vllm", awq, nil, { quantization = "awq_marlin" })
    passes("vllm", awq, nil, { quantization = "awq" })
    passes("vllm", gptq, nil, { quantization = "gptq_marlin" })
    passes("vllm", awq)
    refuses("quantization = awq_marlin, but target was quantised with gptq", "vllm", gptq, nil,
      { quantization = "awq_marlin" })
    refuses("quantization = awq_marlin, but target is not quantised", "vllm", QWEN_7B, nil,
      { quantization = "awq_marlin" })
    passes("vllm", QWEN_7B, nil, { quantization = "fp8" })
  end)
end)

describe("a context", function()
  it("may not be longer than the model's, unless its rope is scaled", function()
    refuses("max_model_len = 16384, but target was made for 8192 tokens", "vllm", LLAMA_8B, nil,
      { max_model_len = 16384 })
    passes("vllm", LLAMA_8B, nil, { max_model_len = 8192 })
    passes("vllm", with(LLAMA_8B, { rope_scaling = { rope_type = "llama3", factor = 8 } }), nil,
      { max_model_len = 16384 })
  end)
end)

describe("what is not on this machine", function()
  it("is not known, and nothing is said against it", function()
    local server = { method = "draft", k = 3, model = { name = "t", path = "Owner/Target" },
      draft = { name = "d", path = "Owner/Draft" } }
    assert.is_nil(checkpoint.read("Owner/Target", { HF_HUB_CACHE = folder }))
    assert.is_nil(checkpoint.read("/no/such/folder"))
    assert.is_nil(fit.flaw(engine.load "vllm", server, nil, nil))
    assert.is_nil(checkpoint.read(nil))
  end)

  it("is read out of Hugging Face's cache under its id", function()
    local root = folder .. "/models--Qwen--Qwen2.5-7B"
    assert(fs.mkdir(root .. "/snapshots/0123abc"))
    assert(fs.mkdir(root .. "/refs"))
    assert(fs.write(root .. "/refs/main", "0123abc\n"))
    assert(fs.write(root .. "/snapshots/0123abc/config.json", json.encode(QWEN_7B)))
    assert.equal(152064, checkpoint.read("Qwen/Qwen2.5-7B", { HF_HUB_CACHE = folder }).vocabulary)
    assert.is_nil(checkpoint.read("Qwen/Qwen2.5-14B", { HF_HUB_CACHE = folder }))
    fs.remove(root .. "/refs")
    assert.equal(28, checkpoint.read("Qwen/Qwen2.5-7B", { HF_HUB_CACHE = folder }).heads)
  end)

  it("may be no JSON at all, or other than expected", function()
    local path = model("m", {}).path
    assert(fs.write(path .. "/config.json", "not json"))
    assert.is_nil(checkpoint.read(path))
    assert(fs.write(path .. "/config.json", '{"vocab_size":"many","architectures":7,"text_config":{"hidden_size":8}}'))
    local found = checkpoint.read(path)
    assert.is_nil(found.vocabulary)
    assert.equal(8, found.hidden)
  end)
end)

describe("a chat template", function()
  local THINKS = "{%- if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}"

  it("tells whether a model thinks by default", function()
    assert.is_true(checkpoint.thinks(THINKS))
    assert.is_false(checkpoint.thinks "{{ messages }}")
    assert.is_false(checkpoint.thinks(nil))
  end)

  it("stands in a file of its own or among the tokenizer's settings", function()
    local function template(files)
      local path = model("m", LLAMA_8B, files).path
      local found = checkpoint.read(path).template
      fs.remove(folder)
      return found
    end
    assert.equal("a", template { ["chat_template.jinja"] = "a" })
    assert.equal("b", template { ["tokenizer_config.json"] = '{"chat_template":"b"}' })
    assert.equal("c", template { ["tokenizer_config.json"] =
      '{"chat_template":[{"name":"tool_use","template":"x"},{"name":"default","template":"c"}]}' })
    assert.is_nil(template {})
  end)
end)
