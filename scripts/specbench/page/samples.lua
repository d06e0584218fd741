-- Single requests of a few cells: how their latencies are distributed, and a waterfall of what they waited for. Which
-- cells: of each question the baseline and the best method, at the least and at the largest load. Only their records
-- are decoded; all else of a page comes from cells' figures.

local html = require "specbench.page.html"
local palette = require "specbench.page.palette"
local repeats = require "specbench.analysis.repeats"
local request_times = require "specbench.analysis.request_times"
local series = require "specbench.page.series"
local svg = require "specbench.page.svg"

local el = html.el

local samples = {}

local MOST_CELLS = 12
local MOST_REQUESTS = 24 -- rows of a waterfall
local MOST_CHUNKS = 60 -- marks of a row
local PERCENTS = {} -- of a distribution's curve
for i = 0, 60 do PERCENTS[i + 1] = 100 * i / 60 end

-- Places worth a look, each once: those that a verdict's first and last sentence speak of.
local function chosen(self)
  local by_cell, list, seen = {}, {}, {}
  for _, one in ipairs(self.places) do by_cell[one.cells[1]] = one end
  local function add(one)
    if one and not seen[one] and #list < MOST_CELLS then
      seen[one] = true
      list[#list + 1] = one
    end
  end
  for _, judgement in ipairs(self.answer.judgements) do
    for _, at in ipairs { judgement.loads[1], judgement.loads[#judgement.loads] } do
      local one = by_cell[at.best.entries[1].cell]
      add(one and one.base)
      add(one)
    end
  end
  if #list == 0 then
    for _, i in ipairs { 1, (#self.places + 1) // 2, #self.places } do add(self.places[i]) end
  end
  return list
end

local LATENCIES = {
  { "ttft_ms", "TTFT, ms" }, { "tpot_ms", "TPOT, ms" }, { "itl_token_ms", "ITL per token, ms" },
  { "e2el_ms", "E2EL, ms" },
}

-- A latency's distribution: { x = ms, y = share of samples that are no longer }.
local function curve(run, latency)
  local points, values = {}, { run:percentile(latency, table.unpack(PERCENTS)) }
  for i, percent in ipairs(PERCENTS) do
    if not values[i] then return nil end
    points[i] = { x = values[i], y = percent / 100 }
  end
  return points
end

local WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 420, 240, 40, 12, 8, 36

local function distribution(title, curves)
  local low, high = math.huge, 0
  for _, item in ipairs(curves) do
    low, high = math.min(low, item.points[1].x), math.max(high, item.points[#item.points].x)
  end
  local is_log = low > 0 and high / low > 8
  local x = svg.scale(is_log and low or math.min(low, 0), high, LEFT, WIDTH - RIGHT, is_log)
  local y = svg.scale(0, 1, HEIGHT - BOTTOM, TOP)
  local drawn = {}
  for i, item in ipairs(curves) do
    local way = {}
    for k, point in ipairs(item.points) do way[k] = { x:at(point.x), y:at(point.y) } end
    drawn[i] = el("g", { class = palette.line(i) }, svg.path(way, "line"))
  end
  local picture = svg.frame(WIDTH, HEIGHT, "distribution of " .. title, svg.y_axis(y, LEFT, WIDTH - RIGHT),
    svg.x_axis(x, HEIGHT - BOTTOM, TOP), drawn)
  return series.figure(title, picture, {}, { x = title, y = "share of samples", series = series.of_points(curves) })
end

-- Curves of one run have one colour on all pictures, which share a key.
local function distributions(runs)
  local list, key = {}, {}
  for i = 1, math.min(#runs, palette.LINES) do
    key[i] = el("span", { class = palette.line(i) }, runs[i].one.name)
  end
  for _, latency in ipairs(LATENCIES) do
    local curves = {}
    for i = 1, #key do
      local points = curve(runs[i].run, latency[1])
      if not points then break end -- a server that does not tell tokens chunk by chunk tells it of none
      curves[i] = { name = runs[i].one.name, points = points }
    end
    if #curves > 0 then list[#list + 1] = distribution(latency[2], curves) end
  end
  return list, key
end

local ROW, NAME, LONG = 13, 46, 900

-- The requests of the first moments: all that were sent at once, and those that followed.
local function first_requests(run)
  local list = {}
  for i = 1, math.min(#run, MOST_REQUESTS) do
    local request = run:request(i)
    if request.t_send > 0 then list[#list + 1] = request end
  end
  table.sort(list, function(a, b) return a.t_send < b.t_send end)
  return list
end

-- ms: of a moment, since the first request was sent, on the server's own clock
local function request_row(request, x, y, ms)
  local function at(t) return x:at(ms(t)) end
  local chunks, marks = {}, {}
  for _, chunk in ipairs(request.chunks) do
    if chunk.tokens > 0 or chunk.has_text then chunks[#chunks + 1] = chunk end
  end
  local first, last = request_times.span(request)
  local finish = math.max(request.t_done, last and last.t or 0, request.t_send)
  local sent, came = at(request.t_send), at(first and first.t or finish)
  local way = {}
  for i, chunk in ipairs(series.capped(chunks, MOST_CHUNKS)) do
    way[i] = ("M%s %dv%d"):format(svg.number(at(chunk.t)), y + 2, ROW - 5)
  end
  marks[1] = el("path", { d = table.concat(way), class = "tokens" })
  local hint = ("request %d, %s: sent at %s ms, first token after %s ms, done after %s ms, %s tokens"):format(
    request.id, request.outcome, svg.figure(ms(request.t_send)),
    first and svg.figure(ms(first.t) - ms(request.t_send)) or "-", svg.figure(ms(finish) - ms(request.t_send)),
    request.tokens or "?")
  return el("g", nil, el("title", nil, hint), svg.rect(sent, y + 1, math.max(came - sent, 0.5), ROW - 3, "wait"),
    first and svg.rect(came, y + 1, at(finish) - came, ROW - 3, request.outcome == "ok" and "decode" or "broken"),
    #way > 0 and marks)
end

local function waterfall(item, is_open)
  local list = first_requests(item.run)
  if #list == 0 then return nil end
  local begun, finish = list[1].t_send, 0
  for _, request in ipairs(list) do
    begun = math.min(begun, request.t_send)
    finish = math.max(finish, request.t_done, request.t_send)
  end
  local scale = item.one.cells[1].clock_scale or 1
  local function ms(t) return (t - begun) / 1e6 * scale end
  local bottom, span = #list * ROW + 2, math.max(ms(finish), 1e-3)
  local x = svg.scale(0, span, NAME, LONG - 10)
  local rows, names = {}, {}
  for i, request in ipairs(list) do
    rows[i] = request_row(request, x, (i - 1) * ROW, ms)
    names[i] = svg.text(NAME - 6, i * ROW - 3, request.id, "e tick")
  end
  -- what zooms lies in a picture of its own, so that no letter is stretched
  local times = el("svg", { class = "times", x = NAME, y = 0, width = LONG - 10 - NAME, height = bottom,
    viewBox = ("%d 0 %d %d"):format(NAME, LONG - 10 - NAME, bottom), preserveAspectRatio = "none" }, rows)
  local picture = svg.frame(LONG, bottom + 34, "waterfall of " .. item.one.name, svg.x_axis(x, bottom, 0), names,
    times, svg.text((NAME + LONG) / 2, bottom + 30, "ms since the first was sent", "m faint"))
  local count = (" %d of %d requests"):format(#list, #item.run)
  return el("details", { open = is_open }, el("summary", nil, item.one.name, el("span", { class = "faint" }, count)),
    el("figure", { class = "stretch", ["data-span"] = svg.number(span) }, picture))
end

-- Decoded once for both sections.
local function runs_of(self)
  if self.runs then return self.runs end
  self.runs = {}
  for _, one in ipairs(chosen(self)) do
    local run = self.found.store and repeats.run(self.found.store, one.cells[1])
    if run and #run > 0 then table.insert(self.runs, { one = one, run = run }) end
  end
  return self.runs
end

---@param self specbench.page.model
---@return specbench.page.markup?
function samples.distributions(self)
  local list, key = distributions(runs_of(self))
  if #list == 0 then return nil end
  return html.join(el("p", { class = "legend" }, "The share of samples that took no longer, of a few cells' first ",
    "repeats: the baseline and the best method at the least and at the largest load. Every cell's percentiles stand ",
    "in its row and its details."), el("div", { class = "key" }, key), el("div", { class = "maps" }, list))
end

---@param self specbench.page.model
---@return specbench.page.markup?
function samples.waterfalls(self)
  local list = {}
  local runs = runs_of(self)
  local busiest = runs[1]
  for _, item in ipairs(runs) do
    if item.one.row.load.value > busiest.one.row.load.value then busiest = item end
  end
  for _, item in ipairs(runs) do list[#list + 1] = waterfall(item, item == busiest) end
  if #list == 0 then return nil end
  return html.join(el("p", { class = "legend" }, "The first requests of the same cells: grey while they wait for ",
    "their first token, then one mark per chunk, thinned out to ", MOST_CHUNKS, " per request. Scroll over a picture ",
    "to zoom, drag to move, double-click to see all."), list)
end

return samples
