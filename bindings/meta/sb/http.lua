---@meta sb.http

--- Single HTTP requests: readiness, tokenizers, metrics. Loads are sb.load's. HTTP/1.1 over kept connections;
--- certificates are verified; redirects are not followed; any status is an answer.
local http = {}

---@class sb.HttpStream
local HttpStream = {}

---@class sb.HttpOptions
---@field url string http:// or https://
---@field method? string default: POST where there is a body, else GET
---@field headers? string[] "Name: value"
---@field body? string
---@field timeout? number seconds for all of it; default none
---@field max_body? integer bytes of an answer beyond which it fails; default 64 MiB (a stream's are not bounded)
---@field chunk_timeout? number seconds of silence, connecting included; default none

---@class sb.HttpAnswer
---@field status integer
---@field body string
---@field content_type string "" where none came
---@field seconds number from the start of the request to its end

--- Whose certificates are trusted from now on: a file of them (PEM), as of a company's own authority, in place of the
--- system's. Else $SSL_CERT_FILE names it.
---@param path string
---@return true? ok, string? message, string? code
function http.trust(path) end

--- Waits for the whole answer.
---@param options sb.HttpOptions
---@return sb.HttpAnswer? answer, string? message, string? code "io", "timeout" or "invalid" (the URL)
function http.request(options) end

--- Starts a request whose body is read piece by piece. To be held in a `<close>` variable, or closed.
---@param options sb.HttpOptions
---@return sb.HttpStream? stream, string? message, string? code
function http.stream(options) end

--- Waits for the next bytes; one task at a time.
---@return string? bytes all that came since the last read; nil at the end
---@return integer|string|nil t when the last of them arrived (sb.clock.now's nanoseconds); after the end: why it
---broke, nil where it is complete
---@return string? code where it broke
function HttpStream:read() end

--- The HTTP status; 0 until the first bytes of the body or the end.
---@return integer
function HttpStream:status() end

--- Ends the request; a task that reads gets nil.
function HttpStream:close() end

return http
