-- Medusa's heads as their authors publish them (medusa_lm_head.pt) -> the names that vLLM reads.

local fs = require "sb.fs"
local refusal = require "specbench.convert.refusal"
local safetensors = require "specbench.convert.safetensors"
local torch = require "specbench.convert.torch"

local medusa = {}

---The name in vLLM of a tensor of medusa_lm_head.pt: head a has residual blocks, of which the b-th has a
---weight and a bias, and at its end a language-model head.
---@param name string
---@return string? nil where it is no tensor of Medusa's
function medusa.rename(name)
  local a, b, kind = name:match "^(%d+)%.(%d+)%.linear%.(%a+)$"
  if kind == "weight" or kind == "bias" then return ("blocks.%s.layers.%s.%s"):format(a, b, kind) end
  a = name:match "^(%d+)%.%d+%.weight$"
  return a and ("lm_heads.%s.weight"):format(a)
end

local function renamed(model)
  local tensors, old_names = {}, {}
  for i, tensor in ipairs(model.tensors) do
    local name = medusa.rename(tensor.name)
    if not name then
      refusal.refuse("%s: tensor '%s' is not one of Medusa's heads (A.B.linear.weight, A.B.linear.bias, A.B.weight "
        .. "with numbers A and B)", model.path, tensor.name)
    end
    if old_names[name] then
      refusal.refuse("%s: tensors '%s' and '%s' would both be %s", model.path, old_names[name], tensor.name, name)
    end
    old_names[name] = tensor.name
    tensors[i] = {
      name = name, dtype = tensor.dtype, shape = tensor.shape, offset = tensor.offset, size = tensor.size,
    }
  end
  return tensors
end

local function convert(from, to)
  if fs.realpath(from) and fs.realpath(from) == fs.realpath(to) then
    refusal.refuse("%s would be overwritten: name another file for the result", from)
  end
  local model <close> = torch.open(from)
  local tensors = renamed(model)
  safetensors.write(to, tensors, function(offset, size) return model:read(offset, size) end)
  return tensors
end

---@param from string medusa_lm_head.pt
---@param to string safetensors file; replaced where it is there
---@return specbench.convert.tensor[]? tensors as they are named in the result
---@return string? message one line
function medusa.convert(from, to)
  return refusal.catch(convert, from, to)
end

return medusa
