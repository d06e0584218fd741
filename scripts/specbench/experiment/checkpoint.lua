-- What a checkpoint says of itself, from its config.json and tokenizer files: in a folder, or in Hugging Face's cache
-- under an id such as Qwen/Qwen2.5-7B-Instruct. Nothing is fetched; what is not on this machine is not known.

local fs = require "sb.fs"
local json = require "specbench.base.json"

local checkpoint = {}

-- The folder in which Hugging Face's programs keep what they fetched.
local function hub(env)
  local function setting(name)
    local value = env[name]
    if value == nil then value = os.getenv(name) end
    return value or nil
  end
  local own = setting "HF_HUB_CACHE" or setting "HUGGINGFACE_HUB_CACHE"
  if own then return own end
  local home = setting "HF_HOME"
  if not home and os.getenv "HOME" then home = os.getenv "HOME" .. "/.cache/huggingface" end
  return home and home .. "/hub"
end

---@param path string a model's path or id
---@return boolean whether it can only be an id: OWNER/NAME that is no folder here
function checkpoint.is_id(path)
  return path:find "^[%w][%w._-]*/[%w][%w._-]*$" ~= nil and not fs.stat(path)
end

-- Where the files of a model are, or nil.
local function folder_of(path, env)
  local found = fs.stat(path)
  if found and found.type == "folder" then return path end
  if not checkpoint.is_id(path) then return nil end
  local cache = hub(env)
  local root = cache and ("%s/models--%s"):format(cache, (path:gsub("/", "--")))
  if not root then return nil end
  local main = fs.read(root .. "/refs/main")
  local snapshot = main and main:match "^%s*(%x+)%s*$" or (fs.list(root .. "/snapshots") or {})[1]
  return snapshot and ("%s/snapshots/%s"):format(root, snapshot)
end

local function read(folder, name)
  local text = fs.read(("%s/%s"):format(folder, name))
  local value = text and json.decode(text)
  return type(value) == "table" and value or nil
end

local function integer(value)
  return type(value) == "number" and math.tointeger(value) or nil
end

local function text(value)
  return type(value) == "string" and value or nil
end

-- A template may stand among others, by name, or in a file of its own.
local function template_of(folder)
  local own = fs.read(folder .. "/chat_template.jinja")
  if own then return own end
  local found = (read(folder, "tokenizer_config.json") or {}).chat_template
  if type(found) ~= "table" then return text(found) end
  for _, one in ipairs(found) do
    if type(one) == "table" and one.name == "default" then return text(one.template) end
  end
end

local counted = {} -- a tokenizer's file as it was -> its tokens; it is large, and the same for many servers

-- Tokens that a text can become. Added ones are left out: a padding token beyond the model's rows does no harm.
local function tokens_of(folder)
  local found = fs.stat(folder .. "/tokenizer.json")
  if not found then return nil end
  local name = ("%s %d %d"):format(folder, found.inode, found.changed_ns)
  if not counted[name] then
    local model, last = (read(folder, "tokenizer.json") or {}).model, -1
    local vocabulary = type(model) == "table" and type(model.vocab) == "table" and model.vocab or {}
    for _, id in pairs(vocabulary) do last = math.max(last, integer(id) or -1) end
    counted[name] = last >= 0 and last + 1 or #vocabulary -- by number, or pieces in order with their scores
  end
  return counted[name] > 0 and counted[name] or nil
end

---@class specbench.checkpoint
---@field vocabulary integer? rows that the model has for tokens
---@field tokens integer? that its tokenizer makes of texts
---@field heads integer? attention heads
---@field hidden integer? size
---@field target_hidden integer? of the target that a head was made for, where it says so
---@field positions integer? its context; nil where a scaling stretches it
---@field quantization string? the method it was quantised with
---@field model_type string?
---@field architecture string?
---@field template string? of chats

---@param path string? a model's path or id
---@param env table<string, string|false>? environment of the server that loads it
---@return specbench.checkpoint? nil where it is not on this machine, or no checkpoint of this kind
function checkpoint.read(path, env)
  local folder = path and folder_of(path, env or {})
  if not folder then return nil end
  local config = read(folder, "config.json")
  if not config then return nil end
  local words = type(config.text_config) == "table" and config.text_config or config
  local scaling = words.rope_scaling or words.rope_parameters
  local is_scaled = type(scaling) == "table" and (scaling.rope_type or scaling.type or "default") ~= "default"
  local quantized = config.quantization_config or words.quantization_config
  local architectures = type(config.architectures) == "table" and config.architectures or {}
  return {
    vocabulary = integer(words.vocab_size), tokens = tokens_of(folder),
    heads = integer(words.num_attention_heads),
    hidden = integer(words.hidden_size), target_hidden = integer(words.target_hidden_size),
    positions = not is_scaled and integer(words.max_position_embeddings) or nil,
    quantization = type(quantized) == "table" and text(quantized.quant_method) or nil,
    model_type = text(config.model_type), architecture = text(architectures[1]), template = template_of(folder),
  }
end

---Whether a chat template makes the model think before it answers unless it is told not to, as Qwen3's does.
---@param template string?
---@return boolean
function checkpoint.thinks(template)
  return template ~= nil and template:find "enable_thinking%s+is%s+defined%s+and%s+enable_thinking%s+is%s+false" ~= nil
end

return checkpoint
