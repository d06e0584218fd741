-- The live view of a sweep as lines of text: a pure function of what is known, for the terminal of `specbench run` and
-- for `specbench watch`.
--
--   view.lines(state, { width = 80, rows = 24, colour = true })
--
-- Lines come in the order of their worth; where there is no room for all, the last are left out.

local duration = require "specbench.base.duration"
local foreign = require "specbench.base.foreign"
local text_table = require "specbench.base.text_table"

local view = {}

local BAR_WIDTH = 24
local LABEL = 8 -- columns of the labels to the left
local CELL = 6 -- columns of a place on the map, at least
local PAINT = { good = "32", bad = "31", dim = "2", now = "7", strong = "1" }
local MARKS = { todo = "·", now = "now", failed = "fail", done = "-" }

---@class specbench.live.server
---@field name string
---@field state "starting"|"up"|"measuring"|"lost"
---@field seconds number in that state
---@field cell string? that it measures
---@field requests_done integer?
---@field requests_total integer?
---@field running integer? requests in flight
---@field waiting integer? requests that are not sent yet
---@field tokens_s number? of the requests that have ended, on the server's clock

---@class specbench.live.state
---@field title string the round
---@field engine string
---@field folder string
---@field is_simulated boolean?
---@field total integer cells
---@field done integer
---@field failed integer
---@field fraction number? 0 to 1, by cost; done / total where it is not known
---@field elapsed_s number?
---@field left_s number?
---@field left_error_s number? how far left_s may be off, at 95 %
---@field ended string? what there is to say where nothing is running
---@field servers specbench.live.server[]
---@field last specbench.live.speedup[] the newest first
---@field map specbench.live.map?

-- "12:05 gone, 31:20 left (± 6:10)"
function view.time(state)
  local words = {}
  if state.elapsed_s then words[1] = duration.clock(state.elapsed_s) .. " gone" end
  if state.left_s then
    words[#words + 1] = duration.clock(state.left_s) .. " left"
      .. (state.left_error_s and (" (± %s)"):format(duration.clock(state.left_error_s)) or "")
  end
  return table.concat(words, ", ")
end

local function painter(colour)
  return function(text, kind)
    if not colour or text == "" then return text end
    return ("\27[%sm%s\27[0m"):format(PAINT[kind], text)
  end
end

local function head(state)
  local words = { state.title, state.engine, state.folder }
  return table.concat(words, "  ") .. (state.is_simulated and "  SIMULATED" or "")
end

---@param state specbench.live.state
---@return string "12 of 36 cells  0:42, 1:30 left (± 0:12)"
function view.progress(state)
  return ("%d of %d cells%s  %s"):format(state.done, state.total,
    state.failed > 0 and (", %d FAILED"):format(state.failed) or "", state.ended or view.time(state))
end

---@param state specbench.live.state
---@return string
function view.status(state)
  local fraction = state.fraction or state.total > 0 and state.done / state.total or 0
  local filled = math.floor(BAR_WIDTH * math.min(1, fraction))
  return ("[%s%s] %3d%%  %s"):format(("#"):rep(filled), ("."):rep(BAR_WIDTH - filled), math.floor(100 * fraction),
    view.progress(state))
end

local function server_line(server)
  local words = { server.name, "", "" }
  if server.state == "measuring" then
    words[2] = ("%s, %s"):format(server.cell, duration.clock(server.seconds))
    if server.requests_total then
      words[3] = ("%d of %d requests"):format(server.requests_done or 0, server.requests_total)
    end
    if server.running then
      words[3] = words[3] .. (", %d running, %d waiting"):format(server.running, server.waiting or 0)
    end
    if server.tokens_s then words[3] = words[3] .. (", %.0f tok/s"):format(server.tokens_s) end
  else
    words[2] = ("%s, %s"):format(server.state, duration.clock(server.seconds))
  end
  return words
end

local function add_servers(lines, state, most, paint)
  local rows, widths = {}, { 0, 0 }
  for i, server in ipairs(state.servers) do
    if i > most then break end
    rows[i] = server_line(server)
    for c = 1, 2 do widths[c] = math.max(widths[c], text_table.width(rows[i][c])) end
  end
  for i, row in ipairs(rows) do
    local label = text_table.pad(i == 1 and "servers" or "", LABEL)
    local text = label .. text_table.pad(row[1], widths[1] + 2)
      .. (row[3] ~= "" and text_table.pad(row[2], widths[2] + 2) .. row[3] or row[2])
    local kind = state.servers[i].state == "lost" and "bad" or nil
    lines[#lines + 1] = { text = text, paint = kind and function(whole) return paint(whole, kind) end }
  end
  if #state.servers > #rows then
    lines[#lines + 1] = { text = (" "):rep(LABEL) .. ("and %d more"):format(#state.servers - #rows) }
  end
end

local function kind_of(ratio)
  return ratio > 1 and "good" or ratio < 1 and "bad" or "dim"
end

local function add_last(lines, state, most, paint)
  for i, speedup in ipairs(state.last) do
    if i > most then break end
    local ratio = ("%.2fx"):format(speedup.ratio)
    lines[#lines + 1] = {
      text = ("%s%s  %s%s"):format(text_table.pad(i == 1 and "last" or "", LABEL), ratio, speedup.text,
        speedup.acceptance and (", acceptance %.2f"):format(speedup.acceptance) or ""),
      paint = function(whole)
        local before, after = whole:match("^(.-)" .. ratio:gsub("%.", "%%.") .. "(.*)$")
        return before and before .. paint(ratio, kind_of(speedup.ratio)) .. after or whole
      end,
    }
  end
end

-- A row of the map: cells of one width each, painted one by one; only those that fit.
local function map_row(label, label_width, texts, cell_width, width, paint)
  local room = (width - label_width - 1) // cell_width
  local plain, painted = { text_table.pad(text_table.cut(label, label_width, "…"), label_width, "right") }, {}
  painted[1] = plain[1]
  for x, item in ipairs(texts) do
    if x > room then break end
    local text = text_table.pad(item.text, cell_width, "right")
    plain[#plain + 1] = text
    painted[#painted + 1] = item.kind and paint(text, item.kind) or text
  end
  if #texts > room then plain[#plain], painted[#painted] = plain[#plain] .. "…", painted[#painted] .. "…" end
  return { text = table.concat(plain), paint = function() return table.concat(painted) end, is_whole = true }
end

local function add_map(lines, map, most, width, paint)
  local label_width, cell_width = text_table.width(map.y_title), CELL
  for _, value in ipairs(map.y) do label_width = math.max(label_width, text_table.width(value)) end
  for _, value in ipairs(map.x) do cell_width = math.max(cell_width, text_table.width(value) + 2) end
  label_width = math.min(math.max(label_width, LABEL), width // 2)
  local rows = math.min(#map.y, most - 3)
  if rows < 1 or label_width + cell_width + 1 > width then return end
  lines[#lines + 1] = { text = "" }
  lines[#lines + 1] = { text = ("%sspeed-up so far, %s across"):format(map.title ~= "" and map.title .. ": " or "",
    map.x_title), paint = function(whole) return paint(whole, "strong") end }
  for i = 1, rows do
    local y = #map.y + 1 - i
    local texts = {}
    for x = 1, #map.x do
      local place = map.places[y][x]
      if not place then
        texts[x] = { text = "" }
      elseif place.ratio then
        texts[x] = { text = ("%.2f"):format(place.ratio), kind = kind_of(place.ratio) }
      else
        texts[x] = { text = MARKS[place.mark], kind = ({ now = "now", failed = "bad", todo = "dim" })[place.mark] }
      end
    end
    lines[#lines + 1] = map_row(map.y[y], label_width, texts, cell_width, width, paint)
  end
  local titles = {}
  for x, value in ipairs(map.x) do titles[x] = { text = value } end
  lines[#lines + 1] = map_row(map.y_title, label_width, titles, cell_width, width, paint)
end

---@param state specbench.live.state
---@param how { width: integer, rows: integer, colour: boolean }
---@return string[] lines none wider than the width, no more than the rows
function view.lines(state, how)
  local width, rows, paint = how.width, how.rows, painter(how.colour)
  local lines = {}
  if rows >= 4 then
    lines[1] = { text = head(state), paint = function(whole) return paint(whole, "strong") end }
  end
  lines[#lines + 1] = { text = view.status(state) }
  if rows >= 6 then
    add_servers(lines, state, math.min(6, rows - #lines - 2), paint)
    if rows - #lines > 0 then add_last(lines, state, math.min(3, rows - #lines), paint) end
    if state.map then add_map(lines, state.map, rows - #lines, width, paint) end
  end
  local texts = {}
  for i, line in ipairs(lines) do
    if i > rows then break end
    local text = text_table.cut(foreign.clean(line.text), width)
    texts[i] = line.paint and (text == line.text or line.is_whole) and line.paint(text) or text
  end
  return texts
end

return view
