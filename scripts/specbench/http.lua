-- HTTP from a task: JSON in and out, the API key from where it belongs.

local core = require "sb.http"
local foreign = require "specbench.base.foreign"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local secrets = require "specbench.base.secrets"
local shape = require "specbench.base.shape"

local http = {}

local headers, seconds = shape.list(shape.string()), shape.number { from = 0, to = 365 * 86400 }
local authorized = { "authorized", shape.boolean(), "with the API key, as a load's requests: of a server that is "
  .. "measured", default = false }

---What bench.http.request and bench.http.stream take.
http.options = shape.record {
  "http", class = "specbench.http_options", doc = "One HTTP request.",
  fields = {
    { "url", shape.string { such_as = "http://127.0.0.1:8000/health" }, "whom to ask", needed = true },
    { "method", shape.string { such_as = "GET" }, "of the request",
      otherwise = "POST where there is a body, else GET" },
    { "headers", headers, '`"Name: value"`' },
    { "body", shape.string(), "what is sent" },
    { "timeout", seconds, "for all of it", unit = "s", otherwise = "no limit" },
    { "chunk_timeout", seconds, "of silence", unit = "s", otherwise = "no limit" },
    authorized,
  },
}

---What bench.http.get and bench.http.post take beside the URL.
http.asking = shape.record {
  "http", class = "specbench.http_asking", doc = "How to ask.",
  fields = {
    { "timeout", seconds, "for all of it", unit = "s", otherwise = "10; 60 of a POST" },
    { "headers", headers, '`"Name: value"`' },
    authorized,
  },
}

local LONGEST_KEY, LONGEST_NAME = 16 << 10, 4096 -- bytes; of a model

---The key in a file: one word. What else stands there is not repeated in a message.
---@param file string
---@return string? key
---@return string? message
function http.read_key(file)
  local text, message = fs.read(file)
  if not text then return nil, message end
  if #text > LONGEST_KEY then return nil, ("%s holds no key: it has %d bytes"):format(file, #text) end
  local key = text:match "^%s*(.-)%s*$"
  if key:find "[%s%c]" then return nil, file .. " must hold the key and nothing else: it has several words or lines" end
  return key
end

---Why the file with the key should not be as it is.
---@return string? warning
function http.key_warning()
  local file = os.getenv "SPECBENCH_API_KEY_FILE"
  local found = file and fs.stat(file)
  if not found or found.type ~= "file" or found.mode & 63 == 0 then return nil end
  return ("the key file %s can be read by others (mode %04o): chmod 600 it"):format(file, found.mode & 511)
end

---The header that authenticates: from the file $SPECBENCH_API_KEY_FILE names, else from $OPENAI_API_KEY. The
---key itself is never logged, stored or put on a command line.
---@param options { api_key_file: string?, api_key_env: string? }?
---@return string? header "Authorization: Bearer ..."; nil where there is no key
---@return string? message where a key was named and cannot be used
function http.authorization(options)
  options = options or {}
  local file = options.api_key_file or os.getenv "SPECBENCH_API_KEY_FILE"
  local key
  if file then
    local message
    key, message = http.read_key(file)
    if not key then return nil, message end
  else
    key = os.getenv(options.api_key_env or "OPENAI_API_KEY") or ""
    if #key > LONGEST_KEY then return nil, ("the API key in the environment has %d bytes"):format(#key) end
    if key:find "[%s%c]" then return nil, "the API key in the environment has several words or lines" end
  end
  secrets.learn(key)
  return key ~= "" and "Authorization: Bearer " .. key or nil
end

local carried = {} -- of this process: it measures one server's clients

---Headers that go with every request to the server that is measured, beside the key.
---@param list string[] "Name: value"
function http.carry(list)
  carried = list
end

---What requests to the server that is measured carry.
---@param options { api_key_file: string?, api_key_env: string? }?
---@return string[]? headers
---@return string? message where a key was named and cannot be used
function http.own_headers(options)
  local key, message = http.authorization(options)
  if message then return nil, message end
  local list = table.move(carried, 1, #carried, 1, {})
  list[#list + 1] = key
  return list
end

-- A request as sb.http takes it; what comes back holds no secret of ours.
local function ask(options)
  local asked = {}
  for name, value in pairs(options) do asked[name] = value end
  asked.authorized = nil
  if options.authorized then
    local all = table.move(options.headers or {}, 1, #(options.headers or {}), 1, {})
    local own = http.own_headers() or {}
    asked.headers = table.move(own, 1, #own, #all + 1, all)
  end
  local response, message, code = core.request(asked)
  if not response then return nil, foreign.clean(message), code end
  response.body = secrets.scrub(response.body)
  return response
end

---Waits for the whole answer; any status is one.
---@param options specbench.http_options
---@return sb.HttpAnswer? answer
---@return string? message
---@return string? code "io", "timeout" or "invalid" (the URL)
function http.request(options)
  return ask(http.options:check(options, 2))
end

---Whose certificates are trusted from now on, in place of the system's; else $SSL_CERT_FILE names the file.
---@param path string a file of certificates (PEM)
---@return boolean? ok
---@return string? message
function http.trust(path)
  return core.trust(path)
end

---Starts a request whose body is read piece by piece. To be held in a `<close>` variable.
---@param options specbench.http_options
---@return sb.HttpStream? stream
---@return string? message
---@return string? code
function http.stream(options)
  return core.stream(http.options:check(options, 2))
end

---@param url string
---@return string? flaw what is wrong with it as a server's address; nil where nothing is
function http.flaw(url)
  local place = (url:match "^https?://([^/?#%s]+)%S*$" or ""):gsub("^[^@]*@", "")
  local port = place:match "^%[[%x:.]+%](.*)$" or place:match "^[^:%[]+(.*)$"
  local number = port and tonumber(port:match "^:(%d+)$")
  if port == "" or number and number >= 1 and number <= 65535 then return nil end
  return ("'%s' is not http://HOST:PORT or https://HOST:PORT"):format(secrets.url(url))
end

---A server's address of the base URL that OpenAI's clients take, which may end in /v1.
---@param url string
---@return string url without a slash at its end
function http.root(url)
  return (url:gsub("/+$", ""):gsub("/v1$", ""))
end

---Behind the answer of a server that wants a key: which one it was given, or where ours comes from.
---@param status integer?
---@return string text empty where it is not about a key
function http.about_key(status)
  if status ~= 401 and status ~= 403 then return "" end
  if http.authorization() then
    return (": it refuses the API key of %s"):format(os.getenv "SPECBENCH_API_KEY_FILE" and "$SPECBENCH_API_KEY_FILE"
      or "$OPENAI_API_KEY")
  end
  return ": it wants an API key: set $OPENAI_API_KEY, or let $SPECBENCH_API_KEY_FILE name a file that holds it"
end

local function check(response, url, options)
  if response.status >= 200 and response.status < 300 then return response end
  local start = foreign.printable(response.body:sub(1, 200)):gsub("%s+", " ")
  return nil, ("%s answered HTTP status %d%s%s"):format(secrets.url(url), response.status,
    start ~= "" and ": " .. start or "", options.authorized and http.about_key(response.status) or ""), "status",
    response.status
end

local here = {} -- pages by path, by the address of a server that is no process

---What a server in this process answers to GET.
---@param url string its address, of a scheme of its own
---@param pages table<string, fun(): string?>? nil: it is gone; a page that is nil is not to be had
function http.answer_here(url, pages)
  here[url] = pages
end

-- The answer of a server in this process; nil where the address is nobody's here.
local function get_here(url)
  local server, path = url:match "^(virtual://%d+)(.*)$"
  local page = server and here[server] and here[server][path]
  local body = page and page()
  if body then return { status = 200, body = body, content_type = "text/plain", seconds = 0 } end
  return server and { status = 404, body = "", content_type = "text/plain", seconds = 0 }
end

---GET; a status outside 200..299 is a failure.
---@param url string
---@param options specbench.http_asking? default timeout 10 s
---@return { status: integer, body: string, content_type: string, seconds: number }?
---@return string? message
---@return string? code
---@return integer? status where the code is "status"
function http.get(url, options)
  options = http.asking:check(options or {}, 2)
  local own = get_here(url)
  if own then return check(own, url, options) end
  local response, message, code = ask {
    url = url, headers = options.headers, timeout = options.timeout or 10, authorized = options.authorized,
  }
  if not response then return nil, ("%s: %s"):format(secrets.url(url), message), code end
  return check(response, url, options)
end

---What a server says of its models.
---@param url string of the server, without a slash at its end
---@return table[]? models each with a string `id`
---@return string? message
---@return string? code "status": it answers, but not with its models
---@return integer? status where the code is "status"
function http.models(url)
  local response, message, code, status = http.get(url .. "/v1/models", { authorized = true })
  if not response then return nil, message, code, status end
  local answer = json.decode(response.body)
  if type(answer) ~= "table" or type(answer.data) ~= "table" then
    return nil, secrets.url(url) .. "/v1/models holds no list of models", "status", response.status
  end
  local found = {}
  for _, model in ipairs(answer.data) do
    local id = type(model) == "table" and model.id
    if type(id) == "string" and #id <= LONGEST_NAME then found[#found + 1] = model end
  end
  return found
end

---@param url string of the server, without a slash at its end
---@return table? model as http.models has it
---@return string? message
---@return string? code "status": it answers, but names none
function http.first_model(url)
  local found, message, code = http.models(url)
  if not found then return nil, message, code end
  if not found[1] then return nil, url .. "/v1/models names no model", "status" end
  return found[1]
end

---POSTs a table as JSON and decodes the answer.
---@param url string
---@param value table
---@param options specbench.http_asking? default timeout 60 s
---@return any? answer
---@return string? message
---@return string? code
function http.post(url, value, options)
  options = http.asking:check(options or {}, 2)
  local all = { "Content-Type: application/json" }
  for _, header in ipairs(options.headers or {}) do all[#all + 1] = header end
  local response, message, code = ask {
    url = url, headers = all, body = json.encode(value), timeout = options.timeout or 60,
    authorized = options.authorized,
  }
  if not response then return nil, ("%s: %s"):format(secrets.url(url), message), code end
  response, message, code = check(response, url, options)
  if not response then return nil, message, code end
  if response.body == "" then return {} end
  local answer, reason = json.decode(response.body)
  if answer == nil then return nil, ("%s did not answer with JSON: %s"):format(url, reason), "parse" end
  return answer
end

return http
