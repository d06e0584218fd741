-- What is done of a round and what its cells say so far, cell by cell as they land: for the live view, beside a sweep
-- or from a results folder alone.
--
--   local sums = tally.new(store, about, planned)    -- planned: the keys of all cells that are to be measured
--   sums:add(cell)                                   -- cells as store:cells() gives them, in any order
--   sums.done, sums.total, sums.failed
--   sums.last                                        -- the last speed-ups, the newest first
--   sums:map(key)                                    -- the map of that cell, with what is known of it

local keys = require "specbench.results.keys"
local speedup = require "specbench.analysis.speedup"
local tables = require "specbench.base.tables"
local stats = require "sb.stats"

local tally = {}

local LAST = 5 -- speed-ups that are remembered

---@class specbench.live.speedup
---@field ratio number paired where the records carry it, else of the total throughput
---@field text string the cell: "draft polish 0.25k c=8"
---@field acceptance number?

---@class specbench.live.map
---@field title string
---@field x_title string
---@field y_title string
---@field x string[]
---@field y string[] from below
---@field places table<integer, table<integer, { ratio: number?, mark: string? }>> by y, then x; mark: "todo", "now",
---  "failed", "done" (measured, without a speed-up). A place that the grid does not have is nil

---@class specbench.live.tally
---@field total integer
---@field done integer
---@field failed integer
---@field last specbench.live.speedup[]
---@field ratios table<string, number> speed-ups by the cells' keys
local Tally = {}
Tally.__index = Tally

-- A cell's coordinates from its key, as text; an axis that means nothing to it is nil.
local function coordinates_of(about, key)
  local values, at = {}, 0
  for word in (key .. "\31"):gmatch "([^\31]*)\31" do
    at = at + 1
    local axis = about.axes[at]
    if axis then values[axis.name] = word end
  end
  return values
end

local function is_baseline(about, coordinates)
  if not about.baseline then return false end
  for name, value in pairs(about.baseline) do
    if coordinates[name] ~= tostring(value) then return false end
  end
  return true
end

-- What a reader calls the cell: its values, but those of axes with one value.
local function name_of(self, coordinates)
  local words = {}
  for _, axis in ipairs(self.about.axes) do
    local value = coordinates[axis.name]
    if value ~= nil and self.varies[axis.name] and not (axis.when and value == tostring(keys.ABSENT)) then
      words[#words + 1] = axis.name == "concurrency" and "c=" .. value
        or tonumber(value) and ("%s=%s"):format(axis.name, value) or value
    end
  end
  return table.concat(words, " ")
end

-- The name of the map that a cell is on: its values on the axes that no map shows.
local function map_of(self, coordinates)
  local layout, words = self.layout, {}
  for _, axis in ipairs(self.about.axes) do
    local value = coordinates[axis.name]
    if axis.name ~= layout.x and axis.name ~= layout.y and self.varies[axis.name] and value ~= nil
      and not (axis.when and value == tostring(keys.ABSENT)) then
      words[#words + 1] = tonumber(value) and ("%s=%s"):format(axis.name, value) or value
    end
  end
  return table.concat(words, " ")
end

-- Where on which map each place of the grid is.
local function lay_out(self, planned)
  self.maps, self.order = {}, {}
  if not self.layout then return end
  for _, key in ipairs(planned) do
    local coordinates = coordinates_of(self.about, key)
    if not is_baseline(self.about, coordinates) then
      local name = map_of(self, coordinates)
      local map = self.maps[name]
      if not map then
        map = { name = name, x = {}, y = {}, places = {} }
        self.maps[name] = map
        self.order[#self.order + 1] = map
      end
      tables.place(map.x, coordinates[self.layout.x])
      tables.place(map.y, coordinates[self.layout.y])
      map.places[("%s\31%s"):format(coordinates[self.layout.y], coordinates[self.layout.x])] = {}
    end
  end
  for _, map in ipairs(self.order) do
    keys.by_value(map.x)
    keys.by_value(map.y)
  end
end

local function place_of(self, key)
  if not self.layout then return nil end
  local coordinates = coordinates_of(self.about, key)
  local map = self.maps[map_of(self, coordinates)]
  return map and map.places[("%s\31%s"):format(coordinates[self.layout.y], coordinates[self.layout.x])], map
end

---@param store specbench.store? for the records that `paired` needs; without it ratios are of the total throughput
---@param about table a round, or what round.json says of one
---@param planned string[] keys of the cells that are to be measured
---@return specbench.live.tally
function tally.new(store, about, planned)
  local self = setmetatable({
    store = store, about = about, layout = about.report and about.report.heatmap,
    total = #planned, done = 0, failed = 0, by_key = {}, waiting = {}, lost = {}, last = {}, ratios = {}, varies = {},
  }, Tally)
  local seen = {}
  for _, key in ipairs(planned) do
    for name, value in pairs(coordinates_of(about, key)) do
      if seen[name] and seen[name] ~= value then self.varies[name] = true end
      seen[name] = value
    end
  end
  lay_out(self, planned)
  return self
end

local function paired(self, base, cell)
  local before, after = self.store:run(base.id), self.store:run(cell.id)
  local pair = before and after and stats.pair(before, after)
  local is_whole = pair and pair.baseline_only == 0 and pair.method_only == 0
  return is_whole and pair.log_ratio and math.exp(pair.log_ratio) or nil
end

-- Compares a cell with its baseline where both are there.
local function compare(self, cell)
  local ratios, base = speedup.of(self.by_key_index, cell)
  if not ratios then return end
  local ratio = self.store and paired(self, base, cell) or ratios.total_throughput
  if not ratio then return end
  self.ratios[cell.key] = ratio
  local place = place_of(self, cell.key)
  if place then
    place.logs = place.logs or {}
    place.logs[cell.repetition] = math.log(ratio)
  end
  table.insert(self.last, 1, {
    ratio = ratio, text = name_of(self, coordinates_of(self.about, cell.key)),
    acceptance = cell.acceptance and cell.acceptance.rate,
  })
  self.last[LAST + 1] = nil
end

---A cell that has landed; a second measurement takes the place of the first. One that failed counts as failed until it
---succeeds.
---@param cell table with key, baseline (its key), repetition, status, metrics
function Tally:add(cell)
  local key = cell.key
  local place = place_of(self, key)
  if cell.status ~= "ok" then
    if not self.lost[key] and not self.by_key[key] then self.lost[key], self.failed = true, self.failed + 1 end
    if place then place.failed = true end
    return
  end
  if self.lost[key] then self.lost[key], self.failed = nil, self.failed - 1 end
  if not self.by_key[key] then self.done = self.done + 1 end
  self.by_key[key] = cell
  self.by_key_index = { by_key = self.by_key }
  if place then place.failed, place.done = nil, true end
  if cell.baseline == key then
    for _, other in ipairs(self.waiting[key] or {}) do compare(self, other) end
    self.waiting[key] = nil
  elseif cell.baseline and self.by_key[cell.baseline] then
    compare(self, cell)
  elseif cell.baseline then
    self.waiting[cell.baseline] = self.waiting[cell.baseline] or {}
    table.insert(self.waiting[cell.baseline], cell)
  end
end

---@param key string of a cell
---@return string name short: without what all cells have in common
function Tally:name(key)
  return name_of(self, coordinates_of(self.about, key))
end

local function shown(place, is_now)
  if not place then return nil end
  if is_now then return { mark = "now" } end
  if place.failed then return { mark = "failed" } end
  local sum, count = 0, 0
  for _, value in pairs(place.logs or {}) do sum, count = sum + value, count + 1 end
  if count > 0 then return { ratio = math.exp(sum / count) } end
  return { mark = place.done and "done" or "todo" }
end

---The map that a cell stands on.
---@param key string? of the cell that is being measured; a baseline's, or none: the map of the cell before, or the
---  first
---@return specbench.live.map? nil where the round draws none
function Tally:map(key)
  local now, map = nil, nil
  if key then now, map = place_of(self, key) end
  self.seen = map or self.seen or self.order[1]
  map = self.seen
  if not map then return nil end
  local places = {}
  for y, row in ipairs(map.y) do
    places[y] = {}
    for x, column in ipairs(map.x) do
      local place = map.places[("%s\31%s"):format(row, column)]
      places[y][x] = shown(place, place ~= nil and place == now)
    end
  end
  local layout = self.layout
  return {
    title = map.name, x = map.x, y = map.y, places = places, x_title = layout.x_title or layout.x,
    y_title = layout.y_title or layout.y,
  }
end

return tally
