-- What a seed makes of a sweep: a small round, the options of its run, what its servers do wrong, and what befalls
-- specbench itself.

local rng = require "sb.rng"

local draw = {}

-- Profiles of the simulator and the methods that each plays.
local MODELS = {
  { name = "qwen2.5-7b", methods = { "draft", "ngram" } }, { name = "llama-3-8b", methods = { "eagle" } },
  { name = "qwen2.5-14b-int4", methods = { "draft", "ngram" } }, { name = "vicuna-7b", methods = { "medusa" } },
  { name = "llama-3.1-8b", methods = { "eagle3", "draft", "ngram" } },
}

-- Faults of a server that strike a share of its requests; ARG: how its argument is drawn.
local FAULTS = {
  { "http500" }, { "http429" }, { "http404" }, { "not-sse" }, { "truncate", 0, 12 }, { "error-event", 0, 12 },
  { "silence", 0, 12 }, { "short", 1, 6 }, { "no-usage" }, { "wrong-usage", 1, 40 }, { "die", 0, 3 },
  { "freeze", 1, 20 },
}

-- Fields of a round that raise or give nonsense. `early`: it is told before anything is measured; else it may be, where
-- such a cell or prompt is drawn.
local CALLBACKS = {
  { field = "group", text = [[function(prompt) if prompt.id == 2 then error "boom" end return "all" end]] },
  { field = "group", text = [[function(prompt) return prompt.id end]] },
  { field = "group", text = [[function() return "\27[31mred\0" end]] },
  { field = "metrics", text = [[function() error { "no text" } end]] },
  { field = "metrics", text = [[function(run) return { own = #run, other = 0 / 0 } end]] },
  { field = "metrics", text = [[function() return { own = "much" } end]] },
  { field = "limits", text = [[function(prompt) return { max_tokens = prompt.id - 1 } end]], early = true },
  { field = "limits",
    text = [[function(_, c) if c.concurrency == 2 then error "boom" end return { max_tokens = 4 } end]] },
  { field = "body", text = [[{ top_p = function() end }]], early = true },
  { field = "server", text = [[error "boom"]], early = true },
  { field = "where", text = [[function(c) return c.method.x.y end]], early = true },
}

local function pick(self, list) return list[self.random:int(1, #list)] end
local function chance(self, share) return self.random:uniform() < share end

-- So many different ones, in the list's order.
local function some(self, list, least, most)
  local count = math.min(self.random:int(least, most), #list)
  local places = {}
  for i = 1, #list do places[i] = i end
  self.random:shuffle(places)
  places = table.move(places, 1, count, 1, {})
  table.sort(places)
  local chosen = {}
  for i, place in ipairs(places) do chosen[i] = list[place] end
  return chosen
end

local function text_of(list)
  local words = {}
  for i, item in ipairs(list) do words[i] = ("%q"):format(item) end
  return "{ " .. table.concat(words, ", ") .. " }"
end

-- Words of one server's command line. A fault of a share strikes the same requests whenever they are sent; one of the
-- n-th request depends on what the server was asked before.
local function server_faults(self)
  local words = {}
  for _ = 1, pick(self, { 0, 0, 0, 1, 1, 2 }) do
    local fault = pick(self, FAULTS)
    local text = fault[1]
    if chance(self, 0.7) then
      text = text .. ("%%%g"):format(pick(self, { 1, 3, 3, 10, 30, 100 }))
    else
      text = text .. "@" .. self.random:int(1, 20)
      self.repeatable = false
    end
    if fault[2] then text = text .. ":" .. self.random:int(fault[2], fault[3]) end
    words[#words + 1], words[#words + 2] = "--fault", text
  end
  local start = self.random:uniform()
  if start < 0.05 then words[#words + 1], words[#words + 2] = "--fault", "never-ready" end
  if start > 0.95 then words[#words + 1] = "--bogus" end
  return words
end

local function workload_text(self, field)
  local prompts
  local chat = chance(self, 0.7)
  local kind = self.random:uniform()
  if kind < 0.15 then
    prompts = "{ items = { { earlier = { 'Hello!', 'How?' }, text = 'Who?' }, { earlier = { 'a', '' }, text = 'c' } } }"
    chat = true
  elseif kind < 0.3 then
    prompts = "{ items = { { text = 'Who?' }, { text = 'When, \\u{202e}and \\27[2Jwhy?' }, { text = 'Где?' } } }"
  else
    prompts = ("assert(data.prompts { dataset = 'random', tokens = %d, count = %d, seed = c.seed })"):format(
      self.random:int(1, 60), self.random:int(1, 9))
  end
  local limits = ("function() return { max_tokens = %d, ignore_eos = %s } end"):format(self.random:int(2, 16),
    chance(self, 0.5))
  local group = chance(self, 0.3) and "function(prompt) return prompt.id % 2 == 0 and 'even' or 'odd' end" or "nil"
  return ([[
    return {
      prompts = %s,
      limits = %s,
      chat = %s,
      group = %s,
      body = %s,
    }]]):format(prompts, field.limits or limits, chat, field.group or group, field.body or "nil")
end

local function round_text(self)
  local model = pick(self, MODELS)
  local methods = some(self, model.methods, 1, 2)
  self.has_baseline = chance(self, 0.9)
  if self.has_baseline then table.insert(methods, 1, "none") end
  self.is_closed = chance(self, 0.8)
  local loads = self.is_closed and { "concurrency", some(self, { 1, 2, 4, 9 }, 1, 2) }
    or { "rate", some(self, { 2, 20, 300 }, 1, 2) }
  local faults = {}
  for i, method in ipairs(methods) do faults[i] = ("[%q] = %s"):format(method, text_of(server_faults(self))) end
  local field = {}
  if chance(self, 0.15) then
    local callback = pick(self, CALLBACKS)
    field[callback.field] = callback.text
    self.early, self.may_be_early = callback.early, true
  end
  return ([[
local bench = require "specbench"
local data = require "specbench.dataset"
local FAULTS = { %s }
return bench.round {
  name = "drawn",
  axes = {
    { "method", %s }, { "k", %s, when = function(c) return c.method ~= "none" end }, { %q, %s },
  },
  baseline = %s,
  where = %s,
  metrics = %s,
  warmup = %d,
  chunk_timeout = %d,
  server = function(c)
    %s
    return {
      model = %q, method = c.method, k = c.k, chunked_prefill = %s, extra_args = FAULTS[c.method],
      draft = c.method ~= "none" and c.method ~= "ngram" and "qwen2.5-0.5b" or nil,
    }
  end,
  workload = function(c)
%s
  end,
  report = { heatmap = { x = %q, y = "method", per = {} } },
}
]]):format(table.concat(faults, ", "), text_of(methods), text_of(some(self, { 1, 2, 3, 5 }, 1, 2)), loads[1],
    text_of(loads[2]), self.has_baseline and '{ method = "none" }' or "nil", field.where or "nil",
    field.metrics or "nil", self.random:int(0, 2), self.random:int(5, 30), field.server or "", model.name,
    chance(self, 0.2), workload_text(self, field), loads[1])
end

local function options_text(self)
  local words = {}
  local function add(share, ...)
    if chance(self, share) then words[#words + 1] = pick(self, { ... }) end
  end
  self.until_content = chance(self, 0.2)
  if self.until_content then
    words[#words + 1] = pick(self, { "--until ci=20% --cap 5", "--until decided --cap 4" })
  else
    add(0.5, "--repeats 2", "--repeats 3", "--repeats 4 --starts 2")
  end
  add(0.2, "--lengths fixed", self.has_baseline and "--lengths replay" or nil)
  add(0.2, "--match pinned")
  add(0.2, "--salt always", "--salt never")
  add(0.2, "--no-text")
  add(0.2, "--slo ttft=100", "--slo ttft=2000,tpot=50")
  add(0.2, "--quarantine 1", "--quarantine 2")
  add(0.2, "--full", "--quiet", "--json")
  add(0.2, "--seed 7")
  add(0.1, "--prompts-per-stream 2")
  local text = table.concat(words, " ")
  if not text:find "replay" and not self.until_content and chance(self, 0.15) then text = text .. " --no-records" end
  return text
end

-- Where a search for the best k may go with the other options, it often takes the place of the whole grid.
local function search_text(self, seed)
  local random = rng.new(seed, 17) -- its own: what else a seed draws does not depend on it
  local can = self.has_baseline and self.is_closed and not self.early
  for _, word in ipairs { "--repeats", "--until", "replay" } do can = can and not self.options:find(word, 1, true) end
  if not can or random:uniform() > 0.6 then return "" end
  self.until_content = true
  return (" --find k=%d%%"):format(random:int(1, 20))
    .. (random:uniform() < 0.3 and (" --budget %ds"):format(random:int(1, 200)) or "")
end

-- What befalls specbench, one after the other; `at`: which share of such moments of a whole run has passed.
local function blows(self)
  local list = {}
  for i = 1, pick(self, { 0, 1, 1, 2, 3 }) do
    local kind = pick(self, { "kill", "kill", "kill", "open", "write", "rename", "full" })
    list[i] = { kind = kind, at = self.random:uniform() }
  end
  return list
end

---@class specbench.drawn_sweep
---@field round string text of its file
---@field options string of `specbench run`
---@field blows { kind: string, at: number }[]
---@field repeatable boolean what a cell meets does not depend on what was measured before it
---@field early boolean? the round is refused
---@field may_be_early boolean?
---@field until_content boolean how many cells there are depends on what is measured

---@param seed integer
---@return specbench.drawn_sweep
function draw.sweep(seed)
  local self = { random = rng.new(seed, 13), repeatable = true }
  self.round = round_text(self)
  self.options = options_text(self)
  self.blows = blows(self)
  self.options = self.options .. search_text(self, seed)
  return self
end

return draw
