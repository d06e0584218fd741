-- Tokens of texts that no file states: counted by a server's /tokenize, and kept in the cache folder, so that each text
-- is asked for once a tokenizer.

local cache = require "specbench.dataset.cache"
local engines = require "specbench.engine"
local fs = require "sb.fs"
local http = require "specbench.http"
local json = require "specbench.base.json"

local token_count = {}

---@class specbench.token_count
---@field counts table<string, integer> sha256 of a text -> its tokens
---@field changed boolean
local Counter = {}
Counter.__index = Counter

---@param url string of a server that is up
---@param engine string whose dialect it speaks
---@return specbench.token_count?
---@return string? message
function token_count.open(url, engine)
  local dialect = engines.load(engine).tokenize
  if not dialect then return nil, ("engine %s has no /tokenize"):format(engine) end
  url = url:gsub("/+$", "")
  local model, message = http.first_model(url) -- a name alone may stand for another model tomorrow
  if not model then return nil, message end
  local folder
  folder, message = cache.folder()
  if not folder then return nil, message end
  local name = fs.sha256(json.encode { model.id, model.root or "", model.meta or "" }):sub(1, 16)
  local path = ("%s/tokens/%s.json"):format(folder, name)
  local text = fs.read(path)
  local kept = text and json.decode(text)
  return setmetatable({
    url = url, model = model.id, dialect = dialect, path = path, counts = type(kept) == "table" and kept or {},
  }, Counter)
end

---@param text string
---@return integer? tokens
---@return string? message
function Counter:count(text)
  local key = fs.sha256(text)
  if math.type(self.counts[key]) == "integer" then return self.counts[key] end
  local url = self.url .. self.dialect.path
  local answer, message = http.post(url, self.dialect.body(text, self.model), { authorized = true })
  if not answer then return nil, message end
  local ok, tokens = pcall(self.dialect.count, answer)
  if not ok or math.type(tokens) ~= "integer" or tokens < 0 then
    return nil, url .. " does not say how many tokens there are"
  end
  self.counts[key], self.changed = tokens, true
  return tokens
end

---Keeps what was counted.
---@return true? kept
---@return string? message
function Counter:keep()
  if not self.changed then return true end
  local ok, message = fs.mkdir(self.path:match "^(.*)/")
  if not ok then return nil, message end
  return fs.write(self.path, json.encode(self.counts))
end

---Fills in the tokens of items that have none. A later turn's are those of its whole conversation, which is not
---written yet: they stay unknown.
---@param items specbench.prompt[]
---@param url string
---@param engine string
---@return true? done
---@return string? message
function token_count.fill(items, url, engine)
  local counter, message
  for _, item in ipairs(items) do
    if not item.tokens and not item.earlier then
      if not counter then counter, message = token_count.open(url, engine) end
      if not counter then return nil, message end
      item.tokens, message = counter:count(item.text)
      if not item.tokens then return nil, message end
    end
  end
  if not counter then return true end
  return counter:keep()
end

return token_count
