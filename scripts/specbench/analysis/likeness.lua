-- Where a baseline and what is compared with it really ran differently, whatever both were asked for: an engine that
-- falls back to another runner or scheduling is then part of the ratio.

local speedup = require "specbench.analysis.speedup"

local likeness = {}

-- What of a server's effective values is compared, how it is called, and what its values are.
local FIELDS = {
  { "runner", "model runner" },
  { "async_scheduling", "asynchronous scheduling", { [true] = "on", [false] = "off" } },
  { "attention", "attention" },
  { "graphs", "CUDA graphs" },
  { "compilation", "compilation" },
  { "kv_cache_dtype", "KV cache of" },
  { "max_running", "requests at once" },
}

local MEMORY = 0.9 -- a draft takes some of the KV cache's memory; less than this share of the baseline's is said

local function differences(cell, base)
  local mine, other = cell.engine.effective, base.engine.effective
  local words = {}
  for _, field in ipairs(FIELDS) do
    local name, title, spelled = table.unpack(field)
    local left, right = other[name], mine[name]
    if left ~= nil and right ~= nil and left ~= right then
      words[#words + 1] = ("%s %s against %s"):format(title, spelled and spelled[left] or left,
        spelled and spelled[right] or right)
    end
  end
  local left, right = other.kv_cache_tokens, mine.kv_cache_tokens
  if left and right and right < MEMORY * left then
    words[#words + 1] = ("KV cache of %d against %d tokens"):format(left, right)
  end
  return table.concat(words, ", ")
end

---@param cells table[]
---@param index specbench.speedup.index of them
---@return { method: string, difference: string, cells: integer }[] list the baseline's value first in each
function likeness.of(cells, index)
  local list, by_text = {}, {}
  for _, cell in ipairs(cells) do
    local ratios, base
    if cell.engine.effective then ratios, base = speedup.of(index, cell) end
    local text = ratios and base.engine.effective and differences(cell, base) or ""
    if text ~= "" then
      local method = cell.identity.server.method or "none"
      local key = method .. "\31" .. text
      if not by_text[key] then
        by_text[key] = { method = method, difference = text, cells = 0 }
        list[#list + 1] = by_text[key]
      end
      by_text[key].cells = by_text[key].cells + 1
    end
  end
  return list
end

---@param list { method: string, difference: string, cells: integer }[]
---@param mode string? what the folder was measured as
---@return string text a line each
function likeness.text(list, mode)
  local lines = {}
  for i, item in ipairs(list) do
    lines[i] = ("Not alike: %s (%d cells) ran otherwise than its baseline, whose value comes first: %s%s\n"):format(
      item.method, item.cells, item.difference,
      mode ~= "pinned" and i == #list and " (--match pinned compares like with like)" or "")
  end
  return table.concat(lines)
end

return likeness
