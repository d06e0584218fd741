-- The requests of a workload, as OpenAI's endpoints take them, in the engine's dialect.

local json = require "specbench.base.json"
local limits = require "specbench.experiment.limits"
local prompts = require "specbench.experiment.workload_prompts"
local rng = require "sb.rng"
local workload = require "specbench.experiment.workload"

local request_list = {}

-- A conversation up to the question of its last turn here.
local function messages(prompt, turn, answers)
  local list = {}
  for i = 1, turn do
    list[#list + 1] = { role = "user", content = prompt.earlier and prompt.earlier[i] or prompt.text }
    if i < turn then list[#list + 1] = { role = "assistant", content = answers[i] } end
  end
  return list
end

local function request(self, engine, model, prompt, limit, seed, turn, answers)
  local body = {
    model = model, temperature = self.temperature, seed = seed, max_tokens = limit.max_tokens, stream = true,
    stream_options = { include_usage = true },
  }
  if self.chat then
    body.messages = messages(prompt, turn or 1, answers)
  else
    body.prompt = prompt.text
  end
  for name, value in pairs(self.body) do body[name] = value end
  local changed, extra, note = engine.request(body, {
    max_tokens = limit.max_tokens, min_tokens = limit.min_tokens, ignore_eos = limit.ignore_eos,
    prompt_tokens = prompt.tokens, task = self.task, running_usage = self.running_usage,
  })
  local max_tokens = math.tointeger(body.max_tokens)
  local headers = {}
  for name, value in pairs(extra or {}) do headers[#headers + 1] = ("%s: %s"):format(name, value) end
  table.sort(headers)
  return { body = json.encode(changed), prompt_id = prompt.id, headers = headers, max_tokens = max_tokens }, note
end

local SEEDS = 1 << 31 -- every engine takes a seed below

-- A seed of its own for each request: with one for all, draws at the same position would be alike in all of them.
local function request_seed(seed, index)
  return tonumber(rng.hash(("%d/%d"):format(seed, index)):sub(1, 12), 16) % SEEDS
end

local RECENT = 8 -- lists of requests that are kept: as many as a round has tasks, say
local recent = {}

-- What makes two lists of requests the same, beside their prompts and limits; nil where they are a cell's own: salted,
-- a later turn of a conversation, answers of replayed lengths, an engine of somebody else's whose requests may be
-- anything.
local function likeness(self, engine, model, seed, answers, turn, lengths)
  if self.salt or answers or lengths or engine.file then return nil end
  return json.encode {
    engine = engine.name, model = model, seed = seed, turn = turn, task = self.task, temperature = self.temperature,
    chat = self.chat, running_usage = self.running_usage, body = json.encode(self.body),
  }
end

-- Cells that follow each other mostly send the very same texts: those are encoded once.
local function remembered(self, name, make)
  for i, known in ipairs(recent) do
    if known.name == name and known.prompts == self.prompts and known.limits == self.limit_list then
      table.insert(recent, 1, table.remove(recent, i))
      return known.list, known.note
    end
  end
  local list, note = make()
  table.insert(recent, 1, { name = name, prompts = self.prompts, limits = self.limit_list, list = list, note = note })
  recent[RECENT + 1] = nil
  return list, note
end

---The requests of one turn, in order: of the measured one, the last, unless told.
---@param self specbench.workload
---@param engine table an engine's module
---@param model string the name the server serves
---@param seed integer of the cell: every request's own is derived from it
---@param answers string[][]? of each prompt, to the turns before
---@param turn integer?
---@param lengths integer[]? tokens that each answer must have
---@return table[] requests for specbench.client; shared by cells that send the same: read only
---@return string? note what the engine could not be asked for
function request_list.of(self, engine, model, seed, answers, turn, lengths)
  turn = turn or workload.earlier_turns(self) + 1
  local function make()
    local list, note = {}, nil
    local cell = self.salt and json.encode(workload.identity(self))
    local told = workload.input_tokens(self) ~= nil
    for i, prompt in ipairs(self.prompts.items) do
      local missed
      -- alike in a cell and its baseline, so that both send the same texts
      if cell then prompt = prompts.salted(prompt, ("%s/%d/%d"):format(cell, seed, i)) end
      local limit = self.limit_list[i]
      if lengths then limit = limits.exactly(lengths[i], limit.ignore_eos) end
      list[i], missed = request(self, engine, model, prompt, limit, request_seed(seed, i), turn, answers and answers[i])
      list[i].prompt_tokens = told and math.tointeger(prompt.tokens) or nil
      note = note or missed
    end
    return list, note
  end
  local name = likeness(self, engine, model, seed, answers, turn, lengths)
  if not name then return make() end
  return remembered(self, name, make)
end

---Requests that wake the server up. Their text is no prompt's beginning, so no cache serves a measured one.
---@param self specbench.workload
---@param engine table
---@param model string
---@param count integer
---@param tag string makes them differ between cells
---@return table[]
function request_list.warm_up(self, engine, model, count, tag)
  local list = {}
  for i = 1, count do
    local text = ("Warm-up %s, number %d: name a few colours and say where one sees them."):format(tag, i)
    list[i] = (request(self, engine, model, { text = text, id = i - 1, tokens = 24 }, { max_tokens = 16 }, 0))
  end
  return list
end

local WARM_TOKENS = 32 -- of an answer: enough for the batch to fill and to empty
local WORDS = { "oak", "river", "seven", "cloud", "paper", "north", "green", "stone", "window", "song", "lamp" }

-- Tokens of a prompt, about, where its file does not tell them.
local function tokens_of(prompt)
  return prompt.tokens or #prompt.text // 4
end

-- A request with a prompt as long as the workload's prompt of this index. Its words are made up: a server that learns
-- from answers must not meet the measured ones before.
local function made_up(self, engine, model, index, tag)
  local random = rng.new("warm/" .. tag)
  local words = { ("Warm-up %s:"):format(tag) }
  local tokens = tokens_of(self.prompts.items[index])
  for w = 2, math.max(8, tokens - 16) do words[w] = WORDS[random:int(1, #WORDS)] end
  local limit = self.limit_list[index]
  local most = math.min(WARM_TOKENS, limit.max_tokens)
  return (request(self, engine, model, { text = table.concat(words, " "), id = index - 1, tokens = tokens },
    { max_tokens = most, min_tokens = math.min(most, limit.min_tokens or 0) }, 0))
end

---Requests that bring a server to as many streams as the workload has, with prompts as long as its own.
---@param self specbench.workload
---@param engine table
---@param model string
---@param tag string
---@return table[] requests twice as many as streams
function request_list.warm_streams(self, engine, model, tag)
  local list = {}
  for i = 1, 2 * workload.streams(self) do
    list[i] = made_up(self, engine, model, (i - 1) % #self.prompts.items + 1, ("%s, stream %d"):format(tag, i))
  end
  return list
end

local CLASSES = 4 -- of lengths, for each doubling

---Requests of the lengths, among the workload's prompts, that a server has not met: which kernels compute a prompt
---depends on how long it is. Lengths within a fifth of each other count as one.
---@param self specbench.workload
---@param engine table
---@param model string
---@param tag string
---@param met table<integer, boolean> classes of lengths that the server has met; those of the list are added
---@return table[] requests
function request_list.warm_lengths(self, engine, model, tag, met)
  local list = {}
  for index, prompt in ipairs(self.prompts.items) do
    local class = math.floor(CLASSES * math.log(math.max(tokens_of(prompt), 1), 2))
    if not met[class] then
      met[class] = true
      list[#list + 1] = made_up(self, engine, model, index, ("%s, length %d"):format(tag, class))
    end
  end
  return list
end

return request_list
