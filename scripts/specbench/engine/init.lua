--- The engines: what each one's command line, requests and counters look like. README.md beside
--- this file says how to add one.
---
---   local engine = require "specbench.engine"
---   local vllm = engine.load "vllm"
---   local ok, why = engine.check({ model = "qwen2.5-7b", method = "ngram", k = 3 }, vllm)

local description = require "specbench.engine.description"
local tables = require "specbench.base.tables"

local engine = {
  names = { "sim", "vllm", "vllm_v0", "sglang", "trtllm", "llamacpp", "external" },
}

---Raises one line for a name that is none. "external:vllm" is a server that runs elsewhere and
---speaks vLLM's dialect.
---@param name string
---@return specbench.engine
function engine.load(name)
  local first, dialect = tostring(name):match "^([^:]*):?(.*)$"
  if not tables.contains(engine.names, first) or dialect ~= "" and first ~= "external" then
    error(("unknown engine '%s' (known: %s, external:DIALECT)"):format(tostring(name),
      table.concat(engine.names, ", ")), 0)
  end
  local module = require("specbench.engine." .. first)
  if dialect == "" then return module end
  if not tables.contains(engine.names, dialect) or dialect == "external" then
    error(("unknown dialect in '%s' (known: sim, vllm, vllm_v0, sglang, trtllm, llamacpp)"):format(name), 0)
  end
  return module.with_dialect(require("specbench.engine." .. dialect))
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
