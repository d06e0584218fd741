-- All that is computed of a results folder, once: the cells that count, their baselines, speed-ups and verdicts, what
-- is to be known of single cells, and what failed. Reports, pages and the answer read it and compute nothing of it
-- again.

local drift = require "specbench.analysis.drift"
local failures = require "specbench.analysis.failures"
local flags = require "specbench.analysis.flags"
local likeness = require "specbench.analysis.likeness"
local keys = require "specbench.results.keys"
local older = require "specbench.analysis.older"
local repeats = require "specbench.analysis.repeats"
local searched = require "specbench.analysis.searched"
local speedup = require "specbench.analysis.speedup"
local verdict = require "specbench.analysis.verdict"

local study = {}

---@class specbench.study
---@field store specbench.store
---@field about table what round.json says
---@field baseline string? the name that they are compared by, where it is not their own baseline
---@field across_hosts boolean? whether a baseline of another host counts
---@field cells table[] the cell that counts of each place and repeat, in the grid's order
---@field before table[] cells that the round, as it is now, would not measure so
---@field index specbench.speedup.index
---@field rule sb.Stopping? what ended the repeats; nil: their number was fixed
---@field entries specbench.verdict.entry[] of each place that has a baseline, its drift among it
---@field judged { moderation: table<string, sb.Moderation>, spread: specbench.intervals.spread? }
---@field drifted specbench.drift.server[]
---@field flagged specbench.flag[]
---@field unlike { method: string, difference: string, cells: integer }[] methods that ran otherwise than their baseline
---@field failed { cause: string, count: integer }[]
---@field searched specbench.searched? what a search of the grid found, where one chose the cells
---@field searched_unknown string? why that cannot be read

-- Cells compared with what the round calls `name`, not with their own baseline; baselines stay baselines.
local function rebase(cells, about, name)
  local chosen = (about.baselines or {})[name]
  if not chosen then error(("%s has no baseline '%s'"):format(about.round, name), 0) end
  if chosen == true then return end
  local own = {}
  for _, cell in ipairs(cells) do own[cell] = cell.baseline == cell.key end
  keys.find_baselines({ axes = about.axes, baseline = chosen }, cells)
  for _, cell in ipairs(cells) do
    if own[cell] then cell.baseline = cell.key end
  end
end

---The speed-ups of what was measured before the round changed, for themselves.
---@param self specbench.study
---@return specbench.verdict.entry[]
---@return table judged as in the study
function study.judge_before(self)
  keys.sort(self.about, self.before)
  local index = speedup.index(self.before)
  index.any_model, index.across_hosts = self.baseline ~= nil, self.across_hosts
  return verdict.judge(self.store, speedup.current(self.before, index), index, {})
end

---@param store specbench.store
---@param options { baseline: string?, redescribe: (fun(cell: table))?, across_hosts: boolean? }? baseline: one of the
---  round's named ones, whatever model it is; redescribe: tells a cell what the round's file says of it now;
---  across_hosts: see specbench.speedup.index
---@return specbench.study
function study.of(store, options)
  options = options or {}
  local about, found = store.about, store:cells()
  local self = { store = store, about = about, baseline = options.baseline, across_hosts = options.across_hosts,
    failed = failures.of(store, found) }
  local cells
  cells, self.before = older.split(found, about)
  keys.sort(about, cells)
  for _, cell in ipairs(options.redescribe and cells or {}) do options.redescribe(cell) end
  if options.baseline then rebase(cells, about, options.baseline) end
  local index = speedup.index(cells)
  index.any_model, index.across_hosts = options.baseline ~= nil, options.across_hosts
  self.index, self.cells, self.rule = index, speedup.current(cells, index), repeats.kept_rule(store)
  self.entries, self.judged = verdict.judge(store, self.cells, index, { rule = self.rule })
  local places
  places, self.drifted = drift.of(self.cells)
  for _, entry in ipairs(self.entries) do entry.drift = places[keys.place(entry.cell.baseline)] end
  self.flagged, self.unlike = flags.of(self.cells, index), likeness.of(self.cells, index)
  self.searched, self.searched_unknown = searched.kept(store)
  return self
end

return study
