-- specbench compare: results folders written by hand, so that each ratio is known, and other tools' files.

local compare = require "specbench.compare"
local compare_input = require "specbench.compare.input"
local compare_table = require "specbench.compare.table"
local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local stats = require "sb.stats"
local test_data = dofile(environment.home .. "/tests/lua/test_data.lua")

local root

local function published()
  return test_data(pending, "seed-results/round1")
end

local function write(path, value)
  path = root .. "/" .. path
  assert(fs.mkdir(path:match "^(.*)/"))
  assert(fs.write(path, type(value) == "string" and value or json.encode(value)))
  return path
end

-- The records of a run without requests: comparing needs figures only, but a cell has to be whole.
local NO_REQUESTS = "sbrec1\n" .. ("\0"):rep(6) .. string.pack("<d", 1) .. string.pack("<I4", 0x428cdc22) -- CRC-32

-- A results folder; cells: { at = coordinates, speed = of the same work, reference?, workload?, more? }. At speed 1
-- 1200 tokens/s, 200 of them the answers', TTFT 50 ms, TPOT 10 ms.
local function results(name, cells)
  local axes = {}
  for axis in pairs(cells[1].at) do axes[#axes + 1] = { name = axis, values = json.array { cells[1].at[axis] } } end
  write(name .. "/round.json", { format = 1, round = "r", axes = json.array(axes) })
  for i, cell in ipairs(cells) do
    for r, speed in ipairs(type(cell.speed) == "table" and cell.speed or { cell.speed }) do
      local id = ("%d-%d"):format(i, r)
      write(("%s/cells/%s/records.bin"):format(name, id), NO_REQUESTS)
      write(("%s/cells/%s/cell.json"):format(name, id), {
        id = id, key = id, coordinates = cell.at, repetition = r, started = "2026", status = "ok", clock_scale = 1,
        input_tokens = 10000, engine = cell.more and cell.more.engine or { name = "vllm" },
        certificate = cell.more and cell.more.certificate, reference = cell.reference,
        schedule = cell.starts and { start = cell.starts[r] },
        machine = cell.hosts and { host = cell.hosts[r], boot_id = cell.hosts[r] },
        identity = { server = { model = { name = "m" } }, workload = cell.workload or { prompts = "p" } },
        metrics = {
          duration = 10 / speed, ref_duration = cell.ref_duration,
          total_output_tokens = 2000, output_throughput = 200 * speed,
          ["ttft_ms.mean"] = 50 / speed, ["tpot_ms.mean"] = 10 / speed,
          ["ref_ttft_ms.mean"] = 51 / speed, ["ref_tpot_ms.mean"] = 11 / speed,
        },
      })
    end
  end
  return root .. "/" .. name
end

local function at(concurrency, method)
  return { concurrency = concurrency, method = method or "draft" }
end

local function join(a, b, chosen)
  local sides = { assert(compare_input.open(a)), assert(compare_input.open(b)) }
  local result, message = compare.join(sides, chosen)
  return result, message, sides
end

local function near(expected, value)
  assert.is_true(value and math.abs(value - expected) <= 1e-9 * math.abs(expected),
    ("%s where %s is expected"):format(tostring(value), expected))
end

-- Runs the command; its exit status and both outputs.
local function command(...)
  local words = {}
  for i, word in ipairs { ... } do words[i] = ("'%s'"):format(word) end
  local _, _, status = os.execute(("'%s' compare %s >'%s/out' 2>'%s/err'"):format(environment.executable,
    table.concat(words, " "), root, root))
  return status, fs.read(root .. "/out"), fs.read(root .. "/err")
end

local function vllm(fields)
  local document = {
    date = "20261101-000000", request_rate = "inf", max_concurrency = 8, duration = 10.0, completed = 80,
    output_throughput = 100.0, total_token_throughput = 600.0, mean_ttft_ms = 102.0, mean_tpot_ms = 22.0,
  }
  for name, value in pairs(fields or {}) do document[name] = value end
  return document
end

local function guidellm(benchmarks)
  local list = json.array {}
  for i, one in ipairs(benchmarks) do
    local function mean(value) return { successful = { mean = value } } end
    list[i] = { config = { strategy = one.strategy }, metrics = {
      output_tokens_per_second = mean(one.output), tokens_per_second = mean(6 * one.output),
      time_to_first_token_ms = mean(25.5), inter_token_latency_ms = mean(5.5), time_per_output_token_ms = mean(99),
    }, requests = one.requests and { successful = one.requests } }
  end
  return { benchmarks = list }
end

before_each(function()
  root = os.tmpname()
  os.remove(root)
  assert(fs.mkdir(root))
end)
after_each(function() fs.remove(root) end)

describe("two results folders", function()
  it("are joined by all axes; each ratio is B / A", function()
    local result = join(results("a", { { at = at(1), speed = 1 }, { at = at(8), speed = 2 } }),
      results("b", { { at = at(8), speed = 1 }, { at = at(1), speed = 1.25 } }))
    assert.equal(2, #result.rows)
    for i, ratio in ipairs { 1.25, 0.5 } do
      local row = result.rows[i]
      assert.equal(i == 1 and 1 or 8, row.coordinates.concurrency)
      near(ratio, row.ratios.total_throughput.ratio)
      near(ratio, row.ratios.output_throughput.ratio)
      near(1 / ratio, row.ratios.ttft_ms.ratio)
      near(1 / ratio, row.ratios.tpot_ms.ratio)
      assert.is_nil(row.ratios.tpot_ms.low)
      assert.equal("fewer than 3 repeats on both sides", row.why)
    end
  end)

  it("with three repeats have Student's interval over paired log ratios", function()
    local result, _, sides = join(results("a", { { at = at(1), speed = { 1.0, 2.0, 4.0 } } }),
      results("b", { { at = at(1), speed = { 1.1, 2.1, 4.4, 9 } } }))
    local row = result.rows[1]
    local expected = stats.interval { math.log(1.1), math.log(1.05), math.log(1.1) }
    near(math.exp(expected.mean), row.ratios.total_throughput.ratio)
    near(math.exp(expected.low), row.ratios.total_throughput.low)
    near(math.exp(expected.high), row.ratios.total_throughput.high)
    near(math.exp(-expected.high), row.ratios.ttft_ms.low)
    assert.is_nil(row.why)
    assert.same({ 3, 4 }, row.repeats)
    local text = compare_table.text(result, sides)
    assert.truthy(text:find("1.08 [1.01, 1.16]", 1, true), text)
    assert.is_nil(text:find("No interval", 1, true))
  end)

  it("stand on starts of the servers where both sides' repeats had several, else say so", function()
    local function sides(starts)
      local folders = {}
      for i, speeds in ipairs { { 1.0, 2.0, 4.0, 4.0 }, { 1.1, 2.1, 4.4, 4.6 } } do
        folders[i] = results(("%s%d"):format(starts and "starts" or "one", i),
          { { at = at(1), speed = speeds, starts = starts } })
      end
      return join(folders[1], folders[2])
    end
    local result, _, both = sides { 1, 2, 3, 3 }
    local figure = result.rows[1].ratios.total_throughput
    local expected = stats.interval { math.log(1.1), math.log(1.05), (math.log(1.1) + math.log(1.15)) / 2 }
    near(math.exp(expected.low), figure.low)
    near(math.exp(expected.mean), figure.ratio)
    assert.equal("starts", figure.kind)
    assert.is_nil(compare_table.text(result, both):find("Within one start", 1, true))
    result, _, both = sides(nil)
    assert.equal("within one start", result.rows[1].ratios.total_throughput.kind)
    assert.truthy(compare_table.text(result, both):find("Within one start: a side's repeats shared one start", 1, true))
  end)

  it("stand on hosts as on starts: what one of them measured hangs together", function()
    local folders = {}
    for i, speeds in ipairs { { 1, 1, 1, 1 }, { 1.1, 1.12, 1.05, 1.07 } } do
      folders[i] = results("host" .. i, { { at = at(1), speed = speeds, hosts = { "a", "a", "b", "b" } } })
    end
    local figure = join(folders[1], folders[2]).rows[1].ratios.total_throughput
    local logs = {}
    for i, pair in ipairs { { 1.1, 1.12 }, { 1.05, 1.07 } } do logs[i] = (math.log(pair[1]) + math.log(pair[2])) / 2 end
    assert.equal("starts", figure.kind)
    near(math.exp(stats.interval(logs, nil, 2).low), figure.low)
  end)

  it("count and name cells of one side alone", function()
    local result, _, sides = join(results("a", { { at = at(1), speed = 1 }, { at = at(4), speed = 1 } }),
      results("b", { { at = at(1), speed = 1 }, { at = at(1, "none"), speed = 1 }, { at = at(2), speed = 1 } }))
    local text = compare_table.text(result, sides)
    assert.truthy(text:find("Only in A: 1 cell\n  concurrency=4 method=draft\n", 1, true), text)
    assert.truthy(text:find("Only in B: 2 cells\n  concurrency=1 method=none\n  concurrency=2 ", 1, true), text)
    local only = {}
    for line in compare_table.lines(result):gmatch "[^\n]+" do
      local row = assert(json.decode(line))
      if row.only_in then only[#only + 1] = row.only_in end
    end
    assert.same({ "A", "B", "B" }, only)
  end)

  it("with more cells than a reader looks through show those that differ most, in the grid's order", function()
    local result, _, sides = join(results("a", { { at = at(1), speed = 1 } }),
      results("b", { { at = at(1), speed = 1 } }))
    local like, means = result.rows[1], {}
    for i = 1, 201 do
      local ratio = i % 10 == 0 and (i % 20 == 0 and 2 or 0.5) or i < 200 and 1.01 or nil
      result.rows[i] = setmetatable({ coordinates = at(i), slower = i == 7,
        ratios = { total_throughput = ratio and { ratio = ratio }, ttft_ms = { ratio = i } } }, { __index = like })
    end
    local function shown(options)
      local list, text = {}, compare_table.text(result, sides, options)
      for number in text:gmatch "\n(%d+) +%d%.%d%d " do list[#list + 1] = tonumber(number) end
      means[#means + 1] = text:match "Geometric means: [^\n]+"
      return list, text
    end
    local list, text = shown { by = "total_throughput" }
    assert.equal(40, #list)
    -- the slower one, the twenty that differ most, and of the alike the first
    assert.equal("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 30 40", table.concat(list, " ", 1, 24))
    assert.equal(200, list[40])
    assert.truthy(text:find("The 40 cells whose total throughput differs most; all: --full\n", 1, true), text)
    assert.truthy(text:find("Ratios B / A of 201 cells", 1, true), text)
    list = shown { by = "ttft_ms" }
    assert.equal(7, list[1])
    list, text = shown { by = "total_throughput", full = true }
    assert.equal(200, #list) -- the last has no ratio
    assert.is_nil(text:find("differs most", 1, true))
    assert.equal(means[1], means[3])
  end)

  it("with other prompts are compared, and it is said", function()
    local result, _, sides = join(results("a", { { at = at(1), speed = 1 } }),
      results("b", { { at = at(1), speed = 1, workload = { prompts = "q" } } }))
    assert.truthy(compare_table.text(result, sides):find("in 1 cells prompts, limits or load differ", 1, true))
  end)

  it("that share no cell, or are narrowed to none, are refused in one line", function()
    local a, b = results("a", { { at = at(1), speed = 1 } }), results("b", { { at = at(2), speed = 1 } })
    local result, message = join(a, b)
    assert.is_nil(result)
    assert.truthy(message:find("no cell in common (joined by concurrency, method, qps)", 1, true), message)
    assert.truthy(message:find(a .. " has concurrency=1 method=draft", 1, true), message)
    result, message = join(a, b, { method = { none = true } })
    assert.is_nil(result)
    assert.equal(a .. " has no cell that --only takes: it has method=draft", message)
    result, message = join(a, b, { methd = { none = true } })
    assert.is_nil(result)
    assert.equal("neither side has an axis 'methd'", message)
  end)
end)

describe("what a reader must know", function()
  it("of simulated servers and late clients is said, and cells that B lost are in CI", function()
    local a = results("a", {
      { at = at(1), speed = 1, more = { engine = { name = "external", version = "specbench-sim 1" } } },
      { at = at(2), speed = 1, more = { certificate = { client_ok = false } } }, { at = at(4), speed = 1 } })
    local b = results("b", { { at = at(1), speed = 1 }, { at = at(2), speed = 1 } })
    local status, out, err = command(a, b, "--fail-if-slower", "5%")
    assert.equal(0, status)
    assert.truthy(out:find("in 1 cells a server is simulated", 1, true), out)
    assert.truthy(out:find("in 1 cells a client itself was late", 1, true), out)
    assert.truthy(err:find("1 cells of A are not in B and were not judged", 1, true), err)
  end)
end)

describe("other tools' files", function()
  it("of vLLM are compared over the whole load, up to the last answer's end", function()
    local mine = results("mine", { { at = at(8), speed = 1, ref_duration = 12.5 } })
    local ratios = join(mine, write("serve.json", vllm())).rows[1].ratios
    near(join(results("other", { { at = at(8), speed = 0.8 } }), write("serve.json", vllm())).rows[1].ratios
      .output_throughput.ratio, ratios.output_throughput.ratio)
    near(1, join(mine, mine).rows[1].ratios.output_throughput.ratio)
  end)

  it("of SGLang have a run a line, and are joined by concurrency", function()
    local mine = results("mine", { { at = at(8), speed = 1 } })
    local function run(concurrency, rate, more)
      return ('{"backend": "sglang", "request_rate": %s, "max_concurrency": %s, "duration": 10.0, "completed": 80, '
        .. '"request_throughput": 8.0, "input_throughput": 500.0, "output_throughput": 100.0, "mean_ttft_ms": 102.0, '
        .. '"mean_tpot_ms": 22.0%s}\n'):format(rate, concurrency, more or "")
    end
    local result, _, sides = join(mine, write("s.jsonl", run(8, "Infinity", ', "ttfts": [0.1]') .. run(4, "Infinity")
      .. run("null", "2.5")))
    assert.equal("SGLang", sides[2].kind)
    assert.equal(1, #result.rows)
    local ratios = result.rows[1].ratios
    near(0.5, ratios.total_throughput.ratio)
    near(0.5, ratios.output_throughput.ratio)
    near(2, ratios.ttft_ms.ratio)
    near(2, ratios.tpot_ms.ratio)
    assert.equal(2, #result.only[2])
    write("runs/1.jsonl", run(8, "Infinity"))
    near(0.5, join(mine, root .. "/runs").rows[1].ratios.output_throughput.ratio)
    local _, message = compare_input.open(write("broken.jsonl", run(8, 1) .. "{\n"))
    assert.truthy(message:find("broken.jsonl: line 2 is not JSON: ", 1, true), message)
    _, message = compare_input.open(write("empty.jsonl", "\n"))
    assert.truthy(message:find("empty.jsonl is no result of `vllm bench serve", 1, true), message)
  end)

  it("of vLLM are joined by the axes that its metadata names too", function()
    local mine = results("mine", { { at = at(8, "none"), speed = 1 } })
    write("theirs/1.json", vllm { axis_method = "none", axis_concurrency = 8 })
    write("theirs/2.json", vllm { axis_method = "ngram", output_throughput = 300.0 })
    local result = join(mine, root .. "/theirs")
    assert.same({ 1, "none" }, { #result.rows, result.rows[1].coordinates.method })
    near(0.5, result.rows[1].ratios.output_throughput.ratio)
    for r = 1, 2 do write(("told/%d.json"):format(r), vllm { axis_method = ("\27[31mred\nline %d"):format(r) }) end
    local _, out = command(root .. "/told", root .. "/told")
    assert.truthy(out:find("red line 1", 1, true), out)
    assert.is_nil(out:find("\27", 1, true))
  end)

  it("of vLLM are joined by concurrency, with the latencies of its convention", function()
    local mine = results("a", { { at = at(4), speed = 1 }, { at = at(8), speed = 1 } })
    local result, _, sides = join(mine, write("serve.json", vllm()))
    assert.equal(1, #result.rows)
    local ratios = result.rows[1].ratios
    near(0.5, ratios.total_throughput.ratio)
    near(0.5, ratios.output_throughput.ratio)
    near(2, ratios.ttft_ms.ratio) -- 102 / 51
    near(2, ratios.tpot_ms.ratio)
    assert.same({ 4 }, { result.only[1][1].concurrency })
    assert.truthy(compare_table.text(result, sides):find("no per-request data on both sides", 1, true))
  end)

  it("of one load are repeats; with requests' latencies in them they give intervals", function()
    for r, speed in ipairs { 1.0, 1.1, 1.2 } do
      for _, side in ipairs { "plain", "detailed" } do
        for _, b in ipairs { 1, 2 } do
          write(("%s%d/%d.json"):format(side, b, r), vllm { output_throughput = 100 * speed * b ^ (r == 3 and 1.1 or 1),
            ttfts = side == "detailed" and json.array { 0.1, 0.2 } or nil })
        end
      end
    end
    local plain = join(root .. "/plain1", root .. "/plain2").rows[1]
    near(2 ^ (3.1 / 3), plain.ratios.output_throughput.ratio)
    assert.is_nil(plain.ratios.output_throughput.low)
    local detailed = join(root .. "/detailed1", root .. "/detailed2").rows[1]
    near(2 ^ (3.1 / 3), detailed.ratios.output_throughput.ratio)
    assert.is_true(detailed.ratios.output_throughput.low < 2)
    assert.same({ 3, 3 }, detailed.repeats)
  end)

  it("by request rate, or as the only cell where the load is not known", function()
    local a = write("a/1.json", vllm { request_rate = 4.0 })
    write("b/1.json", vllm { request_rate = 2.0 })
    write("b/2.json", vllm { request_rate = 4.0, output_throughput = 300.0 })
    local result = join(a, root .. "/b")
    near(3, result.rows[1].ratios.output_throughput.ratio)
    assert.equal(2.0, result.only[2][1].qps)
    local unlimited = write("c.json", vllm { max_concurrency = json.null, output_throughput = 50.0 })
    near(0.5, join(a, unlimited).rows[1].ratios.output_throughput.ratio)
    local _, message = join(root .. "/b", unlimited)
    assert.truthy(message:find("nothing to join them by", 1, true), message)
  end)

  it("of GuideLLM give means; its TPOT is what it calls the inter-token latency", function()
    local mine = results("a", { { at = at(1), speed = 1 }, { at = at(8), speed = 1 } })
    local file = write("g.json", guidellm {
      { strategy = { kind = "synchronous" }, output = 300 },
      { strategy = { type_ = "concurrent", streams = 8 }, output = 400 },
      { strategy = { type_ = "constant", rate = 2.0 }, output = 1 },
    })
    local result = join(mine, file)
    near(1.5, result.rows[1].ratios.output_throughput.ratio)
    near(2, result.rows[2].ratios.output_throughput.ratio)
    near(2, result.rows[2].ratios.total_throughput.ratio)
    near(0.5, result.rows[2].ratios.ttft_ms.ratio)
    near(0.5, result.rows[2].ratios.tpot_ms.ratio)
    assert.equal(2.0, result.only[2][1].qps)
  end)

  it("of GuideLLM with requests in them give intervals over files", function()
    for r, output in ipairs { 100, 110, 120 } do
      for _, side in ipairs { "a", "b", "c" } do
        write(("%s/%d.json"):format(side, r), guidellm { { strategy = { kind = "synchronous" },
          output = output * (side == "a" and 1 or 2) + r,
          requests = side ~= "c" and json.array { { request_id = "x" } } or nil } })
      end
    end
    local row = join(root .. "/a", root .. "/b").rows[1]
    assert.is_nil(row.why)
    assert.is_true(row.ratios.output_throughput.low < 2 and row.ratios.output_throughput.high > 1.97)
    assert.equal("no per-request data on both sides", join(root .. "/a", root .. "/c").rows[1].why)
  end)

  it("need --only where a folder has several cells for one of theirs", function()
    local mine = results("a", { { at = at(8, "none"), speed = 1 }, { at = at(8), speed = 2 } })
    local file = write("serve.json", vllm())
    local result, message = join(mine, file)
    assert.is_nil(result)
    assert.truthy(message:find("they differ in method; choose with --only method=VALUE", 1, true), message)
    near(0.25, join(mine, file, { method = { draft = true } }).rows[1].ratios.output_throughput.ratio)
  end)
end)

describe("a folder of the reference system", function()
  it("joins ours by method, task, k and concurrency", function()
    local row = json.decode(fs.read(published() .. "/sps/Task_ShareGPT/Table_MaxConcurrency.jsonl"):match "[^\n]+")
    local mine = results("a", { {
      at = { engine = "x", lookup = 4, concurrency = row.max_concurrency }, speed = 1,
      reference = { method = "sps", folder = "ShareGPT", num_spec_tokens = row.NUM_SPEC_TOKENS },
    } })
    local result, message = join(mine, published())
    assert(result, message)
    assert.equal(1, #result.rows)
    assert.equal(695, #result.only[2])
    near(row.output_throughput / 200, result.rows[1].ratios.output_throughput.ratio)
    near(row.mean_ttft_ms / 51, result.rows[1].ratios.ttft_ms.ratio)
  end)

  it("that our own report wrote joins its cells, polished texts by their double context", function()
    local fields = '"date": "d", "model_id": "m", "task": "THUCNews", "subtask": "thucnews_0.25k", '
      .. '"NUM_SPEC_TOKENS": 3, "num_prompts": 8, "max_concurrency": 4, "duration": 10.0, "total_input_tokens": 1, '
      .. '"total_output_tokens": 1, "output_throughput": 300.0, "request_rate": "inf"'
    local table_path = write("t/7B/Task_THUCNews/Table_MaxConcurrency.jsonl", "{" .. fields .. "}\n")
    local mine = results("a", { { at = { context = "0.25k", concurrency = 4 }, speed = 1, reference = {
      method = "7B", folder = "THUCNews", num_spec_tokens = 3, context = "0.25k", labels = { context = "0.5k" },
    } } })
    local result, message = join(mine, table_path:match "^(.*)/7B/")
    assert(result, message)
    near(1.5, result.rows[1].ratios.output_throughput.ratio)
  end)

  it("equals itself in all 696 cells", function()
    local result = join(published(), published())
    assert.equal(696, #result.rows)
    for _, line in ipairs(result.rows) do
      for _, name in ipairs(compare.names) do assert.equal(1, line.ratios[name].ratio) end
    end
  end)
end)

describe("the command", function()
  it("exits 4 where a cell is slower than allowed, by the ratio where there is no interval", function()
    local a = results("a", { { at = at(1), speed = 1 }, { at = at(8), speed = 1 } })
    local b = results("b", { { at = at(1), speed = 1.2 }, { at = at(8), speed = 0.94 } })
    local status, out, err = command(a, b, "--fail-if-slower", "5%")
    assert.equal(4, status)
    assert.truthy(err:find("1 of 2 cells are slower by more than 5% (total_throughput)", 1, true), err)
    assert.truthy(out:find("slower", 1, true))
    assert.equal(0, (command(a, b, "--fail-if-slower", "7%")))
    assert.equal(0, (command(a, b)))
    assert.equal(4, (command(a, b, "--fail-if-slower", "5%", "--by", "ttft_ms"))) -- 1 / 0.94 = 1.064
    assert.equal(0, (command(a, b, "--fail-if-slower", "7%", "--by", "ttft_ms")))
  end)

  it("does not call slower what an interval leaves open", function()
    local a = results("a", { { at = at(1), speed = { 1, 1, 1 } } })
    local noisy = results("b", { { at = at(1), speed = { 0.7, 0.9, 1.05 } } })
    local steady = results("c", { { at = at(1), speed = { 0.90, 0.905, 0.91 } } })
    assert.equal(0, (command(a, noisy, "--fail-if-slower", "5%")))
    assert.equal(4, (command(a, steady, "--fail-if-slower", "5%")))
  end)

  it("refuses what it cannot read or judge in one line, with status 1, and wrong options with 2", function()
    local a = results("a", { { at = at(8), speed = 1 } })
    assert(fs.mkdir(root .. "/empty"))
    for _, case in ipairs {
      { root .. "/none", "no such file or folder" }, { root .. "/empty", "holds no round.json and no *.json" },
      { write("broken.json", "{"), "is not JSON" }, { write("other.json", { x = 1 }), "is no result of" },
      { write("b/round.json", "x"):match "^(.*)/", "is not a results folder" },
    } do
      local status, out, err = command(a, case[1])
      assert.equal(1, status)
      assert.equal("", out)
      assert.truthy(err:find(case[2], 1, true), err)
      assert.equal(1, select(2, err:gsub("\n", "")))
    end
    local bare = write("bare.json",
      { duration = 1.0, output_throughput = 1.0, max_concurrency = 8, request_rate = "inf" })
    local status, _, err = command(a, bare, "--fail-if-slower", "5%")
    assert.equal(1, status)
    assert.truthy(err:find("no joined cell has total_throughput on both sides", 1, true), err)
    assert.equal(4, (command(a, bare, "--fail-if-slower", "5%", "--by", "output_throughput")))
    for _, wrong in ipairs { { "--fail-if-slower", "fast" }, { "--fail-if-slower", "5" }, { "--only", "method" } } do
      assert.equal(2, (command(a, a, table.unpack(wrong))))
    end
  end)
end)
