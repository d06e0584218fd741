-- Round 3: two servers at once, loaded at the same moment; its settings, table and picture.

local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local grid = require "specbench.experiment.grid"
local plan = require "specbench.experiment.plan"
local report = require "specbench.report"
local sweep = require "specbench.sweep"
local round3 = dofile(environment.home .. "/tests/lua/fixtures/round3.lua")

local function by_method(cells)
  local found = {}
  for _, c in ipairs(cells) do found[c.coordinates.method] = c end
  return found
end

local function span(run)
  local first, last = math.maxinteger, 0
  for i = 1, #run do
    local request = run:request(i)
    first, last = math.min(first, request.t_send), math.max(last, request.t_done)
  end
  return first, last
end

describe("round 3's plan", function()
  it("pairs every setting with both servers", function()
    local the_plan = round3.plan_of({ engine = "vllm_v0", gpus = { 4, 5 } })
    assert.equal(7, #the_plan.batches)
    for i, batch in ipairs(the_plan.batches) do
      assert.equal(2, #batch)
      assert.equal("none", batch[1].server.method)
      assert.equal("draft", batch[2].server.method)
      local slots = the_plan.sessions[i].slots
      assert.same({ { 4 }, { 5 } }, { slots[1].gpus, slots[2].gpus })
      assert.equal(batch[2].baseline, batch[1].key)
    end
  end)

  it("takes the 120 texts in the file's order", function()
    local items = round3.plan_of().jobs[1].workload.prompts.items
    assert.equal(120, #items)
    for i, prompt in ipairs(items) do assert.equal(i, prompt.id) end
  end)

  it("has answers by the prompt's length, or all of the published limit", function()
    local function limits(change)
      local work = round3.plan_of({}, change).jobs[1].workload
      return work.limit_list[1].max_tokens, work.limit_list[120].max_tokens
    end
    assert.same({ 64, 512 }, { limits() })
    assert.same({ 128, 128 }, { limits(function(r) grid.limit(r, "as-published") end) })
    local ok, e = pcall(limits, function(r) grid.limit(r, "published") end)
    assert.is_false(ok)
    assert.truthy(tostring(e):find("it has: as-published", 1, true), tostring(e))
  end)

  it("maps every setting to vLLM 0.6's flag", function()
    local the_plan, flags = round3.plan_of({ engine = "vllm_v0", gpus = { 4, 5 } }), {}
    for _, job in ipairs(the_plan.jobs) do
      flags[#flags + 1] = table.concat((plan.command(the_plan, job)), " ")
    end
    local all = table.concat(flags, "\n")
    for _, flag in ipairs { "--speculative-disable-by-batch-size 8", "--speculative-max-model-len 1280",
      "--enable-chunked-prefill", "--scheduler-delay-factor 0.5", "--num-scheduler-steps 8" } do
      assert.truthy(all:find(flag, 1, true), flag)
    end
    for _, line in ipairs(flags) do
      assert.is_nil(line:find "num%-scheduler%-steps.*speculative" or line:find "speculative.*num%-scheduler%-steps")
    end
  end)

  it("has vLLM V1's table of k, and leaves out what V1 has not, with the reason", function()
    local the_plan = round3.plan_of { engine = "vllm", gpus = { 0, 1 } }
    local found = false
    for _, job in ipairs(the_plan.jobs) do
      local line = table.concat((plan.command(the_plan, job)), " ")
      found = found or line:find('"num_speculative_tokens_per_batch_size":[[1,7,3],[8,512,0]]', 1, true) ~= nil
    end
    assert.is_true(found)
    local reasons = {}
    for _, refused in ipairs(the_plan.refused) do reasons[#reasons + 1] = refused.reason end
    reasons = table.concat(reasons, "\n")
    for _, word in ipairs { "disable_by_batch_size: V0 only; use k_by_batch_size", "scheduler_delay_factor: V0 only",
      "multi_step: V0 only" } do assert.truthy(reasons:find(word, 1, true), word) end
  end)

  it("leaves out both of a pair where one cannot be served", function()
    -- V0's plain server has no table of k to refuse
    local the_plan = round3.plan_of { engine = "vllm_v0", gpus = { 4, 5 } }
    assert.equal(2, #the_plan.refused)
    for _, refused in ipairs(the_plan.refused) do
      assert.truthy(refused.description:find("k_by_batch_size=8", 1, true), refused.description)
    end
    for _, batch in ipairs(the_plan.batches) do assert.equal(2, #batch) end
  end)

  it("has every setting on the simulator, multi-step on the plain server only, and in the quick run too", function()
    local the_plan = round3.plan_of()
    assert.equal(0, #the_plan.refused)
    assert.equal(8, #the_plan.batches)
    local found = {}
    for _, job in ipairs(the_plan.jobs) do
      local line = table.concat((plan.command(the_plan, job)), " ")
      for _, flag in ipairs { "--disable-by-batch-size 8", "--k-by-batch-size [[1, 7, 3], [8, 512, 0]]",
        "--speculative-max-model-len 1280", "--chunked-prefill", "--scheduler-delay-factor 0.5", "--multi-step 8" } do
        if line:find(flag, 1, true) then found[flag] = (found[flag] or "") .. job.server.method .. " " end
      end
    end
    assert.same({
      ["--disable-by-batch-size 8"] = "draft ", ["--k-by-batch-size [[1, 7, 3], [8, 512, 0]]"] = "draft ",
      ["--speculative-max-model-len 1280"] = "draft ", ["--chunked-prefill"] = "none draft ",
      ["--scheduler-delay-factor 0.5"] = "none draft ", ["--multi-step 8"] = "none ",
    }, found)
    local r = round3.load()
    grid.quicken(r)
    local quick = round3.new_plan(r)
    assert.equal(7, #quick.batches) -- all but chunked_prefill=off, the simulator's default
  end)

  it("wants GPUs by name for two servers at once, and enough of them", function()
    local ok, message = pcall(round3.plan_of, { engine = "vllm_v0" })
    assert.is_false(ok)
    assert.truthy(tostring(message):find("2 servers at once need 2 GPUs: name them with --gpus 0,1", 1, true))
    ok, message = pcall(round3.plan_of, { engine = "vllm_v0", gpus = { 4 } })
    assert.is_false(ok)
    assert.truthy(tostring(message):find("2 GPUs are needed at once, but --gpus names 1", 1, true))
  end)
end)

describe("a pair of servers", function()
  it("is loaded at the same moment, each on its GPU, and reported by length", function()
    local the_plan, r = round3.small_pair { gpus = { 4, 5 } }
    round3.with_store(r, function(s, folder)
      local outcome = sweep.run(the_plan, s, { quiet = true })
      assert.equal(2, outcome.measured)
      local cells = by_method(s:cells())
      assert.same({ 4 }, cells.none.engine.gpus)
      assert.same({ 5 }, cells.draft.engine.gpus)
      assert.not_equal(cells.none.engine.url, cells.draft.engine.url)
      local first, last = span(assert(s:run(cells.none.id)))
      local other_first, other_last = span(assert(s:run(cells.draft.id)))
      assert.is_true(first < other_last and other_first < last, "the loads do not overlap")
      for _, c in pairs(cells) do
        local requests, tokens = 0, 0
        for _, kind in ipairs(c.groups) do requests, tokens = requests + kind.requests, tokens + kind.output_tokens end
        assert.equal(8, requests)
        assert.equal(c.metrics.total_output_tokens, tokens)
      end
      local printed = assert(io.tmpfile())
      report.write(s, { full = true, pictures = true, out = printed })
      printed:seek "set"
      local text = printed:read "a"
      printed:close()
      assert.truthy(text:find("defaults", 1, true), text)
      local kinds = {}
      for line in assert(fs.read(folder .. "/settings.jsonl")):gmatch "[^\n]+" do
        local row = json.decode(line)
        kinds[row.kind] = row
        assert.is_true(row.speedup > 0 and row.ttft_ms > 0 and row.plain_tpot_ms > 0)
      end
      assert.is_true(kinds.all.throughput_speedup > 0 and kinds.all.acceptance > 0)
      local whole, least, most = kinds.all.acceptance, kinds.even.acceptance, kinds.odd.acceptance
      if least > most then least, most = most, least end
      assert.is_true(least > 0 and least <= whole and whole <= most, "a kind's acceptance is not its requests'")
      assert.truthy(fs.stat(folder .. "/pictures/settings.svg"))
    end)
  end)

  it("that was half done is loaded whole, and only what is missing is kept", function()
    local the_plan, r = round3.small_pair()
    round3.with_store(r, function(s, folder)
      sweep.run(the_plan, s, { quiet = true })
      local cells = by_method(s:cells())
      fs.remove(folder .. "/cells/" .. cells.draft.id)
      local outcome = sweep.run(the_plan, s, { quiet = true })
      assert.equal(1, outcome.skipped)
      assert.equal(1, outcome.measured)
      local again = by_method(s:cells())
      assert.equal(cells.none.started, again.none.started)
      assert.equal(cells.none.metrics.duration, again.none.metrics.duration)
      assert.truthy(again.draft)
    end)
  end)

  it("of which one server does not start fails as a whole", function()
    local the_plan, r = round3.small_pair(nil, function(r)
      local server = r.server
      r.server = function(c)
        local description = server(c)
        if c.method == "draft" then description.extra_args = { "--fault", "die-in-confusion" } end
        return description
      end
    end)
    round3.with_store(r, function(s)
      local outcome = sweep.run(the_plan, s, { quiet = true })
      assert.equal(2, outcome.failed)
      assert.equal(0, #s:cells())
    end)
  end)
end)

describe("round 3's quick run on the simulator", function()
  it("is whole, and every setting leaves its mark", function()
    local r = round3.load()
    grid.quicken(r)
    local the_plan = round3.new_plan(r)
    round3.with_store(r, function(s, folder)
      local outcome = sweep.run(the_plan, s, { quiet = true })
      assert.equal(14, outcome.measured)
      assert.equal(0, outcome.failed)
      local marked = {} -- setting -> the pair
      for _, c in ipairs(s:cells()) do
        local name = "defaults"
        for _, knob in ipairs(r.report.settings.knobs) do
          if c.coordinates[knob[1]] ~= knob[2] then name = knob[1] end
        end
        marked[name] = marked[name] or {}
        marked[name][c.coordinates.method] = c.metrics
      end
      local plain, speculative = marked.defaults.none, marked.defaults.draft
      assert.equal(1, plain.tokens_per_chunk)
      assert.is_true(speculative.tokens_per_step > 2)
      -- 8 requests at once meet each other, but for one that comes late and finds 7
      assert.is_true(marked.disable_by_batch_size.draft.draft_tokens < speculative.draft_tokens / 4)
      for _, name in ipairs { "k_by_batch_size", "speculative_max_model_len" } do
        local m = marked[name].draft
        assert.is_true(m.draft_tokens > 0 and m.draft_tokens < speculative.draft_tokens, name)
      end
      assert.is_true(marked.multi_step.none.tokens_per_chunk > 4)
      assert.equal(speculative.tokens_per_chunk, marked.multi_step.draft.tokens_per_chunk)
      report.write(s, { full = true, pictures = false, out = assert(io.tmpfile()) })
      local rows = {}
      for line in assert(fs.read(folder .. "/settings.jsonl")):gmatch "[^\n]+" do
        local row = json.decode(line)
        rows[#rows + 1] = row
        if row.setting == "speculative_max_model_len=1280" and row.kind ~= "all" then
          assert.equal(row.kind == "2k" or row.kind == "4k" or row.kind == "8k", row.acceptance == nil, row.kind)
        end
      end
      assert.equal(7 * 7, #rows) -- seven settings; six lengths and all of them
    end)
  end)
end)
