-- Why it pays or loses: the factors of output throughput's ratio as bars, and what of the drafts was accepted.

local factors = require "specbench.analysis.factors"
local html_table = require "specbench.page.html_table"
local html = require "specbench.page.html"
local model = require "specbench.page.model"
local palette = require "specbench.page.palette"
local svg = require "specbench.page.svg"
local text_table = require "specbench.base.text_table"
local words = require "specbench.answer.words"

local el = html.el

local why = {}

local BAR = { width = 300, height = 13, gap = 8, widest = 44 } -- pixels; letters of a label

local PARTS = {
  { "tokens", "tokens a step", "s3" }, { "step", "the step's time", "s2" }, { "rest", "time outside decoding", "s1" },
}

-- A judgement's best setting at each load: the mean factors of its places.
local function rows_of(judgement)
  local rows = {}
  for _, at in ipairs(judgement.loads) do
    local logs, measured = { tokens = {}, step = {}, rest = {} }, {}
    for _, entry in ipairs(at.best.entries) do
      local found = entry.decomposition
      if found then
        for name, list in pairs(logs) do list[#list + 1] = math.log(found[name]) end
        measured[#measured + 1] = math.log(found.measured)
      end
    end
    if #measured > 0 then
      local row = { load = at.load, setting = at.best.setting, measured = factors.mean(measured) }
      for name, list in pairs(logs) do row[name] = factors.mean(list) end
      rows[#rows + 1] = row
    end
  end
  return rows
end

local function label_of(judgement, row)
  local load = ("%s %s"):format(svg.figure(row.load), judgement.load == "rate" and "a second" or "at once")
  return text_table.cut(row.setting ~= "" and ("%s, %s"):format(load, row.setting) or load, BAR.widest, "…")
end

local function bars(judgement, rows, name)
  local most, labels, letters = 1.2, {}, 0
  for i, row in ipairs(rows) do
    labels[i] = label_of(judgement, row)
    letters = math.max(letters, text_table.width(labels[i]))
    for _, part in ipairs(PARTS) do most = math.max(most, row[part[1]], 1 / row[part[1]]) end
  end
  local left = math.ceil(letters * 6.8) + 14
  local scale = svg.scale(1 / most, most, left, left + BAR.width, true)
  local step = BAR.height * #PARTS + BAR.gap
  local parts, middle = {}, scale:at(1)
  for i, row in ipairs(rows) do
    local top = (i - 1) * step + 2
    parts[#parts + 1] = svg.text(left - 8, top + BAR.height * 1.5 + 4, labels[i], "e")
    for k, part in ipairs(PARTS) do
      local x = scale:at(row[part[1]])
      parts[#parts + 1] = el("g", { class = part[3] }, svg.rect(math.min(x, middle), top + (k - 1) * BAR.height,
        math.abs(x - middle), BAR.height - 2, "bar", ("%s: x %.2f"):format(part[2], row[part[1]])))
    end
    parts[#parts + 1] = svg.text(left + BAR.width + 8, top + BAR.height * 1.5 + 4, ("= %.2f"):format(row.measured))
  end
  local bottom = #rows * step
  return el("figure", { class = "map" }, el("figcaption", nil, name),
    svg.frame(left + BAR.width + 64, bottom + 20, "factors: " .. name, parts,
      svg.line(middle, 0, middle, bottom, "axis"), svg.x_axis(scale, bottom)))
end

---@param self specbench.page.model
---@return specbench.page.markup?
function why.section(self)
  local list, key = {}, {}
  for _, judgement in ipairs(self.answer.judgements) do
    local rows = rows_of(judgement)
    if #rows > 0 then list[#list + 1] = bars(judgement, rows, words.name(judgement)) end
  end
  if #list == 0 then return nil end
  for i, part in ipairs(PARTS) do key[i] = el("span", { class = part[3] }, part[2]) end
  return html.join(el("p", { class = "legend" }, "The ratio of output throughputs is the product of three factors: to "
    .. "the right of 1 a factor helps, to the left it costs. Each row is a load's best setting."),
    el("div", { class = "key" }, key), el("div", { class = "maps" }, list))
end

local function server_name(self, one)
  local setting = model.setting(self, one)
  return table.concat({ one.row.target, one.row.method, setting ~= "" and setting or nil }, ", ")
end

-- Means over the places of a server that tell it.
local function mean(places, value_of)
  local sum, count = 0, 0
  for _, one in ipairs(places) do
    local value = value_of(one)
    if value then sum, count = sum + value, count + 1 end
  end
  return count > 0 and sum / count or nil
end

local function told(one)
  local accepted = one.entry and one.entry.acceptance
  return accepted and (accepted.counters or accepted.timelines)
end

local POSITION = { width = 26, height = 70 }

-- Bars of the share that was accepted at position 1, 2, ...
local function positions(places)
  local shares = {}
  for i = 1, 32 do
    shares[i] = mean(places, function(one)
      local account = told(one)
      return account and account.per_position and account.per_position[i]
    end)
    if not shares[i] then break end
  end
  if #shares == 0 then return "–" end
  local parts, height = {}, POSITION.height
  for i, share in ipairs(shares) do
    local x = (i - 1) * POSITION.width
    parts[#parts + 1] = el("g", { class = palette.line(1) }, svg.rect(x + 2, 12 + height * (1 - share),
      POSITION.width - 4, height * share, "bar", ("position %d: %.1f %%"):format(i, 100 * share)))
    parts[#parts + 1] = svg.text(x + POSITION.width / 2, 9 + height * (1 - share), ("%.0f"):format(100 * share),
      "m tick")
  end
  return svg.frame(#shares * POSITION.width, height + 14, "share accepted by position", parts,
    svg.line(0, height + 12, #shares * POSITION.width, height + 12, "axis"))
end

-- The rate of each kind of prompts: a task of the grid, or a group that the round tells apart.
local function kinds_of(places)
  local sums, order = {}, {}
  local function add(name, rate)
    if not name or not rate then return end
    if not sums[name] then
      sums[name] = { 0, 0 }
      order[#order + 1] = name
    end
    sums[name][1], sums[name][2] = sums[name][1] + rate, sums[name][2] + 1
  end
  for _, one in ipairs(places) do
    add(one.row.task, one.row.figures.acceptance)
    for _, cell in ipairs(one.cells) do
      for _, kind in ipairs(cell.groups or {}) do add(tostring(kind.name), kind.acceptance) end
    end
  end
  local rates = {}
  for name, sum in pairs(sums) do rates[name] = sum[1] / sum[2] end
  return rates, order
end

---@param self specbench.page.model
---@return specbench.page.markup?
function why.acceptance(self)
  local groups = model.groups(self, function(one)
    return (told(one) or one.row.figures.acceptance) and server_name(self, one) or nil
  end)
  if #groups == 0 then return nil end
  local kinds, seen, rows = {}, {}, {}
  for _, group in ipairs(groups) do
    local rates, order = kinds_of(group.items)
    group.rates = rates
    for _, name in ipairs(order) do
      if not seen[name] then kinds[#kinds + 1], seen[name] = name, true end
    end
  end
  for i, group in ipairs(groups) do
    local fields = { el("td", nil, group.name), el("td", nil, positions(group.items)) }
    local length = mean(group.items, function(one) return (told(one) or {}).mean_length end)
    local rate = mean(group.items, function(one) return one.row.figures.acceptance end)
    fields[3] = html_table.figure(svg.figure(length))
    fields[4] = html_table.figure(rate and ("%.0f %%"):format(100 * rate) or "–")
    for _, name in ipairs(kinds) do
      local value = group.rates[name]
      fields[#fields + 1] = html_table.figure(value and ("%.0f %%"):format(100 * value) or "–")
    end
    rows[i] = el("tr", nil, fields)
  end
  local columns = { "method", "accepted by position, %", html_table.right "tokens a step", html_table.right "accepted" }
  for _, name in ipairs(kinds) do columns[#columns + 1] = html_table.right(name) end
  return html.join(el("p", { class = "legend" }, "Means over the places of a server; by the engine's counters where it "
    .. "has them, else by the answers."), html_table.draw(columns, rows))
end

return why
