-- Engines' versions: how they are compared, asked for, and what they change on command lines.

local engine_base = require "specbench.engine.base"
local engine = require "specbench.engine"
local fs = require "sb.fs"
local profiler = require "specbench.engine.profiler"
local installed = require "specbench.engine.installed"
local version = require "specbench.base.version"

local TARGET, DRAFT = { name = "m", path = "/m" }, { name = "d", path = "/d" }

local function server(have, changes)
  local description = { model = TARGET, draft = DRAFT, port = 8000, engine_version = have }
  for key, value in pairs(changes or {}) do description[key] = value end
  return description
end

local function line(name, have, changes)
  return table.concat(engine.load(name).command(server(have, changes)).argv, " ")
end

local function reason(name, have, changes)
  return engine.load(name).unsupported(server(have, changes))
end

describe("versions", function()
  it("are compared number by number, with what stands behind them passed over", function()
    assert.is_true(version.before("0.9.2", "0.10.0"))
    assert.is_false(version.before("0.10.0", "0.10.0"))
    assert.is_false(version.before("0.10.0.post1", "0.10.0"))
    assert.is_true(version.before("v0.5.5.post3", "0.5.6"))
    assert.is_false(version.before("1.2.0rc1", "1.2.0"))
    assert.is_false(version.before("0.15.2.dev17+g1a2b3c4", "0.15.0"))
    assert.is_true(version.before("b8140-1a2b3c4", "b8955"))
    assert.is_true(version.same("b8140", "b8140-1a2b3c4"))
    assert.is_true(version.same("0.10", "0.10.0"))
    assert.is_false(version.same("0.14.1", "0.14.0"))
  end)

  it("that are not known count as the newest", function()
    for _, text in ipairs { "0.1.dev1+g1a2b3c4", "b0-unknown", "dev", "" } do
      assert.is_nil(version.numbers(text), text)
      assert.is_false(version.before(text, "0.15.0"), text)
      assert.is_nil(version.same(text, "0.15.0"), text)
    end
    assert.is_false(version.before(nil, "0.15.0"))
  end)

  it("are found in what each engine's program prints", function()
    local function read(name, output) return engine.load(name).version.read(output) end
    assert.equal("0.26.0", read("vllm", "0.26.0\n"))
    assert.equal("0.8.5.post1", read("vllm", "INFO 04-20 [__init__.py:239] Automatically detected\n0.8.5.post1\n"))
    assert.is_nil(read("vllm", "Traceback\nimportlib.metadata.PackageNotFoundError: vllm\n"))
    assert.is_nil(read("vllm", "vllm has no metadata\n"))
    assert.is_true(installed.is_absent "no module named vllm\n")
    assert.is_false(installed.is_absent "vllm has no metadata\n")
    assert.equal("0.6.6.post1", read("vllm_v0", "0.6.6.post1\n"))
    assert.equal("0.5.6.post2", read("sglang", "0.5.6.post2\n"))
    assert.equal("1.2.0rc1", read("trtllm", "[TensorRT-LLM] TensorRT-LLM version: 1.2.0rc1\nUsage: trtllm-serve\n"))
    assert.equal("b8140", read("llamacpp", "version: 8140 (1a2b3c4)\nbuilt with GNU 12.2.0 for Linux x86_64\n"))
    assert.equal("b10601", read("llamacpp", "version: 0.5.0 (build 10601, commit 1a2b3c4)\nbuilt with GNU\n"))
    for _, name in ipairs { "vllm", "vllm_v0", "sglang", "trtllm", "llamacpp" } do assert.is_nil(read(name, "")) end
  end)
end)

describe("command lines of older versions", function()
  it("are vLLM's", function()
    local base = "python3 -m vllm.entrypoints.cli.main serve /m --host 127.0.0.1 --port 8000 --generation-config vllm "
      .. "--no-enable-prefix-caching"
    local quiet = { async_scheduling = false, chunked_prefill = false }
    assert.equal(base .. " --no-enable-chunked-prefill --no-async-scheduling", line("vllm", nil, quiet))
    assert.equal(base .. " --no-enable-chunked-prefill --no-async-scheduling", line("vllm", "0.10.1", quiet))
    assert.equal(base .. " --no-enable-chunked-prefill --no-async-scheduling --disable-log-requests",
      line("vllm", "0.10.0", quiet))
    assert.equal(base .. " --no-enable-chunked-prefill --disable-log-requests", line("vllm", "0.9.2", quiet))
    assert.equal(base .. " --enable-chunked-prefill=False --disable-log-requests", line("vllm", "0.8.4", quiet))
    assert.equal("1", engine.load("vllm").command(server "0.9.2").env.VLLM_USE_V1)
    assert.is_nil(engine.load("vllm").command(server "0.10.0").env.VLLM_USE_V1)
  end)

  it("are llama.cpp's", function()
    local base = "llama-server -m /m -a m --host 127.0.0.1 --port 8000 -c 16384 -np 4 --metrics --no-warmup "
    local draft, lookup = { method = "draft", k = 3 }, { method = "ngram", k = 3, prompt_lookup_max = 2 }
    assert.equal(base .. "-md /d --spec-type draft-simple --spec-draft-n-max 3", line("llamacpp", "b9235", draft))
    assert.equal(base .. "-md /d --spec-type draft-simple --spec-draft-n-max 3 --draft-p-min 0",
      line("llamacpp", "b9131", draft))
    assert.equal(base .. "-md /d --spec-draft-n-max 3 --draft-p-min 0", line("llamacpp", "b8955", draft))
    assert.equal(base .. "-md /d --draft-max 3 --draft-p-min 0", line("llamacpp", "b8954", draft))
    assert.equal(base .. "--spec-type ngram-simple --spec-ngram-simple-size-n 2 --spec-ngram-simple-size-m 3",
      line("llamacpp", "b8955", lookup))
    assert.equal(base .. "--spec-type ngram-simple --spec-ngram-size-n 2 --spec-ngram-size-m 3",
      line("llamacpp", "b8954", lookup))
  end)

  it("are TensorRT-LLM's", function()
    local eagle = { method = "eagle3", k = 3 }
    assert.truthy(line("trtllm", "1.1.0"):find(" --extra_llm_api_options {config}", 1, true))
    assert.truthy(line("trtllm", "1.2.0"):find(" --config {config}", 1, true))
    local function config(have) return engine.load("trtllm").command(server(have, eagle)).config end
    assert.truthy(config("1.2.0"):find('"decoding_type":"Eagle",', 1, true))
    assert.truthy(config("1.3.0"):find('"decoding_type":"Eagle3",', 1, true))
    -- until the last candidates of 1.3.0 the depth of MTP is this key alone, whose default is 1; those take both
    local mtp = { method = "mtp", k = 3 }
    local function depth(have)
      return engine.load("trtllm").command(server(have, mtp)).config:match '"MTP",("[%w_]+":%d)'
    end
    assert.equal('"num_nextn_predict_layers":3', depth "1.2.0")
    assert.equal('"num_nextn_predict_layers":3', depth "1.3.0rc7")
    assert.equal('"max_draft_len":3', depth "1.4.0rc1")
    assert.equal('"max_draft_len":3', depth(nil))
  end)

  it("ask for vLLM's profiler in the environment", function()
    local vllm = engine.load "vllm"
    for have, wanted in pairs { ["0.12.0"] = "{output}", ["0.13.0"] = false } do
      local described = server(have, { profile = "server" })
      local command = vllm.command(described)
      profiler.prepare(described, vllm, command)
      assert.equal(wanted or nil, command.env.VLLM_TORCH_PROFILER_DIR)
      assert.equal(not wanted, command.argv[#command.argv] == "{output}")
    end
  end)
end)

describe("what a version lacks", function()
  it("is refused with the version that has it", function()
    assert.equal("vllm: method 'draft' needs version 0.15.0, this is 0.13.0",
      reason("vllm", "0.13.0", { method = "draft", k = 3 }))
    assert.is_nil(reason("vllm", "0.15.0", { method = "draft", k = 3 }))
    assert.is_nil(reason("vllm", nil, { method = "draft", k = 3 }))
    assert.equal("vllm: acceptance needs version 0.20.0, this is 0.19.1",
      reason("vllm", "0.19.1", { method = "ngram", k = 3, acceptance = 2 }))
    assert.equal("vllm: k_by_batch_size needs version 0.24.0, this is 0.23.0",
      reason("vllm", "0.23.0", { method = "ngram", k = 3, k_by_batch_size = { { 1, 8, 3 } } }))
    assert.equal("vllm: async_scheduling needs version 0.10.0, this is 0.9.2",
      reason("vllm", "0.9.2", { async_scheduling = true }))
    assert.is_nil(reason("vllm", "0.9.2", { async_scheduling = false }))
    assert.truthy(reason("sglang", "0.5.1", { method = "draft", k = 3 }):find("0.5.2", 1, true))
    assert.truthy(reason("llamacpp", "b7000", { method = "ngram", k = 3 }):find("b7864", 1, true))
    assert.is_nil(reason("llamacpp", "b7000", { method = "draft", k = 3 }))
    local forced = { method = "draft", k = 3, acceptance = 2.5 }
    assert.equal("llamacpp: acceptance needs version b10662, this is b10644", reason("llamacpp", "b10644", forced))
    assert.is_nil(reason("llamacpp", "b10662", forced))
    for _, method in ipairs { "dflash", "dspark" } do
      assert.equal(("trtllm: method '%s' needs version 1.3.0, this is 1.2.1"):format(method),
        reason("trtllm", "1.2.1", { method = method, k = 3 }))
    end
  end)

  it("is refused where TensorRT-LLM would force nothing, and say nothing", function()
    local function forced(have, length)
      return reason("trtllm", have, { method = "mtp", k = 3, acceptance = length })
    end
    assert.equal("trtllm: acceptance needs version 1.2.0, this is 1.1.0", forced("1.1.0", 2))
    assert.equal("trtllm: acceptance = 2.5: version 1.2.1 forces whole tokens only, 1.3.0 parts of them too",
      forced("1.2.1", 2.5))
    assert.is_nil(forced("1.2.1", 2))
    assert.is_nil(forced("1.3.0", 2.5))
    assert.is_nil(forced(nil, 2.5))
  end)

  it("is refused from the version on that dropped it", function()
    assert.equal("vllm: method 'medusa' is gone since version 0.33.0, this is 0.33.0",
      reason("vllm", "0.33.0", { method = "medusa", k = 3 }))
    assert.is_nil(reason("vllm", "0.32.0", { method = "medusa", k = 3 }))
    assert.is_nil(reason("vllm", nil, { method = "medusa", k = 3 }))
  end)

  it("sends vLLM's two engines to each other", function()
    assert.equal("vllm: version 0.6.6 is older than 0.8.2: use --engine vllm_v0", reason("vllm", "0.6.6"))
    assert.equal("vllm_v0: version 0.8.5 is not older than 0.8.0: use --engine vllm", reason("vllm_v0", "0.8.5"))
    assert.is_nil(reason("vllm_v0", "0.6.6.post1"))
    assert.is_nil(reason("vllm_v0", nil))
  end)
end)

describe("the installed version", function()
  local function version_of(program, described, said)
    return installed.version(program, described, engine_base.environment(described), said)
  end

  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(fs.mkdir(folder))
  end)

  after_each(function() fs.remove(folder) end)

  -- A server description whose program is this shell script.
  local function with_program(script)
    local path = folder .. "/program"
    assert(fs.write(path, ("#!/bin/sh\necho asked >>%s/log\n%s\n"):format(folder, script)))
    assert(os.execute("chmod +x " .. path))
    return { model = { name = "m", path = "/m", binary = path } }
  end

  local function asked()
    return select(2, (fs.read(folder .. "/log") or ""):gsub("\n", ""))
  end

  it("is asked of the program, once", function()
    local described = with_program "echo 'version: 8140 (1a2b3c4)' >&2"
    for _ = 1, 3 do assert.equal("b8140", (version_of(engine.load "llamacpp", described))) end
    assert.equal(1, asked())
  end)

  it("is the user's word where there is one", function()
    local described = with_program "echo 'version: 8140 (1a2b3c4)'"
    assert.equal("b9000", (version_of(engine.load "llamacpp", described, "b9000")))
    assert.equal(0, asked())
  end)

  it("is not known, with the reason, where the program does not tell", function()
    local found, why = version_of(engine.load "llamacpp", with_program "echo 'no such option'; exit 1")
    assert.is_nil(found)
    assert.equal(folder .. "/program says 'no such option'", why)
    found, why = version_of(engine.load "vllm", { model = { name = "m", path = "/m", python = "/nowhere/py" } })
    assert.is_nil(found)
    assert.truthy(why:find("/nowhere/py", 1, true))
  end)

  it("sees the environment that the server will have", function()
    local described = with_program 'echo "$VERSION_WANTED"'
    described.model.env = { VERSION_WANTED = "0.14.1" }
    assert.equal("0.14.1", (version_of(engine.load "vllm", described)))
  end)

  it("matters to no server that is not started here, and not to the simulator", function()
    for _, name in ipairs { "sim", "external", "external:vllm" } do
      assert.is_nil(version_of(engine.load(name), { model = TARGET }, "1.0"))
    end
  end)
end)
