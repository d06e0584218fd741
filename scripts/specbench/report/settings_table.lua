-- What each setting of a server does, by the prompts' kind: a table, JSON lines and a picture.

local caveats = require "specbench.analysis.caveats"
local factors = require "specbench.analysis.factors"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local plot = require "specbench.report.plot"
local speedup = require "specbench.analysis.speedup"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"

local settings_table = {}

local ALL = "all"

local function label_of(cell, knobs)
  local words = {}
  for _, knob in ipairs(knobs) do
    local value = cell.coordinates[knob[1]]
    if value ~= nil and value ~= knob[2] then words[#words + 1] = ("%s=%s"):format(knob[1], tostring(value)) end
  end
  return #words > 0 and table.concat(words, " ") or "defaults"
end

-- Coordinates that are neither a knob nor what the baseline changes: they tell apart rows of one setting.
local function rest_of(cell, base, about, knobs)
  local known, words = {}, {}
  for _, knob in ipairs(knobs) do known[knob[1]] = true end
  for _, axis in ipairs(about.axes) do
    local value = cell.coordinates[axis.name]
    if not known[axis.name] and #axis.values > 1 and value == base.coordinates[axis.name] then
      words[#words + 1] = ("%s=%s"):format(axis.name, tostring(value))
    end
  end
  return table.concat(words, " ")
end

-- The whole cell as one more kind.
local function whole(cell)
  local m, latency, tokens = cell.metrics, 0, 0
  for _, kind in ipairs(cell.groups) do
    if kind.latency_per_token_ms and kind.output_tokens then
      latency, tokens = latency + kind.latency_per_token_ms * kind.output_tokens, tokens + kind.output_tokens
    elseif kind.requests ~= 0 then
      latency = 0 / 0 -- of a kind that is not known
    end
  end
  return {
    name = ALL, output_throughput = m.output_throughput, ttft_ms = m["ttft_ms.mean"],
    tpot_ms = m.decode_tpot_ms, acceptance = cell.acceptance and cell.acceptance.rate,
    latency_per_token_ms = tokens > 0 and latency == latency and latency / tokens or nil,
  }
end

local function kinds_of(cell)
  local kinds = table.move(cell.groups, 1, #cell.groups, 2, { whole(cell) })
  local by_name = {}
  for _, kind in ipairs(kinds) do by_name[kind.name] = kind end
  return kinds, by_name
end

local figures = { "output_throughput", "ttft_ms", "tpot_ms" }

local function add(row, name, value)
  if not value then return end
  row.samples[name] = row.samples[name] or {}
  table.insert(row.samples[name], value)
end

local function mean(samples)
  local sum = 0
  for _, value in ipairs(samples) do sum = sum + value end
  return sum / #samples
end

local function geometric_mean(samples)
  local logs = {}
  for i, value in ipairs(samples) do logs[i] = math.log(value) end
  return factors.mean(logs)
end

local RATIOS = tables.set_of { "speedup", "throughput_speedup" }

-- One row a setting and kind; repeats are averaged, ratios by their logarithms.
local function collect(cells, index, about)
  local knobs = about.report.settings.knobs
  local rows, order = {}, {}
  for _, cell in ipairs(cells) do
    local ratios, base = speedup.of(index, cell)
    if cell.groups and ratios and base.groups then
      local setting, rest = label_of(cell, knobs), rest_of(cell, base, about, knobs)
      if rest ~= "" then setting = setting .. ", " .. rest end
      local _, plain = kinds_of(base)
      for _, kind in ipairs((kinds_of(cell))) do
        local key = setting .. "\31" .. kind.name
        local row = rows[key]
        if not row then
          row = { setting = setting, kind = kind.name, lossy = cell.lossy, samples = {}, repeats = 0 }
          rows[key] = row
          order[#order + 1] = row
        end
        row.repeats = row.repeats + 1
        local other = plain[kind.name] or {}
        for _, name in ipairs(figures) do
          add(row, "plain_" .. name, other[name])
          add(row, name, kind[name])
        end
        add(row, "acceptance", kind.acceptance)
        if kind.latency_per_token_ms and other.latency_per_token_ms then
          add(row, "speedup", other.latency_per_token_ms / kind.latency_per_token_ms)
        end
        if kind.name == ALL then add(row, "throughput_speedup", ratios.total_throughput) end
      end
    end
  end
  for _, row in ipairs(order) do
    for name, samples in pairs(row.samples) do row[name] = (RATIOS[name] and geometric_mean or mean)(samples) end
    row.samples = nil
  end
  return order
end

local keys = {
  "setting", "kind", "repeats", "plain_output_throughput", "output_throughput", "plain_ttft_ms", "ttft_ms",
  "plain_tpot_ms", "tpot_ms", "acceptance", "speedup", "throughput_speedup", "lossy",
}

local figure = text_table.figure

local function text(rows, title, note)
  local columns = { { title = "setting" }, { title = title } }
  for _, name in ipairs { "plain tok/s", "tok/s", "plain TTFT ms", "TTFT ms", "plain TPOT ms", "TPOT ms",
    "acceptance", "speed-up", "throughput" } do columns[#columns + 1] = text_table.right(name) end
  local listed = {}
  for i, row in ipairs(rows) do
    listed[i] = {
      row.kind == ALL and row.setting or "", row.kind, figure(row.plain_output_throughput, "%.1f"),
      figure(row.output_throughput, "%.1f"), figure(row.plain_ttft_ms, "%.0f"), figure(row.ttft_ms, "%.0f"),
      figure(row.plain_tpot_ms, "%.2f"), figure(row.tpot_ms, "%.2f"), figure(row.acceptance, "%.2f"),
      caveats.marked(row, figure(row.speedup, "%.2f")),
      row.throughput_speedup and figure(row.throughput_speedup, "%.2f x") or "",
    }
  end
  return "Settings of the server" .. note .. " (speed-up: time a request takes a token, plain / speculative; "
    .. "throughput: ratio of total token throughputs)\n" .. text_table.render { columns = columns, rows = listed }
end

local function place(list, places, value)
  if not places[value] then
    list[#list + 1] = value
    places[value] = #list
  end
  return places[value]
end

local function draw(store, rows, about, options)
  local x, y, at_x, at_y, values = {}, {}, {}, {}, {}
  for _, row in ipairs(rows) do
    local r, c = place(y, at_y, row.setting), place(x, at_x, row.kind)
    values[r] = values[r] or {}
    values[r][c] = row.speedup
  end
  local picture = store:path "pictures/settings"
  local ok, message = plot.heatmap {
    title = (about.title or about.round) .. ": settings of the server" .. options.note, x = x, y = y, values = values,
    x_title = about.report.settings.groups_title or "prompts", y_title = "setting", min = 0, max = 2,
    value_title = "speed-up (time a token)", footer = options.footer, png = picture .. ".png", svg = picture .. ".svg",
  }
  if not ok then return {}, message end
  return { picture .. ".png", picture .. ".svg" }
end

---Writes settings.jsonl and, unless told not to, the picture.
---@param store specbench.store
---@param cells table[] in the grid's order
---@param index specbench.speedup.index
---@param options { pictures: boolean?, note: string, footer: string[] } note: behind the table's and the picture's
---  title; footer: below the picture
---@return string text the table
---@return string[] files pictures written
---@return string? complaint why there is none
function settings_table.write(store, cells, index, options)
  local about = store.about
  local rows = collect(cells, index, about)
  if #rows == 0 then return "", {} end
  local lines = {}
  for i, row in ipairs(rows) do lines[i] = json.encode(row, keys) .. "\n" end
  assert(fs.write(store:path "settings.jsonl", table.concat(lines)))
  local written, complaint = {}, nil
  if options.pictures ~= false then written, complaint = draw(store, rows, about, options) end
  local title = about.report.settings.groups_title or "prompts"
  return text(rows, title, options.note), written, complaint
end

return settings_table
