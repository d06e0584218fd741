-- Repeats of one cell, each beside the baseline of the same repeat: repeat r is compared with repeat r, since
-- they share their prompts.

local cell_shape = require "specbench.results.cell_shape"
local fs = require "sb.fs"
local keys = require "specbench.results.keys"
local older = require "specbench.analysis.older"
local percent = require "specbench.base.percent"
local sealed = require "specbench.results.sealed"
local speedup = require "specbench.analysis.speedup"
local stats = require "sb.stats"
local tables = require "specbench.base.tables"

local repeats = {
  TIE = 0.02, -- half width of the band of ratios that count as equal
  FALSE_DISCOVERY_RATE = 0.05, -- over a grid's verdicts
}

local CACHED_RUNS = 48 -- decoded runs held at once; a grid's neighbours share their baselines

---Cells that have a baseline of their own, by place in the grid, in the order of their first appearance.
---@param cells table[]
---@return { place: string, cells: table[] }[]
function repeats.groups(cells)
  local groups = tables.grouped(cells, function(cell)
    return cell.baseline and cell.baseline ~= cell.key and keys.place(cell.key) or nil
  end)
  for i, group in ipairs(groups) do groups[i] = { place = group.name, cells = group.items } end
  return groups
end

local cache = { runs = {}, order = {} }

---A cell's records, kept for a while. A second measurement of a cell has its id, but other records.
---@param store specbench.store
---@param cell table
---@return specbench.run?
function repeats.run(store, cell)
  if cell.records == false then return nil end
  local key = ("%s\31%s\31%s"):format(store.folder, cell.id, cell.rerun and "again" or "")
  if cache.runs[key] == nil then
    cache.runs[key] = store:run(cell.id) or false
    table.insert(cache.order, key)
    if #cache.order > CACHED_RUNS then
      for _ = 1, CACHED_RUNS // 2 do cache.runs[table.remove(cache.order, 1)] = nil end
    end
  end
  return cache.runs[key] or nil
end

local function problem_of(pairs)
  if pairs.baseline_only > 0 or pairs.method_only > 0 then
    return "the two sides completed different prompts: no paired speed-up"
  end
  if not pairs.log_ratio then return "the server does not tell tokens chunk by chunk: no paired speed-up" end
end

---Fills group.repeats with what each repeat's cell gives against its baseline, or group.reason.
---@param group { cells: table[], repeats: table[]?, reason: string? }
---@param index specbench.speedup.index
---@param store specbench.store
function repeats.pair(group, index, store)
  group.repeats = {}
  for _, cell in ipairs(group.cells) do
    local ratios, base = speedup.of(index, cell)
    if not ratios then
      group.reason = group.reason or base
    else
      local one = { cell = cell, base = base, ratios = ratios }
      local before, after = repeats.run(store, base), repeats.run(store, cell)
      if before and after then
        one.runs, one.pairs = { before, after }, stats.pair(before, after)
        one.problem = problem_of(one.pairs)
        if not one.problem then ratios.paired = math.exp(one.pairs.log_ratio) end
      else
        local left_out = base.records == false or cell.records == false
        one.problem = ("the requests' records %s: no paired speed-up"):format(left_out and "were left out"
          or "are missing")
      end
      table.insert(group.repeats, one)
    end
  end
end

---Lets go of the group's runs.
---@param group table
function repeats.release(group)
  for _, one in ipairs(group.repeats) do one.runs = nil end
end

---What the repeats of a cell say under a rule.
---@param group table filled by repeats.pair
---@param rule sb.Stopping
---@return { more: boolean, wanted: integer, interval: sb.Interval }? state nil where there is no `paired` to judge by
function repeats.judge(group, rule)
  local logs = {}
  for i, one in ipairs(group.repeats) do
    if not one.ratios.paired then return nil end
    logs[i] = math.log(one.ratios.paired)
  end
  return stats.judge(rule, logs)
end

-- Whether a cell goes on, and to how many repeats: as the rule says, and also where its verdict does not survive among
-- so many cells. p holds over the looks for every threshold, so a grid may set its own.
local function goes_on(group, state, rule, adjusted)
  if state.more then return true, state.wanted end
  local among = not rule.width and #group.repeats < rule.cap and state.interval.low
    and stats.verdict(state.interval, adjusted or nil, rule.tie, repeats.FALSE_DISCOVERY_RATE)
  return among == "undecided", state.next
end

---How many repeats each place of the grid wants, a method's with its baseline's.
---@param store specbench.store
---@param rule sb.Stopping
---@param across_hosts boolean? see specbench.speedup.index
---@return table<string, integer> wanted by place (keys.place); those that are done are absent
---@return table<string, number> reach how far the interval of each such place's logarithm reaches to a side
function repeats.wanted(store, rule, across_hosts)
  local today = older.split(store:cells(), store.about)
  local cells, wanted, reach = speedup.current(today), {}, {}
  table.sort(cells, function(a, b) return a.repetition < b.repetition end)
  local index, judged, p = speedup.index(cells), {}, {}
  index.across_hosts = across_hosts
  local function want(place, count) wanted[place] = math.max(wanted[place] or 0, count) end
  for _, group in ipairs(repeats.groups(cells)) do
    repeats.pair(group, index, store)
    local state = #group.repeats > 0 and repeats.judge(group, rule)
    repeats.release(group)
    if state then
      judged[#judged + 1] = { group = group, state = state }
      p[#judged] = state.interval.p or false
    end
  end
  for i, adjusted in ipairs(stats.adjust(p)) do
    local group, interval = judged[i].group, judged[i].state.interval
    local more, count = goes_on(group, judged[i].state, rule, adjusted)
    if more then
      reach[group.place] = interval.low and (interval.high - interval.low) / 2 or math.huge
      want(group.place, count)
      want(keys.place(group.cells[1].baseline), count)
    end
  end
  return wanted, reach
end

local function rule_path(store)
  return store.folder .. "/until.json"
end

---Keeps the rule with the results: a report must judge them by it, since it decided when they stopped.
---@param store specbench.store
---@param rule sb.Stopping
function repeats.keep_rule(store, rule)
  assert(fs.write(rule_path(store), sealed.encode(rule)))
end

---@param store specbench.store
---@return sb.Stopping? rule nil: the number of repeats was fixed beforehand
function repeats.kept_rule(store)
  local path = rule_path(store)
  if not fs.stat(path) then return nil end
  local rule, message = sealed.read(path, cell_shape.rule_flaw)
  if message then -- without it every interval would be too narrow
    error({ exit = 1, message = message .. ": it says by which rule repeats ended; `specbench run` with the same "
      .. "--until and --cap writes it anew" }, 0)
  end
  return rule
end

---The next run has a fixed number of repeats again.
---@param store specbench.store
function repeats.forget_rule(store)
  fs.remove(rule_path(store))
end

---Option --until: "ci=3%" or "decided".
---@param text string
---@param cap integer? repeats at most; default 10
---@return sb.Stopping? rule
---@return string? message
function repeats.rule(text, cap)
  cap = cap or 10
  if text == "decided" then return { tie = repeats.TIE, cap = cap } end
  local width = percent.read(text:match "^ci=(.*)$" or "")
  if not width or width <= 0 or width >= 1 then
    return nil, ("'%s' is neither 'decided' nor an interval's reach such as 'ci=3%%'"):format(text)
  end
  return { width = width, cap = cap }
end

return repeats
