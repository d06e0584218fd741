-- Which acceptance a draft must reach to pay, as a table, a picture of curves, and lines for programs.

local json = require "specbench.base.json"
local plot = require "specbench.report.plot"
local text_table = require "specbench.base.text_table"
local what_if = require "specbench.predict.what_if"

local break_even = {}

local SHOWN = { 0.2, 0.4, 0.6, 0.8, 0.9 } -- acceptances in the table

-- "0.62", "any" where speculation pays whatever is accepted, "none" where all would not do.
local function acceptance(value)
  if not value then return "none" end
  return value == 0 and "any" or ("%.2f"):format(value)
end

local function cost_text(share)
  if share == 1 then return "" end
  return (", were what speculation adds to a step %g times as much"):format(share)
end

local function interval(even)
  return ("%s [%s, %s]"):format(acceptance(even.value), acceptance(even.low), acceptance(even.high))
end

---@param found specbench.what_if
---@param accepted number? whose speed-up has a column with its interval
---@return string
function break_even.text(found, accepted)
  local columns = { text_table.right "k", text_table.right "at once", text_table.right "accepted",
    { title = "~breaks even at" } }
  if accepted then columns[#columns + 1] = { title = ("~speed-up at %g"):format(accepted) } end
  for _, shown in ipairs(SHOWN) do columns[#columns + 1] = text_table.right(("~%g"):format(shown)) end
  local rows = {}
  for i, load in ipairs(found.loads) do
    local row = { load.k, load.concurrency, ("%.2f"):format(load.accepted), interval(load.breaks_even) }
    if accepted then
      local at = what_if.at(load.curve, accepted)
      row[#row + 1] = ("%.2f [%.2f, %.2f]"):format(at.y, at.low, at.high)
    end
    for _, shown in ipairs(SHOWN) do row[#row + 1] = ("%.2f"):format(what_if.at(load.curve, shown).y) end
    rows[i] = row
  end
  return ("%s%s, against %s: how often a draft's token must be accepted to pay\n%s"):format(found.family.name,
    cost_text(found.draft_cost), found.family.baseline, text_table.render { columns = columns, rows = rows })
end

---What is predicted of it, and what is not.
break_even.WHAT = "by the fitted model, not measured: each place of a draft accepted as often as the first, given "
  .. "those before it; the mean over all work, intervals 90 %"
break_even.MEASURED = "measured cells, at what was accepted there"

---What stands under such tables.
break_even.LEGEND = "~ " .. break_even.WHAT .. "\n"

---@param curve specbench.curve
---@return string name of the picture that it stands in
function break_even.name(curve)
  return ("%s, k = %d%s"):format(curve.method, curve.k, cost_text(curve.draft_cost))
end

---Where each load breaks even, as a table.
---@param curves specbench.curve[]
---@return { [1]: string, [2]: boolean? }[] columns title, whether it stands to the right
---@return (string|number)[][] rows
function break_even.answers(curves)
  local rows = {}
  for i, curve in ipairs(curves) do
    local is_measured = curve.accepted and #curve.measured > 0
    rows[i] = { break_even.name(curve), curve.concurrency, is_measured and ("%.2f"):format(curve.accepted) or "",
      "~" .. interval(curve.breaks_even) }
  end
  return { { "drafts" }, { "requests at once", true }, { "accepted, measured", true }, { "~breaks even at" } }, rows
end

---@param found specbench.what_if
---@param about table round.json
---@param path string without ending
---@param note string what else the title says, such as ", simulated"
---@return string[]? files
---@return string? message
function break_even.draw(found, about, path, note)
  local files, series, ks = {}, {}, {}
  for _, load in ipairs(found.loads) do
    if not series[load.k] then
      series[load.k] = {}
      ks[#ks + 1] = load.k
    end
    table.insert(series[load.k], { name = ("%d at once"):format(load.concurrency), points = load.curve,
      measured = found.draft_cost == 1 and load.measured or {} })
  end
  for _, k in ipairs(ks) do
    local base = ("%s_k%d"):format(path, k)
    local ok, message = plot.lines {
      title = ("%s, %s, k = %d%s"):format(about.title or about.round, found.family.name, k, note),
      x_title = "share of each place of a draft that is accepted, given those before it", linear = true,
      y_title = "speed-up (total token throughput)", series = series[k], png = base .. ".png", svg = base .. ".svg",
      footer = { "lines and bands: by the fitted model" .. cost_text(found.draft_cost) .. ", 90 % intervals",
        found.draft_cost == 1 and "dots: " .. break_even.MEASURED or "not measured" },
    }
    if not ok then return nil, message end
    table.move({ base .. ".png", base .. ".svg" }, 1, 2, #files + 1, files)
  end
  return files
end

local LINE = { "method", "baseline", "k", "concurrency", "draft_cost", "accepted", "breaks_even", "curve", "measured",
  "level", "simulated" }

---One line a method, k and concurrency; all but `measured` and `accepted` is predicted.
---@param list specbench.what_if[]
---@return string JSON lines
function break_even.lines(list)
  local lines = {}
  for _, found in ipairs(list) do
    for _, load in ipairs(found.loads) do
      lines[#lines + 1] = json.encode({ method = found.family.name, baseline = found.family.baseline, k = load.k,
        concurrency = load.concurrency, draft_cost = found.draft_cost, accepted = load.accepted,
        breaks_even = load.breaks_even, curve = load.curve, measured = json.array(load.measured), level = 0.9,
        simulated = found.family.simulated or nil }, LINE)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

return break_even
