-- Cells of each outcome, crossed with each field that may be absent or of a wrong type, through all that prints: the
-- report, the comparison, the page, Markdown and CSV.
--
--   SPECBENCH_TEST_CROSSING=all ctest -R lua.crossing_outcomes      each of them; else every so manieth

local crossing = dofile(require("sb.environment").home .. "/tests/lua/crossing.lua")
local fs = require "sb.fs"
local json = require "specbench.base.json"

local STEP = os.getenv "SPECBENCH_TEST_CROSSING" == "all" and 1 or 211

-- What only some cells have.
local SELDOM = {
  lossy = "its answers may differ", assumed = true, error = "e", note = "n", records = false, own = { mine = 1.5 },
  own_trouble = "t",
  energy = { joules = 12.5, seconds = 2, source = "nvml",
    gpus = { { uuid = "GPU-1", joules = 12.5, sm_clock_mhz = 1500, power_limited_s = 1, thermal_limited_s = 0.5 } } },
  energy_unknown = "u", acceptance_unknown = "u", requests_counted = 5, output_tokens_counted = 5,
  cache_trouble = "c", resent = 1,
  troubles = { "t" }, compilations = 2, profile_trouble = "p", profile = { files = { "f" } },
  lengths = { mode = "replay", sha256 = "00", unknown = "u" }, rerun = { flag = "stall", reason = "r" },
  dataset = { kind = "file", file = "f", rows = 3 }, answers_sha256 = "00", quick = true, virtual = true,
}

local function with(cell, changes)
  local changed = crossing.copy(cell)
  for key, value in pairs(changes) do changed[key] = crossing.copy(value) end
  return changed
end

-- How the method's cell came out, and where it lies then; before a change that a test makes to it.
local OUTCOMES = {
  ok = function(cell) return { { cell, "cells/" .. cell.id } } end,
  ["ok, with all that is seldom there"] = function(cell)
    return { { with(cell, SELDOM), "cells/" .. cell.id } }
  end,
  failed = function(cell)
    return { { with(cell, { status = "failed", error = "1 of 4 requests failed" }), "failed/" .. cell.id .. "-1" } }
  end,
  ["failed twice"] = function(cell)
    local failed = with(cell, { status = "failed", error = "e" })
    return { { failed, "failed/" .. cell.id .. "-1" }, { failed, "failed/" .. cell.id .. "-2" } }
  end,
  ["without a server"] = function(cell)
    local refused = with(cell, { status = "failed", error = "no server" })
    for _, name in ipairs { "metrics", "tails", "acceptance", "acceptance_seen", "groups", "certificate",
      "load_seconds" } do
      refused[name] = nil
    end
    return { { refused, "failed/" .. cell.id .. "-1" } }
  end,
  ["measured once more"] = function(cell)
    return { { with(cell, { rerun = SELDOM.rerun }), "reruns/" .. cell.id }, { cell, "cells/" .. cell.id } }
  end,
  ["failed once more"] = function(cell)
    return { { with(cell, { rerun = SELDOM.rerun, status = "failed", error = "e" }), "reruns/" .. cell.id },
      { cell, "cells/" .. cell.id } }
  end,
}

local folder

before_each(function() folder = crossing.folder() end)
after_each(function() fs.remove(folder) end)

-- The first of the outcome's cells is the one that is changed.
local function check_case(world, method, cells, place, wrong)
  local list = {}
  for i, one in ipairs(cells) do
    local cell = i == 1 and crossing.copy(one[1]) or one[1]
    if i == 1 and place and not crossing.put(cell, place, wrong) then return end
    list[i] = { cell = cell, place = one[2], records = world.records[method] }
  end
  local other = 3 - method
  list[#list + 1] = { cell = world.cells[other], place = "cells/" .. world.cells[other].id,
    records = world.records[other] }
  crossing.write(folder, world.about, list)
  local what = place and ("%s = %s"):format(place.name, json.encode(wrong)) or "as it is"
  local ok, text, warnings = pcall(crossing.told, folder, true)
  assert.is_true(ok, ("%s: %s"):format(what, type(text) == "table" and text.message or tostring(text)))
  crossing.check_words(text, what)
  for _, line in ipairs(warnings) do assert.is_nil(line:find "\n", what) end
end

describe("a folder with a cell that", function()
  for outcome, cells_of in pairs(OUTCOMES) do
    for method, name in ipairs { "is a baseline", "is a method's" } do
      it(("%s and came out %s is told, whatever field is absent or wrong"):format(name, outcome), function()
        local world = crossing.world(1)
        local cells = cells_of(world.cells[method])
        check_case(world, method, cells)
        local number = #outcome + 50 * method -- each outcome has other ones
        for _, place in ipairs(crossing.places(cells[1][1])) do
          for i = 0, #crossing.WRONG do
            number = number + 1
            if number % STEP == 0 then check_case(world, method, cells, place, crossing.WRONG[i]) end
          end
        end
      end)
    end
  end
end)
