-- What a reader must know of cells before believing their numbers: simulated time, made-up prompts, a late client.

local flags = require "specbench.analysis.flags"
local measure = require "sb.measure"
local tables = require "specbench.base.tables"
local text_table = require "specbench.base.text_table"

local NAMED = 10 -- late cells

local caveats = {}

---A speed-up as it is shown: one that other answers paid for says so.
---@param cell table
---@param text string
---@return string
function caveats.marked(cell, text)
  return cell.lossy and text .. " (lossy)" or text
end

---@param name string? of an engine
---@return boolean also where somebody else starts our simulator, and said so
function caveats.is_simulator(name)
  return (name or ""):find "sim$" ~= nil
end

---@param cell table
---@return boolean also where somebody else started our simulator, which says in its version what it is
function caveats.is_simulated(cell)
  return caveats.is_simulator(cell.engine.name) or (cell.engine.version or ""):find "^specbench%-sim" ~= nil
end

---What a title over numbers of these cells must end with: a folder may hold cells of several engines.
---@param cells table[]
---@return string note "", " (simulated)" or " (partly simulated: 3 of 9 cells)"
function caveats.simulated(cells)
  local simulated = tables.count(cells, caveats.is_simulated)
  if simulated == 0 then return "" end
  if simulated == #cells then return " (simulated)" end
  return (" (partly simulated: %d of %d cells)"):format(simulated, #cells)
end

---The engine of a cell, for a table over cells of several.
---@param cell table
---@return string
function caveats.engine(cell)
  return cell.engine.name .. (caveats.is_simulated(cell) and " (simulated)" or "")
end

---@param cell table
---@return boolean
function caveats.is_quick(cell)
  return cell.quick == true
end

---@param cell table
---@return boolean prompts are made up
function caveats.is_synthetic(cell)
  return (cell.dataset or {}).kind == "synthetic"
end

---@param cell table
---@return string? reason why the client was late in it; nil where it was not, or where nobody knows
function caveats.late(cell)
  local told = cell.certificate
  if not told or told.client_ok ~= false then return nil end
  return told.reasons and told.reasons[1] or "it does not say why"
end

---@param cell table
---@return string? name of what served it: its GPUs, else its CPU
function caveats.machine(cell)
  local machine = cell.machine
  if not machine then return nil end
  local gpus = machine.gpus
  if gpus and gpus[1] and not caveats.is_simulated(cell) then
    local used = cell.engine.gpus and #cell.engine.gpus or #gpus
    return ("%d x %s"):format(math.max(used, 1), gpus[1].name)
  end
  return machine.cpus and ("%s, %d CPUs"):format(machine.cpu or "CPU", machine.cpus) or machine.cpu
end

-- "12" or "12-96"
local function range(cells, value)
  local least, most
  for _, cell in ipairs(cells) do
    local number = value(cell)
    if number then least, most = math.min(least or number, number), math.max(most or number, number) end
  end
  if not least then return nil end
  return least == most and ("%d"):format(least) or ("%d-%d"):format(least, most)
end

-- What was asked of an engine's file or of the round and was not told, by the reason that a cell has for it.
local UNTOLD = {
  { "the acceptance of", function(cell)
    return not cell.acceptance and not cell.acceptance_seen and cell.acceptance_unknown or nil
  end },
  { "what the round's own metrics say of", function(cell) return cell.own_trouble end },
}

---What is not known, in how many cells, and why not in the first of them.
---@param cells table[]
---@return string[] lines
function caveats.untold(cells)
  local lines = {}
  for _, what in ipairs(UNTOLD) do
    local count, reason = 0, nil
    for _, cell in ipairs(cells) do
      local why = what[2](cell)
      if why then count, reason = count + 1, reason or why:match "^[^\n]*" end
    end
    if reason then
      lines[#lines + 1] = ("%s %d cell%s is not known: %s"):format(what[1], count, count == 1 and "" or "s", reason)
    end
  end
  return lines
end

---What a reader must know, in sentences.
---@param cells table[]
---@param about table the store's round.json
---@return string[] lines
function caveats.lines(cells, about)
  local lines = caveats.untold(cells)
  local function add(number, line)
    if number == 0 then return end
    lines[#lines + 1] = (number == #cells and "" or ("%d of %d cells: "):format(number, #cells)) .. line
  end
  local clocks, order = {}, {}
  for _, cell in ipairs(cells) do
    if caveats.is_simulated(cell) then
      local clock = cell.virtual and "in virtual time" or ("clock x%g"):format(cell.clock_scale or 1)
      if not clocks[clock] then order[#order + 1] = clock end
      clocks[clock] = (clocks[clock] or 0) + 1
    end
  end
  for _, clock in ipairs(order) do
    add(clocks[clock], ("simulated servers (specbench sim, %s): the figures follow from its profiles, not from "
      .. "a GPU"):format(clock))
  end
  add(tables.count(cells, caveats.is_synthetic), "synthetic prompts: made-up text with the token lengths of the "
    .. "reference's data (--datasets DIR takes the real files)")
  local reasons, known = {}, {}
  for _, cell in ipairs(cells) do
    if cell.lossy and not known[cell.lossy] then reasons[#reasons + 1] = cell.lossy end
    if cell.lossy then known[cell.lossy] = (known[cell.lossy] or 0) + 1 end
  end
  for _, reason in ipairs(reasons) do
    add(known[reason], "lossy, their speed-ups are not those of a lossless method: " .. reason)
  end
  local needed = measure.tail_needs(99)
  local short = {}
  for _, cell in ipairs(cells) do
    if (cell.metrics.completed or math.huge) < needed then short[#short + 1] = cell end
  end
  if #short > 0 then
    add(#short, ("a 99th percentile rests on %s requests and needs %d, at 99 %% confidence: quote it "
      .. "with its interval (`tails` in cell.json)"):format(
      range(short, function(cell) return cell.metrics.completed end), needed))
  end
  local late = {}
  for _, cell in ipairs(cells) do
    if caveats.late(cell) then late[#late + 1] = flags.place(cell, about) end
  end
  if #late > 0 then
    lines[#lines + 1] = ("in %d of %d cells the client itself was late (certificate.reasons in cell.json), do not "
      .. "quote them: %s"):format(#late, #cells, text_table.listed(late, NAMED))
  end
  return lines
end

---Whether the ratio of a cell and its baseline rests on ramp-up and drain.
---@param cell table
---@param base table?
---@return boolean
function caveats.drained(cell, base)
  return flags.drain(cell) ~= nil or base ~= nil and flags.drain(base) ~= nil
end

return caveats
