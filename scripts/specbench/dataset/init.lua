-- Prompts for a load: the reference's data files where there is a folder of them, synthetic text of
-- the very same lengths where there is none, or files of the user's own.
--
--   local data = require "specbench.dataset"
--   local set = assert(data.prompts {
--     dataset = "cnn_dailymail_news", subset = "1k", count = 96, seed = 12345,
--   })
--   for _, item in ipairs(set.items) do print(item.id, item.tokens, #item.text) end

local fs = require "sb.fs"
local rng = require "sb.rng"
local cnn = require "specbench.dataset.cnn"
local generated = require "specbench.dataset.generated"
local json = require "specbench.base.json"
local own = require "specbench.dataset.own"
local profile = require "specbench.dataset.profile"
local shape = require "specbench.base.shape"
local text = require "specbench.dataset.text"
local token_count = require "specbench.dataset.token_count"
local tables = require "specbench.base.tables"
local unknown = require "specbench.base.unknown"

local data = { length_label = profile.length }

-- A loader has load(request) -> { rows, source, ... } | nil, message, and the subsets it knows. A
-- row has id, fields, instruction (the default one's name), content and tokens; a synthetic row has
-- no content yet. A loader's task is what the simulator's profiles call such prompts: a name, or a
-- function of the subset.
local LOADERS = {
  sharegpt = require "specbench.dataset.sharegpt",
  spec_bench = require "specbench.dataset.spec_bench",
  speed_bench = require "specbench.dataset.speed_bench",
  cnn_dailymail_news = cnn.news,
  cnn_dailymail_highlights = cnn.highlights,
  cnn_merged = cnn.merged,
  thucnews = require "specbench.dataset.thucnews",
  sonnet = generated.sonnet,
  random = generated.random,
  jsonl = own.jsonl,
  folder = own.folder,
}

-- The independent random choices made with one seed.
local SAMPLE, STYLE = 1, 2
-- Short texts may come out alike; so many new ones are tried before giving up.
local TRIES = 1000

local word, positive = shape.string { empty = false }, shape.integer { from = 1 }

---What data.prompts takes.
data.options = shape.record {
  "data.prompts", class = "specbench.prompts_options", doc = "Which prompts: what `data.prompts` takes.",
  fields = {
    { "dataset", word, "one of [the datasets](../datasets/README.md)", needed = true },
    { "subset", word, "one of the dataset's, such as `0.25k`", otherwise = "`all` where the dataset has it" },
    { "count", shape.integer { from = 1, to = 1000000 }, "prompts wanted", otherwise = "all" },
    { "seed", shape.integer(), "of the sample, the styles and the synthetic text", default = 12345 },
    { "instruction", shape.either(word, shape.record {
      "instruction", class = "specbench.instruction", doc = "An instruction of one's own.",
      fields = {
        { "text", shape.string(), "put before the content", needed = true },
        { "tokens", shape.integer { from = 0 }, "of the text", otherwise = "unknown" },
      },
    }, shape.custom {
      must = "false", page = "`false`", cats = "false", kinds = { boolean = true },
      test = function(value) return value == false end,
    }), "what stands before the content: a name of `instructions.json` (`polish` takes each prompt's style), "
      .. "`{ text, tokens }`, or none", otherwise = "the dataset's own" },
    { "turn", positive, "spec_bench: which turn of its conversations is the prompt. What has none is left out",
      otherwise = "1" },
    { "tokens", shape.integer { from = 1, to = 10000000 }, "sonnet and random: length of each prompt" },
    { "tokens_to", shape.integer { from = 1, to = 10000000 }, "random: lengths are drawn from `tokens` to this one, "
      .. "each as likely", otherwise = "`tokens`" },
    { "path", word, "jsonl, sharegpt, speed_bench: a file of yours; folder: a folder of .txt files. A relative path "
      .. "starts at the current folder, not at the round's file" },
    { "field", word, "jsonl: where the prompt is", otherwise = '`"prompt"`' },
    { "tokens_field", word, "jsonl: where the prompt's token count is" },
    { "folder", word, "where the real data files are", otherwise = "`--datasets`; without it synthetic text" },
    { "tokenizer", word, "URL of a server that counts what is not known otherwise", otherwise = "`--tokenizer`" },
    { "tokenizer_engine", word, "the engine that it is", otherwise = "`--engine`" },
  },
}

---@class specbench.prompt
---@field id integer number of the row in its file, from 1
---@field text string the whole prompt
---@field tokens integer? Qwen2.5 tokens of text, without the chat template; nil: unknown
---@field content_tokens integer? the same without the instruction
---@field instruction string? name of what is before the content; "custom" if given as a table
---@field context integer? CNN news, merged, THUCNews: tokens that the length's label stands for
---@field expected_context integer? highlights: tokens of the report to write
---@field answer_tokens integer? ShareGPT: tokens of the reference's answer, the output limit
---@field style string? THUCNews: serious, app or social
---@field title string? THUCNews files
---@field task string? Spec-Bench: which of its six tasks, named as the subsets
---@field category string? Spec-Bench files
---@field turns string[]? Spec-Bench files: all questions of the conversation
---@field earlier string[]? Spec-Bench files, with turn from 2 on: the questions before text, which is then a later turn
---@field row table? jsonl: the whole object

---@class specbench.prompt_set
---@field items specbench.prompt[]
---@field source table kind "file" (file, sha256, rows) or "synthetic" (profile, note)
---@field dataset string
---@field subset string?
---@field seed integer
---@field task string? the name under which the simulator's profiles know such prompts
---@field unknown_tokens integer items whose tokens are unknown
---@field warning string? one line, for instance that there are fewer rows than asked for

---@return string[] names of the datasets, sorted
function data.names()
  return tables.keys(LOADERS)
end

---@param dataset string
---@return string[] subsets empty where it has none
function data.subsets(dataset)
  local loader = LOADERS[dataset]
  return loader and loader.subsets or {}
end

---@return table? request the options with their defaults, checked
---@return string? message
local function read_options(options)
  local request = data.options:read(options)
  local name = request.dataset
  local loader = LOADERS[name]
  if not loader then return nil, unknown.message("dataset", name, data.names()) end
  if loader.subsets then
    request.subset = request.subset or tables.contains(loader.subsets, "all") and "all" or nil
    if not request.subset then
      return nil, ("%s needs a subset: one of %s"):format(name, table.concat(loader.subsets, ", "))
    elseif not (loader.any_subset or tables.contains(loader.subsets, request.subset)) then
      return nil, unknown.message("subset of " .. name, request.subset, loader.subsets)
    end
  elseif request.subset then
    return nil, ("%s has no subsets, so not '%s'"):format(name, request.subset)
  end
  if request.turn and name ~= "spec_bench" then return nil, name .. ": only spec_bench has turns" end
  if request.tokens_to and name ~= "random" then return nil, name .. ": only random has lengths that are drawn" end
  local found = request.folder and fs.stat(request.folder)
  if request.folder and not (found and found.type == "folder") then
    return nil, ("%s: no such folder (--datasets)"):format(request.folder)
  end
  return request
end

--- The rows to use: all of them in file order, or `count` drawn without replacement.
local function sample(list, count, seed)
  local rows = list.rows
  if not count or count >= #rows then return rows end
  local places = {}
  for i = 1, #rows do places[i] = i end
  if list.order and seed == list.order_seed then
    places = list.order
  else
    rng.new(seed, SAMPLE):shuffle(places)
  end
  places = table.move(places, 1, count, 1, {})
  if list.in_order then table.sort(places) end
  local chosen = {}
  for i, place in ipairs(places) do chosen[i] = rows[place] end
  return chosen
end

--- Finds instructions; each is read once.
---@return fun(wanted: string|table|false|nil, style: string?): table?, string? instruction with its
--- name, or nil and a message; nil alone where none is wanted
local function finder()
  local known = {}
  return function(wanted, style)
    if not wanted then return nil end
    if type(wanted) == "table" then return wanted, "custom" end
    local name = wanted == "polish" and style and "polish_" .. style or wanted
    if not known[name] then
      local message
      known[name], message = profile.instruction(name)
      if not known[name] then return nil, message end
    end
    return known[name], name
  end
end

--- Writes the content of synthetic rows, never the same one twice.
local function writer(request, script)
  local seen = {}
  local write = text[script or "english"]
  return function(row)
    local name = ("%s/%s/%d/%d"):format(request.dataset, request.subset or "", request.seed, row.id)
    for try = 0, TRIES do
      local content = write(rng.new(name, try), row.tokens)
      if not seen[content] then
        seen[content] = true
        return content
      end
    end
    return nil, ("%s: there are too few different texts of %d tokens for so many prompts")
      :format(request.dataset, row.tokens)
  end
end

local function item_of(row, content, instruction, name, style)
  local item = {}
  for key, value in pairs(row.fields) do item[key] = value end
  item.id = row.id
  item.style = style
  item.instruction = name
  item.content_tokens = row.tokens
  item.text = content
  item.tokens = row.tokens
  if instruction then
    item.text = instruction.text .. content
    item.tokens = row.tokens and instruction.tokens and row.tokens + instruction.tokens
  end
  return item
end

local function assemble(request, list)
  local rows = sample(list, request.count, request.seed)
  local styles = rng.new(request.seed, STYLE)
  local find_instruction, write = finder(), writer(request, list.script)
  local items, unknown_tokens = {}, 0
  for i, row in ipairs(rows) do
    local style = list.styles and list.styles[styles:int(1, #list.styles)]
    local wanted = request.instruction
    if wanted == nil then wanted = row.instruction end
    local instruction, name = find_instruction(wanted, style)
    if wanted and not instruction then return nil, name end
    style = style and type(name) == "string" and name:match("^polish_(%a+)$") or style
    local content, message = row.content, nil
    if not content then content, message = write(row) end
    if not content then return nil, message end
    items[i] = item_of(row, content, instruction, name, style)
  end
  if request.tokenizer then
    local counted, message = token_count.fill(items, request.tokenizer, request.tokenizer_engine)
    if not counted then return nil, "--tokenizer: " .. message end
  end
  for _, item in ipairs(items) do
    if not item.tokens then unknown_tokens = unknown_tokens + 1 end
  end
  return items, unknown_tokens
end

local function make(options)
  local request, message = read_options(options)
  if not request then return nil, message end
  local list
  list, message = LOADERS[request.dataset].load(request)
  if not list then return nil, message end
  local items, unknown_tokens = assemble(request, list)
  if not items then return nil, unknown_tokens end
  local warning, task = list.warning, LOADERS[request.dataset].task
  if type(task) == "function" then task = task(request.subset) end
  if request.count and request.count > #list.rows then
    warning = ("%s%s: %d prompts asked for, but there are %d: all are taken"):format(
      request.dataset, request.subset and " " .. request.subset or "", request.count, #list.rows)
      .. (warning and "; " .. warning or "")
  end
  return {
    items = items, source = list.source,
    dataset = request.dataset, subset = request.subset, seed = request.seed,
    task = task, unknown_tokens = unknown_tokens, warning = warning,
  }
end

-- What the command line said about the data, for rounds that do not.
local defaults = {}

---Defaults of every later data.prompts: the command line's --datasets, --tokenizer and --engine.
---@param options { folder: string?, tokenizer: string?, tokenizer_engine: string? }
function data.use(options)
  defaults = options
end

---Whether prompts of a dataset that is the user's own to bring can be had: its file is where --datasets says.
---@param dataset string
---@return boolean
function data.is_there(dataset)
  local loader = LOADERS[dataset]
  return loader ~= nil and (not loader.is_there or loader.is_there(defaults.folder))
end

-- The cells of a grid ask for the same prompts many times over.
local made = {}

---@param options specbench.prompts_options
---@return specbench.prompt_set? set shared by all who ask for the same: read only
---@return string? message one line: what is wrong, where, what to do
function data.prompts(options)
  local flaw = data.options:flaws(options)[1]
  if flaw then return nil, flaw end
  local filled = {}
  for _, layer in ipairs { defaults, data.options:read(options) } do
    for key, value in pairs(layer) do filled[key] = value end
  end
  local name = json.encode(filled)
  if not made[name] then
    local set, message = make(filled)
    if not set then return nil, message end
    made[name] = set
  end
  return made[name]
end

return data
