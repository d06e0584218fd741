-- Which GPUs there are, and what of a plan is measured side by side on them.

local gpus = require "specbench.experiment.gpus"
local home = require("sb.environment").home
local plan = require "specbench.experiment.plan"
local round_file = require "specbench.experiment.round_file"
local units = require "specbench.experiment.units"

local NOWHERE = "/nonexistent"

local function env(values)
  return function(name)
    if name == "PATH" and not values.PATH then return NOWHERE end
    return values[name]
  end
end

describe("--gpus", function()
  it("takes numbers, ranges and UUIDs", function()
    assert.same({ 0, 1, 2, 3, 7 }, gpus.read "0-3,7")
    assert.same({ 0, 0, 0 }, gpus.read "0,0,0")
    assert.same({ "GPU-5f1b-aa", "MIG-GPU-5f1b/1/0" }, gpus.read "GPU-5f1b-aa, MIG-GPU-5f1b/1/0")
    for _, text in ipairs { "", "0,", "3-1", "a", "-1", "0.5", "GPU", "0-99999999" } do
      local list, message = gpus.read(text)
      assert.is_nil(list, text)
      assert.truthy(message:find("must be numbers, ranges or UUIDs", 1, true))
    end
  end)

  it("is what is visible where it is not given, and never what is hidden", function()
    assert.same({ 2, 3 }, gpus.choose(nil, env { CUDA_VISIBLE_DEVICES = "2,3" }))
    assert.same({ "MIG-1234-ab" }, gpus.choose(nil, env { CUDA_VISIBLE_DEVICES = "MIG-1234-ab" }))
    assert.is_nil(gpus.choose(nil, env {}))
    assert.same({ 3 }, gpus.choose({ 3 }, env { CUDA_VISIBLE_DEVICES = "2,3" }))
    local list, flaw = gpus.choose({ 0, 3 }, env { CUDA_VISIBLE_DEVICES = "2,3" })
    assert.is_nil(list)
    assert.equal("0 is not among those that CUDA_VISIBLE_DEVICES shows (2,3): name some of them, or unset it", flaw)
  end)

  it("must be there in a job that needs them", function()
    assert.is_nil(gpus.flaw(env {}))
    assert.is_nil(gpus.flaw(env { CUDA_VISIBLE_DEVICES = "0" }))
    assert.is_nil(gpus.flaw(env { SLURM_JOB_ID = "7", CUDA_VISIBLE_DEVICES = "0" }))
    assert.is_nil(gpus.flaw(env { SLURM_JOB_ID = "7", ROCR_VISIBLE_DEVICES = "0" }))
    local flaw = gpus.flaw(env { SLURM_JOB_ID = "7" })
    assert.truthy(flaw:find("no GPU is visible in Slurm job 7 (there is no nvidia-smi", 1, true), flaw)
    for _, hidden in ipairs { "", "NoDevFiles", "-1" } do
      assert.equal(("no GPU is visible in Slurm job 7 (CUDA_VISIBLE_DEVICES is '%s'), and the engine's servers need "
        .. "one"):format(hidden), gpus.flaw(env { SLURM_JOB_ID = "7", CUDA_VISIBLE_DEVICES = hidden }))
    end
  end)
end)

describe("round 1 on a pool", function()
  local the_plan, alone

  setup(function()
    the_plan = plan.new(assert(round_file.load(home .. "/rounds/round1.lua")), { engine = "vllm", no_text = true,
      engine_version = "0.26.0", gpus = gpus.read "0-7" })
    alone = 0
    for _, session in ipairs(the_plan.sessions) do alone = alone + plan.session_cost(the_plan, session) end
  end)

  it("takes at most a tenth longer than an equal share, or than its longest unit", function()
    for _, count in ipairs { 1, 2, 4, 8 } do
      local list, makespan = units.pack(the_plan, count)
      local longest = 0
      for _, unit in ipairs(list) do longest = math.max(longest, unit.seconds) end
      assert.truthy(makespan <= 1.1 * math.max(alone / count, longest), ("%d GPUs: %g s"):format(count, makespan))
      -- and no unit is longer than a fair share asks for
      assert.truthy(longest <= 1.1 * alone / count or count == 1, ("%d GPUs: a unit of %g s"):format(count, longest))
    end
  end)

  it("is cut so that every cell is in one unit, with its baseline", function()
    local list, seen, count = units.pack(the_plan, 8), {}, 0
    for _, unit in ipairs(list) do
      local keys = {}
      for _, job in ipairs(unit.jobs) do keys[job.key] = true end
      for _, job in ipairs(unit.jobs) do
        assert.is_nil(seen[job.id])
        seen[job.id], count = true, count + 1
        assert.truthy(keys[job.baseline], job.description)
      end
    end
    assert.equal(#the_plan.jobs, count)
    assert.truthy(#list > 8)
  end)

  it("gives what is done no time", function()
    local _, all = units.pack(the_plan, 2)
    local _, half = units.pack(the_plan, 2, nil, function(job) return job.coordinates.model ~= "qwen2.5-7b" end)
    assert.truthy(half < 0.6 * all)
    assert.same({}, (units.pack(the_plan, 2, nil, function() return true end)))
  end)
end)

describe("units", function()
  local function of(gpus_needed, seconds)
    return { gpus = gpus_needed, seconds = seconds, id = ("%d/%d"):format(gpus_needed, seconds) }
  end

  it("begin as soon as there is room, the large ones first", function()
    local list = units.sort { of(1, 10), of(4, 5), of(1, 30), of(2, 10) }
    assert.same({ 4, 2, 1, 1 }, { list[1].gpus, list[2].gpus, list[3].gpus, list[4].gpus })
    assert.equal(35, units.makespan(list, 4)) -- 0-5 the large one, then 2 + 1 + 1 beside each other
    assert.equal(55, units.makespan(list, 4, 1))
  end)

  it("run on other GPUs than the plan named", function()
    local session = { { "batch" }, order = "interleaved", slots = { { key = "a", gpus = { 0, 1 } }, { key = "b" } } }
    local moved = units.on(session, { 0, 1, 2, 3 }, { 3, 2 })
    assert.same({ 3, 2 }, moved.slots[1].gpus)
    assert.is_nil(moved.slots[2].gpus)
    assert.equal("interleaved", moved.order)
    assert.equal(session[1], moved[1])
    assert.same({ 0, 1 }, session.slots[1].gpus)
  end)
end)
