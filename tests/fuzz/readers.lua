-- Fuzzing of what Lua reads from elsewhere: valid files, changed at random. A reader gives a value, or nil and one line
-- without control characters; it never raises an error of its own, and is done in seconds.
--
--   specbench tests/fuzz/readers.lua [--executions N | --seconds N] [--seed N] [TARGET...]
--
-- N of each target, seconds being those of the processor; the input that broke one is left in found/, and goes to
-- corpus/readers under the target's name and what was wrong (TARGET.WHAT), where every run plays it first.

local compare = require "specbench.compare"
local compare_input = require "specbench.compare.input"
local compare_table = require "specbench.compare.table"
local damage = require "specbench.results.damage"
local environment = require "sb.environment"
local fs = require "sb.fs"
local medusa = require "specbench.convert.medusa"
local pickle = require "specbench.convert.pickle"
local profile = require "specbench.dataset.profile"
local refusal = require "specbench.convert.refusal"
local repeats = require "specbench.analysis.repeats"
local rng = require "sb.rng"
local search_table = require "specbench.report.search_table"
local searched = require "specbench.analysis.searched"
local store = require "specbench.results.store"
local zip = require "specbench.convert.zip"

local home = environment.home
local SLOW = 10 -- seconds that no reader may take for an input of some kilobytes

local folder = assert(fs.temporary())
assert(fs.remove(folder))
assert(fs.mkdir(folder))
local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })

local function at(name) return folder .. "/" .. name end

local function written(name, bytes)
  local file <close> = assert(io.open(at(name), "wb")) -- no sync: a million of them
  file:write(bytes)
  return at(name)
end

---- seeds

local function read(path) return assert(fs.read(home .. "/" .. path)) end

local function stored_cells()
  local list = {}
  for _, name in ipairs { "round1", "round2", "round3" } do
    local place = "tests/cli/stored/" .. name .. "/cells"
    for i, id in ipairs(assert(fs.list(home .. "/" .. place))) do
      if i <= 3 then list[#list + 1] = read(("%s/%s/cell.json"):format(place, id)) end
    end
  end
  return list
end

local PT = "tests/lua/fixtures/medusa/medusa_lm_head.pt"

local SGLANG = (('{"backend": "sglang", "request_rate": Infinity, "max_concurrency": 4, "duration": 3.5, '
  .. '"completed": 10, "input_throughput": 57.1, "output_throughput": 114.2, "mean_ttft_ms": 31.5, '
  .. '"mean_tpot_ms": 8.1, "accept_length": 2.4, "ttfts": [0.03, 0.04]}\n'):rep(2))

local VLLM = [==[{"date": "20261130-120000", "backend": "vllm", "model_id": "m", "num_prompts": 10,
 "request_rate": "inf", "max_concurrency": 4, "duration": 3.5, "completed": 10, "total_input_tokens": 200,
 "total_output_tokens": 400, "request_throughput": 2.8, "output_throughput": 114.2, "mean_ttft_ms": 31.5,
 "p99_ttft_ms": 55.0, "mean_tpot_ms": 8.1, "p99_tpot_ms": 9.9, "ttfts": [0.03, 0.04], "itls": [[0.01, 0.02], []]}]==]
local GUIDELLM = [==[{"benchmarks": [{"config": {"strategy": {"type_": "concurrent", "streams": 4}},
 "requests": {"successful": []}, "metrics": {"output_tokens_per_second": {"successful": {"mean": 101.5}},
 "time_to_first_token_ms": {"successful":
 {"mean": 30.1, "percentiles": {"p99": 50.5}}}}, "run_stats": {"requests_made": {"successful": 10, "total": 10}}}]}]==]

local ROW = [==[{"date": "20241230-114330", "backend": "openai-chat", "model_id": "m", "tokenizer_id": "m",
 "task": "qa", "subtask": "spec-bench-qa_0.25k", "NUM_SPEC_TOKENS": %d, "best_of": 1, "num_prompts": 80,
 "request_rate": "inf", "burstiness": 1.0, "max_concurrency": 1, "duration": 125.6, "completed": 80,
 "total_input_tokens": 921, "total_output_tokens": 12994, "request_goodput:": null, "output_throughput": 103.4,
 "total_token_throughput": 110.7, "mean_ttft_ms": 25.3, "p99_ttft_ms": 26.9, "mean_tpot_ms": 9.6,
 "mean_itl_ms": 15.6}]==]
ROW = ROW:gsub("\n", "")

local ANSWER = [==[{"method": "draft", "work": "task=qa", "concurrency": %d, "k": 3, "best": {"method": "draft",
 "k": 3}, "pays": %s, "ratio": 1.52, "low": 1.4, "high": 1.7, "measured": false, "sure": 0.97, "answered": true}]==]
local SEARCH = ([==[{"tolerance": 0.02, "sure": 0.95, "budget": 3600, "spent": 812.5, "ended": "budget", "cells": 60,
 "measured": 9, "baselines_left": 3, "refused": {"eagle": "no cell of it has a baseline"}, "answers": [%s, %s]}]==])
  :format(ANSWER:format(1, "true"), ANSWER:format(32, "false"))

---- targets: seeds, and what reads them

local targets = {
  pickle = { seeds = { "\128\2}q\0(X\1\0\0\0aK\1X\1\0\0\0b]q\1(K\1K\2K\3eu." }, run = function(bytes)
    local function made() return {} end
    return refusal.catch(pickle.read, bytes, { where = "x", find = function(name)
      return name:find "[%w_.]+ [%w_.]+" and made or nil
    end, load = made })
  end },
  zip = { seeds = { read(PT) }, run = function(bytes)
    return refusal.catch(zip.open, written("x.zip", bytes))
  end },
  torch = { seeds = { read(PT) }, run = function(bytes)
    local path = written("x.pt", bytes)
    return medusa.convert(path, at "y.safetensors")
  end },
  cell = { seeds = stored_cells(), run = function(bytes)
    written("cell/cell.json", bytes)
    local cell, message = damage.cell(at "cell")
    if not cell then return nil, message end
    local id = type(cell.id) == "string" and cell.id:find "^%w+$" and cell.id:sub(1, 100) or "x"
    fs.remove(at "results/cells")
    assert(fs.mkdir(at("results/cells/" .. id)))
    written(("results/cells/%s/cell.json"):format(id), bytes)
    written("results/round.json", read "tests/cli/stored/round1/round.json")
    local side
    side, message = compare_input.open(at "results")
    if not side then return nil, message end
    return side.points()
  end },
  round = { seeds = { read "tests/cli/stored/round1/round.json", read "tests/cli/stored/round3/round.json" },
    run = function(bytes)
      written("about/round.json", bytes)
      return store.open(at "about")
    end },
  ["until"] = { seeds = { '{"width": 0.03, "cap": 10}\n', '{"tie": 0.02, "cap": 10}\n' }, run = function(bytes)
    written("about/until.json", bytes)
    return repeats.kept_rule { folder = at "about" }
  end },
  search = { seeds = { SEARCH }, run = function(bytes)
    written("about/search.json", bytes)
    local found, message = searched.kept { folder = at "about" }
    if not found then return nil, message end
    local map, legend = search_table.map(found, 1)
    local shown = search_table.text(found) .. table.concat(map) .. legend
    assert(not shown:find "[\0-\8\11-\31\127]", "it shows a control character")
    return shown
  end },
  published = { seeds = { ROW:format(1), ROW:format(3) .. "\n" .. ROW:format(2):gsub('"inf"', "2.5") },
    run = function(bytes)
      written("published/sps/Task_qa/Table_x.jsonl", bytes)
      written("published/vanilla/Task_qa/Table_x.jsonl", ROW:format(-1))
      local side, message = compare_input.open(at "published")
      if not side then return nil, message end
      local joined = compare.join { side, side }
      return joined and compare_table.text(joined, { side, side })
    end },
  compare = { seeds = { VLLM, GUIDELLM, SGLANG }, run = function(bytes)
    local name = bytes:find("sglang", 1, true) and "x.jsonl" or "x.json" -- a run a line, or a document
    local side, message = compare_input.open(written(name, bytes))
    if not side then return nil, message end
    return side.points()
  end },
}

-- Tables of our own, large ones: they are read once.
local lengths_of, lengths = profile.lengths, {}
function profile.lengths(name, subset)
  local key = name .. "/" .. subset
  lengths[key] = lengths[key] or assert(lengths_of(name, subset))
  return lengths[key]
end

-- Loaders of data: where the file lies, and how it is asked for. The module keeps what it has read: each execution has
-- one of its own.
local new_data = assert(loadfile(home .. "/scripts/specbench/dataset/init.lua"))
local datasets = {
  sharegpt = { "own.json", [=[[{"id": "a", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt",
    "value": "Hello"}]}, {"id": "b", "conversations": []}]]=], { dataset = "sharegpt", path = at "data/own.json" } },
  spec_bench = { "spec-bench/spec-bench-qa.jsonl", '{"category": "qa", "turns": ["Who?", "And then?"]}\n'
    .. '{"category": "qa", "turns": ["When?"]}\n', { dataset = "spec_bench", subset = "qa" } },
  cnn = { "CNN-DailyMail-News/cnn_dailymail_4k.jsonl", '{"content": "a", "total_prompt_tokens": 3900, '
    .. '"how_many_news": 2, "tokens_range": "4k"}\n{"content": "b", "total_prompt_tokens": 3900, "how_many_news": 3}\n',
    { dataset = "cnn_dailymail_news", subset = "4k" } },
  thucnews = { "THUCNews/thucnews_0.125k.jsonl", '{"content": "天气", "title": "今天", "total_prompt_tokens": 120}\n'
    .. '{"content": "新闻"}\n', { dataset = "thucnews", subset = "0.125k" } },
  speed_bench = { "speed-bench/speed_bench.jsonl", '{"question_id": "a1", "category": "coding", "turns": ["Who?", '
    .. '{"content": "And then?"}]}\n{"question_id": 2, "category": "math", "turns": ["When?"]}\n',
    { dataset = "speed_bench", subset = "coding" } },
  jsonl = { "own.jsonl", '{"prompt": "Hi", "n": 3}\n\n{"prompt": "Who are you?", "n": 12}\n',
    { dataset = "jsonl", path = at "data/own.jsonl", tokens_field = "n" } },
}
for name, entry in pairs(datasets) do
  targets["dataset-" .. name] = { seeds = { entry[2] }, run = function(bytes)
    written("data/" .. entry[1], bytes)
    local asked = { folder = at "data" }
    for key, value in pairs(entry[3]) do asked[key] = value end
    if asked.path then asked.folder = nil end
    return new_data().prompts(asked)
  end }
  assert(fs.mkdir(at("data/" .. entry[1]):match "^(.*)/"))
end
for _, name in ipairs { "cell", "about", "results", "published/sps/Task_qa", "published/vanilla/Task_qa" } do
  assert(fs.mkdir(at(name)))
end

---- changes

local TOKENS = { "null", "true", "-1", "0", "1e999", "-0", "9223372036854775808", "0.1", '""', "[]", "{}", '"\\ud800"',
  '"\\u0000"', "[[[[[[[[", "}", ",", ":", '"', "\\", "\n", "\0", "\255\254", ("9"):rep(400), ("["):rep(3000), "NaN",
  "PK\1\2", "PK\5\6", "\128\4", "\255\255\255\127", "(", ".", "2" }

local function change_once(random, bytes, seeds)
  local size = #bytes
  local from = random:int(1, math.max(size, 1))
  local to = math.min(size, from + random:int(0, 40))
  local way = random:int(1, 9)
  if way == 1 then return bytes:sub(1, from - 1) .. string.char(random:int(0, 255)) .. bytes:sub(from + 1) end
  if way == 2 then return bytes:sub(1, from - 1) .. bytes:sub(to + 1) end
  if way == 3 then return bytes:sub(1, to) .. bytes:sub(from) end
  if way == 4 then return bytes:sub(1, from - 1) .. TOKENS[random:int(1, #TOKENS)] .. bytes:sub(from) end
  if way == 5 then return bytes:sub(1, from - 1) .. TOKENS[random:int(1, #TOKENS)] .. bytes:sub(to + 1) end
  if way == 6 then return bytes:sub(1, from) end
  if way == 7 then -- a value of JSON becomes another
    local start, stop = bytes:find('[%d.eE+-]+', from)
    if random:int(0, 1) == 1 then start, stop = bytes:find('"[^"]*"', from) end
    return start and bytes:sub(1, start - 1) .. TOKENS[random:int(1, #TOKENS)] .. bytes:sub(stop + 1) or bytes
  end
  if way == 8 then -- an object or a list does
    local start, stop = bytes:find(random:int(0, 1) == 1 and "%b{}" or "%b[]", from)
    return start and bytes:sub(1, start - 1) .. TOKENS[random:int(1, #TOKENS)] .. bytes:sub(stop + 1) or bytes
  end
  local other = seeds[random:int(1, #seeds)]
  local cut = random:int(1, #other)
  return bytes:sub(1, from - 1) .. other:sub(cut)
end

local function changed(random, seeds)
  local bytes = seeds[random:int(1, #seeds)]
  for _ = 1, random:int(1, 4) do bytes = change_once(random, bytes, seeds) end
  return bytes
end

---- running

-- What is wrong with how a reader took an input; nil where nothing is.
local function flaw_of(target, bytes, is_seed)
  local begun = os.clock()
  local ok, value, message = pcall(target.run, bytes)
  local seconds = os.clock() - begun
  if not ok then
    if type(value) ~= "table" or not value.exit then return "it raised " .. tostring(value) end
    value, message = nil, value.message
  end
  if is_seed and value == nil then return "a seed is not read: " .. tostring(message) end
  if type(value) == "table" and value.close then value:close() end
  if value == nil and message ~= nil then
    if type(message) ~= "string" then return "its message is a " .. type(message) end
    if message:find "[%c]" then return ("its message has a control character: %q"):format(message) end
  end
  if seconds > SLOW then return ("it took %.1f s"):format(seconds) end
end

local options, names = { executions = 500, seed = 1 }, {}
do
  local i = 1
  while arg[i] do
    local name = arg[i]:match "^%-%-(%l+)$"
    if name then
      options[name], i = assert(tonumber(arg[i + 1]), arg[i] .. " needs a number"), i + 2
    else
      names[#names + 1], i = arg[i], i + 1
      assert(targets[names[#names]], "no target " .. names[#names])
    end
  end
  if #names == 0 then
    for name in pairs(targets) do names[#names + 1] = name end
    table.sort(names)
  end
end

local failed = false

local function fail(name, bytes, flaw)
  failed = true
  assert(fs.mkdir "found")
  local path = ("found/%s.%s"):format(name, fs.sha256(bytes):sub(1, 12))
  assert(fs.write(path, bytes))
  io.stderr:write(("%s: %s: %s\n"):format(path, name, flaw))
end

local corpus = home .. "/tests/fuzz/corpus/readers"
for _, file in ipairs(fs.list(corpus) or {}) do
  local target = targets[file:match "^([^.]+)"]
  local bytes = assert(fs.read(corpus .. "/" .. file))
  local flaw = target and flaw_of(target, bytes)
  if flaw then fail(file:match "^([^.]+)", bytes, flaw) end
end
for _, name in ipairs(names) do
  local target, random = targets[name], rng.new(math.tointeger(options.seed), #name)
  for _, seed in ipairs(target.seeds) do
    local flaw = flaw_of(target, seed, true)
    if flaw then fail(name, seed, flaw) end
  end
  local executions, begun, found = 0, os.clock(), 0
  repeat
    local bytes = changed(random, target.seeds)
    local flaw = flaw_of(target, bytes)
    executions = executions + 1
    if flaw then
      fail(name, bytes, flaw)
      found = found + 1
    end
    local over = options.seconds and os.clock() - begun >= options.seconds
      or not options.seconds and executions >= options.executions
  until over or found >= 5
  print(("%s: %d executions, %d broke it"):format(name, executions, found))
end
return failed and 1 or 0
