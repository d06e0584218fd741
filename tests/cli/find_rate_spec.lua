-- specbench run --find rate: how many requests a second a server holds, and that a scan of all rates says the same.

local environment = require "sb.environment"
local world = dofile(environment.home .. "/tests/cli/world.lua")
local fs = require "sb.fs"
local json = require "specbench.base.json"
local store = require "specbench.results.store"
local sustained = require "specbench.analysis.sustained"

-- A round whose axes end with the given text.
local function round(axes, workload)
  return ([[
local bench = require "specbench"
return bench.round {
  name = "service",
  axes = { { "method", { "none", "draft" } }, { "k", { 3 }, when = function(c) return c.method ~= "none" end },
    %s },
  baseline = { method = "none" },
  server = function(c)
    return { model = "qwen2.5-7b", method = c.method, k = c.k, draft = c.k and "qwen2.5-0.5b" }
  end,
  workload = function(c)
    return { prompts = { dataset = "random", tokens = 120, count = 300 }, %s
      limits = { max_tokens = 48, ignore_eos = true } }
  end,
}]]):format(axes, workload or "")
end

local SLO = "--slo ttft=200,tpot=30 --virtual --no-text --no-pictures --quiet"

local function found(w, out)
  local by_method = {}
  for line in assert(fs.read(("%s/%s/rates.jsonl"):format(w.folder, out))):gmatch "[^\n]+" do
    local one = json.decode(line)
    by_method[one.coordinates.method] = one
  end
  return by_method
end

describe("run --find rate", function()
  local w
  before_each(function() w = world.new() end)
  after_each(function() w:remove() end)

  it("finds what a scan of all rates finds, and goes on from what is measured", function()
    w:write("service.lua", round '{ "concurrency", { 1, 8 } }')
    local result = w:run("run service.lua --find rate --out found " .. SLO)
    assert.equal(0, result.status, result.out .. result.err)
    local rates = found(w, "found")
    local scanned = {}
    for method, one in pairs(rates) do
      assert.truthy(one.rate > 1 and one.too_much / one.rate < 1.021, method)
      local values = {}
      for i = -12, 12 do values[#values + 1] = ("%.5g"):format(one.rate * 1.01 ^ i) end
      w:write("scan.lua", round(('{ "rate", { %s } }'):format(table.concat(values, ", "))))
      assert.equal(0, w:run(("run scan.lua --only method=%s --out scan-%s %s"):format(method, method, SLO)).status)
      local the_store = assert(store.open(("%s/scan-%s"):format(w.folder, method)))
      local cells = the_store:cells()
      assert.equal(25, #cells)
      table.sort(cells, function(a, b) return a.coordinates.rate < b.coordinates.rate end)
      for _, cell in ipairs(cells) do
        if not sustained.holds(cell, assert(the_store:run(cell.id)), 0.99) then break end
        scanned[method] = cell.coordinates.rate
      end
      assert.truthy(scanned[method], method)
      assert.truthy(math.abs(scanned[method] / one.rate - 1) < 0.03, ("%s: %g, scanned %g"):format(method, one.rate,
        scanned[method]))
    end
    local ratio = rates.draft.speedup
    assert.equal("of the search", ratio.kind)
    local of_scan = scanned.draft / scanned.none
    assert.truthy(ratio.low <= of_scan * 1.03 and ratio.high >= of_scan / 1.03)
    assert.is_nil(rates.none.speedup)

    local cells = #fs.list(w.folder .. "/found/cells")
    fs.remove(w.folder .. "/found/cells/" .. fs.list(w.folder .. "/found/cells")[1])
    assert.equal(0, w:run("run service.lua --find rate --out found " .. SLO).status)
    assert.truthy(#fs.list(w.folder .. "/found/cells") >= cells - 1) -- nearer rates may tell what it told
    assert.same(rates, found(w, "found"))
  end)

  it("does not take what was measured before the round changed for the round's", function()
    local text = round '{ "concurrency", { 1 } }'
    local changed = text:gsub('model = "qwen2.5%-7b"', "max_num_seqs = 2, %0")
    w:write("service.lua", text)
    assert.equal(0, w:run("run service.lua --find rate --only method=none --out folder " .. SLO).status)
    local before = found(w, "folder").none
    w:write("service.lua", changed)
    for _, out in ipairs { "folder", "fresh" } do
      assert.equal(0, w:run(("run service.lua --find rate --only method=none --out %s %s"):format(out, SLO)).status)
    end
    assert.same(found(w, "fresh"), found(w, "folder"))
    assert.truthy(found(w, "fresh").none.rate < before.rate)
  end)

  it("gives an interval over repeats, and says so", function()
    w:write("service.lua", round '{ "concurrency", { 1 } }')
    local options = SLO:gsub("%-%-quiet", "") .. " --repeats 3"
    local result = w:run("run service.lua --find rate " .. options)
    assert.equal(0, result.status, result.out .. result.err)
    assert.truthy(fs.stat(w.folder .. "/results/service-virtual-rate/rates.jsonl"))
    local one = found(w, "results/service-virtual-rate").draft
    assert.equal("over repeats", one.speedup.kind)
    assert.equal(3, one.repeats)
    assert.near(one.speedup.ratio, one.rate / one.baseline, 1e-9) -- all of the same repeats
    assert.truthy(one.too_much > one.rate and one.too_much / one.rate < 1.021)
    assert.truthy(one.speedup.low <= one.speedup.ratio and one.speedup.ratio <= one.speedup.high)
    assert.truthy(result.out:find("95 % over repeats", 1, true), result.out)
    assert.truthy(result.out:find("simulated in virtual time", 1, true), result.out)
  end)

  it("takes a rate at which requests are refused for too high, one at which they fail otherwise for failed", function()
    w:write("service.lua", round '{ "concurrency", { 1 } }')
    local options = SLO:gsub("%-%-quiet", "--full") .. " --only method=none --models models.lua --out "
    for kind, status in pairs { http429 = 0, http500 = 3 } do
      -- the first 301 requests of a server are those of one rate
      w:models(("engine_args = { '--fault', '%s@400' }"):format(kind))
      local result = w:run("run service.lua --find rate " .. options .. kind)
      assert.equal(status, result.status, result.out .. result.err)
      local refuses = status == 0
      assert.equal(refuses, #fs.list(w.folder .. "/" .. kind .. "/failed") == 0)
      assert.equal(refuses or nil, found(w, kind).none.refused)
      assert.equal(refuses, result.out:find "%d %(refused%)" ~= nil, result.out)
      assert.equal(refuses, result.err:find("no throughput: the server refused 1 of 300 requests", 1, true) ~= nil)
    end
    local cells = #fs.list(w.folder .. "/http429/cells")
    w:models "engine_args = { '--fault', 'http429@400' }"
    assert.equal(0, w:run("run service.lua --find rate " .. options .. "http429").status)
    assert.equal(cells, #fs.list(w.folder .. "/http429/cells"))
  end)

  it("says where no rate is held", function()
    w:write("service.lua", round '{ "concurrency", { 1 } }')
    local result = w:run "run service.lua --find rate --slo ttft=1 --only method=none --virtual --no-text --no-pictures"
    assert.equal(0, result.status, result.out .. result.err)
    assert.truthy(result.out:find("none held", 1, true), result.out)
  end)

  it("refuses what does not go with it", function()
    w:write("service.lua", round '{ "concurrency", { 1 } }')
    for options, word in pairs {
      [""] = "--slo", ["--slo ttft=9 --no-records"] = "--no-records", ["--slo ttft=9 --until ci=3%"] = "--until",
      ["--slo ttft=9 --match pinned"] = "--match pinned", ["--slo ttft=9 --lengths replay"] = "--lengths replay",
    } do
      local result = w:run("run service.lua --virtual --find rate " .. options)
      assert.equal(2, result.status, options)
      assert.truthy(result.err:find(word, 1, true), result.err)
    end
  end)
end)
