-- Our command lines against the engines' own parsers, where their sources are at hand: every flag, key of JSON, method
-- and variable that an engine's file writes must be a name that this version knows. The sources need packages to be
-- imported, so they are read as text: a flag is one that add_argument is given, or the field of a dataclass that flags
-- are made from. What a value may be is not checked this way.

local engine = require "specbench.engine"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local DATA = os.getenv "SPECBENCH_TEST_DATA"

local folder

-- The named files of an archive, as one text each; nil where the archive is not there.
local function sources(archive, files)
  local path = DATA and ("%s/%s"):format(DATA, archive)
  if not (path and fs.stat(path)) then return nil end
  folder = os.tmpname()
  os.remove(folder)
  assert(fs.mkdir(folder))
  local members = {}
  for i, file in ipairs(files) do members[i] = "./" .. file end
  assert(os.execute(("tar -xf '%s' -C '%s' --occurrence=1 %s"):format(path, folder, table.concat(members, " "))))
  local texts = {}
  for i, file in ipairs(files) do texts[i] = assert(fs.read(folder .. "/" .. file)) end
  return table.unpack(texts)
end

local TARGET, DRAFT = { name = "m", path = "/t", served_name = "s" }, { name = "d", path = "/d" }

-- Every command line that an engine's file can write for this version: each method, each key that it honours.
local function commands(name, version, knobs)
  local module, list = engine.load(name), {}
  local function add(changes)
    local server = { model = TARGET, draft = DRAFT, port = 1, engine_version = version, streams = 8 }
    for key, value in pairs(changes) do server[key] = value end
    if not module.unsupported(server) then list[#list + 1] = module.command(server) end
  end
  for method in pairs(module.methods) do
    add { method = method, k = 3 }
    for key, value in pairs(knobs) do add { method = method, k = 3, [key] = value } end
  end
  return list
end

local KNOBS = {
  dtype = "bfloat16", quantization = "awq_marlin", tensor_parallel = 2, draft_tensor_parallel = 1,
  gpu_memory_utilization = 0.9, max_model_len = 4096, max_num_seqs = 64, seed = 1, prompt_lookup_max = 4,
  speculative_max_model_len = 1280, k_by_batch_size = { { 1, 7, 3 }, { 8, 64, 0 } }, acceptance = 2.5,
  chunked_prefill = false, prefix_caching = true, async_scheduling = false,
  pinned = { runner = "V1", async_scheduling = false },
}

-- What stands in the command lines: flags without dashes' direction (--no-x is x), the values of one of them, and
-- variables that are set.
local function words_of(list, wanted)
  local flags, values, variables = {}, {}, {}
  for _, command in ipairs(list) do
    for i, word in ipairs(command.argv) do
      local flag = tostring(word):match "^%-%-([%w-]+)"
      if flag then flags[flag] = true end
      if flag and flag == wanted then values[command.argv[i + 1]] = true end
    end
    for variable, value in pairs(command.env) do
      if value then variables[variable] = true end
    end
  end
  return flags, values, variables
end

local function no_source(name)
  print(("# %s's source is not here (SPECBENCH_TEST_DATA): its parser is not asked"):format(name))
  pending(name .. "'s source is not here")
end

local function has_field(text, name)
  return ("\n" .. text):find(("\n%%s+%s:%%s"):format(name)) ~= nil
end

after_each(function()
  if folder then fs.remove(folder) end
  folder = nil
end)

describe("vllm 0.26.0", function()
  it("knows every flag, key, method and variable that we write", function()
    local arguments, serving, speculative, variables_text = sources("vllm-kit/vllm-0.26.0-core.tar.xz", {
      "vllm/engine/arg_utils.py", "vllm/entrypoints/openai/cli_args.py", "vllm/config/speculative.py", "vllm/envs.py",
    })
    if not arguments then return no_source "vllm" end
    local list = commands("vllm", "0.26.0", KNOBS)
    local flags, configs, variables = words_of(list, "speculative-config")
    for flag in pairs(flags) do
      local plain = flag:gsub("^no%-", "")
      assert.truthy(arguments:find(('"--%s"'):format(plain), 1, true)
        or has_field(serving, (plain:gsub("-", "_"))), "vllm has no --" .. plain)
    end
    assert.truthy(flags["speculative-config"] and flags["no-async-scheduling"])
    local keys, methods, count = {}, {}, 0
    for text in pairs(configs) do
      local config = assert(json.decode(text))
      for key in pairs(config) do keys[key] = true end
      methods[config.method] = true
      count = count + 1
    end
    assert.truthy(count > 20)
    for key in pairs(keys) do assert.truthy(has_field(speculative, key), "SpeculativeConfig has no " .. key) end
    local kinds = speculative:match "^(.-)\nclass SpeculativeConfig"
    for method in pairs(methods) do
      assert.truthy(kinds:find(('"%s"'):format(method), 1, true), "vllm has no method " .. method)
    end
    for variable in pairs(variables) do
      if variable:find "^VLLM" then
        assert.truthy(variables_text:find(('"%s"'):format(variable), 1, true), "vllm has no " .. variable)
      end
    end
    assert.truthy(variables.VLLM_USE_V2_MODEL_RUNNER)
  end)
end)

describe("sglang 0.5.17", function()
  it("knows every flag, algorithm and variable that we write", function()
    local arguments, variables_text, algorithms_text = sources("sglang-kit/sglang-0.5.17-core.tar.xz", {
      "sglang/srt/server_args.py", "sglang/srt/environ.py", "sglang/srt/speculative/spec_info.py",
    })
    if not arguments then return no_source "sglang" end
    local list = commands("sglang", "0.5.17", KNOBS)
    local flags, algorithms, variables = words_of(list, "speculative-algorithm")
    for flag in pairs(flags) do
      assert.truthy(has_field(arguments, (flag:gsub("-", "_"))) or arguments:find(('"--%s"'):format(flag), 1, true),
        "sglang has no --" .. flag)
    end
    assert.truthy(flags["speculative-ngram-max-trie-depth"] and flags["sampling-defaults"])
    local older = words_of(commands("sglang", "0.5.9", KNOBS), "speculative-algorithm")
    assert.truthy(older["speculative-ngram-max-match-window-size"]) -- which this version does not know any more
    assert.falsy(has_field(arguments, "speculative_ngram_max_match_window_size"))
    for algorithm in pairs(algorithms) do
      assert.truthy(algorithm == "NEXTN" and arguments:find("NEXTN", 1, true) -- an alias of EAGLE
        or algorithms_text:find(("    %s = auto()"):format(algorithm), 1, true), "sglang has no " .. algorithm)
    end
    for variable in pairs(variables) do
      if variable:find "^SGLANG" then
        assert.truthy(variables_text:find(("    %s = "):format(variable), 1, true), "sglang has no " .. variable)
      end
    end
    assert.truthy(variables.SGLANG_SIMULATE_ACC_LEN)
  end)
end)
