-- What a results folder answers, as one plain table: what was measured, whether speculation pays and up to which load,
-- where, how sure that is, why, what to try, what to note, and the figures themselves. Pure data: terminals, pages
-- and programs draw it. `words` (beside it) has its sentences.
--
--   local found = study.of(store)
--   local a = answer.of(found)
--   for _, judgement in ipairs(a.judgements) do print(words.pays(judgement)) end

local absolute = require "specbench.answer.absolute"
local advice = require "specbench.answer.advice"
local grid = require "specbench.answer.grid"
local measured = require "specbench.answer.measured"
local pays = require "specbench.answer.pays"
local place = require "specbench.answer.place"
local verdict = require "specbench.analysis.verdict"

local answer = {}

---@class specbench.answer
---@field figure "paired"|"total_throughput"|"output_throughput"|"decode" the speed-up that it rests on
---@field fallback string? why it is not the one that was wanted
---@field price number? of a GPU hour
---@field measured specbench.answer.measured
---@field judgements specbench.answer.judgement[] one a target and method, and a task where tasks disagree or only some
---  are decided
---@field map specbench.answer.map
---@field sure specbench.answer.sure
---@field try specbench.answer.point[]
---@field notes specbench.answer.point[]
---@field absolute specbench.answer.absolute.row[]

---The figures that a speed-up may be shown by.
answer.figures = verdict.names

local function has(entries, figure)
  for _, entry in ipairs(entries) do
    if entry.speedups[figure] then return true end
  end
  return false
end

-- Why no place has `paired`: the most usual reason would hide that rows have no records at all.
local function why_not(entries, wanted)
  for _, entry in ipairs(entries) do
    if entry.repeats > 0 and entry.problem then return entry.problem end
  end
  return ("no cell has %s"):format(wanted)
end

---The figure that claims rest on: `paired` unless told, or the reference's total throughput where the folder has none
---of it.
---@param found specbench.study
---@param wanted string? one of answer.figures
---@return string figure
---@return string? fallback why it is not the one that was wanted
function answer.figure(found, wanted)
  wanted = wanted or "paired"
  if #found.entries == 0 or has(found.entries, wanted) then return wanted end
  for _, figure in ipairs { "total_throughput", "output_throughput" } do
    if has(found.entries, figure) then return figure, why_not(found.entries, wanted) end
  end
  return wanted
end

---@param found specbench.study
---@param options { figure: string?, price: number? }? figure: one of answer.figures; price: of a GPU hour
---@return specbench.answer
function answer.of(found, options)
  options = options or {}
  local figure, fallback = answer.figure(found, options.figure)
  local speculating = {}
  for _, entry in ipairs(found.entries) do
    if entry.repeats > 0 then speculating[#speculating + 1] = entry.cell end
  end
  local self = { figure = figure, fallback = fallback, price = options.price, measured = measured.of(found) }
  local context = {
    figure = figure, rule = found.rule, axes = place.axes(speculating, found.about),
    engines = #self.measured.engines > 1,
  }
  self.judgements = pays.of(found.entries, context)
  self.map = grid.of(found.entries, context)
  self.sure = measured.sure(found, figure)
  local reasons = self.sure.reasons
  if reasons[1] and reasons[1].reason == fallback then table.remove(reasons, 1) end -- it is said once
  self.absolute = absolute.rows(found.cells, options.price)
  self.try = advice.tries(found, self)
  self.notes = advice.notes(found, self)
  return self
end

return answer
