-- Whether a method's answers are its baseline's, with temperature 0. Plain decoding does not repeat itself to the
-- letter either once batches differ, so the baseline is compared with itself as well: only what exceeds that is the
-- method's.

local divergence = require "specbench.analysis.divergence"
local json = require "specbench.base.json"
local repeated = require "specbench.analysis.repeats"
local stats = require "sb.stats"

local lossless = {}

---@class specbench.lossless.share
---@field compared integer answers
---@field identical integer of these, to the letter
---@field first integer? characters that the two have in common where they part first; nil: texts were not kept
---@field median integer? the same where half of those that part have parted

---@class specbench.lossless: specbench.lossless.share
---@field plain specbench.lossless.share? the baseline's own cells against each other; nil where no two had the same
---  prompts, or where all answers are identical anyway
---@field plain_of "repeats"|"other concurrencies"|nil which cells these were
---@field excess number? how much smaller the method's share of identical answers is than plain decoding's own, 0..1

local function new_share()
  return { compared = 0, identical = 0, positions = {} }
end

local function add(share, pairs, store, a, b)
  share.compared, share.identical = share.compared + pairs.count, share.identical + pairs.identical
  if pairs.identical == pairs.count then return end
  local found = divergence.between(store:output_path(a.id), store:output_path(b.id)) or {}
  table.move(found, 1, #found, #share.positions + 1, share.positions)
end

local function close(share)
  local positions = share.positions
  table.sort(positions)
  share.positions = nil
  share.first, share.median = positions[1], positions[(#positions + 1) // 2]
  return share
end

-- What two cells must have in common for their answers to be comparable: all but how fast requests came.
local function question_of(cell)
  local work = {}
  for name, value in pairs(cell.identity.workload) do work[name] = value end
  work.concurrency, work.rate, work.arrivals, work.burstiness = nil, nil, nil, nil
  return json.encode { cell.identity.server, work }
end

---@class specbench.lossless.baselines
---@field by_question table<string, table[]>
---@field answers table<string, { a: table, b: table, pairs: table, of: string }|false> by cell: it and the one nearest

---Baselines by what they were asked.
---@param cells table[] one a place of the grid and repeat
---@return specbench.lossless.baselines
function lossless.baselines(cells)
  local by_question = {}
  for _, cell in ipairs(cells) do
    if cell.baseline == cell.key and cell.identity.workload.temperature == 0 then
      local question = question_of(cell)
      by_question[question] = by_question[question] or {}
      table.insert(by_question[question], cell)
    end
  end
  return { by_question = by_question, answers = {} }
end

local function pace(cell)
  local work = cell.identity.workload
  return math.log(work.concurrency or work.rate)
end

local function is_open(cell)
  return cell.identity.workload.rate ~= nil
end

-- The cell that asked the same at a pace nearest to this one's.
local function nearest(baselines, base)
  local best, distance
  for _, other in ipairs(baselines.by_question[question_of(base)] or {}) do
    if other ~= base and is_open(other) == is_open(base) then
      local off = math.abs(pace(other) - pace(base))
      if not best or off < distance then best, distance = other, off end
    end
  end
  return best, best and (distance == 0 and "repeats" or "other concurrencies")
end

local function itself(baselines, base, store)
  if baselines.answers[base.id] == nil then
    local other, of = nearest(baselines, base)
    local a, b = repeated.run(store, base), other and repeated.run(store, other)
    baselines.answers[base.id] = a and b and { a = base, b = other, pairs = stats.pair(a, b), of = of } or false
  end
  return baselines.answers[base.id] or nil
end

---@param repeats table[] of one cell, see specbench.analysis.repeats.pair
---@param store specbench.store
---@param baselines specbench.lossless.baselines
---@return specbench.lossless? nil where answers need not be the same
function lossless.of(repeats, store, baselines)
  local method, plain, of = new_share(), new_share(), nil
  for _, one in ipairs(repeats) do
    if not one.pairs or one.cell.identity.workload.temperature ~= 0 then return nil end
    add(method, one.pairs, store, one.base, one.cell)
  end
  local result = close(method)
  if result.identical == result.compared then return result end
  for _, one in ipairs(repeats) do
    local own = itself(baselines, one.base, store)
    if own then
      add(plain, own.pairs, store, own.a, own.b)
      of = of == "other concurrencies" and of or own.of
    end
  end
  if plain.compared > 0 then
    result.plain, result.plain_of = close(plain), of
    result.excess = math.max(plain.identical / plain.compared - result.identical / result.compared, 0)
  end
  return result
end

return lossless
