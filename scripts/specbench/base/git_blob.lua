-- The id that git gives a file's content: SHA-1 over a header and the content. It is how a file is known whose place in
-- a repository is published and whose own checksum is not. Slow, about 2 MB a second.
--
--   git_blob.id "notes.txt"    --> "ce013625030ba8dba906f756967f9e9ca394464a"

local fs = require "sb.fs"

local git_blob = {}

local WORD = 0xffffffff
local BLOCK, PIECE = 64, 64 * 1024
local WORDS = ">" .. ("I4"):rep(16)

local function rotated(value, count)
  return (value << count | value >> (32 - count)) & WORD
end

-- One block of 64 bytes into the state.
local function mix(state, w)
  for t = 17, 80 do w[t] = rotated(w[t - 3] ~ w[t - 8] ~ w[t - 14] ~ w[t - 16], 1) end
  local a, b, c, d, e = state[1], state[2], state[3], state[4], state[5]
  for t = 1, 80 do
    local f, k
    if t <= 20 then
      f, k = b & c | ~b & d, 0x5a827999
    elseif t <= 40 then
      f, k = b ~ c ~ d, 0x6ed9eba1
    elseif t <= 60 then
      f, k = b & c | b & d | c & d, 0x8f1bbcdc
    else
      f, k = b ~ c ~ d, 0xca62c1d6
    end
    local sum = (rotated(a, 5) + (f & WORD) + e + k + w[t]) & WORD
    a, b, c, d, e = sum, a, rotated(b, 30), c, d
  end
  state[1], state[2], state[3] = state[1] + a & WORD, state[2] + b & WORD, state[3] + c & WORD
  state[4], state[5] = state[4] + d & WORD, state[5] + e & WORD
end

---@param path string
---@return string? id 40 hexadecimal digits
---@return string? message
function git_blob.id(path)
  local found = fs.stat(path)
  if found and found.type ~= "file" then return nil, path .. " is no regular file" end
  local file, message = io.open(path, "rb")
  if not (found and file) then return nil, message or path .. ": not there" end
  local _ <close> = file
  local state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 }
  local rest, length = ("blob %d\0"):format(found.size), 0
  local function feed(text)
    local whole = #text - #text % BLOCK
    for from = 1, whole, BLOCK do mix(state, { WORDS:unpack(text, from) }) end
    rest, length = text:sub(whole + 1), length + whole
  end
  for piece in function() return file:read(PIECE) end do feed(rest .. piece) end
  local bits = 8 * (length + #rest)
  local padding = (BLOCK - 9 - #rest) % BLOCK
  feed(rest .. "\x80" .. ("\0"):rep(padding) .. (">I8"):pack(bits))
  return ("%08x%08x%08x%08x%08x"):format(table.unpack(state))
end

return git_blob
