-- HTTP from a task: JSON in and out, the API key from where it belongs.

local core = require "sb.http"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local shape = require "specbench.base.shape"

local http = {}

local headers, seconds = shape.list(shape.string()), shape.number { from = 0 }

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
  },
}

---What bench.http.get and bench.http.post take beside the URL.
http.asking = shape.record {
  "http", class = "specbench.http_asking", doc = "How to ask.",
  fields = {
    { "timeout", seconds, "for all of it", unit = "s", otherwise = "10; 60 of a POST" },
    { "headers", headers, '`"Name: value"`' },
  },
}

---Waits for the whole answer; any status is one.
---@param options specbench.http_options
---@return sb.HttpAnswer? answer
---@return string? message
---@return string? code "io", "timeout" or "invalid" (the URL)
function http.request(options)
  return core.request(http.options:check(options, 2))
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
  return ("'%s' is not http://HOST:PORT or https://HOST:PORT"):format(url)
end

---The header that authenticates: from the file $SPECBENCH_API_KEY_FILE names, else from $OPENAI_API_KEY. The
---key itself is never logged, stored or put on a command line.
---@param options { api_key_file: string?, api_key_env: string? }?
---@return string? header "Authorization: Bearer ..."; nil where there is no key
---@return string? message where a key file was named and cannot be read
function http.authorization(options)
  options = options or {}
  local file = options.api_key_file or os.getenv "SPECBENCH_API_KEY_FILE"
  local key
  if file then
    local text, message = fs.read(file)
    if not text then return nil, message end
    key = text:match "^%s*(.-)%s*$"
  else
    key = os.getenv(options.api_key_env or "OPENAI_API_KEY")
  end
  return key and key ~= "" and "Authorization: Bearer " .. key or nil
end

local function check(response, url)
  if response.status >= 200 and response.status < 300 then return response end
  local start = response.body:sub(1, 200):gsub("%s+", " ")
  return nil, ("%s answered HTTP status %d: %s"):format(url, response.status, start), "status"
end

local here = {} -- pages by path, by the address of a server that is no process

---What a server in this process answers to GET.
---@param url string its address, of a scheme of its own
---@param pages table<string, fun(): string>? nil: it is gone
function http.answer_here(url, pages)
  here[url] = pages
end

-- The answer of a server in this process; nil where the address is nobody's here.
local function get_here(url)
  local server, path = url:match "^(virtual://%d+)(.*)$"
  local page = server and here[server] and here[server][path]
  if page then return { status = 200, body = page(), content_type = "text/plain", seconds = 0 } end
  return server and { status = 404, body = "", content_type = "text/plain", seconds = 0 }
end

---GET; a status outside 200..299 is a failure.
---@param url string
---@param options specbench.http_asking? default timeout 10 s
---@return { status: integer, body: string, content_type: string, seconds: number }?
---@return string? message
---@return string? code
function http.get(url, options)
  options = http.asking:check(options or {}, 2)
  local own = get_here(url)
  if own then return check(own, url) end
  local response, message, code = core.request {
    url = url, headers = options.headers, timeout = options.timeout or 10,
  }
  if not response then return nil, ("%s: %s"):format(url, message), code end
  return check(response, url)
end

---What a server says of its first model.
---@param url string of the server, without a slash at its end
---@return table? model with a string `id`
---@return string? message
function http.first_model(url)
  local response, message = http.get(url .. "/v1/models")
  if not response then return nil, message end
  local answer = json.decode(response.body)
  local model = type(answer) == "table" and type(answer.data) == "table" and answer.data[1]
  if type(model) ~= "table" or type(model.id) ~= "string" then return nil, url .. "/v1/models names no model" end
  return model
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
  local response, message, code = core.request {
    url = url, headers = all, body = json.encode(value), timeout = options.timeout or 60,
  }
  if not response then return nil, ("%s: %s"):format(url, message), code end
  response, message, code = check(response, url)
  if not response then return nil, message, code end
  if response.body == "" then return {} end
  local answer, reason = json.decode(response.body)
  if answer == nil then return nil, ("%s did not answer with JSON: %s"):format(url, reason), "parse" end
  return answer
end

return http
