-- Downloads a published data file: a piece at a time, going on where an earlier download was cut, and put
-- in its place only once its checksum is right.
--
--   local outcome, message, kind = fetch.file(entry, { folder = cache.folder() })

local fs = require "sb.fs"
local http = require "specbench.http"
local cache = require "specbench.dataset.cache"

local fetch = {}

local SILENCE_S = 30

---@class specbench.dataset.fetch_options
---@field folder string the cache
---@field base string? URL that stands in for the manifest's: the file is at base .. "/" .. entry.file
---@field timeout number? seconds without a byte after which the server is given up; default 30
---@field progress fun(bytes: integer)? told how many bytes of the file are there

---@param entry specbench.dataset.file
---@param base string?
---@return string
function fetch.url(entry, base)
  return base and (base:gsub("/+$", "")) .. "/" .. entry.file or entry.url
end

local function failure(kind, format, ...)
  return { kind = kind, message = format:format(...) }
end

local function no_room(part, reason, missing)
  return failure("disk", "%s: %s. %s needed: make room, or set XDG_CACHE_HOME to a folder with "
    .. "room; the same command goes on from here", part, (tostring(reason):match "[^:]*$":gsub("^ ", "")),
    missing and ("%.1f MB more are"):format(missing / 1e6) or "More is")
end

local function bad_status(url, status, part)
  if status == 404 then
    return failure("refused", "%s: HTTP status 404: it is not there (any more). Name another place with --mirror, "
      .. "or `specbench dataset import` a folder that has it", url)
  elseif status >= 300 and status < 400 then
    return failure("refused", "%s: HTTP status %d: it has moved, and redirects are not followed. Name the new "
      .. "place with --mirror", url, status)
  elseif status == 416 then
    os.remove(part)
    return failure("refused", "%s: HTTP status 416: it is shorter there than what was here already, which is removed. "
      .. "The same command begins anew", url)
  end
  return failure("refused", "%s: HTTP status %d", url, status)
end

-- Opens the file to write to, once the server has said from which byte it sends.
local function begin(url, part, status, begun, size)
  if status ~= 200 and status ~= 206 then return nil, begun, bad_status(url, status, part) end
  local file, reason = io.open(part, status == 206 and "ab" or "wb")
  if not file then return nil, begun, no_room(part, reason, size and size - begun) end
  return file, status == 206 and begun or 0
end

-- Why nothing, or not all, has come.
local function incomplete(url, status, have, size, why, part)
  if status == 0 then return failure("unreachable", "%s: %s", url, why) end
  if status ~= 200 and status ~= 206 then return bad_status(url, status, part) end
  return failure("cut", "%s: the connection ended after %d%s bytes (%s): the same command goes on from there",
    url, have, size and " of " .. size or "", why or "without an error")
end

-- Receives what is missing; a failure where it did not all come. Of a file whose size is not known, all has come
-- where nothing says otherwise: its checksum tells.
local function receive(entry, part, begun, options)
  local url, size = fetch.url(entry, options.base), entry.bytes
  local stream <close>, message = http.stream {
    url = url, chunk_timeout = options.timeout or SILENCE_S,
    headers = begun > 0 and { ("Range: bytes=%d-"):format(begun) } or nil,
  }
  if not stream then return failure("refused", "%s", message) end
  local file, have, problem = nil, begun, nil
  local piece, why
  repeat
    piece, why = stream:read()
    if piece and not file then file, have, problem = begin(url, part, stream:status(), begun, size) end
    if piece and not problem then
      local written, reason = file:write(piece)
      if not written then problem = no_room(part, reason, size and size - have) end
      have = have + #piece
      if size and have > size then
        os.remove(part)
        problem = failure("wrong", "%s: longer than the %d bytes that were published: not the same file", url, size)
      end
      if options.progress then options.progress(have) end
    end
  until not piece or problem
  if file then
    local closed, reason = file:close()
    if not closed and not problem then problem = no_room(part, reason, size and size - have) end
  end
  if problem then return problem end
  if size and have < size or not size and (why or not file) then
    return incomplete(url, stream:status(), have, size, why, part)
  end
end

---@param entry specbench.dataset.file
---@param options specbench.dataset.fetch_options
---@return "fetched"|"there"|nil outcome
---@return string? message one line
---@return "unreachable"|"refused"|"cut"|"wrong"|"disk"|nil kind of the failure
function fetch.file(entry, options)
  local path = cache.path(options.folder, entry)
  if cache.check(path, entry) then return "there" end
  local made, message = fs.mkdir(path:match "^(.*)/")
  if not made then return nil, message, "disk" end
  local part, begun = path .. ".part", cache.begun(path)
  if entry.bytes and begun > entry.bytes then
    os.remove(part)
    begun = 0
  end
  if not entry.bytes or begun < entry.bytes then
    local problem = receive(entry, part, begun, options)
    if problem then return nil, problem.message, problem.kind end
  end
  local same, wrong = cache.check(part, entry)
  if not same then
    os.remove(part)
    return nil, ("%s: not the published file: %s. It is removed; the same command fetches it anew. A proxy may have "
      .. "answered in its place, or it was changed"):format(fetch.url(entry, options.base), wrong), "wrong"
  end
  local renamed, reason = os.rename(part, path)
  if not renamed then return nil, reason, "disk" end
  return "fetched"
end

return fetch
