-- What a cell sends: a round's workload, checked, as OpenAI requests in the engine's dialect.

local blame = require "specbench.base.blame"
local data = require "specbench.dataset"
local fields = require "specbench.experiment.workload_shape"
local json = require "specbench.base.json"
local limits = require "specbench.experiment.limits"
local rng = require "sb.rng"
local tables = require "specbench.base.tables"

local workload = {}

local OPEN_LOOP_STREAMS = 32 -- a guess, for estimates

-- What stands before a prompt that must begin like no other; Qwen2.5's tokens, digits one by one.
local SALT, SALT_TOKENS, SALT_NUMBERS = "Request %09d.\n", 12, 1000000000
-- Copies of a prompt have its number plus this for each copy.
local COPY_IDS = 1000000

---@class specbench.workload
---@field prompts table a set of specbench.dataset
---@field limits table|fun(prompt: table, c: table): table { max_tokens: integer, min_tokens: integer?,
---  ignore_eos: boolean? }
---@field task string? default: what the prompt set says
---@field temperature number default 0
---@field chat boolean default true: /v1/chat/completions, else /v1/completions
---@field concurrency integer? closed loop; rate: open loop, requests a second
---@field group (fun(prompt: table): string)? prompts' kinds, of which the cell keeps figures of their own
---@field lengths "fixed"|"replay"|nil how long answers get; nil: as the model ends them, within the limits
---@field salt boolean? every prompt begins with a number of its own, so that no prefix cache serves it

local function copy_of(map)
  local copy = {}
  for field, value in pairs(map) do copy[field] = value end
  return copy
end

local function salted(prompt, name)
  local copy = copy_of(prompt)
  local salt = SALT:format(tonumber(rng.hash(name):sub(1, 12), 16) % SALT_NUMBERS)
  if prompt.earlier then
    copy.earlier = table.move(prompt.earlier, 1, #prompt.earlier, 1, {})
    copy.earlier[1] = salt .. copy.earlier[1]
  else
    copy.text = salt .. prompt.text
  end
  copy.tokens = prompt.tokens and prompt.tokens + SALT_TOKENS
  return copy
end

local repeated = setmetatable({}, { __mode = "k" })

-- The set, then copies of it in fresh orders, until there are so many prompts. Cells that ask alike share them.
local function repeat_set(set, count, seed)
  local name = ("%d/%d"):format(count, seed)
  repeated[set] = repeated[set] or {}
  if repeated[set][name] then return repeated[set][name] end
  local items, copy = table.move(set.items, 1, #set.items, 1, {}), 0
  while #items < count do
    copy = copy + 1
    local order = table.move(set.items, 1, #set.items, 1, {})
    rng.new(seed, copy):shuffle(order)
    for i = 1, math.min(#order, count - #items) do
      local item = salted(order[i], ("copy %d/%s"):format(copy, order[i].text))
      item.id = order[i].id + copy * COPY_IDS
      items[#items + 1] = item
    end
  end
  local longer = copy_of(set)
  longer.items = items
  repeated[set][name] = longer
  return longer
end

-- Prompts of the author's own, in the shape of a drawn set.
local function own_set(set)
  local items = {}
  for i, prompt in ipairs(set.items) do
    if type(prompt) ~= "table" or type(prompt.text) ~= "string" then
      error(("workload: prompts.items[%d] must be { text = \"...\" }"):format(i), 0)
    end
    items[i] = copy_of(prompt)
    items[i].id = prompt.id or i
  end
  if #items == 0 then error("workload: prompts.items is empty", 0) end
  local whole = copy_of(set)
  whole.items = items
  return whole
end

-- What a workload's `prompts` stands for: a description is drawn here, with the cell's own seed, so that no repeat
-- can be given the prompts of another; a set is taken as it is.
local function prompts_of(spec, cell)
  if spec.items then return spec.dataset and spec or own_set(spec) end
  if spec.seed and spec.seed ~= cell.seed then
    error(("workload: prompts.seed = %s: leave it out, the library draws the prompts with the cell's seed "
      .. "(data.prompts { seed = ... } draws some that are the same in every repeat)"):format(tostring(spec.seed)), 0)
  end
  local described = copy_of(spec)
  described.seed = cell.seed
  if cell.prompts then described.count = math.min(spec.count or cell.prompts, cell.prompts) end
  local set, message = data.prompts(described)
  if not set then error("workload: " .. message, 0) end
  return set, true
end

-- What the models file and the command line put into requests, instead of what the round does.
local function put_body(self, body)
  if not next(body) then return end
  self.body = tables.merged(self.body, body)
  if body.temperature ~= nil then self.temperature, self.body.temperature = body.temperature, nil end
end

-- Called before anything is measured, so that its mistake costs no load.
local function check_groups(self, describe)
  for i, prompt in ipairs(self.group and self.prompts.items or {}) do
    local name = blame.call(function() return ("group(prompt %d of %s)"):format(i, describe) end, self.group, prompt)
    if type(name) ~= "string" and type(name) ~= "number" then
      error(("workload.group: must return a name, not a %s (prompt %d)"):format(type(name), i), 0)
    end
  end
end

-- What a request takes beside the usual fields must be JSON.
local function check_body(body)
  local ok, message = pcall(json.encode, body)
  if not ok then error("workload.body: " .. message, 0) end
end

---Checks what a round's workload(c) returned and fills in the defaults.
---@param spec table
---@param cell specbench.coordinates
---@param options { prompts_per_stream: integer?, salt: boolean?, describe: string?, seen: table?,
---  looked_at: specbench.view.reads?, body: table?, lengths: string? }? describe: the cell, for messages; seen: the
---  cell as `limits` sees it; looked_at: what it looks at there; body: fields that go before the round's own;
---  lengths: "free", "fixed" (every answer as long as its limit) or "replay" (see sweep/replay)
---@return specbench.workload
function workload.new(spec, cell, options)
  if type(spec) ~= "table" then error("workload(c) must return a table, not a " .. type(spec), 0) end
  local self = {}
  for name, value in pairs(spec) do self[name] = value end
  put_body(self, options and options.body or {})
  -- 0 on an axis: none, as in a grid that has both closed and open loops
  if self.concurrency == nil and cell.concurrency ~= 0 then self.concurrency = cell.concurrency end
  if self.rate == nil and cell.rate ~= 0 then self.rate = cell.rate end
  self = fields.workload:read(self)
  self.body = self.body or {}
  local is_drawn
  self.prompts, is_drawn = prompts_of(self.prompts, cell)
  if is_drawn then self.task = self.task or self.prompts.task end
  if not self.concurrency and not self.rate then
    error(cell.concurrency == 0 and "workload: concurrency = 0: must be at least 1 where no rate is given"
      or "workload: neither 'concurrency' nor 'rate' is given, and no axis of that name exists", 0)
  end
  options = options or {}
  self.salt = options.salt or nil
  local wanted = (options.prompts_per_stream or 0) * (self.concurrency or 0)
  if wanted > #self.prompts.items then self.prompts = repeat_set(self.prompts, wanted, cell.seed) end
  if not self.chat and workload.earlier_turns(self) > 0 then
    error("workload: a later turn of a conversation needs the chat endpoint, not chat = false", 0)
  end
  self.limit_list = limits.of(self.limits, self.prompts, cell, options)
  check_groups(self, options.describe or "a cell")
  check_body(self.body)
  self.lengths = options.lengths ~= "free" and options.lengths or nil
  if self.lengths == "fixed" then self.limit_list = limits.fixed(self.limit_list) end
  return self
end

local fingerprints = setmetatable({}, { __mode = "k" })

-- A hash of the very texts: what the cell's identity stands on.
local function prompts_hash(set)
  if not fingerprints[set] then
    local parts = {}
    for i, prompt in ipairs(set.items) do
      local turns = table.move(prompt.earlier or {}, 1, #(prompt.earlier or {}), 1, {})
      turns[#turns + 1] = prompt.text
      for k, turn in ipairs(turns) do turns[k] = rng.hash(turn) end
      parts[i] = prompt.id .. ":" .. table.concat(turns, "+")
    end
    fingerprints[set] = rng.hash(table.concat(parts, ","))
  end
  return fingerprints[set]
end

---What makes this workload what it is, for the cell's identity.
---@param self specbench.workload
---@return table
function workload.identity(self)
  return {
    prompts = prompts_hash(self.prompts), limits = limits.hash(self.limit_list), count = #self.prompts.items,
    temperature = self.temperature, chat = self.chat, concurrency = self.concurrency, rate = self.rate,
    arrivals = self.rate and self.arrivals or nil, burstiness = self.rate and self.burstiness or nil,
    body = next(self.body) and self.body or nil, task = self.task, salt = self.salt,
    -- fixed lengths stand in the limits; replayed ones are another cell's doing and have a hash of their own
    lengths = self.lengths == "replay" and "replay" or nil,
  }
end

---Turns of each conversation that go before the one that is measured.
---@param self specbench.workload
---@return integer
function workload.earlier_turns(self)
  local first = self.prompts.items[1]
  return first and first.earlier and #first.earlier or 0
end

---Prompts for each stream of a closed loop.
---@param self specbench.workload
---@return number? nil in an open loop
function workload.per_stream(self)
  return self.concurrency and #self.prompts.items / self.concurrency
end

---Requests that are in flight at once, as far as it can be told beforehand.
---@param self specbench.workload
---@return integer
function workload.streams(self)
  return math.min(self.concurrency or OPEN_LOOP_STREAMS, #self.prompts.items)
end

---@param self specbench.workload
---@return string path of the endpoint
function workload.path(self)
  return self.chat and "/v1/chat/completions" or "/v1/completions"
end

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
function workload.requests(self, engine, model, seed, answers, turn, lengths)
  turn = turn or workload.earlier_turns(self) + 1
  local function make()
    local list, note = {}, nil
    local cell = self.salt and json.encode(workload.identity(self))
    local told = workload.input_tokens(self) ~= nil
    for i, prompt in ipairs(self.prompts.items) do
      local missed
      -- alike in a cell and its baseline, so that both send the same texts
      if cell then prompt = salted(prompt, ("%s/%d/%d"):format(cell, seed, i)) end
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
function workload.warm_up(self, engine, model, count, tag)
  local list = {}
  for i = 1, count do
    local text = ("Warm-up %s, number %d: name a few colours and say where one sees them."):format(tag, i)
    list[i] = (request(self, engine, model, { text = text, id = i - 1, tokens = 24 }, { max_tokens = 16 }, 0))
  end
  return list
end

local WARM_TOKENS = 32 -- of an answer: enough for the batch to fill and to empty
local WORDS = { "oak", "river", "seven", "cloud", "paper", "north", "green", "stone", "window", "song", "lamp" }

---Requests that bring a server to as many streams as the workload has, with prompts as long as its own. Their words are
---made up: a server that learns from answers must not meet the measured ones before.
---@param self specbench.workload
---@param engine table
---@param model string
---@param tag string
---@return table[] requests twice as many as streams
function workload.warm_streams(self, engine, model, tag)
  local list, items = {}, self.prompts.items
  for i = 1, 2 * workload.streams(self) do
    local index = (i - 1) % #items + 1
    local random = rng.new(("warm/%s/%d"):format(tag, i))
    local words = { ("Warm-up %s, stream %d:"):format(tag, i) }
    local tokens = items[index].tokens or #items[index].text // 4
    for w = 2, math.max(8, tokens - 16) do words[w] = WORDS[random:int(1, #WORDS)] end
    local limit = math.min(WARM_TOKENS, self.limit_list[index].max_tokens)
    list[i] = (request(self, engine, model, { text = table.concat(words, " "), id = i - 1, tokens = tokens },
      { max_tokens = limit, min_tokens = math.min(limit, self.limit_list[index].min_tokens or 0) }, 0))
  end
  return list
end

local sums = setmetatable({}, { __mode = "k" }) -- by list of limits, then by set of prompts

-- Tokens of a set of prompts and of its answers at most: of all together, and of the longest of them.
local function sum(self)
  local of_list = sums[self.limit_list] or setmetatable({}, { __mode = "k" })
  sums[self.limit_list] = of_list
  local known = of_list[self.prompts]
  if known then return known end
  known = { input = 0, output = 0, longest = 1 }
  for i, prompt in ipairs(self.prompts.items) do
    local input, output = prompt.tokens or 0, self.limit_list[i].max_tokens
    known.input, known.output = known.input + input, known.output + output
    known.longest = math.max(known.longest, input + output)
  end
  of_list[self.prompts] = known
  return known
end

---@param self specbench.workload
---@return integer tokens of the longest prompt and its answer together
function workload.longest(self)
  return sum(self).longest
end

---Prompt and output tokens as far as they are known beforehand.
---@param self specbench.workload
---@return integer input, integer output_limit
function workload.tokens(self)
  local known = sum(self)
  return known.input + (self.salt and SALT_TOKENS * #self.prompts.items or 0), known.output
end

---@param self specbench.workload
---@return integer? tokens of all prompts; nil where the data do not tell those of each
function workload.input_tokens(self)
  for _, prompt in ipairs(self.prompts.items) do
    if not prompt.tokens then return nil end
  end
  return (workload.tokens(self))
end

return workload
