-- Answers of another length. Where streams share a server, shorter answers mean more prefill beside the others'
-- decoding, so that the same engine looks slower: with answers 0.7 times as long by 3 % at 8 streams, by 8 % at 32
-- (tests/proof/proof_pairing.c).

local factors = require "specbench.analysis.factors"

local lengths = {
  APART = 0.05, -- answers further apart than this get no verdict
}

---@class specbench.lengths
---@field ratio number tokens of the method's answers / of the baseline's, on the same prompts
---@field standardised number? `paired` as it would be had the method's streams been stalled by others' prefill only as
---  often as answers of the baseline's length make it; nil where the timelines do not tell

-- The share of a stream's time that would be left.
local function standard(one, ratio)
  local side = one.runs and one.ratios.paired and factors.side(one.cell, one.runs[2])
  return side and 1 - side.stalled * (1 - ratio) or nil
end

---@param repeats table[] see specbench.analysis.repeats.pair
---@return specbench.lengths? nil where the numbers of tokens are not known
function lengths.of(repeats)
  local logs, standardised = {}, {}
  for i, one in ipairs(repeats) do
    local mine, other = one.cell.metrics.total_output_tokens, one.base.metrics.total_output_tokens
    if not mine or not other or mine == 0 or other == 0 then return nil end
    logs[i] = math.log(mine / other)
    local left = standard(one, mine / other)
    standardised[#standardised + 1] = left and math.log(one.ratios.paired / left)
  end
  return { ratio = factors.mean(logs), standardised = #standardised == #repeats and factors.mean(standardised) or nil }
end

---Why the lengths of a cell's answers allow no verdict on it. A stream that is alone stalls nobody.
---@param entry { cell: table, lengths: specbench.lengths? }
---@return string?
function lengths.objection(entry)
  local found = entry.lengths
  if not found or entry.cell.identity.workload.concurrency == 1 then return nil end
  if math.abs(math.log(found.ratio)) <= math.log(1 + lengths.APART) then return nil end
  return ("answers are %.2f times as long: no verdict (--lengths replay)%s"):format(found.ratio,
    found.standardised and (", standardised %.2f"):format(found.standardised) or "")
end

return lengths
