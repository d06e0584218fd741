-- HTTP from a task: JSON in and out, the API key from where it belongs.

local core = require "sb.http"
local fs = require "sb.fs"
local json = require "specbench.base.json"

local http = { request = core.request, stream = core.stream }

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

---GET; a status outside 200..299 is a failure.
---@param url string
---@param options { timeout: number?, headers: string[]? }? seconds; default 10
---@return { status: integer, body: string, content_type: string, seconds: number }?
---@return string? message
---@return string? code
function http.get(url, options)
  options = options or {}
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
---@param options { timeout: number?, headers: string[]? }?
---@return any? answer
---@return string? message
---@return string? code
function http.post(url, value, options)
  options = options or {}
  local headers = { "Content-Type: application/json" }
  for _, header in ipairs(options.headers or {}) do headers[#headers + 1] = header end
  local response, message, code = core.request {
    url = url, headers = headers, body = json.encode(value), timeout = options.timeout or 60,
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
