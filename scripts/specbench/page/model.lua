-- What a page draws: the places of the grid in order, each with its repeats, speed-ups, figures and flags, and how they
-- are put together on maps. Computed once; the sections only draw.

local answers = require "specbench.answer"
local caveats = require "specbench.analysis.caveats"
local curves = require "specbench.results.curves"
local json = require "specbench.base.json"
local keys = require "specbench.results.keys"
local place = require "specbench.answer.place"
local predicted = require "specbench.results.predicted"
local savings = require "specbench.analysis.savings"
local speedup_table = require "specbench.report.speedup_table"
local maps = require "specbench.report.maps"
local tables = require "specbench.base.tables"

local model = {}

---@class specbench.page.place
---@field number integer from 1: its row's and its details' name in the page
---@field kind "measured"|"simulated" where its numbers come from; each has a legend of its own
---@field cells table[] one a repeat
---@field coordinates table
---@field name string in the axes that differ: "method=draft k=3 concurrency=8"
---@field row specbench.answer.absolute.row
---@field entry specbench.verdict.entry? nil: nothing to compare it with
---@field predicted specbench.predicted? its speed-up, where nobody measured it
---@field energy specbench.token_energy? beside the baseline's
---@field base specbench.page.place?
---@field server integer in the model's `servers`
---@field flags specbench.flag[]
---@field ramp_up boolean it or its baseline mostly measured ramp-up and drain

---@class specbench.page.model
---@field found specbench.study
---@field answer specbench.answer
---@field about table
---@field axes string[] that differ between places, in the round's order
---@field places specbench.page.place[]
---@field servers { cell: table, places: integer }[] each distinct server with a cell of it
---@field figures { name: string, title: string }[] speed-ups that places have, the answer's own first
---@field reach number of the ratios' scale of colours
---@field predicted specbench.page.place[] that were not measured: of them coordinates, load and ratio are known
---@field curves specbench.curve[] what drafts would bring that were accepted more or less often, where somebody asked
---@field saved string? what it saved that they were not
---@field has_energy boolean? a place tells its energy beside the baseline's
---@field progress string? how far its sweep is, while that runs
---@field is_empty boolean nothing was measured
---@field title string

local TITLES = {
  paired = "paired: prompt by prompt", total_throughput = "total throughput (prompts' tokens too)",
  output_throughput = "output throughput", decode = "decoding (TPOT)",
}

-- The least and the largest ratio that the scale's ends may have.
local LEAST_REACH, MOST_REACH = 1.25, 2.5

local function kind_of(cell)
  return caveats.is_simulated(cell) and "simulated" or "measured"
end

local function varying(self)
  return speedup_table.varying(self.places, self.about)
end

local function number_servers(self)
  local by_text = {}
  self.servers = {}
  for _, one in ipairs(self.places) do
    local cell = one.cells[1]
    local text = json.encode { cell.identity.server, cell.engine.argv or json.array {}, cell.engine.url or "" }
    if not by_text[text] then
      table.insert(self.servers, { cell = cell, places = 0 })
      by_text[text] = #self.servers
    end
    one.server = by_text[text]
    self.servers[one.server].places = self.servers[one.server].places + 1
  end
end

local function collect_places(self)
  local found, by_place = self.found, {}
  self.places = {}
  for _, cell in ipairs(found.cells) do
    local at = keys.place(cell.key)
    local one = by_place[at]
    if not one then
      one = { number = #self.places + 1, cells = {}, coordinates = cell.coordinates, cell = cell, flags = {},
        kind = kind_of(cell), ramp_up = false }
      by_place[at] = one
      self.places[one.number] = one
      one.row = self.answer.absolute[one.number] -- rows come in the same order, one a place
    end
    table.insert(one.cells, cell)
  end
  for _, entry in ipairs(found.entries) do
    local one = by_place[keys.place(entry.cell.key)]
    one.entry, one.energy = entry, entry.energy
    self.has_energy = self.has_energy or one.energy ~= nil
    one.base = by_place[keys.place(entry.cell.baseline)]
  end
  for _, flag in ipairs(found.flagged) do
    local one = by_place[keys.place(flag.cell.key)]
    if one then table.insert(one.flags, flag) end
  end
  for _, one in ipairs(self.places) do
    one.ramp_up = one.row.ramp_up or one.base ~= nil and one.base.row.ramp_up
  end
end

local function name_places(self)
  for _, one in ipairs(self.places) do
    local words = {}
    for _, axis in ipairs(self.axes) do
      local value = one.coordinates[axis]
      if value ~= nil then words[#words + 1] = ("%s=%s"):format(axis, tostring(value)) end
    end
    one.name = #words > 0 and table.concat(words, " ") or "the only cell"
  end
end

local function figures_of(self)
  local has, list = {}, {}
  for _, one in ipairs(self.places) do
    for name in pairs(one.entry and one.entry.speedups or {}) do has[name] = true end
  end
  local first = self.answer.figure
  for _, name in ipairs { first, table.unpack(answers.figures) } do
    if has[name] then list[#list + 1] = { name = name, title = TITLES[name] or name } end
    has[name] = nil
  end
  return list
end

-- Of all ratios, unless some are far out: these take the ends' colours.
local function reach_of(self)
  local most = 0
  for _, one in ipairs(self.places) do
    for _, figure in pairs(one.entry and one.entry.speedups or {}) do
      most = math.max(most, math.abs(math.log(figure.ratio)))
    end
  end
  return math.max(LEAST_REACH, math.min(MOST_REACH, math.exp(most)))
end

-- Places that were predicted, as far as maps need to know them. The model predicts closed loops alone.
local function predicted_places(self)
  local list = {}
  for _, told in ipairs(predicted.of(self.found.store.folder, self.about, self.found.cells) or {}) do
    if told.ratio then
      list[#list + 1] = { kind = "predicted", coordinates = told.coordinates, predicted = told,
        cells = { { coordinates = told.coordinates } }, row = { load = { kind = "concurrency" } } }
    end
  end
  return list
end

---@param found specbench.study
---@param options { figure: string?, price: number?, progress: string? }? figure: the speed-up that is shown first, one
---  of specbench.answer's; `paired` unless told; price: of a GPU hour; progress: how far its sweep is, while that runs
---@return specbench.page.model
function model.of(found, options)
  local self = { found = found, about = found.about, answer = answers.of(found, options) }
  collect_places(self)
  number_servers(self)
  self.axes = varying(self)
  name_places(self)
  self.figures, self.reach = figures_of(self), reach_of(self)
  self.predicted, self.saved = predicted_places(self), savings.line(found, options and options.price)
  self.curves = curves.of(found.store.folder)
  self.title = (self.about.title or self.about.round) .. caveats.simulated(found.cells)
  self.progress, self.is_empty = options and options.progress, #self.places == 0
  return self
end

-- How a round without a layout of its own is drawn: loads upwards, another number to the right, a map for each of the
-- rest.
local function guess(self)
  local names = {}
  for _, name in ipairs(self.axes) do
    if not (self.about.baseline or {})[name] then names[#names + 1] = name end
  end
  local function take(fits)
    for i = #names, 1, -1 do
      if fits(names[i]) then return table.remove(names, i) end
    end
  end
  local function any() return true end
  local y = take(function(name) return name == "concurrency" end) or take(any)
  local x = take(function(name)
    for _, one in ipairs(self.places) do
      local value = one.coordinates[name]
      if value ~= nil and not tonumber(value) then return false end
    end
    return true
  end) or take(any)
  local per = {}
  for _, name in ipairs(self.axes) do
    if name ~= x and name ~= y then per[#per + 1] = name end
  end
  return { x = x or y or "concurrency", y = y or "concurrency", per = per }
end

---@class specbench.page.map
---@field name string
---@field x { title: string, values: any[] }
---@field y { title: string, values: any[] } the least at the bottom
---@field at table<string, table<string, specbench.page.place>> [y as text][x as text]

local function sorted_values(list, name)
  local values, seen = {}, {}
  for _, one in ipairs(list) do
    local value = name(one)
    if not seen[tostring(value)] then
      seen[tostring(value)] = true
      values[#values + 1] = value
    end
  end
  return keys.by_value(values)
end

local function is_rate(one)
  return one.row.load.kind == "rate"
end

---The places on maps, as the round draws them.
---@param self specbench.page.model
---@param wanted (fun(one: specbench.page.place): boolean) which places
---@param places specbench.page.place[]? the model's own unless told
---@return specbench.page.map[]
function model.maps(self, wanted, places)
  local layout = self.about.report and self.about.report.heatmap or guess(self)
  local group_of = maps.grouper(self.found.cells, { axes = self.about.axes, report = { heatmap = layout } })
  local drawn_maps = {}
  local groups = tables.grouped(places or self.places, function(one)
    if not wanted(one) then return nil end
    return group_of(one.cells[1]) .. (is_rate(one) and " at request rates" or "")
  end)
  for i, map in ipairs(groups) do
    local rate = is_rate(map.items[1])
    local function x_of(one) return keys.spelled(one.coordinates[layout.x]) end
    local function y_of(one) return keys.spelled(rate and one.row.load.value or one.coordinates[layout.y]) end
    local drawn = {
      name = map.name ~= "" and map.name or self.about.title or self.about.round, at = {}, places = map.items,
      x = { title = layout.x_title or layout.x, values = sorted_values(map.items, x_of) },
      y = { title = rate and "requests a second" or layout.y_title or layout.y,
        values = sorted_values(map.items, y_of) },
    }
    for _, one in ipairs(map.items) do
      local y = y_of(one)
      drawn.at[y] = drawn.at[y] or {}
      drawn.at[y][x_of(one)] = one
    end
    drawn_maps[i] = drawn
  end
  return drawn_maps
end

---Places of one question, in the order of their first: what is drawn in one picture.
---@param self specbench.page.model
---@param name_of fun(one: specbench.page.place): string? nil: left out
---@return { name: string, items: specbench.page.place[] }[]
function model.groups(self, name_of)
  return tables.grouped(self.places, name_of)
end

---The axes by which some places are told apart.
---@param self specbench.page.model
---@param places specbench.page.place[]
---@return string[]
function model.differing(self, places)
  local list = {}
  for _, name in ipairs(self.axes) do
    local first, differs = places[1].coordinates[name], false
    for _, one in ipairs(places) do differs = differs or one.coordinates[name] ~= first end
    if differs then list[#list + 1] = name end
  end
  return list
end

---What a place has beside target, method, task and load: "k=3".
---@param self specbench.page.model
---@param one specbench.page.place
---@return string
function model.setting(self, one)
  self.rest = self.rest or {}
  if #self.rest == 0 then
    local known = { method = true, model = true, task = true, concurrency = true }
    for _, axis in ipairs(self.axes) do
      local is_load = true
      for _, other in ipairs(self.places) do
        local value = other.coordinates[axis]
        is_load = is_load and (value == nil or value == keys.ABSENT or value == other.row.load.value)
      end
      if not known[axis] and not is_load then table.insert(self.rest, axis) end
    end
  end
  return place.on(one.cells[1], self.rest)
end

return model
