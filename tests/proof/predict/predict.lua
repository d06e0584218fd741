-- specbench tests/proof/predict/predict.lua [DIR [ROUND]]
--
-- How far off predicted speed-ups are, on tables of the reference system's round 1 (default: those in
-- $SPECBENCH_TEST_DATA): part of a table is shown, the rest judges. Exit status 1 where a figure is not what is asked:
-- at most a tenth of the time, a mean error of 2.5 %, 97 % of the cells within 10 %, 0.7 % lost by the chosen k, and
-- intervals of 90 % that hold 87 to 93 %.

local environment = require "sb.environment"
local text_table = require "specbench.base.text_table"

local data = os.getenv "SPECBENCH_TEST_DATA"
local folder = arg[1] or data and data .. "/seed-results/round1"
if not folder then
  print "SKIP: no published tables: name their folder, or set SPECBENCH_TEST_DATA"
  os.exit(77)
end

local blind = dofile(environment.home .. "/tests/proof/predict/blind.lua")

local rows, missed = {}, {}
local function percent(value) return ("%.2f"):format(100 * value) end

local clock = os.clock()
for i, v in ipairs(blind.judge(folder, arg[2] or environment.home .. "/rounds/round1.lua")) do
  rows[i] = { v.method, v.shown, v.judged, percent(v.share), percent(v.share_with_baseline), percent(v.model),
    percent(v.corrected), percent(v.naive), percent(v.within), percent(v.regret), percent(v.coverage) }
  local asked = { { "share", v.share <= 0.10 }, { "share with baseline", v.share_with_baseline <= 0.10 },
    { "mean error", v.corrected <= 0.025 }, { "within 10 %", v.within >= 0.97 }, { "regret", v.regret <= 0.007 },
    { "coverage", v.coverage >= 0.87 and v.coverage <= 0.93 } }
  for _, one in ipairs(asked) do
    if not one[2] then missed[#missed + 1] = v.method .. ": " .. one[1] end
  end
end
local columns = { { title = "method" } }
for _, title in ipairs { "shown", "judged", "time %", "with baseline %", "model alone %", "corrected %", "naive %",
  "within 10 %", "regret %", "covered %" } do
  columns[#columns + 1] = text_table.right(title)
end
io.stdout:write(text_table.render { columns = columns, rows = rows })
io.stdout:write(("%.1f s of CPU\n"):format(os.clock() - clock))
for _, line in ipairs(missed) do io.stdout:write("missed: ", line, "\n") end
os.exit(#missed > 0 and 1 or 0)
