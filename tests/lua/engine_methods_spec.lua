-- What each engine's command line says of each of its methods, k = 3: every method of every engine stands here.

local engine = require "specbench.engine"

local function vllm(method, rest)
  return ('--speculative-config {"method":"%s",%s'):format(method, rest)
end

local MODEL = '"model":"/d","num_speculative_tokens":3}'
local V0_HEAD = "--speculative-model /d --num-speculative-tokens 3 --speculative-draft-tensor-parallel-size 1"

local function sglang(algorithm)
  return ("--speculative-algorithm %s --speculative-draft-model-path /d --speculative-num-steps 3 "
    .. "--speculative-eagle-topk 1 --speculative-num-draft-tokens 4"):format(algorithm)
end

local function trtllm(decoding_type)
  local form = 'speculative_config: {"decoding_type":"%s","max_draft_len":3,"speculative_model_dir":"/d"}'
  return form:format(decoding_type)
end

local function llamacpp(spec_type)
  return ("-md /d --spec-type %s --spec-draft-n-max 3"):format(spec_type)
end

local GOLDEN = {
  sim = {
    draft = "--method draft --k 3", ngram = "--method ngram --k 3", eagle = "--method eagle --k 3",
    eagle3 = "--method eagle3 --k 3", medusa = "--method medusa --k 3", mtp = "--method mtp --k 3",
  },
  vllm = {
    draft = vllm("draft_model", MODEL), eagle = vllm("eagle", MODEL), eagle3 = vllm("eagle3", MODEL),
    medusa = vllm("medusa", MODEL), mtp = vllm("mtp", MODEL), dflash = vllm("dflash", MODEL),
    dspark = vllm("dspark", MODEL),
    suffix = vllm("suffix", '"num_speculative_tokens":3,"suffix_decoding_max_cached_requests":0}'),
    ngram = vllm("ngram", '"num_speculative_tokens":3,"prompt_lookup_max":3,"prompt_lookup_min":1}'),
    ngram_gpu = vllm("ngram_gpu", '"num_speculative_tokens":3,"prompt_lookup_max":3,"prompt_lookup_min":1}'),
  },
  vllm_v0 = {
    draft = "--speculative-model /d --num-speculative-tokens 3", eagle = V0_HEAD, medusa = V0_HEAD,
    mlp_speculator = V0_HEAD,
    ngram = "--speculative-model [ngram] --num-speculative-tokens 3 --ngram-prompt-lookup-max 3",
  },
  sglang = {
    draft = sglang "STANDALONE", eagle = sglang "EAGLE", eagle3 = sglang "EAGLE3", mtp = sglang "NEXTN",
    ngram = "--speculative-algorithm NGRAM --speculative-num-draft-tokens 4 "
      .. "--speculative-ngram-max-trie-depth 6 --speculative-ngram-max-bfs-breadth 1",
    dflash = "--speculative-algorithm DFLASH --speculative-draft-model-path /d --speculative-num-draft-tokens 4",
    dspark = "--speculative-algorithm DSPARK --speculative-draft-model-path /d --speculative-dspark-block-size 3",
  },
  trtllm = {
    draft = trtllm "Draft_Target", eagle3 = trtllm "Eagle3", mtp = trtllm "MTP", dflash = trtllm "DFlash",
    dspark = trtllm "DSpark",
    ngram = 'speculative_config: {"decoding_type":"NGram","max_draft_len":3,"max_matching_ngram_size":3,'
      .. '"is_public_pool":false}',
  },
  llamacpp = {
    draft = llamacpp "draft-simple", eagle3 = llamacpp "draft-eagle3", mtp = llamacpp "draft-mtp",
    dflash = llamacpp "draft-dflash", dspark = llamacpp "draft-dspark",
    ngram = "--spec-type ngram-simple --spec-ngram-simple-size-n 3 --spec-ngram-simple-size-m 3",
    ngram_map_k = "--spec-type ngram-map-k --spec-ngram-map-k-size-n 3 --spec-ngram-map-k-size-m 3",
    ngram_map_k4v = "--spec-type ngram-map-k4v --spec-ngram-map-k4v-size-n 3 --spec-ngram-map-k4v-size-m 3",
    ngram_mod = "--spec-type ngram-mod --spec-ngram-mod-n-match 3 --spec-ngram-mod-n-min 1 --spec-ngram-mod-n-max 3",
    ngram_cache = "--spec-type ngram-cache",
  },
}

-- The command line, and the file that comes with it; without speculation nothing of the golden text may be in them.
local function told(name, method)
  local command = engine.load(name).command {
    model = { name = "m", path = "/m" }, draft = { name = "d", path = "/d" }, port = 1, method = method, k = 3,
  }
  return table.concat(command.argv, " ") .. "\n" .. (command.config or "")
end

for _, name in ipairs(engine.names) do
  if engine.load(name).capabilities.spawn then
    describe(name, function()
      for method in pairs(engine.load(name).methods) do
        it("says what " .. method .. " is", function()
          if method == "none" then
            for _, words in pairs(GOLDEN[name]) do assert.is_nil(told(name, "none"):find(words, 1, true)) end
            assert.is_nil(told(name, "none"):find("/d", 1, true))
            return
          end
          local words = assert(GOLDEN[name][method], "no golden command line")
          local from, to = told(name, method):find(words, 1, true)
          assert.truthy(from and told(name, method):find("^%s", to + 1), told(name, method))
        end)
      end
    end)
  end
end
