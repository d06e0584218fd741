-- Rewrites a published model file for the engine that is to serve it.

local command = require "specbench.cli.command"
local unknown = require "specbench.base.unknown"

local self = {
  name = "convert",
  aside = true,
  summary = "Rewrite a published model file for the engine that serves it",
  usage = "medusa medusa_lm_head.pt OUT.safetensors",
  description = "medusa: Medusa's heads, saved by torch.save, become a safetensors file with the names that "
    .. "vLLM looks for. A.B.linear.weight and A.B.linear.bias are renamed blocks.A.layers.B.weight and .bias, "
    .. "A.B.weight is renamed lm_heads.A.weight; values and types stay as they are.\n\n"
    .. "Neither Python nor PyTorch is needed, and nothing that the file contains is executed: a file with "
    .. "anything but tensors in it is refused. Memory does not grow with the model. OUT is replaced where it "
    .. "exists, and only once it is complete.",
  positionals = {
    { name = "KIND", choices = { "medusa" }, help = "medusa" },
    { name = "IN", help = "what torch.save has written (PyTorch 1.6 or later)" },
    { name = "OUT", help = "the safetensors file to write" },
  },
  options = {},
  examples = { "specbench convert medusa medusa_lm_head.pt model.safetensors" },
}

function self.run(_, positionals)
  local kind, from, to = table.unpack(positionals)
  if kind ~= "medusa" then
    command.fail("convert: " .. unknown.message("kind", kind, { "medusa" }), 2)
  end
  local medusa = require "specbench.convert.medusa"
  local tensors, message = medusa.convert(from, to)
  if not tensors then command.fail("convert: " .. message) end
  local bytes, heads = 0, 0
  for _, tensor in ipairs(tensors) do
    bytes = bytes + tensor.size
    heads = heads + (tensor.name:match "^lm_heads%." and 1 or 0)
  end
  print(("%s: %d heads, %d tensors, %.1f MB"):format(to, heads, #tensors, bytes / 1e6))
  return 0
end

return self
