-- specbench tests/proof/search/search.lua [WORLDS [SEED]]
--
-- Whether `run --find k` comes to what the whole grid says: servers are drawn (costs, acceptances, every other one with
-- kernels that bend), their whole grids measured in virtual time, three methods x four tasks x eight loads each, and a
-- search is played against them. A server's start costs what a plan takes it to be. Exit status 1 where a figure is not
-- what is asked: the same best k, or one within 2 %, in 95 % of method x task x load, at no more than 15 % of the time.

local environment = require "sb.environment"
local text_table = require "specbench.base.text_table"

local world = dofile(environment.home .. "/tests/proof/search/world.lua")
local replay = dofile(environment.home .. "/tests/proof/search/replay.lua")

local WORLDS, SEED = tonumber(arg[1]) or 4, tonumber(arg[2]) or 1
local TOLERANCE, START = 0.02, 90 -- seconds that a server takes to be ready
local BUDGET = 0.02 -- of the whole grid's time
local SHARE, RIGHT = 0.15, 0.95

local function percent(part, whole) return ("%.1f"):format(100 * part / whole) end

local rows, missed = {}, {}
local sum = { asked = 0, right = 0, right_k = 0, seconds = 0, whole = 0 }

local function add(seed, budget, said, bends)
  rows[#rows + 1] = { seed, bends and "yes" or "", budget and percent(budget, 1) or "-", said.cells, said.starts,
    percent(said.seconds, said.whole), percent(said.right, said.asked), percent(said.right_k, said.asked),
    ("%.2f"):format(100 * said.regret), percent(said.sure, said.asked) }
end

local clock = os.clock()
for seed = SEED, SEED + WORLDS - 1 do
  local measured = world.measure(seed)
  local said = replay.run(measured, { tolerance = TOLERANCE, start = START })
  add(seed, nil, said, measured.bends)
  for name in pairs(sum) do sum[name] = sum[name] + said[name] end
  if said.seconds > SHARE * said.whole then missed[#missed + 1] = ("world %d took too long"):format(seed) end
  local budget = BUDGET * said.whole
  local cut = replay.run(measured, { tolerance = TOLERANCE, start = START, budget = budget })
  add(seed, BUDGET, cut, measured.bends)
  if cut.seconds > budget + cut.last or cut.ended ~= "budget" then
    missed[#missed + 1] = ("world %d did not end within a cell of its budget"):format(seed)
  end
end

local columns = { text_table.right "world", { title = "bend" } }
for _, title in ipairs { "budget %", "cells", "starts", "time %", "right %", "right among k %", "regret %",
  "sure %" } do
  columns[#columns + 1] = text_table.right(title)
end
io.stdout:write(text_table.render { columns = columns, rows = rows })
io.stdout:write(("without a budget: %d questions, %s %% right (%s %% among k alone), at %s %% of the time; "
  .. "%.0f s of CPU\n"):format(sum.asked, percent(sum.right, sum.asked), percent(sum.right_k, sum.asked),
    percent(sum.seconds, sum.whole), os.clock() - clock))
if sum.right < RIGHT * sum.asked then missed[#missed + 1] = "fewer are right than asked" end
for _, line in ipairs(missed) do io.stdout:write("missed: ", line, "\n") end
os.exit(#missed > 0 and 1 or 0)
