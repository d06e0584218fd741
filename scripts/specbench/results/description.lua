-- round.json: what a results folder says of its round.

local cell_shape = require "specbench.results.cell_shape"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local sealed = require "specbench.results.sealed"
local tables = require "specbench.base.tables"

local description = {}

local FORMAT = 1

---@class specbench.description
---@field round string
---@field title string?
---@field axes { name: string, values: any[], when: boolean? }[]
---@field report table?
---@field baseline table?
---@field baselines table?
---@field options table? the values of the options that the round declares
---@field match string? what its comparisons hold equal
---@field limits string?
---@field engine string? of the last run
---@field planned table<string, string>? of the runs: the id of each cell's key that they planned
---@field fresh boolean? of what a run asks for, never of a file: what is in the folder is moved aside first
---@field anew boolean? likewise of what a run asks for: only the cells that it plans are moved aside

---@param folder string
---@return specbench.description? about nil where round.json cannot be trusted
---@return string? message
---@return boolean? unreadable it may be sound, but could not be read now
function description.read(folder)
  local path = folder .. "/round.json"
  local about, message, _, unreadable = sealed.read(path, cell_shape.round_flaw)
  if not about then return nil, message, unreadable end
  return foreign.tree(about, { planned = true }) -- by keys, whose parts are held together by control characters
end

---@param folder string
---@param about specbench.description
---@return boolean? ok
---@return string? message
function description.write(folder, about)
  return fs.write(folder .. "/round.json", sealed.encode(about))
end

-- Axes as both runs know them: a cut-down run must not forget the order of what is in the folder already.
local function merge_axes(previous, about)
  local merged = {}
  for i, axis in ipairs(about.axes) do
    local old = previous and previous.axes and previous.axes[i]
    local values, seen = {}, {}
    for _, list in ipairs { axis.values, old and old.name == axis.name and old.values or {} } do
      for _, value in ipairs(list) do
        if not seen[tostring(value)] then
          seen[tostring(value)] = true
          values[#values + 1] = value
        end
      end
    end
    merged[i] = { name = axis.name, values = values, when = axis.when and true or nil }
  end
  return merged
end

---What a folder says once a round's file was read again: which baseline its cells are compared with, what to draw.
---@param previous specbench.description? as it was; what only runs know (match, limits, engine, planned) stays
---@param about specbench.description as the round's file and the run have it
---@return specbench.description
function description.renewed(previous, about)
  return {
    format = FORMAT, round = about.round, title = about.title, axes = merge_axes(previous, about),
    report = about.report, baseline = about.baseline, baselines = about.baselines,
    options = about.options or previous and previous.options,
    match = about.match or previous and previous.match, limits = about.limits or previous and previous.limits,
    engine = about.engine or previous and previous.engine,
    planned = about.planned and tables.merged(previous and previous.planned, about.planned)
      or previous and previous.planned,
  }
end

local function shown_by(about)
  return json.encode { baseline = about.baseline, baselines = about.baselines, report = about.report }
end

---Whether reports of the same cells are the same.
---@param a specbench.description
---@param b specbench.description
---@return boolean
function description.show_alike(a, b)
  return shown_by(a) == shown_by(b)
end

return description
