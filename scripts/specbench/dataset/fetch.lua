-- Downloads a published data file: a piece at a time, going on where an earlier download was cut, and put
-- in its place only once its checksum is right.

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

local function status_message(status)
  if status == 404 then
    return "HTTP status 404: the file is not there (any more): see --mirror, or `specbench dataset import`"
  elseif status >= 300 and status < 400 then
    return ("HTTP status %d: the file has moved, and redirects are not followed: give the new place with --mirror")
      :format(status)
  end
  return ("HTTP status %d"):format(status)
end

--- The file to write to, once the server has said from which byte it sends.
local function open_part(part, status, begun)
  if status == 206 then return io.open(part, "ab"), begun end
  if status == 200 then return io.open(part, "wb"), 0 end
end

-- Receives what is missing of the file.
-- nil, message, kind: "unreachable", "refused" (an HTTP status), "cut", "disk" or "wrong"
local function receive(entry, part, begun, options)
  local url = fetch.url(entry, options.base)
  local stream <close>, message = http.stream {
    url = url, chunk_timeout = options.timeout or SILENCE_S,
    headers = begun > 0 and { ("Range: bytes=%d-"):format(begun) } or nil,
  }
  if not stream then return nil, message, "refused" end
  local out <close>, have = nil, begun
  local function on_disk(ok, reason)
    if ok then return true end
    return nil, ("%s: %s: %.1f MB more are needed. Make room, or set XDG_CACHE_HOME to a folder with room; "
      .. "the same command goes on from here"):format(part, reason, (entry.bytes - have) / 1e6), "disk"
  end
  return nil
end

return fetch
