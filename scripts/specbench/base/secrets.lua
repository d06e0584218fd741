-- Keeps what authenticates out of everything that is written or shown: a cell's command line and identity, and
-- the command lines that `specbench plan` prints. A value is known by the name that it is given to.

local secrets = {}

local HIDDEN = "(redacted)"

-- The last words of names whose value is a secret: --api-key, HF_TOKEN; but not --max-tokens, --api-key-file.
local telling = {
  key = true, apikey = true, token = true, secret = true, password = true, credentials = true, authorization = true,
}

local function hides(name)
  return telling[name:lower():match "(%a+)%A*$"] ~= nil
end

---A command line with the values of telling options hidden: "--api-key X Y" (every word up to the next option),
---"--api-key=X".
---@param argv string[]
---@return string[] copy
function secrets.argv(argv)
  local copy, hiding = {}, false
  for i, word in ipairs(argv) do
    local text = tostring(word)
    local name, value = text:match "^(%-%-?[%w_.-]+)(=?)"
    if name then
      hiding = hides(name) and value == ""
      copy[i] = value == "=" and hides(name) and name .. "=" .. HIDDEN or word
    else
      copy[i] = hiding and HIDDEN or word
    end
  end
  return setmetatable(copy, getmetatable(argv))
end

---Environment variables with the values of telling names hidden.
---@param env table<string, string|number|false>
---@return table copy
function secrets.env(env)
  local copy = {}
  for name, value in pairs(env) do copy[name] = value and hides(tostring(name)) and HIDDEN or value end
  return copy
end

---@param url string
---@return string url without a user's name and password
function secrets.url(url)
  return (url:gsub("^(%a[%w+.-]*://)[^/]*@", "%1" .. HIDDEN .. "@"))
end

---A server's description, as a cell's identity holds it.
---@param server table resolved description
---@return table copy
function secrets.server(server)
  local copy = {}
  for name, value in pairs(server) do copy[name] = value end
  if copy.extra_args then copy.extra_args = secrets.argv(copy.extra_args) end
  if copy.env then copy.env = secrets.env(copy.env) end
  for _, part in ipairs { "model", "draft" } do
    local model = server[part]
    if type(model) == "table" then
      copy[part] = {}
      for name, value in pairs(model) do copy[part][name] = value end
      if model.engine_args then copy[part].engine_args = secrets.argv(model.engine_args) end
      if model.env then copy[part].env = secrets.env(model.env) end
      if model.url then copy[part].url = secrets.url(model.url) end
    end
  end
  return copy
end

return secrets
