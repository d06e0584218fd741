-- A round as it is when a request rate is looked for: the same servers and prompts, as open loops. Its concurrencies
-- become 0, none; one axis more says how many requests come a second.

local at_rates = { AXIS = "rate" }

---@param r specbench.round
---@param rates number[] requests a second
---@return specbench.round
function at_rates.of(r, rates)
  local axes = {}
  for _, axis in ipairs(r.axes) do
    if axis.name == "concurrency" then
      axis = setmetatable({ values = { 0 }, declared = { 0 } }, { __index = axis })
    end
    if axis.name ~= at_rates.AXIS then axes[#axes + 1] = axis end
  end
  axes[#axes + 1] = { name = at_rates.AXIS, values = rates, declared = rates }

  local function workload(cell)
    local spec = r.workload(cell)
    if type(spec) ~= "table" then return spec end
    local open = {}
    for name, value in pairs(spec) do open[name] = value end
    open.rate, open.concurrency = cell[at_rates.AXIS], nil
    return open
  end

  return setmetatable({ axes = axes, workload = workload }, { __index = r })
end

return at_rates
