-- How many tokens to draft at which load, as it can be deployed: ranges of batch sizes for one method, from verdicts
-- alone. A batch size between two measured loads has what was seen at the larger one; beyond the largest there is no
-- speculation.

local html_table = require "specbench.page.html_table"
local html = require "specbench.page.html"
local json = require "specbench.base.json"
local pays = require "specbench.answer.pays"
local shell = require "specbench.base.shell"
local svg = require "specbench.page.svg"
local words = require "specbench.answer.words"

local el = html.el

local schedule = {}

-- The batch that the server's own limit allows, where it is known.
local function largest_batch(cell)
  local server, effective = cell.identity.server, cell.engine.effective or {}
  return server.max_num_seqs or effective.max_running
end

---Ranges of batch sizes as `k_by_batch_size` takes them: { first, last, k }. The last one reaches to `largest`.
---@param list { load: number, k: integer? }[] the least load first; k nil: do not speculate
---@param largest integer
---@return integer[][] ranges those of no speculation among them, with k = 0
function schedule.ranges(list, largest)
  local ranges, from = {}, 1
  for _, at in ipairs(list) do
    local last, k = math.min(math.floor(at.load), largest), at.k or 0
    local before = ranges[#ranges]
    if last >= from then
      if before and before[3] == k then before[2] = last else ranges[#ranges + 1] = { from, last, k } end
      from = last + 1
    end
  end
  if from <= largest then
    local before = ranges[#ranges]
    if before and before[3] == 0 then before[2] = largest else ranges[#ranges + 1] = { from, largest, 0 } end
  end
  return ranges
end

---A command line that can be pasted into a shell.
---@param argv string[]?
---@return string? nil where none is known
function schedule.command(argv)
  if not argv or #argv == 0 then return nil end
  return shell.line(argv)
end

local function list_text(ranges, open, close)
  local list = {}
  for i, range in ipairs(ranges) do list[i] = ("%s%d, %d, %d%s"):format(open, range[1], range[2], range[3], close) end
  return open .. table.concat(list, ", ") .. close
end

-- Whether only k changes with the load: nothing else of a server can be changed while it is up.
local function differs_in_k_alone(judgement)
  local other
  for _, at in ipairs(judgement.loads) do
    local setting = at.best.setting:gsub("k=%d+", ""):gsub("%s+", " ")
    if other and other ~= setting and at.best.verdict == "faster" then return false end
    if at.best.verdict == "faster" then other = setting end
  end
  return true
end

local function answer_rows(judgement)
  local rows = {}
  for i, at in ipairs(judgement.loads) do
    local best = at.best
    local faster = best.verdict == "faster" and not best.ramp_up
    local interval = best.low and ("%.2f to %.2f"):format(best.low, best.high) or ""
    local judged = best.ramp_up and "ramp-up" or best.verdict == "none" and "no verdict" or best.verdict
    local setting = best.setting ~= "" and best.setting or "on"
    rows[i] = el("tr", nil, html_table.figure(svg.figure(at.load)),
      el("td", nil, faster and setting or "no speculation"), el("td", nil, setting),
      html_table.figure(best.ratio and ("%.2f"):format(best.ratio) or "–"), el("td", nil, interval),
      el("td", nil, judged))
  end
  local right = html_table.right
  return html_table.draw({ right(judgement.load == "rate" and "requests/s" or "at once"), "to deploy", "fastest",
    right "its speed-up", "95 % interval", "verdict" }, rows)
end

---@class specbench.page.schedule
---@field winner table a cell of the server that is best at the largest load at which it pays without a gap
---@field load number that load
---@field largest integer? requests at once that the server allows, where it is known
---@field measured integer the largest load measured
---@field ranges integer[][]? nil: more than k changes with the load, or the method has no k
---@field lua string? a round's own key, as its author writes it
---@field vllm string? a field of --speculative-config

---What a judgement gives to deploy.
---@param judgement specbench.answer.judgement
---@return specbench.page.schedule? nil where no verdict says that it pays, or loads are no batch sizes
function schedule.of(judgement)
  if judgement.load ~= "concurrency" or not (judgement.up_to or judgement.also) then return nil end
  local list, has_k, first = pays.schedule(judgement), false, nil
  for i, at in ipairs(list) do
    has_k = has_k or at.k ~= nil
    first = first or at.ratio and judgement.loads[i].best
  end
  local best = judgement.at or first
  local winner = best.entries[1].cell
  local self = { winner = winner, load = best.load, largest = largest_batch(winner),
    measured = math.floor(list[#list].load) }
  if has_k and differs_in_k_alone(judgement) then
    self.ranges = schedule.ranges(list, math.max(self.largest or 0, self.measured))
    self.lua = "k_by_batch_size = " .. list_text(self.ranges, "{ ", " }")
    self.vllm = '"num_speculative_tokens_per_batch_size": ' .. json.encode(json.array(self.ranges))
  end
  return self
end

local function deployable(judgement)
  local found = schedule.of(judgement)
  if not found then return nil end
  local parts = {}
  if found.ranges then
    parts[1] = el("p", nil, "By batch size ", el("span", { class = "faint" }, "(first, last, k; 0: none), ",
      found.largest and ("up to the server's %d requests at once"):format(found.largest)
      or html.prose(("up to the largest load measured: put your --max-num-seqs in the place of %d"):format(
        found.measured)), ":"))
    parts[2] = el("pre", { class = "copy" }, found.lua)
    parts[3] = el("pre", { class = "copy" }, html.prose(found.vllm))
    parts[4] = el("p", { class = "faint" }, html.prose("The first is a round's own key, the second a "
      .. "field of vLLM's --speculative-config (0.24.0 and later)."))
  else
    parts[1] = el("p", { class = "faint" }, "More than k changes with the load: no one server has all of it.")
  end
  local engine = found.winner.engine
  local command = schedule.command(engine.argv)
  if command then
    parts[#parts + 1] = el("p", nil, "The server that was fastest at ", svg.figure(found.load), " at once",
      engine.version and (" (%s)"):format(engine.version) or "", ":")
    parts[#parts + 1] = el("pre", { class = "copy" }, html.prose(command))
  end
  return parts
end

---@param self specbench.page.model
---@return specbench.page.markup?
function schedule.section(self)
  local list = {}
  for _, judgement in ipairs(self.answer.judgements) do
    if #judgement.loads > 0 then
      local pays_off = judgement.up_to ~= nil or judgement.also ~= nil
      list[#list + 1] = el("details", { open = pays_off and #list < 3 }, el("summary", nil, words.name(judgement),
        ": ", el("span", { class = "faint" }, words.best(judgement) or words.pays(judgement))),
        answer_rows(judgement), deployable(judgement))
    end
  end
  if #list == 0 then return nil end
  return html.join(el("p", { class = "legend" }, "The fastest setting at each load. A load has speculation in the ",
    "schedule only where a verdict says that it is faster there; between two loads the larger one's holds."), list)
end

return schedule
