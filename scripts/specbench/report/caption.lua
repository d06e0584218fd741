-- What stands below a picture, so that it can be sent on without its report: what was measured with what, where, when,
-- on which prompts and how often, and what keeps its numbers from being believed.

local marks = require "specbench.answer.marks"
local measured = require "specbench.answer.measured"
local words = require "specbench.answer.words"

local caption = {}

local function repeats_of(places, entries)
  local paired = {}
  for _, entry in ipairs(entries) do
    if entry.repeats > 0 then paired[#paired + 1] = entry.repeats end
  end
  if #paired == 0 then return places end
  return { least = math.min(table.unpack(paired)), most = math.max(table.unpack(paired)) }
end

-- "3 repeats over 3 starts"
local function how_often(m, entries)
  local repeats = repeats_of(m.repeats, entries)
  if repeats.most == 1 then return "one run" end
  local text = words.range(repeats) .. " repeats"
  if not m.starts then return text end
  return ("%s over %s"):format(text, m.starts.most == 1 and "one start" or words.range(m.starts) .. " starts")
end

local function prompts(m)
  if not m.requests then return nil end
  local text, from = words.range(m.requests) .. " prompts a cell", m.prompts
  if #from > 0 then text = text .. " of " .. from[1] end
  if #from > 1 then text = ("%s and %s"):format(text, words.count(#from - 1, "other kind")) end
  return text
end

---@param of { cells: table[], entries: specbench.verdict.entry[]?, about: table, seen: table<string, boolean>?,
---  fallback: string? } cells: all that the picture shows; entries: their speed-ups; seen: marks that it has, and
---  whether it has pale places; fallback: why it does not show the speed-up that was wanted
---@return string[] phrases
function caption.of(of)
  local entries = of.entries or {}
  local m = measured.of { cells = of.cells, entries = entries, about = of.about, failed = {}, before = {} }
  local list = {}
  local function add(text) list[#list + 1] = text end
  local simulated = words.simulated(m)
  if simulated then add(m.simulated == m.cells and simulated .. ", no GPU" or simulated) end
  for _, engine in ipairs(m.engines) do add(words.engine(engine)) end
  for _, machine in ipairs(m.machines) do add(machine.name) end
  add(words.days(m))
  add(prompts(m))
  add(how_often(m, entries))
  if m.quick > 0 then add(m.quick == m.cells and "a quick run" or "partly a quick run") end
  if of.fallback then add("not `paired`: " .. of.fallback) end
  for _, meaning in ipairs(marks.legend(of.seen or {}, "drawn")) do add(meaning) end
  if (of.seen or {}).pale then add "pale: no verdict that could be quoted" end
  return list
end

return caption
