-- Headers of a command line: "X-Tenant: blue". A value that authenticates stands in a file, "X-Api-Key: @FILE": a
-- command line is read by whoever lists processes.

local foreign = require "specbench.base.foreign"
local http = require "specbench.http"
local secrets = require "specbench.base.secrets"
local tables = require "specbench.base.tables"

local headers = {}

local HIDDEN = "(redacted)"
-- What each request says of itself.
local OWN = tables.set_of { "content-type", "content-length", "transfer-encoding", "host", "x-request-id", "accept" }

---@param list string[]
---@return { sent: string[], told: string[] }? headers as requests carry them, and as results may tell of them, sorted
---@return string? flaw
function headers.read(list)
  local found = { sent = {}, told = {} }
  for i, text in ipairs(list) do
    local name, value = text:match "^([%w!#$&'*+.^_`|~-]+):%s*(%S.*)$"
    if not name or text:find "%c" then
      return nil, ("'%s' is not NAME: VALUE"):format(secrets.hides(text) and HIDDEN or foreign.line(text))
    end
    if OWN[name:lower()] then return nil, ("%s is each request's own to say"):format(name) end
    local file = value:match "^@(.+)$"
    if name:lower() == "authorization" then
      return nil, "Authorization: the key comes from $OPENAI_API_KEY, or from a file that $SPECBENCH_API_KEY_FILE names"
    elseif secrets.hides(name) and not file then
      secrets.learn(value)
      return nil, ("%s: a command line is no place for a secret: let a file hold it, '%s: @FILE'"):format(name, name)
    end
    if file then
      local message
      value, message = http.read_key(file)
      if not value then return nil, message end
      if value == "" then return nil, file .. " is empty" end
      secrets.learn(value)
    end
    found.sent[i] = ("%s: %s"):format(name, value)
    found.told[i] = file and ("%s: %s"):format(name, HIDDEN) or found.sent[i]
  end
  table.sort(found.sent)
  table.sort(found.told)
  return found
end

return headers
