-- Requests a second that met their objectives, beside the baseline's.

local json = require "specbench.base.json"

local goodput = {}

---@class specbench.goodput
---@field ratio number? absent where the baseline had none
---@field value number requests/s, the mean over repeats
---@field baseline number requests/s
---@field slo table the objectives
---@field repeats integer

---@param repeats { cell: table, base: table }[]
---@return specbench.goodput? figure nil where a repeat has none, or was held to other objectives than its baseline
function goodput.of(repeats)
  local slo, value, baseline = nil, 0, 0
  for _, one in ipairs(repeats) do
    local mine, other = one.cell.metrics.request_goodput, one.base.metrics.request_goodput
    if not (mine and other and one.cell.slo and one.base.slo) then return nil end
    local told = json.encode(one.cell.slo)
    if told ~= json.encode(one.base.slo) or told ~= json.encode(slo or one.cell.slo) then return nil end
    slo, value, baseline = one.cell.slo, value + mine, baseline + other
  end
  if not slo then return nil end
  return {
    ratio = baseline > 0 and value / baseline or nil, value = value / #repeats, baseline = baseline / #repeats,
    slo = slo, repeats = #repeats,
  }
end

---"1.26 (0.64 -> 0.81)"
---@param figure specbench.goodput?
---@return string
function goodput.text(figure)
  if not figure then return "-" end
  local ratio = figure.ratio and ("%.2f"):format(figure.ratio) or "-"
  return ("%s (%.3g -> %.3g)"):format(ratio, figure.baseline, figure.value)
end

return goodput
