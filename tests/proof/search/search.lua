-- specbench tests/proof/search/search.lua [WORLDS [SEED]]
--
-- Whether `run --find k` comes to what the whole grid says: servers are drawn (costs, acceptances, every other one with
-- kernels that bend), their whole grids measured in virtual time, three methods x four tasks x eight loads each, and a
-- search is played against them. A server's start costs what a plan takes it to be. Exit status 1 where a figure is not
-- what is asked: the same best k, or one within 2 %, in 95 % of method x task x load, at no more than 15 % of the time,
-- and an end within a cell of a budget. The same is asked of the published tables of round 1, where
-- $SPECBENCH_TEST_DATA has them: what they say of a cell is one run of a real server.

local environment = require "sb.environment"
local text_table = require "specbench.base.text_table"

local folder = environment.home .. "/tests/proof/search/"
local published, replay, world = dofile(folder .. "published.lua"), dofile(folder .. "replay.lua"),
  dofile(folder .. "world.lua")

-- worlds 1 to 20 were looked at while the search was made
local WORLDS, SEED = tonumber(arg[1]) or 6, tonumber(arg[2]) or 21
local DATA = os.getenv "SPECBENCH_TEST_DATA"
local TOLERANCE, START = 0.02, 90 -- seconds that a server takes to be ready
local BUDGET = 0.02 -- of the whole grid's time
local SHARE, RIGHT = 0.15, 0.95

local function percent(part, whole) return ("%.1f"):format(100 * part / whole) end

local rows, missed = {}, {}
local sum = { asked = 0, right = 0, right_k = 0, seconds = 0, whole = 0 }

local function add(measured, said, budget)
  rows[#rows + 1] = { measured.name, measured.bends and "yes" or "", budget and percent(budget, 1) or "-", said.cells,
    said.starts, percent(said.seconds, said.whole), percent(said.right, said.asked),
    percent(said.right_k, said.asked), ("%.2f"):format(100 * said.regret), percent(said.sure, said.asked) }
end

local function miss(format, ...)
  missed[#missed + 1] = format:format(...)
end

local clock = os.clock()
for seed = SEED, SEED + WORLDS - 1 do
  local measured = world.measure(seed)
  local said = replay.run(measured, { tolerance = TOLERANCE, start = START })
  add(measured, said)
  for name in pairs(sum) do sum[name] = sum[name] + said[name] end
  local budget = BUDGET * said.whole
  local cut = replay.run(measured, { tolerance = TOLERANCE, start = START, budget = budget })
  add(measured, cut, BUDGET)
  if cut.seconds > budget + cut.last or cut.ended ~= "budget" then
    miss("world %d did not end within a cell of its budget", seed)
  end
end
if sum.seconds > SHARE * sum.whole then miss "they took longer than asked" end
if sum.right < RIGHT * sum.asked then miss "fewer are right than asked" end
for _, measured in ipairs(DATA and published.measured(DATA .. "/seed-results/round1", environment.home
  .. "/rounds/round1.lua") or {}) do
  local said = replay.run(measured, { tolerance = TOLERANCE, start = START })
  add(measured, said)
  if said.seconds > SHARE * said.whole then miss("%s took longer than asked", measured.name) end
  if said.right < RIGHT * said.asked then miss("of %s fewer are right than asked", measured.name) end
end

local columns = { { title = "world" }, { title = "bend" } }
for _, title in ipairs { "budget %", "cells", "starts", "time %", "right %", "right among k %", "regret %",
  "sure %" } do
  columns[#columns + 1] = text_table.right(title)
end
io.stdout:write(text_table.render { columns = columns, rows = rows })
io.stdout:write(("worlds without a budget: %d questions, %s %% right (%s %% among k alone), at %s %% of the time; "
  .. "%.0f s of CPU\n"):format(sum.asked, percent(sum.right, sum.asked), percent(sum.right_k, sum.asked),
    percent(sum.seconds, sum.whole), os.clock() - clock))
for _, line in ipairs(missed) do io.stdout:write("missed: ", line, "\n") end
os.exit(#missed > 0 and 1 or 0)
