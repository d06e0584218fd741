--- The engines: what each one's command line, requests and counters look like. README.md beside
--- this file says how to add one.
---
---   local engine = require "specbench.engine"
---   local vllm = engine.load "vllm"
---   local mine = engine.load "./mine.lua"
---   local ok, why = engine.check({ model = "qwen2.5-7b", method = "ngram", k = 3 }, vllm)

local base = require "specbench.engine.base"
local blame = require "specbench.base.blame"
local description = require "specbench.engine.description"
local fs = require "sb.fs"
local tables = require "specbench.base.tables"
local unknown = require "specbench.base.unknown"

local engine = {
  names = { "sim", "vllm", "vllm_v0", "sglang", "trtllm", "llamacpp", "external" },
}

local files = {} -- engines of users' files, by real path: each is read once, as a module is

local function read_file(path)
  local text, message = fs.read(path)
  if not text then error(message, 0) end
  local chunk
  chunk, message = load(text, "@" .. path, "t")
  if not chunk then error(message, 0) end
  local ok, result = xpcall(function()
    local made = chunk(path)
    if type(made) ~= "table" then error("returns no engine: end it with `return base.engine { ... }`", 0) end
    if not made.unsupported then made = base.engine(made) end
    if tables.contains(engine.names, made.name) then
      error(("name = '%s' is an engine of specbench's own: choose another"):format(made.name), 0)
    end
    return made
  end, function(e) return blame.explain(blame.text(e)) end)
  if not ok then error(result:find "^[^\n]-%.lua:%d+: " and result or ("%s: %s"):format(path, result), 0) end
  result.file = { path = path, sha256 = fs.sha256(text) }
  return result
end

-- One of specbench's own by its name, or a user's by its file.
local function find(word, names, what)
  if not word:find "/" and not word:find "%.lua$" then
    if tables.contains(names, word) then return require("specbench.engine." .. word) end
    local known = table.move(names, 1, #names, 1, {})
    if what == "engine" then known[#known + 1] = "external:DIALECT" end
    known[#known + 1] = "./FILE.lua"
    error(unknown.message(what, word, known), 0)
  end
  local path = fs.realpath(word) or word
  files[path] = files[path] or read_file(word)
  return files[path]
end

---Raises one line for a name that is none. "external:vllm" is a server that runs elsewhere and speaks vLLM's dialect;
---a name with a slash, or one that ends in .lua, is the file of an engine of the user's own.
---@param name string
---@return specbench.engine
function engine.load(name)
  name = tostring(name)
  local dialect = name:match "^external:(.*)$"
  if not dialect then return find(name, engine.names, "engine") end
  local dialects = {}
  for _, known in ipairs(engine.names) do
    if known ~= "external" then dialects[#dialects + 1] = known end
  end
  return require("specbench.engine.external").with_dialect(find(dialect, dialects, "dialect"))
end

---Checks what a round's server(c) returned. A malformed description raises one line that names the
---key; a sound one that this engine cannot serve is an answer.
---@param server table the neutral description
---@param module specbench.engine
---@return true|nil ok
---@return string|nil reason why the engine cannot serve it
---@return string|nil code "unsupported"
function engine.check(server, module)
  description.check(server)
  local reason = module.unsupported(server)
  if reason then return nil, reason, "unsupported" end
  return true
end

return engine
