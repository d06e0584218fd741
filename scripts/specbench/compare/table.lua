-- A comparison as a reader sees it: a table for the terminal, JSON lines for programs.

local compare = require "specbench.compare"
local intervals = require "specbench.analysis.intervals"
local json = require "specbench.base.json"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"
local verdict = require "specbench.analysis.verdict"
local words = require "specbench.answer.words"

local compare_table = {}

local NAMED = 20 -- cells of one side alone that the text names
local MOST_ROWS = 200 -- of the text's table; of more the SHOWN that differ most
local SHOWN = 40

local titles = {
  total_throughput = "total throughput", output_throughput = "output throughput", ttft_ms = "TTFT", tpot_ms = "TPOT",
}
compare_table.titles = titles

---@param result specbench.compare.result
---@return string[] axes on which the joined cells differ
function compare_table.varying(result)
  local names = {}
  for _, name in ipairs(result.axes) do
    for _, row in ipairs(result.rows) do
      if text_table.text(row.coordinates[name]) ~= text_table.text(result.rows[1].coordinates[name]) then
        names[#names + 1] = name
        break
      end
    end
  end
  return names
end

---@param rows specbench.compare.row[]
---@param name string a figure
---@return string "1.08", "-" where no row has it
function compare_table.geometric_mean(rows, name)
  local sum, count = 0, 0
  for _, row in ipairs(rows) do
    local figure = row.ratios[name]
    if figure then sum, count = sum + math.log(figure.ratio), count + 1 end
  end
  return count > 0 and ("%.2f"):format(math.exp(sum / count)) or "-"
end

---What is to be known of the ratios.
---@param result specbench.compare.result
---@return string[] lines
function compare_table.notes(result)
  local lines, counts, untold, other_work, other_clock, simulated, late = {}, {}, {}, 0, 0, 0, 0
  for _, row in ipairs(result.rows) do
    if row.why then counts[row.why] = (counts[row.why] or 0) + 1 end
    if row.untold then untold[row.untold] = (untold[row.untold] or 0) + 1 end
    if row.other_work then other_work = other_work + 1 end
    if row.other_clock then other_clock = other_clock + 1 end
    if row.simulated then simulated = simulated + 1 end
    if row.late then late = late + 1 end
  end
  for _, why in ipairs(tables.keys(counts)) do
    lines[#lines + 1] = ("No interval, the ratio alone, in %d of %d cells: %s"):format(counts[why], #result.rows, why)
  end
  for _, why in ipairs(tables.keys(untold)) do
    lines[#lines + 1] = ("No throughput in %d of %d cells: %s"):format(untold[why], #result.rows, why)
  end
  if other_work > 0 then
    lines[#lines + 1] = ("Note: in %d cells prompts, limits or load differ between the two sides"):format(other_work)
  end
  if other_clock > 0 then
    lines[#lines + 1] = ("Note: in %d cells the simulator's clock was scaled differently"):format(other_clock)
  end
  if simulated > 0 then
    lines[#lines + 1] = ("Note: in %d cells a server is simulated: its figures follow from a profile, not from a GPU")
      :format(simulated)
  end
  if late > 0 then
    lines[#lines + 1] = ("Note: in %d cells a client itself was late (certificate.reasons in cell.json)"):format(late)
  end
  return lines
end

local function one_sided(result, lines)
  for i, letter in ipairs { "A", "B" } do
    local list = result.only[i]
    if #list > 0 then
      lines[#lines + 1] = ("Only in %s: %d cell%s"):format(letter, #list, #list == 1 and "" or "s")
      for k = 1, math.min(#list, NAMED) do lines[#lines + 1] = "  " .. compare.place(list[k], result.axes) end
      if #list > NAMED then lines[#lines + 1] = ("  and %d more (--json names all)"):format(#list - NAMED) end
    end
  end
end

-- The rows that a reader looks for among many: the slower ones, then those that differ most; in the grid's order.
local function shown_rows(rows, options)
  if not options or options.full or #rows <= MOST_ROWS then return rows end
  local ranked, off, at = {}, {}, {}
  for i, row in ipairs(rows) do
    local figure = row.ratios[options.by]
    ranked[i], at[row] = row, i
    off[row] = (row.slower and math.huge or figure and math.abs(math.log(figure.ratio))) or -1
  end
  table.sort(ranked, function(a, b) return off[a] > off[b] or off[a] == off[b] and at[a] < at[b] end)
  local shown = table.move(ranked, 1, SHOWN, 1, {})
  table.sort(shown, function(a, b) return at[a] < at[b] end)
  return shown
end

---@param result specbench.compare.result
---@param sides { [1]: specbench.compare.side, [2]: specbench.compare.side }
---@param options { by: string, full: boolean? }? by: the figure by which cells differ most, where there are too many to
---  show; full, or no options: all of them
---@return string
function compare_table.text(result, sides, options)
  local axes = compare_table.varying(result)
  local columns, rows, means = {}, {}, {}
  local shown = shown_rows(result.rows, options)
  for i, name in ipairs(axes) do columns[i] = { title = name } end
  for _, name in ipairs(compare.names) do
    columns[#columns + 1] = { title = titles[name] }
    means[#means + 1] = ("%s %s"):format(titles[name], compare_table.geometric_mean(result.rows, name))
  end
  columns[#columns + 1] = { title = "" }
  for i, row in ipairs(shown) do
    local line = {}
    for k, name in ipairs(axes) do line[k] = text_table.text(row.coordinates[name]) end
    for _, name in ipairs(compare.names) do line[#line + 1] = verdict.text(row.ratios[name]) end
    line[#line + 1] = row.slower and "slower" or ""
    rows[i] = line
  end
  local within = false
  for _, row in ipairs(result.rows) do
    local figure = row.ratios.total_throughput
    within = within or figure ~= nil and figure.kind == intervals.WITHIN
  end
  local lines = {
    ("A: %s (%s)"):format(sides[1].path, sides[1].kind), ("B: %s (%s)"):format(sides[2].path, sides[2].kind),
    ("Ratios B / A of %s; [ ]: 95 %% interval over repeats; TTFT and TPOT are times: below 1, B is faster")
      :format(words.count(#result.rows, "cell")),
    (text_table.render({ columns = columns, rows = rows }):gsub("\n$", "")),
  }
  if #shown < #result.rows then
    lines[#lines + 1] = ("The %d cells whose %s differs most; all: --full"):format(#shown, titles[options.by])
  end
  lines[#lines + 1] = #result.rows > 1 and "Geometric means: " .. table.concat(means, ", ") or nil
  if within then
    lines[#lines + 1] = "Within one start: a side's repeats shared one start of its server, and another may move all "
      .. "of its figures (specbench run --starts)"
  end
  for _, line in ipairs(compare_table.notes(result)) do lines[#lines + 1] = line end
  one_sided(result, lines)
  return table.concat(lines, "\n") .. "\n"
end

---@param result specbench.compare.result
---@return string JSON lines: the joined cells, then those of one side
function compare_table.lines(result)
  local lines = {}
  local keys = { "coordinates", "repeats", "ratios", "no_interval", "no_throughput", "other_work", "simulated",
    "late", "slower", "only_in" }
  for _, row in ipairs(result.rows) do
    lines[#lines + 1] = json.encode({ coordinates = row.coordinates, repeats = json.array { table.unpack(row.repeats) },
      ratios = row.ratios, no_interval = row.why, no_throughput = row.untold,
      other_work = row.other_work, simulated = row.simulated, late = row.late, slower = row.slower }, keys)
  end
  for i, letter in ipairs { "A", "B" } do
    for _, at in ipairs(result.only[i]) do
      lines[#lines + 1] = json.encode({ coordinates = at, only_in = letter }, keys)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

return compare_table
