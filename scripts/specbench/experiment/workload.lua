-- What a cell sends: a round's workload, checked, and what it comes to.

local blame = require "specbench.base.blame"
local fields = require "specbench.experiment.workload_shape"
local json = require "specbench.base.json"
local limits = require "specbench.experiment.limits"
local prompts = require "specbench.experiment.workload_prompts"
local secrets = require "specbench.base.secrets"
local tables = require "specbench.base.tables"

local workload = {}

local OPEN_LOOP_STREAMS = 32 -- a guess, for estimates
local MOST_PROMPTS = 1000000 -- of a cell, which are held in memory

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
---@field headers string[]? that every request carries, as results may tell of them
---@field salt boolean? every prompt begins with a number of its own, so that no prefix cache serves it

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
---  looked_at: specbench.view.reads?, body: table?, headers: string[]?, lengths: string? }? describe: the cell, for
---  messages; seen: the cell as `limits` sees it; looked_at: what it looks at there; body: fields that go before the
---  round's own; lengths: "free", "fixed" (every answer as long as its limit) or "replay" (see sweep/replay)
---@return specbench.workload
function workload.new(spec, cell, options)
  local self = {}
  for name, value in pairs(spec) do self[name] = value end
  put_body(self, options and options.body or {})
  -- 0 on an axis: none, as in a grid that has both closed and open loops
  if self.concurrency == nil and cell.concurrency ~= 0 then self.concurrency = cell.concurrency end
  if self.rate == nil and cell.rate ~= 0 then self.rate = cell.rate end
  self = fields.workload:read(self)
  self.body = self.body or {}
  local is_drawn
  self.prompts, is_drawn = prompts.of(self.prompts, cell)
  if is_drawn then self.task = self.task or self.prompts.task end
  if not self.concurrency and not self.rate then
    error(cell.concurrency == 0 and "workload: concurrency = 0: must be at least 1 where no rate is given"
      or "workload: neither 'concurrency' nor 'rate' is given, and no axis of that name exists", 0)
  end
  options = options or {}
  self.salt, self.headers = options.salt or nil, options.headers
  local wanted = (options.prompts_per_stream or 0) * (self.concurrency or 0)
  if wanted > MOST_PROMPTS then
    error(("workload: %d prompts a stream are %d in a cell, more than %d"):format(options.prompts_per_stream, wanted,
      MOST_PROMPTS), 0)
  end
  if wanted > #self.prompts.items then self.prompts = prompts.repeated(self.prompts, wanted, cell.seed) end
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

---What makes this workload what it is, for the cell's identity.
---@param self specbench.workload
---@return table
function workload.identity(self)
  return {
    prompts = prompts.hash(self.prompts), limits = limits.hash(self.limit_list), count = #self.prompts.items,
    temperature = self.temperature, chat = self.chat, concurrency = self.concurrency, rate = self.rate,
    arrivals = self.rate and self.arrivals or nil, burstiness = self.rate and self.burstiness or nil,
    body = next(self.body) and secrets.body(self.body) or nil, headers = self.headers,
    task = self.task, salt = self.salt,
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
  return known.input + (self.salt and prompts.SALT_TOKENS * #self.prompts.items or 0), known.output
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
