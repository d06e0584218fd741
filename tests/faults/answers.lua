-- What a server may do to one request, and what the request's record must then say. Data only: faults_spec.lua plays
-- it, and the page is made from it.
--
-- A row: { name, what happens, steps of server.py or a script, expected, options of the load }. Expected are fields of
-- the request's record; `says` is in its error, `text` its answer's text.

local rows = {}

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function send(bytes, times) return { send = hex(bytes), times = times } end

local function add(name, what, steps, expected, options)
  rows[#rows + 1] = { name = name, what = what, script = steps, expected = expected, options = options }
end

local CRLF = "\r\n"

-- An answer of three tokens, which a usage counts as they come.
local TEXTS = { "A", "\xC3\xA9", "\xE6\xBC\xA2" }

local function chunk(text, tokens, finish)
  return ('{"choices": [{"index": 0, "delta": {"content": "%s"}, "finish_reason": %s}], "usage": {"prompt_tokens": 5, '
    .. '"completion_tokens": %d}}'):format(text, finish and '"' .. finish .. '"' or "null", tokens)
end

local EVENTS = { chunk(TEXTS[1], 1), chunk(TEXTS[2], 2), chunk(TEXTS[3], 3, "length"),
  '{"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}}' }

local function data(...)
  local parts = {}
  for _, event in ipairs { ... } do parts[#parts + 1] = "data: " .. event .. "\n\n" end
  return table.concat(parts)
end

local STREAM = data(EVENTS[1], EVENTS[2], EVENTS[3], EVENTS[4], "[DONE]")

local function head(status, ...)
  return table.concat({ "HTTP/1.1 " .. status, ... }, CRLF) .. CRLF .. CRLF
end

local SSE = "Content-Type: text/event-stream"

local function sized(body, ...)
  return head("200 OK", SSE, "Content-Length: " .. #body, ...) .. body
end

local function until_close(body)
  return { send(head("200 OK", SSE, "Connection: close") .. body), "close" }
end

local function chunked(pieces)
  local out = { head("200 OK", SSE, "Transfer-Encoding: chunked") }
  for _, piece in ipairs(pieces) do out[#out + 1] = ("%x\r\n%s\r\n"):format(#piece, piece) end
  return table.concat(out) .. "0\r\n\r\n"
end

local GOOD = { outcome = "ok", tokens = 3, text = table.concat(TEXTS) }
local WELL = sized(STREAM)
rows.good = { send(WELL) }

local function good(changes)
  return setmetatable(changes, { __index = GOOD })
end

-- Deadlines that are met by what never ends; everything else has time.
local IMPATIENT = { chunk_timeout = 0.3, first_token_timeout = 0.3 }

---- connections
add("refused", "nobody listens at the port", nil, { outcome = "connect", says = "connect" },
  { url = "http://127.0.0.1:1" })
add("no-such-name", "the name is not found", nil, { outcome = "connect", says = "resolve" },
  { url = "http://server.invalid:8000" })
add("reset-on-accept", "each connection is reset at once", { accept = { "reset" } }, { outcome = "connect" })
add("closed-on-accept", "each connection is closed at once", { accept = { "close" } }, { outcome = "connect" })
add("never-answers", "the request is read and nothing ever said", { "hang" },
  { outcome = "silence", says = "no first token for 0.3 s" }, IMPATIENT)
add("never-reads", "the connection is taken and nothing is read", { accept = { { pause = 3 }, "close" } },
  { outcome = "silence", says = "no first token" }, IMPATIENT)
add("closed-after-request", "the request is read and the connection closed", { "close" }, { outcome = "connect" })
add("reset-after-request", "the request is read and the connection reset", { "reset" }, { outcome = "connect" })
add("kept-connection-closed", "a kept connection is closed as the next request is read; the second try is answered",
  { tries = { { "close" }, { send(WELL) } } }, good { resent = true }, { warm = true })
add("kept-connection-reset", "the same by a reset", { tries = { { "reset" }, { send(WELL) } } },
  good { resent = true }, { warm = true })
add("kept-connection-closed-twice", "and the second try is closed as well", { "close" },
  { outcome = "connect", resent = true }, { warm = true })
add("speaks-first", "the server speaks before it is asked, as SSH does",
  { accept = { send "SSH-2.0-OpenSSH_9.2\r\n", { pause = 0.2 }, "close" } }, { outcome = "connect" })
add("tls-to-plain", "an https:// address where plain HTTP is spoken", { accept = { send(head("400 Bad Request")),
  { pause = 0.1 }, "close" } }, { outcome = "connect", says = "SSL" }, { scheme = "https" })
add("plain-to-tls", "plain HTTP where TLS is spoken: an alert comes back",
  { send "\x15\x03\x01\x00\x02\x02\x16", "close" }, { outcome = "connect" })
add("ipv6", "the server listens on ::1 alone", { send(WELL) }, GOOD, { ipv6 = true })
add("localhost", "the server is asked for by a name with addresses of both families", { send(WELL) }, GOOD,
  { host = "localhost" })

---- heads
add("http-1.0", "HTTP/1.0, no length, closed at its end", { send("HTTP/1.0 200 OK\r\n" .. SSE .. "\r\n\r\n"
  .. STREAM),
  "close" }, GOOD)
add("http-2", "an HTTP/2 server's preface", { send "\0\0\18\4\0\0\0\0\0\0\3\0\0\0\128\0\4\0\1\0\0\0\5\0\255\255\255",
  "close" }, { outcome = "connect" })
add("http-2-line", "a status line of HTTP/2", { send("HTTP/2 200\r\n" .. SSE .. "\r\n\r\n" .. STREAM), "close" },
  { outcome = "connect" })
add("no-reason", "a status line without a reason", { send(head("200", SSE, "Content-Length: " .. #STREAM)
  .. STREAM) },
  GOOD)
add("lines-end-in-lf", "header lines end in LF alone", { send((head("200 OK", SSE, "Content-Length: " .. #STREAM)
  :gsub("\r", "")) .. STREAM) }, GOOD)
add("garbage", "bytes that are no HTTP", { send(("\200\201garbage\0"):rep(50) .. "\r\n\r\n"), "close" },
  { outcome = "connect" })
add("half-a-status-line", "closed in the middle of the status line", { send "HTTP/1.1 20", "close" },
  { outcome = "connect" })
add("half-a-head", "closed in the middle of the head", { send "HTTP/1.1 200 OK\r\nContent-Ty", "close" },
  { outcome = "truncated" })
add("header-without-colon", "a header line without a colon", { send(head("200 OK", SSE, "nonsense",
  "Content-Length: " .. #STREAM) .. STREAM), "close" }, { outcome = "truncated",
    says = "a header of the answer is not 'Name: value'" })
add("folded-header", "a header that goes on in a line that begins with a space", { send(head("200 OK", SSE,
  "X-Long: a", " b", "Content-Length: " .. #STREAM) .. STREAM) }, { outcome = "truncated",
  says = "a header of the answer is not 'Name: value'" })
add("zero-in-a-header", "a NUL in a header", { send(head("200 OK", SSE, "X-Evil: a\0b", "Content-Length: " .. #STREAM)
  .. STREAM), "close" }, { outcome = "truncated", says = "a header of the answer is not 'Name: value'" })
add("large-header", "a header of a megabyte", { send(head("200 OK", SSE, "X-Long: " .. ("x"):rep(1 << 20),
  "Content-Length: " .. #STREAM) .. STREAM), "close" }, { outcome = "truncated", says = "too long" })
add("endless-head", "headers without end", { send "HTTP/1.1 200 OK\r\n", send(("X-More: yes\r\n"):rep(500), 0) },
  { outcome = "truncated", says = "headers are too large" })
add("trickling-head", "a head that comes byte by byte and never ends", { { trickle = hex("HTTP/1.1 200 OK\r\nX: "
  .. ("x"):rep(100)), every = 0.02 } }, { outcome = "silence", says = "no first token" }, IMPATIENT)
add("two-lengths", "two lengths that differ", { send(head("200 OK", SSE, "Content-Length: 5", "Content-Length: 6")
  .. "data: "), "close" }, { outcome = "truncated", says = "two Content-Lengths differ" })
add("negative-length", "a negative length", { send(head("200 OK", SSE, "Content-Length: -1") .. STREAM), "close" },
  { outcome = "truncated", says = "Content-Length is not a number" })
add("length-no-number", "a length that is no number", { send(head("200 OK", SSE, "Content-Length: many") .. STREAM),
  "close" }, { outcome = "truncated", says = "Content-Length is not a number" })
add("length-beyond-64-bits", "a length of 2^64", { send(head("200 OK", SSE, "Content-Length: 18446744073709551616")
  .. STREAM), "close" }, { outcome = "truncated", says = "Content-Length is not a number" })
add("length-and-chunks", "a length beside chunked coding", { send((chunked { STREAM }:gsub("\r\n",
  "\r\nContent-Length: 3\r\n", 1))), "close" }, GOOD)
add("continue", "100 Continue goes before the answer", { send("HTTP/1.1 100 Continue\r\n\r\n" .. WELL) }, GOOD)
add("early-hints", "103 Early Hints go before the answer",
  { send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" .. WELL) }, GOOD)
add("continue-for-ever", "100 Continue, again and again", { send(("HTTP/1.1 100 Continue\r\n\r\n"):rep(200), 0) },
  { outcome = "connect", says = "headers are too large" })
add("switches-protocols", "101 Switching Protocols", { send(head("101 Switching Protocols", "Upgrade: websocket")),
  "close" }, { outcome = "connect" })
add("status-999", "a status of 999", { send(head("999 What", "Content-Length: 0")) }, { outcome = "http",
  http_status = 999 })
add("status-42", "a status of two digits", { send(head("42 What", "Content-Length: 0")), "close" },
  { outcome = "connect" })

for _, status in ipairs { 204, 301, 302, 304, 307, 400, 401, 403, 404, 408, 413, 422, 500, 502, 503, 504, 529 } do
  local body = status == 204 and "" or status == 304 and "" or '{"error": {"message": "no: %d"}}'
  local location = status < 400 and status > 300 and "Location: http://127.0.0.1:1/elsewhere" or "X-Note: none"
  add("status-" .. status, ("status %d%s"):format(status, status < 400 and status > 300 and status ~= 304
    and ", which leads elsewhere and is not followed" or ""),
    { send(head(status .. " Status", "Content-Type: application/json", location,
      "Content-Length: " .. #body:format(status)) .. body:format(status)) },
    { outcome = "http", http_status = status, says = "HTTP status " .. status })
end
add("status-429", "429 with Retry-After: recorded as it is, not sent again", { send(head("429 Too Many Requests",
  "Retry-After: 1", "Content-Length: 5") .. "later") }, { outcome = "http", http_status = 429, says = "later" })
add("error-in-html", "502 with a page in HTML", { send(head("502 Bad Gateway", "Content-Type: text/html",
  "Content-Length: 37") .. "<html>\n<h1>502 Bad Gateway</h1></html>") },
  { outcome = "http", http_status = 502, says = "<html>" })
add("error-without-body", "500 without a body", { send(head("500 Oops", "Content-Length: 0")) },
  { outcome = "http", http_status = 500 })
add("error-of-megabytes", "500 with a body of 8 MB", { send(head("500 Oops", "Content-Length: " .. (8 << 20))),
  send(("x"):rep(1 << 20), 8) }, { outcome = "http", http_status = 500 }, { large = true })
add("error-for-a-terminal", "an error's message with escape sequences: kept, and shown without them",
  { send(head("500 Oops", "Content-Length: 36") .. '{"error": {"message": "\\u001b[2Jx\\r"}}') },
  { outcome = "http", http_status = 500 })
add("error-cut", "500 whose body is cut", { send(head("500 Oops", "Content-Length: 100") .. '{"error": {"mess'),
  "close" }, { outcome = "http", http_status = 500 })

---- what an answer is
add("no-content-type", "an event stream without a content type", { send(head("200 OK", "Content-Length: " .. #STREAM)
  .. STREAM) }, GOOD)
add("login-page", "200 with a page in HTML", { send(head("200 OK", "Content-Type: text/html", "Content-Length: 31")
  .. "<html><form>Please log in</html") }, { outcome = "body", says = "text/html" })
add("whole-answer", "one JSON object where a stream was asked for", { send(head("200 OK",
  "Content-Type: application/json", "Content-Length: 46") .. '{"choices": [{"message": {"content": "Yes"}}]}') },
  { outcome = "body", says = "not an event stream" })
add("empty-answer", "200 and nothing", { send(head("200 OK", SSE, "Content-Length: 0")) }, { outcome = "body",
  says = "empty body" })
add("gzip-unasked", "an answer in gzip, which was not asked for", { send(head("200 OK", SSE, "Content-Encoding: gzip",
  "Content-Length: 20") .. "\31\139\8\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0") }, { outcome = "body" })
add("unknown-transfer-coding", "a transfer coding that nobody asked for", { send(head("200 OK", SSE,
  "Transfer-Encoding: gzip, chunked") .. "3\r\nabc\r\n0\r\n\r\n"), "close" }, { outcome = "truncated",
    says = "chunked" })

---- how its bytes come
add("all-at-once", "the whole answer in one write", { send(WELL) }, GOOD)
add("byte-by-byte", "the answer in writes of one byte", { { trickle = hex(WELL), every = 0 } }, GOOD)
add("chunk-by-chunk", "chunked, an event a chunk", { send(chunked { data(EVENTS[1]), data(EVENTS[2]), data(EVENTS[3]),
  data(EVENTS[4], "[DONE]") }) }, GOOD)
do
  local pieces = {}
  for i = 1, #STREAM do pieces[i] = STREAM:sub(i, i) end
  add("chunks-of-a-byte", "chunked, a byte a chunk", { send(chunked(pieces)) }, GOOD)
end
add("chunk-extensions", "chunks with extensions and trailers", { send(head("200 OK",
  SSE, "Transfer-Encoding: chunked")
  .. ("%x;name=\"a;b\"\r\n%s\r\n0\r\nX-Trailer: yes\r\n\r\n"):format(#STREAM, STREAM)) }, GOOD)
add("chunk-size-no-number", "a chunk whose size is no number", { send(head("200 OK",
  SSE, "Transfer-Encoding: chunked")
  .. "zz\r\n" .. STREAM), "close" }, { outcome = "truncated" })
add("chunk-size-overflows", "a chunk of 2^68 bytes", { send(head("200 OK", SSE, "Transfer-Encoding: chunked")
  .. "FFFFFFFFFFFFFFFF0\r\n" .. STREAM), "close" }, { outcome = "truncated" })
add("chunk-negative", "a chunk of -5 bytes", { send(head("200 OK", SSE, "Transfer-Encoding: chunked")
  .. "-5\r\n" .. STREAM), "close" }, { outcome = "truncated" })
add("chunk-too-long", "a chunk longer than its size says", { send(head("200 OK", SSE, "Transfer-Encoding: chunked")
  .. "5\r\n" .. STREAM .. "\r\n0\r\n\r\n"), "close" }, { outcome = "truncated" })
add("no-last-chunk", "closed behind [DONE], without the last chunk", { send((chunked { STREAM }:gsub(
  "0\r\n\r\n$", ""))), "close" }, GOOD)
add("too-short", "closed before as many bytes came as were announced", { send(head("200 OK", SSE,
  "Content-Length: " .. #STREAM + 100) .. data(EVENTS[1])), "close" }, { outcome = "truncated" })
add("too-long", "more bytes than were announced", { send(WELL .. "more of it"), "close" }, GOOD)
add("second-answer", "two answers to one request", { send(WELL .. WELL) }, GOOD)
do
  local whole = sized(STREAM)
  local body = #whole - #STREAM
  for tenth = 1, 12 do
    local at = #whole * tenth // 13
    add("cut-" .. tenth, ("closed after byte %d of %d of a good answer"):format(at, #whole),
      { send(whole:sub(1, at)), "close" }, { outcome = "truncated" })
  end
  for third = 1, 3 do
    local at = body + #STREAM * third // 4
    add("reset-" .. third, ("reset after byte %d of %d of a good answer"):format(at, #whole),
      { send(whole:sub(1, at)), { pause = 0.05 }, "reset" }, { outcome = "truncated" })
  end
end
add("stalls", "silence after the first token", { send(head("200 OK", SSE, "Content-Length: " .. #STREAM)
  .. data(EVENTS[1])), "hang" }, { outcome = "silence", says = "no chunk for 0.3 s", tokens = 1 }, IMPATIENT)
add("pings-for-ever", "comments alone, for ever", { send(head("200 OK", SSE, "Connection: close")),
  { trickle = hex((": ping\n\n"):rep(20)), every = 0.01 } }, { outcome = "silence", says = "no first token" },
    IMPATIENT)
add("empty-tokens-for-ever", "events without text or tokens, for ever", { send(head("200 OK",
  SSE, "Connection: close")),
  send(data('{"choices": [{"index": 0, "delta": {"content": ""}}]}'), 50), "hang" },
  { outcome = "silence", says = "no first token" }, IMPATIENT)
add("slow-loris", "a body that comes byte by byte and brings no token", { send(head("200 OK",
  SSE, "Connection: close")),
  { trickle = hex('data: {"choices": [{"index": 0, "delta": {"content": "' .. ("x"):rep(60)), every = 0.02 } },
  { outcome = "silence", says = "no first token" }, IMPATIENT)
add("tokens-for-ever", "tokens beyond max_tokens, for ever", { send(head("200 OK", SSE, "Connection: close")),
  send(data(chunk("x", 1)), 0) }, { outcome = "timeout", says = "request timeout" }, { timeout = 0.5 })
add("body-behind-done", "a body that goes on for ever behind [DONE]", { send(head("200 OK", SSE, "Connection: close")
  .. STREAM), send(": more\n\n", 0) }, GOOD, { chunk_timeout = 1 })
add("hangs-behind-done", "a connection that stays open behind [DONE]", { send(head("200 OK", SSE, "Connection: close")
  .. STREAM), "hang" }, GOOD, { chunk_timeout = 0.5 })

---- events
add("crlf-events", "events' lines end in CRLF", until_close((STREAM:gsub("\n", "\r\n"))), GOOD)
add("cr-events", "events' lines end in CR", until_close((STREAM:gsub("\n", "\r"))), GOOD)
add("no-space", "no space behind data:", until_close((STREAM:gsub("data: ", "data:"))), GOOD)
add("bom", "a byte order mark before the first event", until_close("\xEF\xBB\xBF" .. STREAM), GOOD)
add("other-fields", "event, id and retry fields, and unknown ones", until_close((STREAM:gsub("data: ",
  "event: message\nid: 7\nretry: 10\nnonsense\nx: y\ndata: "))), GOOD)
add("pings-between", "comments between the events", until_close((STREAM:gsub("\n\n", "\n\n: ping\n\n"))), GOOD)
add("several-data-lines", "an event's JSON in several data lines", until_close(data(EVENTS[1], EVENTS[2])
  .. "data: " .. EVENTS[3]:gsub(", ", ",\ndata: ") .. "\n\n" .. data(EVENTS[4], "[DONE]")), GOOD)
add("last-event-open", "no empty line behind the last event", until_close((STREAM:gsub("\n\n$", ""))), GOOD)
add("event-of-10-mb", "an event of 10 MB", { send(head("200 OK", SSE, "Connection: close") .. data(EVENTS[1])
  .. 'data: {"padding": "'), send(("x"):rep(1 << 20), 10),
  send('"}\n\n' .. data(EVENTS[2], EVENTS[3], EVENTS[4], "[DONE]")), "close" }, GOOD, { large = true })
add("event-of-70-mb", "an event of 70 MB: not kept, and told", { send(head("200 OK", SSE, "Connection: close")
  .. data(EVENTS[1]) .. 'data: {"padding": "'), send(("x"):rep(1 << 20), 70),
  send('"}\n\n' .. data(EVENTS[2], EVENTS[3], EVENTS[4], "[DONE]")), "close" },
  { outcome = "body", says = "more than 16 MiB" }, { large = true })
add("error-behind-70-mb", "an error event behind an event of 70 MB is read", { send(head("200 OK", SSE,
  "Connection: close") .. 'data: {"padding": "'), send(("x"):rep(1 << 20), 70),
  send('"}\n\n' .. data '{"error": {"message": "out of memory"}}'), "close" },
  { outcome = "event", says = "out of memory" }, { large = true })
add("text-of-20-mb", "an answer whose text has 20 MB: its hash is kept", { send(head("200 OK",
  SSE, "Connection: close")
  .. data(EVENTS[1])), send(data(chunk(("x"):rep(1 << 19), 2)), 40), send(data(EVENTS[3], EVENTS[4], "[DONE]")),
  "close" }, { outcome = "ok", tokens = 3, text = false }, { large = true })
add("zero-in-an-event", "a NUL in the text", until_close(data((EVENTS[1]:gsub("A", "\\u0000A")), EVENTS[2], EVENTS[3],
  EVENTS[4], "[DONE]")), good { text = "\0" .. table.concat(TEXTS) })
add("bare-zero", "a NUL byte between the events", until_close((STREAM:gsub("\n\n", "\n\n\0\n\n", 1))), GOOD)
add("invalid-utf-8", "bytes that are no UTF-8 in the text", until_close(data((EVENTS[1]:gsub('"A"', '"\xFF\xC3"')),
  EVENTS[2], EVENTS[3], EVENTS[4], "[DONE]")), good { text = "\xFF\xC3" .. TEXTS[2] .. TEXTS[3] })
add("lone-surrogate", "half a surrogate pair in the text", until_close(data((EVENTS[1]:gsub('"A"', '"\\ud800"')),
  EVENTS[2], EVENTS[3], EVENTS[4], "[DONE]")), { outcome = "ok", tokens = 3 })
add("not-json", "an event that is no JSON", until_close(data(EVENTS[1], "oops")), { outcome = "body",
  says = "an event is not JSON: oops" })
add("json-cut", "an event whose JSON is cut", until_close(data('{"choices": [{"index": 0, "del')), { outcome = "body",
  says = "not JSON" })
add("json-list", "an event that is a list", until_close(data "[1, 2]"), { outcome = "body" })
add("json-number", "an event that is a number", until_close(data "7"), { outcome = "body" })
add("json-null", "an event that is null", until_close(data "null"), { outcome = "body" })
add("json-deep", "an event of 100,000 nested lists", until_close(data('{"a": ' .. ("["):rep(100000)
  .. ("]"):rep(100000) .. "}")), { outcome = "body" })
add("json-huge-number", "a number beyond all bounds", until_close(data('{"created": 1e999, "choices": []}', EVENTS[1],
  EVENTS[2], EVENTS[3], EVENTS[4], "[DONE]")), GOOD)
add("json-nan", "NaN, which is no JSON", until_close(data '{"created": NaN, "choices": []}'), { outcome = "body" })
add("same-key-twice", "a key that is there twice", until_close(data((EVENTS[1]:gsub('"index": 0',
  '"index": 0, "index": 0')), EVENTS[2], EVENTS[3], EVENTS[4], "[DONE]")), GOOD)
add("trailing-bytes", "something behind an event's JSON", until_close(data(EVENTS[1] .. " {}")), { outcome = "body",
  says = "not JSON" })

---- what events say
add("no-done", "no [DONE], but a finish reason", until_close(data(EVENTS[1], EVENTS[2], EVENTS[3], EVENTS[4])), GOOD)
add("no-done-no-reason", "neither [DONE] nor a finish reason", until_close(data(EVENTS[1], EVENTS[2])),
  { outcome = "truncated", says = "without a finish reason and without [DONE]", tokens = 2 })
add("done-first", "[DONE] before anything else", until_close(data("[DONE]", EVENTS[1], EVENTS[3])), { outcome = "ok",
  tokens = false, text = "" })
add("done-early", "[DONE] after the second token", until_close(data(EVENTS[1], EVENTS[2], "[DONE]", EVENTS[3])),
  { outcome = "ok", tokens = 2 })
add("done-twice", "[DONE] twice", until_close(STREAM .. data "[DONE]"), GOOD)
add("error-first", "an error event in the first token's place",
  until_close(data '{"error": {"message": "no memory"}}'),
  { outcome = "event", says = "no memory" })
add("error-amid", "an error event after the first token", until_close(data(EVENTS[1],
  '{"error": {"message": "no memory"}}', "[DONE]")), { outcome = "event", says = "no memory", tokens = 1 })
add("error-text", "an error event whose error is a text", until_close(data '{"error": "no memory"}'),
  { outcome = "event", says = "no memory" })
add("error-null", "error: null, as some servers send beside every token", until_close((STREAM:gsub('{"choices"',
  '{"error": null, "choices"'))), GOOD)
add("error-without-error", "an error object of another form: what is sure is that the answer broke off",
  until_close(data '{"object": "error", "message": "no memory", "code": 500}'), { outcome = "truncated" })
add("abort", "finish reason abort", until_close(data(EVENTS[1], chunk("B", 2, "abort"), "[DONE]")),
  { outcome = "ok", finish_reason = "other" })
add("several-choices", "two choices a token, though one was asked for", until_close(data(EVENTS[1],
  (EVENTS[2]:gsub('"index": 0', '"index": 1')), EVENTS[3], EVENTS[4], "[DONE]")), { outcome = "body" })
add("no-choices", "events without choices",
  until_close(data('{"id": "x"}', EVENTS[1], EVENTS[2], EVENTS[3], EVENTS[4],
  "[DONE]")), GOOD)
add("null-delta", "a delta of null, a text of null", until_close(data('{"choices": [{"index": 0, "delta": null}]}',
  '{"choices": [{"index": 0, "delta": {"content": null}}]}', EVENTS[1], EVENTS[2], EVENTS[3], EVENTS[4], "[DONE]")),
  GOOD)
add("role-first", "a role alone goes first", until_close(data(
  '{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}', EVENTS[1], EVENTS[2], EVENTS[3],
  EVENTS[4], "[DONE]")), GOOD)

local function without_usage(event) return (event:gsub(', "usage": %b{}', "")) end
local function usage(text)
  return until_close(data(without_usage(EVENTS[1]), without_usage(EVENTS[2]), without_usage(EVENTS[3]),
    '{"choices": [], "usage": ' .. text .. "}", "[DONE]"))
end
add("usage-at-the-end", "usage at the end alone", usage '{"prompt_tokens": 5, "completion_tokens": 3}',
  good { token_source = "usage_total" })
add("no-usage", "no usage at all: unknown, not zero", until_close(data(without_usage(EVENTS[1]),
  without_usage(EVENTS[2]), without_usage(EVENTS[3]), "[DONE]")), { outcome = "ok", tokens = false,
  text = GOOD.text })
add("usage-null", "usage: null", usage "null", { outcome = "ok", tokens = false })
add("usage-800", "usage of 800 tokens where 3 were allowed: marked", usage
  '{"prompt_tokens": 5, "completion_tokens": 800}', { outcome = "ok", tokens = 800, tokens_disagree = true },
  { max_tokens = 3 })
add("usage-negative", "a negative usage", usage '{"prompt_tokens": 5, "completion_tokens": -3}', { outcome = "ok",
  tokens = false })
add("usage-fraction", "a usage of 2.5 tokens", usage '{"prompt_tokens": 5, "completion_tokens": 2.5}',
  { outcome = "ok", tokens = false })
add("usage-text", "a usage that is a text", usage '{"prompt_tokens": "5", "completion_tokens": "3"}',
  { outcome = "ok", tokens = false })
add("usage-int64", "a usage of 2^63 - 1", usage '{"prompt_tokens": 5, "completion_tokens": 9223372036854775807}',
  { outcome = "ok", tokens = false }, { max_tokens = 3 })
add("usage-beyond-int64", "a usage of 2^70",
  usage '{"prompt_tokens": 5, "completion_tokens": 1180591620717411303424}',
  { outcome = "ok", tokens = false })
add("usage-backwards", "a running usage that goes backwards", until_close(data(chunk("A", 2), chunk("B", 1),
  chunk("C", 3, "length"), "[DONE]")), { outcome = "ok" }, { max_tokens = 3 })
add("usage-contradicts", "a last usage that contradicts the running one: marked",
  until_close(data(EVENTS[1], EVENTS[2],
  EVENTS[3], '{"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}', "[DONE]")),
  { outcome = "ok", tokens_disagree = true })
add("usage-twice", "the last usage twice", until_close(data(EVENTS[1], EVENTS[2], EVENTS[3], EVENTS[4], EVENTS[4],
  "[DONE]")), GOOD)
add("prompt-tokens-absurd", "prompt tokens of -1", usage '{"prompt_tokens": -1, "completion_tokens": 3}',
  { outcome = "ok", tokens = 3, prompt_tokens = false })

return rows
