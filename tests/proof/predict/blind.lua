-- Predictions told blind: some cells of a published table are shown to `specbench predict`'s own code, the others judge
-- what it says of them. One rule chooses what is shown, whatever the method.

local cells = require "specbench.predict.cells"
local families = require "specbench.predict.families"
local published_folder = require "specbench.export.spec_bench_vllm_folder"
local round_file = require "specbench.experiment.round_file"

local blind = {}

-- A cell that took so many times what its neighbours in concurrency took hung: it judges nothing.
local HUNG = 10

local function sorted(set)
  local list = {}
  for value in pairs(set) do list[#list + 1] = value end
  table.sort(list)
  return list
end

-- What is shown of a method's cells: of eight concurrencies the third, the sixth and the last with the smallest and the
-- largest k, and the last but one with the middle k; of the baseline all four. The cheap half of the table, for a cell
-- at few streams takes most of the time.
function blind.rule(concurrencies)
  local n = #concurrencies
  local ends = { [concurrencies[math.ceil(n * 0.375)]] = true, [concurrencies[math.ceil(n * 0.75)]] = true,
    [concurrencies[n]] = true }
  return ends, concurrencies[math.max(1, n - 1)]
end

local function per_second(record)
  return (record.input_tokens + record.output_tokens) / record.seconds
end

local function drop_hung(records)
  local fewer_streams, kept = {}, {}
  local function line(record) return ("%s\31%s\31%d"):format(record.server, record.work, record.k) end
  for _, record in ipairs(records) do
    local name = line(record)
    fewer_streams[name] = fewer_streams[name] or {}
    table.insert(fewer_streams[name], record)
  end
  for _, record in ipairs(records) do
    local before
    for _, other in ipairs(fewer_streams[line(record)]) do
      if other.concurrency < record.concurrency and (not before or other.concurrency > before.concurrency) then
        before = other
      end
    end
    if not (before and record.seconds > HUNG * before.seconds) then kept[#kept + 1] = record end
  end
  return kept
end

local function copies(list)
  local copied = {}
  for i, record in ipairs(list) do
    copied[i] = {}
    for name, value in pairs(record) do copied[i][name] = value end
  end
  return copied
end

local function k_ends(records)
  local ends = {}
  for _, record in ipairs(records) do
    local own = ends[record.work] or { low = math.huge, high = 0 }
    ends[record.work] = own
    own.low, own.high = math.min(own.low, record.k), math.max(own.high, record.k)
  end
  for _, own in pairs(ends) do own.middle = (own.low + own.high) // 2 end
  return ends
end

-- Straight lines between what was shown, in k and in the logarithm of the concurrency; beyond, as at the edge.
local function naive(shown, record)
  local function along(points, at) -- { { x, y } } sorted by x
    if at <= points[1][1] then return points[1][2] end
    for i = 2, #points do
      if at <= points[i][1] then
        local share = (at - points[i - 1][1]) / (points[i][1] - points[i - 1][1])
        return points[i - 1][2] + share * (points[i][2] - points[i - 1][2])
      end
    end
    return points[#points][2]
  end
  local by_load = {}
  for _, own in ipairs(shown) do
    if own.work == record.work then
      by_load[own.concurrency] = by_load[own.concurrency] or {}
      table.insert(by_load[own.concurrency], { own.k, math.log(own.ratio) })
    end
  end
  local line = {}
  for concurrency, points in pairs(by_load) do
    table.sort(points, function(a, b) return a[1] < b[1] end)
    line[#line + 1] = { math.log(concurrency), along(points, record.k) }
  end
  table.sort(line, function(a, b) return a[1] < b[1] end)
  return math.exp(along(line, math.log(record.concurrency)))
end

---@class blind.verdict
---@field method string
---@field shown integer
---@field judged integer
---@field share number of the method's time
---@field share_with_baseline number of the method's and the baseline's, both counted as shown and as whole
---@field model number mean error of the model alone
---@field corrected number
---@field naive number
---@field within number share of judged cells within 10 %
---@field regret number mean loss by the k that is chosen, over every work and load
---@field coverage number share of judged cells in their 90 % interval

---@param folder string of the reference's tables
---@param round string path of the round's file
---@param options { only: string?, choose: (fun(concurrencies: integer[]): table<integer, boolean>, integer)? }?
---  only: of the methods this one; choose: another rule
---@return blind.verdict[] by the methods' names
function blind.judge(folder, round, options)
  options = options or {}
  local store = assert(published_folder.open(folder))
  local all, grid = (cells.measured(store:cells())), cells.of_round(assert(round_file.load(round)), {}, store.about)
  cells.name(all, grid, store.about)
  all = drop_hung(all)
  local by_key, servers = {}, {}
  for _, record in ipairs(all) do by_key[record.key] = record end
  for _, record in ipairs(all) do
    if not record.plain and by_key[record.baseline] then
      servers[record.server] = servers[record.server] or { name = record.coordinates.method, cells = {} }
      table.insert(servers[record.server].cells, record)
    end
  end
  local verdicts = {}
  for server, own in pairs(servers) do
    if options.only and own.name ~= options.only then servers[server] = nil end
  end
  for _, server in ipairs(sorted(servers)) do
    local own = servers[server]
    local loads, base_server = {}, by_key[own.cells[1].baseline].server
    for _, record in ipairs(own.cells) do loads[record.concurrency] = true end
    local ends, middle = (options.choose or blind.rule)(sorted(loads))
    local k_of = k_ends(own.cells)
    local function is_shown(record)
      if record.server == base_server then return ends[record.concurrency] or record.concurrency == middle end
      if record.server ~= server then return false end
      local k = k_of[record.work]
      return ends[record.concurrency] and (record.k == k.low or record.k == k.high)
        or record.concurrency == middle and record.k == k.middle
    end
    local measured, places = copies(all), copies(grid)
    local shown, kept, keys_of_table = {}, {}, {}
    local time = { shown = 0, whole = 0, plain_shown = 0, plain = 0 }
    for _, record in ipairs(measured) do
      local chosen = is_shown(record)
      if chosen then shown[#shown + 1] = record end
      keys_of_table[record.key] = record.server == server or record.server == base_server or nil
      if record.server == server then
        time.whole, time.shown = time.whole + record.seconds, time.shown + (chosen and record.seconds or 0)
      elseif record.server == base_server then
        time.plain, time.plain_shown = time.plain + record.seconds, time.plain_shown + (chosen and record.seconds or 0)
      end
    end
    for _, place in ipairs(places) do
      if keys_of_table[place.key] then
        place.baseline = by_key[place.key].baseline
        kept[#kept + 1] = place
      end
    end
    local family = families.of(shown, kept, store.about)[1]
    assert(family.fitted, family.why)
    local verdict = { method = own.name, shown = #shown, judged = 0, model = 0, corrected = 0, naive = 0, within = 0,
      coverage = 0, regret = 0, share = time.shown / time.whole,
      share_with_baseline = (time.shown + time.plain_shown) / (time.whole + time.plain) }
    local known, groups, choices = {}, {}, 0
    for _, row in ipairs(family.rows) do
      if row.measured then
        known[#known + 1] = { work = row.place.work, k = row.place.k, concurrency = row.place.concurrency,
          ratio = row.ratio }
      end
    end
    for _, row in ipairs(family.rows) do
      local record = by_key[row.place.key]
      local truth = per_second(record) / per_second(by_key[record.baseline])
      local group = record.work .. "\31" .. record.concurrency
      groups[group] = groups[group] or {}
      table.insert(groups[group], { said = row.ratio, truth = truth })
      if not row.place.seconds then
        local error = math.abs(row.ratio / truth - 1)
        verdict.judged = verdict.judged + 1
        verdict.corrected = verdict.corrected + error
        verdict.model = verdict.model + math.abs(row.model / truth - 1)
        verdict.naive = verdict.naive + math.abs(naive(known, record) / truth - 1)
        verdict.within = verdict.within + (error <= 0.1 and 1 or 0)
        verdict.coverage = verdict.coverage + (row.low <= truth and truth <= row.high and 1 or 0)
      end
    end
    for _, name in ipairs { "corrected", "model", "naive", "within", "coverage" } do
      verdict[name] = verdict[name] / verdict.judged
    end
    for _, group in pairs(groups) do
      if #group > 1 then
        local chosen, best = group[1], 0
        for _, one in ipairs(group) do
          if one.said > chosen.said then chosen = one end
          best = math.max(best, one.truth)
        end
        verdict.regret, choices = verdict.regret + 1 - chosen.truth / best, choices + 1
      end
    end
    verdict.regret = choices > 0 and verdict.regret / choices or 0
    verdicts[#verdicts + 1] = verdict
  end
  return verdicts
end

return blind
