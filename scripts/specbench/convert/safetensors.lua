-- Writes safetensors: 8 bytes of the header's length (little-endian), the header (JSON: dtype, shape and
-- data_offsets of each tensor, padded with spaces to 8 bytes), then the tensors' bytes without gaps.
-- Format: the README of github.com/huggingface/safetensors.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local refuse = require("specbench.convert.refusal").refuse

local safetensors = {}

local PIECE = 1 << 20 -- bytes held in memory at once

-- Bytes of a value; the widest types come first in the file, so that every tensor is aligned.
local WIDTH = { F64 = 8, I64 = 8, F32 = 4, I32 = 4, F16 = 2, BF16 = 2, I16 = 2, I8 = 1, U8 = 1, BOOL = 1 }

local function header_of(tensors)
  local header, order, offset = { __metadata__ = { format = "pt" } }, { "__metadata__" }, 0
  for _, tensor in ipairs(tensors) do
    header[tensor.name] = {
      dtype = tensor.dtype, shape = json.array(tensor.shape),
      data_offsets = { offset, offset + tensor.size },
    }
    order[#order + 1] = tensor.name
    offset = offset + tensor.size
  end
  local text = json.encode(header, order)
  return text .. (" "):rep(-#text % 8)
end

local function write_all(out, path, tensors, read)
  local function put(bytes)
    local ok, message = out:write(bytes)
    if not ok then refuse("%s: %s", path, message) end
  end
  local header = header_of(tensors)
  put(string.pack("<I8", #header))
  put(header)
  for _, tensor in ipairs(tensors) do
    for at = 0, tensor.size - 1, PIECE do
      put(read(tensor.offset + at, math.min(PIECE, tensor.size - at)))
    end
  end
end

---Writes a file as a whole: until it is complete it is PATH.part. A piece at a time is in memory. What is no regular
---file (a pipe, a device) is written to, never replaced.
---@param path string
---@param tensors specbench.convert.tensor[] with names of their own; put in the order of the file
---@param read fun(offset: integer, size: integer): string
function safetensors.write(path, tensors, read)
  table.sort(tensors, function(a, b)
    if WIDTH[a.dtype] ~= WIDTH[b.dtype] then return WIDTH[a.dtype] > WIDTH[b.dtype] end
    return a.name < b.name
  end)
  local found = fs.stat(path)
  local is_special = found ~= nil and found.type == "other"
  local part = is_special and path or path .. ".part"
  local out, message = io.open(part, "wb")
  if not out then refuse("%s", message) end
  local ok, problem = pcall(write_all, out, part, tensors, read)
  local closed, reason = out:close()
  if ok and not closed then ok, problem = pcall(refuse, "%s: %s", part, reason) end
  if is_special then
    if not ok then error(problem, 0) end
    return
  end
  if ok then
    ok, reason = os.rename(part, path)
    if not ok then ok, problem = pcall(refuse, "%s", reason) end
  end
  if not ok then
    os.remove(part)
    error(problem, 0)
  end
end

return safetensors
